/*
 * widen   wide[i] = weights[i] as f32, for GEMM back ends that read f32 only; global size {n}
 */
// lint: -DVW=8 -DELCL_WEIGHT_F16

__kernel void widen(__global float *wide, __global const weight_t *weights)
{
    const size_t i = get_global_id(0);
    wide[i] = WEIGHT_GET(weights, i);
}
