/*
 * Multi-head attention of many rows, CPU kernel: for row r and head h, with the first n_r cache
 * rows from the sentence's start as keys j,
 *     p = softmax_j(scale q[r, h] . K[j, h]),  o[r, h] = sum_j p_j V[j, h]
 * for encoders (n_r is the sentence's length) and for prompts (n_r is the row's own place: causal).
 * Keys and values come in blocks of PACKED_KEYS x PACKED_D elements, which are copied so that they
 * lie densely: in the cache they are kv_ld apart, often a multiple of the page size, and would
 * evict one another. Queries are scaled and transposed once, so that the elements of a vector are
 * rows: scores are tiles of GEMM_ROWS keys x 2 VW rows of accumulators, one softmax handles VW
 * rows, and the sums are tiles of GEMM_ROWS rows x 2 VW elements. A running maximum and sum per row
 * join the blocks, as in attn_mha_gpu.cl. Blocks start at the sentence's first key, and each row
 * has its own arithmetic: results do not depend on which rows share the work. No keys give zeros.
 * With a position bias, the score of key j for a row at `position` gets bias[h][j - position]
 * added (storage.cl).
 *
 * attn_packed   one work-item per (head, ELCL_PACKED_ROWS rows): global size
 *               {H, ceil(R / ELCL_PACKED_ROWS)}, work-group {1, 1}; private memory: about 64 KiB
 *
 * -D GEMM_ROWS  as in gemm_cpu.cl
 */
// lint: -DVW=8 -DWG=1 -DGEMM_ROWS=6
// lint: -DVW=16 -DWG=1 -DGEMM_ROWS=12 -DELCL_STATE_F16
// lint: -DVW=16 -DWG=1 -DGEMM_ROWS=12 -DELCL_STATE_INT8

#ifndef GEMM_ROWS
#define GEMM_ROWS 6
#endif
#define PACKED_KEYS 60 /* a multiple of every GEMM_ROWS */
#define PACKED_D 64    /* a multiple of every 2 VW */

/* What one work-item keeps of its rows. */
struct packed_rows {
    float q[PACKED_D][ELCL_PACKED_ROWS];
    float p[PACKED_KEYS][ELCL_PACKED_ROWS];
    float pack[PACKED_KEYS * PACKED_D];
    float largest[ELCL_PACKED_ROWS], sum[ELCL_PACKED_ROWS], shrink[ELCL_PACKED_ROWS];
    int keys[ELCL_PACKED_ROWS], position[ELCL_PACKED_ROWS];
};

/* to[d][i] = scale q[i][d] for i < rows, zeros up to `padded` rows. */
static inline void pack_queries(float (*to)[ELCL_PACKED_ROWS], __global const float *q, int q_ld,
                                float scale, int rows, int padded, int n_d)
{
    for (int d = 0; d < n_d; d++)
        for (int i = 0; i < padded; i++)
            to[d][i] = i < rows ? scale * q[(size_t)i * q_ld + d] : 0.0f;
}

static inline int round_up(int n, int to)
{
    return (n + to - 1) / to * to;
}

/* pack[s][d] = element d0 + d of row s0 + s of `from` for s < n, d < n_d; zeros for d up to a
 * multiple of 2 VW, and for s up to one of GEMM_ROWS. */
static inline void pack_block(float *pack, struct state_place from, size_t s0, int n, int d0,
                              int n_d)
{
    const int whole = n_d / VW * VW, end = round_up(n_d, 2 * VW);
    for (int s = 0; s < n; s++) {
        const state_row row = state_at(from, s0 + s);
        float *to = pack + s * PACKED_D;
        for (int d = 0; d < whole; d += VW)
            STOREV(state_vec(row, d0 + d), to + d);
        for (int d = whole; d < end; d++)
            to[d] = d < n_d ? state_get(row, d0 + d) : 0.0f;
    }
    for (int s = n; s % GEMM_ROWS; s++)
        for (int d = 0; d < end; d++)
            pack[s * PACKED_D + d] = 0.0f;
}

/* p[j][i] (+)= sum_d q[d][i] k[j][d] for GEMM_ROWS keys and `padded` rows. */
static inline void packed_scores(float (*p)[ELCL_PACKED_ROWS], const float *k,
                                 const float (*q)[ELCL_PACKED_ROWS], int padded, int n_d,
                                 bool first)
{
    for (int r = 0; r < padded; r += 2 * VW) {
        floatv lo[GEMM_ROWS], hi[GEMM_ROWS];
#pragma unroll
        for (int j = 0; j < GEMM_ROWS; j++)
            lo[j] = hi[j] = (floatv)(0.0f);
        for (int d = 0; d < n_d; d++) {
            const floatv q_lo = LOADV(q[d] + r), q_hi = LOADV(q[d] + r + VW);
#pragma unroll
            for (int j = 0; j < GEMM_ROWS; j++) {
                const floatv v = (floatv)(k[j * PACKED_D + d]);
                lo[j] = ELCL_MAC(v, q_lo, lo[j]);
                hi[j] = ELCL_MAC(v, q_hi, hi[j]);
            }
        }
#pragma unroll
        for (int j = 0; j < GEMM_ROWS; j++) {
            STOREV(first ? lo[j] : lo[j] + LOADV(p[j] + r), p[j] + r);
            STOREV(first ? hi[j] : hi[j] + LOADV(p[j] + r + VW), p[j] + r + VW);
        }
    }
}

/* o[i][d] = shrink[i] o[i][d] + sum_s p[s][i] v[s][d] for `rows` of GEMM_ROWS rows; the first block
 * takes o as zero. */
static inline void packed_sums(int rows, __global float *o, size_t o_ld,
                               const float (*p)[ELCL_PACKED_ROWS], int at, const float *shrink,
                               const float *v, int n, int n_d, bool first)
{
    float tile[GEMM_ROWS][2 * VW];
    for (int d = 0; d < n_d; d += 2 * VW) {
        floatv lo[GEMM_ROWS], hi[GEMM_ROWS];
#pragma unroll
        for (int i = 0; i < GEMM_ROWS; i++)
            lo[i] = hi[i] = (floatv)(0.0f);
        for (int s = 0; s < n; s++) {
            const floatv v_lo = LOADV(v + s * PACKED_D + d);
            const floatv v_hi = LOADV(v + s * PACKED_D + d + VW);
#pragma unroll
            for (int i = 0; i < GEMM_ROWS; i++) {
                lo[i] = ELCL_MAC((floatv)(p[s][at + i]), v_lo, lo[i]);
                hi[i] = ELCL_MAC((floatv)(p[s][at + i]), v_hi, hi[i]);
            }
        }
#pragma unroll
        for (int i = 0; i < GEMM_ROWS; i++) {
            STOREV(lo[i], tile[i]);
            STOREV(hi[i], tile[i] + VW);
        }
        const int width = min(2 * VW, n_d - d), whole = width / VW * VW;
        for (int i = 0; i < rows; i++) {
            __global float *to = o + i * o_ld + d;
            const float f = shrink[at + i];
            for (int e = 0; e < whole; e += VW)
                STOREV(first ? LOADV(tile[i] + e)
                             : ELCL_MAC(LOADV(to + e), (floatv)(f), LOADV(tile[i] + e)),
                       to + e);
            for (int e = whole; e < width; e++)
                to[e] = first ? tile[i][e] : ELCL_MAC(to[e], f, tile[i][e]);
        }
    }
}

/* The biases of key s for VW rows, by their positions. */
static inline floatv packed_bias(__global const float *bias, int max_distance, int s,
                                 const int *position)
{
    float b[VW];
    for (int i = 0; i < VW; i++)
        b[i] = bias[bias_at(s - position[i], max_distance)];
    return LOADV(b);
}

/* Turns the scores of a block's n keys into probabilities, for VW rows from r on. `whole`: every
 * row has all these keys; otherwise a row has key s if s < own. */
__attribute__((always_inline)) static inline void
softmax_rows(const bool whole, struct packed_rows *t, int r, intv own, int n)
{
    const floatv before = LOADV(t->largest + r);
    floatv largest = before, sum = (floatv)(0.0f);
    for (int s = 0; s < n; s++) {
        const floatv v = LOADV(t->p[s] + r);
        const intv above = whole ? v > largest : (v > largest) & ((intv)(s) < own);
        largest = select(largest, v, above);
    }
    for (int s = 0; s < n; s++) {
        const floatv v = exp_v(LOADV(t->p[s] + r) - largest);
        const floatv p = whole ? v : select((floatv)(0.0f), v, (intv)(s) < own);
        STOREV(p, t->p[s] + r);
        sum += p;
    }
    const floatv shrink = exp_v(before - largest);
    STOREV(largest, t->largest + r);
    STOREV(shrink, t->shrink + r);
    STOREV(ELCL_MAC(LOADV(t->sum + r), shrink, sum), t->sum + r);
}

static inline void packed_softmax(struct packed_rows *t, int padded, int s0, int n,
                                  __global const float *bias, int max_distance)
{
    for (int r = 0; r < padded; r += VW) {
        const intv own = CAT(vload, VW)(0, t->keys + r) - s0; /* a row's own keys end at its n_r */
        for (int s = 0; max_distance && s < n; s++)
            STOREV(LOADV(t->p[s] + r) + packed_bias(bias, max_distance, s0 + s, t->position + r),
                   t->p[s] + r);
        if (all(own >= n))
            softmax_rows(true, t, r, own, n);
        else
            softmax_rows(false, t, r, own, n);
    }
}

/* All keys of `rows` rows of one sentence, whose first key is in cache row `start`. */
static inline void packed_run(struct packed_rows *t, int rows, __global float *o, size_t o_ld,
                              __global const float *q, int q_ld, struct state_place k,
                              struct state_place v, size_t start, int dh, float scale,
                              __global const float *bias, int max_distance)
{
    const int padded = round_up(rows, 2 * VW);
    int keys = 0;
    for (int i = 0; i < padded; i++) {
        if (i >= rows)
            t->keys[i] = t->position[i] = 0;
        keys = max(keys, t->keys[i]);
        t->largest[i] = ELCL_NEG_MAX;
        t->sum[i] = 0.0f;
    }
    for (int s0 = 0; s0 < keys; s0 += PACKED_KEYS) {
        const int n = min(PACKED_KEYS, keys - s0);
        for (int d = 0; d < dh; d += PACKED_D) {
            const int n_d = min(PACKED_D, dh - d);
            if (s0 == 0 || dh > PACKED_D)
                pack_queries(t->q, q + d, q_ld, scale, rows, padded, n_d);
            pack_block(t->pack, k, start + s0, n, d, n_d);
            for (int j = 0; j < n; j += GEMM_ROWS)
                packed_scores(t->p + j, t->pack + j * PACKED_D, t->q, padded, n_d, d == 0);
        }
        packed_softmax(t, padded, s0, n, bias, max_distance);
        for (int d = 0; d < dh; d += PACKED_D) {
            const int n_d = min(PACKED_D, dh - d);
            pack_block(t->pack, v, start + s0, n, d, n_d);
            for (int i = 0; i < rows; i += GEMM_ROWS)
                packed_sums(min(rows - i, GEMM_ROWS), o + i * o_ld + d, o_ld, t->p, i, t->shrink,
                            t->pack, n, n_d, s0 == 0);
        }
    }
    for (int i = 0; i < rows; i++) {
        const float factor = t->keys[i] ? 1.0f / t->sum[i] : 0.0f;
        for (int d = 0; d < dh; d++)
            o[i * o_ld + d] = t->keys[i] ? o[i * o_ld + d] * factor : 0.0f;
    }
}

__kernel void attn_packed(__global float *o,                         /* [R, H Dh] */
                          __global const float *q,                   /* [R, q_ld] */
                          __global const state_t *kv,                /* [cache rows, kv_ld] */
                          __global const int *step, ulong groups_at, /* a group per row */
                          int n_rows,
                          __global const float *bias, /* [H, 2 max_distance + 1], or none */
                          int max_distance, ulong rows_at, int dh, int q_ld, int kv_ld, int k_at,
                          int v_at, float scale)
{
    struct packed_rows t;
    const int h = get_global_id(0),
              r_end = min((int)(get_global_id(1) + 1) * ELCL_PACKED_ROWS, n_rows);
    const size_t o_ld = get_global_size(0) * dh;
    int r = get_global_id(1) * ELCL_PACKED_ROWS;
    o += h * dh;
    q += h * dh;
    const struct state_place k = state_place(kv, kv_ld, dh, k_at + h * dh);
    const struct state_place v = state_place(kv, kv_ld, dh, v_at + h * dh);
    bias += h * BIAS_ROW(max_distance);
    while (r < r_end) {
        __global const struct elcl_row_group *group =
            (__global const struct elcl_row_group *)(step + groups_at) + (size_t)r;
        const int start = group->start;
        int rows = 0;
        while (r + rows < r_end && group[rows].start == start) {
            t.keys[rows] = group[rows].n_shared;
            if (max_distance)
                t.position[rows] =
                    step[rows_at + (size_t)(r + rows) * ELCL_ROW_INTS + ELCL_ROW_POSITION];
            rows++;
        }
        packed_run(&t, rows, o + r * o_ld, o_ld, q + (size_t)r * q_ld, q_ld, k, v, start, dh, scale,
                   bias, max_distance);
        r += rows;
    }
}
