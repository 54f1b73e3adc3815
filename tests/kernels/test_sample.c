/*
 * Sampling: many draws of one row against the distribution that the reference leaves.
 *
 * A draw is right when its uniform number lies between the reference's sums up to the token before
 * it and up to the token, within the error of the sums: (V / 64 + 64 + log V) roundings to f32.
 * Rows are drawn anew until no mass is nearer to a cut-off than that, except where the numbers are
 * such that it cannot matter.
 */
#include "common.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "base/util.h"
#include "search/rules.h"

#define MAX_DRAWS 575 /* with the best token select_best's widest row */

struct candidate {
    int32_t token;
    float score;
};

enum logits { NORMAL, TIES, EQUAL, NANS, HUGE_LOGITS, N_LOGITS };
static const char *const logit_names[] = {"normal", "ties", "equal", "NaN", "huge"};

struct row {
    int v, n_draws;
    const float *logits;
    struct elcl_row_rules rules;
    struct elcl_row_draw draws[MAX_DRAWS];
    int32_t history[3]; /* the row's tokens */
    int32_t source[3];  /* its source's, where a rule reads them */
};

static const struct elcl_row_rules no_rules = {.forced_token = -1,
                                               .only_token = -1,
                                               .pad_token = -1,
                                               .unk_token = -1,
                                               .repetition_penalty = 1};

static float *make_logits(struct fixture *fx, int v, enum logits kind)
{
    float *x = fixture_floats(fx, (size_t)v);
    for (int i = 0; i < v; i++) {
        x[i] = (float)(2 * check_normal());
        if (kind == TIES)
            x[i] = (float)check_int(-3, 3);
        else if (kind == EQUAL)
            x[i] = -0.25f;
        else if (kind == NANS && check_int(0, 2) == 0)
            x[i] = check_int(0, 1) ? NAN : -INFINITY;
        else if (kind == HUGE_LOGITS && check_int(0, 2) == 0)
            x[i] = check_int(0, 1) ? 1e30f : -1e30f;
    }
    return x;
}

/* Row 1 of the step is the row under test; row 0 is there to be left alone. */
static struct candidate *run_draws(struct fixture *fx, const struct row *row)
{
    elcl_error err = {0};
    const int length = (int)ELCL_COUNT(row->history), width = 1 + row->n_draws, ld = length + 1;
    const size_t rows_at = 3, rules_at = rows_at + 2 * ELCL_ROW_INTS + 1;
    const size_t draws_at = rules_at + 2 * ELCL_RULES_INTS + 2;
    const size_t source_at = draws_at + (size_t)row->n_draws * ELCL_DRAW_INTS;
    const size_t n_step = source_at + ELCL_COUNT(row->source);
    int32_t *step = fixture_ints(fx, n_step), *lineage = fixture_ints(fx, 2 * (size_t)ld);
    float *logits = fixture_floats(fx, 2 * (size_t)row->v);
    for (int r = 0; r < 2; r++) {
        step[rows_at + (size_t)r * ELCL_ROW_INTS + ELCL_ROW_LENGTH] = length;
        struct elcl_row_rules rules = row->rules;
        rules.source_at = (int32_t)source_at;
        memcpy(step + rules_at + (size_t)r * ELCL_RULES_INTS, &rules, sizeof(rules));
        memcpy(logits + (size_t)r * row->v, row->logits, (size_t)row->v * sizeof(float));
        for (int t = 0; t < length; t++)
            lineage[r * ld + t] = t;
    }
    memcpy(step + source_at, row->source, sizeof(row->source));
    for (int d = 0; d < row->n_draws; d++) {
        struct elcl_row_draw draw = row->draws[d];
        draw.row = 1;
        draw.slot = d;
        memcpy(step + draws_at + (size_t)d * ELCL_DRAW_INTS, &draw, sizeof(draw));
    }
    const struct elcl_select_args args = {
        .candidates = fixture_output(fx, NULL, 2 * (size_t)width * sizeof(struct candidate)),
        .logits = fixture_output(fx, logits, 2 * (size_t)row->v * sizeof(float)),
        .step = fixture_input(fx, step, n_step * sizeof(*step)),
        .rows_at = rows_at,
        .rules_at = rules_at,
        .lineage = fixture_input(fx, lineage, 2 * (size_t)ld * sizeof(*lineage)),
        .lineage_ld = ld,
        .tokens = fixture_input(fx, row->history, sizeof(row->history)),
        .r = 2,
        .v = row->v,
        .width = width};
    CHECK(!elcl_op_select(fx->ops, &args, &err), "%s", err.msg);
    const struct candidate *selected = fixture_read(fx, args.candidates);
    CHECK(!elcl_op_sample(fx->ops, &args, draws_at, row->n_draws, &err), "%s", err.msg);
    struct candidate *drawn = fixture_read(fx, args.candidates);
    check_bytes("the other row's candidates", drawn, selected, (size_t)width + 1,
                sizeof(*selected));
    return drawn + width + 1;
}

/* The reference's scores after the rules, and log-softmax before them. */
static void reference_scores(struct fixture *fx, const struct row *row, double **scores,
                             double **report)
{
    const struct elcl_ref_rules rules = {.forced_token = row->rules.forced_token,
                                         .only_token = -1,
                                         .pad_token = -1,
                                         .unk_token = -1,
                                         .ban_eos = row->rules.ban_eos,
                                         .ngram = row->rules.ngram,
                                         .repetition_penalty =
                                             (double)row->rules.repetition_penalty,
                                         .eos = row->rules.eos,
                                         .n_eos = row->rules.n_eos,
                                         .history = row->history,
                                         .length = (int)ELCL_COUNT(row->history),
                                         .source = row->source,
                                         .n_source = row->rules.n_source,
                                         .encoder_penalty = (double)row->rules.encoder_penalty,
                                         .presence_penalty = (double)row->rules.presence_penalty,
                                         .frequency_penalty = (double)row->rules.frequency_penalty,
                                         .first_generated = row->rules.first_generated};
    *scores = fixture_doubles(fx, (size_t)row->v);
    *report = fixture_doubles(fx, (size_t)row->v);
    elcl_ref_scores(*scores, row->logits, &rules, row->v);
    elcl_ref_log_softmax(*report, row->logits, row->v);
}

static double mass_error(int v)
{
    return (v / 64.0 + 64 + log2(v)) * U * 2;
}

static void check_draw(const struct candidate *got, double uniform, const double *p,
                       const double *report, const float *logits, int v)
{
    double below = 0;
    if (!CHECK(got->token >= 0 && got->token < v, "token %d", got->token))
        return;
    for (int i = 0; i < got->token; i++)
        below += p[i];
    const double error = mass_error(v), above = below + p[got->token];
    CHECK(p[got->token] > 0, "token %d is cut off", got->token);
    CHECK(below - error <= uniform && uniform <= above + error, "token %d of [%.9g, %.9g) at %.9g",
          got->token, below, above, uniform);
    const double want = report[got->token];
    const double size = fabs((double)logits[got->token]) + fabs(want); /* and so of the sum */
    CHECK(fabs((double)got->score - want) <= 8 * U * (4 + size) + (8 + sqrt(v)) * U,
          "token %d reports %.9g, want %.9g", got->token, (double)got->score, want);
}

static float one_of(const float *values, int n)
{
    return values[check_int(0, n - 1)];
}

/* Cut-offs as they are used, off ones and extreme ones. */
static struct elcl_row_draw random_draw(int v)
{
    static const float scales[] = {1, 1, 0.5f, 1.25f, 4, 1e6f, 1e-3f};
    static const float top_p[] = {1, 1, 0.95f, 0.5f, 0.9f, 1e-7f, 0, 0.99f};
    static const float min_p[] = {0, 0, 0, 0.05f, 0.3f, 1};
    static const float typical_p[] = {1, 1, 1, 0.9f, 0.2f, 1e-6f};
    const int top_k[] = {0, 0, 1, 2, 5, v - 1, v, v + 7, 50};
    return (struct elcl_row_draw){.top_k = top_k[check_int(0, (int)ELCL_COUNT(top_k) - 1)],
                                  .scale = one_of(scales, (int)ELCL_COUNT(scales)),
                                  .top_p = one_of(top_p, (int)ELCL_COUNT(top_p)),
                                  .min_p = one_of(min_p, (int)ELCL_COUNT(min_p)),
                                  .typical_p = one_of(typical_p, (int)ELCL_COUNT(typical_p))};
}

/* One row and one set of cut-offs, drawn from with spread numbers. false: too near a cut-off. */
static bool check_row(struct fixture *fx, int v, int n_draws, enum logits kind, bool rules)
{
    struct row *row = fixture_memory(fx, 1, sizeof(*row));
    *row = (struct row){.v = v, .n_draws = n_draws, .rules = no_rules};
    row->logits = make_logits(fx, v, kind);
    for (size_t t = 0; t < ELCL_COUNT(row->history); t++)
        row->history[t] = check_int(0, v - 1);
    if (rules) {
        row->rules.repetition_penalty = 1.3f;
        row->rules.ban_eos = 1;
        row->rules.eos[0] = check_int(0, v - 1);
        row->rules.n_eos = 1;
        row->rules.encoder_penalty = 0.8f;
        row->rules.n_source = (int)ELCL_COUNT(row->source);
        row->rules.presence_penalty = 0.5f;
        row->rules.frequency_penalty = 0.25f;
        row->rules.first_generated = 1;
        for (size_t t = 0; t < ELCL_COUNT(row->source); t++)
            row->source[t] = check_int(0, v - 1);
        row->source[0] = row->history[1]; /* the rules meet */
    }
    const struct elcl_row_draw cuts = random_draw(v);
    const struct elcl_ref_sampling sampling = {.temperature = 1 / (double)cuts.scale,
                                               .top_k = cuts.top_k,
                                               .top_p = (double)cuts.top_p,
                                               .min_p = (double)cuts.min_p,
                                               .typical_p = (double)cuts.typical_p};
    double *scores, *report, *p = fixture_doubles(fx, (size_t)v), margin;
    reference_scores(fx, row, &scores, &report);
    if (!CHECK(elcl_ref_warp(p, scores, &sampling, v, &margin), "memory"))
        return true;
    if (margin < 4 * mass_error(v) && cuts.top_p > 1e-5f && cuts.typical_p > 1e-5f)
        return false;
    for (int d = 0; d < n_draws; d++) {
        row->draws[d] = cuts;
        row->draws[d].uniform = ((float)d + 0.5f) / (float)n_draws;
    }
    const struct candidate *got = run_draws(fx, row);
    const bool none = elcl_ref_draw(p, v, 0.5) < 0;
    for (int d = 0; d < n_draws; d++) {
        if (none)
            CHECK(got[d].token == -1, "token %d where none is left", got[d].token);
        else
            check_draw(&got[d], (double)row->draws[d].uniform, p, report, row->logits, v);
    }
    return true;
}

static void test_rows(struct fixture *fx)
{
    static const int sizes[] = {61, 7, 1, 1000, 50265};
    const size_t n_sizes = fx->options->small ? 2 : fx->full ? ELCL_COUNT(sizes) : 4;
    for (size_t i = 0; i < n_sizes; i++)
        for (int kind = 0; kind < N_LOGITS; kind++) {
            const int v = sizes[i], n_draws = fx->options->small ? 3 : v > 100 ? 5 : 40;
            if (!check_case("sample %s V=%d %s", fx->name, v, logit_names[kind]))
                continue;
            const int n = v > 1000 ? 2 : fx->options->small ? 2 : fx->full ? 20 : 4;
            int done = 0;
            for (int tries = 0; done < n && tries < 20 * n; tries++) {
                fixture_begin(fx);
                done += check_row(fx, v, n_draws, (enum logits)kind, done % 2);
                fixture_end(fx);
            }
            CHECK(done == n, "only %d rows of %d were far enough from every cut-off", done, n);
        }
}

/* What is equal at a cut-off stays together: by hand, with the numbers that decide. */
static void test_ties(struct fixture *fx)
{
    static const struct {
        const char *name;
        struct elcl_row_draw cuts;
        int kept; /* bits */
    } cases[] = {
        {"top_k 2", {.top_k = 2, .scale = 1, .top_p = 1, .typical_p = 1}, 0x0b},
        {"top_k 1", {.top_k = 1, .scale = 1, .top_p = 1, .typical_p = 1}, 0x01},
        {"top_k V", {.top_k = 6, .scale = 1, .top_p = 1, .typical_p = 1}, 0x3f},
        {"top_k > V", {.top_k = 1 << 30, .scale = 1, .top_p = 1, .typical_p = 1}, 0x3f},
        {"top_p 1", {.scale = 1, .top_p = 1, .typical_p = 1}, 0x3f},
        {"top_p 0", {.scale = 1, .top_p = 0, .typical_p = 1}, 0x01},
        {"top_p tiny", {.scale = 1, .top_p = 1e-30f, .typical_p = 1}, 0x01},
        {"top_p at two", {.scale = 1, .top_p = 0.4f, .typical_p = 1}, 0x0b},
        {"min_p 1", {.scale = 1, .top_p = 1, .min_p = 1, .typical_p = 1}, 0x01},
        {"min_p below two", {.scale = 1, .top_p = 1, .min_p = 0.5f, .typical_p = 1}, 0x0b},
        {"cold", {.scale = 1e6f, .top_p = 1, .typical_p = 1}, 0x01},
    };
    /* Two ties; probabilities of 0.29, 0.19, 0.12, 0.19, 0.12 and 0.09. */
    static const float logits[] = {1, 0.6f, 0.1f, 0.6f, 0.1f, -0.2f};
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        if (!check_case("sample %s ties, %s", fx->name, cases[i].name))
            continue;
        const int v = (int)ELCL_COUNT(logits), n = 16;
        fixture_begin(fx);
        struct row *row = fixture_memory(fx, 1, sizeof(*row));
        *row = (struct row){.v = v, .n_draws = n, .logits = logits, .rules = no_rules};
        for (int d = 0; d < n; d++) {
            row->draws[d] = cases[i].cuts;
            row->draws[d].uniform = ((float)d + 0.5f) / (float)n;
        }
        /* the last token has a draw at the very end */
        row->draws[n - 1].uniform = 1 - 0x1p-24f;
        const struct candidate *got = run_draws(fx, row);
        int seen = 0;
        for (int d = 0; d < n; d++)
            seen |= got[d].token >= 0 ? 1 << got[d].token : 1 << 30;
        CHECK(seen == cases[i].kept, "drawn are %#x, want %#x", (unsigned)seen,
              (unsigned)cases[i].kept);
        fixture_end(fx);
    }
}

static void test_special(struct fixture *fx)
{
    static const float logits[] = {0.5f, NAN, -INFINITY, 2};
    static const float nothing[] = {NAN, -INFINITY, NAN, NAN};
    const struct elcl_row_draw plain = {.uniform = 0.4f, .scale = 1, .top_p = 0.9f, .typical_p = 1};
    if (check_case("sample %s forced", fx->name)) {
        fixture_begin(fx);
        struct row *row = fixture_memory(fx, 1, sizeof(*row));
        *row = (struct row){.v = 4, .n_draws = 1, .logits = logits, .rules = no_rules};
        row->rules.forced_token = 0;
        row->draws[0] = plain;
        const struct candidate *got = run_draws(fx, row);
        CHECK(got->token == 0 && fabs((double)got->score + 1.7014132779827524) < 1e-6, "%d %.9g",
              got->token, (double)got->score);
        fixture_end(fx);
    }
    if (check_case("sample %s all banned", fx->name)) {
        fixture_begin(fx);
        struct row *row = fixture_memory(fx, 1, sizeof(*row));
        *row = (struct row){.v = 4, .n_draws = 2, .logits = nothing, .rules = no_rules};
        row->draws[0] = row->draws[1] = plain;
        row->draws[1].top_k = 2;
        row->draws[1].typical_p = 0.5f;
        const struct candidate *got = run_draws(fx, row);
        for (int d = 0; d < 2; d++)
            CHECK(got[d].token == -1 && got[d].score == -3.0e38f, "draw %d: %d %g", d, got[d].token,
                  (double)got[d].score);
        fixture_end(fx);
    }
}

/* Draws by the project's own random numbers follow the distribution: chi-square against the
 * reference's probabilities, at a limit that a right sampler passes but once in 10^5. */
static void test_distribution(struct fixture *fx)
{
    static const struct elcl_row_draw cuts[] = {
        {.scale = 1, .top_p = 1, .typical_p = 1},
        {.top_k = 9, .scale = 0.7f, .top_p = 0.9f, .min_p = 0.02f, .typical_p = 0.95f}};
    for (size_t c = 0; c < ELCL_COUNT(cuts) && !fx->options->small; c++) {
        if (!check_case("sample %s distribution %zu", fx->name, c))
            continue;
        const int v = 23, n = MAX_DRAWS, n_runs = 8;
        const struct elcl_ref_sampling sampling = {.temperature = 1 / (double)cuts[c].scale,
                                                   .top_k = cuts[c].top_k,
                                                   .top_p = (double)cuts[c].top_p,
                                                   .min_p = (double)cuts[c].min_p,
                                                   .typical_p = (double)cuts[c].typical_p};
        float logits[23];
        double scores[23], p[23], margin, chi = 0, small = 0;
        int count[23] = {0}, n_classes = 0, rest = 0;
        for (int i = 0; i < v; i++) {
            logits[i] = (float)((i * 7) % v) * 0.19f; /* fixed: the numbers are, too */
            scores[i] = (double)logits[i];
        }
        CHECK(elcl_ref_warp(p, scores, &sampling, v, &margin) && margin > 1e-4, "margin");
        for (int run = 0; run < n_runs; run++) {
            fixture_begin(fx);
            struct row *row = fixture_memory(fx, 1, sizeof(*row));
            *row = (struct row){.v = v, .n_draws = n, .logits = logits, .rules = no_rules};
            for (int d = 0; d < n; d++) {
                row->draws[d] = cuts[c];
                row->draws[d].uniform = elcl_uniform(5, (uint64_t)run, (uint32_t)d, 1);
            }
            const struct candidate *got = run_draws(fx, row);
            for (int d = 0; d < n; d++)
                if (CHECK(got[d].token >= 0 && got[d].token < v, "token %d", got[d].token))
                    count[got[d].token]++;
            fixture_end(fx);
        }
        for (int i = 0; i < v; i++) {
            const double want = p[i] * n * n_runs;
            CHECK(p[i] > 0 || !count[i], "token %d is cut off and came %d times", i, count[i]);
            if (want < 10) {
                small += want;
                rest += count[i];
                continue;
            }
            chi += (count[i] - want) * (count[i] - want) / want;
            n_classes++;
        }
        if (small >= 1) {
            chi += (rest - small) * (rest - small) / small;
            n_classes++;
        }
        /* Wilson and Hilferty: (chi / k)^(1/3) is about normal */
        const double k = n_classes - 1, a = 2 / (9 * k), limit = 1 - a + 4.26 * sqrt(a);
        CHECK(chi < k * limit * limit * limit, "chi-square %.4g with %g degrees of freedom", chi,
              k);
    }
}

void test_sample(struct fixture *fx)
{
    test_rows(fx);
    test_ties(fx);
    test_special(fx);
    test_distribution(fx);
}
