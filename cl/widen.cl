/*
 * widen   wide[i] = weights[i] as f32, i < n, for GEMM back ends that read f32 only; work-groups
 *         of WG items, as many as one likes
 */
// lint: -DVW=8 -DWG=1 -DELCL_WEIGHT_F16

__kernel void widen(__global float *wide, __global const weight_t *weights, ulong n)
{
    for (size_t i = get_global_id(0); i < n; i += get_global_size(0))
        wide[i] = WEIGHT_GET(weights, i);
}
