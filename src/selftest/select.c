/*
 * Rules, log-softmax and the best tokens; and draws from what they leave.
 *
 * Tolerance of a score x - lse: the sum of V exponentials errs by (8 + sqrt V) U of itself, the
 * subtractions by U (|x| + |lse|) each, and a repetition penalty stretches that. A candidate is
 * right at its rank when its reference score is that rank's within this. A draw is right when its
 * uniform number lies between the reference's sums before and behind its token. A beam's candidate
 * is right at its rank by score + Gumbel number, which errs by a few U of 1 and of itself.
 */
#include "selftest/selftest.h"

#include <math.h>
#include <string.h>

#include "base/util.h"
#include "search/rules.h"

enum { ROWS = 3, WIDTH = 12, LENGTH = 9, DRAWS = WIDTH - 1, PROMPT = 2, ROWS_AT = 3 };

struct candidate {
    int32_t token;
    float score;
};

/* The host's side of one call. */
struct call {
    int v;
    bool greedy;
    float *logits;    /* [ROWS, V] */
    int32_t *history; /* [ROWS, LENGTH] */
    struct elcl_row_rules rules[ROWS];
    struct elcl_row_draw draws[DRAWS];
    size_t rules_at, draws_at;
    struct elcl_select_args args;
};

static void make_rules(struct elcl_fixture *fx, struct call *c)
{
    for (int row = 0; row < ROWS; row++) {
        struct elcl_row_rules *r = &c->rules[row];
        *r = (struct elcl_row_rules){.log_probs = !c->greedy,
                                     .forced_token = -1,
                                     .ban_eos = row > 0,
                                     .ngram = row,
                                     .repetition_penalty = row ? 1.3f : 1.0f,
                                     .n_eos = 1,
                                     .eos = {elcl_fixture_int(fx, 0, c->v - 1)},
                                     .only_token = -1,
                                     .pad_token = row == 2 ? elcl_fixture_int(fx, 0, c->v - 1) : -1,
                                     .unk_token = -1,
                                     .renormalize = !c->greedy && row == 1};
        for (int t = 0; t < LENGTH; t++) /* few tokens, so that n-grams come again */
            c->history[row * LENGTH + t] = (row * 7 + t * t % 5) % c->v;
    }
}

/* Of the last row the first PROMPT tokens are a prompt, beside one another in the pool. */
static void make_args(struct elcl_fixture *fx, struct call *c)
{
    const int ld = LENGTH + 1, n_cache = ROWS * LENGTH;
    c->rules_at = ROWS_AT + ROWS * ELCL_ROW_INTS + 2;
    c->draws_at = c->rules_at + ROWS * ELCL_RULES_INTS + 1;
    const size_t n_step = c->draws_at + DRAWS * ELCL_DRAW_INTS, bytes = sizeof(int32_t);
    int32_t *step = elcl_fixture_memory(fx, n_step, bytes);
    int32_t *lineage = elcl_fixture_memory(fx, (size_t)ROWS * ld, bytes);
    int32_t *tokens = elcl_fixture_memory(fx, (size_t)n_cache + PROMPT, bytes);
    const int32_t *spread = elcl_fixture_permutation(fx, n_cache);
    if (!elcl_fixture_ok(fx))
        return;
    for (int row = 0; row < ROWS; row++) {
        const int32_t *history = c->history + row * LENGTH;
        const int n_prompt = row == ROWS - 1 ? PROMPT : 0;
        int32_t *record = step + ROWS_AT + row * ELCL_ROW_INTS;
        record[ELCL_ROW_LENGTH] = LENGTH - n_prompt;
        record[ELCL_ROW_PROMPT] = n_cache;
        record[ELCL_ROW_N_PROMPT] = n_prompt;
        memcpy(tokens + n_cache, history, (size_t)n_prompt * bytes);
        for (int t = n_prompt; t < LENGTH; t++) {
            lineage[row * ld + t - n_prompt] = spread[row * LENGTH + t];
            tokens[spread[row * LENGTH + t]] = history[t];
        }
    }
    memcpy(step + c->rules_at, c->rules, sizeof(c->rules));
    memcpy(step + c->draws_at, c->draws, sizeof(c->draws));
    c->args = (struct elcl_select_args){
        .candidates =
            elcl_fixture_output(fx, NULL, (size_t)ROWS * WIDTH * sizeof(struct candidate)),
        .logits = elcl_fixture_output(fx, c->logits, (size_t)ROWS * c->v * sizeof(float)),
        .step = elcl_fixture_input(fx, step, n_step * bytes),
        .rows_at = ROWS_AT,
        .rules_at = c->rules_at,
        .lineage = elcl_fixture_input(fx, lineage, (size_t)ROWS * ld * bytes),
        .lineage_ld = ld,
        .tokens = elcl_fixture_input(fx, tokens, ((size_t)n_cache + PROMPT) * bytes),
        .r = ROWS,
        .v = c->v,
        .width = WIDTH,
        .renormalize = !c->greedy};
}

static struct call make_call(struct elcl_fixture *fx, int v, bool greedy)
{
    struct call c = {.v = v, .greedy = greedy};
    c.logits = elcl_fixture_floats(fx, ELCL_F32, (size_t)ROWS * v, 3);
    c.history = elcl_fixture_memory(fx, (size_t)ROWS * LENGTH, sizeof(*c.history));
    if (elcl_fixture_ok(fx))
        make_rules(fx, &c);
    return c;
}

static struct elcl_ref_rules ref_rules(const struct call *c, int row)
{
    const struct elcl_row_rules *r = &c->rules[row];
    return (struct elcl_ref_rules){.log_probs = r->log_probs,
                                   .forced_token = -1,
                                   .ban_eos = r->ban_eos,
                                   .ngram = r->ngram,
                                   .repetition_penalty = (double)r->repetition_penalty,
                                   .eos = r->eos,
                                   .n_eos = r->n_eos,
                                   .only_token = -1,
                                   .pad_token = r->pad_token,
                                   .unk_token = -1,
                                   .renormalize = r->renormalize,
                                   .history = c->history + row * LENGTH,
                                   .length = LENGTH};
}

/* What a score of the row may be off by; scores and their sum are below 16 here. */
static double score_bound(int v)
{
    return 1.3 * ((8 + sqrt(v)) + 4 * 3 * 16) * ELCL_FIXTURE_U;
}

/* One row's candidates against scores (which order them) and report (which they carry) [V]. */
static void compare_row(struct elcl_fixture *fx, const struct candidate *got, const double *scores,
                        const double *report, int v)
{
    struct elcl_ref_candidate best[WIDTH];
    float ranked[WIDTH], carried[WIDTH];
    double want[WIDTH], reported[WIDTH], bound[WIDTH];
    elcl_ref_top(best, scores, v, WIDTH);
    for (int i = 0; i < WIDTH; i++) {
        const bool known = got[i].token >= 0 && got[i].token < v;
        ranked[i] = known ? (float)scores[got[i].token] : NAN;
        carried[i] = got[i].score;
        want[i] = best[i].score;
        reported[i] = known ? report[got[i].token] : INFINITY;
        bound[i] = score_bound(v);
    }
    elcl_fixture_compare(fx, "candidate's score", ranked, want, bound, WIDTH);
    elcl_fixture_compare(fx, "candidate", carried, reported, bound, WIDTH);
}

static void check_select(struct elcl_fixture *fx, const struct elcl_selftest_shape *s, bool greedy)
{
    if (!elcl_fixture_begin(fx, "select", "%s %s V=%d", s->name, greedy ? "greedy" : "beams", s->v))
        return;
    struct call c = make_call(fx, s->v, greedy);
    make_args(fx, &c);
    double *scores = elcl_fixture_memory(fx, (size_t)s->v, sizeof(*scores));
    double *report = elcl_fixture_memory(fx, (size_t)s->v, sizeof(*report));
    if (elcl_fixture_ok(fx) && elcl_fixture_try(fx, elcl_op_select(fx->ops, &c.args, &fx->err))) {
        const struct candidate *got = elcl_fixture_read(fx, c.args.candidates);
        for (int row = 0; row < ROWS && elcl_fixture_ok(fx); row++) {
            const struct elcl_ref_rules rules = ref_rules(&c, row);
            const float *logits = c.logits + (size_t)row * s->v;
            elcl_ref_scores(scores, logits, &rules, s->v);
            if (greedy)
                elcl_ref_log_softmax(report, logits, s->v);
            compare_row(fx, got + (size_t)row * WIDTH, scores, greedy ? report : scores, s->v);
        }
    }
    elcl_fixture_end(fx);
}

static double mass_error(int v)
{
    return (v / 64.0 + 64 + log2(v)) * ELCL_FIXTURE_U * 2;
}

/* The number's distance from the interval of the drawn token, as an error that the sums may have.
 */
static void compare_draw(struct elcl_fixture *fx, const struct candidate *got, double uniform,
                         const double *p, int v)
{
    double below = 0, distance = 1;
    if (got->token >= 0 && got->token < v && p[got->token] > 0) {
        for (int i = 0; i < got->token; i++)
            below += p[i];
        distance = fmax(0, fmax(below - uniform, uniform - below - p[got->token]));
    }
    const float off = (float)distance;
    const double want = 0, bound = mass_error(v);
    elcl_fixture_compare(fx, "draw's distance from its token", &off, &want, &bound, 1);
}

/* Cut-offs of one row whose masses keep clear of them, so that f32 cannot decide otherwise. */
static bool make_draws(struct elcl_fixture *fx, struct call *c, double *scores, double *p)
{
    static const struct elcl_row_draw cuts[] = {
        {.scale = 1.25f, .top_k = 50, .top_p = 0.9f, .min_p = 0.001f, .typical_p = 0.95f},
        {.scale = 1.25f, .top_k = 40, .top_p = 0.85f, .min_p = 0.002f, .typical_p = 0.9f},
        {.scale = 1, .top_k = 20, .top_p = 1, .typical_p = 1},
    };
    const struct elcl_ref_rules rules = ref_rules(c, 0);
    elcl_ref_scores(scores, c->logits, &rules, c->v);
    double margin = 0;
    for (size_t i = 0; i < ELCL_COUNT(cuts); i++) {
        const struct elcl_ref_sampling sampling = {.temperature = 1 / (double)cuts[i].scale,
                                                   .top_k = cuts[i].top_k,
                                                   .top_p = (double)cuts[i].top_p,
                                                   .min_p = (double)cuts[i].min_p,
                                                   .typical_p = (double)cuts[i].typical_p};
        if (!elcl_ref_warp(p, scores, &sampling, c->v, &margin)) {
            elcl_fail_nomem(&fx->err);
            return false;
        }
        for (int d = 0; d < DRAWS; d++) {
            c->draws[d] = cuts[i];
            c->draws[d].slot = d;
            c->draws[d].uniform = ((float)d + 0.5f) / (float)DRAWS;
        }
        if (margin >= 4 * mass_error(c->v))
            return true;
    }
    elcl_fail(&fx->err, ELCL_E_INTERNAL, "no cut-offs keep clear of the masses: use another seed");
    return false;
}

static void check_sample(struct elcl_fixture *fx, const struct elcl_selftest_shape *s)
{
    if (!elcl_fixture_begin(fx, "sample", "%s V=%d", s->name, s->v))
        return;
    struct call c = make_call(fx, s->v, true);
    double *scores = elcl_fixture_memory(fx, (size_t)s->v, sizeof(*scores));
    double *p = elcl_fixture_memory(fx, (size_t)s->v, sizeof(*p));
    if (elcl_fixture_ok(fx) && make_draws(fx, &c, scores, p)) {
        make_args(fx, &c);
        if (elcl_fixture_ok(fx) &&
            elcl_fixture_try(fx, elcl_op_select(fx->ops, &c.args, &fx->err)) &&
            elcl_fixture_try(fx, elcl_op_sample(fx->ops, &c.args, c.draws_at, DRAWS, &fx->err))) {
            const struct candidate *got = elcl_fixture_read(fx, c.args.candidates);
            for (int d = 0; d < DRAWS && elcl_fixture_ok(fx); d++)
                compare_draw(fx, &got[1 + d], (double)c.draws[d].uniform, p, s->v);
        }
    }
    elcl_fixture_end(fx);
}

/* Rows 0 and 2 are drawn, each for a beam of its own. */
static void make_beam_draws(struct call *c)
{
    for (int d = 0; d < 2; d++)
        c->draws[d] = (struct elcl_row_draw){.row = 2 * d,
                                             .top_k = d ? 0 : 9,
                                             .scale = d ? 0.5f : 1.25f,
                                             .top_p = 1,
                                             .typical_p = 1,
                                             .keep = 4,
                                             .renormalize = d,
                                             .seed = {11, 0},
                                             .sample = {3, 0},
                                             .beam = (uint32_t)d,
                                             .length = LENGTH};
}

static bool beam_keys(struct elcl_fixture *fx, const struct call *c, const struct elcl_row_draw *d,
                      double *keys, double *values)
{
    const elcl_gen_options options = {.seed = d->seed[0]};
    const struct elcl_ref_rules rules = ref_rules(c, d->row);
    const struct elcl_ref_sampling sampling = {.temperature = 1 / (double)d->scale,
                                               .top_k = d->top_k,
                                               .top_p = 1,
                                               .typical_p = 1,
                                               .keep = d->keep};
    double *scores = elcl_fixture_memory(fx, (size_t)c->v, sizeof(*scores)), margin;
    double *p = elcl_fixture_memory(fx, (size_t)c->v, sizeof(*p));
    double *gumbel = elcl_fixture_memory(fx, (size_t)c->v, sizeof(*gumbel));
    if (!elcl_fixture_ok(fx))
        return false;
    for (int i = 0; i < c->v; i++)
        gumbel[i] = elcl_rules_gumbel(&options, d->sample[0], (int)d->beam, i, LENGTH);
    elcl_ref_scores(scores, c->logits + (size_t)d->row * c->v, &rules, c->v);
    if (!elcl_ref_warp(p, scores, &sampling, c->v, &margin)) {
        elcl_fail_nomem(&fx->err);
        return false;
    }
    elcl_ref_beam_keys(keys, values, p, scores, gumbel, sampling.temperature, d->renormalize, c->v);
    return true;
}

/* Candidates at their rank by key, and the values they carry. */
static void compare_beam(struct elcl_fixture *fx, const struct candidate *got, const double *keys,
                         const double *values, int v)
{
    struct elcl_ref_candidate best[WIDTH];
    float ranked[WIDTH], carried[WIDTH];
    double want[WIDTH], reported[WIDTH], bound[WIDTH];
    int n = 0;
    elcl_ref_top(best, keys, v, WIDTH);
    for (; n < WIDTH && best[n].token >= 0; n++) {
        const bool known = got[n].token >= 0 && got[n].token < v;
        ranked[n] = known ? (float)keys[got[n].token] : NAN;
        carried[n] = got[n].score;
        want[n] = best[n].score;
        reported[n] = known ? values[got[n].token] : INFINITY;
        bound[n] =
            2 * score_bound(v) + 2 * mass_error(v) + 16 * ELCL_FIXTURE_U * (2 + fabs(want[n]));
    }
    elcl_fixture_compare(fx, "candidate's score and random number", ranked, want, bound, (size_t)n);
    elcl_fixture_compare(fx, "candidate", carried, reported, bound, (size_t)n);
}

static void check_sample_beams(struct elcl_fixture *fx, const struct elcl_selftest_shape *s)
{
    if (!elcl_fixture_begin(fx, "sample_beams", "%s V=%d", s->name, s->v))
        return;
    struct call c = make_call(fx, s->v, false);
    double *keys = elcl_fixture_memory(fx, (size_t)s->v, sizeof(*keys));
    double *values = elcl_fixture_memory(fx, (size_t)s->v, sizeof(*values));
    make_beam_draws(&c);
    make_args(fx, &c);
    if (elcl_fixture_ok(fx) && elcl_fixture_try(fx, elcl_op_select(fx->ops, &c.args, &fx->err)) &&
        elcl_fixture_try(fx, elcl_op_sample_beams(fx->ops, &c.args, c.draws_at, 2, &fx->err))) {
        const struct candidate *got = elcl_fixture_read(fx, c.args.candidates);
        for (int d = 0; d < 2 && elcl_fixture_ok(fx); d++)
            if (beam_keys(fx, &c, &c.draws[d], keys, values))
                compare_beam(fx, got + (size_t)c.draws[d].row * WIDTH, keys, values, s->v);
    }
    elcl_fixture_end(fx);
}

void elcl_selftest_select(struct elcl_fixture *fx, const struct elcl_selftest_shape *shape)
{
    check_select(fx, shape, false);
    check_select(fx, shape, true);
    check_sample(fx, shape);
    check_sample_beams(fx, shape);
}
