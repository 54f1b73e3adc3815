/* Log-probabilities of given tokens: rows of all kinds at an offset of records and results. */
#include "common.h"

#include <math.h>
#include <string.h>

static void check_log_prob(struct bed *bed, int r, int v, double scale)
{
    elcl_error err = {0};
    bed_begin(bed);
    const size_t rows_at = (size_t)check_int(0, 9), out_at = (size_t)check_int(0, 5);
    const size_t n_step = rows_at + (size_t)r * ELCL_ROW_INTS;
    float *logits = bed_normals(bed, (size_t)r * v, scale);
    int32_t *step = bed_ints(bed, n_step);
    double *want = bed_unwritten(bed, out_at + (size_t)r);
    double *bound = bed_doubles(bed, out_at + (size_t)r), *log_softmax = bed_doubles(bed, v);
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
        .out = bed_output(bed, NULL, (out_at + (size_t)r) * sizeof(float)),
        .logits = bed_output(bed, logits, (size_t)r * v * sizeof(float)),
        .step = bed_input(bed, step, n_step * sizeof(*step)),
        .rows_at = rows_at,
        .out_at = out_at,
        .r = r,
        .v = v};
    CHECK(!elcl_op_log_prob(bed->ops, &args, &err), "%s", err.msg);
    check_bounded("log-probabilities", bed_read(bed, args.out), want, bound, out_at + (size_t)r);
    bed_end(bed);
}

void test_score(struct bed *bed)
{
    static const int widths[] = {1, 2, 7, 64, 129, 2048, 50265};
    for (int i = 0; i < 7; i++) {
        const int v = widths[i];
        if (v > 3000 && (!bed->full || bed_is_slow(bed)))
            continue;
        if (!check_case("log_prob %s V=%d", bed->name, v))
            continue;
        check_log_prob(bed, 5, v, 1);
        check_log_prob(bed, 9, v, 30);
    }
}
