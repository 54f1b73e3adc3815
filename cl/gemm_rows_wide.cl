/*
 * GEMM of few rows, GPU kernels: as gemm_wide.cl, and with the same bits. Reading W is all the work
 * here, so copies of several steps of WIDE_K terms are on their way at any time. A unit is 16 x 16
 * outputs of one sub-group.
 *
 * gemm_rows_wide      16 x 16 outputs: each of 8 units sums one slice of `slice` terms, a multiple
 *                     of WIDE_K, and the slices are added in ascending order. Few columns make
 *                     enough work-groups so.
 *                     global size {256 ceil(N / 16), ceil(M / 16), batch}
 * gemm_rows_wide_64   16 x 64 outputs of 4 units, each one chain over k
 *                     global size {256 ceil(N / 64), ceil(M / 16), batch}
 *
 * Work-group {256, 1, 1}; local memory: ELCL_ROWS_WIDE_BYTES(async, sliced). A stage has the rows
 * of X for each slice, [slices][16][32 k], and the columns of W, [slices][32 k][16] or [32 k][64].
 *
 * gemm_rows_norm, gemm_rows_norm_64
 *                     the same, where X is the norm of rows of f32. Every work-group takes it of
 *                     its rows, in the order of norm_row() (norm.cl) and so with the same bits, and
 *                     keeps it in local memory, [K / 32][16][32 k] after the stages, which have W
 *                     only. The work-groups of the first columns store it where else it goes.
 *                     local memory: ELCL_ROWS_NORM_BYTES(async, sliced, K up to whole slices)
 */
// lint after: tile.cl swizzle.cl mma_emulated.cl tile_mma.cl gemm_put.cl tile_wide.cl gemm_wide.cl
// lint: -DVW=4 -DWG=128 -DSUBGROUP=32 -DELCL_WEIGHT_F16 -DELCL_ACT_F16
// lint: -DVW=4 -DWG=128 -DSUBGROUP=8 -DELCL_WEIGHT_BF16 -DELCL_ACT_BF16

#define FEW_UNITS(sliced) (sliced ? ELCL_ROWS_WIDE_SLICES : 4)
#define FEW_MAX_UNITS ((SUBGROUP + 31) / 32) /* of a sub-group */
#define FEW_UNIT(u) ((int)get_local_id(0) / SUBGROUP * FEW_MAX_UNITS + (u))
#ifdef WIDE_ASYNC
#define FEW_ASYNC true
#else
#define FEW_ASYNC false
#endif
#define FEW_STAGES(sliced, normed)                                                                 \
    (normed ? ELCL_ROWS_NORM_STAGES(FEW_ASYNC, sliced) : ELCL_ROWS_WIDE_STAGES(FEW_ASYNC, sliced))
#define FEW_AHEAD(sliced, normed) (FEW_STAGES(sliced, normed) - 1)
/* In chunks. */
#define FEW_X(sliced, normed) (normed ? 0 : sliced ? ELCL_ROWS_WIDE_SLICES * 64 : 64)
#define FEW_W(sliced) (sliced ? ELCL_ROWS_WIDE_SLICES * 64 : 256)
#define FEW_STAGE(sliced, normed) (FEW_X(sliced, normed) + FEW_W(sliced))
#define FEW_END(sliced, normed) (FEW_STAGES(sliced, normed) * FEW_STAGE(sliced, normed))

/* Where the item's next chunks are, and how many terms are left from them on. Without slices an
 * item has one chunk of W, and the first 64 items one of X. */
struct few_source {
    __global const act_t *x[2];
    __global const weight_t *w[2];
    int x_left[2], w_left[2], w_step;
    bool x_inside;
};

TILE_INLINE struct few_source few_source_begin(__global const act_t *x,
                                                 __global const weight_t *w, int m0, int n0,
                                                 int m_size, int k_size, int x_ld, int w_ld,
                                                 int slice, bool sliced)
{
    const int item = get_local_id(0), m = item / 4 % 16, x_k = item % 4 * 8;
    const int w_k = sliced ? item / 2 % 32 : item / 8;
    const int column = min(n0 + (sliced ? item % 2 : item % 8) * 8, w_ld - 8);
    struct few_source s;
    s.x_inside = m0 + m < m_size && (sliced || item < 64);
    s.w_step = WIDE_K * w_ld;
#pragma unroll
    for (int i = 0; i < 2; i++) {
        const int k = sliced ? (item / 64 + 4 * i) * slice : 0;
        s.x_left[i] = k_size - k - x_k;
        s.w_left[i] = k_size - k - w_k;
        s.x[i] = x + (size_t)min(m0 + m, m_size - 1) * x_ld + k + x_k;
        s.w[i] = w + (size_t)(k + w_k) * w_ld + column;
    }
    return s;
}

/* The places of the item's chunks i in a stage. */
TILE_INLINE __local uint4 *few_x_place(__local uint4 *memory, int stage, int i)
{
    const int item = get_local_id(0);
    return memory + (stage + swizzle_row(item / 4, item % 4)) + 256 * i;
}
TILE_INLINE __local uint4 *few_w_place(__local uint4 *memory, int stage, int i, bool sliced,
                                       bool normed)
{
    const int item = get_local_id(0);
    const int at = sliced ? item / 64 * 64 + swizzle_column(item / 2 % 32, item % 2, 2)
                          : swizzle_column(item / 8, item % 8, 8);
    return memory + (stage + FEW_X(sliced, normed) + at) + 256 * i;
}

/* Brings the next step to the stage at `stage`. */
TILE_INLINE void few_fetch(__local uint4 *memory, struct wide_held *held, struct few_source *s,
                            int stage, bool sliced, bool normed)
{
#pragma unroll
    for (int i = 0; i < 2; i++)
        if (sliced || i == 0) {
            if (!normed && (sliced || get_local_id(0) < 64))
                wide_fetch(few_x_place(memory, stage, i), &held->x[i], s->x[i],
                           s->x_inside && s->x_left[i] > 0);
            wide_fetch(few_w_place(memory, stage, i, sliced, normed), &held->w[i], s->w[i],
                       s->w_left[i] > 0);
            s->x[i] += WIDE_K;
            s->w[i] += s->w_step;
            s->x_left[i] -= WIDE_K;
            s->w_left[i] -= WIDE_K;
        }
}

TILE_INLINE void few_land(__local uint4 *memory, const struct wide_held *held, int stage,
                           bool sliced, bool normed)
{
#pragma unroll
    for (int i = 0; i < 2; i++)
        if (sliced || i == 0) {
            if (!normed && (sliced || get_local_id(0) < 64))
                wide_land(few_x_place(memory, stage, i), &held->x[i]);
            wide_land(few_w_place(memory, stage, i, sliced, normed), &held->w[i]);
        }
}

/* Adds a step to the sums of a unit, which has X at `x` and W at `w`. */
TILE_INLINE void few_multiply(__local const uint4 *memory, int x, int w, float4 *sums, int unit,
                               bool sliced)
{
#pragma unroll
    for (int k = 0; k < WIDE_K; k += 16) {
        const wide_a a = wide_load_a(memory, x, 0, k / 8);
        const wide_b b = sliced ? wide_load_b_columns(memory, w + unit * 64, k, 0, 2)
                                : wide_load_b_columns(memory, w, k, unit * 2, 8);
        wide_16x16(memory, sums, a, b, GEMM_F16);
    }
}

/* Fetches the first stages. */
TILE_INLINE void few_begin(__local uint4 *memory, struct wide_held *held, struct few_source *s,
                            int steps, bool sliced, bool normed)
{
    for (int i = 0; i < FEW_AHEAD(sliced, normed); i++) {
        if (i < steps)
            few_fetch(memory, held, s, i * FEW_STAGE(sliced, normed), sliced, normed);
        wide_commit();
    }
}

/* After few_begin(). sums [FEW_MAX_UNITS * MMA_SUMS] */
TILE_INLINE void few_sums(__local uint4 *memory, struct wide_held *held, struct few_source *s,
                           float4 *sums, int steps, bool sliced, bool normed)
{
    const int last = FEW_END(sliced, normed) - FEW_STAGE(sliced, normed);
    int now = 0, next = last;
#pragma unroll
    for (int i = 0; i < FEW_MAX_UNITS * MMA_SUMS; i++)
        sums[i] = (float4)(0.0f);
    for (int step = 0; step < steps; step++) {
        few_land(memory, held, now, sliced, normed);
        wide_wait(FEW_AHEAD(sliced, normed) - 1);
        barrier(CLK_LOCAL_MEM_FENCE);
        if (step + FEW_AHEAD(sliced, normed) < steps)
            few_fetch(memory, held, s, next, sliced, normed);
        wide_commit();
#pragma unroll
        for (int u = 0; u < FEW_MAX_UNITS; u++) {
            const int unit = FEW_UNIT(u), slice = sliced ? unit : 0;
            const int x = normed ? FEW_END(sliced, normed) + (slice * steps + step) * 64
                                 : now + slice * 64;
            if (unit < FEW_UNITS(sliced))
                few_multiply(memory, x, now + FEW_X(sliced, normed), sums + u * MMA_SUMS, unit,
                              sliced);
        }
        now = now == last ? 0 : now + FEW_STAGE(sliced, normed);
        next = next == last ? 0 : next + FEW_STAGE(sliced, normed);
    }
}

/* ---- the norm of rows ------------------------------------------------------------------------ */

/* Rows of f32, and where their norms go beside local memory; NULL: not there. */
struct few_rows {
    __global const float *x, *weight, *bias; /* [M, K], [K], [K] */
    __global float *x_norm;                  /* [M, K] */
    __global state_t *state;                 /* [cache rows, K] */
    __global const int *records;             /* of the rows */
    float eps;
    int norm; /* enum elcl_norm_kind */
};

/* 16 items share a row. Item j of them has what items j + 16 i of norm_row() have, as part i. */
#define FEW_PARTS 8
ELCL_CHECK(few_parts, WG == 16 * FEW_PARTS && VW == 4);
#ifdef STATE_NARROW
ELCL_CHECK(few_lanes, STATE_LANES == 16);
#endif

/* The sum of the parts of all items of a row, in the order of group_sum(). */
TILE_INLINE float few_row_sum(const float4 *parts, __local float *scratch)
{
    const int item = get_local_id(0);
    float p[FEW_PARTS];
#pragma unroll
    for (int i = 0; i < FEW_PARTS; i++)
        p[i] = SUMV(parts[i]);
    scratch[item] =
        ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7]));
    barrier(CLK_LOCAL_MEM_FENCE);
    __local const float4 *row = (__local const float4 *)scratch + item / 16 * 4;
    const float4 four = (row[0] + row[2]) + (row[1] + row[3]);
    barrier(CLK_LOCAL_MEM_FENCE);
    return (four.x + four.z) + (four.y + four.w);
}

/* The sum over the item's row of x, or with `square` of (x - mean)^2. */
TILE_INLINE float few_moment(__global const float *x, float mean, bool square, int k_size,
                              __local float *scratch)
{
    float4 parts[FEW_PARTS];
#pragma unroll
    for (int i = 0; i < FEW_PARTS; i++)
        parts[i] = (float4)(0.0f);
    for (int k0 = get_local_id(0) % 16 * 4; k0 < k_size; k0 += 4 * WG)
#pragma unroll
        for (int i = 0; i < FEW_PARTS; i++)
            if (k0 + 64 * i < k_size) {
                const float4 v = vload4(0, x + k0 + 64 * i);
                parts[i] = square ? ELCL_MAC(v - mean, v - mean, parts[i]) : parts[i] + v;
            }
    return few_row_sum(parts, scratch);
}

TILE_INLINE float4 few_norm4(const struct few_rows *rows, __global const float *x, int k,
                              float mean, float factor)
{
    float4 v = vload4(0, x + k);
    if (rows->norm != ELCL_NORM_NONE)
        v = (v - mean) * factor * vload4(0, rows->weight + k);
    if (rows->norm == ELCL_NORM_LAYER)
        v += vload4(0, rows->bias + k);
    return v;
}

TILE_INLINE uint4 few_chunk(float4 lo, float4 hi)
{
#ifdef ELCL_ACT_F16
    return as_uint4((ushort8)(f16_bits4(lo), f16_bits4(hi)));
#else
    return as_uint4((ushort8)(bf16_round4(lo), bf16_round4(hi)));
#endif
}

/* Writes the norms of 16 rows from m0 on to local memory, `width` elements each, those beyond K
 * zero. Rows that do not exist repeat the last one. */
TILE_INLINE void few_norm(__local uint4 *to, const struct few_rows *rows, int m0, int m_size,
                           int k_size, int width)
{
    const int item = get_local_id(0), row = m0 + item / 16, m = min(row, m_size - 1);
    const bool stores = row < m_size && get_group_id(0) == 0;
    const size_t at = (size_t)m * k_size;
    __global const float *x = rows->x + at;
    __local float *scratch = (__local float *)to;
    const float average = few_moment(x, 0.0f, false, k_size, scratch) / k_size;
    const float mean = rows->norm == ELCL_NORM_RMS ? 0.0f : average;
    const float variance = few_moment(x, mean, true, k_size, scratch) / k_size;
    const float factor = 1.0f / sqrt(variance + rows->eps);
    const size_t cache_row =
        rows->state ? rows->records[m * ELCL_ROW_INTS + ELCL_ROW_CACHE_ROW] : 0;
#ifdef STATE_NARROW
    const struct norm_source from = {x, rows->weight, rows->bias, mean, factor, rows->norm};
    const struct state_to cache = state_to(rows->state, cache_row, k_size, k_size, 0);
    for (int group = 0; group < STATE_PART_GROUPS(k_size); group++)
        norm_put_state_group(cache, &from, k_size, group, item % 16, stores && rows->state,
                             scratch + item / 16 * 32);
#else
    __global state_t *state = rows->state ? rows->state + cache_row * k_size : 0;
#endif
    for (int chunk = item % 16; chunk < width / 8; chunk += 16) {
        const int k = chunk * 8;
        float4 lo = (float4)(0.0f), hi = (float4)(0.0f);
        if (k < k_size) {
            lo = few_norm4(rows, x, k, mean, factor);
            hi = few_norm4(rows, x, k + 4, mean, factor);
        }
        to[chunk / 4 * 64 + swizzle_row(item / 16, chunk % 4)] = few_chunk(lo, hi);
        if (stores && k < k_size && rows->x_norm) {
            vstore4(lo, 0, rows->x_norm + at + k);
            vstore4(hi, 0, rows->x_norm + at + k + 4);
        }
#ifndef STATE_NARROW
        if (stores && k < k_size && state) {
            STATE_STOREV(lo, state + k);
            STATE_STOREV(hi, state + k + 4);
        }
#endif
    }
}

/* Writes the sums to y: [slices][16][16], or [16][64] with ELCL_ROWS_WIDE_LD from row to row. */
TILE_INLINE void few_give(__local float *y, const float4 *sums, bool sliced)
{
#pragma unroll
    for (int u = 0; u < FEW_MAX_UNITS; u++)
        if (FEW_UNIT(u) < FEW_UNITS(sliced))
            mma_put_sums(y + FEW_UNIT(u) * (sliced ? 256 : 16), sliced ? 16 : ELCL_ROWS_WIDE_LD,
                         sums + u * MMA_SUMS);
}

/* The arguments are those of gemm_wide_tile(), and the rows that X is the norm of, which a constant
 * tells. */
TILE_INLINE void gemm_rows_tile(__global void *y, __global const act_t *x,
                                __global const weight_t *w, __global const float *bias,
                                __global const float *residual, int m_size, int n_size, int k_size,
                                int x_ld, int y_ld, ulong x_batch, ulong y_batch, ulong y_low,
                                int slice, int flags, int act, __local uint4 *memory, bool sliced,
                                const struct few_rows *rows, bool normed)
{
    const int item = get_local_id(0), width = weight_width(n_size);
    const size_t batch = get_global_id(2);
    const int n0 = get_group_id(0) * (sliced ? 16 : 64), m0 = get_group_id(1) * 16;
    const int row = m0 + item / 16, column = n0 + (sliced ? item % 16 : item % 16 * 4);
    const size_t at = batch * y_batch + (size_t)row * y_ld + column;
    __local float *parts = (__local float *)memory;
    const int steps = ((sliced ? slice : k_size) + WIDE_K - 1) / WIDE_K;
    float4 sums[FEW_MAX_UNITS * MMA_SUMS];
    struct wide_held held;
    struct few_source source =
        few_source_begin(x + batch * x_batch, w + batch * weight_panel(k_size, width), m0, n0,
                          m_size, k_size, x_ld, width, slice, sliced);
    few_begin(memory, &held, &source, steps, sliced, normed);
    if (normed)
        few_norm(memory + FEW_END(sliced, normed), rows, m0, m_size, k_size,
                  (sliced ? ELCL_ROWS_WIDE_SLICES : 1) * steps * WIDE_K);
    few_sums(memory, &held, &source, sums, steps, sliced, normed);
    barrier(CLK_LOCAL_MEM_FENCE);
    few_give(parts, sums, sliced);
    barrier(CLK_LOCAL_MEM_FENCE);
    if (row >= m_size || column >= n_size)
        return;
    const struct gemm_epilogue e = gemm_epilogue_begin(y, bias + batch * n_size + column, residual,
                                                       y_ld, y_batch, y_low, flags, act);
    if (!sliced) {
        gemm_put_columns(&e, at,
                         *(__local const float4 *)(parts + item / 16 * ELCL_ROWS_WIDE_LD +
                                                   item % 16 * 4),
                         gemm_bias4(&e, n_size - column), n_size - column);
        return;
    }
    float sum = 0.0f;
    for (int s = 0; s < ELCL_ROWS_WIDE_SLICES; s++)
        sum += parts[s * 256 + item];
    gemm_put(y, residual, at, y_low, sum, 1.0f, flags & ELCL_GEMM_BIAS ? *e.bias : 0.0f, flags,
             act);
}

DEFINE_GEMM_WIDE(gemm_rows_wide, gemm_rows_tile, true, 0, false)
DEFINE_GEMM_WIDE(gemm_rows_wide_64, gemm_rows_tile, false, 0, false)

#define DEFINE_GEMM_NORM(NAME, SLICED)                                                             \
    WIDE_KERNEL __kernel void NAME(                                                                \
        __global void *y,               /* [M, y_ld] as gemm_put.cl says */                        \
        __global const float *x,        /* [M, K] */                                               \
        __global const weight_t *w,     /* [K, weight_width(N)] */                                 \
        __global const float *bias,     /* [N], read with ELCL_GEMM_BIAS */                        \
        __global const float *residual, /* as y, read with ELCL_GEMM_RESIDUAL */                   \
        int m_size, int n_size, int k_size, int x_ld, int y_ld, ulong x_batch, ulong y_batch,      \
        ulong y_low, int slice, int flags, int act,                                                \
        __global float *x_norm,             /* [M, K], with ELCL_ADD_TO_X */                       \
        __global state_t *state,            /* [cache rows, K], with ELCL_ADD_TO_STATE */          \
        __global const float *norm_weight,  /* [K], with a norm */                                 \
        __global const float *norm_bias, __global const int *step, ulong rows_at, float eps,       \
        int norm, int to, __local uint4 *memory)                                                   \
    {                                                                                              \
        const struct few_rows rows = {x, norm_weight, norm_bias, to & ELCL_ADD_TO_X ? x_norm : 0,  \
                                      to & ELCL_ADD_TO_STATE ? state : 0, step + rows_at, eps,     \
                                      norm};                                                       \
        gemm_rows_tile(y, (__global const act_t *)x, w, bias, residual, m_size, n_size, k_size,    \
                       x_ld, y_ld, x_batch, y_batch, y_low, slice, flags, act, memory, SLICED,     \
                       &rows, true);                                                               \
    }
DEFINE_GEMM_NORM(gemm_rows_norm, true)
DEFINE_GEMM_NORM(gemm_rows_norm_64, false)
