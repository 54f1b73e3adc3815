/*
 * Multi-head attention of many rows, CPU shape: for row r and head h with the first n_r pool rows from
 * the sentence's start as keys j,
 *     p = softmax_j(scale q[r, h] . K[j, h]),  o[r, h] = sum_j p_j V[j, h]
 * for encoders (n_r is the sentence's length) and for prompts (n_r is the row's own place: causal).
 * Both products are tiles of GEMM_ROWS rows x 2 VW columns of accumulators, over blocks of
 * PACKED_KEYS keys and PACKED_D elements that are copied to where they lie densely: K transposed for
 * the scores, V as it is for the sums. A running maximum and sum per row join the blocks as in
 * attn_mha_gpu.cl. Blocks start at the sentence's first key, and a row's arithmetic is its own:
 * results do not depend on which rows share the work. No keys give zeros. With a position bias, key
 * j of a row at `position` gets bias[h][j - position] onto its score (storage.cl).
 *
 * attn_packed   one work-item per (head, PACKED_ROWS rows): global size {H, ceil(R / PACKED_ROWS)},
 *               work-group {1, 1}; private memory: some 32 KiB
 *
 * -D GEMM_ROWS  as in gemm_cpu.cl
 */
// lint: -DVW=8 -DWG=1 -DGEMM_ROWS=6
// lint: -DVW=16 -DWG=1 -DGEMM_ROWS=12 -DELCL_STATE_F16

#ifndef GEMM_ROWS
#define GEMM_ROWS 6
#endif
#define PACKED_ROWS 60 /* a multiple of every GEMM_ROWS */
#define PACKED_KEYS 64 /* a multiple of every 2 VW */
#define PACKED_D 64    /* likewise */

/* What one work-item keeps of its rows. */
struct packed_rows {
    float p[PACKED_ROWS][PACKED_KEYS];
    float pack[PACKED_D * PACKED_KEYS];
    float largest[PACKED_ROWS], sum[PACKED_ROWS], shrink[PACKED_ROWS];
    int keys[PACKED_ROWS], position[PACKED_ROWS];
};

/* pack[d][s] = K[s][d] for s < n, d < n_d; zeros for s up to a multiple of 2 VW. */
static inline void pack_keys(float *pack, __global const state_t *k, int n, int n_d, int kv_ld)
{
    for (int s = 0; s < PACKED_KEYS; s++)
        for (int d = 0; d < n_d; d++)
            pack[d * PACKED_KEYS + s] = s < n ? STATE_GET(k, (size_t)s * kv_ld + d) : 0.0f;
}

/* pack[s][d] = V[s][d], likewise. */
static inline void pack_values(float *pack, __global const state_t *v, int n, int n_d, int kv_ld)
{
    for (int s = 0; s < n; s++)
        for (int d = 0; d < PACKED_D; d++)
            pack[s * PACKED_D + d] = d < n_d ? STATE_GET(v, (size_t)s * kv_ld + d) : 0.0f;
}

/* p[i][s] (+)= sum_d q[i][d] pack[d][s], for `rows` rows, which is a constant at every call. */
__attribute__((always_inline)) static inline void
packed_scores(const int rows, float (*p)[PACKED_KEYS], __global const float *q, int q_ld,
              const float *pack, int n, int n_d, bool first)
{
    for (int s = 0; s < n; s += 2 * VW) {
        floatv lo[GEMM_ROWS], hi[GEMM_ROWS];
#pragma unroll
        for (int i = 0; i < rows; i++) {
            lo[i] = first ? (floatv)(0.0f) : LOADV(p[i] + s);
            hi[i] = first ? (floatv)(0.0f) : LOADV(p[i] + s + VW);
        }
        for (int d = 0; d < n_d; d++) {
            const floatv k_lo = LOADV(pack + d * PACKED_KEYS + s);
            const floatv k_hi = LOADV(pack + d * PACKED_KEYS + s + VW);
#pragma unroll
            for (int i = 0; i < rows; i++) {
                const floatv v = (floatv)(q[(size_t)i * q_ld + d]);
                lo[i] = ELCL_MAC(v, k_lo, lo[i]);
                hi[i] = ELCL_MAC(v, k_hi, hi[i]);
            }
        }
#pragma unroll
        for (int i = 0; i < rows; i++) {
            STOREV(lo[i], p[i] + s);
            STOREV(hi[i], p[i] + s + VW);
        }
    }
}

/* o[i][d] = shrink[i] o[i][d] + sum_s p[i][s] pack[s][d]; the first block takes o as zero. */
__attribute__((always_inline)) static inline void
packed_sums(const int rows, __global float *o, size_t o_ld, float (*p)[PACKED_KEYS],
            const float *shrink, const float *pack, int n, int n_d, bool first)
{
    float tile[GEMM_ROWS][2 * VW];
    for (int d = 0; d < n_d; d += 2 * VW) {
        const int width = min(2 * VW, n_d - d);
        floatv lo[GEMM_ROWS], hi[GEMM_ROWS];
#pragma unroll
        for (int i = 0; i < rows; i++)
            lo[i] = hi[i] = (floatv)(0.0f);
        for (int s = 0; s < n; s++) {
            const floatv v_lo = LOADV(pack + s * PACKED_D + d);
            const floatv v_hi = LOADV(pack + s * PACKED_D + d + VW);
#pragma unroll
            for (int i = 0; i < rows; i++) {
                lo[i] = ELCL_MAC((floatv)(p[i][s]), v_lo, lo[i]);
                hi[i] = ELCL_MAC((floatv)(p[i][s]), v_hi, hi[i]);
            }
        }
#pragma unroll
        for (int i = 0; i < rows; i++) {
            STOREV(lo[i], tile[i]);
            STOREV(hi[i], tile[i] + VW);
        }
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < width; j++) {
                __global float *to = o + i * o_ld + d + j;
                *to = first ? tile[i][j] : *to * shrink[i] + tile[i][j];
            }
    }
}

#define PACKED_TILES(call)                                                                         \
    {                                                                                              \
        int i = 0;                                                                                 \
        for (; i + GEMM_ROWS <= rows; i += GEMM_ROWS)                                              \
            call(GEMM_ROWS);                                                                       \
        for (; i + 2 <= rows; i += 2)                                                              \
            call(2);                                                                               \
        for (; i < rows; i++)                                                                      \
            call(1);                                                                               \
    }

/* Scores of a block to probabilities; a row's own keys end at its n_r. */
static inline void packed_softmax(struct packed_rows *t, int rows, int s0, int n, float scale,
                                  __global const float *bias, int reach)
{
    for (int i = 0; i < rows; i++) {
        const int own = clamp(t->keys[i] - s0, 0, n);
        float largest = t->largest[i];
        for (int s = 0; s < own; s++)
            t->p[i][s] *= scale;
        for (int s = 0; reach && s < own; s++)
            t->p[i][s] += bias[bias_at(s0 + s - t->position[i], reach)];
        for (int s = 0; s < own; s++)
            largest = fmax(largest, t->p[i][s]);
        t->shrink[i] = exp(t->largest[i] - largest);
        t->largest[i] = largest;
        t->sum[i] = t->sum[i] * t->shrink[i] + softmax_block(t->p[i], own, largest);
        for (int s = own; s < n; s++)
            t->p[i][s] = 0.0f;
    }
}

/* All keys of `rows` rows of one sentence. */
static inline void packed_run(struct packed_rows *t, int rows, __global float *o, size_t o_ld,
                              __global const float *q, int q_ld, __global const state_t *k,
                              __global const state_t *v, int kv_ld, int dh, float scale,
                              __global const float *bias, int reach)
{
    int keys = 0;
    for (int i = 0; i < rows; i++) {
        keys = max(keys, t->keys[i]);
        t->largest[i] = ELCL_NEG_MAX;
        t->sum[i] = 0.0f;
    }
    for (int s0 = 0; s0 < keys; s0 += PACKED_KEYS) {
        const int n = min(PACKED_KEYS, keys - s0);
        for (int d = 0; d < dh; d += PACKED_D) {
            const int n_d = min(PACKED_D, dh - d);
            pack_keys(t->pack, k + (size_t)s0 * kv_ld + d, n, n_d, kv_ld);
#define PACKED_SCORES(n_tile)                                                                      \
    packed_scores(n_tile, t->p + i, q + (size_t)i * q_ld + d, q_ld, t->pack, n, n_d, d == 0)
            PACKED_TILES(PACKED_SCORES)
        }
        packed_softmax(t, rows, s0, n, scale, bias, reach);
        for (int d = 0; d < dh; d += PACKED_D) {
            const int n_d = min(PACKED_D, dh - d);
            pack_values(t->pack, v + (size_t)s0 * kv_ld + d, n, n_d, kv_ld);
#define PACKED_SUMS(n_tile)                                                                        \
    packed_sums(n_tile, o + i * o_ld + d, o_ld, t->p + i, t->shrink + i, t->pack, n, n_d, s0 == 0)
            PACKED_TILES(PACKED_SUMS)
        }
    }
    for (int i = 0; i < rows; i++) {
        const float factor = t->keys[i] ? 1.0f / t->sum[i] : 0.0f;
        for (int d = 0; d < dh; d++)
            o[i * o_ld + d] = t->keys[i] ? o[i * o_ld + d] * factor : 0.0f;
    }
}

__kernel void attn_packed(__global float *o,           /* [R, H Dh] */
                          __global const float *q,     /* [R, q_ld] */
                          __global const state_t *kv,  /* [pool rows, kv_ld] */
                          __global const int *step, ulong groups_at, /* a group per row */
                          int n_rows,
                          __global const float *bias, /* [H, 2 reach + 1], unless reach is 0 */
                          int reach, ulong rows_at, int dh, int q_ld, int kv_ld, int k_at, int v_at,
                          float scale)
{
    struct packed_rows t;
    const int h = get_global_id(0), r_end = min((int)(get_global_id(1) + 1) * PACKED_ROWS, n_rows);
    const size_t o_ld = get_global_size(0) * dh;
    int r = get_global_id(1) * PACKED_ROWS;
    o += h * dh;
    q += h * dh;
    kv += h * dh;
    bias += h * BIAS_ROW(reach);
    while (r < r_end) {
        __global const int *group = step + groups_at + (size_t)r * GROUP_INTS;
        const int start = group[GROUP_START];
        int rows = 0;
        while (r + rows < r_end && group[rows * GROUP_INTS + GROUP_START] == start) {
            t.keys[rows] = group[rows * GROUP_INTS + GROUP_SHARED];
            if (reach)
                t.position[rows] = step[rows_at + (size_t)(r + rows) * ROW_INTS + ROW_POSITION];
            rows++;
        }
        __global const state_t *first = kv + (size_t)start * kv_ld;
        packed_run(&t, rows, o + r * o_ld, o_ld, q + (size_t)r * q_ld, q_ld, first + k_at,
                   first + v_at, kv_ld, dh, scale, bias, reach);
        r += rows;
    }
}
