/*
 * Beam search that draws its candidates, as transformers 4.47.1 does with do_sample and several
 * beams: it draws as many as beam search has, without replacement, from softmax of the scores of
 * all beams (sums with the beams') together, sorts them by score, and continues like beam search.
 *
 * The draws are the tokens with the largest score + Gumbel number. The device returns the best ones
 * of each row by that sum; here the rows are merged. Beams never share a row: no two of them were
 * drawn alike, and in the first step only one counts.
 */
#include <math.h>

#include "base/util.h"
#include "search/beam_group.h"
#include "search/rules.h"

struct sample_beams {
    struct elcl_search base;
    struct elcl_beam_group group; /* all beams */
    double *heads; /* [num_beams] score + Gumbel number of the next candidate in each list */
};

static int sample_beams_width(const elcl_gen_options *options)
{
    return options->num_beams * elcl_max_int(2, 1 + options->n_eos);
}

static void put_draws(struct elcl_search *s)
{
    for (int r = 0; r < s->n_rows; r++)
        s->draws[r] = (struct elcl_search_draw){.row = r, .stream = r};
    s->n_draws = s->n_rows;
}

static int sample_beams_init(struct elcl_search *s, elcl_error *err)
{
    struct sample_beams *b = (struct sample_beams *)s;
    const int K = s->options.num_beams;
    s->draws = elcl_calloc((size_t)K, sizeof(*s->draws));
    b->heads = elcl_calloc((size_t)K, sizeof(*b->heads));
    if (!s->draws || !b->heads)
        return elcl_fail_nomem(err);
    s->n_draws = 1; /* of row 0 */
    return elcl_beam_group_init(&b->group, K, sample_beams_width(&s->options),
                                elcl_options_finished_limit(&s->options), -INFINITY, err);
}

static void sample_beams_finish(struct elcl_search *s)
{
    struct sample_beams *b = (struct sample_beams *)s;
    elcl_beam_group_finish(&b->group);
    elcl_free(b->heads);
}

/* Returns that of the next candidate in beam k's list; -inf: none. */
static void set_head(struct sample_beams *b, int k)
{
    const struct elcl_search *s = &b->base;
    const struct elcl_beam *beam = &b->group.beams[k];
    const int at = b->group.cursor[k];
    const struct elcl_candidate *c = &b->group.lists[k][at];
    b->heads[k] = -INFINITY;
    if (at < s->width && c->token >= 0 && beam->score > -INFINITY)
        b->heads[k] = (double)(beam->score + c->score) +
                      elcl_rules_gumbel(&s->options, s->sample, beam->row, c->token, s->length);
}

/* Of equal scores the lower beam, then the lower token. */
static bool goes_before(const struct elcl_pick *a, const struct elcl_pick *b)
{
    if (a->score != b->score)
        return a->score > b->score;
    return a->beam != b->beam ? a->beam < b->beam : a->token < b->token;
}

/* Draws picks[], sorted by score; returns how many. */
static int draw(struct sample_beams *b)
{
    struct elcl_beam_group *g = &b->group;
    int n = 0;
    for (int k = 0; k < g->n_beams; k++) {
        g->cursor[k] = 0;
        set_head(b, k);
    }
    for (; n < g->pick_limit; n++) {
        int best = 0;
        for (int k = 1; k < g->n_beams; k++)
            best = b->heads[k] > b->heads[best] ? k : best;
        if (!(b->heads[best] > -INFINITY))
            break;
        const struct elcl_candidate *c = &g->lists[best][g->cursor[best]++];
        const struct elcl_pick pick = {g->beams[best].score + c->score, best, c->token};
        int at = n;
        for (; at > 0 && goes_before(&pick, &g->picks[at - 1]); at--)
            g->picks[at] = g->picks[at - 1];
        g->picks[at] = pick;
        set_head(b, best);
    }
    return n;
}

static void sample_beams_advance(struct elcl_search *s, const struct elcl_candidate *candidates,
                                 int stride)
{
    struct sample_beams *b = (struct sample_beams *)s;
    elcl_beam_group_read(&b->group, candidates, stride);
    const int n = draw(b);
    elcl_search_step(s);
    elcl_beam_group_take(&b->group, s, n);
    s->done = b->group.done;
    put_draws(s);
    if (s->done)
        elcl_beam_group_results(&b->group, 1, s);
}

const struct elcl_search_strategy elcl_search_sample_beams = {
    .size = sizeof(struct sample_beams),
    .width = sample_beams_width,
    .init = sample_beams_init,
    .finish = sample_beams_finish,
    .advance = sample_beams_advance,
};
