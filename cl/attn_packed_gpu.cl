/*
 * Multi-head attention of many rows, GPU kernel: as attn_packed_cpu.cl, by tiles (tile.cl). A
 * work-group takes PACKED_ROWS rows of a sentence and goes through blocks of PACKED_KEYS keys:
 * scores are a tile of rows x keys over the elements of q and K, two items compute the softmax of a
 * row, and sums are tiles of rows x 64 elements of V. Between blocks the sums are kept in global
 * memory, in f32.
 *
 * attn_packed   one work-group of 128 items per (head, PACKED_ROWS rows): global size
 *               {128 H, ceil(R / PACKED_ROWS)}; local memory: struct packed_tile, 29 KiB
 */
// lint after: tile.cl tile_plain.cl
// lint: -DVW=4 -DWG=64
// lint: -DVW=4 -DWG=64 -DELCL_STATE_F16
// lint: -DVW=4 -DWG=64 -DELCL_STATE_F16 -DELCL_ACT_F16
// lint: -DVW=4 -DWG=64 -DELCL_STATE_INT8 -DELCL_ACT_F16

#define PACKED_ROWS ELCL_TILE_SIZE
#define PACKED_KEYS ELCL_TILE_SIZE
#define PACKED_STEPS (PACKED_KEYS / ELCL_TILE_K)

struct packed_tile {
    union {
        union TILE(tile) tile;              /* q and K, then scores */
        struct TILE(panel) p[PACKED_STEPS]; /* probabilities */
    } u;
    union {
        struct TILE(panel) panels[2];
        float o[PACKED_ROWS / 2 * ELCL_TILE_LD]; /* a half of the sums */
    } v;
    float largest_part[2][PACKED_ROWS], sum_part[2][PACKED_ROWS];
    float largest[PACKED_ROWS], sum[PACKED_ROWS], shrink[PACKED_ROWS];
    int keys[PACKED_ROWS], position[PACKED_ROWS];
};
ELCL_CHECK(packed_tile_bytes,
           sizeof(struct packed_tile) == ELCL_PACKED_BYTES(sizeof(struct TILE(panel))));

/* Where q, K and V of a head lie. */
struct packed_source {
    __global const act_t *q; /* [rows, q_ld] */
    struct state_place k, v; /* of cache rows */
    size_t start;            /* the cache row of the first key */
    int q_ld, dh;
    bool aligned; /* all rows, as f32_load4() wants them */
};

/* q K^T of `rows` rows and the n keys from s0 on; beyond them, copies of the last ones. */
TILE_INLINE void packed_scores(__local struct packed_tile *t, const struct packed_source *from,
                               int rows, int s0, int n)
{
    const int row = TILE_PART_ROW((int)get_local_id(0)), dh = from->dh;
    __global const act_t *q = from->q + (size_t)min(row, rows - 1) * from->q_ld;
    const state_row k = state_at(from->k, from->start + s0 + min(row, n - 1));
    float4 sums[8];
    tile_clear(sums);
    int now = 0;
    struct tile_rows query = tile_read_act(q, 0, dh, from->aligned);
    struct tile_rows key = tile_read_key(k, 0, dh, from->aligned);
    for (int d = 0; d < dh; d += ELCL_TILE_K) {
        TILE(put_rows)(&t->u.tile.panels.x[now], query, true);
        TILE(put_rows)(&t->u.tile.panels.w[now], key, STATE_LOW);
        barrier(CLK_LOCAL_MEM_FENCE);
        if (d + ELCL_TILE_K < dh) {
            query = tile_read_act(q, d + ELCL_TILE_K, dh, from->aligned);
            key = tile_read_key(k, d + ELCL_TILE_K, dh, from->aligned);
        }
        TILE(multiply)(&t->u.tile.panels.x[now], &t->u.tile.panels.w[now], sums, STATE_LOW, rows);
        now ^= 1;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    TILE(give)(t->u.tile.y, sums, 0, ELCL_TILE_SIZE);
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* Scores of keys s .. s + 3; ELCL_NEG_MAX for those that the row does not have. */
TILE_INLINE float4 packed_score4(float4 products, float scale, int s, int keys, int position,
                                 __global const float *bias, int max_distance)
{
    float4 scores = scale * products;
    if (max_distance)
        scores += (float4)(bias[bias_at(s - position, max_distance)],
                           bias[bias_at(s + 1 - position, max_distance)],
                           bias[bias_at(s + 2 - position, max_distance)],
                           bias[bias_at(s + 3 - position, max_distance)]);
    return tile_before4(scores, ELCL_NEG_MAX, s, keys);
}

/* Turns the products of keys from s0 on into probabilities, with the running maximum and sum of
 * each row. An item takes the half of a row's keys that it puts into panels. */
TILE_INLINE void packed_softmax(__local struct packed_tile *t, int s0, float scale,
                                __global const float *bias, int max_distance)
{
    const int item = get_local_id(0), row = TILE_PART_ROW(item), half_row = item / PACKED_ROWS;
    struct tile_rows p[PACKED_STEPS];
    float4 largest4 = (float4)(ELCL_NEG_MAX), all4 = (float4)(0.0f);
    __local const float *products = t->u.tile.y + row * ELCL_TILE_LD;
#pragma unroll
    for (int i = 0; i < PACKED_STEPS; i++) {
        const int s = i * ELCL_TILE_K + TILE_PART_K(item);
        p[i].lo = packed_score4(*(__local const float4 *)(products + s), scale, s0 + s,
                                t->keys[row], t->position[row], bias, max_distance);
        p[i].hi = packed_score4(*(__local const float4 *)(products + s + 4), scale, s0 + s + 4,
                                t->keys[row], t->position[row], bias, max_distance);
        largest4 = fmax(largest4, fmax(p[i].lo, p[i].hi));
    }
    t->largest_part[half_row][row] = max4(largest4);
    barrier(CLK_LOCAL_MEM_FENCE);
    const float before = t->largest[row];
    const float largest = fmax(before, fmax(t->largest_part[0][row], t->largest_part[1][row]));
#pragma unroll
    for (int i = 0; i < PACKED_STEPS; i++) {
        p[i].lo = exp(p[i].lo - largest);
        p[i].hi = exp(p[i].hi - largest);
        all4 += p[i].lo + p[i].hi;
        TILE(put_rows)(&t->u.p[i], p[i], true);
    }
    t->sum_part[half_row][row] = sum4(all4);
    barrier(CLK_LOCAL_MEM_FENCE);
    if (half_row == 0) {
        const float shrink = exp(before - largest);
        t->shrink[row] = shrink;
        t->largest[row] = largest;
        t->sum[row] = t->sum[row] * shrink + (t->sum_part[0][row] + t->sum_part[1][row]);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* The item's part of rows j .. j + 15 of the n rows of V from s0 on; beyond them copies of the last
 * one, which meet zeros. */
TILE_INLINE struct tile_columns packed_values(const struct packed_source *from, int s0, int j,
                                              int n, int d0)
{
    const int at = j + TILE_PART_PAIR((int)get_local_id(0));
    const size_t first = from->start + s0;
    return tile_read_values(state_at(from->v, first + min(at, n - 1)),
                            state_at(from->v, first + min(at + 1, n - 1)), d0, from->dh,
                            from->aligned);
}

/* o = shrink o + p V of the n keys from s0 on; the first block takes o as zero. */
TILE_INLINE void packed_sums(__local struct packed_tile *t, __global float *o, size_t o_ld,
                             const struct packed_source *from, int rows, int s0, int n)
{
    int now = 0;
    for (int d0 = 0; d0 < from->dh; d0 += ELCL_TILE_SIZE) {
        float4 sums[8];
        tile_clear(sums);
        struct tile_columns values = packed_values(from, s0, 0, n, d0);
        for (int j = 0; j < n; j += ELCL_TILE_K) {
            TILE(put_columns)(&t->v.panels[now], values, STATE_LOW);
            barrier(CLK_LOCAL_MEM_FENCE);
            if (j + ELCL_TILE_K < n)
                values = packed_values(from, s0, j + ELCL_TILE_K, n, d0);
            TILE(multiply)(&t->u.p[j / ELCL_TILE_K], &t->v.panels[now], sums, STATE_LOW, rows);
            now ^= 1;
        }
        for (int first = 0; first < PACKED_ROWS; first += PACKED_ROWS / 2) {
            barrier(CLK_LOCAL_MEM_FENCE);
            TILE(give)(t->v.o, sums, first, PACKED_ROWS / 2);
            barrier(CLK_LOCAL_MEM_FENCE);
            for (int i = get_local_id(0); i < PACKED_ROWS / 2 * ELCL_TILE_SIZE;
                 i += ELCL_TILE_ITEMS) {
                const int row = first + i / ELCL_TILE_SIZE, d = d0 + i % ELCL_TILE_SIZE;
                const float sum = t->v.o[i / ELCL_TILE_SIZE * ELCL_TILE_LD + i % ELCL_TILE_SIZE];
                __global float *to = o + row * o_ld + d;
                if (row < rows && d < from->dh)
                    *to = s0 ? *to * t->shrink[row] + sum : sum;
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
}

/* Returns how many rows from `group` on, at most `max_rows`, belong to one sentence; *keys is
 * the largest number of keys of one of them. */
static inline int packed_rows(__global const struct elcl_row_group *group, int max_rows, int *keys)
{
    const int start = group->start;
    int rows = 0;
    *keys = 0;
    while (rows < max_rows && group[rows].start == start) {
        *keys = max(*keys, group[rows].n_shared);
        rows++;
    }
    return rows;
}

/* Before the first block of keys of `rows` rows, whose positions stand ELCL_ROW_INTS apart. */
TILE_INLINE void packed_begin(__local struct packed_tile *t, int rows,
                              __global const struct elcl_row_group *group,
                              __global const int *positions, int max_distance)
{
    for (int row = get_local_id(0); row < PACKED_ROWS; row += ELCL_TILE_ITEMS) {
        t->keys[row] = row < rows ? group[row].n_shared : 0;
        t->position[row] = max_distance && row < rows ? positions[row * ELCL_ROW_INTS] : 0;
        t->largest[row] = ELCL_NEG_MAX;
        t->sum[row] = 0.0f;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* All blocks of keys, up to the largest number of them; `bias` is that of the head. */
TILE_INLINE void packed_run(__local struct packed_tile *t, __global act_t *o, __global float *sums,
                            size_t o_ld, const struct packed_source *from, int rows, int keys,
                            float scale,
                            __global const float *bias, int max_distance)
{
    for (int s0 = 0; s0 < keys; s0 += PACKED_KEYS) {
        const int n = min(PACKED_KEYS, keys - s0);
        packed_scores(t, from, rows, s0, n);
        packed_softmax(t, s0, scale, bias, max_distance);
        packed_sums(t, sums, o_ld, from, rows, s0, n);
    }
    barrier(CLK_GLOBAL_MEM_FENCE);
    for (int at = get_local_id(0); at < rows * from->dh; at += ELCL_TILE_ITEMS) {
        const int row = at / from->dh;
        const size_t i = row * o_ld + at % from->dh;
        ACT_PUT(o, i, t->keys[row] ? sums[i] / t->sum[row] : 0.0f);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

TILE_KERNEL __kernel void
attn_packed(__global act_t *o,                         /* [R, H Dh] */
            __global const act_t *q,                   /* [R, q_ld] */
            __global const state_t *kv,                /* [cache rows, kv_ld] */
            __global const int *step, ulong groups_at, /* a group per row */
            int n_rows, __global const float *bias,    /* [H, 2 max_distance + 1], or none */
            int max_distance, ulong rows_at, int dh, int q_ld, int kv_ld, int k_at, int v_at,
            float scale, __global float *sums, /* [R, H Dh], scratch */
            __local struct packed_tile *t)
{
    const int h = get_group_id(0);
    const int r_end = min((int)(get_group_id(1) + 1) * PACKED_ROWS, n_rows);
    const size_t o_ld = get_num_groups(0) * dh;
    struct packed_source from = {.k = state_place(kv, kv_ld, dh, k_at + h * dh),
                                 .v = state_place(kv, kv_ld, dh, v_at + h * dh),
                                 .q_ld = q_ld,
                                 .dh = dh};
    int rows;
    from.aligned = (dh | q_ld | kv_ld | k_at | v_at) % 4 == 0;
    o += h * dh;
    sums += h * dh;
    bias += h * BIAS_ROW(max_distance);
    for (int r = get_group_id(1) * PACKED_ROWS; r < r_end; r += rows) {
        __global const struct elcl_row_group *group =
            (__global const struct elcl_row_group *)(step + groups_at) + (size_t)r;
        int keys;
        rows = packed_rows(group, r_end - r, &keys);
        packed_begin(t, rows, group, step + rows_at + (size_t)r * ELCL_ROW_INTS + ELCL_ROW_POSITION,
                     max_distance);
        from.q = q + (size_t)r * q_ld + h * dh;
        from.start = group->start;
        packed_run(t, o + r * o_ld, sums + r * o_ld, o_ld, &from, rows, keys, scale, bias,
                   max_distance);
    }
}
