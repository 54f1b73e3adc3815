/*
 * Sampling: draws of one row against the distribution that the reference leaves.
 *
 * A draw is right when its uniform number lies between the reference's sums up to the token before
 * it and up to the token, within the error of the sums: (V / 64 + 64 + log V) roundings to f32.
 */
#include <math.h>
#include <string.h>

#include "base/util.h"
#include "selftest/logits.h"

#define U ELCL_FIXTURE_U

const struct elcl_row_draw elcl_sample_cuts = {
    .scale = 1.25f, .top_k = 50, .top_p = 0.9f, .min_p = 0.001f, .typical_p = 0.95f};

double elcl_sample_error(int v)
{
    return (v / 64.0 + 64 + log2(v)) * U * 2;
}

struct elcl_ref_sampling elcl_sample_reference(const struct elcl_row_draw *draw)
{
    return (struct elcl_ref_sampling){.temperature = 1 / (double)draw->scale,
                                      .top_k = draw->top_k,
                                      .top_p = (double)draw->top_p,
                                      .min_p = (double)draw->min_p,
                                      .typical_p = (double)draw->typical_p,
                                      .keep = draw->keep};
}

struct elcl_rows elcl_sample_rows(struct elcl_fixture *fx, int v, const float *logits, int n_draws,
                                  const struct elcl_row_draw *cuts)
{
    struct elcl_rows rows = elcl_rows(fx, 2, v, 1 + n_draws, n_draws);
    for (int row = 0; elcl_fixture_ok(fx) && row < 2; row++)
        memcpy(rows.logits + (size_t)row * v, logits, (size_t)v * sizeof(*logits));
    for (int d = 0; elcl_fixture_ok(fx) && d < n_draws; d++) {
        rows.draws[d] = *cuts;
        rows.draws[d].row = 1;
        rows.draws[d].index = d;
        rows.draws[d].uniform = ((float)d + 0.5f) / (float)n_draws;
    }
    return rows;
}

const struct elcl_candidate *elcl_sample_run(struct elcl_fixture *fx, const struct elcl_rows *rows)
{
    const struct elcl_rows_result result = elcl_rows_run(fx, rows, elcl_op_sample);
    const size_t same = (size_t)rows->width + 1; /* the best one stays before the draws */
    elcl_fixture_equal(fx, "the other row's candidates", result.drawn, result.selected, same,
                       sizeof(*result.drawn));
    return result.drawn ? result.drawn + same : NULL;
}

static void check_draw(struct elcl_fixture *fx, const struct elcl_candidate *got, size_t index,
                       double uniform, const double *p, double report, double logit, int v)
{
    double below = 0;
    for (int i = 0; i < got->token; i++)
        below += p[i];
    const double above = below + p[got->token], error = elcl_sample_error(v);
    const double size = fabs(logit) + fabs(report); /* and so of the sum */
    elcl_fixture_check(fx, p[got->token] > 0, "token %d is cut off", got->token);
    elcl_fixture_near(fx, "draw's distance from its token", index,
                      fmax(0, fmax(below - uniform, uniform - above)), 0, error);
    elcl_fixture_near(fx, "draw's score", index, (double)got->score, report,
                      8 * U * (4 + size) + (8 + sqrt(v)) * U);
}

/* Common cut-offs, disabled ones and extreme ones. */
static struct elcl_row_draw random_draw(struct elcl_fixture *fx, int v)
{
    static const float scales[] = {1, 1, 0.5f, 1.25f, 4, 1e6f, 1e-3f};
    static const float top_p[] = {1, 1, 0.95f, 0.5f, 0.9f, 1e-7f, 0, 0.99f};
    static const float min_p[] = {0, 0, 0, 0.05f, 0.3f, 1};
    static const float typical_p[] = {1, 1, 1, 0.9f, 0.2f, 1e-6f};
    const int top_k[] = {0, 0, 1, 2, 5, v - 1, v, v + 7, 50};
    return (struct elcl_row_draw){
        .top_k = top_k[elcl_fixture_int(fx, 0, (int)ELCL_COUNT(top_k) - 1)],
        .scale = elcl_fixture_one_of(fx, scales, ELCL_COUNT(scales)),
        .top_p = elcl_fixture_one_of(fx, top_p, ELCL_COUNT(top_p)),
        .min_p = elcl_fixture_one_of(fx, min_p, ELCL_COUNT(min_p)),
        .typical_p = elcl_fixture_one_of(fx, typical_p, ELCL_COUNT(typical_p))};
}

static void add_rules(struct elcl_fixture *fx, struct elcl_rows *rows, int row)
{
    int32_t *source = rows->lists[row][ELCL_LIST_SOURCE];
    struct elcl_row_rules *rules = &rows->rules[row];
    rules->repetition_penalty = 1.3f;
    rules->ban_eos = rules->n_eos = 1;
    rules->eos[0] = elcl_fixture_int(fx, 0, rows->v - 1);
    rules->encoder_penalty = 0.8f;
    rules->n_source = 3;
    rules->presence_penalty = 0.5f;
    rules->frequency_penalty = 0.25f;
    rules->first_generated = 1;
    for (int t = 0; t < 3; t++)
        source[t] = elcl_fixture_int(fx, 0, rows->v - 1);
    source[0] = rows->history[row * ELCL_ROWS_LENGTH + 1]; /* the rules meet */
    rules->renormalize = row && elcl_fixture_int(fx, 0, 1);
}

bool elcl_check_sample(struct elcl_fixture *fx, int v, int n_draws, enum elcl_logits kind,
                       bool rules, const struct elcl_row_draw *given)
{
    const struct elcl_row_draw cuts = given ? *given : random_draw(fx, v);
    const struct elcl_ref_sampling sampling = elcl_sample_reference(&cuts);
    float *logits = elcl_fixture_memory(fx, (size_t)v, sizeof(*logits));
    double *scores = elcl_fixture_doubles(fx, (size_t)v), *p = elcl_fixture_doubles(fx, (size_t)v);
    double *report = elcl_fixture_doubles(fx, (size_t)v), margin = 0;
    if (logits)
        elcl_rows_fill(fx, logits, v, kind);
    struct elcl_rows rows = elcl_sample_rows(fx, v, logits, n_draws, &cuts);
    for (int i = 0; rows.history && i < 2 * ELCL_ROWS_LENGTH; i++)
        rows.history[i] = elcl_fixture_int(fx, 0, v - 1);
    for (int row = 0; elcl_fixture_ok(fx) && row < 2; row++) {
        rows.length[row] = 3;
        if (rules)
            add_rules(fx, &rows, row);
    }
    const struct elcl_ref_rules ref = elcl_rows_reference(&rows, 1);
    if (elcl_fixture_ok(fx)) {
        elcl_ref_scores(scores, logits, &ref, v);
        if (ref.renormalize)
            memcpy(report, scores, (size_t)v * sizeof(*report));
        else
            elcl_ref_log_softmax(report, logits, v);
        if (!elcl_ref_warp(p, scores, &sampling, v, &margin))
            (void)elcl_fixture_try(fx, elcl_fail_nomem(&fx->err));
    }
    /* Tiny masses keep one token, however near they are. */
    const bool clear = !elcl_fixture_ok(fx) || margin >= 4 * elcl_sample_error(v) ||
                       cuts.top_p <= 1e-5f || cuts.typical_p <= 1e-5f;
    const struct elcl_candidate *got = clear ? elcl_sample_run(fx, &rows) : NULL;
    const bool none = got && elcl_ref_draw(p, v, 0.5) < 0;
    for (int d = 0; got && d < n_draws; d++) {
        const int token = got[d].token;
        if (none)
            elcl_rows_check_none(fx, &got[d], d, elcl_rows_none(logits, v));
        else if (elcl_fixture_check(fx, token >= 0 && token < v, "draw %d: token %d", d, token))
            check_draw(fx, &got[d], (size_t)d, (double)rows.draws[d].uniform, p, report[token],
                       (double)logits[token], v);
    }
    elcl_fixture_finish(fx);
    return clear;
}
