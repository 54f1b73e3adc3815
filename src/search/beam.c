/*
 * Beam search as in transformers 4.47.1 (BeamSearchScorer, BeamHypotheses) for one sentence and a
 * decoder prompt of one token. Sums of log-probabilities are float, as torch has them there; the
 * scores of finished hypotheses are double, as Python has them, so that comparisons fall alike.
 *
 * Lengths under the penalty count generated tokens: EOS is one, the start token is none. So a
 * hypothesis of n ids, finished or cut off at max_length, is divided by (n - 1)^length_penalty.
 *
 * A candidate of -inf is never taken. Hugging Face carries on with beams of -inf whose tokens
 * torch.topk picks from equals, and may return them; here such a beam ends, and fewer hypotheses
 * than asked for may come back. Hypotheses of finite score are the same. When no hypothesis was
 * found and nothing may follow, the open beams are taken as at max_length.
 *
 * Equal sums (torch.topk leaves their order open): the lower beam first, then the better
 * candidate of the row, which is the lower token where these are equal too.
 */
#include "search/search_impl.h"

#include <math.h>
#include <string.h>

#include "base/util.h"

struct beam {
    float score; /* sum of log-probabilities */
    int row;     /* beams with the same history share a row */
};

/* A candidate of all beams together. */
struct pick {
    float score;
    int beam;
    int32_t token;
};

struct finished {
    double score; /* length penalty applied */
    int node;     /* last token before EOS */
    int length;   /* tokens up to node */
    bool eos;
};

struct beam_search {
    struct elcl_search base;
    struct beam *beams; /* [num_beams], the first n_beams are alive */
    int n_beams;
    struct beam *next;         /* [num_beams] */
    int *cursor;               /* [num_beams], candidates of each beam already merged */
    struct pick *picks;        /* [pick_limit], best first */
    int pick_limit;            /* num_beams * max(2, 1 + n_eos) */
    struct finished *finished; /* [num_beams + 1], in order of arrival */
    int n_finished;
    double worst; /* of finished[]; counts once they are num_beams */
};

/* At least one candidate per beam is not EOS. */
static int beam_width(const elcl_gen_options *options)
{
    return options->num_beams * elcl_max_int(2, 1 + options->n_eos);
}

static int beam_init(struct elcl_search *s, elcl_error *err)
{
    struct beam_search *b = (struct beam_search *)s;
    const size_t n = (size_t)s->options.num_beams;
    b->pick_limit = beam_width(&s->options);
    b->beams = elcl_calloc(n, sizeof(*b->beams));
    b->next = elcl_calloc(n, sizeof(*b->next));
    b->cursor = elcl_calloc(n, sizeof(*b->cursor));
    b->picks = elcl_calloc((size_t)b->pick_limit, sizeof(*b->picks));
    b->finished = elcl_calloc(n + 1, sizeof(*b->finished));
    if (!b->beams || !b->next || !b->cursor || !b->picks || !b->finished)
        return elcl_fail_nomem(err);
    /* All beams start with the same row; only the first one's candidates are to count. */
    b->n_beams = s->options.num_beams;
    for (int k = 1; k < b->n_beams; k++)
        b->beams[k].score = -1e9f;
    b->worst = 1e9;
    return ELCL_OK;
}

static void beam_finish(struct elcl_search *s)
{
    struct beam_search *b = (struct beam_search *)s;
    elcl_free(b->beams);
    elcl_free(b->next);
    elcl_free(b->cursor);
    elcl_free(b->picks);
    elcl_free(b->finished);
}

/* The next candidate of beam k with its sum, -inf when there is none. */
static float head(const struct beam_search *b, int k, const struct elcl_candidate *candidates,
                  int stride, int32_t *token)
{
    if (b->cursor[k] == b->base.width)
        return -INFINITY;
    const size_t at = (size_t)b->beams[k].row * (size_t)stride + (size_t)b->cursor[k];
    *token = candidates[at].token;
    return *token < 0 ? -INFINITY : b->beams[k].score + candidates[at].score;
}

/* Merges the beams' sorted candidates into picks[]; gives back how many there are. */
static int merge(struct beam_search *b, const struct elcl_candidate *candidates, int stride)
{
    memset(b->cursor, 0, (size_t)b->n_beams * sizeof(*b->cursor));
    int n = 0;
    for (; n < b->pick_limit; n++) {
        struct pick best = {-INFINITY, -1, -1};
        for (int k = 0; k < b->n_beams; k++) {
            int32_t token = -1;
            const float score = head(b, k, candidates, stride, &token);
            if (score > best.score)
                best = (struct pick){score, k, token};
        }
        if (best.beam < 0)
            break;
        b->cursor[best.beam]++;
        b->picks[n] = best;
    }
    return n;
}

static double penalised(const struct beam_search *b, float sum, int generated)
{
    /* 0 tokens: only when the very first step allows none. */
    const double n = elcl_max_int(generated, 1);
    return (double)sum / pow(n, (double)b->base.options.length_penalty);
}

/* Keeps the best num_beams hypotheses. The order of arrival decides between equals: the older one
 * leaves first. */
static void add_finished(struct beam_search *b, struct finished hypothesis)
{
    const int limit = b->base.options.num_beams;
    if (b->n_finished == limit && !(hypothesis.score > b->worst))
        return;
    b->finished[b->n_finished++] = hypothesis;
    if (b->n_finished <= limit) {
        b->worst = fmin(b->worst, hypothesis.score);
        return;
    }
    int worst = 0;
    for (int i = 1; i < b->n_finished; i++) {
        if (b->finished[i].score < b->finished[worst].score)
            worst = i;
    }
    b->n_finished--;
    memmove(b->finished + worst, b->finished + worst + 1,
            (size_t)(b->n_finished - worst) * sizeof(*b->finished));
    b->worst = b->finished[0].score;
    for (int i = 1; i < b->n_finished; i++)
        b->worst = fmin(b->worst, b->finished[i].score);
}

static void add_open_beams(struct beam_search *b)
{
    const struct elcl_search *s = &b->base;
    for (int k = 0; k < b->n_beams; k++)
        add_finished(b, (struct finished){
                            .score = penalised(b, b->beams[k].score, s->length - 1),
                            .node = s->first_node + b->beams[k].row,
                            .length = s->length,
                        });
}

/* Whether no open beam is expected to beat the worst hypothesis kept. `best` is the best sum of
 * the step, EOS candidates included; `generated` tokens stand behind it. */
static bool enough(const struct beam_search *b, float best, int generated)
{
    const elcl_gen_options *o = &b->base.options;
    if (b->n_finished < o->num_beams)
        return false;
    if (o->early_stopping == ELCL_EARLY_TRUE)
        return true;
    if (o->early_stopping == ELCL_EARLY_NEVER && o->length_penalty > 0)
        generated = b->base.max_length - 1;
    return b->worst >= penalised(b, best, generated);
}

/* Turns picks[0 .. n) into hypotheses and the beams and rows of the next step. */
static void take(struct beam_search *b, int n)
{
    struct elcl_search *s = &b->base;
    const int K = s->options.num_beams;
    const int length = s->length; /* before the step: the tokens generated by it, without prompt */
    elcl_search_step(s);
    int n_next = 0;
    for (int rank = 0; rank < n && n_next < K; rank++) {
        const struct pick pick = b->picks[rank];
        const int row = b->beams[pick.beam].row;
        if (!elcl_search_is_eos(s, pick.token)) {
            const int next_row = elcl_search_push(s, row, pick.token);
            b->next[n_next++] = (struct beam){pick.score, next_row};
        } else if (rank < K) {
            add_finished(b, (struct finished){
                                .score = penalised(b, pick.score, length),
                                .node = s->previous_node + row,
                                .length = length,
                                .eos = true,
                            });
        }
    }
    struct beam *swap = b->beams;
    b->beams = b->next;
    b->next = swap;
    b->n_beams = n_next;
    s->done = n_next == 0 || enough(b, b->picks[0].score, length);
}

/* Best first; of equals the one that came later. Whichever EOS was met, the first one of the
 * options ends the ids, as in Hugging Face. */
static void write_results(struct beam_search *b)
{
    const elcl_gen_options *o = &b->base.options;
    while (b->n_finished && b->base.n_results < o->num_return_sequences) {
        int best = 0;
        for (int i = 1; i < b->n_finished; i++) {
            if (b->finished[i].score >= b->finished[best].score)
                best = i;
        }
        const struct finished f = b->finished[best];
        elcl_search_result(&b->base, f.node, f.length, f.eos ? o->eos_token_ids[0] : -1, f.score,
                           f.eos ? ELCL_FINISH_EOS : ELCL_FINISH_LENGTH);
        b->n_finished--;
        memmove(b->finished + best, b->finished + best + 1,
                (size_t)(b->n_finished - best) * sizeof(*b->finished));
    }
}

static void beam_advance(struct elcl_search *s, const struct elcl_candidate *candidates, int stride)
{
    struct beam_search *b = (struct beam_search *)s;
    const int n = merge(b, candidates, stride);
    if (n > 0) {
        take(b, n);
    } else {
        s->done = true;
        if (!b->n_finished)
            add_open_beams(b);
    }
    if (!s->done && s->length == s->max_length) {
        s->done = true;
        add_open_beams(b);
    }
    if (s->done)
        write_results(b);
}

const struct elcl_search_strategy elcl_search_beam = {
    .size = sizeof(struct beam_search),
    .width = beam_width,
    .init = beam_init,
    .finish = beam_finish,
    .advance = beam_advance,
};
