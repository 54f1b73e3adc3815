/*
 * GEMM in integers by wide tiles (tile_wide.cl), GPU kernels: as gemm_int8.cl, with the same bits.
 * A tile of rows of 32 16-bit elements is one of 64 int8 numbers, and W has such rows, one for
 * each column: 16 neighbors in k are a chunk. So tiles, their copies and the fragments of A and B
 * are those of 16 bits.
 *
 * gemm_wide      a work-group computes a tile of 128 x 128 outputs
 * gemm_wide_64   a tile of 64 x 128
 * gemm_wide_32   a tile of WIDE_LEAST x 128
 *                global size {256 ceil(N / 128), ceil(M / bm), batch}, work-group {256, 1, 1}
 *                local memory: ELCL_WIDE_BYTES(stages, bm, 1)
 *
 * A mma_*.cl with WIDE_INT8 has, beside what tile_wide.cl names, for fragments of 16 x 32 numbers:
 *     wide_16x16_int8(memory, sums, a, b)   sums [MMA_SUMS] int4 += a b, exact
 */
// lint after: tile.cl swizzle.cl mma_emulated.cl tile_mma.cl gemm_put.cl tile_wide.cl
// lint after: dot4_plain.cl gemm_int8.cl
// lint: -DVW=4 -DSUBGROUP=32 -DELCL_WEIGHT_INT8 -DK_PACK=16
// lint: -DVW=4 -DSUBGROUP=8 -DELCL_WEIGHT_INT8 -DK_PACK=16

/* The item's first chunks in rows of X and columns of W, how many chunks of X come before its next
 * one, and how many it has. */
struct int8_source {
    __global const uint4 *x[2], *w[2];
    int at, end, w_step;
};

/* Rows of X and columns of W that do not exist repeat the last one. */
TILE_INLINE struct int8_source int8_source_begin(__global const uint4 *x, __global const uint4 *w,
                                                 int m0, int n0, int m_size, int n_size,
                                                 int chunks, int x_ld)
{
    const int item = get_local_id(0), chunk = WIDE_ROW_CHUNK(item);
    struct int8_source s;
#pragma unroll
    for (int i = 0; i < 2; i++) {
        s.x[i] = x + (size_t)min(m0 + WIDE_ROW(item, i), m_size - 1) * x_ld + chunk;
        s.w[i] = w + (size_t)chunk * n_size + min(n0 + WIDE_ROW(item, i), n_size - 1);
    }
    s.at = 0;
    s.end = chunks - chunk;
    s.w_step = 4 * n_size;
    return s;
}

/* Brings the next step to the stage at `stage`; beyond the last one zeros. */
TILE_INLINE void int8_fetch(__local uint4 *memory, struct wide_held *held, struct int8_source *s,
                            int stage, int bm)
{
#pragma unroll
    for (int i = 0; i < 2; i++)
        if (64 * i < bm && (bm >= 64 || get_local_id(0) < bm * 4))
            wide_fetch_row(memory, &held->x[i], stage, i, s->x[i] + s->at, s->at < s->end);
#pragma unroll
    for (int i = 0; i < 2; i++) {
        wide_fetch_row(memory, &held->w[i], stage + WIDE_X(bm, 1), i, s->w[i], s->at < s->end);
        s->w[i] += s->w_step;
    }
    s->at += 4;
}

/* Adds the step in a stage: 64 terms. */
TILE_INLINE void int8_multiply_wide(__local const uint4 *memory, int stage, int4 *sums, int bm)
{
    const int column = wide_group_column(), w = WIDE_X(bm, 1);
    memory += stage;
#pragma unroll
    for (int chunk = 0; chunk < 4; chunk += 2) {
        wide_a a[WIDE_MAX_I];
        wide_b b[WIDE_J];
#pragma unroll
        for (int j = 0; j < WIDE_J; j++)
            b[j] = wide_load_b_rows(memory, w, column + 16 * j, chunk);
#pragma unroll
        for (int i = 0; i < WIDE_MAX_I; i++)
            if (i < WIDE_I(bm))
                a[i] = wide_load_a(memory, 0, wide_group_row(bm) + 16 * i, chunk);
#pragma unroll
        for (int i = 0; i < WIDE_MAX_I; i++)
#pragma unroll
            for (int j = 0; j < WIDE_J; j++)
                if (i < WIDE_I(bm))
                    wide_16x16_int8(memory, sums + (i * WIDE_J + j) * MMA_SUMS, a[i], b[j]);
    }
}

/* sums [WIDE_SUMS] = the products of `steps` steps, exact and then rounded to f32. */
TILE_INLINE void int8_wide_sums(__local uint4 *memory, struct int8_source s, float4 *sums,
                                int steps, int bm)
{
    int4 exact[WIDE_SUMS];
    struct wide_held held;
    int now = 0, next = 0;
#pragma unroll
    for (int i = 0; i < WIDE_SUMS; i++)
        exact[i] = (int4)(0);
    for (int i = 0; i < WIDE_AHEAD(bm, 1); i++) {
        int8_fetch(memory, &held, &s, next, bm);
        wide_commit();
        next += WIDE_STAGE(bm, 1);
    }
    for (int step = 0; step < steps; step++) {
        wide_land_all(memory, &held, now, bm, 1, true);
        wide_wait(WIDE_AHEAD(bm, 1) - 1);
        barrier(CLK_LOCAL_MEM_FENCE);
        int8_fetch(memory, &held, &s, next, bm);
        wide_commit();
        int8_multiply_wide(memory, now, exact, bm);
        next = now; /* the stage that was multiplied is the next to be filled */
        now = wide_after(now, bm, 1);
    }
    wide_wait(0);
#pragma unroll
    for (int i = 0; i < WIDE_SUMS; i++)
        sums[i] = convert_float4(exact[i]);
}

/* Puts the sums of four neighbors of row `row` of X, of which `columns` exist. `scales` and `bias`
 * are at the first one. */
TILE_INLINE void int8_put4(__global void *y, __global const float *residual, size_t at,
                           ulong y_low, float4 sum, float row_scale, __global const float *scales,
                           __global const float *bias, int columns, bool aligned, int flags,
                           int act)
{
    if (columns >= 4 && aligned) {
        gemm_put4(y, residual, at, y_low, sum * vload4(0, scales), (float4)(row_scale),
                  flags & ELCL_GEMM_BIAS ? vload4(0, bias) : (float4)(0.0f), flags, act);
        return;
    }
    const float each[4] = {sum.x, sum.y, sum.z, sum.w};
#pragma unroll
    for (int i = 0; i < 4; i++)
        if (i < columns)
            gemm_put(y, residual, at + i, y_low, each[i] * scales[i], row_scale,
                     flags & ELCL_GEMM_BIAS ? bias[i] : 0.0f, flags, act);
}

TILE_INLINE void gemm_int8_tile(__global void *y, __global const uint4 *x,
                                __global const weight_t *w, __global const float *bias,
                                __global const float *residual, int m_size, int n_size, int k_size,
                                int x_ld, int y_ld, ulong x_batch, ulong y_batch, ulong y_low,
                                int flags, int act, __local uint4 *memory, int bm)
{
    const int item = get_local_id(0), chunks = int8_chunks(k_size);
    const size_t batch = get_global_id(2);
    const int n0 = get_group_id(0) * WIDE_N, m0 = get_group_id(1) * bm;
    const int column = n0 + item % 32 * 4;
    const bool aligned = y_ld % 4 == 0 && y_batch % 4 == 0 && y_low % 4 == 0;
    float4 sums[WIDE_SUMS];
    x += batch * x_batch;
    w += batch * weight_panel(k_size, n_size);
    int8_wide_sums(memory,
                   int8_source_begin(x, (__global const uint4 *)w, m0, n0, m_size, n_size, chunks,
                                     x_ld),
                   sums, (chunks + 3) / 4, bm);
    __global const float *scales =
        (__global const float *)(w + weight_values(k_size, n_size)) + column;
    bias += batch * n_size + column;
    for (int part = 0; part < WIDE_I(bm); part++) {
        barrier(CLK_LOCAL_MEM_FENCE);
        wide_give((__local float *)memory, sums, part, bm);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int r = item / 32; r < WIDE_GIVEN_ROWS; r += WIDE_ITEMS / 32) {
            const int m = m0 + wide_given_row(r, part, bm);
            if (m < m_size && column < n_size)
                int8_put4(y, residual, batch * y_batch + (size_t)m * y_ld + column, y_low,
                          ((__local const float4 *)memory)[(r * ELCL_WIDE_LD + item % 32 * 4) / 4],
                          int8_row_scale(x + (size_t)m * x_ld, chunks), scales, bias,
                          n_size - column, aligned, flags, act);
        }
    }
}

#define DEFINE_GEMM_INT8(NAME, bm)                                                                 \
    MMA_KERNEL __attribute__((reqd_work_group_size(ELCL_WIDE_ITEMS, 1, 1))) __kernel void NAME(    \
        __global void *y,               /* [batch, M, y_ld] as gemm_put.cl says */                 \
        __global const uint4 *x,        /* [batch, M, x_ld] chunks */                              \
        __global const weight_t *w,     /* [batch, K / 16, N] chunks, scales, sums */              \
        __global const float *bias,     /* [batch, N], read with ELCL_GEMM_BIAS */                 \
        __global const float *residual, /* as y, read with ELCL_GEMM_RESIDUAL */                   \
        int m_size, int n_size, int k_size, int x_ld, int y_ld, ulong x_batch, ulong y_batch,      \
        ulong y_low, int flags, int act, __local uint4 *memory)                                    \
    {                                                                                              \
        gemm_int8_tile(y, x, w, bias, residual, m_size, n_size, k_size, x_ld, y_ld, x_batch,       \
                       y_batch, y_low, flags, act, memory, bm);                                    \
    }
DEFINE_GEMM_INT8(gemm_wide, 128)
DEFINE_GEMM_INT8(gemm_wide_64, 64)
DEFINE_GEMM_INT8(gemm_wide_32, WIDE_LEAST)
