/*
 * Probe of a multiply-accumulate (dot_*.cl) at startup: the tile of gemm_cpu.cl on one panel, or
 * that of gemm_int4_cpu.cl.
 *
 * probe_dot   out [GEMM_ROWS, NR] = repeats times x [GEMM_ROWS, steps * K_STEP] w; of int4 weights
 *             it is the last of as many products. One work-item.
 */
// lint after: dot_int8.cl gemm_cpu.cl
// lint: -DVW=8 -DELCL_WEIGHT_INT8 -DK_PACK=4

__kernel void probe_dot(__global dot_sum *out, __global const dot_x *x, __global const weight_t *w,
                        int steps, int repeats)
{
    dot_sum sums[GEMM_ROWS * NR];
    for (int i = 0; i < repeats; i++)
#ifdef ELCL_WEIGHT_INT4
        gemm_panel(sums, x, w, GEMM_ROWS, steps, steps * (INT4_ROW / INT4_STEPS));
#else
        gemm_tile(GEMM_ROWS, 1, sums, x, w, 0, steps, steps * (K_STEP / K_PACK), i == 0, GEMM_AHEAD,
                  GEMM_STEP);
#endif
    for (int i = 0; i < GEMM_ROWS * NR; i++)
        out[i] = sums[i];
}
