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
 * `position` gets bias[h][j - position] added (storage.cl). own_at is as in attn_mha_gpu.cl: the
 * part that has the last key stores it.
 *
 * An item reads a chunk of 16 bytes, MHA_CHUNK elements, of a key's row, so Dh, kv_ld, k_at and
 * v_at are multiples of it: `lanes` neighboring items read a row, or as much of it as they can at
 * once, and MHA_KEYS keys are in flight per item. Other sizes take attn_mha_gpu.cl.
 *
 * attn_mha_1, attn_mha_4, attn_mha_8
 *                 MAX_ROWS = 1, 4 and 8, of which WG is a multiple; a work-group of WG items per
 *                 (head, group, MAX_ROWS rows and part): global size {WG H, groups,
 *                 ceil(max rows / MAX_ROWS) max_parts}
 *                 local memory: ELCL_MHA_BYTES, at Dh = 64 in 16-bit types 7, 17 and 30 KiB
 * attn_mha_join   an item per (head and element, group, row): global size {ceil(H Dh / WG) WG,
 *                 groups, max rows}
 */
// lint after: tile.cl attn_mha_gpu.cl
// lint: -DVW=4 -DWG=64
// lint: -DVW=4 -DWG=64 -DELCL_STATE_F16
// lint: -DVW=4 -DWG=64 -DELCL_STATE_BF16 -DELCL_ACT_BF16
// lint: -DVW=4 -DWG=64 -DELCL_STATE_INT8 -DELCL_ACT_F16

#define MHA_KEYS ELCL_MHA_KEYS
#define MHA_MAX_ROWS 8
/* Rows whose sums are in local memory at once: the memory holds 8 floats of each for every row. */
#define MHA_TURNS (MHA_CHUNK > 8 ? 4 : 2)
#define MHA_TURN(max_rows) ((max_rows) > 1 ? (max_rows) / MHA_TURNS : 1)

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
#elif defined(STATE_NARROW)
#define MHA_HALVES 4
typedef float16 mha_chunk;
TILE_INLINE mha_chunk mha_integers(uint4 bits)
{
    return convert_float16(as_uchar16(bits));
}
#else
#define MHA_HALVES 1
typedef float4 mha_chunk;
#define mha_widen(bits) as_float4(bits)
#endif
#define MHA_CHUNK (4 * MHA_HALVES)

/* Vectors of four of an array [n][halves][lanes] in local memory: the lanes of a half side by side,
 * against bank conflicts. */
TILE_INLINE mha_chunk mha_get(__local const float4 *a, int n, int lanes, int lane)
{
#if MHA_HALVES == 4
    return (float16)(a[4 * n * lanes + lane], a[(4 * n + 1) * lanes + lane],
                     a[(4 * n + 2) * lanes + lane], a[(4 * n + 3) * lanes + lane]);
#elif MHA_HALVES == 2
    return (float8)(a[2 * n * lanes + lane], a[(2 * n + 1) * lanes + lane]);
#else
    return a[n * lanes + lane];
#endif
}
TILE_INLINE void mha_put(__local float4 *a, int n, int lanes, int lane, mha_chunk v)
{
#if MHA_HALVES == 4
    a[4 * n * lanes + lane] = v.lo.lo;
    a[(4 * n + 1) * lanes + lane] = v.lo.hi;
    a[(4 * n + 2) * lanes + lane] = v.hi.lo;
    a[(4 * n + 3) * lanes + lane] = v.hi.hi;
#elif MHA_HALVES == 2
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
#if MHA_HALVES == 4
    sum = mha_dot4(a.lo.hi, b.lo.hi, mha_dot4(a.lo.lo, b.lo.lo, sum));
    return mha_dot4(a.hi.hi, b.hi.hi, mha_dot4(a.hi.lo, b.hi.lo, sum));
#elif MHA_HALVES == 2
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
};

/* The local memory. */
struct mha_local {
    __local float *work;    /* partial scores [rows][lanes][ld], then sums */
    __local float *p;       /* [ELCL_MHA_PART][max_rows]: scores, then exp(score - m) */
    __local float4 *q;      /* mha_put() [max_rows][chunks] */
    __local float *largest; /* [WG], of row item % max_rows */
    __local float *sum;     /* [WG / lanes][rows of mha_finish()] */
    __local long *row;      /* [ELCL_MHA_PART]: of keys, as state_offset() wants them; up to a whole
                               block the last */
};

/* The item's chunk of MHA_KEYS keys, as bits, and of narrow state their groups. */
struct mha_bits {
    uint4 chunk[MHA_KEYS];
#ifdef STATE_NARROW
    uint group[MHA_KEYS];
#endif
};

/* Reads it for the keys from s on. Oclgrind knows no loops around inlined functions that return so
 * large a structure. */
TILE_INLINE void mha_read(struct mha_bits *bits, const struct mha_task *t, struct state_place kv,
                          __local const long *row, int s, int chunk)
{
    const int d = min(chunk, t->chunks - 1) * MHA_CHUNK;
#pragma unroll
    for (int i = 0; i < MHA_KEYS; i++) {
        const state_row from = state_offset(kv, row[s + i]);
#ifdef STATE_NARROW
        bits->chunk[i] = *(__global const uint4 *)(from.values + d);
        bits->group[i] = from.groups[d / STATE_GROUP];
#else
        bits->chunk[i] = *(__global const uint4 *)(from + d);
#endif
    }
}

/* Key i as floats. */
TILE_INLINE mha_chunk mha_key(const struct mha_bits *bits, int i)
{
#ifdef STATE_NARROW
    const float2 group = vload_half2(0, (const half *)&bits->group[i]);
    return ELCL_MAC((mha_chunk)(group.x), mha_integers(bits->chunk[i]), (mha_chunk)(group.y));
#else
    return mha_widen(bits->chunk[i]);
#endif
}

/* The item's part of the scores of a block of keys from s0 on. */
TILE_INLINE void mha_partial_scores(const struct mha_task *t, const struct mha_local *l,
                                    struct state_place k, int s0, int ld)
{
    const int s = t->slot * MHA_KEYS;
    for (int first = 0; first < t->chunks; first += t->lanes) {
        const int chunk = first + t->lane;
        struct mha_bits bits;
        mha_read(&bits, t, k, l->row, s0 + s, chunk);
        mha_chunk key[MHA_KEYS];
#pragma unroll
        for (int i = 0; i < MHA_KEYS; i++)
            key[i] = mha_key(&bits, i);
        for (int r = 0; r < t->rows; r++) {
            __local float4 *to =
                (__local float4 *)(l->work + r * ELCL_MHA_ROW_LD(WG, t->lanes, t->max_rows) +
                                   t->lane * ld + s);
            const mha_chunk q = mha_get(l->q, r, t->chunks, min(chunk, t->chunks - 1));
            const float4 before = first ? *to : (float4)(0.0f);
            const float4 after = (float4)(mha_dot(key[0], q, before.x),
                                          mha_dot(key[1], q, before.y),
                                          mha_dot(key[2], q, before.z),
                                          mha_dot(key[3], q, before.w));
            *to = chunk < t->chunks ? after : before;
        }
    }
}

/* Scores of all keys, and the largest of what the item sees of row item % max_rows. `bias` is the
 * head's, and the first key lies `distance` after the row's position. */
TILE_INLINE void mha_scores(const struct mha_task *t, const struct mha_local *l,
                            struct state_place k, float scale, __global const float *bias,
                            int max_distance, int distance)
{
    const int item = get_local_id(0), row = item % t->max_rows, ld = ELCL_MHA_LD(WG, t->lanes);
    __local const float *from = l->work + row * ELCL_MHA_ROW_LD(WG, t->lanes, t->max_rows);
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

/* The maximum of the row item % max_rows, of which every max_rows-th item has a part. */
TILE_INLINE float mha_largest(const struct mha_task *t, __local const float *of)
{
    const int end = min(min(t->n, t->block) * t->max_rows, WG);
    float largest = ELCL_NEG_MAX;
    for (int i = get_local_id(0) % t->max_rows; i < end; i += t->max_rows)
        largest = fmax(largest, of[i]);
    return largest;
}

/* What an item adds up of max_rows rows: p V of its chunk, and p. */
struct mha_sums {
    mha_chunk acc[MHA_MAX_ROWS];
    float all[MHA_MAX_ROWS];
};

TILE_INLINE void mha_add(struct mha_sums *sums, int r, float p, mha_chunk value)
{
    sums->acc[r] = ELCL_MAC((mha_chunk)(p), value, sums->acc[r]);
    sums->all[r] += p;
}

TILE_INLINE void mha_values(struct mha_sums *sums, const struct mha_task *t,
                            const struct mha_local *l, struct state_place v, int chunk)
{
#pragma unroll
    for (int r = 0; r < MHA_MAX_ROWS; r++) {
        sums->acc[r] = (mha_chunk)(0.0f);
        sums->all[r] = 0.0f;
    }
    for (int s = t->slot * MHA_KEYS; s < t->n; s += t->block) {
        struct mha_bits bits;
        mha_read(&bits, t, v, l->row, s, chunk);
#pragma unroll
        for (int i = 0; i < MHA_KEYS; i++) {
            const mha_chunk value = mha_key(&bits, i);
            if (t->max_rows == 1) {
                mha_add(sums, 0, l->p[s + i], value);
                continue;
            }
#pragma unroll
            for (int r = 0; r < MHA_MAX_ROWS; r += 4)
                if (r < t->max_rows) {
                    const float4 p = *(__local const float4 *)(l->p + (s + i) * t->max_rows + r);
                    mha_add(sums, r, p.x, value);
                    mha_add(sums, r + 1, p.y, value);
                    mha_add(sums, r + 2, p.z, value);
                    mha_add(sums, r + 3, p.w, value);
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

/* Adds up the items' sums of rows r0 .. r0 + n - 1 and chunks from `first` on. */
TILE_INLINE void mha_finish(const struct mha_sums *sums, const struct mha_task *t,
                            const struct mha_local *l, int first, int r0, int n,
                            const struct mha_result *to)
{
    const int width = t->lanes * MHA_CHUNK;
#pragma unroll
    for (int r = 0; r < MHA_MAX_ROWS; r++)
        if (r >= r0 && r < r0 + n) {
            mha_put((__local float4 *)l->work, t->slot * n + r - r0, t->lanes, t->lane,
                    sums->acc[r]);
            if (t->lane == 0)
                l->sum[t->slot * n + r - r0] = sums->all[r];
        }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int at = get_local_id(0); at < n * width; at += WG) {
        const int r = at / width, d = first * MHA_CHUNK + at % width;
        float value = 0.0f, all = 0.0f;
        if (r0 + r >= t->rows || d >= t->dh)
            continue;
        for (int i = 0; i < WG / t->lanes; i++) {
            value += l->work[mha_at(i * n + r, t->lanes, at % width)];
            all += l->sum[i * n + r];
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
                              struct state_place v, const struct mha_result *to)
{
    const int item = get_local_id(0);
    const float largest = mha_largest(t, l->largest);
    for (int at = item; at < (t->n + MHA_KEYS - 1) / MHA_KEYS * MHA_KEYS * t->max_rows; at += WG)
        l->p[at] = at % t->max_rows < t->rows && at / t->max_rows < t->n
                       ? exp(l->p[at] - largest)
                       : 0.0f;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (item < t->max_rows)
        l->largest[item] = largest;
    for (int first = 0; first < t->chunks; first += t->lanes) {
        struct mha_sums sums;
        mha_values(&sums, t, l, v, first + t->lane);
        const int turn = MHA_TURN(t->max_rows);
        mha_finish(&sums, t, l, first, 0, turn, to);
        if (t->max_rows > 1)
            mha_finish(&sums, t, l, first, turn, turn, to);
#if MHA_TURNS == 4
        if (t->max_rows > 1) {
            mha_finish(&sums, t, l, first, 2 * turn, turn, to);
            mha_finish(&sums, t, l, first, 3 * turn, turn, to);
        }
#endif
    }
}

TILE_INLINE struct mha_local mha_carve(__local float4 *memory, int max_rows, int lanes, int chunks)
{
    struct mha_local l;
    l.q = memory;
    l.row = (__local long *)(l.q + max_rows * chunks * MHA_HALVES);
    l.work = (__local float *)(l.row + ELCL_MHA_PART);
    l.p = l.work + ELCL_MHA_WORK(WG, lanes, max_rows, MHA_CHUNK);
    l.largest = l.p + ELCL_MHA_PART * max_rows;
    l.sum = l.largest + WG;
    return l;
}

/* Rows of q, and where the keys from `first` on begin. */
TILE_INLINE void mha_fetch(const struct mha_task *t, const struct mha_local *l,
                           __global const act_t *q, int q_ld,
                           __global const struct elcl_row_group *group,
                           __global const int *lineage, int first, size_t ld)
{
    for (int at = get_local_id(0); at < t->rows * t->dh; at += WG) {
        const int r = at / t->dh, d = at % t->dh;
        ((__local float *)l->q)[mha_at(r, t->chunks, d)] = ACT_GET(q, (size_t)r * q_ld + d);
    }
    for (int s = get_local_id(0); s < (t->n + t->block - 1) / t->block * t->block; s += WG)
        l->row[s] = key_row(group, lineage, first + min(s, t->n - 1)) * (long)ld;
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE); /* global: mha_store_own() */
}

TILE_INLINE void mha_group(int max_rows, __global act_t *o, __global const act_t *q,
                           __global state_t *kv, __global const int *step, ulong groups_at,
                           __global const int *lineage, int lineage_ld, int own_at,
                           __global const float *bias, int max_distance, ulong rows_at, int dh,
                           int q_ld, int kv_ld, int k_at, int v_at, float scale,
                           __global float *parts, int max_parts, __local float4 *memory)
{
    const int item = get_local_id(0), h = get_group_id(0), n_heads = get_num_groups(0);
    __global const struct elcl_row_group *group =
        (__global const struct elcl_row_group *)(step + groups_at) + get_group_id(1);
    const int z = get_group_id(2), part = z % max_parts, r0 = z / max_parts * max_rows;
    const int keys = group->n_shared + group->n_private, first = part * ELCL_MHA_PART;
    const bool idle = r0 >= group->n_rows || (part && first >= keys);
    const size_t r = group->row + (idle ? 0 : r0);
    const struct mha_task t = {
        .max_rows = max_rows,
        .rows = idle ? 0 : min(group->n_rows - r0, max_rows),
        .n = idle ? 0 : min(keys - first, ELCL_MHA_PART),
        .dh = dh,
        .chunks = dh / MHA_CHUNK,
        .lanes = ELCL_MHA_LANES(dh, MHA_CHUNK, WG),
        .lane = item % ELCL_MHA_LANES(dh, MHA_CHUNK, WG),
        .slot = item / ELCL_MHA_LANES(dh, MHA_CHUNK, WG),
        .block = WG / ELCL_MHA_LANES(dh, MHA_CHUNK, WG) * MHA_KEYS};
    const struct mha_local l = mha_carve(memory, max_rows, t.lanes, t.chunks);
    const struct mha_result to = {.o = o + (r * n_heads + h) * dh,
                                  .part = parts + ((r * n_heads + h) * max_parts + part) * (dh + 2),
                                  .o_ld = (size_t)n_heads * dh,
                                  .part_ld = (size_t)n_heads * max_parts * (dh + 2),
                                  .whole = keys <= ELCL_MHA_PART};
    int distance = first;
    if (max_distance && item % max_rows < t.rows)
        distance -= step[rows_at + (r + item % max_rows) * ELCL_ROW_INTS + ELCL_ROW_POSITION];
    lineage += (size_t)group->lineage_row * lineage_ld;
    q += r * q_ld + h * dh;
    const struct state_place k = state_place(kv, kv_ld, dh, k_at + h * dh);
    const struct state_place v = state_place(kv, kv_ld, dh, v_at + h * dh);
    if (max_rows == 1 && own_at && t.n > 0 && first + t.n == keys)
        mha_store_own(kv + h * dh, q + own_at, key_row(group, lineage, keys - 1), dh, kv_ld, k_at,
                      v_at);
    mha_fetch(&t, &l, q, q_ld, group, lineage, first, k.ld);
    mha_scores(&t, &l, k, scale, bias + h * BIAS_ROW(max_distance), max_distance, distance);
    mha_contexts(&t, &l, v, &to);
}

#define MHA_KERNEL(NAME, MAX_ROWS)                                                                 \
    __kernel __attribute__((reqd_work_group_size(WG, 1, 1))) void NAME(                            \
        __global act_t *o,       /* [R, H Dh] */                                                   \
        __global const act_t *q, /* [R, q_ld] */                                                   \
        __global state_t *kv,    /* [cache rows, kv_ld]; written with own_at */                    \
        __global const int *step, ulong groups_at,                                                 \
        __global const int *lineage, /* [rows, lineage_ld] */                                      \
        int lineage_ld, int own_at,                                                                \
        __global const float *bias, /* [H, 2 max_distance + 1], or none */                         \
        int max_distance, ulong rows_at, int dh, int q_ld, int kv_ld, int k_at, int v_at,          \
        float scale, __global float *parts, /* [R, H, max_parts, Dh + 2], or none */               \
        int max_parts, __local float4 *memory)                                                     \
    {                                                                                              \
        mha_group(MAX_ROWS, o, q, kv, step, groups_at, lineage, lineage_ld, own_at, bias,          \
                  max_distance, rows_at, dh, q_ld, kv_ld, k_at, v_at, scale, parts, max_parts,     \
                  memory);                                                                         \
    }
MHA_KERNEL(attn_mha_1, 1)
MHA_KERNEL(attn_mha_4, 4)
MHA_KERNEL(attn_mha_8, 8)

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
