/* Log-probabilities of given tokens: rows of all kinds at an offset of records and results. */
#include "common.h"

#include <math.h>
#include <string.h>

static void check_log_prob(struct fixture *fx, int r, int v, double scale)
{
    elcl_error err = {0};
    fixture_begin(fx);
    const size_t rows_at = (size_t)check_int(0, 9), out_at = (size_t)check_int(0, 5);
    const size_t n_step = rows_at + (size_t)r * ELCL_ROW_INTS;
    float *logits = fixture_normals(fx, (size_t)r * v, scale);
    int32_t *step = fixture_ints(fx, n_step);
    double *want = fixture_unwritten(fx, out_at + (size_t)r);
    double *bound = fixture_doubles(fx, out_at + (size_t)r), *log_softmax = fixture_doubles(fx, v);
    memset(step, 0xff, n_step * sizeof(*step));
    for (int i = 0; i < r; i++) {
        float *row = logits + (size_t)i * v;
        const int token = i % 3 ? check_int(0, v - 1) : i % 2 * (v - 1);
        step[rows_at + (size_t)i * ELCL_ROW_INTS + ELCL_ROW_TOKEN] = token;
        if (i % 4 == 3 && v > 1) /* what masks write must count for nothing */
            row[(token + 1) % v] = -INFINITY;
        elcl_ref_log_softmax(log_softmax, row, v);
        want[out_at + (size_t)i] = log_softmax[token];
        bound[out_at + (size_t)i] =
            (8 + v / 4.0) * U * (2 + fabs((double)row[token]) + fabs(log_softmax[token]));
    }
    const struct elcl_log_prob_args args = {
        .out = fixture_output(fx, NULL, (out_at + (size_t)r) * sizeof(float)),
        .logits = fixture_output(fx, logits, (size_t)r * v * sizeof(float)),
        .step = fixture_input(fx, step, n_step * sizeof(*step)),
        .rows_at = rows_at,
        .out_at = out_at,
        .r = r,
        .v = v};
    CHECK(!elcl_op_log_prob(fx->ops, &args, &err), "%s", err.msg);
    check_bounded("log-probabilities", fixture_read(fx, args.out), want, bound, out_at + (size_t)r);
    fixture_end(fx);
}

void test_score(struct fixture *fx)
{
    static const int widths[] = {1, 2, 7, 64, 129, 2048, 50265};
    for (int i = 0; i < 7; i++) {
        const int v = widths[i];
        if (v > 3000 && (!fx->full || fixture_is_slow(fx)))
            continue;
        if (!check_case("log_prob %s V=%d", fx->name, v))
            continue;
        check_log_prob(fx, 5, v, 1);
        check_log_prob(fx, 9, v, 30);
    }
}
