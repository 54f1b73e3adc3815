/*
 * EL-attention by wide tiles (tile_wide.cl), GPU kernels: as attn_el_gpu.cl, where activations have
 * 16 bits, state has 16 or is narrow, and D is a multiple of 8. e is two planes (storage.cl), so a
 * score is the sum of two products; the probabilities are of the planes' type. So are the operands
 * that attn_el_wide_keys.cl makes of Y.
 *
 *     attn_el_wide_scores    s[j] = scale e[r, h] . Y[j], and the softmax of each part of
 *                            ELCL_EL_WIDE_PART keys: p[r, h, j] = exp(s[j] - the part's largest),
 *                            zeros beyond the last key, and the sum of the rounded p
 *     attn_el_wide_context   c[r, h] = sum_t f_t sum_j p[r, h, j] Y[j], with the factor f_t =
 *                            exp(the part's largest - the largest of all) of part t. Sums are kept
 *                            in units of f_t: before part t they are multiplied by f_{t-1} / f_t.
 *                            f_t is at least 2^-40, so that this ratio is a float. A smaller one
 *                            would be lost in the rounding of the other parts.
 *
 * p has a row of ELCL_EL_WIDE_LD(max_keys) elements per pair, max_keys a multiple of
 * ELCL_EL_WIDE_PART: max_keys probabilities, then the largest score and the sum of each part, in
 * f32.
 *
 * attn_el_wide_scores    one work-group per tile of bm pairs x 128 keys: global size
 *                        {256 max_keys / 128, ceil(max pairs / bm), groups}
 * attn_el_wide_context   one work-group per tile of bm pairs x 128 elements: global size
 *                        {256 ceil(D / 128), ceil(max pairs / bm), groups}
 * bm is 64. The kernels that end in _32 have tiles of at least 32 pairs, for groups of up to 32 and
 * for devices that larger tiles leave idle.
 * Local memory: ELCL_EL_SCORES_BYTES(stages, bm) and ELCL_EL_CONTEXT_BYTES(bm).
 */
// lint after: tile.cl swizzle.cl mma_emulated.cl tile_mma.cl tile_wide.cl
// lint after: narrow_wide.cl attn_el_wide_keys.cl
// lint: -DVW=4 -DSUBGROUP=32 -DELCL_STATE_F16 -DELCL_ACT_F16
// lint: -DVW=4 -DSUBGROUP=8 -DELCL_STATE_BF16 -DELCL_ACT_BF16
// lint: -DVW=4 -DSUBGROUP=32 -DELCL_STATE_INT8 -DELCL_ACT_BF16
// lint: -DVW=4 -DSUBGROUP=16 -DELCL_STATE_INT4 -DELCL_ACT_F16

#define EL_LEAST -27.7258872f /* log 2^-40 */

#define EL_TURNS (WIDE_GIVEN_ROWS / 32) /* rows of outputs of 8 items each */
/* Of n terms, a multiple of EL_SLOTS. */
#define EL_STEPS(n) (((n) + EL_SLOTS * WIDE_K - 1) / (EL_SLOTS * WIDE_K) * EL_SLOTS)

/* ---- scores ---------------------------------------------------------------------------------- */

/* Where the item's next chunks of e are, and how many terms are left from them on; none for pairs
 * that do not exist, whose chunks are zeros. */
struct el_score_source {
    __global const plane_t *e[2];
    int left;
};

/* A tile of fewer than 64 pairs has the low plane's rows after the high one's, and an item brings a
 * chunk of one of them. */
TILE_INLINE struct el_score_source el_score_source_begin(const struct el_tile *t,
                                                         __global const plane_t *e, ulong e_low,
                                                         bool some, int d_size, int bm)
{
    const int item = get_local_id(0), row = WIDE_ROW(item, 0) % bm;
    const int at = WIDE_ROW_CHUNK(item) * 8;
    struct el_score_source s;
    s.e[0] = e + (t->pair + row) * d_size + at;
    s.e[1] = s.e[0] + e_low;
    if (WIDE_ROW(item, 0) >= bm)
        s.e[0] = s.e[1];
    s.left = some && row < t->pairs ? d_size - at : 0;
    return s;
}

TILE_INLINE void el_score_fetch(__local uint4 *memory, struct wide_held *held,
                                struct el_score_source *s, int stage, int bm)
{
    wide_fetch_row(memory, &held->x[0], stage, 0, s->e[0], s->left > 0);
    if (bm == 64)
        wide_fetch_row(memory, &held->x[1], stage, 1, s->e[1], s->left > 0);
    s->e[0] += WIDE_K;
    s->e[1] += WIDE_K;
    s->left -= WIDE_K;
}

TILE_INLINE void el_score_land(__local uint4 *memory, const struct wide_held *held, int stage,
                               int bm)
{
    wide_land(wide_row_place(memory, stage, 0), &held->x[0]);
    if (bm == 64)
        wide_land(wide_row_place(memory, stage, 1), &held->x[1]);
}

/* `steps` is a multiple of EL_SLOTS. */
TILE_INLINE void el_score_sums(__local uint4 *memory, struct el_score_source s,
                               struct el_key_source keys, float4 *sums, int steps, int bm)
{
    struct wide_held held;
    struct el_held key[EL_SLOTS];
    int now = 0, next = 0;
    wide_clear(sums);
    for (int i = 0; i < WIDE_AHEAD(bm, 2); i++) {
        el_score_fetch(memory, &held, &s, next, bm);
        el_key_copy(memory, &key[0], &keys, next + WIDE_X(bm, 2));
        wide_commit();
        next = wide_after(next, bm, 2);
    }
#pragma unroll
    for (int i = 0; i < EL_SLOTS; i++)
        el_key_read(&key[i], &keys);
    for (int step = 0; step < steps; step += EL_SLOTS)
#pragma unroll
        for (int i = 0; i < EL_SLOTS; i++) {
            el_score_land(memory, &held, now, bm);
            el_key_land(memory, &key[i], now + WIDE_X(bm, 2));
            wide_wait(WIDE_AHEAD(bm, 2) - 1);
            barrier(CLK_LOCAL_MEM_FENCE);
            el_score_fetch(memory, &held, &s, next, bm);
            el_key_copy(memory, &key[i], &keys, next + WIDE_X(bm, 2));
            wide_commit();
            el_key_read(&key[i], &keys);
            wide_multiply(memory, now, sums, bm, 2, true, EL_F16);
            next = now; /* what was multiplied is filled next */
            now = wide_after(now, bm, 2);
        }
    wide_wait(0);
}

/* The softmax of the rows in `memory`, outputs of 32 or 64 rows of a tile (wide_give()). An item
 * has 16 keys of a row: four at 4 (item % 8), and at each 32 later. */
struct el_softmax {
    __global plane_t *p; /* of the tile's first pair and key */
    __global const float *bias;
    __global const int *position; /* of the group's first row */
    int ld, h_size, first_head;   /* first_head: the tile's first pair in the group */
    int n0, keys, pairs, max_keys, max_distance;
    float scale;
};

TILE_INLINE void el_row_scores(const struct el_softmax *s, float4 *v, int row, int column)
{
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const int j = s->n0 + column + 32 * i;
        v[i] *= s->scale;
        if (s->max_distance) {
            const int pair = s->first_head + min(row, s->pairs - 1);
            __global const float *bias = s->bias + pair % s->h_size * BIAS_ROW(s->max_distance);
            const int from = j - s->position[pair / s->h_size * ELCL_ROW_INTS];
            v[i] += (float4)(bias[bias_at(from, s->max_distance)],
                             bias[bias_at(from + 1, s->max_distance)],
                             bias[bias_at(from + 2, s->max_distance)],
                             bias[bias_at(from + 3, s->max_distance)]);
        }
        v[i] = tile_before4(v[i], ELCL_NEG_MAX, j, s->keys);
    }
}

TILE_INLINE float el_max8(__local const float *v)
{
    return max4(fmax(vload4(0, v), vload4(1, v)));
}

TILE_INLINE void el_softmax_rows(const struct el_softmax *s, __local float *memory, int part,
                                 int bm)
{
    const int item = get_local_id(0), column = item % 8 * 4;
    __local float *largest = memory + WIDE_GIVEN_ROWS * ELCL_WIDE_LD; /* [rows][8] */
    __local float *sum = largest + WIDE_GIVEN_ROWS * 8;
    float4 v[EL_TURNS][4];
#pragma unroll
    for (int turn = 0; turn < EL_TURNS; turn++) {
        const int r = item / 8 + 32 * turn;
#pragma unroll
        for (int i = 0; i < 4; i++)
            v[turn][i] =
                *(__local const float4 *)(memory + r * ELCL_WIDE_LD + column + 32 * i);
        el_row_scores(s, v[turn], wide_given_row(r, part, bm), column);
        largest[r * 8 + item % 8] =
            max4(fmax(fmax(v[turn][0], v[turn][1]), fmax(v[turn][2], v[turn][3])));
    }
    barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
    for (int turn = 0; turn < EL_TURNS; turn++) {
        const int r = item / 8 + 32 * turn, row = wide_given_row(r, part, bm);
        const float high = el_max8(largest + r * 8);
        float4 all = (float4)(0.0f);
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const float4 e = exp(v[turn][i] - high);
            const float4 p = tile_before4(
                (float4)(PLANE_ROUND(e.x), PLANE_ROUND(e.y), PLANE_ROUND(e.z), PLANE_ROUND(e.w)),
                0.0f, s->n0 + column + 32 * i, s->keys);
            all += p;
            if (row < s->pairs)
                PLANE_PUT4(s->p + (size_t)row * s->ld + column + 32 * i, p);
        }
        sum[r * 8 + item % 8] = sum4(all);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    const int row = wide_given_row(item, part, bm);
    if (item < WIDE_GIVEN_ROWS && row < s->pairs) {
        __global float *parts =
            (__global float *)(s->p - s->n0 + (size_t)row * s->ld + s->max_keys);
        vstore2((float2)(el_max8(largest + item * 8),
                         sum4(vload4(0, sum + item * 8) + vload4(1, sum + item * 8))),
                s->n0 / ELCL_EL_WIDE_PART, parts);
    }
}

TILE_INLINE void el_scores_tile(__global plane_t *p, __global const plane_t *e,
                                __global const state_t *y, __global const int *step,
                                ulong groups_at, __global const int *lineage, int lineage_ld,
                                __global const float *bias, int max_distance, ulong rows_at,
                                ulong e_low, int h_size, int d_size, int max_keys, float scale,
                                __local uint4 *memory, int bm)
{
    const struct el_tile t = el_tile_begin(step + groups_at, lineage, lineage_ld, h_size, bm);
    const int n0 = get_group_id(0) * WIDE_N;
    const bool some = t.pairs > 0 && n0 < t.keys;
    float4 sums[WIDE_SUMS];
    el_score_sums(memory, el_score_source_begin(&t, e, e_low, some, d_size, bm),
                  el_key_begin(&t, y, n0, d_size), sums, some ? EL_STEPS(d_size) : 0, bm);
    struct el_softmax s;
    s.ld = ELCL_EL_WIDE_LD(max_keys);
    s.p = p + t.pair * s.ld + n0;
    s.bias = bias;
    s.position = step + rows_at + (size_t)t.group->row * ELCL_ROW_INTS + ELCL_ROW_POSITION;
    s.h_size = h_size;
    s.first_head = get_group_id(1) * bm;
    s.n0 = n0;
    s.keys = t.keys;
    s.pairs = some ? t.pairs : 0;
    s.max_keys = max_keys;
    s.max_distance = some ? max_distance : 0;
    s.scale = scale;
    for (int part = 0; part < WIDE_I(bm); part++) {
        barrier(CLK_LOCAL_MEM_FENCE);
        wide_give((__local float *)memory, sums, part, bm);
        barrier(CLK_LOCAL_MEM_FENCE);
        el_softmax_rows(&s, (__local float *)memory, part, bm);
    }
}

/* ---- contexts -------------------------------------------------------------------------------- */

/* Fewer stages than WIDE_STAGES(bm, 1) leave room for what follows them in local memory: for a part
 * and the next one, where the rows of its keys begin, EL_NO_KEY if there is none, and the ratio of
 * factors f_{t-1} / f_t of each pair. */
#ifdef WIDE_ASYNC
#define EL_STAGES 3
#else
#define EL_STAGES 2
#endif
#define EL_PART_STEPS (ELCL_EL_WIDE_PART / WIDE_K)
ELCL_CHECK(el_slots, EL_SLOTS == 1 || EL_SLOTS == EL_STAGES - 1);
struct el_parts {
    uint key[2][ELCL_EL_WIDE_PART];
    float ratio[2][64];
};
ELCL_CHECK(el_parts_bytes, sizeof(struct el_parts) == ELCL_EL_PARTS_BYTES);

TILE_INLINE int el_after(int stage, int bm)
{
    const int next = stage + WIDE_STAGE(bm, 1);
    return next == EL_STAGES * WIDE_STAGE(bm, 1) ? 0 : next;
}

/* Where the item's next chunk of p is. */
struct el_context_source {
    __global const plane_t *p;
    bool inside;
};

TILE_INLINE struct el_context_source el_context_source_begin(const struct el_tile *t,
                                                             __global const plane_t *p, int ld,
                                                             int bm)
{
    const int item = get_local_id(0), row = WIDE_ROW(item, 0);
    struct el_context_source s;
    s.inside = row < min(bm, t->pairs);
    s.p = p + (t->pair + (s.inside ? row : 0)) * ld + WIDE_ROW_CHUNK(item) * 8;
    return s;
}

/* Brings the next step; after the last one, what follows in the row of p, which is not used. The
 * copies of a step stand side by side: compilers put three instructions before such a sequence. */
TILE_INLINE void el_context_fetch(__local uint4 *memory, struct wide_held *held,
                                  struct el_context_source *s, int stage, int bm)
{
    if (bm == 64 || WIDE_ROW((int)get_local_id(0), 0) < bm)
        wide_fetch_row(memory, &held->x[0], stage, 0, s->p, s->inside);
    s->p += WIDE_K;
}

TILE_INLINE void el_context_land(__local uint4 *memory, const struct wide_held *held, int stage,
                                 int bm)
{
    if (bm == 64 || WIDE_ROW((int)get_local_id(0), 0) < bm)
        wide_land(wide_row_place(memory, stage, 0), &held->x[0]);
}

/* log f_t of a part whose largest score is `largest`; `all` is the largest of all parts. */
TILE_INLINE float el_log_factor(float largest, float all)
{
    return fmax(largest - all, EL_LEAST);
}

/* Multiplies the outputs of row m of the tile by ratio[m]. */
TILE_INLINE void el_scale_rows(float4 *sums, __local const float *ratio, int bm)
{
    const int lane = get_local_id(0) % SUBGROUP;
    ratio += wide_group_row(bm);
#pragma unroll
    for (int i = 0; i < WIDE_MAX_I; i++)
#pragma unroll
        for (int q = 0; q < MMA_SUMS; q++) {
            if (i >= WIDE_I(bm))
                continue;
            const float4 f = (float4)(ratio[16 * i + MMA_ROW(lane, 4 * q)],
                                      ratio[16 * i + MMA_ROW(lane, 4 * q + 1)],
                                      ratio[16 * i + MMA_ROW(lane, 4 * q + 2)],
                                      ratio[16 * i + MMA_ROW(lane, 4 * q + 3)]);
#pragma unroll
            for (int j = 0; j < WIDE_J; j++)
                sums[(i * WIDE_J + j) * MMA_SUMS + q] *= f;
        }
}

/* Stores what a part needs. `row` is the item's row of largest scores and sums, in f32. */
TILE_INLINE void el_put_part(__local struct el_parts *parts, const struct el_tile *t,
                             __global const float *row, float largest, int part, int d_size, int bm)
{
    const int item = get_local_id(0), key = part * ELCL_EL_WIDE_PART + item;
    if (item < ELCL_EL_WIDE_PART)
        parts->key[part % 2][item] =
            key < t->keys ? (uint)el_key_row(t, key) * EL_ROW_CHUNKS(d_size) : EL_NO_KEY;
    if (item < bm && part > 0 && part * ELCL_EL_WIDE_PART < t->keys)
        parts->ratio[part % 2][item] = exp(el_log_factor(row[2 * part - 2], largest) -
                                           el_log_factor(row[2 * part], largest));
}

/* `steps` is a multiple of EL_SLOTS. */
TILE_INLINE void el_context_sums(__local uint4 *memory, __local struct el_parts *parts,
                                 const struct el_tile *t, struct el_context_source s,
                                 struct el_value_source values, __global const float *row,
                                 float largest, float4 *sums, int steps, int d_size, int bm)
{
    __local const uint *rows = parts->key[0];
    struct wide_held held;
    struct el_held value[EL_SLOTS];
    int now = 0, next = 0;
    wide_clear(sums);
    el_put_part(parts, t, row, largest, 0, d_size, bm);
    barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
    for (int i = 0; i < EL_STAGES - 1; i++) {
        const uint2 from = el_value_rows(rows, &values);
        el_context_fetch(memory, &held, &s, next, bm);
        el_value_copy(memory, from, &value[i % EL_SLOTS], &values, next + WIDE_X(bm, 1));
        el_value_read(from, &value[i % EL_SLOTS], &values);
        wide_commit();
        next = el_after(next, bm);
    }
    for (int first = 0; first < steps; first += EL_PART_STEPS) {
        const int part = first / EL_PART_STEPS, end = min(first + EL_PART_STEPS, steps);
        if (part > 0)
            el_scale_rows(sums, parts->ratio[part % 2], bm);
        el_put_part(parts, t, row, largest, part + 1, d_size, bm);
        for (int step = first; step < end; step += EL_SLOTS)
#pragma unroll
            for (int i = 0; i < EL_SLOTS; i++) {
                el_context_land(memory, &held, now, bm);
                el_value_land(memory, &value[i], now + WIDE_X(bm, 1));
                wide_wait(EL_STAGES - 2);
                barrier(CLK_LOCAL_MEM_FENCE);
                const uint2 from = el_value_rows(rows, &values);
                el_context_fetch(memory, &held, &s, next, bm);
                el_value_copy(memory, from, &value[i], &values, next + WIDE_X(bm, 1));
                el_value_read(from, &value[i], &values);
                wide_commit();
                wide_multiply(memory, now, sums, bm, 1, false, EL_F16);
                next = now; /* what was multiplied is filled next */
                now = el_after(now, bm);
            }
    }
    wide_wait(0);
}

TILE_INLINE float el_largest(__global const float *parts, int n)
{
    float largest = ELCL_NEG_MAX;
    for (int i = 0; i < n; i++)
        largest = fmax(largest, parts[2 * i]);
    return largest;
}

/* What the sums of a pair are multiplied by after its n > 0 parts. */
TILE_INLINE float el_last_factor(__global const float *parts, int n, float largest)
{
    float sum = 0.0f;
    for (int i = 0; i < n; i++)
        sum += parts[2 * i + 1] * exp(el_log_factor(parts[2 * i], largest));
    return exp(el_log_factor(parts[2 * n - 2], largest)) / sum;
}

TILE_INLINE void el_context_tile(__global act_t *c, __global const plane_t *p,
                                 __global const state_t *y, __global const int *step,
                                 ulong groups_at, __global const int *lineage, int lineage_ld,
                                 int h_size, int d_size, int max_keys, __local uint4 *memory,
                                 int bm)
{
    const struct el_tile t = el_tile_begin(step + groups_at, lineage, lineage_ld, h_size, bm);
    const int item = get_local_id(0), n0 = get_group_id(0) * WIDE_N;
    const int ld = ELCL_EL_WIDE_LD(max_keys);
    const int keys = t.pairs > 0 ? t.keys : 0;
    const int steps = EL_STEPS(keys);
    const int n_parts = (keys + ELCL_EL_WIDE_PART - 1) / ELCL_EL_WIDE_PART;
    __local struct el_parts *parts =
        (__local struct el_parts *)(memory + EL_STAGES * WIDE_STAGE(bm, 1));
    const size_t pair = t.pair + min(item % bm, max(t.pairs, 1) - 1);
    __global const float *own = (__global const float *)(p + pair * ld + max_keys);
    const float largest = el_largest(own, n_parts);
    float4 sums[WIDE_SUMS];
    el_context_sums(memory, parts, &t,
                    el_context_source_begin(&t, p, ld, bm), el_value_begin(y, n0, d_size), own,
                    largest, sums, steps, d_size, bm);
    __local float *last = (__local float *)memory + WIDE_GIVEN_ROWS * ELCL_WIDE_LD; /* [bm] */
    barrier(CLK_LOCAL_MEM_FENCE);
    if (item < bm)
        last[item] = n_parts ? el_last_factor(own, n_parts, largest) : 0.0f;
    for (int part = 0; part < WIDE_I(bm); part++) {
        barrier(CLK_LOCAL_MEM_FENCE);
        wide_give((__local float *)memory, sums, part, bm);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int r = item / 32; r < WIDE_GIVEN_ROWS; r += WIDE_ITEMS / 32) {
            const int row = wide_given_row(r, part, bm), column = n0 + item % 32 * 4;
            const float4 v = *(__local const float4 *)((__local float *)memory +
                                                       r * ELCL_WIDE_LD + item % 32 * 4);
            if (row < t.pairs && column < d_size)
                ACT_PUT4(c + (t.pair + row) * d_size + column, v * last[row]);
        }
    }
}

#define EL_KERNEL MMA_KERNEL __attribute__((reqd_work_group_size(ELCL_WIDE_ITEMS, 1, 1)))
#define DEFINE_EL_WIDE(SCORES, CONTEXT, BM)                                                        \
    EL_KERNEL __kernel void SCORES(                                                                \
        __global plane_t *p,       /* [R, H, ELCL_EL_WIDE_LD(max_keys)] */                         \
        __global const plane_t *e, /* [R, H, D], and the low plane e_low elements after it */      \
        __global const state_t *y, /* [cache rows, D] */                                           \
        __global const int *step, ulong groups_at,                                                 \
        __global const int *lineage,                /* [rows, lineage_ld] */                       \
        int lineage_ld, __global const float *bias, /* [H, 2 max_distance + 1], or none */         \
        int max_distance, ulong rows_at, ulong e_low, int h_size, int d_size, int max_keys,        \
        float scale, __local uint4 *memory)                                                        \
    {                                                                                              \
        el_scores_tile(p, e, y, step, groups_at, lineage, lineage_ld, bias, max_distance, rows_at, \
                       e_low, h_size, d_size, max_keys, scale, memory, BM);                        \
    }                                                                                              \
    EL_KERNEL __kernel void CONTEXT(                                                               \
        __global act_t *c,         /* [R, H, D] */                                                 \
        __global const plane_t *p, /* [R, H, ELCL_EL_WIDE_LD(max_keys)] */                         \
        __global const state_t *y, /* [cache rows, D] */                                           \
        __global const int *step, ulong groups_at,                                                 \
        __global const int *lineage, /* [rows, lineage_ld] */                                      \
        int lineage_ld, int h_size, int d_size, int max_keys, __local uint4 *memory)               \
    {                                                                                              \
        el_context_tile(c, p, y, step, groups_at, lineage, lineage_ld, h_size, d_size, max_keys,   \
                        memory, BM);                                                               \
    }
DEFINE_EL_WIDE(attn_el_wide_scores, attn_el_wide_context, 64)
DEFINE_EL_WIDE(attn_el_wide_scores_32, attn_el_wide_context_32, WIDE_LEAST)
