/*
 * GEMM of few rows by matrix instructions, GPU kernel. Reading W is all the work here. As
 * gemm_gpu.cl, and with the same bits as its tiles of tile_mma.cl.
 *
 * gemm_rows   a work-group computes 16 x 32 outputs. It multiplies 16 terms of each of 8 slices of
 *             K at once, so that as much of W as possible is in flight; the next terms are read
 *             while these are multiplied. 16 x 16 outputs of a slice are one of 16 units, SUBGROUP
 *             / 8 of them for each sub-group of SUBGROUP items.
 *             global size {128 ceil(N / 32), ceil(M / 16), batch}, work-group {128, 1, 1}
 *             local memory: 22 KiB, or 32 KiB for weights with low parts
 */
// lint after: tile.cl swizzle.cl mma_emulated.cl tile_mma.cl gemm_put.cl gemm_gpu.cl
// lint: -DVW=4 -DSUBGROUP=32 -DELCL_WEIGHT_F16
// lint: -DVW=4 -DSUBGROUP=64 -DELCL_WEIGHT_BF16 -DELCL_ACT_BF16

/* Words from one k / 2 to the next: 8 or 24 (mod 32), as ELCL_MMA_LD. */
#define ROWS_X (ELCL_ROWS_MMA_SLICES * 8 * ELCL_ROWS_MMA_X_LD)
#define ROWS_W (ELCL_ROWS_MMA_SLICES * 8 * ELCL_ROWS_MMA_W_LD)
ELCL_CHECK(rows_mma_bytes, ELCL_ROWS_MMA_BYTES(2) == 8 * (ROWS_X + ROWS_W));

/* What an item loads of 16 terms of every slice: 16 elements of a row of X, and four columns of W
 * at two k, in four turns of two slices each. */
struct rows_part {
    float4 x[4];
    struct tile_columns w[4];
};

TILE_INLINE int rows_w_slice(int item, int turn)
{
    return 2 * turn + item / 64;
}

/* x: the item's row; k counts within a slice. */
TILE_INLINE void rows_read(struct rows_part *part, __global const act_t *x,
                           __global const weight_t *w, int n, int k, int slice, int width,
                           int k_size, bool aligned)
{
    const int item = get_local_id(0);
#pragma unroll
    for (int i = 0; i < 4; i++)
        part->x[i] = act_load4(x, item / ELCL_ROWS_MMA_M * slice + k + 4 * i, k_size, aligned);
#pragma unroll
    for (int i = 0; i < 4; i++)
        part->w[i] =
            gemm_read(w, n, rows_w_slice(item, i) * slice + k + item % 64 / 8 * 2, width, k_size);
}

TILE_INLINE void rows_put(__local uint *x, __local uint *w, const struct rows_part *part)
{
    const int item = get_local_id(0);
    x += item / ELCL_ROWS_MMA_M * 8 * ELCL_ROWS_MMA_X_LD + item % ELCL_ROWS_MMA_M;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const uint p0 = mma_pack(part->x[i].xy), p1 = mma_pack(part->x[i].zw);
        x[2 * i * ELCL_ROWS_MMA_X_LD] = p0;
        x[(2 * i + 1) * ELCL_ROWS_MMA_X_LD] = p1;
        x[2 * i * ELCL_ROWS_MMA_X_LD + ROWS_X] = mma_rest(part->x[i].xy, p0);
        x[(2 * i + 1) * ELCL_ROWS_MMA_X_LD + ROWS_X] = mma_rest(part->x[i].zw, p1);
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
        __local uint *to =
            w + (rows_w_slice(item, i) * 8 + item % 64 / 8) * ELCL_ROWS_MMA_W_LD + item % 8 * 4;
        mma_put_pairs(to, to + ROWS_W, part->w[i].even, part->w[i].odd, WEIGHT_LOW);
    }
}

/* Unit u of the item's sub-group, of outputs at columns u % 2 * 16 of slice u / 2. */
#define ROWS_UNIT(u) ((int)get_local_id(0) / SUBGROUP * (SUBGROUP / 8) + (u))

TILE_INLINE void rows_multiply(__local const uint *x, __local const uint *w, float4 *sums)
{
#pragma unroll
    for (int u = 0; u < SUBGROUP / 8; u++) {
        __local const uint *xs = x + ROWS_UNIT(u) / 2 * 8 * ELCL_ROWS_MMA_X_LD;
        __local const uint *ws =
            w + ROWS_UNIT(u) / 2 * 8 * ELCL_ROWS_MMA_W_LD + ROWS_UNIT(u) % 2 * 16;
        float4 *to = sums + u * MMA_SUMS;
        const mma_a high = mma_load_a(xs, ELCL_ROWS_MMA_X_LD),
                    rest = mma_load_a(xs + ROWS_X, ELCL_ROWS_MMA_X_LD);
        const mma_b b = mma_load_b(ws, ELCL_ROWS_MMA_W_LD);
        if (WEIGHT_LOW)
            mma_16x16(to, high, mma_load_b(ws + ROWS_W, ELCL_ROWS_MMA_W_LD));
        mma_16x16(to, rest, b);
        mma_16x16(to, high, b);
    }
}

TILE_KERNEL __kernel void
gemm_rows(__global void *y,               /* [batch, M, y_ld] as gemm_put.cl says */
          __global const act_t *x,        /* [batch, M, x_ld] */
          __global const weight_t *w,     /* [batch, K, weight_width(N)] */
          __global const float *bias,     /* [batch, N], read with ELCL_GEMM_BIAS */
          __global const float *residual, /* as y, read with ELCL_GEMM_RESIDUAL */
          int m_size, int n_size, int k_size, int x_ld, int y_ld, ulong x_batch, ulong y_batch,
          ulong y_low, int slice, int flags, int act,
          __local uint4 *local_memory) /* x high, x low, w high(, w low); then the slices' sums */
{
    const int item = get_local_id(0), width = weight_width(n_size);
    const size_t batch = get_global_id(2);
    const int n0 = get_group_id(0) * ELCL_ROWS_MMA_N, m0 = get_group_id(1) * ELCL_ROWS_MMA_M;
    const bool aligned = x_ld % 4 == 0 && x_batch % 4 == 0;
    const int w_n = n0 + item % 8 * 4;
    __local uint *xs = (__local uint *)local_memory, *ws = xs + 2 * ROWS_X;
    __local float *parts = (__local float *)
        local_memory; /* [ELCL_ROWS_MMA_SLICES][ELCL_ROWS_MMA_M][ELCL_ROWS_MMA_N] */
    x += batch * x_batch + (size_t)min(m0 + item % ELCL_ROWS_MMA_M, m_size - 1) * x_ld;
    w += batch * weight_panel(k_size, width);
    float4 sums[8];
    tile_clear(sums);
    struct rows_part part;
    rows_read(&part, x, w, w_n, 0, slice, width, k_size, aligned);
    for (int k = 0; k < slice; k += ELCL_TILE_K) {
        rows_put(xs, ws, &part);
        barrier(CLK_LOCAL_MEM_FENCE);
        if (k + ELCL_TILE_K < slice)
            rows_read(&part, x, w, w_n, k + ELCL_TILE_K, slice, width, k_size, aligned);
        rows_multiply(xs, ws, sums);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
#pragma unroll
    for (int u = 0; u < SUBGROUP / 8; u++)
        mma_put_sums(parts + ROWS_UNIT(u) / 2 * ELCL_ROWS_MMA_M * ELCL_ROWS_MMA_N +
                         ROWS_UNIT(u) % 2 * 16,
                     ELCL_ROWS_MMA_N, sums + u * MMA_SUMS);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int t = item; t < ELCL_ROWS_MMA_M * ELCL_ROWS_MMA_N; t += ELCL_TILE_ITEMS) {
        const int m = m0 + t / ELCL_ROWS_MMA_N, n = n0 + t % ELCL_ROWS_MMA_N;
        float sum = 0.0f;
        for (int s = 0; s < ELCL_ROWS_MMA_SLICES; s++)
            sum += parts[s * ELCL_ROWS_MMA_M * ELCL_ROWS_MMA_N + t];
        if (m < m_size && n < n_size)
            gemm_put(y, residual, batch * y_batch + (size_t)m * y_ld + n, y_low, sum, 1.0f,
                     flags & ELCL_GEMM_BIAS ? bias[batch * n_size + n] : 0.0f, flags, act);
    }
}
