/*
 * Multi-head attention, CPU kernel: for each row r of a row group and head h, with the group's keys
 * j,
 *     p = softmax_j(scale q[r, h] . K[j, h]),  o[r, h] = sum_j p_j V[j, h]
 * in one pass over blocks of MHA_KEYS keys with a running maximum and sum, as in attn_mha_gpu.cl.
 * The blocks depend only on the number of keys. No keys give zeros. With a position bias, the score
 * of key j for a row at `position` gets bias[h][j - position] added (storage.cl).
 *
 * attn_mha   one work-item per (`heads` heads, group): global size {ceil(H / heads), groups},
 *            work-group {1, 1}. Up to MHA_TILE rows of a group pass over the keys and values
 *            together, so these are read once: the part of a cache row for all these heads in one
 *            run. Cache rows lie pages apart, and the part of one head is too short a run for
 *            prefetchers.
 */
// lint: -DVW=8 -DWG=1
// lint: -DVW=16 -DWG=1 -DELCL_STATE_F16

#define MHA_KEYS 64   /* a multiple of every VW and of MHA_CHAINS */
#define MHA_TILE 4    /* rows: 4, 2 or 1 */
#define MHA_CHAINS 8  /* independent sums, a multiple of MHA_TILE */
#define MHA_STREAMS 8 /* values summed for one head before the next head's */

/* p[i][s ..] = scale q[i] . k[s ..] for `rows` rows and `keys` of n keys; both are constants at
 * every call. Prefetches the same part of the following keys. Loop bounds as in attn_el_cpu.cl. */
__attribute__((always_inline)) static inline void
mha_scores(const int rows, const int keys, float (*p)[MHA_KEYS], int s, int n,
           __global const float *q, int q_ld, __global const state_t *k, const int *row, int kv_ld,
           int dh, float scale)
{
    const int whole = dh / VW * VW;
    floatv sum_v[MHA_CHAINS];
    __global const state_t *key[MHA_CHAINS], *next[MHA_CHAINS];
#pragma unroll
    for (int c = 0; c < MHA_CHAINS; c++) {
        key[c] = k + (size_t)row[s + min(c, keys - 1)] * kv_ld;
        next[c] = k + (size_t)row[min(s + keys + c, n - 1)] * kv_ld;
        sum_v[c] = (floatv)(0.0f);
    }
    for (int d = 0; d < whole; d += VW) {
        floatv q_v[MHA_TILE];
#pragma unroll
        for (int i = 0; i < MHA_TILE; i++)
            q_v[i] = LOADV(q + (size_t)min(i, rows - 1) * q_ld + d);
#pragma unroll
        for (int c = 0; c < MHA_CHAINS; c++)
            if (c < keys)
                ELCL_PREFETCH(next[c] + d, 0);
#pragma unroll
        for (int c = 0; c < MHA_CHAINS; c++)
            if (c < rows * keys)
                sum_v[c] = ELCL_MAC(q_v[c % rows], STATE_VEC(key[c / rows] + d), sum_v[c]);
    }
#pragma unroll
    for (int c = 0; c < MHA_CHAINS; c++) {
        if (c >= rows * keys)
            break;
        const int i = c % rows, j = c / rows;
        float sum = 0.0f;
        for (int d = whole; d < dh; d++)
            sum = ELCL_MAC(q[(size_t)i * q_ld + d], STATE_GET(key[j], d), sum);
        p[i][s + j] = scale * (sum + SUMV(sum_v[c]));
    }
}

/* o[i] [dh] += the sum over keys s0 .. end - 1 of p[i] times their values, which are at
 * v + row[s] kv_ld, for `rows` rows, a constant at every call. With the first keys of a block o
 * shrinks before. */
__attribute__((always_inline)) static inline void
mha_sums(const int rows, __global float *o, int o_ld, const float (*p)[MHA_KEYS], const int *row,
         int s0, int end, int n, __global const state_t *v, int kv_ld, int dh, const float *shrink)
{
    const int wide = MHA_CHAINS / rows;
    float f[MHA_TILE];
    int d = 0;
    for (int i = 0; i < rows; i++)
        f[i] = s0 ? 1.0f : shrink[i];
    for (; d + wide * VW <= dh; d += wide * VW) {
        floatv acc[MHA_CHAINS];
#pragma unroll
        for (int c = 0; c < MHA_CHAINS; c++)
            acc[c] = LOADV(o + (size_t)(c / wide) * o_ld + d + c % wide * VW) * f[c / wide];
        for (int s = s0; s < end; s++) {
            __global const state_t *from = v + (size_t)row[s] * kv_ld + d;
            __global const state_t *next = v + (size_t)row[min(s + MHA_STREAMS, n - 1)] * kv_ld + d;
#pragma unroll
            for (int c = 0; c < MHA_CHAINS; c++)
                if (c < wide)
                    ELCL_PREFETCH(next + c * VW, 0);
#pragma unroll
            for (int c = 0; c < MHA_CHAINS; c++)
                acc[c] =
                    ELCL_MAC((floatv)(p[c / wide][s]), STATE_VEC(from + c % wide * VW), acc[c]);
        }
#pragma unroll
        for (int c = 0; c < MHA_CHAINS; c++)
            STOREV(acc[c], o + (size_t)(c / wide) * o_ld + d + c % wide * VW);
    }
    for (; d + VW <= dh; d += VW)
        for (int i = 0; i < rows; i++) {
            floatv acc = LOADV(o + (size_t)i * o_ld + d) * f[i];
            for (int s = s0; s < end; s++)
                acc = ELCL_MAC((floatv)(p[i][s]), STATE_VEC(v + (size_t)row[s] * kv_ld + d), acc);
            STOREV(acc, o + (size_t)i * o_ld + d);
        }
    for (; d < dh; d++)
        for (int i = 0; i < rows; i++) {
            float acc = o[(size_t)i * o_ld + d] * f[i];
            for (int s = s0; s < end; s++)
                acc = ELCL_MAC(p[i][s], STATE_GET(v, (size_t)row[s] * kv_ld + d), acc);
            o[(size_t)i * o_ld + d] = acc;
        }
}

/* The work-item's view of its row group: pointers are those of its first head. */
struct mha_group {
    __global const state_t *k, *v;
    __global const float *bias; /* [heads, 2 max_distance + 1], unless max_distance is 0 */
    int heads, max_distance, kv_ld, dh;
    float scale;
};

/* What the work-item keeps of up to MHA_TILE rows. */
struct mha_rows {
    float p[ELCL_MHA_MAX_HEADS][MHA_TILE][MHA_KEYS];
    float largest[ELCL_MHA_MAX_HEADS][MHA_TILE], sum[ELCL_MHA_MAX_HEADS][MHA_TILE],
        shrink[ELCL_MHA_MAX_HEADS][MHA_TILE];
    int position[MHA_TILE];
};

/* Scores of n keys at row[]: a few keys at a time, head by head. */
__attribute__((always_inline)) static inline void
mha_block_scores(const int rows, struct mha_rows *t, const struct mha_group *g, const int *row,
                 int n, __global const float *q, int q_ld)
{
    const int at_once = MHA_CHAINS / rows, dh = g->dh;
    int s = 0;
    for (; s + at_once <= n; s += at_once)
        for (int h = 0; h < g->heads; h++)
            mha_scores(rows, at_once, t->p[h], s, n, q + h * dh, q_ld, g->k + h * dh, row, g->kv_ld,
                       dh, g->scale);
    for (; s < n; s++)
        for (int h = 0; h < g->heads; h++)
            mha_scores(rows, 1, t->p[h], s, n, q + h * dh, q_ld, g->k + h * dh, row, g->kv_ld, dh,
                       g->scale);
}

/* All keys for `rows` neighboring rows, a constant at every call. */
__attribute__((always_inline)) static inline void
mha_run(const int rows, struct mha_rows *t, const struct mha_group *g,
        __global const struct elcl_row_group *group, __global const int *lineage, __global float *o,
        int o_ld, __global const float *q, int q_ld)
{
    const int keys = group->n_shared + group->n_private, dh = g->dh;
    int row[MHA_KEYS];
    for (int i = 0; i < rows; i++) {
        for (int h = 0; h < g->heads; h++) {
            t->largest[h][i] = ELCL_NEG_MAX;
            t->sum[h][i] = 0.0f;
        }
        for (int d = 0; d < g->heads * dh; d++)
            o[(size_t)i * o_ld + d] = 0.0f;
    }
    for (int s0 = 0; s0 < keys; s0 += MHA_KEYS) {
        const int n = min(MHA_KEYS, keys - s0);
        for (int s = 0; s < n; s++)
            row[s] = key_row(group, lineage, s0 + s);
        mha_block_scores(rows, t, g, row, n, q, q_ld);
        for (int h = 0; h < g->heads; h++)
            for (int i = 0; i < rows; i++) {
                __global const float *bias = g->bias + h * BIAS_ROW(g->max_distance);
                for (int s = 0; g->max_distance && s < n; s++)
                    t->p[h][i][s] += bias[bias_at(s0 - t->position[i] + s, g->max_distance)];
                t->shrink[h][i] = softmax_join(t->p[h][i], n, t->largest[h] + i, t->sum[h] + i);
            }
        for (int s = 0; s < n; s += MHA_STREAMS)
            for (int h = 0; h < g->heads; h++)
                mha_sums(rows, o + h * dh, o_ld, t->p[h], row, s, min(s + MHA_STREAMS, n), n,
                         g->v + h * dh, g->kv_ld, dh, t->shrink[h]);
    }
    for (int i = 0; i < rows; i++)
        for (int h = 0; h < g->heads; h++) {
            const float factor = keys ? 1.0f / t->sum[h][i] : 0.0f;
            for (int d = 0; d < dh; d++)
                o[(size_t)i * o_ld + h * dh + d] *= factor;
        }
}

__kernel void attn_mha(__global float *o,          /* [R, H Dh] */
                       __global const float *q,    /* [R, q_ld] */
                       __global const state_t *kv, /* [cache rows, kv_ld] */
                       __global const int *step, ulong groups_at,
                       __global const int *lineage, /* [rows, lineage_ld] */
                       int lineage_ld, int h_size, int heads,
                       __global const float *bias, /* [H, 2 max_distance + 1], or none */
                       int max_distance, ulong rows_at, int dh, int q_ld, int kv_ld, int k_at,
                       int v_at, float scale)
{
    struct mha_rows t;
    const int h = get_global_id(0) * heads, o_ld = h_size * dh;
    __global const struct elcl_row_group *group =
        (__global const struct elcl_row_group *)(step + groups_at) + get_global_id(1);
    const int end = group->row + group->n_rows;
    const struct mha_group g = {kv + k_at + h * dh,
                                kv + v_at + h * dh,
                                bias + h * BIAS_ROW(max_distance),
                                min(heads, h_size - h),
                                max_distance,
                                kv_ld,
                                dh,
                                scale};
    lineage += (size_t)group->lineage_row * lineage_ld;
    o += h * dh;
    q += h * dh;
    for (int r = group->row, n; r < end; r += n) {
        n = end - r >= MHA_TILE ? MHA_TILE : end - r >= 2 ? 2 : 1;
        for (int i = 0; i < n; i++)
            t.position[i] =
                max_distance ? step[rows_at + (size_t)(r + i) * ELCL_ROW_INTS + ELCL_ROW_POSITION]
                             : 0;
#define MHA_RUN(rows)                                                                              \
    mha_run(rows, &t, &g, group, lineage, o + (size_t)r * o_ld, o_ld, q + (size_t)r * q_ld, q_ld)
        if (n == MHA_TILE)
            MHA_RUN(MHA_TILE);
        else if (n == 2)
            MHA_RUN(2);
        else
            MHA_RUN(1);
    }
}
