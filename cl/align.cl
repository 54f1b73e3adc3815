/*
 * What rows attend to: for row r of a row group, with the group's shared keys j,
 *     means[r][j] = 1 / n sum_h softmax_j(scale q[r, h] . k[j, h])
 * over n heads from `first_head` on. A head's keys begin k_head elements after those of the head
 * before; with EL-attention all heads have the same ones, and k_head is 0. Each row has its own
 * arithmetic. Only elements of keys are written, and only rows first_row .. first_row + n_rows - 1,
 * the first one at means[0].
 *
 * align_el    queries are expanded: one plane, or two, the low one q_low elements after the high
 *             one (gemm_put.cl)
 * align_mha   queries are activations
 * Both: one work-group of WG items per row of a group: global size {WG max rows, groups}; local
 * memory WG floats.
 */
// lint: -DVW=8 -DWG=1
// lint: -DVW=16 -DWG=1 -DELCL_STATE_F16
// lint: -DVW=4 -DWG=64 -DELCL_STATE_BF16
// lint: -DVW=4 -DWG=64 -DELCL_STATE_F16 -DELCL_ACT_F16
// lint: -DVW=16 -DWG=1 -DELCL_STATE_INT4
// lint: -DVW=4 -DWG=64 -DELCL_STATE_INT8 -DELCL_ACT_F16

/* Where a work-group's row lies. */
struct align_row {
    __global float *mean, *scores; /* [keys] */
    size_t row;                    /* of the queries */
    int first, keys;               /* cache rows; 0 keys: there is nothing to do */
};

static inline struct align_row align_row(__global float *means, __global const int *step,
                                         ulong groups_at, int first_row, int n_rows, int ld)
{
    __global const struct elcl_row_group *group =
        (__global const struct elcl_row_group *)(step + groups_at) + get_group_id(1);
    const int at = group->row + (int)get_group_id(0) - first_row;
    const bool idle = (int)get_group_id(0) >= group->n_rows || at < 0 || at >= n_rows;
    const size_t row = idle ? 0 : at;
    return (struct align_row){means + row * ld, means + (n_rows + row) * ld, row + first_row,
                              group->start, idle ? 0 : group->n_shared};
}

/* Turns the scores of a head into probabilities and adds `share` of them to the means. `largest` is
 * the item's own. */
static inline void align_add(const struct align_row *row, float largest, float share, bool first,
                             __local float *scratch)
{
    float sum = 0.0f;
    largest = group_max(largest, scratch);
    for (int j = get_local_id(0); j < row->keys; j += WG) {
        row->scores[j] = exp(row->scores[j] - largest);
        sum += row->scores[j];
    }
    sum = group_sum(sum, scratch);
    for (int j = get_local_id(0); j < row->keys; j += WG)
        row->mean[j] = (first ? 0.0f : row->mean[j]) + row->scores[j] / sum * share;
}

#ifdef ELCL_PLANES
#define PLANES_GET(q, d) (PLANE_GET(q, d) + PLANE_GET((q) + q_low, d))
#define PLANES_VEC(q) (PLANE_VEC(q) + PLANE_VEC((q) + q_low))
#else
#define PLANES_GET(q, d) (q)[d]
#define PLANES_VEC(q) LOADV(q)
#endif

static inline float align_dot_el(__global const plane_t *q, ulong q_low, state_row k, int width)
{
    floatv sum_v = (floatv)(0.0f);
    float sum = 0.0f;
    for (int i = 0; i < STATE_GROUPS(width); i++) {
        const int end = STATE_GROUP_END(i, width);
        int d = i * STATE_GROUP;
        const float2 group = state_group(k, d);
        for (; d + VW <= end; d += VW)
            sum_v = ELCL_MAC(PLANES_VEC(q + d), state_widen_v(k, d, group), sum_v);
        for (; d < end; d++)
            sum = ELCL_MAC(PLANES_GET(q, d), state_widen(k, d, group), sum);
    }
    return sum + SUMV(sum_v);
}

/* Runs a row of either kernel; `dot` is the product with a key. */
#define ALIGN_HEADS(dot)                                                                           \
    for (int h = 0; h < n_heads; h++) {                                                            \
        const struct state_place keys =                                                            \
            state_place(k, k_ld, width, k_at + (first_head + h) * k_head);                         \
        float largest = ELCL_NEG_MAX;                                                              \
        for (int j = get_local_id(0); j < row.keys; j += WG) {                                     \
            const state_row key = state_at(keys, row.first + j);                                   \
            row.scores[j] = scale * dot;                                                           \
            largest = fmax(largest, row.scores[j]);                                                \
        }                                                                                          \
        align_add(&row, largest, 1.0f / n_heads, h == 0, scratch);                                 \
        q += width;                                                                                \
    }

__kernel void align_el(__global float *means,     /* [2, n_rows, ld]: the second half is scratch */
                       __global const plane_t *q, /* [R, q_ld], see gemm_put.cl */
                       __global const state_t *k, /* [cache rows, k_ld] */
                       __global const int *step, ulong groups_at, int first_row, int n_rows, int ld,
                       int q_ld, int k_ld, int k_at, int k_head, int width, int first_head,
                       int n_heads, float scale, ulong q_low, __local float *scratch)
{
    const struct align_row row = align_row(means, step, groups_at, first_row, n_rows, ld);
    q += row.row * q_ld + first_head * width;
    ALIGN_HEADS(align_dot_el(q, q_low, key, width))
}

__kernel void align_mha(__global float *means,     /* [2, n_rows, ld] */
                        __global const act_t *q,   /* [R, q_ld] */
                        __global const state_t *k, /* [cache rows, k_ld] */
                        __global const int *step, ulong groups_at, int first_row, int n_rows,
                        int ld, int q_ld, int k_ld, int k_at, int k_head, int width, int first_head,
                        int n_heads, float scale, __local float *scratch)
{
    const struct align_row row = align_row(means, step, groups_at, first_row, n_rows, ld);
    q += row.row * q_ld + first_head * width;
    ALIGN_HEADS(act_dot_state(q, key, width))
}
