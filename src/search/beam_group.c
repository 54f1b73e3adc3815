#include "search/beam_group.h"

#include <math.h>
#include <string.h>

#include "base/util.h"

int elcl_beam_group_init(struct elcl_beam_group *group, int size, int pick_limit,
                         int finished_limit, float first_other, elcl_error *err)
{
    const size_t n = (size_t)size;
    *group = (struct elcl_beam_group){
        .size = size,
        .n_beams = size,
        .beams = elcl_calloc(n, sizeof(*group->beams)),
        .next = elcl_calloc(n, sizeof(*group->next)),
        .lists = elcl_calloc(n, sizeof(*group->lists)),
        .cursor = elcl_calloc(n, sizeof(*group->cursor)),
        .picks = elcl_calloc((size_t)pick_limit, sizeof(*group->picks)),
        .pick_limit = pick_limit,
        .finished = elcl_calloc((size_t)finished_limit + 1, sizeof(*group->finished)),
        .finished_limit = finished_limit,
        .worst = 1e9,
    };
    if (!group->beams || !group->next || !group->lists || !group->cursor || !group->picks ||
        !group->finished)
        return elcl_fail_nomem(err);
    for (int k = 1; k < size; k++)
        group->beams[k].score = first_other;
    return ELCL_OK;
}

void elcl_beam_group_finish(struct elcl_beam_group *group)
{
    elcl_free(group->beams);
    elcl_free(group->next);
    elcl_free(group->lists);
    elcl_free(group->cursor);
    elcl_free(group->picks);
    elcl_free(group->finished);
    *group = (struct elcl_beam_group){0};
}

void elcl_beam_group_read(struct elcl_beam_group *group, const struct elcl_candidate *candidates,
                          int stride)
{
    for (int k = 0; k < group->n_beams; k++)
        group->lists[k] = candidates + (size_t)group->beams[k].row * (size_t)stride;
}

/* Returns the next candidate of beam k with its sum, -inf if there is none. */
static float head(const struct elcl_beam_group *g, int k, int width, int32_t *token)
{
    if (g->cursor[k] == width)
        return -INFINITY;
    const struct elcl_candidate *c = &g->lists[k][g->cursor[k]];
    *token = c->token;
    return c->token < 0 ? -INFINITY : g->beams[k].score + c->score;
}

int elcl_beam_group_merge(struct elcl_beam_group *group, int width)
{
    memset(group->cursor, 0, (size_t)group->size * sizeof(*group->cursor));
    int n = 0;
    for (; n < group->pick_limit; n++) {
        struct elcl_pick best = {-INFINITY, -1, -1};
        for (int k = 0; k < group->n_beams; k++) {
            int32_t token = -1;
            const float score = head(group, k, width, &token);
            if (score > best.score)
                best = (struct elcl_pick){score, k, token};
        }
        if (best.beam < 0)
            break;
        group->cursor[best.beam]++;
        group->picks[n] = best;
    }
    return n;
}

/* ---- finished hypotheses ------------------------------------------------------------------- */

double elcl_beam_penalized(const struct elcl_search *s, float sum, int generated)
{
    /* 0 tokens: only if the very first step allows none. */
    const double n = elcl_max_int(generated, 1);
    return (double)sum / pow(n, (double)s->options.length_penalty);
}

void elcl_beam_group_add(struct elcl_beam_group *group, struct elcl_finished hypothesis)
{
    struct elcl_beam_group *g = group;
    if (g->n_finished == g->finished_limit && !(hypothesis.score > g->worst))
        return;
    g->finished[g->n_finished++] = hypothesis;
    if (g->n_finished <= g->finished_limit) {
        g->worst = fmin(g->worst, hypothesis.score);
        return;
    }
    int worst = 0;
    for (int i = 1; i < g->n_finished; i++) {
        if (g->finished[i].score < g->finished[worst].score)
            worst = i;
    }
    g->n_finished--;
    memmove(g->finished + worst, g->finished + worst + 1,
            (size_t)(g->n_finished - worst) * sizeof(*g->finished));
    g->worst = g->finished[0].score;
    for (int i = 1; i < g->n_finished; i++)
        g->worst = fmin(g->worst, g->finished[i].score);
}

void elcl_beam_group_add_open(struct elcl_beam_group *group, const struct elcl_search *s,
                              int first_node, int length)
{
    for (int k = 0; k < group->n_beams; k++) {
        const struct elcl_beam beam = group->beams[k];
        if (beam.score > -INFINITY)
            elcl_beam_group_add(group,
                                (struct elcl_finished){
                                    .score = elcl_beam_penalized(s, beam.score, length - s->prompt),
                                    .node = first_node + beam.row,
                                    .length = length,
                                    .eos = {-1, 0},
                                });
    }
}

/* ---- one step ------------------------------------------------------------------------------ */

/* Returns whether no open beam is expected to beat the worst kept hypothesis. `best` is the best
 * sum of the step, EOS candidates included, over `generated` tokens. */
static bool enough(const struct elcl_beam_group *g, const struct elcl_search *s, float best,
                   int generated)
{
    const elcl_gen_options *o = &s->options;
    if (g->n_finished < g->finished_limit)
        return false;
    if (o->early_stopping == ELCL_EARLY_TRUE)
        return true;
    if (o->early_stopping == ELCL_EARLY_NEVER && o->length_penalty > 0)
        generated = s->max_length - s->prompt;
    return g->worst >= elcl_beam_penalized(s, best, generated);
}

/* Turns picks[0 .. n) into hypotheses and the beams and rows of the next step. */
static void take(struct elcl_beam_group *g, struct elcl_search *s, int n)
{
    const int length = s->length - 1; /* before the step */
    const int generated = s->length - s->prompt;
    int n_next = 0;
    for (int rank = 0; rank < n && n_next < g->size; rank++) {
        const struct elcl_pick pick = g->picks[rank];
        const int row = g->beams[pick.beam].row;
        if (!elcl_search_is_eos(s, pick.token)) {
            const int next_row = elcl_search_push(s, row, pick.token);
            g->next[n_next++] = (struct elcl_beam){pick.score, next_row};
        } else if (rank < g->size) {
            elcl_beam_group_add(g, (struct elcl_finished){
                                       .score = elcl_beam_penalized(s, pick.score, generated),
                                       .node = s->previous_node + row,
                                       .length = length,
                                       .eos = {pick.token, elcl_search_score(s, row, pick.token)},
                                   });
        }
    }
    struct elcl_beam *swap = g->beams;
    g->beams = g->next;
    g->next = swap;
    g->n_beams = n_next;
    g->done = n_next == 0 || enough(g, s, g->picks[0].score, generated);
}

void elcl_beam_group_advance(struct elcl_beam_group *group, struct elcl_search *s)
{
    elcl_beam_group_take(group, s, elcl_beam_group_merge(group, s->width));
}

void elcl_beam_group_take(struct elcl_beam_group *group, struct elcl_search *s, int n)
{
    if (n > 0) {
        take(group, s, n);
    } else {
        group->done = true;
        if (!group->n_finished)
            elcl_beam_group_add_open(group, s, s->previous_node, s->length - 1);
    }
    if (!group->done && s->length == s->max_length) {
        group->done = true;
        elcl_beam_group_add_open(group, s, s->first_node, s->length);
    }
}

/* Returns the group whose finished[*at] is the best one, or NULL if none is left. */
static struct elcl_beam_group *best_group(struct elcl_beam_group *groups, int n_groups, int *at)
{
    struct elcl_beam_group *best = NULL;
    for (int g = 0; g < n_groups; g++) {
        for (int i = 0; i < groups[g].n_finished; i++) {
            if (best && !(groups[g].finished[i].score >= best->finished[*at].score))
                continue;
            best = &groups[g];
            *at = i;
        }
    }
    return best;
}

void elcl_beam_group_results(struct elcl_beam_group *groups, int n_groups, struct elcl_search *s)
{
    const elcl_gen_options *o = &s->options;
    while (s->n_results < o->num_return_sequences) {
        int at = 0;
        struct elcl_beam_group *g = best_group(groups, n_groups, &at);
        if (!g)
            return;
        const struct elcl_finished f = g->finished[at];
        elcl_search_result(s, f.node, f.length, f.eos, f.score,
                           f.eos.token >= 0 ? ELCL_FINISH_EOS : ELCL_FINISH_LENGTH);
        g->n_finished--;
        memmove(g->finished + at, g->finished + at + 1,
                (size_t)(g->n_finished - at) * sizeof(*g->finished));
    }
}
