/*
 * Alignments: means of probabilities. A score errs as in attention.c, by at most delta, and a
 * probability p then by expm1(2 delta) p; exp, the sum, the division and the mean add (20 + 2 sqrt
 * S + n) U p for n heads.
 */
#include <math.h>

#include "base/util.h"
#include "selftest/attention.h"

/* Which rows and heads. */
struct part {
    int first_row, n_rows, first_head, n_heads;
};

static double largest_score(const struct elcl_attn_case *a, const float *q, const float *k, int n)
{
    double largest = 0;
    for (int j = 0; j < n; j++) {
        double sum = 0;
        for (int i = 0; i < a->dh; i++)
            sum += fabs((double)q[i] * (double)k[(size_t)j * a->kv_ld + i]);
        largest = fmax(largest, (double)a->scale * sum);
    }
    return largest;
}

/* want and bound [n_shared] of row r of a group; p is scratch. */
static void row_reference(const struct elcl_attn_case *a, const struct elcl_row_group *group, int r,
                          const struct part *part, double *p, double *want, double *bound)
{
    const int n = group->n_shared, heads = part->n_heads;
    const double rounding = (20 + 2 * sqrt(n) + heads) * ELCL_FIXTURE_U;
    for (int j = 0; j < n; j++)
        want[j] = bound[j] = 0;
    for (int h = part->first_head; h < part->first_head + heads; h++) {
        const struct elcl_ref_keys keys = {.n_shared = n};
        const float *q = a->q + (size_t)r * a->q_ld + (size_t)h * a->dh;
        const float *k = a->kv + (size_t)group->start * a->kv_ld + a->k_at +
                         (a->op == ELCL_ATTN_OP_EL ? 0 : (size_t)h * a->dh);
        elcl_ref_attn_weights(p, q, k, (size_t)a->kv_ld, &keys, a->dh, (double)a->scale);
        const double delta = (6 + 2 * sqrt(a->dh)) * ELCL_FIXTURE_U * largest_score(a, q, k, n);
        for (int j = 0; j < n; j++) {
            want[j] += p[j] / heads;
            bound[j] += (expm1(2 * delta) + rounding) * p[j] / heads + 1e-37;
        }
    }
}

static struct part random_part(struct elcl_fixture *fx, const struct elcl_attn_keys *k, int h)
{
    struct part part = {.n_rows = k->n_rows, .n_heads = h};
    if (elcl_fixture_int(fx, 0, 1)) {
        part.first_row = elcl_fixture_int(fx, 0, k->n_rows - 1);
        part.n_rows = elcl_fixture_int(fx, 1, k->n_rows - part.first_row);
    }
    if (elcl_fixture_int(fx, 0, 1)) {
        part.first_head = elcl_fixture_int(fx, 0, h - 1);
        part.n_heads = elcl_fixture_int(fx, 1, h - part.first_head);
    }
    return part;
}

static const float *run(struct elcl_fixture *fx, const struct elcl_attn_keys *k,
                        const struct elcl_attn_case *a, const struct part *part, int ld)
{
    const bool el = a->op == ELCL_ATTN_OP_EL;
    const size_t at = (size_t)elcl_fixture_int(fx, 0, 9), n_q = (size_t)k->n_rows * a->q_ld;
    const size_t n = (size_t)part->n_rows * ld;
    const struct elcl_align_args args = {.means =
                                             elcl_fixture_output(fx, NULL, 2 * n * sizeof(float)),
                                         .q = elcl_attn_upload_queries(fx, a, n_q),
                                         .k = elcl_attn_upload_cache(fx, k, a),
                                         .step = elcl_attn_upload_groups(fx, k, at),
                                         .groups_at = at,
                                         .el = el,
                                         .q_low = n_q,
                                         .n_groups = k->n_groups,
                                         .max_rows = k->max_rows,
                                         .first_row = part->first_row,
                                         .n_rows = part->n_rows,
                                         .ld = ld,
                                         .q_ld = a->q_ld,
                                         .k_ld = a->kv_ld,
                                         .k_at = a->k_at,
                                         .k_head = el ? 0 : a->dh,
                                         .width = a->dh,
                                         .first_head = part->first_head,
                                         .n_heads = part->n_heads,
                                         .scale = a->scale,
                                         .keys = k->total};
    (void)ELCL_FIXTURE_TRY(fx, elcl_op_align(fx->ops, &args, &fx->err));
    return elcl_fixture_read(fx, args.means);
}

void elcl_check_align(struct elcl_fixture *fx, enum elcl_attn_op op,
                      const struct elcl_attn_layout *l, int h, int dh, enum elcl_attn_inputs inputs)
{
    const struct elcl_attn_keys k = elcl_attn_keys(fx, op, l);
    const struct elcl_attn_case a = elcl_attn_case(fx, op, &k, h, dh, inputs, false);
    const struct part part = random_part(fx, &k, h);
    const int ld = k.max_keys + elcl_fixture_int(fx, 0, 3);
    const size_t n = (size_t)part.n_rows * ld;
    double *want = elcl_fixture_unwritten(fx, n), *bound = elcl_fixture_unwritten(fx, n);
    double *p = elcl_fixture_doubles(fx, (size_t)k.max_keys);
    const float *got = run(fx, &k, &a, &part, ld);
    for (int g = 0; got && g < k.n_groups; g++)
        for (int r = k.group[g].row; r < k.group[g].row + k.group[g].n_rows; r++) {
            const int at = r - part.first_row;
            if (at >= 0 && at < part.n_rows)
                row_reference(&a, &k.group[g], r, &part, p, want + (size_t)at * ld,
                              bound + (size_t)at * ld);
        }
    elcl_fixture_compare(fx, "alignments", got, want, bound, n);
    elcl_fixture_finish(fx);
}
