/*
 * Probe of a multiply-accumulate (dot_*.cl) at startup: the tile of gemm_cpu.cl on one panel.
 *
 * probe_dot   out [GEMM_ROWS, NR] = repeats times x [GEMM_ROWS, steps] w. One work-item.
 */
// lint after: dot_int8.cl gemm_cpu.cl
// lint: -DVW=8 -DELCL_WEIGHT_INT8 -DK_PACK=4

__kernel void probe_dot(__global dot_sum *out, __global const dot_x *x, __global const weight_t *w,
                        int steps, int repeats)
{
    dot_sum sums[GEMM_ROWS * NR];
    for (int i = 0; i < repeats; i++)
        gemm_tile(GEMM_ROWS, 1, sums, x, w, 0, steps, steps, i == 0, GEMM_AHEAD, GEMM_STEP);
    for (int i = 0; i < GEMM_ROWS * NR; i++)
        out[i] = sums[i];
}
