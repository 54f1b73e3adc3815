/*
 * How attn_el_wide.cl brings keys: 128 rows of Y x 32 elements for a step of scores, 32 rows x 128
 * elements for a step of contexts. For each of both
 *     el_key_begin(), el_value_begin()    where the item's first numbers are
 *     el_value_rows()                     in which rows the next ones are
 *     el_key_copy(), el_value_copy()      start to bring the next step to its tile
 *     el_key_read(), el_value_read()      read the next step into an el_held
 *     el_key_land(), el_value_land()      store what an el_held has in its tile
 * State of 16 bits has the operands' type. It is copied with the queries or the probabilities, by
 * the same asynchronous copies; without such copies an el_held takes it, and there is nothing to
 * read.
 *
 * Narrow state is read, widened (narrow_wide.cl) and stored, and there is nothing to copy. An
 * item has the steps of EL_SLOTS el_held on their way: two where copies run asynchronously, so that
 * the bytes in flight are no fewer. It brings unit u of a row: 16 neighbors of int8, chunks 2 u and
 * 2 u + 1, by a load of 16 bytes. Of int4, where a byte has elements 16 apart, a load of 8 bytes
 * gives chunk 4 (u / 2) + u % 2 in the low halves and the chunk 2 later in the high ones. Which of
 * its two chunks an item stores first depends on the item, so that neighbors meet all banks.
 */
// lint after: tile.cl swizzle.cl mma_emulated.cl tile_mma.cl tile_wide.cl narrow_wide.cl
// lint: -DVW=4 -DSUBGROUP=32 -DELCL_STATE_F16 -DELCL_ACT_F16
// lint: -DVW=4 -DSUBGROUP=32 -DELCL_STATE_INT8 -DELCL_ACT_F16
// lint: -DVW=4 -DSUBGROUP=8 -DELCL_STATE_INT4 -DELCL_ACT_BF16

#if defined(STATE_NARROW) ? defined(ELCL_ACT_F16) : defined(ELCL_STATE_F16)
#define EL_F16 true
#else
#define EL_F16 false
#endif

/* A group's keys, and the pairs and keys of a tile. */
struct el_tile {
    __global const struct elcl_row_group *group;
    __global const int *lineage;
    int keys, pairs; /* pairs: from the tile's first one on */
    size_t pair;     /* the tile's first one */
};

TILE_INLINE struct el_tile el_tile_begin(__global const int *groups, __global const int *lineage,
                                         int lineage_ld, int h_size, int bm)
{
    struct el_tile t;
    const int m0 = get_group_id(1) * bm;
    t.group = (__global const struct elcl_row_group *)groups + get_group_id(2);
    t.lineage = lineage + (size_t)t.group->lineage_row * lineage_ld;
    t.keys = t.group->n_shared + t.group->n_private;
    t.pairs = t.group->n_rows * h_size - m0;
    t.pair = (size_t)t.group->row * h_size + m0;
    return t;
}

/* Cache row of key j of the group; any row if there is no such key. */
TILE_INLINE size_t el_key_row(const struct el_tile *t, int j)
{
    return j < t->keys ? key_row(t->group, t->lineage, j) : 0;
}

/* Contexts take the beginnings of rows from a list in local memory, in chunks from that of cache
 * row 0 on. */
#define EL_NO_KEY 0xffffffffu

#ifndef STATE_NARROW
#define EL_SLOTS 1
#define EL_ROW_CHUNKS(d_size) ((d_size) / 8)
struct el_held {
    uint4 w[2];
};

/* The item's next chunks, and how many terms are left from them on; none for keys that do not
 * exist, whose chunks are zeros. */
struct el_key_source {
    __global const state_t *y[2];
    int left[2];
};

TILE_INLINE struct el_key_source el_key_begin(const struct el_tile *t, __global const state_t *y,
                                              int n0, int d_size)
{
    const int item = get_local_id(0), at = WIDE_ROW_CHUNK(item) * 8;
    struct el_key_source s;
#pragma unroll
    for (int i = 0; i < 2; i++) {
        const int j = n0 + WIDE_ROW(item, i);
        s.y[i] = y + el_key_row(t, j) * d_size + at;
        s.left[i] = j < t->keys ? d_size - at : 0;
    }
    return s;
}

TILE_INLINE void el_key_copy(__local uint4 *memory, struct el_held *held, struct el_key_source *s,
                             int tile)
{
#pragma unroll
    for (int i = 0; i < 2; i++) {
        wide_fetch_row(memory, &held->w[i], tile, i, s->y[i], s->left[i] > 0);
        s->y[i] += WIDE_K;
        s->left[i] -= WIDE_K;
    }
}

TILE_INLINE void el_key_read(struct el_held *held, struct el_key_source *s)
{
}

TILE_INLINE void el_key_land(__local uint4 *memory, const struct el_held *held, int tile)
{
#pragma unroll
    for (int i = 0; i < 2; i++)
        wide_land(wide_row_place(memory, tile, i), &held->w[i]);
}

/* The item's column of chunks. What the columns beyond D get is not used. */
struct el_value_source {
    __global const uint4 *y;
    int key; /* the next one in the list of rows */
};

TILE_INLINE struct el_value_source el_value_begin(__global const state_t *y, int n0, int d_size)
{
    const int item = get_local_id(0);
    struct el_value_source s;
    s.y = (__global const uint4 *)(y + min(n0 + WIDE_COLUMN_CHUNK(item) * 8, d_size - 8));
    s.key = WIDE_COLUMN(item, 0);
    return s;
}

/* Where the rows of the next step begin. */
TILE_INLINE uint2 el_value_rows(__local const uint *rows, struct el_value_source *s)
{
    __local const uint *next = rows + s->key;
    s->key = (s->key + WIDE_K) & (2 * ELCL_EL_WIDE_PART - 1);
    return (uint2)(next[0], next[16]);
}

TILE_INLINE void el_value_copy(__local uint4 *memory, uint2 rows, struct el_held *held,
                               const struct el_value_source *s, int tile)
{
    __global const uint4 *y0 = s->y + rows.x, *y1 = s->y + rows.y;
    wide_fetch_column(memory, &held->w[0], tile, 0, y0, rows.x != EL_NO_KEY);
    wide_fetch_column(memory, &held->w[1], tile, 1, y1, rows.y != EL_NO_KEY);
}

TILE_INLINE void el_value_read(uint2 rows, struct el_held *held, const struct el_value_source *s)
{
}

TILE_INLINE void el_value_land(__local uint4 *memory, const struct el_held *held, int tile)
{
#pragma unroll
    for (int i = 0; i < 2; i++)
        wide_land(wide_column_place(memory, tile, i), &held->w[i]);
}

#else
#ifdef WIDE_ASYNC
#define EL_SLOTS 2
#else
#define EL_SLOTS 1
#endif
#define EL_ROW_CHUNKS(d_size) ((uint)(state_row_bytes(d_size, d_size) / 16))
#define EL_GROUP_STEPS (STATE_GROUP / WIDE_K) /* of scores, whose group is the same */
ELCL_CHECK(el_group_steps, EL_GROUP_STEPS % EL_SLOTS == 0);

#ifdef ELCL_STATE_INT8
typedef uint4 el_unit;
#define EL_UNIT_AT(u) (16 * (u))              /* bytes */
#define EL_UNIT_CHUNK(u, i) (2 * (u) + (i))   /* chunk i of unit u */
#define EL_UNIT_FIRST(u) (16 * (u))           /* its first element */
#define EL_UNIT_STEP 32                       /* bytes from a step of scores to the next */
#else
typedef uint2 el_unit;
#define EL_UNIT_AT(u) (8 * (u))
#define EL_UNIT_CHUNK(u, i) ((u) / 2 * 4 + (u) % 2 + 2 * (i))
#define EL_UNIT_FIRST(u) ((u) / 2 * 32)
#define EL_UNIT_STEP 16
#endif
struct el_held {
    el_unit q;
    uint group; /* s and z */
};

/* Chunk i of a unit. */
TILE_INLINE uint4 el_widen(const struct el_held *held, int i)
{
#ifdef ELCL_STATE_INT8
    return wide_widen(i ? held->q.zw : held->q.xy, held->group, EL_F16);
#else
    return wide_widen(held->q >> (uint)(4 * i) & 0x0f0f0f0fu, held->group, EL_F16);
#endif
}

/* ---- scores: unit item % 2 of row item / 2 --------------------------------------------------- */

/* The item's next unit, and how many terms are left from it on; none for keys that do not exist,
 * which are zeros. */
struct el_key_source {
    __global const uchar *q;
    __global const uint *groups;
    int left, step;
};

TILE_INLINE struct el_key_source el_key_begin(const struct el_tile *t, __global const state_t *y,
                                              int n0, int d_size)
{
    const int item = get_local_id(0), j = n0 + item / 2;
    const state_row row = state_row_at(y, el_key_row(t, j), d_size);
    struct el_key_source s;
    s.q = row.values + EL_UNIT_AT(item % 2);
    s.groups = row.groups;
    s.left = j < t->keys ? d_size - EL_UNIT_FIRST(item % 2) : 0;
    s.step = 0;
    return s;
}

TILE_INLINE void el_key_copy(__local uint4 *memory, struct el_held *held, struct el_key_source *s,
                             int tile)
{
}

/* `held` has the group's s and z from its step before, unless this is its first one of a group. */
TILE_INLINE void el_key_read(struct el_held *held, struct el_key_source *s)
{
    if (s->step % EL_GROUP_STEPS < EL_SLOTS)
        held->group = s->left > 0 ? s->groups[s->step / EL_GROUP_STEPS] : 0;
    held->q = s->left > 0 ? *(__global const el_unit *)s->q : (el_unit)(0u);
    s->q += EL_UNIT_STEP;
    s->left -= WIDE_K;
    s->step++;
}

TILE_INLINE void el_key_land(__local uint4 *memory, const struct el_held *held, int tile)
{
    const int item = get_local_id(0), row = item / 2, u = item % 2;
#ifdef ELCL_STATE_INT8
    const int first = 0;
#else
    const int first = row / 2 % 2;
#endif
#pragma unroll
    for (int i = 0; i < 2; i++)
        memory[swizzle_row(row, EL_UNIT_CHUNK(u, first ^ i)) + tile] = el_widen(held, first ^ i);
}

/* ---- contexts: unit item % 8 of row item / 8 ------------------------------------------------- */

/* The item's unit in cache row 0, and its group there. What the columns beyond D get is not used.
 */
struct el_value_source {
    __global const uchar *q, *group;
    int key; /* the next one in the list of rows */
};

TILE_INLINE struct el_value_source el_value_begin(__global const state_t *y, int n0, int d_size)
{
    const int u = n0 / 16 + (int)get_local_id(0) % 8;
    const int inside = EL_UNIT_FIRST(u) < d_size ? u : 0;
    const state_row row = state_row_at(y, 0, d_size);
    struct el_value_source s;
    s.q = row.values + EL_UNIT_AT(inside);
    s.group = (__global const uchar *)(row.groups + EL_UNIT_FIRST(inside) / STATE_GROUP);
    s.key = (int)get_local_id(0) / 8;
    return s;
}

TILE_INLINE uint2 el_value_rows(__local const uint *rows, struct el_value_source *s)
{
    const uint2 next = (uint2)(rows[s->key], 0);
    s->key = (s->key + WIDE_K) & (2 * ELCL_EL_WIDE_PART - 1);
    return next;
}

TILE_INLINE void el_value_copy(__local uint4 *memory, uint2 rows, struct el_held *held,
                               const struct el_value_source *s, int tile)
{
}

TILE_INLINE void el_value_read(uint2 rows, struct el_held *held, const struct el_value_source *s)
{
    const size_t at = (size_t)rows.x * 16;
    held->q = rows.x != EL_NO_KEY ? *(__global const el_unit *)(s->q + at) : (el_unit)(0u);
    held->group = rows.x != EL_NO_KEY ? *(__global const uint *)(s->group + at) : 0;
}

TILE_INLINE void el_value_land(__local uint4 *memory, const struct el_held *held, int tile)
{
    const int row = (int)get_local_id(0) / 8, u = (int)get_local_id(0) % 8, first = u / 4;
#pragma unroll
    for (int i = 0; i < 2; i++)
        memory[swizzle_column(row, EL_UNIT_CHUNK(u, first ^ i), WIDE_N / 8) + tile] =
            el_widen(held, first ^ i);
}
#endif
