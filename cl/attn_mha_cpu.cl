/*
 * Multi-head attention, CPU shape: for each row r of a group and head h, with the group's keys j,
 *     p = softmax_j(scale q[r, h] . K[j, h]),  o[r, h] = sum_j p_j V[j, h]
 * in one pass over blocks of MHA_KEYS keys with a running maximum and sum, as in attn_mha_gpu.cl. The
 * blocks depend on the number of keys only. No keys give zeros. With a position bias, key j of a
 * row at `position` gets bias[h][j - position] onto its score (storage.cl).
 *
 * attn_mha   one work-item per (head, group): global size {H, groups}, work-group {1, 1}. All rows of
 *            a group pass over a block of keys and values while the caches have it.
 */
// lint: -DVW=8 -DWG=1
// lint: -DVW=16 -DWG=1 -DELCL_STATE_F16

#define MHA_KEYS 64 /* a multiple of every VW */
#define MHA_ROWS 16 /* rows that pass together */
#define MHA_WIDE 4  /* vectors of values that are summed at once */

static inline float mha_dot(__global const float *q, __global const state_t *k, int dh)
{
    const int whole = dh / VW * VW;
    floatv sum_v = (floatv)(0.0f);
    float sum = 0.0f;
    for (int d = 0; d < whole; d += VW)
        sum_v = ELCL_MAC(LOADV(q + d), STATE_VEC(k + d), sum_v);
    for (int d = whole; d < dh; d++)
        sum = ELCL_MAC(q[d], STATE_GET(k, d), sum);
    return sum + SUMV(sum_v);
}

/* o [dh] = o * shrink + the sum over n keys of p times their values, which stand at v + row[s] kv_ld.
 * Several vectors at once, so that a line of the caches is read whole. */
static inline void mha_add(__global float *o, const float *p, const int *row, int n,
                           __global const state_t *v, int kv_ld, int dh, float shrink)
{
    int d = 0;
    for (; d + MHA_WIDE * VW <= dh; d += MHA_WIDE * VW) {
        floatv acc[MHA_WIDE];
#pragma unroll
        for (int i = 0; i < MHA_WIDE; i++)
            acc[i] = LOADV(o + d + i * VW) * shrink;
        for (int s = 0; s < n; s++) {
            __global const state_t *from = v + (size_t)row[s] * kv_ld + d;
#pragma unroll
            for (int i = 0; i < MHA_WIDE; i++)
                acc[i] = ELCL_MAC((floatv)(p[s]), STATE_VEC(from + i * VW), acc[i]);
        }
#pragma unroll
        for (int i = 0; i < MHA_WIDE; i++)
            STOREV(acc[i], o + d + i * VW);
    }
    for (; d + VW <= dh; d += VW) {
        floatv acc = LOADV(o + d) * shrink;
        for (int s = 0; s < n; s++)
            acc = ELCL_MAC((floatv)(p[s]), STATE_VEC(v + (size_t)row[s] * kv_ld + d), acc);
        STOREV(acc, o + d);
    }
    for (; d < dh; d++) {
        float acc = o[d] * shrink;
        for (int s = 0; s < n; s++)
            acc = ELCL_MAC(p[s], STATE_GET(v, (size_t)row[s] * kv_ld + d), acc);
        o[d] = acc;
    }
}

/* The next n keys of one row: o, the largest score and the sum so far go on. `bias` is that of the
 * first key's distance, `reach` 0 without one. */
static inline void mha_block(__global float *o, __global const float *q,
                             __global const state_t *k, __global const state_t *v,
                             const int *row, int n, int kv_ld, int dh, float scale,
                             __global const float *bias, int distance, int reach, float *largest,
                             float *sum)
{
    float p[MHA_KEYS];
    float block_largest = *largest;
    for (int s = 0; s < n; s++) {
        p[s] = scale * mha_dot(q, k + (size_t)row[s] * kv_ld, dh);
        if (reach)
            p[s] += bias[bias_at(distance + s, reach)];
        block_largest = fmax(block_largest, p[s]);
    }
    const float shrink = exp(*largest - block_largest);
    *largest = block_largest;
    *sum = *sum * shrink + softmax_block(p, n, block_largest);
    mha_add(o, p, row, n, v, kv_ld, dh, shrink);
}

__kernel void attn_mha(__global float *o,            /* [R, H Dh] */
                       __global const float *q,      /* [R, q_ld] */
                       __global const state_t *kv,   /* [pool rows, kv_ld] */
                       __global const int *step, ulong groups_at,
                       __global const int *lineage,  /* [rows, lineage_ld] */
                       int lineage_ld,
                       __global const float *bias,   /* [H, 2 reach + 1], unless reach is 0 */
                       int reach, ulong rows_at, int dh, int q_ld, int kv_ld, int k_at, int v_at,
                       float scale)
{
    float largest[MHA_ROWS], sum[MHA_ROWS];
    int row[MHA_KEYS];
    const int h = get_global_id(0), o_ld = get_global_size(0) * dh;
    __global const int *group = step + groups_at + get_global_id(1) * GROUP_INTS;
    const int keys = group[GROUP_SHARED] + group[GROUP_PRIVATE];
    const int end = group[GROUP_ROW] + group[GROUP_ROWS];
    bias += h * BIAS_ROW(reach);
    lineage += (size_t)group[GROUP_LINEAGE] * lineage_ld;
    o += h * dh;
    q += h * dh;
    kv += h * dh;
    for (int first = group[GROUP_ROW]; first < end; first += MHA_ROWS) {
        const int rows = min(MHA_ROWS, end - first);
        for (int i = 0; i < rows; i++) {
            largest[i] = ELCL_NEG_MAX;
            sum[i] = 0.0f;
            for (int d = 0; d < dh; d++)
                o[(size_t)(first + i) * o_ld + d] = 0.0f;
        }
        for (int s0 = 0; s0 < keys; s0 += MHA_KEYS) {
            const int n = min(MHA_KEYS, keys - s0);
            for (int s = 0; s < n; s++)
                row[s] = key_row(group, lineage, s0 + s);
            for (int i = 0; i < rows; i++) {
                const size_t r = first + i;
                const int position = reach ? step[rows_at + r * ROW_INTS + ROW_POSITION] : 0;
                mha_block(o + r * o_ld, q + r * q_ld, kv + k_at, kv + v_at, row, n, kv_ld, dh,
                          scale, bias, s0 - position, reach, largest + i, sum + i);
            }
        }
        for (int i = 0; i < rows; i++)
            for (int d = 0; d < dh; d++)
                o[(size_t)(first + i) * o_ld + d] *= keys ? 1.0f / sum[i] : 0.0f;
    }
}
