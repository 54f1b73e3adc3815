/*
 * Multi-head attention of single rows, CPU shape: for row r and head h with keys j of its group,
 *     p = softmax_j(scale q[r, h] . K[j, h]),  o[r, h] = sum_j p_j V[j, h]
 * in one pass over blocks of MHA_KEYS keys with a running maximum and sum, as in attn_mha_gpu.cl. The
 * blocks depend on the number of keys only. No keys give zeros. With a position bias, key j of a
 * row at `position` gets bias[h][j - position] onto its score (storage.cl).
 *
 * attn_mha   one work-item per (head, group): global size {H, groups}, work-group {1, 1}
 */
// lint: -DVW=8 -DWG=1
// lint: -DVW=16 -DWG=1 -DELCL_STATE_F16

#define MHA_KEYS 64 /* a multiple of every VW */

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
    float p[MHA_KEYS];
    int row[MHA_KEYS];
    const int h = get_global_id(0), whole = dh / VW * VW;
    __global const int *group = step + groups_at + get_global_id(1) * GROUP_INTS;
    const int keys = group[GROUP_SHARED] + group[GROUP_PRIVATE];
    const size_t r = group[GROUP_ROW];
    const int position = reach ? step[rows_at + r * ROW_INTS + ROW_POSITION] : 0;
    bias += h * BIAS_ROW(reach);
    lineage += (size_t)group[GROUP_LINEAGE] * lineage_ld;
    q += r * q_ld + h * dh;
    o += (r * get_global_size(0) + h) * dh;
    kv += h * dh;
    for (int d = 0; d < dh; d++)
        o[d] = 0.0f;
    float largest = ELCL_NEG_MAX, sum = 0.0f;
    for (int s0 = 0; s0 < keys; s0 += MHA_KEYS) {
        const int n = min(MHA_KEYS, keys - s0);
        float block_largest = largest;
        for (int s = 0; s < n; s++) {
            row[s] = key_row(group, lineage, s0 + s);
            p[s] = scale * mha_dot(q, kv + (size_t)row[s] * kv_ld + k_at, dh);
            if (reach)
                p[s] += bias[bias_at(s0 + s - position, reach)];
            block_largest = fmax(block_largest, p[s]);
        }
        const float shrink = exp(largest - block_largest);
        largest = block_largest;
        sum = sum * shrink + softmax_block(p, n, largest);
        for (int d = 0; d < whole; d += VW) {
            floatv acc = LOADV(o + d) * shrink;
            for (int s = 0; s < n; s++)
                acc = ELCL_MAC((floatv)(p[s]), STATE_VEC(kv + (size_t)row[s] * kv_ld + v_at + d),
                               acc);
            STOREV(acc, o + d);
        }
        for (int d = whole; d < dh; d++) {
            float acc = o[d] * shrink;
            for (int s = 0; s < n; s++)
                acc = ELCL_MAC(p[s], STATE_GET(kv, (size_t)row[s] * kv_ld + v_at + d), acc);
            o[d] = acc;
        }
    }
    const float factor = keys ? 1.0f / sum : 0.0f;
    for (int d = 0; d < dh; d++)
        o[d] *= factor;
}
