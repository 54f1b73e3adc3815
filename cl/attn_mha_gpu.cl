/*
 * Multi-head attention, GPU kernels: for each row r of a row group and head h, with the group's
 * keys j,
 *     p = softmax_j(scale q[r, h] . K[j, h]),  o[r, h] = sum_j p_j V[j, h]
 * Reading K and V is all the work. A work-group reads the keys and values of ELCL_MHA_PART keys
 * once for up to MAX_ROWS rows of a group. With longer groups each part gets its own maximum m, sum
 * l and sums o, in global memory, which attn_mha_join adds up: with M = max m,
 *     o[r, h] = sum_parts exp(m - M) o / sum_parts exp(m - M) l
 * A row's result depends on its own keys only: the parts are cut by their number, and both kernels
 * add in the same order. No keys give zeros. With a position bias, the score of key j for a row at
 * `position` gets bias[h][j - position] added (storage.cl).
 *
 * An item reads a chunk of 16 bytes, MHA_CHUNK elements, of a key's row: `lanes` neighboring items
 * read a row, or as much of it as they can at once, and MHA_KEYS keys are in flight per item.
 *
 * attn_mha        MAX_ROWS = 1, for groups of one row
 * attn_mha_rows   MAX_ROWS = ELCL_MHA_ROWS; WG is a multiple of it
 *                 a work-group of WG items per (head, group, MAX_ROWS rows and part): global size
 *                 {WG H, groups, ceil(max rows / MAX_ROWS) max_parts}
 *                 local memory: ELCL_MHA_BYTES: at Dh = 64 7 or 29 KiB
 * attn_mha_join   an item per (head and element, group, row): global size {ceil(H Dh / WG) WG,
 *                 groups, max rows}
 */
// lint after: tile.cl
// lint: -DVW=4 -DWG=64
// lint: -DVW=4 -DWG=64 -DELCL_STATE_F16
// lint: -DVW=4 -DWG=64 -DELCL_STATE_BF16 -DELCL_ACT_BF16

#define MHA_KEYS ELCL_MHA_KEYS
#define MHA_HALF (ELCL_MHA_ROWS / 2)

/* A chunk as floats, in MHA_HALVES vectors of four. */
#if defined(ELCL_STATE_F16)
#define MHA_HALVES 2
typedef float8 mha_chunk;
TILE_INLINE mha_chunk mha_widen(uint4 bits)
{
    return vload_half8(0, (const half *)&bits);
}
#elif defined(ELCL_STATE_BF16)
#define MHA_HALVES 2
typedef float8 mha_chunk;
TILE_INLINE mha_chunk mha_widen(uint4 bits)
{
    const float4 even = as_float4(bits << 16), odd = as_float4(bits & 0xffff0000u);
    return (float8)(even.x, odd.x, even.y, odd.y, even.z, odd.z, even.w, odd.w);
}
#else
#define MHA_HALVES 1
typedef float4 mha_chunk;
#define mha_widen(bits) as_float4(bits)
#endif
#define MHA_CHUNK (4 * MHA_HALVES)

/* The chunk's bits; `n` of its elements exist, the others become zero. `aligned`: all chunks lie at
 * multiples of 16 bytes, and all elements exist. */
TILE_INLINE uint4 mha_read(__global const state_t *p, int n, bool aligned)
{
    if (aligned)
        return *(__global const uint4 *)p;
    uint4 v = (uint4)(0);
#if MHA_HALVES == 2
    __global const ushort *e = (__global const ushort *)p;
    v.x = (n > 0 ? e[0] : 0u) | (n > 1 ? (uint)e[1] << 16 : 0u);
    v.y = (n > 2 ? e[2] : 0u) | (n > 3 ? (uint)e[3] << 16 : 0u);
    v.z = (n > 4 ? e[4] : 0u) | (n > 5 ? (uint)e[5] << 16 : 0u);
    v.w = (n > 6 ? e[6] : 0u) | (n > 7 ? (uint)e[7] << 16 : 0u);
#else
    v.x = n > 0 ? as_uint(p[0]) : 0u;
    v.y = n > 1 ? as_uint(p[1]) : 0u;
    v.z = n > 2 ? as_uint(p[2]) : 0u;
    v.w = n > 3 ? as_uint(p[3]) : 0u;
#endif
    return v;
}

/* Vectors of four of an array [n][halves][lanes] in local memory: the lanes of a half side by side,
 * against bank conflicts. */
TILE_INLINE mha_chunk mha_get(__local const float4 *a, int n, int lanes, int lane)
{
#if MHA_HALVES == 2
    return (float8)(a[2 * n * lanes + lane], a[(2 * n + 1) * lanes + lane]);
#else
    return a[n * lanes + lane];
#endif
}
TILE_INLINE void mha_put(__local float4 *a, int n, int lanes, int lane, mha_chunk v)
{
#if MHA_HALVES == 2
    a[2 * n * lanes + lane] = v.lo;
    a[(2 * n + 1) * lanes + lane] = v.hi;
#else
    a[n * lanes + lane] = v;
#endif
}
/* The place of element d of array n, in floats. */
TILE_INLINE int mha_at(int n, int lanes, int d)
{
    return ((n * MHA_HALVES + d / 4 % MHA_HALVES) * lanes + d / MHA_CHUNK) * 4 + d % 4;
}

TILE_INLINE float mha_dot4(float4 a, float4 b, float sum)
{
    sum = ELCL_MAC(a.x, b.x, sum);
    sum = ELCL_MAC(a.y, b.y, sum);
    sum = ELCL_MAC(a.z, b.z, sum);
    return ELCL_MAC(a.w, b.w, sum);
}
TILE_INLINE float mha_dot(mha_chunk a, mha_chunk b, float sum)
{
#if MHA_HALVES == 2
    return mha_dot4(a.hi, b.hi, mha_dot4(a.lo, b.lo, sum));
#else
    return mha_dot4(a, b, sum);
#endif
}

/* What a work-group computes: `rows` rows and n keys, both 0 if it has nothing to do. */
struct mha_task {
    int max_rows, rows, n, dh;
    int chunks; /* of a row */
    int lanes, lane, slot; /* the item takes chunks lane, lane + lanes, ... of keys MHA_KEYS slot ..
                              of every `block` keys */
    int block;
    int kv_ld;
    bool aligned;
};

/* The local memory. */
struct mha_local {
    __local float *work;    /* partial scores [rows][lanes][ld], then sums */
    __local float *p;       /* [ELCL_MHA_PART][max_rows]: scores, then exp(score - m) */
    __local float4 *q;      /* mha_put() [max_rows][chunks] */
    __local float *largest; /* [WG], of row item % max_rows */
    __local float *sum;     /* [WG / lanes][rows of mha_finish()] */
    __local int *row;       /* [ELCL_MHA_PART]: cache rows */
};

/* MHA_KEYS chunks of keys from s on; zeros beyond the last key. */
TILE_INLINE void mha_read_keys(uint4 *bits, const struct mha_task *t, __global const state_t *kv,
                               __local const int *row, int s, int chunk)
{
    const int d = chunk * MHA_CHUNK, n = chunk < t->chunks ? t->n : 0;
#pragma unroll
    for (int i = 0; i < MHA_KEYS; i++)
        bits[i] = s + i < n
                      ? mha_read(kv + (size_t)row[s + i] * t->kv_ld + d, t->dh - d, t->aligned)
                      : (uint4)(0);
}

/* The item's part of the scores of a block of keys from s0 on. */
TILE_INLINE void mha_partial_scores(const struct mha_task *t, const struct mha_local *l,
                                    __global const state_t *k, int s0, int ld)
{
    const int s = t->slot * MHA_KEYS;
    for (int first = 0; first < t->chunks; first += t->lanes) {
        const int chunk = first + t->lane;
        uint4 bits[MHA_KEYS];
        mha_chunk key[MHA_KEYS];
        mha_read_keys(bits, t, k, l->row, s0 + s, chunk);
#pragma unroll
        for (int i = 0; i < MHA_KEYS; i++)
            key[i] = mha_widen(bits[i]);
        for (int r = 0; r < t->rows; r++) {
            __local float4 *to =
                (__local float4 *)(l->work + r * ELCL_MHA_ROW_LD(WG, t->lanes) + t->lane * ld + s);
            const mha_chunk q = mha_get(l->q, r, t->chunks, min(chunk, t->chunks - 1));
            const float4 before = first ? *to : (float4)(0.0f);
            *to = (float4)(mha_dot(key[0], q, before.x), mha_dot(key[1], q, before.y),
                           mha_dot(key[2], q, before.z), mha_dot(key[3], q, before.w));
        }
    }
}

/* Scores of all keys, and the largest of what the item sees of row item % max_rows. `bias` is the
 * head's, and the first key lies `distance` after the row's position. */
TILE_INLINE void mha_scores(const struct mha_task *t, const struct mha_local *l,
                            __global const state_t *k, float scale, __global const float *bias,
                            int max_distance, int distance)
{
    const int item = get_local_id(0), row = item % t->max_rows, ld = ELCL_MHA_LD(WG, t->lanes);
    __local const float *from = l->work + row * ELCL_MHA_ROW_LD(WG, t->lanes);
    float largest = ELCL_NEG_MAX;
    for (int s0 = 0; s0 < t->n; s0 += t->block) {
        mha_partial_scores(t, l, k, s0, ld);
        barrier(CLK_LOCAL_MEM_FENCE);
        const int n = min(t->block, t->n - s0);
        for (int s = item / t->max_rows; s < n && row < t->rows; s += WG / t->max_rows) {
            float sum = from[s];
            for (int i = 1; i < t->lanes; i++)
                sum += from[i * ld + s];
            const float score =
                max_distance
                    ? ELCL_MAC(scale, sum, bias[bias_at(s0 + s + distance, max_distance)])
                    : scale * sum;
            l->p[(s0 + s) * t->max_rows + row] = score;
            largest = fmax(largest, score);
        }
        l->largest[item] = largest;
        barrier(CLK_LOCAL_MEM_FENCE);
    }
}

/* The maximum of the row item % max_rows. */
TILE_INLINE float mha_largest(const struct mha_task *t, __local const float *of)
{
    const int row = get_local_id(0) % t->max_rows;
    float largest = of[row];
    for (int i = row + t->max_rows; i < WG; i += t->max_rows)
        largest = fmax(largest, of[i]);
    return largest;
}

/* Adds up p V and p of the item's chunk of its keys. */
TILE_INLINE void mha_values(const struct mha_task *t, const struct mha_local *l,
                            __global const state_t *v, int chunk, mha_chunk *acc, float *sum)
{
#pragma unroll
    for (int r = 0; r < ELCL_MHA_ROWS; r++) {
        acc[r] = (mha_chunk)(0.0f);
        sum[r] = 0.0f;
    }
    for (int s = t->slot * MHA_KEYS; s < t->n; s += t->block) {
        uint4 bits[MHA_KEYS];
        mha_read_keys(bits, t, v, l->row, s, chunk);
#pragma unroll
        for (int i = 0; i < MHA_KEYS; i++) {
            const mha_chunk value = mha_widen(bits[i]);
            __local const float *p = l->p + (s + i) * t->max_rows;
#pragma unroll
            for (int r = 0; r < ELCL_MHA_ROWS; r++)
                if (r < t->max_rows && (r < MHA_HALF || t->rows > MHA_HALF)) {
                    acc[r] = ELCL_MAC((mha_chunk)(p[r]), value, acc[r]);
                    sum[r] += p[r];
                }
        }
    }
}

/* Where the results of the first row go: to o, or with several parts to `part`, as [Dh] sums, m and
 * l. */
struct mha_result {
    __global act_t *o;
    __global float *part;
    size_t o_ld, part_ld; /* from row to row */
    bool whole;           /* there is one part */
};

/* Adds up the items' sums of up to MHA_HALF rows, from r0 on, of chunks from `first` on. */
TILE_INLINE void mha_finish(const struct mha_task *t, const struct mha_local *l, int first, int r0,
                            const mha_chunk *acc, const float *sum, const struct mha_result *to)
{
    const int rows = min(t->max_rows, MHA_HALF), width = t->lanes * MHA_CHUNK;
#pragma unroll
    for (int r = 0; r < MHA_HALF; r++)
        if (r < rows) {
            mha_put((__local float4 *)l->work, t->slot * rows + r, t->lanes, t->lane, acc[r]);
            if (t->lane == 0)
                l->sum[t->slot * rows + r] = sum[r];
        }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int at = get_local_id(0); at < rows * width; at += WG) {
        const int r = at / width, d = first * MHA_CHUNK + at % width;
        float value = 0.0f, all = 0.0f;
        if (r0 + r >= t->rows || d >= t->dh)
            continue;
        for (int i = 0; i < WG / t->lanes; i++) {
            value += l->work[mha_at(i * rows + r, t->lanes, at % width)];
            all += l->sum[i * rows + r];
        }
        if (to->whole) {
            ACT_PUT(to->o, (r0 + r) * to->o_ld + d, t->n ? value / all : 0.0f);
            continue;
        }
        __global float *part = to->part + (r0 + r) * to->part_ld;
        part[d] = value;
        if (d == 0) {
            part[t->dh] = l->largest[r0 + r];
            part[t->dh + 1] = all;
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* After mha_scores(): probabilities, then the sums. */
TILE_INLINE void mha_contexts(const struct mha_task *t, const struct mha_local *l,
                              __global const state_t *v, const struct mha_result *to)
{
    const int item = get_local_id(0);
    const float largest = mha_largest(t, l->largest);
    for (int at = item; at < (t->n + MHA_KEYS - 1) / MHA_KEYS * MHA_KEYS * t->max_rows; at += WG)
        l->p[at] = at / t->max_rows < t->n ? exp(l->p[at] - largest) : 0.0f;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (item < t->max_rows)
        l->largest[item] = largest;
    for (int first = 0; first < t->chunks; first += t->lanes) {
        mha_chunk acc[ELCL_MHA_ROWS];
        float sum[ELCL_MHA_ROWS];
        mha_values(t, l, v, first + t->lane, acc, sum);
        mha_finish(t, l, first, 0, acc, sum, to);
        if (t->rows > MHA_HALF)
            mha_finish(t, l, first, MHA_HALF, acc + MHA_HALF, sum + MHA_HALF, to);
    }
}

TILE_INLINE struct mha_local mha_carve(__local float4 *memory, int max_rows, int lanes, int chunks)
{
    struct mha_local l;
    l.q = memory;
    l.work = (__local float *)(l.q + max_rows * chunks * MHA_HALVES);
    l.p = l.work + ELCL_MHA_WORK(WG, lanes, max_rows);
    l.largest = l.p + ELCL_MHA_PART * max_rows;
    l.sum = l.largest + WG;
    l.row = (__local int *)(l.sum + WG);
    return l;
}

/* Rows of q, zeros beyond Dh, and the cache rows of the keys from `first` on. */
TILE_INLINE void mha_fetch(const struct mha_task *t, const struct mha_local *l,
                           __global const act_t *q, int q_ld,
                           __global const struct elcl_row_group *group,
                           __global const int *lineage, int first)
{
    const int width = t->chunks * MHA_CHUNK;
    for (int at = get_local_id(0); at < t->rows * width; at += WG) {
        const int r = at / width, d = at % width;
        ((__local float *)l->q)[mha_at(r, t->chunks, d)] =
            d < t->dh ? ACT_GET(q, (size_t)r * q_ld + d) : 0.0f;
    }
    for (int s = get_local_id(0); s < t->n; s += WG)
        l->row[s] = key_row(group, lineage, first + s);
    barrier(CLK_LOCAL_MEM_FENCE);
}

TILE_INLINE void mha_group(int max_rows, __global act_t *o, __global const act_t *q,
                           __global const state_t *kv, __global const int *step, ulong groups_at,
                           __global const int *lineage, int lineage_ld, __global const float *bias,
                           int max_distance, ulong rows_at, int dh, int q_ld, int kv_ld, int k_at,
                           int v_at, float scale, __global float *parts, int max_parts,
                           __local float4 *memory)
{
    const int item = get_local_id(0), h = get_group_id(0), n_heads = get_num_groups(0);
    __global const struct elcl_row_group *group =
        (__global const struct elcl_row_group *)(step + groups_at) + get_group_id(1);
    const int part = get_group_id(2) % max_parts, r0 = get_group_id(2) / max_parts * max_rows;
    const int keys = group->n_shared + group->n_private, first = part * ELCL_MHA_PART;
    const bool idle = r0 >= group->n_rows || (part && first >= keys);
    const size_t r = group->row + (idle ? 0 : r0);
    const struct mha_task t = {
        .max_rows = max_rows,
        .rows = idle ? 0 : min(group->n_rows - r0, max_rows),
        .n = idle ? 0 : min(keys - first, ELCL_MHA_PART),
        .dh = dh,
        .chunks = (dh + MHA_CHUNK - 1) / MHA_CHUNK,
        .lanes = ELCL_MHA_LANES(dh, MHA_CHUNK, WG),
        .lane = item % ELCL_MHA_LANES(dh, MHA_CHUNK, WG),
        .slot = item / ELCL_MHA_LANES(dh, MHA_CHUNK, WG),
        .block = WG / ELCL_MHA_LANES(dh, MHA_CHUNK, WG) * MHA_KEYS,
        .kv_ld = kv_ld,
        .aligned = (dh | kv_ld | k_at | v_at) % MHA_CHUNK == 0};
    const struct mha_local l = mha_carve(memory, max_rows, t.lanes, t.chunks);
    const struct mha_result to = {.o = o + (r * n_heads + h) * dh,
                                  .part = parts + ((r * n_heads + h) * max_parts + part) * (dh + 2),
                                  .o_ld = (size_t)n_heads * dh,
                                  .part_ld = (size_t)n_heads * max_parts * (dh + 2),
                                  .whole = keys <= ELCL_MHA_PART};
    int distance = first;
    if (max_distance && item % max_rows < t.rows)
        distance -= step[rows_at + (r + item % max_rows) * ELCL_ROW_INTS + ELCL_ROW_POSITION];
    mha_fetch(&t, &l, q + r * q_ld + h * dh, q_ld, group,
              lineage + (size_t)group->lineage_row * lineage_ld, first);
    kv += h * dh;
    mha_scores(&t, &l, kv + k_at, scale, bias + h * BIAS_ROW(max_distance), max_distance, distance);
    mha_contexts(&t, &l, kv + v_at, &to);
}

#define MHA_KERNEL(NAME, MAX_ROWS)                                                                 \
    __kernel __attribute__((reqd_work_group_size(WG, 1, 1))) void NAME(                            \
        __global act_t *o,          /* [R, H Dh] */                                                \
        __global const act_t *q,    /* [R, q_ld] */                                                \
        __global const state_t *kv, /* [cache rows, kv_ld] */                                      \
        __global const int *step, ulong groups_at,                                                 \
        __global const int *lineage, /* [rows, lineage_ld] */                                      \
        int lineage_ld, __global const float *bias, /* [H, 2 max_distance + 1], or none */         \
        int max_distance, ulong rows_at, int dh, int q_ld, int kv_ld, int k_at, int v_at,          \
        float scale, __global float *parts, /* [R, H, max_parts, Dh + 2], or none */               \
        int max_parts, __local float4 *memory)                                                     \
    {                                                                                              \
        mha_group(MAX_ROWS, o, q, kv, step, groups_at, lineage, lineage_ld, bias, max_distance,    \
                  rows_at, dh, q_ld, kv_ld, k_at, v_at, scale, parts, max_parts, memory);          \
    }
MHA_KERNEL(attn_mha, 1)
MHA_KERNEL(attn_mha_rows, ELCL_MHA_ROWS)

__kernel void attn_mha_join(__global act_t *o,           /* [R, H Dh] */
                            __global const float *parts, /* [R, H, max_parts, Dh + 2] */
                            __global const int *step, ulong groups_at, int h_dh, int dh,
                            int max_parts)
{
    __global const struct elcl_row_group *group =
        (__global const struct elcl_row_group *)(step + groups_at) + get_global_id(1);
    const int at = get_global_id(0), keys = group->n_shared + group->n_private;
    const size_t r = group->row + get_global_id(2);
    if (at >= h_dh || (int)get_global_id(2) >= group->n_rows || keys <= ELCL_MHA_PART)
        return;
    const int n = (keys + ELCL_MHA_PART - 1) / ELCL_MHA_PART;
    float largest = ELCL_NEG_MAX, sum = 0.0f, all = 0.0f;
    parts += (r * (h_dh / dh) + at / dh) * max_parts * (dh + 2);
    for (int i = 0; i < n; i++)
        largest = fmax(largest, parts[i * (dh + 2) + dh]);
    for (int i = 0; i < n; i++) {
        __global const float *part = parts + i * (dh + 2);
        const float weight = exp(part[dh] - largest);
        sum = ELCL_MAC(weight, part[at % dh], sum);
        all = ELCL_MAC(weight, part[dh + 1], all);
    }
    ACT_PUT(o, r * h_dh + at, sum / all);
}
