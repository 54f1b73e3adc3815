/*
 * Rules, log-softmax and the best tokens; and draws from what they leave.
 *
 * Tolerance of a score x - lse: the sum of V exponentials errs by (8 + sqrt V) U of itself, the
 * subtractions by U (|x| + |lse|) each, and a repetition penalty stretches that. A candidate is
 * right at its rank when its reference score is that rank's within this. A draw is right when its
 * uniform number lies between the reference's sums before and behind its token.
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

static void make_rules(struct elcl_st *st, struct call *c)
{
    for (int row = 0; row < ROWS; row++) {
        struct elcl_row_rules *r = &c->rules[row];
        *r = (struct elcl_row_rules){.log_probs = !c->greedy,
                                     .forced_token = -1,
                                     .ban_eos = row > 0,
                                     .ngram = row,
                                     .repetition_penalty = row ? 1.3f : 1.0f,
                                     .n_eos = 1,
                                     .eos = {elcl_st_int(st, 0, c->v - 1)},
                                     .only_token = -1,
                                     .pad_token = row == 2 ? elcl_st_int(st, 0, c->v - 1) : -1,
                                     .unk_token = -1,
                                     .renormalize = !c->greedy && row == 1};
        for (int t = 0; t < LENGTH; t++) /* few tokens, so that n-grams come again */
            c->history[row * LENGTH + t] = (row * 7 + t * t % 5) % c->v;
    }
}

/* Of the last row the first PROMPT tokens are a prompt, beside one another in the pool. */
static void make_args(struct elcl_st *st, struct call *c)
{
    const int ld = LENGTH + 1, n_pool = ROWS * LENGTH;
    c->rules_at = ROWS_AT + ROWS * ELCL_ROW_INTS + 2;
    c->draws_at = c->rules_at + ROWS * ELCL_RULES_INTS + 1;
    const size_t n_step = c->draws_at + DRAWS * ELCL_DRAW_INTS, bytes = sizeof(int32_t);
    int32_t *step = elcl_st_memory(st, n_step, bytes);
    int32_t *lineage = elcl_st_memory(st, (size_t)ROWS * ld, bytes);
    int32_t *tokens = elcl_st_memory(st, (size_t)n_pool + PROMPT, bytes);
    const int32_t *spread = elcl_st_permutation(st, n_pool);
    if (!elcl_st_ok(st))
        return;
    for (int row = 0; row < ROWS; row++) {
        const int32_t *history = c->history + row * LENGTH;
        const int n_prompt = row == ROWS - 1 ? PROMPT : 0;
        int32_t *record = step + ROWS_AT + row * ELCL_ROW_INTS;
        record[ELCL_ROW_LENGTH] = LENGTH - n_prompt;
        record[ELCL_ROW_PROMPT] = n_pool;
        record[ELCL_ROW_N_PROMPT] = n_prompt;
        memcpy(tokens + n_pool, history, (size_t)n_prompt * bytes);
        for (int t = n_prompt; t < LENGTH; t++) {
            lineage[row * ld + t - n_prompt] = spread[row * LENGTH + t];
            tokens[spread[row * LENGTH + t]] = history[t];
        }
    }
    memcpy(step + c->rules_at, c->rules, sizeof(c->rules));
    memcpy(step + c->draws_at, c->draws, sizeof(c->draws));
    c->args = (struct elcl_select_args){
        .candidates = elcl_st_output(st, NULL, (size_t)ROWS * WIDTH * sizeof(struct candidate)),
        .logits = elcl_st_output(st, c->logits, (size_t)ROWS * c->v * sizeof(float)),
        .step = elcl_st_input(st, step, n_step * bytes),
        .rows_at = ROWS_AT,
        .rules_at = c->rules_at,
        .lineage = elcl_st_input(st, lineage, (size_t)ROWS * ld * bytes),
        .lineage_ld = ld,
        .tokens = elcl_st_input(st, tokens, ((size_t)n_pool + PROMPT) * bytes),
        .r = ROWS,
        .v = c->v,
        .width = WIDTH,
        .renormalize = !c->greedy};
}

static struct call make_call(struct elcl_st *st, int v, bool greedy)
{
    struct call c = {.v = v, .greedy = greedy};
    c.logits = elcl_st_floats(st, ELCL_F32, (size_t)ROWS * v, 3);
    c.history = elcl_st_memory(st, (size_t)ROWS * LENGTH, sizeof(*c.history));
    if (elcl_st_ok(st))
        make_rules(st, &c);
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
    return 1.3 * ((8 + sqrt(v)) + 4 * 3 * 16) * ELCL_ST_U;
}

/* One row's candidates against scores (which order them) and report (which they carry) [V]. */
static void compare_row(struct elcl_st *st, const struct candidate *got, const double *scores,
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
    elcl_st_compare(st, "candidate's score", ranked, want, bound, WIDTH);
    elcl_st_compare(st, "candidate", carried, reported, bound, WIDTH);
}

static void check_select(struct elcl_st *st, const struct elcl_st_shape *s, bool greedy)
{
    if (!elcl_st_begin(st, "select", "%s %s V=%d", s->name, greedy ? "greedy" : "beams", s->v))
        return;
    struct call c = make_call(st, s->v, greedy);
    make_args(st, &c);
    double *scores = elcl_st_memory(st, (size_t)s->v, sizeof(*scores));
    double *report = elcl_st_memory(st, (size_t)s->v, sizeof(*report));
    if (elcl_st_ok(st) && elcl_st_try(st, elcl_op_select(st->ops, &c.args, &st->err))) {
        const struct candidate *got = elcl_st_read(st, c.args.candidates);
        for (int row = 0; row < ROWS && elcl_st_ok(st); row++) {
            const struct elcl_ref_rules rules = ref_rules(&c, row);
            const float *logits = c.logits + (size_t)row * s->v;
            elcl_ref_scores(scores, logits, &rules, s->v);
            if (greedy)
                elcl_ref_log_softmax(report, logits, s->v);
            compare_row(st, got + (size_t)row * WIDTH, scores, greedy ? report : scores, s->v);
        }
    }
    elcl_st_end(st);
}

static double mass_error(int v)
{
    return (v / 64.0 + 64 + log2(v)) * ELCL_ST_U * 2;
}

/* The number's distance from the interval of the drawn token, as an error that the sums may have.
 */
static void compare_draw(struct elcl_st *st, const struct candidate *got, double uniform,
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
    elcl_st_compare(st, "draw's distance from its token", &off, &want, &bound, 1);
}

/* Cut-offs of one row whose masses keep clear of them, so that f32 cannot decide otherwise. */
static bool make_draws(struct elcl_st *st, struct call *c, double *scores, double *p)
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
            elcl_fail_nomem(&st->err);
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
    elcl_fail(&st->err, ELCL_E_INTERNAL, "no cut-offs keep clear of the masses: use another seed");
    return false;
}

static void check_sample(struct elcl_st *st, const struct elcl_st_shape *s)
{
    if (!elcl_st_begin(st, "sample", "%s V=%d", s->name, s->v))
        return;
    struct call c = make_call(st, s->v, true);
    double *scores = elcl_st_memory(st, (size_t)s->v, sizeof(*scores));
    double *p = elcl_st_memory(st, (size_t)s->v, sizeof(*p));
    if (elcl_st_ok(st) && make_draws(st, &c, scores, p)) {
        make_args(st, &c);
        if (elcl_st_ok(st) && elcl_st_try(st, elcl_op_select(st->ops, &c.args, &st->err)) &&
            elcl_st_try(st, elcl_op_sample(st->ops, &c.args, c.draws_at, DRAWS, &st->err))) {
            const struct candidate *got = elcl_st_read(st, c.args.candidates);
            for (int d = 0; d < DRAWS && elcl_st_ok(st); d++)
                compare_draw(st, &got[1 + d], (double)c.draws[d].uniform, p, s->v);
        }
    }
    elcl_st_end(st);
}

void elcl_st_select(struct elcl_st *st, const struct elcl_st_shape *shape)
{
    check_select(st, shape, false);
    check_select(st, shape, true);
    check_sample(st, shape);
}
