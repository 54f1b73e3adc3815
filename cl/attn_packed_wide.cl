/*
 * Multi-head attention of many rows, GPU kernels: as attn_packed_gpu.cl, for queries, keys and
 * values of the activations' 16-bit type, by the fragments of tile_wide.cl. Dh, the row strides and
 * the places of K and V are multiples of 8.
 *
 * A work-group takes FLASH_ROWS rows of a sentence, 16 for each of its four sub-groups, and goes
 * through blocks of 4096 / WIDTH keys. Scores S = Q K^T and sums O = P V stay in registers. With
 * the running maximum m of a row, in powers of two, and c = scale / log 2,
 *     P = 2^(c S - m), rounded to 16 bits,
 * before each block O shrinks by 2^(m_old - m), and in the end the sum of the rounded P divides it.
 * The keys of a block come while the block before is multiplied by its values, and its values come
 * while scores are computed.
 *
 * attn_packed_wide_64, attn_packed_wide_128   WIDTH, with Dh <= WIDTH
 *     a work-group of 4 SUBGROUP items per (head, FLASH_ROWS rows); SUBGROUP is 32 or 64
 *     global size {4 SUBGROUP H, ceil(R / FLASH_ROWS)}
 *     local memory: ELCL_FLASH_BYTES(WIDTH), 34 or 38 KiB
 *
 * The mma_*.cl defines more of its outputs, with an item's number in its sub-group as `lane`:
 *     MMA_FIRST(i)                 the item's first output in the row of its output i
 *     MMA_SLOTS, MMA_SLOT(lane)    how many items share a row, at most 4; which of them this one is
 *     MMA_EXP2(x)                  if there is a faster one than that below
 */
// lint after: tile.cl swizzle.cl mma_emulated.cl tile_mma.cl tile_wide.cl
// lint: -DVW=4 -DSUBGROUP=32 -DELCL_ACT_F16
// lint: -DVW=4 -DSUBGROUP=64 -DELCL_ACT_BF16

#define FLASH_ROWS ELCL_FLASH_ROWS
#define FLASH_ITEMS (4 * SUBGROUP)
#define FLASH_KEYS(width) (4096 / (width))
#define FLASH_OUTPUTS (256 / SUBGROUP) /* of an item in 16 x 16 */
/* Chunks of a block of keys, or of their values, and those that an item brings. */
#define FLASH_BLOCK 512
#define FLASH_HELD (FLASH_BLOCK / FLASH_ITEMS)
/* Most tiles of 16 x 16 of a sub-group: scores with 64 keys, sums with 128 columns. */
#define FLASH_MAX_S 4
#define FLASH_MAX_O 8

#ifdef ELCL_ACT_F16
#define FLASH_F16 true
#else
#define FLASH_F16 false
#endif

#ifndef MMA_EXP2
#define MMA_EXP2(x) native_exp2(x)
#endif

/* The local memory, by the place of first chunks. Q, K and P are tiles of rows of 32 terms each, V
 * is one of columns. */
struct flash_local {
    int item; /* the item, see flash_item() */
    __local uint4 *memory;
    int q;                /* [WIDTH / 32][FLASH_ROWS], then O [FLASH_ROWS][WIDTH] */
    int k;                /* [WIDTH / 32][keys] */
    int v;                /* [keys][WIDTH] */
    int p;                /* [keys / 32][FLASH_ROWS] */
    __local float *parts; /* [FLASH_ROWS][MMA_SLOTS]: maxima or sums of items */
    __local int *start, *keys, *position; /* [FLASH_ROWS] */
    __local int *count, *most, *least;    /* [8]; one 0 follows */
};

/* What an item has of 16 rows. Numbers of a row stand where MMA_FIRST() says. */
struct flash_rows {
    float4 s[FLASH_MAX_S * MMA_SUMS], o[FLASH_MAX_O * MMA_SUMS];
    float largest[FLASH_OUTPUTS], sum[FLASH_OUTPUTS];
};

/* Where K and V of a head lie, from the sentence's first key on. */
struct flash_source {
    __global const act_t *k, *v;
    int kv_ld, dh;
    float c; /* scale / log 2 */
    __global const float *bias;
    int max_distance;
    float per_scale; /* 1 / scale */
};

TILE_INLINE struct flash_local flash_carve(__local uint4 *memory, int width)
{
    struct flash_local l;
    l.memory = memory;
    l.q = 0;
    l.k = FLASH_ROWS * width / 8;
    l.v = l.k + FLASH_BLOCK;
    l.p = l.v + FLASH_BLOCK;
    l.parts = (__local float *)(memory + l.p + FLASH_ROWS * FLASH_KEYS(width) / 8);
    l.start = (__local int *)(l.parts + FLASH_ROWS * MMA_SLOTS);
    l.keys = l.start + FLASH_ROWS;
    l.position = l.keys + FLASH_ROWS;
    l.count = l.position + FLASH_ROWS;
    l.most = l.count + 8;
    l.least = l.most + 8;
    return l;
}

/* First row of the item's sub-group, and the item's number in it. */
#define FLASH_ROW (l->item / SUBGROUP * 16)
#define FLASH_LANE (l->item % SUBGROUP)

/* The number of the item, as compilers cannot know it, by a 0 from local memory. Otherwise they
 * compute the places of all an item's elements once, before the loop over sentences, and keep them:
 * in 120 registers on NVIDIA. */
TILE_INLINE int flash_item(const struct flash_local *l)
{
    return (int)(get_local_id(0) + *(__local volatile int *)(l->least + 8)) & (FLASH_ITEMS - 1);
}

/* ---- from memory to tiles -------------------------------------------------------------------- */

/* An item brings chunks i of a tile of rows [WIDTH / 32][rows]: neighboring items take the chunks
 * of 32 terms, then the next row. In i's turn, FLASH_TURN rows further on, the row is FLASH_DOWN()
 * below the item's first one, and the chunk FLASH_RIGHT() elements to the right. */
#define FLASH_TURN (FLASH_ITEMS / 4)
#define FLASH_DOWN(i, rows) ((rows) > FLASH_TURN ? (i) % ((rows) / FLASH_TURN) * FLASH_TURN : 0)
#define FLASH_RIGHT(i, rows)                                                                       \
    (32 * ((rows) > FLASH_TURN ? (i) / ((rows) / FLASH_TURN) : (i) * (FLASH_TURN / (rows))))
TILE_INLINE int flash_row(const struct flash_local *l, int rows)
{
    return l->item / 4 % rows;
}
TILE_INLINE int flash_row_element(const struct flash_local *l, int rows)
{
    return (l->item / 4 / rows * 4 + l->item % 4) * 8;
}

/* The same of a tile of columns [rows][WIDTH]: neighbors bring a row. */
TILE_INLINE int flash_value_row(const struct flash_local *l, int width)
{
    return l->item / (width / 8);
}
TILE_INLINE int flash_value_element(const struct flash_local *l, int width)
{
    return l->item % (width / 8) * 8;
}
#define FLASH_VALUE_DOWN(i, width) ((i) * (FLASH_ITEMS / ((width) / 8)))

/* The place of chunk i: as in tile_wide.cl, that of chunk 0 and a constant. */
TILE_INLINE __local uint4 *flash_row_place(const struct flash_local *l, int tile, int i)
{
    const int item = l->item;
    return l->memory + (tile + swizzle_row(item / 4, item % 4)) + FLASH_ITEMS * i;
}
TILE_INLINE __local uint4 *flash_value_place(const struct flash_local *l, int i, int width)
{
    return l->memory +
           (l->v + swizzle_column(flash_value_row(l, width), flash_value_element(l, width) / 8,
                                  width / 8)) +
           FLASH_ITEMS * i;
}

/* A row keeps its place among the FLASH_ROWS, of which first .. first + n - 1 count: `from` is at
 * the first one. Other rows, and columns from Dh on, become zeros. */
TILE_INLINE void flash_fetch_queries(const struct flash_local *l, __global const act_t *from,
                                     int ld, int first, int n, int dh, int width)
{
    const int row = flash_row(l, FLASH_ROWS) - first, d = flash_row_element(l, FLASH_ROWS);
    from += (long)row * ld + d;
#pragma unroll
    for (int i = 0; i < 8; i++)
        if (i < FLASH_ROWS * width / 8 / FLASH_ITEMS) {
            const int down = FLASH_DOWN(i, FLASH_ROWS), right = FLASH_RIGHT(i, FLASH_ROWS);
            uint4 held;
            wide_fetch(flash_row_place(l, l->q, i), &held, from + down * ld + right,
                       row + down >= 0 && row + down < n && d + right < dh);
            wide_land(flash_row_place(l, l->q, i), &held);
        }
}

/* Brings the first n rows from the item's chunk `from` on. */
TILE_INLINE void flash_fetch_keys(const struct flash_local *l, uint4 *held,
                                  __global const act_t *from, int ld, int n, int dh, int width)
{
    n -= flash_row(l, FLASH_KEYS(width));
    dh -= flash_row_element(l, FLASH_KEYS(width));
#pragma unroll
    for (int i = 0; i < FLASH_HELD; i++) {
        const int down = FLASH_DOWN(i, FLASH_KEYS(width));
        const int right = FLASH_RIGHT(i, FLASH_KEYS(width));
        wide_fetch(flash_row_place(l, l->k, i), held + i, from + down * ld + right,
                   down < n && right < dh);
    }
}
TILE_INLINE void flash_land_keys(const struct flash_local *l, const uint4 *held)
{
#pragma unroll
    for (int i = 0; i < FLASH_HELD; i++)
        wide_land(flash_row_place(l, l->k, i), held + i);
}

TILE_INLINE void flash_fetch_values(const struct flash_local *l, uint4 *held,
                                    __global const act_t *from, int ld, int n, int dh, int width)
{
    n -= flash_value_row(l, width);
    dh -= flash_value_element(l, width);
#pragma unroll
    for (int i = 0; i < FLASH_HELD; i++) {
        const int down = FLASH_VALUE_DOWN(i, width);
        wide_fetch(flash_value_place(l, i, width), held + i, from + down * ld, down < n && dh > 0);
    }
}
TILE_INLINE void flash_land_values(const struct flash_local *l, const uint4 *held, int width)
{
#pragma unroll
    for (int i = 0; i < FLASH_HELD; i++)
        wide_land(flash_value_place(l, i, width), held + i);
}

/* ---- a block of keys ------------------------------------------------------------------------- */

/* S = Q K^T */
TILE_INLINE void flash_scores(const struct flash_local *l, struct flash_rows *rows, int width)
{
#pragma unroll
    for (int i = 0; i < FLASH_MAX_S * MMA_SUMS; i++)
        rows->s[i] = (float4)(0.0f);
#pragma unroll
    for (int d = 0; d < 128; d += 16)
        if (d < width) {
            const wide_a a = wide_load_a(l->memory, l->q + FLASH_ROW * 4,
                                         d / 32 * FLASH_ROWS, d % 32 / 8);
#pragma unroll
            for (int j = 0; j < FLASH_MAX_S; j++)
                if (16 * j < FLASH_KEYS(width))
                    wide_16x16(l->memory, rows->s + j * MMA_SUMS, a,
                               wide_load_b_rows(l->memory, l->k,
                                                d / 32 * FLASH_KEYS(width) + 16 * j, d % 32 / 8),
                               FLASH_F16);
        }
}

/* Adds the bias of the keys from s0 on. */
TILE_INLINE void flash_bias(const struct flash_local *l, struct flash_rows *rows,
                            const struct flash_source *from, int s0, int width)
{
    float *s = (float *)rows->s;
#pragma unroll
    for (int e = 0; e < FLASH_OUTPUTS; e++) {
        const int row = FLASH_ROW + MMA_ROW(FLASH_LANE, e);
        const int distance = s0 + MMA_COLUMN(FLASH_LANE, e) - l->position[row];
#pragma unroll
        for (int j = 0; j < FLASH_MAX_S; j++)
            if (16 * j < FLASH_KEYS(width))
                s[j * FLASH_OUTPUTS + e] +=
                    from->per_scale * from->bias[bias_at(distance + 16 * j, from->max_distance)];
    }
}

/* Hides the keys that rows do not have. The maximum m stays finite. */
TILE_INLINE void flash_mask(const struct flash_local *l, struct flash_rows *rows, int s0, int width)
{
    float *s = (float *)rows->s;
#pragma unroll
    for (int e = 0; e < FLASH_OUTPUTS; e++) {
        const int n = l->keys[FLASH_ROW + MMA_ROW(FLASH_LANE, e)] - s0 - MMA_COLUMN(FLASH_LANE, e);
#pragma unroll
        for (int j = 0; j < FLASH_MAX_S; j++)
            if (16 * j < FLASH_KEYS(width))
                s[j * FLASH_OUTPUTS + e] = 16 * j < n ? s[j * FLASH_OUTPUTS + e] : -INFINITY;
    }
}

/* Puts the item's numbers of rows where the other items of the row find them. */
TILE_INLINE void flash_share(const struct flash_local *l, const float *of_rows)
{
#pragma unroll
    for (int e = 0; e < FLASH_OUTPUTS; e++)
        if (MMA_FIRST(e) == e)
            l->parts[(FLASH_ROW + MMA_ROW(FLASH_LANE, e)) * MMA_SLOTS + MMA_SLOT(FLASH_LANE)] =
                of_rows[e];
}

TILE_INLINE void flash_share_largest(const struct flash_local *l, const struct flash_rows *rows,
                                     int width)
{
    const float *s = (const float *)rows->s;
    float largest[FLASH_OUTPUTS];
#pragma unroll
    for (int e = 0; e < FLASH_OUTPUTS; e++)
        largest[e] = -INFINITY;
#pragma unroll
    for (int j = 0; j < FLASH_MAX_S; j++)
#pragma unroll
        for (int e = 0; e < FLASH_OUTPUTS; e++)
            if (16 * j < FLASH_KEYS(width))
                largest[MMA_FIRST(e)] = fmax(largest[MMA_FIRST(e)], s[j * FLASH_OUTPUTS + e]);
    flash_share(l, largest);
}

/* Two numbers in 16 bits, the first in the low half; and back. */
TILE_INLINE uint flash_pair(float2 p)
{
#ifdef ELCL_ACT_F16
    return MMA_PACK_F16(p);
#else
    return mma_pack(p);
#endif
}
TILE_INLINE float2 flash_unpair(uint pair)
{
#ifdef ELCL_ACT_F16
    return vload_half2(0, (const half *)&pair);
#else
    return (float2)(as_float(pair << 16), as_float(pair & 0xffff0000u));
#endif
}

/* The chunk of P, or of O, with an element. */
TILE_INLINE __local ushort *flash_chunk(const struct flash_local *l, int row, int column, int width,
                                        bool o)
{
    return (__local ushort *)(l->memory +
                              (o ? l->q + swizzle_column(row, column / 8, width / 8)
                                 : l->p + column / 32 * FLASH_ROWS * 4 +
                                       swizzle_row(row, column % 32 / 8)));
}

/* Puts outputs e and e + 1 of tile j there. */
TILE_INLINE void flash_put(const struct flash_local *l, int j, int e, uint pair, int width, bool o)
{
    const int row = FLASH_ROW + MMA_ROW(FLASH_LANE, e);
    const int column = 16 * j + MMA_COLUMN(FLASH_LANE, e);
    __local ushort *to = flash_chunk(l, row, column, width, o) + column % 8;
    if (MMA_FIRST(e) == MMA_FIRST(e + 1)) { /* neighbors */
        *(__local uint *)to = pair;
        return;
    }
    const int next_row = FLASH_ROW + MMA_ROW(FLASH_LANE, e + 1);
    const int next_column = 16 * j + MMA_COLUMN(FLASH_LANE, e + 1);
    *to = (ushort)pair;
    flash_chunk(l, next_row, next_column, width, o)[next_column % 8] = (ushort)(pair >> 16);
}

/* After flash_share_largest() and a barrier: shrinks O and the sums, and gives P. */
TILE_INLINE void flash_probabilities(const struct flash_local *l, struct flash_rows *rows, float c,
                                     int width)
{
    const float *s = (const float *)rows->s;
    float *o = (float *)rows->o, shrink[FLASH_OUTPUTS];
#pragma unroll
    for (int e = 0; e < FLASH_OUTPUTS; e++)
        if (MMA_FIRST(e) == e) {
            __local const float *parts =
                l->parts + (FLASH_ROW + MMA_ROW(FLASH_LANE, e)) * MMA_SLOTS;
            float largest = parts[0];
#pragma unroll
            for (int i = 1; i < MMA_SLOTS; i++)
                largest = fmax(largest, parts[i]);
            largest = fmax(rows->largest[e], c * largest);
            shrink[e] = MMA_EXP2(rows->largest[e] - largest);
            rows->largest[e] = largest;
            rows->sum[e] *= shrink[e];
        }
#pragma unroll
    for (int j = 0; j < FLASH_MAX_O; j++)
#pragma unroll
        for (int e = 0; e < FLASH_OUTPUTS; e++)
            if (16 * j < width)
                o[j * FLASH_OUTPUTS + e] *= shrink[MMA_FIRST(e)];
#pragma unroll
    for (int j = 0; j < FLASH_MAX_S; j++)
#pragma unroll
        for (int e = 0; e < FLASH_OUTPUTS; e += 2)
            if (16 * j < FLASH_KEYS(width)) {
                const int at = j * FLASH_OUTPUTS + e;
                float2 p;
                p.x = MMA_EXP2(ELCL_MAC(c, s[at], -rows->largest[MMA_FIRST(e)]));
                p.y = MMA_EXP2(ELCL_MAC(c, s[at + 1], -rows->largest[MMA_FIRST(e + 1)]));
                const uint pair = flash_pair(p);
                rows->sum[MMA_FIRST(e)] += flash_unpair(pair).x;
                rows->sum[MMA_FIRST(e + 1)] += flash_unpair(pair).y;
                flash_put(l, j, e, pair, width, false);
            }
}

/* O += P V */
TILE_INLINE void flash_values(const struct flash_local *l, struct flash_rows *rows, int width)
{
#pragma unroll
    for (int k = 0; k < 64; k += 16)
        if (k < FLASH_KEYS(width)) {
            const wide_a a = wide_load_a(l->memory, l->p + FLASH_ROW * 4, k / 32 * FLASH_ROWS,
                                         k % 32 / 8);
#pragma unroll
            for (int j = 0; j < FLASH_MAX_O; j++)
                if (16 * j < width)
                    wide_16x16(l->memory, rows->o + j * MMA_SUMS, a,
                               wide_load_b_columns(l->memory, l->v, k, 2 * j, width / 8),
                               FLASH_F16);
        }
}

/* ---- rows of a sentence ---------------------------------------------------------------------- */

/* Goes through `keys` keys; every row has the first `least` of them. */
TILE_INLINE void flash_run(const struct flash_local *l, struct flash_rows *rows,
                           const struct flash_source *from, int keys, int least, int width)
{
    uint4 held_keys[FLASH_HELD], held_values[FLASH_HELD];
    __global const act_t *k = from->k + (long)flash_row(l, FLASH_KEYS(width)) * from->kv_ld +
                              flash_row_element(l, FLASH_KEYS(width));
    __global const act_t *v =
        from->v + (long)flash_value_row(l, width) * from->kv_ld + flash_value_element(l, width);
#pragma unroll
    for (int i = 0; i < FLASH_MAX_O * MMA_SUMS; i++)
        rows->o[i] = (float4)(0.0f);
#pragma unroll
    for (int e = 0; e < FLASH_OUTPUTS; e++) {
        rows->largest[e] = ELCL_NEG_MAX;
        rows->sum[e] = 0.0f;
    }
    flash_fetch_keys(l, held_keys, k, from->kv_ld, keys, from->dh, width);
    wide_commit();
    for (int s0 = 0; s0 < keys; s0 += FLASH_KEYS(width)) {
        const int n = keys - s0;
        flash_land_keys(l, held_keys);
        wide_wait(0);
        barrier(CLK_LOCAL_MEM_FENCE); /* keys are here, and the values before are used up */
        flash_fetch_values(l, held_values, v, from->kv_ld, n, from->dh, width);
        wide_commit();
        flash_scores(l, rows, width);
        if (from->max_distance)
            flash_bias(l, rows, from, s0, width);
        if (s0 + FLASH_KEYS(width) > least)
            flash_mask(l, rows, s0, width);
        flash_share_largest(l, rows, width);
        k += (long)FLASH_KEYS(width) * from->kv_ld;
        v += (long)FLASH_KEYS(width) * from->kv_ld;
        barrier(CLK_LOCAL_MEM_FENCE); /* maxima are here, and these keys used up */
        if (n > FLASH_KEYS(width))
            flash_fetch_keys(l, held_keys, k, from->kv_ld, n - FLASH_KEYS(width), from->dh, width);
        wide_commit();
        flash_probabilities(l, rows, from->c, width);
        flash_land_values(l, held_values, width);
        wide_wait(1);
        barrier(CLK_LOCAL_MEM_FENCE); /* P and values are here */
        flash_values(l, rows, width);
    }
    wide_wait(0);
}

/* Writes O / sum of rows first .. first + n - 1 to o. Ends with a barrier. */
TILE_INLINE void flash_give(const struct flash_local *l, struct flash_rows *rows,
                            __global act_t *o, size_t o_ld, int first, int n, int dh, int width)
{
    const float *sums = (const float *)rows->o;
    flash_share(l, rows->sum);
    barrier(CLK_LOCAL_MEM_FENCE);
    float factor[FLASH_OUTPUTS];
#pragma unroll
    for (int e = 0; e < FLASH_OUTPUTS; e++)
        if (MMA_FIRST(e) == e) {
            __local const float *parts =
                l->parts + (FLASH_ROW + MMA_ROW(FLASH_LANE, e)) * MMA_SLOTS;
            float sum = parts[0];
#pragma unroll
            for (int i = 1; i < MMA_SLOTS; i++)
                sum += parts[i];
            factor[e] = sum > 0.0f ? 1.0f / sum : 0.0f;
        }
#pragma unroll
    for (int j = 0; j < FLASH_MAX_O; j++)
#pragma unroll
        for (int e = 0; e < FLASH_OUTPUTS; e += 2)
            if (16 * j < width) {
                const int at = j * FLASH_OUTPUTS + e;
                const float2 values = (float2)(sums[at] * factor[MMA_FIRST(e)],
                                               sums[at + 1] * factor[MMA_FIRST(e + 1)]);
                flash_put(l, j, e, flash_pair(values), width, true);
            }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = l->item; i < n * (width / 8); i += FLASH_ITEMS) {
        const int row = i / (width / 8), chunk = i % (width / 8);
        if (chunk * 8 < dh)
            *(__global uint4 *)(o + row * o_ld + chunk * 8) =
                l->memory[l->q + swizzle_column(first + row, chunk, width / 8)];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* Records of n rows to local memory. */
TILE_INLINE void flash_begin(const struct flash_local *l,
                             __global const struct elcl_row_group *group,
                             __global const int *positions, int n, int max_distance)
{
    l->least[8] = 0;
    for (int row = get_local_id(0); row < FLASH_ROWS; row += FLASH_ITEMS) {
        l->start[row] = row < n ? group[row].start : -1;
        l->keys[row] = row < n ? group[row].n_shared : 0;
        l->position[row] = max_distance && row < n ? positions[row * ELCL_ROW_INTS] : 0;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* Returns how many rows from `first` on belong to one sentence, and the most and the fewest keys
 * of one of them. Sentences have different starts. */
TILE_INLINE int flash_sentence(const struct flash_local *l, int first, int *most, int *least)
{
    const int item = get_local_id(0);
    int count = 0;
    *most = 0;
    *least = INT_MAX;
    if (item < 8) {
#pragma unroll
        for (int i = 0; i < FLASH_ROWS / 8; i++) {
            const int row = item * (FLASH_ROWS / 8) + i;
            const bool in = row >= first && l->start[row] == l->start[first];
            count += in;
            *most = in ? max(*most, l->keys[row]) : *most;
            *least = in ? min(*least, l->keys[row]) : *least;
        }
        l->count[item] = count;
        l->most[item] = *most;
        l->least[item] = *least;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    count = 0;
#pragma unroll
    for (int i = 0; i < 8; i++) {
        count += l->count[i];
        *most = max(*most, l->most[i]);
        *least = min(*least, l->least[i]);
    }
    return count;
}

TILE_INLINE void flash_group(int width, __global act_t *o, __global const act_t *q,
                             __global const act_t *kv, __global const int *step, ulong groups_at,
                             int n_rows, __global const float *bias, int max_distance,
                             ulong rows_at, int dh, int q_ld, int kv_ld, int k_at, int v_at,
                             float scale, __local uint4 *memory)
{
    struct flash_local l = flash_carve(memory, width);
    const int h = get_group_id(0), r0 = (int)get_group_id(1) * FLASH_ROWS;
    const int end = min(FLASH_ROWS, n_rows - r0);
    const size_t o_ld = get_num_groups(0) * dh;
    struct flash_source from = {.kv_ld = kv_ld,
                                .dh = dh,
                                .c = scale * 1.44269504f,
                                .bias = bias + h * BIAS_ROW(max_distance),
                                .max_distance = max_distance,
                                .per_scale = 1.0f / scale};
    flash_begin(&l, (__global const struct elcl_row_group *)(step + groups_at) + r0,
                step + rows_at + (size_t)r0 * ELCL_ROW_INTS + ELCL_ROW_POSITION, end, max_distance);
    for (int first = 0, n; first < end; first += n) {
        struct flash_rows rows;
        l.item = flash_item(&l);
        int most, least;
        n = flash_sentence(&l, first, &most, &least);
        const size_t r = r0 + first;
        from.k = kv + (size_t)l.start[first] * kv_ld + h * dh + k_at;
        from.v = from.k - k_at + v_at;
        flash_fetch_queries(&l, q + r * q_ld + h * dh, q_ld, first, n, dh, width);
        flash_run(&l, &rows, &from, most, least, width);
        flash_give(&l, &rows, o + r * o_ld + h * dh, o_ld, first, n, dh, width);
    }
}

#define DEFINE_FLASH(NAME, WIDTH)                                                                  \
    MMA_KERNEL __attribute__((reqd_work_group_size(FLASH_ITEMS, 1, 1))) __kernel void NAME(        \
        __global act_t *o,                         /* [R, H Dh] */                                 \
        __global const act_t *q,                   /* [R, q_ld] */                                 \
        __global const act_t *kv,                  /* [cache rows, kv_ld] */                       \
        __global const int *step, ulong groups_at, /* a group per row */                           \
        int n_rows, __global const float *bias,    /* [H, 2 max_distance + 1], or none */          \
        int max_distance, ulong rows_at, int dh, int q_ld, int kv_ld, int k_at, int v_at,          \
        float scale, __local uint4 *memory)                                                        \
    {                                                                                              \
        flash_group(WIDTH, o, q, kv, step, groups_at, n_rows, bias, max_distance, rows_at, dh,     \
                    q_ld, kv_ld, k_at, v_at, scale, memory);                                       \
    }
DEFINE_FLASH(attn_packed_wide_64, 64)
DEFINE_FLASH(attn_packed_wide_128, 128)
