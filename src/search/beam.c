/*
 * Beam search as in transformers 4.47.1 (BeamSearchScorer, BeamHypotheses) for one sentence.
 *
 * The length penalty counts generated tokens: EOS counts, start token and prefix do not. So without
 * prefix a hypothesis of n ids, finished or cut off at max_length, is divided by
 * (n - 1)^length_penalty.
 *
 * Patience p (Kasai et al., 2022; not in transformers) makes the list of finished hypotheses p
 * times as long. The search ends when the list is full and passes the test.
 *
 * A candidate of -inf is never taken. Hugging Face continues beams of -inf, whose tokens torch.topk
 * picks from equal scores, and may return them; here such a beam ends, and the search may return
 * fewer hypotheses than requested. Hypotheses of finite score are the same. If no hypothesis was
 * found and nothing may follow, the open beams count as at max_length.
 *
 * Equal sums (torch.topk leaves their order open): the lower beam first, then the better candidate
 * of the row, which is the lower token if these are equal too.
 */
#include "base/util.h"
#include "search/beam_group.h"
#include "search/options.h"

struct beam_search {
    struct elcl_search base;
    struct elcl_beam_group group; /* all beams */
};

/* At least one candidate per beam is not EOS. */
static int beam_width(const elcl_gen_options *options)
{
    return options->num_beams * elcl_max_int(2, 1 + options->n_eos);
}

static int beam_init(struct elcl_search *s, elcl_error *err)
{
    struct beam_search *b = (struct beam_search *)s;
    const int K = s->options.num_beams;
    return elcl_beam_group_init(&b->group, K, beam_width(&s->options),
                                elcl_options_finished_limit(&s->options), -1e9f, err);
}

static void beam_finish(struct elcl_search *s)
{
    elcl_beam_group_finish(&((struct beam_search *)s)->group);
}

static void beam_advance(struct elcl_search *s, const struct elcl_candidate *candidates, int stride)
{
    struct elcl_beam_group *group = &((struct beam_search *)s)->group;
    elcl_beam_group_read(group, candidates, stride);
    elcl_search_step(s);
    elcl_beam_group_advance(group, s);
    s->done = group->done;
    if (s->done)
        elcl_beam_group_results(group, 1, s);
}

const struct elcl_search_strategy elcl_search_beam = {
    .size = sizeof(struct beam_search),
    .width = beam_width,
    .init = beam_init,
    .finish = beam_finish,
    .advance = beam_advance,
};
