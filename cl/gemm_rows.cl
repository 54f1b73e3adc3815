/*
 * GEMM of few rows by multiply-adds, GPU kernel. Reading W is all the work here. As gemm_gpu.cl,
 * and with the same bits as its tiles of tile_plain.cl.
 *
 * gemm_rows   an item takes 4 columns of one of 16 slices of K and ELCL_ROWS_M rows, a work-group
 *             32 columns of all slices, so that W streams through as many items as possible
 *             global size {128 ceil(N / 32), ceil(M / ELCL_ROWS_M), batch}, work-group {128, 1, 1}
 *             local memory: 16 KiB
 */
// lint after: tile.cl tile_plain.cl gemm_put.cl gemm_gpu.cl
// lint: -DVW=4
// lint: -DVW=4 -DELCL_WEIGHT_F16 -DELCL_ACT_F16
// lint: -DVW=4 -DELCL_WEIGHT_INT8
// lint: -DVW=4 -DELCL_WEIGHT_INT4

__attribute__((reqd_work_group_size(ELCL_TILE_ITEMS, 1, 1))) __kernel void
gemm_rows(__global void *y,               /* [batch, M, y_ld] as gemm_put.cl says */
          __global const act_t *x,        /* [batch, M, x_ld] */
          __global const weight_t *w,     /* [batch, K, weight_width(N)] */
          __global const float *bias,     /* [batch, N], read with ELCL_GEMM_BIAS */
          __global const float *residual, /* as y, read with ELCL_GEMM_RESIDUAL */
          int m_size, int n_size, int k_size, int x_ld, int y_ld, ulong x_batch, ulong y_batch,
          ulong y_low, int slice, int flags, int act,
          __local float4 *parts) /* [ELCL_ROWS_SLICES][ELCL_ROWS_M][n / 4] */
{
    const int item = get_local_id(0), i = item % 8, s = item / 8, width = weight_width(n_size);
    const size_t batch = get_global_id(2);
    const int n0 = get_group_id(0) * 32, m0 = get_group_id(1) * ELCL_ROWS_M;
    const int k_end = min((s + 1) * slice, k_size);
    w += batch * weight_panel(k_size, width);
    x += batch * x_batch;
    size_t x_at[ELCL_ROWS_M];
    float4 acc[ELCL_ROWS_M];
#pragma unroll
    for (int r = 0; r < ELCL_ROWS_M; r++) {
        x_at[r] = (size_t)min(m0 + r, m_size - 1) * x_ld;
        acc[r] = (float4)(0.0f);
    }
#ifdef ELCL_WEIGHT_INT4
    struct int4_columns columns;
#endif
    for (int k = s * slice; k < k_end; k++) {
#ifdef ELCL_WEIGHT_INT4
        if (k % 8 == 0) /* slices begin there */
            columns = int4_read(w, n0 + 4 * i, k, width);
        const float4 v = int4_widen(columns, k);
#else
        const float4 v = weight_row4(w + (size_t)k * width, n0 + 4 * i, width);
#endif
#pragma unroll
        for (int r = 0; r < ELCL_ROWS_M; r++)
            acc[r] = ELCL_MAC((float4)(ACT_GET(x, x_at[r] + k)), v, acc[r]);
    }
#pragma unroll
    for (int r = 0; r < ELCL_ROWS_M; r++)
        parts[(s * ELCL_ROWS_M + r) * 8 + i] = acc[r];
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int t = item; t < ELCL_ROWS_M * 32; t += ELCL_TILE_ITEMS) {
        const int m = m0 + t / 32, n = n0 + t % 32;
        float sum = 0.0f;
        for (int part = 0; part < ELCL_ROWS_SLICES; part++)
            sum += ((__local const float *)parts)[part * ELCL_ROWS_M * 32 + t];
        if (m < m_size && n < n_size)
            gemm_put(y, residual, batch * y_batch + (size_t)m * y_ld + n, y_low, sum,
                     weight_scale(w, k_size, n_size, n),
                     flags & ELCL_GEMM_BIAS ? bias[batch * n_size + n] : 0.0f, flags, act);
    }
}
