/*
 * Beam-sample: the candidates of a row are the tokens of the largest score + Gumbel number.
 *
 * A score s = x - lse errs by (8 + sqrt V) roundings of the sum and 8 of the sizes of x and lse,
 * which the penalty of repetition stretches. Temperature scales that, renormalization adds the
 * error of the kept mass, the Gumbel number log(-log1p(-u)) a few roundings of 1 and of itself. A
 * candidate is right at its rank when its reference key is that rank's within both errors.
 */
#include <math.h>
#include <string.h>

#include "base/util.h"
#include "selftest/logits.h"

#define U ELCL_FIXTURE_U

enum { ROWS = ELCL_ROWS_MAX, SEED = 77, SAMPLE = 3 };

/* The reference's results for one row. */
struct expected {
    double *scores, *p, *keys, *values, *gumbel; /* [V] */
    double largest;                              /* of |logits| */
    double scale;                                /* 1 / temperature */
    int32_t none;                                /* the token of a missing candidate */
};

static struct elcl_row_draw random_draw(struct elcl_fixture *fx, int v)
{
    static const float scales[] = {1, 1, 0.5f, 1.25f, 4, 1e-3f};
    static const float top_p[] = {1, 1, 0.95f, 0.5f, 0.9f, 0};
    static const float min_p[] = {0, 0, 0, 0.05f, 0.3f};
    static const float typical_p[] = {1, 1, 1, 0.9f, 0.2f};
    const int top_k[] = {0, 0, 1, 2, 5, v - 1, v, v + 7, 50}, keep[] = {0, 1, 2, 3, v, v + 3};
    return (struct elcl_row_draw){
        .top_k = top_k[elcl_fixture_int(fx, 0, (int)ELCL_COUNT(top_k) - 1)],
        .scale = elcl_fixture_one_of(fx, scales, ELCL_COUNT(scales)),
        .top_p = elcl_fixture_one_of(fx, top_p, ELCL_COUNT(top_p)),
        .min_p = elcl_fixture_one_of(fx, min_p, ELCL_COUNT(min_p)),
        .typical_p = elcl_fixture_one_of(fx, typical_p, ELCL_COUNT(typical_p)),
        .keep = keep[elcl_fixture_int(fx, 0, (int)ELCL_COUNT(keep) - 1)],
        .renormalize = elcl_fixture_int(fx, 0, 1)};
}

void elcl_beams_fill(struct elcl_fixture *fx, struct elcl_rows *rows, int row,
                     enum elcl_logits kind)
{
    const int v = rows->v, length = 1 + row % 4;
    struct elcl_row_rules *rules = &rows->rules[row];
    struct elcl_row_draw *draw = &rows->draws[row];
    elcl_rows_fill(fx, rows->logits + (size_t)row * v, v, kind);
    rows->length[row] = length;
    for (int t = 0; t < length; t++)
        rows->history[row * ELCL_ROWS_LENGTH + t] = elcl_fixture_int(fx, 0, v - 1);
    rules->log_probs = rules->n_eos = 1;
    rules->ban_eos = row % 2;
    rules->eos[0] = elcl_fixture_int(fx, 0, v - 1);
    rules->repetition_penalty = row % 2 ? 1.3f : 1.0f;
    rules->watch = rows->width > 1 && row % 2;
    rules->watched_token = elcl_fixture_int(fx, 0, v - 1);
    *draw = random_draw(fx, v);
    draw->row = row;
    draw->seed[0] = SEED;
    draw->sample[0] = SAMPLE;
    draw->beam = (uint32_t)(row * 13 % ELCL_MAX_BEAMS);
    draw->length = (uint32_t)length;
}

static void allocate(struct elcl_fixture *fx, struct expected *e, int v)
{
    double **const arrays[] = {&e->scores, &e->p, &e->keys, &e->values, &e->gumbel};
    for (size_t i = 0; i < ELCL_COUNT(arrays); i++)
        *arrays[i] = elcl_fixture_doubles(fx, (size_t)v);
}

/* Fills in the reference of a row; false: a mass is too near to a cut-off for f32 to decide. */
static bool expect(struct elcl_fixture *fx, struct elcl_rows *rows, int row, struct expected *e)
{
    const int v = rows->v;
    const float *logits = rows->logits + (size_t)row * v;
    const struct elcl_row_draw *d = &rows->draws[row];
    const struct elcl_ref_sampling sampling = elcl_sample_reference(d);
    const struct elcl_ref_rules rules = elcl_rows_reference(rows, row);
    const elcl_gen_options options = {.seed = SEED};
    double margin = 0;
    e->largest = 0;
    e->scale = (double)d->scale;
    for (int i = 0; i < v; i++) {
        e->gumbel[i] = elcl_rules_gumbel(&options, SAMPLE, (int)d->beam, i, rows->length[row]);
        if (isfinite(logits[i]))
            e->largest = fmax(e->largest, fabs((double)logits[i]));
    }
    elcl_ref_scores(e->scores, logits, &rules, v);
    if (!elcl_ref_warp(e->p, e->scores, &sampling, v, &margin))
        return !elcl_fixture_try(fx, elcl_fail_nomem(&fx->err));
    elcl_ref_beam_keys(e->keys, e->values, e->p, e->scores, e->gumbel, sampling.temperature,
                       d->renormalize, v);
    return margin >= 4 * elcl_sample_error(v);
}

static double value_error(const struct expected *e, int token, int v)
{
    const double g = fabs(e->gumbel[token]), value = fabs(e->values[token]);
    const double lse = e->largest + log(v), sizes = 2 * lse + e->largest;
    const double score = 1.3 * U * (8 + sqrt(v) + 6 * sizes);
    return e->scale * score + 2 * elcl_sample_error(v) + 16 * U * (1 + g) + 4 * U * value;
}

static void check_candidate(struct elcl_fixture *fx, const struct expected *e,
                            const struct elcl_candidate *got, int rank, int want, int v)
{
    const int token = got[rank].token;
    if (want < 0) {
        elcl_rows_check_none(fx, &got[rank], rank, e->none);
        return;
    }
    if (!elcl_fixture_check(fx, token >= 0 && token < v, "rank %d: token %d", rank, token) ||
        !elcl_fixture_check(fx, e->p[token] > 0, "rank %d: token %d is cut off", rank, token))
        return;
    for (int j = 0; j < rank; j++)
        elcl_fixture_check(fx, got[j].token != token, "token %d is at %d and %d", token, j, rank);
    const double error = value_error(e, token, v);
    elcl_fixture_near(fx, "candidate", (size_t)rank, (double)got[rank].score, e->values[token],
                      error);
    elcl_fixture_near(fx, "candidate's score and random number", (size_t)rank, e->keys[token],
                      e->keys[want], error + value_error(e, want, v));
}

void elcl_check_sample_beams(struct elcl_fixture *fx, int v, int width, enum elcl_logits kind)
{
    struct elcl_rows rows = elcl_rows(fx, ROWS, v, width, ROWS);
    struct elcl_ref_candidate *best = elcl_fixture_memory(fx, (size_t)width, sizeof(*best));
    struct expected expected[ROWS];
    for (int r = 0; r < ROWS; r++) {
        bool clear = false;
        allocate(fx, &expected[r], v);
        for (int tries = 0; elcl_fixture_ok(fx) && !clear && tries < 40; tries++) {
            elcl_beams_fill(fx, &rows, r, kind);
            clear = expect(fx, &rows, r, &expected[r]);
        }
        if (elcl_fixture_ok(fx))
            expected[r].none = elcl_rows_none(rows.logits + (size_t)r * (size_t)v, v);
        if (elcl_fixture_ok(fx))
            elcl_fixture_check(fx, clear, "no row is far enough from every cut-off");
    }
    struct elcl_rows call = rows; /* row 0 is not drawn */
    call.draws++;
    call.n_draws--;
    const struct elcl_rows_result result = elcl_rows_run(fx, &call, elcl_op_sample_beams);
    elcl_fixture_equal(fx, "candidates of a row that is not drawn", result.drawn, result.selected,
                       (size_t)width, sizeof(*result.drawn));
    for (int r = 1; result.drawn && r < ROWS; r++) {
        const size_t row = (size_t)r * width;
        const int n = width - rows.rules[r].watch;
        elcl_ref_top(best, expected[r].keys, v, n);
        for (int i = 0; i < n; i++)
            check_candidate(fx, &expected[r], result.drawn + row, i, best[i].token, v);
        elcl_fixture_equal(fx, "watched token", result.drawn + row + n, result.selected + row + n,
                           (size_t)(width - n), sizeof(*result.drawn));
    }
    elcl_fixture_finish(fx);
}
