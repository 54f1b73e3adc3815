/*
 * Beam-sample: the candidates of a row are the tokens of the largest score + Gumbel number.
 *
 * A score s = x - lse errs by (8 + sqrt V) roundings of the sum and 8 of the sizes of x and lse,
 * which the penalty of repetition stretches; temperature scales that, renormalization adds the
 * error of the kept mass, the Gumbel number log(-log1p(-u)) a few roundings of 1 and of itself.
 * A candidate is right at its rank when its reference key is that rank's within both errors.
 */
#include "common.h"

#include <math.h>
#include <string.h>

#include "base/util.h"
#include "search/rules.h"

enum { ROWS = 5, LENGTH = 4, SEED = 77, MAX_WIDTH = 130 };

struct candidate {
    int32_t token;
    float score;
};

/* Wide ones spread over what exp() has in double precision at every temperature and penalty here
 * (120 x 4 x 1.3 is below 745): then the reference's probability of what is kept is above 0. */
enum logits { NORMAL, TIES, EQUAL, NANS, WIDE, N_LOGITS };
static const char *const logit_names[] = {"normal", "ties", "equal", "NaN", "wide"};

struct row {
    float *logits; /* [V] */
    struct elcl_row_rules rules;
    struct elcl_row_draw draw;
    int32_t history[LENGTH];
    int length; /* of it */
    bool drawn;
    double *scores, *p, *keys, *values, *gumbel; /* [V] */
    double largest;                              /* of |logits| */
};

static float one_of(const float *values, int n)
{
    return values[check_int(0, n - 1)];
}

static void fill_logits(float *x, int v, enum logits kind)
{
    for (int i = 0; i < v; i++) {
        x[i] = (float)(2 * check_normal());
        if (kind == TIES)
            x[i] = (float)check_int(-3, 3);
        else if (kind == EQUAL)
            x[i] = -0.25f;
        else if (kind == NANS && check_int(0, 2) == 0)
            x[i] = check_int(0, 1) ? NAN : -INFINITY;
        else if (kind == WIDE && check_int(0, 2) == 0)
            x[i] = check_int(0, 1) ? 60 : -60;
    }
}

static struct elcl_row_draw random_draw(int v, int beam, int length)
{
    static const float scales[] = {1, 1, 0.5f, 1.25f, 4, 1e-3f};
    static const float top_p[] = {1, 1, 0.95f, 0.5f, 0.9f, 0};
    static const float min_p[] = {0, 0, 0, 0.05f, 0.3f};
    static const float typical_p[] = {1, 1, 1, 0.9f, 0.2f};
    const int top_k[] = {0, 0, 1, 2, 5, v - 1, v, v + 7, 50}, keep[] = {0, 1, 2, 3, v, v + 3};
    return (struct elcl_row_draw){.top_k = top_k[check_int(0, (int)ELCL_COUNT(top_k) - 1)],
                                  .scale = one_of(scales, (int)ELCL_COUNT(scales)),
                                  .top_p = one_of(top_p, (int)ELCL_COUNT(top_p)),
                                  .min_p = one_of(min_p, (int)ELCL_COUNT(min_p)),
                                  .typical_p = one_of(typical_p, (int)ELCL_COUNT(typical_p)),
                                  .keep = keep[check_int(0, (int)ELCL_COUNT(keep) - 1)],
                                  .renormalize = check_int(0, 1),
                                  .seed = {SEED, 0},
                                  .sample = {3, 0},
                                  .beam = (uint32_t)beam,
                                  .length = (uint32_t)length};
}

static struct row *make_rows(struct fixture *fx, int v)
{
    struct row *rows = fixture_memory(fx, ROWS, sizeof(*rows));
    for (int r = 0; r < ROWS; r++) {
        rows[r].logits = fixture_floats(fx, (size_t)v);
        rows[r].scores = fixture_doubles(fx, (size_t)v);
        rows[r].p = fixture_doubles(fx, (size_t)v);
        rows[r].keys = fixture_doubles(fx, (size_t)v);
        rows[r].values = fixture_doubles(fx, (size_t)v);
        rows[r].gumbel = fixture_doubles(fx, (size_t)v);
    }
    return rows;
}

static void fill_row(struct row *row, int v, enum logits kind, int r)
{
    fill_logits(row->logits, v, kind);
    row->length = 1 + r % LENGTH;
    for (int t = 0; t < LENGTH; t++)
        row->history[t] = check_int(0, v - 1);
    row->rules = (struct elcl_row_rules){.log_probs = 1,
                                         .forced_token = -1,
                                         .only_token = -1,
                                         .pad_token = -1,
                                         .unk_token = -1,
                                         .ban_eos = r % 2,
                                         .n_eos = 1,
                                         .eos = {check_int(0, v - 1)},
                                         .repetition_penalty = r % 2 ? 1.3f : 1.0f};
    row->draw = random_draw(v, r * 13 % ELCL_MAX_BEAMS, row->length);
}

static double mass_error(int v)
{
    return (v / 64.0 + 64 + log2(v)) * U * 2;
}

/* Fills in the reference; false: a mass is too near to a cut-off for f32 to decide. */
static bool expect(struct row *row, int v)
{
    const struct elcl_row_draw *d = &row->draw;
    const struct elcl_ref_rules rules = {.log_probs = true,
                                         .forced_token = -1,
                                         .only_token = -1,
                                         .pad_token = -1,
                                         .unk_token = -1,
                                         .ban_eos = row->rules.ban_eos,
                                         .eos = row->rules.eos,
                                         .n_eos = row->rules.n_eos,
                                         .repetition_penalty =
                                             (double)row->rules.repetition_penalty,
                                         .history = row->history,
                                         .length = row->length};
    const struct elcl_ref_sampling sampling = {.temperature = 1 / (double)d->scale,
                                               .top_k = d->top_k,
                                               .top_p = (double)d->top_p,
                                               .min_p = (double)d->min_p,
                                               .typical_p = (double)d->typical_p,
                                               .keep = d->keep};
    const elcl_gen_options options = {.seed = SEED};
    double margin = 0;
    row->largest = 0;
    for (int i = 0; i < v; i++) {
        row->gumbel[i] = elcl_rules_gumbel(&options, 3, (int)d->beam, i, row->length);
        if (isfinite(row->logits[i]))
            row->largest = fmax(row->largest, fabs((double)row->logits[i]));
    }
    elcl_ref_scores(row->scores, row->logits, &rules, v);
    CHECK(elcl_ref_warp(row->p, row->scores, &sampling, v, &margin), "memory");
    elcl_ref_beam_keys(row->keys, row->values, row->p, row->scores, row->gumbel,
                       sampling.temperature, d->renormalize, v);
    return margin >= 4 * mass_error(v);
}

/* The step's rows, rules and the draws, these from the last row to the first; candidates before
 * and after the draws, [R, width] each. */
static void run_step(struct fixture *fx, const struct row *rows, int v, int width,
                     const struct candidate **before, const struct candidate **after)
{
    elcl_error err = {0};
    const size_t rows_at = 2, rules_at = rows_at + ROWS * ELCL_ROW_INTS + 1;
    const size_t draws_at = rules_at + ROWS * ELCL_RULES_INTS + 3;
    const size_t n_step = draws_at + ROWS * ELCL_DRAW_INTS;
    const int ld = LENGTH + 2;
    int32_t *step = fixture_ints(fx, n_step), *lineage = fixture_ints(fx, ROWS * (size_t)ld);
    int32_t *tokens = fixture_ints(fx, (size_t)ROWS * LENGTH);
    float *logits = fixture_floats(fx, (size_t)ROWS * v);
    int n_draws = 0;
    for (int r = ROWS - 1; r >= 0; r--) {
        const struct row *row = &rows[r];
        step[rows_at + (size_t)r * ELCL_ROW_INTS + ELCL_ROW_LENGTH] = row->length;
        memcpy(step + rules_at + (size_t)r * ELCL_RULES_INTS, &row->rules, sizeof(row->rules));
        memcpy(logits + (size_t)r * v, row->logits, (size_t)v * sizeof(float));
        for (int t = 0; t < row->length; t++)
            lineage[r * ld + t] = r * LENGTH + t;
        memcpy(tokens + (size_t)r * LENGTH, row->history, sizeof(row->history));
        if (!row->drawn)
            continue;
        struct elcl_row_draw draw = row->draw;
        draw.row = r;
        memcpy(step + draws_at + (size_t)n_draws++ * ELCL_DRAW_INTS, &draw, sizeof(draw));
    }
    const struct elcl_select_args args = {
        .candidates = fixture_output(fx, NULL, (size_t)ROWS * width * sizeof(struct candidate)),
        .logits = fixture_output(fx, logits, (size_t)ROWS * v * sizeof(float)),
        .step = fixture_input(fx, step, n_step * sizeof(*step)),
        .rows_at = rows_at,
        .rules_at = rules_at,
        .lineage = fixture_input(fx, lineage, ROWS * (size_t)ld * sizeof(*lineage)),
        .lineage_ld = ld,
        .tokens = fixture_input(fx, tokens, (size_t)ROWS * LENGTH * sizeof(*tokens)),
        .r = ROWS,
        .v = v,
        .width = width};
    CHECK(!elcl_op_select(fx->ops, &args, &err), "%s", err.msg);
    *before = fixture_read(fx, args.candidates);
    CHECK(!elcl_op_sample_beams(fx->ops, &args, draws_at, n_draws, &err), "%s", err.msg);
    *after = fixture_read(fx, args.candidates);
}

static double value_error(const struct row *row, int token, int v)
{
    const double g = fabs(row->gumbel[token]), value = fabs(row->values[token]);
    const double scale = (double)row->draw.scale;
    const double lse = row->largest + log(v), sqrt_v = sqrt(v);
    const double score = 2 * U * (8 * (4 + row->largest + lse) + 8 + sqrt_v);
    return 2 * scale * score + 2 * mass_error(v) + 16 * U * (1 + g) + 4 * U * value;
}

static void check_row(const struct row *row, const struct candidate *got, int v, int width)
{
    struct elcl_ref_candidate best[MAX_WIDTH];
    elcl_ref_top(best, row->keys, v, width);
    for (int i = 0; i < width; i++) {
        const int token = got[i].token, want = best[i].token;
        if (want < 0) {
            CHECK(token == -1 && got[i].score == -3.0e38f, "%d: %d %g where none is left", i, token,
                  (double)got[i].score);
            continue;
        }
        if (!CHECK(token >= 0 && token < v, "%d: token %d", i, token) ||
            !CHECK(row->p[token] > 0, "%d: token %d is cut off", i, token))
            continue;
        for (int j = 0; j < i; j++)
            CHECK(got[j].token != token, "token %d is at %d and %d", token, j, i);
        const double error = value_error(row, token, v), value = row->values[token];
        CHECK(fabs((double)got[i].score - value) <= error, "%d: token %d has %.9g, want %.9g", i,
              token, (double)got[i].score, value);
        CHECK(fabs(row->keys[token] - best[i].score) <= error + value_error(row, want, v),
              "%d: token %d of key %.9g, want %d of %.9g", i, token, row->keys[token], want,
              best[i].score);
    }
}

/* What is not drawn stays as it was. */
static void check_step(struct fixture *fx, struct row *rows, int v, int width)
{
    const struct candidate *before, *after;
    run_step(fx, rows, v, width, &before, &after);
    for (int r = 0; r < ROWS; r++)
        if (rows[r].drawn)
            check_row(&rows[r], after + (size_t)r * width, v, width);
        else
            check_bytes("candidates of a row that is not drawn", after + (size_t)r * width,
                        before + (size_t)r * width, (size_t)width, sizeof(*after));
}

static void test_rows(struct fixture *fx)
{
    static const int sizes[] = {61, 7, 1, 1000, 50265};
    const int widths[] = {1, 4, 9, MAX_WIDTH};
    const size_t n_sizes = fx->options->small ? 2 : fx->full ? ELCL_COUNT(sizes) : 4;
    for (size_t i = 0; i < n_sizes; i++)
        for (int kind = 0; kind < N_LOGITS; kind++) {
            const int v = sizes[i];
            if (!check_case("sample_beams %s V=%d %s", fx->name, v, logit_names[kind]))
                continue;
            const int n = fx->options->small || v > 1000 ? 2 : fx->full ? 12 : 4;
            for (int run = 0; run < n; run++) {
                fixture_begin(fx);
                struct row *rows = make_rows(fx, v);
                for (int r = 0; r < ROWS; r++) {
                    rows[r].drawn = r > 0;
                    bool clear = false;
                    for (int tries = 0; !clear && tries < 40; tries++) {
                        fill_row(&rows[r], v, (enum logits)kind, r);
                        clear = expect(&rows[r], v);
                    }
                    CHECK(clear, "no row is far enough from every cut-off");
                }
                check_step(fx, rows, v, widths[run % (fx->options->small ? 3 : 4)]);
                fixture_end(fx);
            }
        }
}

/* Cold: Gumbel numbers no longer matter, so the order is that of the logits. */
static void test_cold(struct fixture *fx)
{
    static const float logits[] = {0.5f, -2, 3, NAN, 1, -INFINITY};
    static const int order[] = {2, 4, 0, 1, -1, -1};
    if (!check_case("sample_beams %s cold", fx->name))
        return;
    fixture_begin(fx);
    const int v = (int)ELCL_COUNT(logits);
    struct row *rows = make_rows(fx, v);
    for (int r = 0; r < ROWS; r++) {
        fill_row(&rows[r], v, NORMAL, 0);
        memcpy(rows[r].logits, logits, sizeof(logits));
        rows[r].rules.ban_eos = 0;
        rows[r].draw = (struct elcl_row_draw){.scale = 1e6f, .top_p = 1, .typical_p = 1};
        rows[r].drawn = true;
    }
    const struct candidate *before, *after;
    run_step(fx, rows, v, v, &before, &after);
    for (int i = 0; i < ROWS * v; i++)
        CHECK(after[i].token == order[i % v], "%d: token %d, want %d", i, after[i].token,
              order[i % v]);
    fixture_end(fx);
}

/* Rows with a forced token and without any: their candidates stay those of select_best. */
static void test_closed(struct fixture *fx)
{
    if (!check_case("sample_beams %s forced, all banned", fx->name))
        return;
    fixture_begin(fx);
    const int v = 9, width = 6;
    const struct candidate *before, *after;
    struct row *rows = make_rows(fx, v);
    for (int r = 0; r < ROWS; r++) {
        fill_row(&rows[r], v, NORMAL, r);
        rows[r].drawn = true;
        if (r % 2)
            rows[r].rules.forced_token = r;
        for (int i = 0; r % 2 == 0 && i < v; i++)
            rows[r].logits[i] = i % 2 ? NAN : -INFINITY;
    }
    run_step(fx, rows, v, width, &before, &after);
    check_bytes("candidates", after, before, (size_t)ROWS * width, sizeof(*after));
    for (int r = 0; r < ROWS; r++)
        CHECK(after[r * width].token == (r % 2 ? r : -1), "row %d: token %d", r,
              after[r * width].token);
    fixture_end(fx);
}

void test_sample_beams(struct fixture *fx)
{
    test_rows(fx);
    test_cold(fx);
    test_closed(fx);
}
