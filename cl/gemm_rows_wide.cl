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
 */
// lint after: tile.cl swizzle.cl mma_emulated.cl tile_mma.cl gemm_put.cl tile_wide.cl gemm_wide.cl
// lint: -DVW=4 -DSUBGROUP=32 -DELCL_WEIGHT_F16 -DELCL_ACT_F16
// lint: -DVW=4 -DSUBGROUP=8 -DELCL_WEIGHT_BF16 -DELCL_ACT_BF16

#define FEW_UNITS(sliced) (sliced ? ELCL_ROWS_WIDE_SLICES : 4)
#define FEW_MAX_UNITS ((SUBGROUP + 31) / 32) /* of a sub-group */
#define FEW_UNIT(u) ((int)get_local_id(0) / SUBGROUP * FEW_MAX_UNITS + (u))
#ifdef WIDE_ASYNC
#define FEW_STAGES(sliced) ELCL_ROWS_WIDE_STAGES(true, sliced)
#else
#define FEW_STAGES(sliced) ELCL_ROWS_WIDE_STAGES(false, sliced)
#endif
#define FEW_AHEAD(sliced) (FEW_STAGES(sliced) - 1)
/* In chunks. */
#define FEW_X(sliced) (sliced ? ELCL_ROWS_WIDE_SLICES * 64 : 64)
#define FEW_W(sliced) (sliced ? ELCL_ROWS_WIDE_SLICES * 64 : 256)
#define FEW_STAGE(sliced) (FEW_X(sliced) + FEW_W(sliced))

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
TILE_INLINE __local uint4 *few_w_place(__local uint4 *memory, int stage, int i, bool sliced)
{
    const int item = get_local_id(0);
    const int at = sliced ? item / 64 * 64 + swizzle_column(item / 2 % 32, item % 2, 2)
                          : swizzle_column(item / 8, item % 8, 8);
    return memory + (stage + FEW_X(sliced) + at) + 256 * i;
}

/* Brings the next step to the stage at `stage`. */
TILE_INLINE void few_fetch(__local uint4 *memory, struct wide_held *held, struct few_source *s,
                            int stage, bool sliced)
{
#pragma unroll
    for (int i = 0; i < 2; i++)
        if (sliced || i == 0) {
            if (sliced || get_local_id(0) < 64)
                wide_fetch(few_x_place(memory, stage, i), &held->x[i], s->x[i],
                           s->x_inside && s->x_left[i] > 0);
            wide_fetch(few_w_place(memory, stage, i, sliced), &held->w[i], s->w[i],
                       s->w_left[i] > 0);
            s->x[i] += WIDE_K;
            s->w[i] += s->w_step;
            s->x_left[i] -= WIDE_K;
            s->w_left[i] -= WIDE_K;
        }
}

TILE_INLINE void few_land(__local uint4 *memory, const struct wide_held *held, int stage,
                           bool sliced)
{
#pragma unroll
    for (int i = 0; i < 2; i++)
        if (sliced || i == 0) {
            if (sliced || get_local_id(0) < 64)
                wide_land(few_x_place(memory, stage, i), &held->x[i]);
            wide_land(few_w_place(memory, stage, i, sliced), &held->w[i]);
        }
}

/* Adds the step in a stage to the sums of unit `unit`. */
TILE_INLINE void few_multiply(__local const uint4 *memory, int stage, float4 *sums, int unit,
                               bool sliced)
{
    const int x = stage + (sliced ? unit * 64 : 0), w = stage + FEW_X(sliced);
#pragma unroll
    for (int k = 0; k < WIDE_K; k += 16) {
        const wide_a a = wide_load_a(memory, x, 0, k / 8);
        const wide_b b = sliced ? wide_load_b_columns(memory, w + unit * 64, k, 0, 2)
                                : wide_load_b_columns(memory, w, k, unit * 2, 8);
        wide_16x16(memory, sums, a, b, GEMM_F16);
    }
}

/* sums [FEW_MAX_UNITS * MMA_SUMS] */
TILE_INLINE void few_sums(__local uint4 *memory, struct few_source s, float4 *sums, int steps,
                           bool sliced)
{
    struct wide_held held;
    int now = 0, next = 0;
#pragma unroll
    for (int i = 0; i < FEW_MAX_UNITS * MMA_SUMS; i++)
        sums[i] = (float4)(0.0f);
    for (int i = 0; i < FEW_AHEAD(sliced); i++) {
        if (i < steps)
            few_fetch(memory, &held, &s, next, sliced);
        wide_commit();
        next += FEW_STAGE(sliced);
    }
    for (int step = 0; step < steps; step++) {
        few_land(memory, &held, now, sliced);
        wide_wait(FEW_AHEAD(sliced) - 1);
        barrier(CLK_LOCAL_MEM_FENCE);
        if (step + FEW_AHEAD(sliced) < steps)
            few_fetch(memory, &held, &s, next, sliced);
        wide_commit();
#pragma unroll
        for (int u = 0; u < FEW_MAX_UNITS; u++)
            if (FEW_UNIT(u) < FEW_UNITS(sliced))
                few_multiply(memory, now, sums + u * MMA_SUMS, FEW_UNIT(u), sliced);
        now = now == FEW_AHEAD(sliced) * FEW_STAGE(sliced) ? 0 : now + FEW_STAGE(sliced);
        next = next == FEW_AHEAD(sliced) * FEW_STAGE(sliced) ? 0 : next + FEW_STAGE(sliced);
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

/* The arguments are those of gemm_wide_tile(). */
TILE_INLINE void gemm_rows_tile(__global void *y, __global const act_t *x,
                                __global const weight_t *w, __global const float *bias,
                                __global const float *residual, int m_size, int n_size, int k_size,
                                int x_ld, int y_ld, ulong x_batch, ulong y_batch, ulong y_low,
                                int slice, int flags, int act, __local uint4 *memory, bool sliced)
{
    const int item = get_local_id(0), width = weight_width(n_size);
    const size_t batch = get_global_id(2);
    const int n0 = get_group_id(0) * (sliced ? 16 : 64), m0 = get_group_id(1) * 16;
    const int row = m0 + item / 16, column = n0 + (sliced ? item % 16 : item % 16 * 4);
    const size_t at = batch * y_batch + (size_t)row * y_ld + column;
    __local float *parts = (__local float *)memory;
    float4 sums[FEW_MAX_UNITS * MMA_SUMS];
    few_sums(memory,
              few_source_begin(x + batch * x_batch, w + batch * weight_panel(k_size, width), m0,
                                n0, m_size, k_size, x_ld, width, slice, sliced),
              sums, ((sliced ? slice : k_size) + WIDE_K - 1) / WIDE_K, sliced);
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

DEFINE_GEMM_WIDE(gemm_rows_wide, gemm_rows_tile, true)
DEFINE_GEMM_WIDE(gemm_rows_wide_64, gemm_rows_tile, false)
