/*
 * GEMM in integers, GPU kernels: as gemm_gpu.cl, for int8 weights and rows that quantize_gpu.cl
 * rounded, by dot4() of dot4_*.cl. Sums are exact in 32 bits, so these kernels and those of
 * gemm_int8_wide.cl give the same bits. A sum meets the scales of its column and of its row at the
 * end.
 *
 * A chunk is 16 neighbors in k, 16 bytes, one uint4. X has rows of chunks, W [K / 16][N] of them
 * (K_PACK is 16).
 *
 * gemm        a work-group computes a tile of 64 x 64 outputs in steps of 64 terms
 *             global size {128 ceil(N / 64), ceil(M / 64), batch}, work-group {128, 1, 1}
 *             local memory: ELCL_INT8_TILE_BYTES
 * gemm_rows   for few rows: an item takes every 8th chunk of a column for 8 rows, a work-group 16
 *             columns, so that W streams through many items
 *             global size {128 ceil(N / 16), ceil(M / 8), batch}, work-group {128, 1, 1}
 *             local memory: ELCL_INT8_ROWS_BYTES
 */
// lint after: tile.cl swizzle.cl gemm_put.cl dot4_plain.cl
// lint: -DVW=4 -DELCL_WEIGHT_INT8 -DK_PACK=16

/* Adds the products of a chunk. */
TILE_INLINE int int8_dot(int sum, uint4 x, uint4 w)
{
    return dot4(dot4(dot4(dot4(sum, x.x, w.x), x.y, w.y), x.z, w.z), x.w, w.w);
}

/* Chunks of a row of X; its scale follows them. */
TILE_INLINE int int8_chunks(int k_size)
{
    return (k_size + 15) / 16;
}

TILE_INLINE float int8_row_scale(__global const uint4 *row, int chunks)
{
    return *(__global const float *)(row + chunks);
}

/* Puts one output; w is the panel of all columns, `row` the row of X. */
TILE_INLINE void int8_put(__global void *y, __global const uint4 *row, __global const weight_t *w,
                          __global const float *bias, __global const float *residual, size_t at,
                          ulong y_low, int sum, int k_size, int n_size, int n, int flags, int act)
{
    gemm_put(y, residual, at, y_low, (float)sum * weight_scale(w, k_size, n_size, n),
             int8_row_scale(row, int8_chunks(k_size)),
             flags & ELCL_GEMM_BIAS ? bias[n] : 0.0f, flags, act);
}

/* The item's two chunks of X and of W in a step. Of X they are chunk item % 4 of the rows item / 4
 * and 32 more; of W the chunks item / 64 and 2 more of column item % 64. */
struct int8_part {
    uint4 x[2], w[2];
};

/* x, w: where the item's first chunks lie in the first step. Chunks beyond K are zeros. */
TILE_INLINE void int8_read(struct int8_part *part, __global const uint4 *x0,
                           __global const uint4 *x1, __global const uint4 *w, int chunk,
                           int chunks, int n_size)
{
    const int item = get_local_id(0), x_chunk = chunk + item % 4, w_chunk = chunk + item / 64;
    const uint4 zero = (uint4)(0u);
    part->x[0] = x_chunk < chunks ? x0[chunk] : zero;
    part->x[1] = x_chunk < chunks ? x1[chunk] : zero;
    part->w[0] = w_chunk < chunks ? w[(size_t)chunk * n_size] : zero;
    part->w[1] = w_chunk + 2 < chunks ? w[(size_t)(chunk + 2) * n_size] : zero;
}

TILE_INLINE void int8_store(__local uint4 *x, __local uint4 *w, const struct int8_part *part)
{
    const int item = get_local_id(0);
    x[swizzle_row(item / 4, item % 4)] = part->x[0];
    x[swizzle_row(item / 4 + 32, item % 4)] = part->x[1];
    w[swizzle_row(item % 64, item / 64)] = part->w[0];
    w[swizzle_row(item % 64, item / 64 + 2)] = part->w[1];
}

/* sums [8] += the products of rows 8 j .. 8 j + 7 and of columns i, i + 16, i + 32, i + 48. */
TILE_INLINE void int8_multiply(__local const uint4 *x, __local const uint4 *w, int4 *sums)
{
    const int i = get_local_id(0) % 16, j = get_local_id(0) / 16;
#pragma unroll
    for (int chunk = 0; chunk < 4; chunk++) {
        uint4 columns[4];
#pragma unroll
        for (int c = 0; c < 4; c++)
            columns[c] = w[swizzle_row(i + 16 * c, chunk)];
#pragma unroll
        for (int r = 0; r < 8; r++) {
            const uint4 row = x[swizzle_row(8 * j + r, chunk)];
            sums[r].x = int8_dot(sums[r].x, row, columns[0]);
            sums[r].y = int8_dot(sums[r].y, row, columns[1]);
            sums[r].z = int8_dot(sums[r].z, row, columns[2]);
            sums[r].w = int8_dot(sums[r].w, row, columns[3]);
        }
    }
}

/* Writes them to y [64][ELCL_TILE_LD]. */
TILE_INLINE void int8_give(__local int *y, const int4 *sums)
{
    y += get_local_id(0) / 16 * 8 * ELCL_TILE_LD + get_local_id(0) % 16;
#pragma unroll
    for (int r = 0; r < 8; r++) {
        y[r * ELCL_TILE_LD] = sums[r].x;
        y[r * ELCL_TILE_LD + 16] = sums[r].y;
        y[r * ELCL_TILE_LD + 32] = sums[r].z;
        y[r * ELCL_TILE_LD + 48] = sums[r].w;
    }
}

#define INT8_PANEL 256 /* chunks: [64][4] */

__attribute__((reqd_work_group_size(ELCL_TILE_ITEMS, 1, 1))) __kernel void
gemm(__global void *y,               /* [batch, M, y_ld] as gemm_put.cl says */
     __global const uint4 *x,        /* [batch, M, x_ld] chunks */
     __global const weight_t *w,     /* [batch, K / 16, N] chunks, scales, sums */
     __global const float *bias,     /* [batch, N], read with ELCL_GEMM_BIAS */
     __global const float *residual, /* as y, read with ELCL_GEMM_RESIDUAL */
     int m_size, int n_size, int k_size, int x_ld, int y_ld, ulong x_batch, ulong y_batch,
     ulong y_low, int flags, int act,
     __local uint4 *memory) /* two panels of X and of W; then the sums */
{
    const int item = get_local_id(0), chunks = int8_chunks(k_size);
    const size_t batch = get_global_id(2);
    const int n0 = get_group_id(0) * ELCL_TILE_SIZE, m0 = get_group_id(1) * ELCL_TILE_SIZE;
    __local uint4 *xs = memory, *ws = memory + 2 * INT8_PANEL;
    x += batch * x_batch;
    w += batch * weight_panel(k_size, n_size);
    bias += batch * n_size;
    __global const uint4 *x0 = x + (size_t)min(m0 + item / 4, m_size - 1) * x_ld + item % 4;
    __global const uint4 *x1 = x + (size_t)min(m0 + item / 4 + 32, m_size - 1) * x_ld + item % 4;
    __global const uint4 *from = (__global const uint4 *)w + (size_t)(item / 64) * n_size +
                                 min(n0 + item % 64, n_size - 1);
    int4 sums[8];
    struct int8_part part;
    int now = 0;
#pragma unroll
    for (int r = 0; r < 8; r++)
        sums[r] = (int4)(0);
    int8_read(&part, x0, x1, from, 0, chunks, n_size);
    for (int chunk = 0; chunk < chunks; chunk += 4) {
        int8_store(xs + now, ws + now, &part);
        barrier(CLK_LOCAL_MEM_FENCE);
        if (chunk + 4 < chunks)
            int8_read(&part, x0, x1, from, chunk + 4, chunks, n_size);
        int8_multiply(xs + now, ws + now, sums);
        now ^= INT8_PANEL;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    int8_give((__local int *)memory, sums);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = item; i < ELCL_TILE_SIZE * ELCL_TILE_SIZE; i += ELCL_TILE_ITEMS) {
        const int row = i / ELCL_TILE_SIZE, m = m0 + row, n = n0 + i % ELCL_TILE_SIZE;
        if (m < m_size && n < n_size)
            int8_put(y, x + (size_t)m * x_ld, w, bias, residual,
                     batch * y_batch + (size_t)m * y_ld + n, y_low,
                     ((__local const int *)memory)[row * ELCL_TILE_LD + i % ELCL_TILE_SIZE],
                     k_size, n_size, n, flags, act);
    }
}

__attribute__((reqd_work_group_size(ELCL_TILE_ITEMS, 1, 1))) __kernel void
gemm_rows(__global void *y,               /* [batch, M, y_ld] as gemm_put.cl says */
          __global const uint4 *x,        /* [batch, M, x_ld] chunks */
          __global const weight_t *w,     /* [batch, K / 16, N] chunks, scales, sums */
          __global const float *bias,     /* [batch, N], read with ELCL_GEMM_BIAS */
          __global const float *residual, /* as y, read with ELCL_GEMM_RESIDUAL */
          int m_size, int n_size, int k_size, int x_ld, int y_ld, ulong x_batch, ulong y_batch,
          ulong y_low, int flags, int act,
          __local int *parts) /* [ELCL_INT8_SLICES][ELCL_INT8_ROWS_M][ELCL_INT8_ROWS_N] */
{
    const int item = get_local_id(0), s = item / ELCL_INT8_ROWS_N, i = item % ELCL_INT8_ROWS_N;
    const int chunks = int8_chunks(k_size);
    const size_t batch = get_global_id(2);
    const int n0 = get_group_id(0) * ELCL_INT8_ROWS_N, m0 = get_group_id(1) * ELCL_INT8_ROWS_M;
    x += batch * x_batch;
    w += batch * weight_panel(k_size, n_size);
    bias += batch * n_size;
    __global const uint4 *column = (__global const uint4 *)w + min(n0 + i, n_size - 1);
    size_t x_at[ELCL_INT8_ROWS_M];
    int sums[ELCL_INT8_ROWS_M];
#pragma unroll
    for (int r = 0; r < ELCL_INT8_ROWS_M; r++) {
        x_at[r] = (size_t)min(m0 + r, m_size - 1) * x_ld;
        sums[r] = 0;
    }
    for (int chunk = s; chunk < chunks; chunk += ELCL_INT8_SLICES) {
        const uint4 v = column[(size_t)chunk * n_size];
#pragma unroll
        for (int r = 0; r < ELCL_INT8_ROWS_M; r++)
            sums[r] = int8_dot(sums[r], x[x_at[r] + chunk], v);
    }
#pragma unroll
    for (int r = 0; r < ELCL_INT8_ROWS_M; r++)
        parts[(s * ELCL_INT8_ROWS_M + r) * ELCL_INT8_ROWS_N + i] = sums[r];
    barrier(CLK_LOCAL_MEM_FENCE);
    const int m = m0 + s, n = n0 + i; /* an item for each output */
    if (m >= m_size || n >= n_size)
        return;
    int sum = 0;
    for (int part = 0; part < ELCL_INT8_SLICES; part++)
        sum += parts[part * ELCL_INT8_ROWS_M * ELCL_INT8_ROWS_N + item];
    int8_put(y, x + (size_t)m * x_ld, w, bias, residual, batch * y_batch + (size_t)m * y_ld + n,
             y_low, sum, k_size, n_size, n, flags, act);
}
ELCL_CHECK(int8_rows_items, ELCL_INT8_ROWS_M * ELCL_INT8_ROWS_N == ELCL_TILE_ITEMS &&
                                ELCL_INT8_SLICES == ELCL_INT8_ROWS_M);
