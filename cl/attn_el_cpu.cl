/*
 * EL-attention, CPU kernel: for row r and head h, with the keys Y[j] of the row group,
 *     p = softmax_j(scale e[r, h] . Y[j]),  c[r, h] = sum_j p_j Y[j]
 * The rows of a group share their keys, and Y is both key and value: pairs (row, head) are vectors
 * e of length D that all meet the same Y. The kernel makes one pass over blocks of EL_KEYS keys. It
 * reads a block of Y from memory once for all pairs of the work-item, and the block stays in the
 * cache between the two products. Each pair keeps a running maximum and sum: when a block raises
 * the maximum, the earlier sums shrink by exp(m_old - m_new). Blocks depend only on the number of
 * keys, and each pair has its own arithmetic: results do not depend on which rows share the work.
 * With a position bias, the score of key j for a row at `position` gets bias[h][j - position]
 * added (storage.cl).
 *
 * attn_el   one work-item per `pairs` pairs of a row group: global size
 *           {ceil(max rows * H / pairs), groups}, work-group {1, 1}; pairs <= ELCL_EL_MAX_PAIRS
 */
// lint: -DVW=8 -DWG=1
// lint: -DVW=16 -DWG=1 -DELCL_STATE_BF16
// lint: -DVW=8 -DWG=1 -DELCL_STATE_INT8
// lint: -DVW=16 -DWG=1 -DELCL_STATE_INT4

#define EL_KEYS 32 /* a multiple of every VW */
/* Elements of a row from one prefetch to the next. */
#ifdef STATE_NARROW
#define EL_AHEAD 64
#else
#define EL_AHEAD VW
#endif

/* What a tile prefetches: its share of the next block's rows, elements d .. end - 1. */
struct el_ahead {
    int row[EL_KEYS];
    int d, end;
};

/* Keys s and s + 1 (if there are two) with `pairs` vectors e: p[i][s] = scale e_i . Y. Here and
 * below, loops must unroll so that their arrays become registers. Their bounds are literal
 * constants: if only inlining makes `pairs` a constant, compilers may not unroll, which takes twice
 * the time. */
__attribute__((always_inline)) static inline void
el_scores(const int pairs, float (*p)[EL_KEYS], __global const float *e, __global const state_t *y,
          const int *row, int n, const struct el_ahead *ahead, int d_size, float scale)
{
    const int whole = d_size / VW * VW;
    for (int s = 0; s < n; s += 2) {
        const state_row y0 = state_row_at(y, row[s], d_size);
        const state_row y1 = state_row_at(y, row[min(s + 1, n - 1)], d_size);
        const state_row ahead0 = state_row_at(y, ahead->row[s], d_size);
        const state_row ahead1 = state_row_at(y, ahead->row[s + 1], d_size);
        for (int d = ahead->d; d < ahead->end; d += EL_AHEAD) {
            ELCL_PREFETCH(STATE_ADDRESS(ahead0, d), 0);
            ELCL_PREFETCH(STATE_ADDRESS(ahead1, d), 0);
        }
        floatv acc0[ELCL_EL_TILE], acc1[ELCL_EL_TILE];
#pragma unroll
        for (int i = 0; i < ELCL_EL_TILE; i++)
            acc0[i] = acc1[i] = (floatv)(0.0f);
        for (int d = 0; d < whole; d += VW) {
            const floatv v0 = state_vec(y0, d), v1 = state_vec(y1, d);
#pragma unroll
            for (int i = 0; i < ELCL_EL_TILE; i++) {
                if (i >= pairs)
                    break;
                const floatv q = LOADV(e + (size_t)i * d_size + d);
                acc0[i] = ELCL_MAC(q, v0, acc0[i]);
                acc1[i] = ELCL_MAC(q, v1, acc1[i]);
            }
        }
#pragma unroll
        for (int i = 0; i < ELCL_EL_TILE; i++) {
            if (i >= pairs)
                break;
            float sum0 = SUMV(acc0[i]), sum1 = SUMV(acc1[i]);
            for (int d = whole; d < d_size; d++) {
                sum0 = ELCL_MAC(e[(size_t)i * d_size + d], state_get(y0, d), sum0);
                sum1 = ELCL_MAC(e[(size_t)i * d_size + d], state_get(y1, d), sum1);
            }
            p[i][s] = scale * sum0;
            p[i][s + 1] = scale * sum1; /* EL_KEYS is even: beyond n it is overwritten or unused */
        }
    }
}

/* Adds the position biases of keys s0 .. s0 + n - 1 to the scores of `pairs` pairs of the group,
 * from `pair` on; `records` are those of the group's rows. */
static inline void el_bias(int pairs, float (*p)[EL_KEYS], __global const float *bias,
                           int max_distance, __global const int *records, int pair, int h_size,
                           int s0, int n)
{
    for (int i = 0; i < pairs; i++) {
        const int position = records[(pair + i) / h_size * ELCL_ROW_INTS + ELCL_ROW_POSITION];
        __global const float *head = bias + (pair + i) % h_size * BIAS_ROW(max_distance);
        for (int s = 0; s < n; s++)
            p[i][s] += head[bias_at(s0 + s - position, max_distance)];
    }
}

/* c_i = shrink_i c_i + sum_s p[i][s] Y[row[s]]; the first block takes c_i as zero. */
__attribute__((always_inline)) static inline void
el_context(const int pairs, float (*p)[EL_KEYS], __global float *c, __global const state_t *y,
           const int *row, int n, int d_size, const float *shrink, bool first)
{
    const int whole = d_size / (2 * VW) * (2 * VW);
    for (int d = 0; d < whole; d += 2 * VW) {
        floatv lo[ELCL_EL_TILE], hi[ELCL_EL_TILE];
#pragma unroll
        for (int i = 0; i < ELCL_EL_TILE; i++) {
            if (i >= pairs)
                break;
            __global const float *from = c + (size_t)i * d_size + d;
            lo[i] = first ? (floatv)(0.0f) : LOADV(from) * shrink[i];
            hi[i] = first ? (floatv)(0.0f) : LOADV(from + VW) * shrink[i];
        }
        for (int s = 0; s < n; s++) {
            const state_row from = state_row_at(y, row[s], d_size);
            const floatv v0 = state_vec(from, d), v1 = state_vec(from, d + VW);
#pragma unroll
            for (int i = 0; i < ELCL_EL_TILE; i++) {
                if (i >= pairs)
                    break;
                lo[i] = ELCL_MAC((floatv)(p[i][s]), v0, lo[i]);
                hi[i] = ELCL_MAC((floatv)(p[i][s]), v1, hi[i]);
            }
        }
#pragma unroll
        for (int i = 0; i < ELCL_EL_TILE; i++) {
            if (i >= pairs)
                break;
            STOREV(lo[i], c + (size_t)i * d_size + d);
            STOREV(hi[i], c + (size_t)i * d_size + d + VW);
        }
    }
    for (int d = whole; d < d_size; d++)
        for (int i = 0; i < pairs; i++) {
            float acc = first ? 0.0f : c[(size_t)i * d_size + d] * shrink[i];
            for (int s = 0; s < n; s++)
                acc = ELCL_MAC(p[i][s], state_get(state_row_at(y, row[s], d_size), d), acc);
            c[(size_t)i * d_size + d] = acc;
        }
}

/* Keys s0 .. s0 + n - 1 for `pairs` pairs of the group, from `pair` on; largest and sum are the
 * running values of each pair. */
__attribute__((always_inline)) static inline void
el_block(const int pairs, __global float *c, __global const float *e, __global const state_t *y,
         const int *row, int n, const struct el_ahead *ahead, int d_size, float scale,
         __global const float *bias, int max_distance, __global const int *records, int pair,
         int h_size, int s0, float *largest, float *sum)
{
    float p[ELCL_EL_TILE][EL_KEYS];
    float shrink[ELCL_EL_TILE];
    el_scores(pairs, p, e, y, row, n, ahead, d_size, scale);
    if (max_distance)
        el_bias(pairs, p, bias, max_distance, records, pair, h_size, s0, n);
    for (int i = 0; i < pairs; i++)
        shrink[i] = softmax_join(p[i], n, largest + i, sum + i);
    el_context(pairs, p, c, y, row, n, d_size, shrink, s0 == 0);
}

__kernel void attn_el(__global float *c,         /* [R, H, D] */
                      __global const float *e,   /* [R, H, D] */
                      __global const state_t *y, /* [cache rows, D] */
                      __global const int *step, ulong groups_at,
                      __global const int *lineage, /* [rows, lineage_ld] */
                      int lineage_ld,
                      __global const float *bias, /* [H, 2 max_distance + 1], or none */
                      int max_distance, ulong rows_at, int h_size, int d_size, int pairs,
                      float scale)
{
    float largest[ELCL_EL_MAX_PAIRS], sum[ELCL_EL_MAX_PAIRS];
    int row[EL_KEYS];
    struct el_ahead ahead;
    __global const struct elcl_row_group *group =
        (__global const struct elcl_row_group *)(step + groups_at) + get_global_id(1);
    const int first_pair = get_global_id(0) * pairs;
    const int n_pairs = min(pairs, group->n_rows * h_size - first_pair);
    const int keys = group->n_shared + group->n_private;
    __global const int *records = step + rows_at + (size_t)group->row * ELCL_ROW_INTS;
    const size_t at = ((size_t)group->row * h_size + first_pair) * d_size;
    lineage += (size_t)group->lineage_row * lineage_ld;
    c += at;
    e += at;
    for (int i = 0; i < n_pairs; i++) {
        largest[i] = ELCL_NEG_MAX;
        sum[i] = 0.0f;
    }
    for (int s0 = 0; s0 < keys; s0 += EL_KEYS) {
        const int n = min(EL_KEYS, keys - s0);
        for (int s = 0; s < n; s++)
            row[s] = key_row(group, lineage, s0 + s);
        for (int s = 0; s < EL_KEYS; s++)
            ahead.row[s] = key_row(group, lineage, min(s0 + EL_KEYS + s, keys - 1));
        ahead.end = 0;
        int i = 0;
#define EL_BLOCK(n_tile)                                                                           \
    do {                                                                                           \
        ahead.d = ahead.end;                                                                       \
        ahead.end = i + n_tile >= n_pairs ? d_size : ahead.d + d_size * n_tile / n_pairs;          \
        el_block(n_tile, c + (size_t)i * d_size, e + (size_t)i * d_size, y, row, n, &ahead,        \
                 d_size, scale, bias, max_distance, records, first_pair + i, h_size, s0,           \
                 largest + i, sum + i);                                                            \
    } while (0)
        for (; i + ELCL_EL_TILE <= n_pairs; i += ELCL_EL_TILE)
            EL_BLOCK(ELCL_EL_TILE);
        for (; i + 4 <= n_pairs; i += 4)
            EL_BLOCK(4);
        for (; i + 2 <= n_pairs; i += 2)
            EL_BLOCK(2);
        for (; i < n_pairs; i++)
            EL_BLOCK(1);
#undef EL_BLOCK
    }
    for (int i = 0; i < n_pairs; i++) {
        const float factor = keys ? 1.0f / sum[i] : 0.0f;
        for (int d = 0; d < d_size; d++)
            c[(size_t)i * d_size + d] = keys ? c[(size_t)i * d_size + d] * factor : 0.0f;
    }
}
