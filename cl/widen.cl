/*
 * widen   wide[b, k, n] = W[b, n, k] as f32, for GEMM back ends that read only f32; W is one panel
 *         of all columns. One work-group of WG items per k and batch: global size {WG K, batch}
 */
// lint: -DVW=8 -DWG=1 -DELCL_WEIGHT_F16
// lint: -DVW=4 -DWG=64 -DELCL_WEIGHT_INT8
// lint: -DVW=4 -DWG=64 -DELCL_WEIGHT_INT4

__kernel void widen(__global float *wide, __global const weight_t *weights, int n_size, int k_size)
{
    const size_t k = get_group_id(0), batch = get_group_id(1);
    const int width = weight_width(n_size);
    weights += batch * weight_panel(k_size, width);
    wide += (batch * k_size + k) * n_size;
    for (int n = get_local_id(0); n < n_size; n += WG)
        wide[n] = weight_value(weights, k_size, width, (int)k, n);
}
