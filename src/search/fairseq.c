/*
 * Greedy, beam and diverse beam search as in fairseq 0.10 (SequenceGenerator, BeamSearch,
 * DiverseBeamSearch) for one sentence. Greedy search is one beam of the same loop.
 *
 * Differences from Hugging Face: an EOS that is forced at the largest length keeps its
 * log-probability; all hypotheses are finished ones; the first num_beams hypotheses (patience times
 * as many) to finish are the result, however good others would become; no bound is tested against
 * the open beams.
 *
 * Groups of diverse beams are interleaved: beam i is beam i / G of group i % G. A group loses
 * diversity_penalty for each of the 2 K/G candidates of each earlier group, taken or not, that has
 * the token. Candidate r of group g has rank r G + g; the first K that are not EOS are the next
 * beams, so a beam may move to another group. A candidate of -inf does not exist and never counts
 * (fairseq picks its token from equal scores), but its rank, and the resulting beam, stay empty.
 *
 * One read of candidates is exact for all groups: earlier ones penalize at most 2 K - 2 K/G tokens,
 * so a group's best are among the 2 K best without the penalty.
 *
 * If no hypothesis was found, the open beams are the result; fairseq returns none then.
 */
#include <math.h>

#include "base/util.h"
#include "search/beam_group.h"
#include "search/options.h"

struct fairseq_search {
    struct elcl_search base;
    struct elcl_beam_group *groups; /* [G]; the first one holds all hypotheses */
    int n_groups;                   /* G */
    struct elcl_diversity diversity;
    int *n_picks; /* [G] of this step */
    int limit;    /* finished hypotheses that end the search */
};

void elcl_gen_options_fairseq(elcl_gen_options *options)
{
    options->search_style = ELCL_STYLE_FAIRSEQ;
    options->max_length = options->max_new_tokens = 0;
    options->min_length = options->min_new_tokens = 0;
    options->early_stopping = ELCL_EARLY_FALSE;
    options->repetition_penalty = 1;
    options->ban_pad = options->renormalize_logits = 0;
    options->do_sample = 0;
    options->n_bad_words = options->n_alternatives = options->n_stop_strings = 0;
    options->suppress_tokens.n = options->begin_suppress_tokens.n = 0;
    options->encoder_no_repeat_ngram_size = 0;
    options->encoder_repetition_penalty = 1;
    options->presence_penalty = options->frequency_penalty = 0;
    options->forced_bos_token_id = options->forced_eos_token_id = -1;
    options->timestamp_begin_token_id = -1;
    options->no_speech_length = options->scores_after_rules = 0;
    options->min_len = 1;
    options->max_len_a = 0;
    options->max_len_b = 200;
    options->unk_penalty = 0;
    options->diversity_penalty = options->num_beam_groups > 1 ? 0.5f : 0;
}

static int fairseq_width(const elcl_gen_options *options)
{
    return 2 * options->num_beams;
}

static int fairseq_init(struct elcl_search *s, elcl_error *err)
{
    struct fairseq_search *f = (struct fairseq_search *)s;
    const int K = s->options.num_beams, G = elcl_max_int(1, s->options.num_beam_groups);
    f->n_groups = G;
    f->groups = elcl_calloc((size_t)G, sizeof(*f->groups));
    f->n_picks = elcl_calloc((size_t)G, sizeof(*f->n_picks));
    int rc = f->groups && f->n_picks ? ELCL_OK : elcl_fail_nomem(err);
    f->limit = elcl_options_finished_limit(&s->options);
    for (int g = 0; !rc && g < G; g++)
        rc = elcl_beam_group_init(&f->groups[g], K / G, 2 * K / G, elcl_max_int(K, f->limit),
                                  -INFINITY, err);
    if (!rc)
        rc = elcl_diversity_init(&f->diversity, 2 * (K - K / G), K / G, s->width, err);
    return rc;
}

static void fairseq_finish(struct elcl_search *s)
{
    struct fairseq_search *f = (struct fairseq_search *)s;
    for (int g = 0; f->groups && g < f->n_groups; g++)
        elcl_beam_group_finish(&f->groups[g]);
    elcl_free(f->groups);
    elcl_free(f->n_picks);
    elcl_diversity_finish(&f->diversity);
}

/* The picks of each group, one after another. */
static void pick(struct fairseq_search *f, const struct elcl_candidate *candidates, int stride)
{
    const struct elcl_search *s = &f->base;
    f->diversity.n = 0;
    for (int g = 0; g < f->n_groups; g++) {
        struct elcl_beam_group *group = &f->groups[g];
        elcl_diversity_read(&f->diversity, group, s, s->options.diversity_penalty, 1, candidates,
                            stride);
        f->n_picks[g] = elcl_beam_group_merge(group, s->width);
        for (int r = 0; r < f->n_picks[g]; r++)
            elcl_diversity_count(&f->diversity, group->picks[r].token, 1);
    }
}

/* Adds an EOS among the first K of all ranks; those over the limit of hypotheses are lost. */
static void finish_pick(struct fairseq_search *f, struct elcl_pick p, int row)
{
    const struct elcl_search *s = &f->base;
    const int length = s->length - 1; /* before the step; with EOS, without start token */
    if (f->groups[0].n_finished == f->limit)
        return;
    elcl_beam_group_add(&f->groups[0], (struct elcl_finished){
                                           .score = elcl_beam_penalized(s, p.score, length),
                                           .node = s->previous_node + row,
                                           .length = length,
                                           .eos = {p.token, elcl_search_score(s, row, p.token)},
                                       });
}

/* Turns the interleaved picks into hypotheses and the beams of the next step; returns how many
 * beams are alive. */
static int take(struct fairseq_search *f)
{
    struct elcl_search *s = &f->base;
    const int K = s->options.num_beams, G = f->n_groups;
    int place = 0, alive = 0;
    for (int rank = 0; rank < 2 * K; rank++) {
        const struct elcl_beam_group *group = &f->groups[rank % G];
        struct elcl_beam next = {-INFINITY, 0};
        if (rank / G < f->n_picks[rank % G]) {
            const struct elcl_pick p = group->picks[rank / G];
            const int row = group->beams[p.beam].row;
            if (elcl_search_is_eos(s, p.token)) {
                if (rank < K)
                    finish_pick(f, p, row);
                continue;
            }
            if (place < K) {
                next = (struct elcl_beam){p.score, elcl_search_push(s, row, p.token)};
                alive++;
            }
        }
        if (place < K)
            f->groups[place % G].next[place / G] = next;
        place++;
    }
    return alive;
}

static void fairseq_advance(struct elcl_search *s, const struct elcl_candidate *candidates,
                            int stride)
{
    struct fairseq_search *f = (struct fairseq_search *)s;
    struct elcl_beam_group *first = &f->groups[0];
    elcl_search_step(s);
    pick(f, candidates, stride);
    const int alive = take(f);
    s->done = !alive || first->n_finished == f->limit || s->length == s->max_length;
    if (s->done) {
        const bool none = !first->n_finished;
        for (int g = 0; none && g < f->n_groups; g++)
            elcl_beam_group_add_open(&f->groups[g], s, s->previous_node, s->length - 1);
        elcl_beam_group_results(f->groups, f->n_groups, s);
        return;
    }
    for (int g = 0; g < f->n_groups; g++) {
        struct elcl_beam *swap = f->groups[g].beams;
        f->groups[g].beams = f->groups[g].next;
        f->groups[g].next = swap;
    }
}

const struct elcl_search_strategy elcl_search_fairseq = {
    .size = sizeof(struct fairseq_search),
    .width = fairseq_width,
    .init = fairseq_init,
    .finish = fairseq_finish,
    .advance = fairseq_advance,
};
