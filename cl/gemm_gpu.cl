/*
 * GEMM, GPU kernel: Y[b, m, n] = act(sum_k X[b, m, k] W[b, n, k] + bias[b, n]) + residual[b, m, n]
 *
 * W is the row-major transpose, W[b, n, k] at k * weight_width(N) + n of panel b; sums of int8
 * weights meet the scales of their columns at the end, and int4 weights are widened when they are
 * read. The sum over k is cut into slices of `slice`
 * terms, a multiple of ELCL_TILE_K that depends only on K. A slice is one chain over k in ascending
 * order, and the slices are added in ascending order: this kernel for many rows and gemm_rows for
 * few (gemm_rows.cl, gemm_rows_mma.cl) give the same bits, and results do not depend on M.
 *
 * gemm   a work-group computes a tile of 64 x 64 outputs (tile.cl)
 *        global size {128 ceil(N / 64), ceil(M / 64), batch}, work-group {128, 1, 1}
 *        local memory: union TILE(tile)
 */
// lint after: tile.cl tile_plain.cl gemm_put.cl
// lint: -DVW=4
// lint: -DVW=4 -DELCL_WEIGHT_BF16 -DELCL_ACT_BF16
// lint: -DVW=4 -DELCL_WEIGHT_INT8
// lint: -DVW=4 -DELCL_WEIGHT_INT4

#ifdef ELCL_WEIGHT_INT4
/* Four columns of W from n on, at k, which is even, and at k + 1. X is zero beyond K, so there W's
 * last group is read again. */
TILE_INLINE struct tile_columns gemm_read(__global const weight_t *w, int n, int k, int width,
                                          int k_size)
{
    const int at = min(k, (k_size - 1) / 8 * 8 + k % 8);
    const struct int4_columns c = int4_read(w, n, at / 8 * 8, width);
    struct tile_columns part;
    part.even = int4_widen(c, at);
    part.odd = int4_widen(c, at + 1);
    return part;
}
#else
/* Four columns of W from n on, at k and at k + 1, of rows of `width`. X is zero beyond K, so there
 * W's last row is read again. */
TILE_INLINE struct tile_columns gemm_read(__global const weight_t *w, int n, int k, int width,
                                          int k_size)
{
    struct tile_columns part;
    part.even = weight_row4(w + (size_t)min(k, k_size - 1) * width, n, width);
    part.odd = weight_row4(w + (size_t)min(k + 1, k_size - 1) * width, n, width);
    return part;
}
#endif

TILE_KERNEL __kernel void
gemm(__global void *y,               /* [batch, M, y_ld] as gemm_put.cl says */
     __global const act_t *x,        /* [batch, M, x_ld] */
     __global const weight_t *w,     /* [batch, K, weight_width(N)] */
     __global const float *bias,     /* [batch, N], read with ELCL_GEMM_BIAS */
     __global const float *residual, /* as y, read with ELCL_GEMM_RESIDUAL */
     int m_size, int n_size, int k_size, int x_ld, int y_ld, ulong x_batch, ulong y_batch,
     ulong y_low, int slice, int flags, int act, __local union TILE(tile) *t)
{
    const int item = get_local_id(0), width = weight_width(n_size);
    const size_t batch = get_global_id(2);
    const int n0 = get_group_id(0) * ELCL_TILE_SIZE, m0 = get_group_id(1) * ELCL_TILE_SIZE;
    const bool aligned = x_ld % 4 == 0 && x_batch % 4 == 0;
    const int w_n = n0 + TILE_PART_ROWS(item), w_k = TILE_PART_PAIR(item);
    x += batch * x_batch + (size_t)min(m0 + TILE_PART_ROW(item), m_size - 1) * x_ld;
    w += batch * weight_panel(k_size, width);
    float4 sums[8], total[8];
    tile_clear(sums);
    tile_clear(total);
    int now = 0, slice_end = slice;
    struct tile_rows rows = tile_read_act(x, 0, k_size, aligned);
    struct tile_columns columns = gemm_read(w, w_n, w_k, width, k_size);
    for (int k0 = 0; k0 < k_size; k0 += ELCL_TILE_K) {
        const int next = k0 + ELCL_TILE_K;
        TILE(put_rows)(&t->panels.x[now], rows, true);
        TILE(put_columns)(&t->panels.w[now], columns, WEIGHT_LOW);
        barrier(CLK_LOCAL_MEM_FENCE);
        if (next < k_size) {
            rows = tile_read_act(x, next, k_size, aligned);
            columns = gemm_read(w, w_n, next + w_k, width, k_size);
        }
        TILE(multiply)(&t->panels.x[now], &t->panels.w[now], sums, WEIGHT_LOW, ELCL_TILE_SIZE);
        if (next >= slice_end || next >= k_size) {
            slice_end += slice;
#pragma unroll
            for (int r = 0; r < 8; r++)
                total[r] += sums[r];
            tile_clear(sums);
        }
        now ^= 1;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    TILE(give)(t->y, total, 0, ELCL_TILE_SIZE);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = item; i < ELCL_TILE_SIZE * ELCL_TILE_SIZE; i += ELCL_TILE_ITEMS) {
        const int m = m0 + i / ELCL_TILE_SIZE, n = n0 + i % ELCL_TILE_SIZE;
        if (m < m_size && n < n_size)
            gemm_put(y, residual, batch * y_batch + (size_t)m * y_ld + n, y_low,
                     t->y[i / ELCL_TILE_SIZE * ELCL_TILE_LD + i % ELCL_TILE_SIZE],
                     weight_scale(w, k_size, n_size, n),
                     flags & ELCL_GEMM_BIAS ? bias[batch * n_size + n] : 0.0f, flags, act);
    }
}
