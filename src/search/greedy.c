/* Greedy search: the best candidate of one row until EOS or max_length. */
#include "search/search_impl.h"

struct greedy {
    struct elcl_search base;
    double score; /* log-probability of the tokens so far */
};

static int greedy_width(const elcl_gen_options *options)
{
    (void)options;
    return 1;
}

static void end(struct greedy *g, enum elcl_finish_reason finish)
{
    g->base.done = true;
    elcl_search_result(&g->base, g->base.first_node, g->base.length, (struct elcl_candidate){-1, 0},
                       g->score, finish);
}

/* If every token is banned, Hugging Face takes the argmax of a row of -inf, which is token 0 at
 * each further step up to max_length. Such a tail has no meaning, so the sentence ends here. */
static void greedy_advance(struct elcl_search *s, const struct elcl_candidate *candidates,
                           int stride)
{
    struct greedy *g = (struct greedy *)s;
    (void)stride;
    const struct elcl_candidate best = candidates[0];
    if (best.token < 0) {
        end(g, ELCL_FINISH_LENGTH);
        return;
    }
    g->score += (double)best.score;
    elcl_search_step(s);
    elcl_search_push(s, 0, best.token);
    if (elcl_search_is_eos(s, best.token))
        end(g, ELCL_FINISH_EOS);
    else if (s->length == s->max_length)
        end(g, ELCL_FINISH_LENGTH);
}

static void greedy_stop(struct elcl_search *s, int row)
{
    (void)row;
    end((struct greedy *)s, ELCL_FINISH_STOP);
}

const struct elcl_search_strategy elcl_search_greedy = {
    .size = sizeof(struct greedy),
    .width = greedy_width,
    .advance = greedy_advance,
    .stop = greedy_stop,
};
