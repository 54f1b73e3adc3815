/*
 * Multi-head attention, GPU kernel for keys that attn_mha_parts.cl cannot load: for each row r of a
 * row group and head h, with the group's keys j,
 *     p = softmax_j(scale q[r, h] . K[j, h]),  o[r, h] = sum_j p_j V[j, h]
 * in one pass over blocks of MHA_BLOCK keys with a running maximum m and sum l: when a block raises
 * the maximum, the earlier sums shrink by exp(m_old - m_new). The blocks depend only on the number
 * of keys. No keys give zeros. With a position bias, the score of key j for a row at `position`
 * gets bias[h][j - position] added (storage.cl).
 *
 * With own_at > 0 each group has one row, whose own key and value, the group's last, are not cached
 * yet: they follow its query, from q[r][own_at + h Dh] and q[r][own_at + v_at - k_at + h Dh] on.
 * The work-group of head h stores and then reads them.
 *
 * attn_mha   one work-group of WG items per (head, group, row): global size
 *            {WG H, groups, max rows}; local memory: MHA_BLOCK + WG + Dh floats
 */
// lint: -DVW=4 -DWG=64
// lint: -DVW=4 -DWG=64 -DELCL_STATE_F16
// lint: -DVW=4 -DWG=64 -DELCL_STATE_BF16 -DELCL_ACT_BF16
// lint: -DVW=4 -DWG=64 -DELCL_STATE_INT8

#define MHA_BLOCK 64

#ifdef STATE_NARROW /* its elements share groups: scatter stores them */
#define mha_store_own(kv, own, j, dh, kv_ld, k_at, v_at)
#else
/* Stores what a row's own key and value of a head have, from `own` on, in row j of kv, which begins
 * at the head. A barrier for global memory must follow. */
static inline void mha_store_own(__global state_t *kv, __global const act_t *own, size_t j, int dh,
                                 int kv_ld, int k_at, int v_at)
{
    kv += j * kv_ld;
    for (int d = get_local_id(0); d < dh; d += WG) {
        STATE_PUT(kv, k_at + d, ACT_GET(own, d));
        STATE_PUT(kv, v_at + d, ACT_GET(own, v_at - k_at + d));
    }
}
#endif

__kernel void attn_mha(__global act_t *o,       /* [R, H Dh] */
                       __global const act_t *q, /* [R, q_ld] */
                       __global state_t *kv,    /* [cache rows, kv_ld]; written with own_at */
                       __global const int *step, ulong groups_at,
                       __global const int *lineage, /* [rows, lineage_ld] */
                       int lineage_ld, int own_at,
                       __global const float *bias, /* [H, 2 max_distance + 1], or none */
                       int max_distance, ulong rows_at, int dh, int q_ld, int kv_ld, int k_at,
                       int v_at, float scale, __local float *sums) /* [Dh] */
{
    __local float p[MHA_BLOCK];
    __local float scratch[WG];
    const int lid = get_local_id(0), h = get_group_id(0);
    __global const struct elcl_row_group *group =
        (__global const struct elcl_row_group *)(step + groups_at) + get_group_id(1);
    const bool idle = (int)get_group_id(2) >= group->n_rows;
    const int keys = idle ? 0 : group->n_shared + group->n_private;
    const size_t r = group->row + get_group_id(2);
    const int position =
        max_distance && !idle ? step[rows_at + r * ELCL_ROW_INTS + ELCL_ROW_POSITION] : 0;
    bias += h * BIAS_ROW(max_distance);
    lineage += (size_t)group->lineage_row * lineage_ld;
    q += r * q_ld + h * dh;
    o += (r * get_num_groups(0) + h) * dh;
    const struct state_place k = state_place(kv, kv_ld, dh, k_at + h * dh);
    const struct state_place v = state_place(kv, kv_ld, dh, v_at + h * dh);
    float largest = ELCL_NEG_MAX, sum = 0.0f;
    if (own_at && keys)
        mha_store_own(kv + h * dh, q + own_at, key_row(group, lineage, keys - 1), dh, kv_ld, k_at,
                      v_at);
    for (int d = lid; d < dh; d += WG)
        sums[d] = 0.0f;
    GROUP_BARRIER();
    for (int s0 = 0; s0 < keys; s0 += MHA_BLOCK) {
        const int n = min(MHA_BLOCK, keys - s0);
        float block_largest = ELCL_NEG_MAX;
        for (int s = lid; s < n; s += WG) {
            const state_row key = state_at(k, key_row(group, lineage, s0 + s));
            p[s] = scale * act_dot_state(q, key, dh);
            if (max_distance)
                p[s] += bias[bias_at(s0 + s - position, max_distance)];
            block_largest = fmax(block_largest, p[s]);
        }
        block_largest = fmax(largest, group_max(block_largest, scratch));
        const float shrink = exp(largest - block_largest);
        float block_sum = 0.0f;
        for (int s = lid; s < n; s += WG) {
            p[s] = exp(p[s] - block_largest);
            block_sum += p[s];
        }
        sum = sum * shrink + group_sum(block_sum, scratch);
        largest = block_largest;
        GROUP_BARRIER();
        for (int d = lid; d < dh; d += WG) {
            float acc = sums[d] * shrink;
            for (int s = 0; s < n; s++) {
                const state_row value = state_at(v, key_row(group, lineage, s0 + s));
                acc = ELCL_MAC(p[s], state_get(value, d), acc);
            }
            sums[d] = acc;
        }
        GROUP_BARRIER();
    }
    const float factor = keys ? 1.0f / sum : 0.0f;
    for (int d = lid; !idle && d < dh; d += WG)
        ACT_PUT(o, d, sums[d] * factor);
}
