/* Log-probabilities of given tokens among the first ones, at an offset of records and results. */
#include <math.h>

#include "selftest/checks.h"
#include "selftest/logits.h"

void elcl_check_log_prob(struct elcl_fixture *fx, int r, int v, double scale)
{
    const size_t rows_at = (size_t)elcl_fixture_int(fx, 0, 9);
    const size_t out_at = (size_t)elcl_fixture_int(fx, 0, 5), n = out_at + (size_t)r;
    const int among = elcl_fixture_int(fx, 0, 1) ? v : elcl_fixture_int(fx, 1, v);
    float *logits = elcl_fixture_normals(fx, ELCL_F32, (size_t)r * v, scale);
    int32_t *token = elcl_fixture_random_ints(fx, (size_t)r, 0, among - 1);
    double *want = elcl_fixture_unwritten(fx, n), *bound = elcl_fixture_doubles(fx, n);
    double *log_softmax = elcl_fixture_doubles(fx, (size_t)v);
    for (int i = 0; elcl_fixture_ok(fx) && i < r; i++) {
        float *row = logits + (size_t)i * v;
        if (i % 3 == 0)
            token[i] = i % 2 * (among - 1);
        if (i % 4 == 3 && v > 1) /* what masks write must count for nothing */
            row[(token[i] + 1) % v] = -INFINITY;
        elcl_ref_log_softmax(log_softmax, row, among);
        want[out_at + (size_t)i] = log_softmax[token[i]];
        bound[out_at + (size_t)i] = (8 + v / 4.0) * ELCL_FIXTURE_U *
                                    (2 + fabs((double)row[token[i]]) + fabs(log_softmax[token[i]]));
    }
    const int32_t *const fields[ELCL_ROW_INTS] = {[ELCL_ROW_TOKEN] = token};
    const struct elcl_log_prob_args args = {.out = elcl_fixture_output(fx, NULL, n * sizeof(float)),
                                            .logits = elcl_rows_logits(fx, logits, r, v),
                                            .step = elcl_fixture_records(fx, rows_at, r, fields),
                                            .rows_at = rows_at,
                                            .out_at = out_at,
                                            .r = r,
                                            .v = v,
                                            .among = among};
    if (ELCL_FIXTURE_TRY(fx, elcl_op_log_prob(fx->ops, &args, &fx->err)))
        elcl_fixture_compare(fx, "log-probabilities", elcl_fixture_read(fx, args.out), want, bound,
                             n);
    elcl_fixture_finish(fx);
}
