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
 *
 * Narrow keys and values s k + z (storage.cl) are multiplied as the integers k that they hold,
 * group by group of a head's elements:
 *     q . (s k + z) = s (q . k) + z sum(q)
 *     sum_j p_j (s_j v_j + z_j) = sum_j (p_j s_j) v_j + sum_j p_j z_j
 */
// lint: -DVW=8 -DWG=1
// lint: -DVW=16 -DWG=1 -DELCL_STATE_F16
// lint: -DVW=16 -DWG=1 -DELCL_STATE_INT8

#define MHA_KEYS 64   /* a multiple of every VW and of MHA_CHAINS */
#define MHA_TILE 4    /* rows: 4, 2 or 1 */
#define MHA_CHAINS 8  /* independent sums, a multiple of MHA_TILE */
#define MHA_STREAMS 8 /* values summed for one head before the next head's */

/* Elements begin .. end - 1 of a head: a group of a narrow state, otherwise all. */
struct mha_span {
    int begin, end;
};

static inline struct mha_span mha_span(int group, int dh)
{
    return (struct mha_span){group * STATE_GROUP, STATE_GROUP_END(group, dh)};
}

/* p[i][s ..] (+)= scale q[i] . k[s ..] over a span for `rows` rows and `keys` of n keys; both are
 * constants at every call. The first span takes p as zero; q_sum[i] is the sum of q[i] over it.
 * Prefetches the same part of the following keys. Loop bounds as in attn_el_cpu.cl. */
__attribute__((always_inline)) static inline void
mha_scores(const int rows, const int keys, float (*p)[MHA_KEYS], int s, int n,
           __global const float *q, int q_ld, struct state_place k, const int *row,
           struct mha_span span, const float *q_sum, float scale)
{
    const int whole = span.begin + (span.end - span.begin) / VW * VW;
    floatv sum_v[MHA_CHAINS];
    state_row key[MHA_CHAINS], next[MHA_CHAINS];
#pragma unroll
    for (int c = 0; c < MHA_CHAINS; c++) {
        key[c] = state_at(k, row[s + min(c, keys - 1)]);
        next[c] = state_at(k, row[min(s + keys + c, n - 1)]);
        sum_v[c] = (floatv)(0.0f);
    }
    for (int d = span.begin; d < whole; d += VW) {
        floatv q_v[MHA_TILE];
#pragma unroll
        for (int i = 0; i < MHA_TILE; i++)
            q_v[i] = LOADV(q + (size_t)min(i, rows - 1) * q_ld + d);
#pragma unroll
        for (int c = 0; c < MHA_CHAINS; c++)
            if (c < keys)
                STATE_PREFETCH(next[c], d);
#pragma unroll
        for (int c = 0; c < MHA_CHAINS; c++)
            if (c < rows * keys)
                sum_v[c] = ELCL_MAC(q_v[c % rows], STATE_WHOLE_V(key[c / rows], d), sum_v[c]);
    }
#pragma unroll
    for (int c = 0; c < MHA_CHAINS; c++) {
        if (c >= rows * keys)
            break;
        const int i = c % rows, j = c / rows;
        float sum = 0.0f;
        for (int d = whole; d < span.end; d++)
            sum = ELCL_MAC(q[(size_t)i * q_ld + d], STATE_WHOLE(key[j], d), sum);
        sum = state_affine(sum + SUMV(sum_v[c]), q_sum[i], state_group(key[j], span.begin));
        p[i][s + j] = span.begin ? ELCL_MAC(scale, sum, p[i][s + j]) : scale * sum;
    }
}

/* The factors of values in a span, from those of keys s0 .. end - 1: with narrow values p_j s_j,
 * and shift[i] = sum_j p_j z_j. */
#ifdef STATE_NARROW
struct mha_weights {
    float p[MHA_TILE][MHA_STREAMS], shift[MHA_TILE];
};
__attribute__((always_inline)) static inline void
mha_weigh(const int rows, struct mha_weights *w, const float (*p)[MHA_KEYS], const int *row, int s0,
          int end, struct state_place v, int begin)
{
    for (int i = 0; i < rows; i++)
        w->shift[i] = 0.0f;
    for (int s = s0; s < end; s++) {
        const float2 f = state_group(state_at(v, row[s]), begin);
        for (int i = 0; i < rows; i++) {
            w->p[i][s - s0] = p[i][s] * f.x;
            w->shift[i] = ELCL_MAC(p[i][s], f.y, w->shift[i]);
        }
    }
}
#define MHA_WEIGHT(i, s) w.p[i][(s) - s0]
#define MHA_SHIFT(i) +w.shift[i]
#else
#define MHA_WEIGHT(i, s) p[i][s]
#define MHA_SHIFT(i)
#endif

/* o[i] [dh] = f[i] o[i] + the sum over keys s0 .. end - 1 of p[i] times their values, which are at
 * row[s] of v, in a span, for `rows` rows, a constant at every call. */
__attribute__((always_inline)) static inline void
mha_sums(const int rows, __global float *o, int o_ld, const float (*p)[MHA_KEYS], const int *row,
         int s0, int end, int n, struct state_place v, struct mha_span span, const float *f)
{
    const int wide = MHA_CHAINS / rows;
    int d = span.begin;
#ifdef STATE_NARROW
    struct mha_weights w;
    mha_weigh(rows, &w, p, row, s0, end, v, span.begin);
#endif
    for (; d + wide * VW <= span.end; d += wide * VW) {
        floatv acc[MHA_CHAINS];
#pragma unroll
        for (int c = 0; c < MHA_CHAINS; c++)
            acc[c] = LOADV(o + (size_t)(c / wide) * o_ld + d + c % wide * VW) *
                     f[c / wide] MHA_SHIFT(c / wide);
        for (int s = s0; s < end; s++) {
            const state_row from = state_at(v, row[s]);
            const state_row next = state_at(v, row[min(s + MHA_STREAMS, n - 1)]);
#pragma unroll
            for (int c = 0; c < MHA_CHAINS; c++)
                if (c < wide)
                    STATE_PREFETCH(next, d + c * VW);
#pragma unroll
            for (int c = 0; c < MHA_CHAINS; c++)
                acc[c] = ELCL_MAC((floatv)(MHA_WEIGHT(c / wide, s)),
                                  STATE_WHOLE_V(from, d + c % wide * VW), acc[c]);
        }
#pragma unroll
        for (int c = 0; c < MHA_CHAINS; c++)
            STOREV(acc[c], o + (size_t)(c / wide) * o_ld + d + c % wide * VW);
    }
    for (; d + VW <= span.end; d += VW)
        for (int i = 0; i < rows; i++) {
            floatv acc = LOADV(o + (size_t)i * o_ld + d) * f[i] MHA_SHIFT(i);
            for (int s = s0; s < end; s++)
                acc = ELCL_MAC((floatv)(MHA_WEIGHT(i, s)), STATE_WHOLE_V(state_at(v, row[s]), d),
                               acc);
            STOREV(acc, o + (size_t)i * o_ld + d);
        }
    for (; d < span.end; d++)
        for (int i = 0; i < rows; i++) {
            float acc = o[(size_t)i * o_ld + d] * f[i] MHA_SHIFT(i);
            for (int s = s0; s < end; s++)
                acc = ELCL_MAC(MHA_WEIGHT(i, s), STATE_WHOLE(state_at(v, row[s]), d), acc);
            o[(size_t)i * o_ld + d] = acc;
        }
}

/* The work-item's view of its row group: places are those of its first head. */
struct mha_group {
    struct state_place k, v;
    __global const float *bias; /* [heads, 2 max_distance + 1], unless max_distance is 0 */
    int heads, max_distance, dh;
    float scale;
};

/* What the work-item keeps of up to MHA_TILE rows. */
struct mha_rows {
    float p[ELCL_MHA_MAX_HEADS][MHA_TILE][MHA_KEYS];
    float largest[ELCL_MHA_MAX_HEADS][MHA_TILE], sum[ELCL_MHA_MAX_HEADS][MHA_TILE],
        shrink[ELCL_MHA_MAX_HEADS][MHA_TILE];
    float q_sum[ELCL_MHA_MAX_HEADS][MHA_TILE]; /* of narrow keys */
    int position[MHA_TILE];
};

/* The sums of queries over a span. */
__attribute__((always_inline)) static inline void mha_query_sums(const int rows, struct mha_rows *t,
                                                                 const struct mha_group *g,
                                                                 __global const float *q, int q_ld,
                                                                 struct mha_span span)
{
#ifdef STATE_NARROW
    for (int h = 0; h < g->heads; h++)
        for (int i = 0; i < rows; i++) {
            __global const float *from = q + (size_t)i * q_ld + h * g->dh;
            floatv sum_v = (floatv)(0.0f);
            float sum = 0.0f;
            int d = span.begin;
            for (; d + VW <= span.end; d += VW)
                sum_v += LOADV(from + d);
            for (; d < span.end; d++)
                sum += from[d];
            t->q_sum[h][i] = sum + SUMV(sum_v);
        }
#endif
}

/* Scores of n keys at row[], over a span: a few keys at a time, head by head. */
__attribute__((always_inline)) static inline void
mha_block_scores(const int rows, struct mha_rows *t, const struct mha_group *g, const int *row,
                 int n, __global const float *q, int q_ld, struct mha_span span)
{
    const int at_once = MHA_CHAINS / rows, dh = g->dh;
    int s = 0;
    mha_query_sums(rows, t, g, q, q_ld, span);
    for (; s + at_once <= n; s += at_once)
        for (int h = 0; h < g->heads; h++)
            mha_scores(rows, at_once, t->p[h], s, n, q + h * dh, q_ld, state_skip(g->k, h, dh), row,
                       span, t->q_sum[h], g->scale);
    for (; s < n; s++)
        for (int h = 0; h < g->heads; h++)
            mha_scores(rows, 1, t->p[h], s, n, q + h * dh, q_ld, state_skip(g->k, h, dh), row, span,
                       t->q_sum[h], g->scale);
}

/* Adds the values of n keys at row[]: a few keys at a time, head by head. */
__attribute__((always_inline)) static inline void
mha_block_sums(const int rows, const struct mha_rows *t, const struct mha_group *g, const int *row,
               int n, __global float *o, int o_ld)
{
    const float once[MHA_TILE] = {1.0f, 1.0f, 1.0f, 1.0f};
    for (int s = 0; s < n; s += MHA_STREAMS)
        for (int h = 0; h < g->heads; h++)
            for (int i = 0; i < STATE_GROUPS(g->dh); i++)
                mha_sums(rows, o + h * g->dh, o_ld, t->p[h], row, s, min(s + MHA_STREAMS, n), n,
                         state_skip(g->v, h, g->dh), mha_span(i, g->dh), s ? once : t->shrink[h]);
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
        for (int i = 0; i < STATE_GROUPS(dh); i++)
            mha_block_scores(rows, t, g, row, n, q, q_ld, mha_span(i, dh));
        for (int h = 0; h < g->heads; h++)
            for (int i = 0; i < rows; i++) {
                __global const float *bias = g->bias + h * BIAS_ROW(g->max_distance);
                for (int s = 0; g->max_distance && s < n; s++)
                    t->p[h][i][s] += bias[bias_at(s0 - t->position[i] + s, g->max_distance)];
                t->shrink[h][i] = softmax_join(t->p[h][i], n, t->largest[h] + i, t->sum[h] + i);
            }
        mha_block_sums(rows, t, g, row, n, o, o_ld);
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
    const struct mha_group g = {state_place(kv, kv_ld, dh, k_at + h * dh),
                                state_place(kv, kv_ld, dh, v_at + h * dh),
                                bias + h * BIAS_ROW(max_distance),
                                min(heads, h_size - h),
                                max_distance,
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
