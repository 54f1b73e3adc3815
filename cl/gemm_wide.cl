/*
 * GEMM by wide tiles (tile_wide.cl), GPU kernels: as gemm_gpu.cl, for activations of the weights'
 * 16-bit type. K, x_ld and x_batch are multiples of 8, so that every chunk of X is whole; rows
 * of W always are padded to such a multiple.
 *
 * gemm_wide      a work-group computes a tile of 128 x 128 outputs, each one chain over k
 * gemm_wide_64   a tile of 64 x 128; the sum over k is cut into slices of `slice` terms, a multiple
 *                of WIDE_K, which are added in ascending order
 * gemm_wide_32   the same of WIDE_LEAST x 128
 *                global size {256 ceil(N / 128), ceil(M / bm), batch}, work-group {256, 1, 1}
 *                local memory: ELCL_WIDE_BYTES(stages, bm, 1)
 *
 * The same slices may be sums of work-groups of their own: a batch of products, each of the next
 * `slice` terms of X and W, whose outputs gemm_join adds in the same order.
 *
 * gemm_join      global size {ceil(N / 4) rounded up to 64, M}, work-group {64, 1}
 */
// lint after: tile.cl swizzle.cl mma_emulated.cl tile_mma.cl gemm_put.cl tile_wide.cl
// lint: -DVW=4 -DSUBGROUP=32 -DELCL_WEIGHT_F16 -DELCL_ACT_F16
// lint: -DVW=4 -DSUBGROUP=8 -DELCL_WEIGHT_BF16 -DELCL_ACT_BF16

#ifdef ELCL_WEIGHT_F16
#define GEMM_F16 true
#else
#define GEMM_F16 false
#endif

/* Where the item's next chunks are, and how many terms are left from them on. */
struct gemm_source {
    __global const act_t *x[2];
    __global const weight_t *w[2];
    int x_left, w_left, w_step;
};

/* Rows of X and columns of W that do not exist repeat the last one. */
TILE_INLINE struct gemm_source gemm_source_begin(__global const act_t *x,
                                                 __global const weight_t *w, int m0, int n0,
                                                 int m_size, int k_size, int x_ld, int w_ld)
{
    const int item = get_local_id(0);
    const int column = min(n0 + WIDE_COLUMN_CHUNK(item) * 8, w_ld - 8);
    struct gemm_source s;
#pragma unroll
    for (int i = 0; i < 2; i++) {
        s.x[i] = x + (size_t)min(m0 + WIDE_ROW(item, i), m_size - 1) * x_ld +
                 WIDE_ROW_CHUNK(item) * 8;
        s.w[i] = w + (size_t)WIDE_COLUMN(item, i) * w_ld + column;
    }
    s.x_left = k_size - WIDE_ROW_CHUNK(item) * 8;
    s.w_left = k_size - WIDE_COLUMN(item, 0);
    s.w_step = WIDE_K * w_ld;
    return s;
}

/* Brings the next step to the stage at `stage`. */
TILE_INLINE void gemm_fetch(__local uint4 *memory, struct wide_held *held, struct gemm_source *s,
                            int stage, int bm)
{
#pragma unroll
    for (int i = 0; i < 2; i++)
        if (64 * i < bm) {
            if (bm >= 64 || get_local_id(0) < bm * 4)
                wide_fetch_row(memory, &held->x[i], stage, i, s->x[i], s->x_left > 0);
            s->x[i] += WIDE_K;
        }
#pragma unroll
    for (int i = 0; i < 2; i++) {
        wide_fetch_column(memory, &held->w[i], stage + WIDE_X(bm, 1), i, s->w[i],
                          s->w_left > 16 * i);
        s->w[i] += s->w_step;
    }
    s->x_left -= WIDE_K;
    s->w_left -= WIDE_K;
}

/* What follows the sums: the arguments of gemm_put(). */
struct gemm_epilogue {
    __global void *y;
    __global const float *bias, *residual; /* bias at the item's first column */
    ulong y_low;
    int flags, act;
    bool aligned; /* four neighbors of a row of Y lie at a multiple of four */
};

TILE_INLINE struct gemm_epilogue gemm_epilogue_begin(__global void *y, __global const float *bias,
                                                     __global const float *residual, int y_ld,
                                                     ulong y_batch, ulong y_low, int flags, int act)
{
    struct gemm_epilogue e;
    e.y = y;
    e.bias = bias;
    e.residual = residual;
    e.y_low = y_low;
    e.flags = flags;
    e.act = act;
    e.aligned = y_ld % 4 == 0 && y_batch % 4 == 0 && y_low % 4 == 0;
    return e;
}

/* Of the item's four columns, of which `columns` exist. */
TILE_INLINE float4 gemm_bias4(const struct gemm_epilogue *e, int columns)
{
    if (!(e->flags & ELCL_GEMM_BIAS) || columns <= 0)
        return (float4)(0.0f);
    return columns >= 4 ? vload4(0, e->bias)
                        : (float4)(e->bias[0], columns > 1 ? e->bias[1] : 0.0f,
                                   columns > 2 ? e->bias[2] : 0.0f, 0.0f);
}

/* Stores those of four neighbors of a row that exist. */
TILE_INLINE void gemm_put_columns(const struct gemm_epilogue *e, size_t at, float4 sum, float4 bias,
                                  int columns)
{
    if (columns >= 4 && e->aligned) {
        gemm_put4(e->y, e->residual, at, e->y_low, sum, (float4)(1.0f), bias, e->flags, e->act);
        return;
    }
    if (columns > 0)
        gemm_put(e->y, e->residual, at, e->y_low, sum.x, 1.0f, bias.x, e->flags, e->act);
    if (columns > 1)
        gemm_put(e->y, e->residual, at + 1, e->y_low, sum.y, 1.0f, bias.y, e->flags, e->act);
    if (columns > 2)
        gemm_put(e->y, e->residual, at + 2, e->y_low, sum.z, 1.0f, bias.z, e->flags, e->act);
    if (columns > 3)
        gemm_put(e->y, e->residual, at + 3, e->y_low, sum.w, 1.0f, bias.w, e->flags, e->act);
}

/* Stores the item's four columns of the rows in y_part, a part of the tile; y_at is the place of
 * the tile's first row at these columns. */
TILE_INLINE void gemm_put_rows(const struct gemm_epilogue *e, __local const float *y_part,
                               size_t y_at, int y_ld, int rows, int columns, int part, int bm)
{
    const int item = get_local_id(0);
    const float4 bias = gemm_bias4(e, columns);
    for (int r = item / 32; r < WIDE_GIVEN_ROWS; r += WIDE_ITEMS / 32) {
        const int row = wide_given_row(r, part, bm);
        if (row < rows)
            gemm_put_columns(e, y_at + (size_t)row * y_ld,
                             *(__local const float4 *)(y_part + r * ELCL_WIDE_LD + item % 32 * 4),
                             bias, columns);
    }
}

/* A product on its way. */
struct gemm_run {
    struct gemm_source source;
    struct wide_held held;
    int steps, step, now, next; /* now, next: stages */
};

TILE_INLINE void gemm_begin(__local uint4 *memory, struct gemm_run *run, int bm)
{
    run->step = run->now = run->next = 0;
    for (int i = 0; i < WIDE_AHEAD(bm, 1); i++) {
        gemm_fetch(memory, &run->held, &run->source, run->next, bm);
        wide_commit();
        run->next += WIDE_STAGE(bm, 1);
    }
}

/* Adds the steps before `end`. Fetches beyond the last step bring zeros. The stage that was
 * multiplied is the next to be filled. */
TILE_INLINE void gemm_advance(__local uint4 *memory, struct gemm_run *run, float4 *sums, int end,
                              int bm)
{
    for (; run->step < end; run->step++) {
        wide_land_all(memory, &run->held, run->now, bm, 1, false);
        wide_wait(WIDE_AHEAD(bm, 1) - 1);
        barrier(CLK_LOCAL_MEM_FENCE);
        gemm_fetch(memory, &run->held, &run->source, run->next, bm);
        wide_commit();
        wide_multiply(memory, run->now, sums, bm, 1, false, GEMM_F16);
        run->next = run->now;
        run->now = wide_after(run->now, bm, 1);
    }
}

/* sums [WIDE_SUMS]. Without `sliced` a slice is all of K. */
TILE_INLINE void gemm_wide_sums(__local uint4 *memory, struct gemm_run *run, float4 *sums,
                                int slice, int bm, bool sliced)
{
    wide_clear(sums);
    gemm_begin(memory, run, bm);
    if (!sliced) {
        gemm_advance(memory, run, sums, run->steps, bm);
        wide_wait(0);
        return;
    }
    while (run->step < run->steps) {
        float4 part[WIDE_SUMS];
        wide_clear(part);
        gemm_advance(memory, run, part, min(run->step + slice / WIDE_K, run->steps), bm);
#pragma unroll
        for (int i = 0; i < WIDE_SUMS; i++)
            if (i < bm / 8)
                sums[i] += part[i];
    }
    wide_wait(0);
}

TILE_INLINE void gemm_wide_tile(__global void *y, __global const act_t *x,
                                __global const weight_t *w, __global const float *bias,
                                __global const float *residual, int m_size, int n_size, int k_size,
                                int x_ld, int y_ld, ulong x_batch, ulong y_batch, ulong y_low,
                                int slice, int flags, int act, __local uint4 *memory, int bm,
                                bool sliced)
{
    const size_t batch = get_global_id(2);
    const int n0 = get_group_id(0) * WIDE_N, m0 = get_group_id(1) * bm;
    const int column = n0 + (int)get_local_id(0) % 32 * 4;
    float4 sums[WIDE_SUMS];
    struct gemm_run run;
    run.source = gemm_source_begin(x + batch * x_batch,
                                   w + batch * weight_panel(k_size, weight_width(n_size)), m0, n0,
                                   m_size, k_size, x_ld, weight_width(n_size));
    run.steps = (k_size + WIDE_K - 1) / WIDE_K;
    gemm_wide_sums(memory, &run, sums, slice, bm, sliced);
    const struct gemm_epilogue e = gemm_epilogue_begin(y, bias + batch * n_size + column, residual,
                                                       y_ld, y_batch, y_low, flags, act);
    for (int part = 0; part < WIDE_I(bm); part++) {
        barrier(CLK_LOCAL_MEM_FENCE);
        wide_give((__local float *)memory, sums, part, bm);
        barrier(CLK_LOCAL_MEM_FENCE);
        gemm_put_rows(&e, (__local const float *)memory,
                      batch * y_batch + (size_t)m0 * y_ld + column, y_ld, m_size - m0,
                      n_size - column, part, bm);
    }
}

#define WIDE_KERNEL MMA_KERNEL __attribute__((reqd_work_group_size(ELCL_WIDE_ITEMS, 1, 1)))
#define DEFINE_GEMM_WIDE(NAME, TILE_FUNCTION, ...)                                                 \
    WIDE_KERNEL __kernel void NAME(                                                                \
        __global void *y,               /* [batch, M, y_ld] as gemm_put.cl says */                 \
        __global const act_t *x,        /* [batch, M, x_ld] */                                     \
        __global const weight_t *w,     /* [batch, K, weight_width(N)] */                          \
        __global const float *bias,     /* [batch, N], read with ELCL_GEMM_BIAS */                 \
        __global const float *residual, /* as y, read with ELCL_GEMM_RESIDUAL */                   \
        int m_size, int n_size, int k_size, int x_ld, int y_ld, ulong x_batch, ulong y_batch,      \
        ulong y_low, int slice, int flags, int act, __local uint4 *memory)                         \
    {                                                                                              \
        TILE_FUNCTION(y, x, w, bias, residual, m_size, n_size, k_size, x_ld, y_ld, x_batch,        \
                      y_batch, y_low, slice, flags, act, memory, __VA_ARGS__);                     \
    }
DEFINE_GEMM_WIDE(gemm_wide, gemm_wide_tile, 128, false)
DEFINE_GEMM_WIDE(gemm_wide_64, gemm_wide_tile, 64, true)
DEFINE_GEMM_WIDE(gemm_wide_32, gemm_wide_tile, WIDE_LEAST, true)

__kernel __attribute__((reqd_work_group_size(ELCL_JOIN_ITEMS, 1, 1))) void gemm_join(
    __global void *y,               /* [M, y_ld] as gemm_put.cl says */
    __global const float4 *parts,   /* [ELCL_ROWS_WIDE_SLICES, M, ceil(N / 4)] */
    __global const float *bias,     /* [N], read with ELCL_GEMM_BIAS */
    __global const float *residual, /* as y, read with ELCL_GEMM_RESIDUAL */
    int m_size, int n_size, int y_ld, ulong y_low, int flags, int act)
{
    const int ld = (n_size + 3) / 4, column = get_global_id(0) * 4, columns = n_size - column;
    const size_t row = get_global_id(1);
    if (columns <= 0)
        return;
    const struct gemm_epilogue e =
        gemm_epilogue_begin(y, bias + column, residual, y_ld, 0, y_low, flags, act);
    float4 sum = (float4)(0.0f);
    parts += row * ld + column / 4;
#pragma unroll
    for (int s = 0; s < ELCL_ROWS_WIDE_SLICES; s++)
        sum += parts[(size_t)s * m_size * ld];
    gemm_put_columns(&e, row * y_ld + column, sum, gemm_bias4(&e, columns), columns);
}
