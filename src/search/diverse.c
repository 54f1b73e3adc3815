/*
 * Diverse beam search as in transformers 4.47.1 (_group_beam_search, BeamSearchScorer with groups,
 * HammingDiversityLogitsProcessor). The groups are neighboring beams and step one after another; a
 * later group loses diversity_penalty for each beam of an earlier one that has just taken the same
 * token. Each group has its own finished hypotheses and its own end; at its end all its beams take
 * the padding token, as in Hugging Face.
 *
 * One read of candidates is exact for all groups: the penalty only lowers scores, of at most
 * P = K - K/G tokens, so a group's best are among the P + (K/G) max(2, 1 + n_eos) best without it.
 *
 * Hugging Face subtracts the penalty before all other rules, here it comes last. The result is the
 * same:
 *   - bans stay bans, and a forced token scores 0 in any case: no penalty then;
 *   - the repetition penalty p sees log-probabilities x <= 0, and (x - d) p = x p - d p: the
 *     diversity penalty of the row's own tokens is multiplied by p.
 */
#include <math.h>

#include "base/util.h"
#include "search/beam_group.h"
#include "search/rules.h"

struct diverse_search {
    struct elcl_search base;
    struct elcl_beam_group *groups; /* [num_beam_groups] */
    struct elcl_diversity diversity;
};

/* ---- diversity ----------------------------------------------------------------------------- */

int elcl_diversity_init(struct elcl_diversity *d, int max_tokens, int size, int width,
                        elcl_error *err)
{
    *d = (struct elcl_diversity){
        .counts = elcl_calloc((size_t)max_tokens + 1, sizeof(*d->counts)),
        .max = max_tokens,
        .lists = elcl_calloc((size_t)size * (size_t)width, sizeof(*d->lists)),
    };
    return d->counts && d->lists ? ELCL_OK : elcl_fail_nomem(err);
}

void elcl_diversity_finish(struct elcl_diversity *d)
{
    elcl_free(d->counts);
    elcl_free(d->lists);
    *d = (struct elcl_diversity){0};
}

void elcl_diversity_count(struct elcl_diversity *d, int32_t token, int times)
{
    int i = 0;
    while (i < d->n && d->counts[i].token != token)
        i++;
    if (i == d->max) /* no group follows */
        return;
    if (i == d->n)
        d->counts[d->n++] = (struct elcl_candidate){token, 0};
    d->counts[i].score += (float)times;
}

static float count_of(const struct elcl_diversity *d, int32_t token)
{
    for (int i = 0; i < d->n; i++) {
        if (d->counts[i].token == token)
            return d->counts[i].score;
    }
    return 0;
}

/* `row` is a row of the previous step. */
static bool in_history(const struct elcl_search *s, int row, int32_t token)
{
    for (int node = s->previous_node + row; node >= 0; node = s->nodes[node].parent) {
        if (s->nodes[node].token == token)
            return true;
    }
    return false;
}

static bool before(struct elcl_candidate a, struct elcl_candidate b)
{
    return a.score > b.score || (a.score == b.score && a.token < b.token);
}

void elcl_diversity_read(struct elcl_diversity *d, struct elcl_beam_group *group,
                         const struct elcl_search *s, float penalty, float repetition,
                         const struct elcl_candidate *candidates, int stride)
{
    elcl_beam_group_read(group, candidates, stride);
    if (!d->n || penalty == 0)
        return;
    for (int k = 0; k < group->n_beams; k++) {
        struct elcl_candidate *list = d->lists + (size_t)k * (size_t)s->width;
        int n = 0;
        for (; n < s->width; n++) {
            struct elcl_candidate c = group->lists[k][n];
            if (c.token < 0)
                break;
            const float count = count_of(d, c.token);
            float loss = penalty * count;
            if (count > 0 && repetition != 1 && in_history(s, group->beams[k].row, c.token))
                loss *= repetition;
            c.score -= loss;
            int at = n;
            for (; at > 0 && before(c, list[at - 1]); at--)
                list[at] = list[at - 1];
            list[at] = c;
        }
        for (; n < s->width; n++)
            list[n] = (struct elcl_candidate){-1, -INFINITY};
        group->lists[k] = list;
    }
}

/* ---- the search ---------------------------------------------------------------------------- */

static int group_size(const elcl_gen_options *options)
{
    return options->num_beams / options->num_beam_groups;
}

static int pick_limit(const elcl_gen_options *options)
{
    return group_size(options) * elcl_max_int(2, 1 + options->n_eos);
}

static int most_penalized(const elcl_gen_options *options)
{
    return options->num_beams - group_size(options);
}

static int diverse_width(const elcl_gen_options *options)
{
    return pick_limit(options) + most_penalized(options);
}

static int diverse_init(struct elcl_search *s, elcl_error *err)
{
    struct diverse_search *d = (struct diverse_search *)s;
    const elcl_gen_options *o = &s->options;
    const int size = group_size(o);
    d->groups = elcl_calloc((size_t)o->num_beam_groups, sizeof(*d->groups));
    int rc = d->groups ? ELCL_OK : elcl_fail_nomem(err);
    for (int g = 0; !rc && g < o->num_beam_groups; g++)
        rc = elcl_beam_group_init(&d->groups[g], size, pick_limit(o), size, -1e9f, err);
    if (!rc)
        rc = elcl_diversity_init(&d->diversity, most_penalized(o), size, s->width, err);
    return rc;
}

static void diverse_finish(struct elcl_search *s)
{
    struct diverse_search *d = (struct diverse_search *)s;
    for (int g = 0; d->groups && g < s->options.num_beam_groups; g++)
        elcl_beam_group_finish(&d->groups[g]);
    elcl_free(d->groups);
    elcl_diversity_finish(&d->diversity);
}

/* Returns 0 if a token is forced. */
static float penalty_now(const struct elcl_search *s)
{
    struct elcl_row_rules rules;
    elcl_rules_at(&s->options, s->length, &rules);
    return rules.forced_token >= 0 ? 0 : s->options.diversity_penalty;
}

static void count_group(struct elcl_diversity *d, const struct elcl_search *s,
                        const struct elcl_beam_group *group, bool was_done)
{
    const elcl_gen_options *o = &s->options;
    const int32_t pad = o->pad_token_id < 0 && o->n_eos ? o->eos_token_ids[0] : o->pad_token_id;
    if (was_done && pad >= 0)
        elcl_diversity_count(d, pad, group->size);
    for (int k = 0; !was_done && k < group->n_beams; k++)
        elcl_diversity_count(d, s->rows[group->beams[k].row].token, 1);
}

static void diverse_advance(struct elcl_search *s, const struct elcl_candidate *candidates,
                            int stride)
{
    struct diverse_search *d = (struct diverse_search *)s;
    const int n_groups = s->options.num_beam_groups;
    const float penalty = penalty_now(s), repetition = s->options.repetition_penalty;
    elcl_search_step(s);
    d->diversity.n = 0;
    s->done = true;
    for (int g = 0; g < n_groups; g++) {
        struct elcl_beam_group *group = &d->groups[g];
        const bool was_done = group->done;
        if (!was_done) {
            elcl_diversity_read(&d->diversity, group, s, penalty, repetition, candidates, stride);
            elcl_beam_group_advance(group, s);
        }
        count_group(&d->diversity, s, group, was_done);
        s->done = s->done && group->done;
    }
    if (s->done)
        elcl_beam_group_results(d->groups, n_groups, s);
}

const struct elcl_search_strategy elcl_search_diverse = {
    .size = sizeof(struct diverse_search),
    .width = diverse_width,
    .init = diverse_init,
    .finish = diverse_finish,
    .advance = diverse_advance,
};
