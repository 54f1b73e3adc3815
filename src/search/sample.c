/*
 * Sampling: num_return_sequences independent streams from one source. Streams with the same history
 * share a row, as beams do, so the first step has one row. Each stream has its own draw from its
 * row at every step, and leaves when it ends.
 */
#include "base/util.h"
#include "search/search_impl.h"

struct stream {
    int node, length;           /* of an ended stream: its tokens but the last, in the trace */
    struct elcl_candidate last; /* token -1: none, every token was banned */
    double score; /* log-probability of its tokens before rules and cut-offs, as in greedy search */
    enum elcl_finish_reason finish;
};

struct sample {
    struct elcl_search base;
    struct stream *streams; /* [num_return_sequences] */
};

/* The row's best token, the reference for the device, then the draws. */
static int sample_width(const elcl_gen_options *options)
{
    return 1 + options->num_return_sequences;
}

static int sample_init(struct elcl_search *s, elcl_error *err)
{
    struct sample *sample = (struct sample *)s;
    const int n = s->options.num_return_sequences;
    sample->streams = elcl_calloc((size_t)n, sizeof(*sample->streams));
    s->draws = elcl_calloc((size_t)n, sizeof(*s->draws));
    if (!sample->streams || !s->draws)
        return elcl_fail_nomem(err);
    for (int i = 0; i < n; i++)
        s->draws[i] = (struct elcl_search_draw){.row = 0, .index = i, .stream = i};
    s->n_draws = n;
    return ELCL_OK;
}

static void sample_finish(struct elcl_search *s)
{
    elcl_free(((struct sample *)s)->streams);
}

/* Returns the number of live draws before `d` from the same row. */
static int draw_index(const struct elcl_search_draw *draws, int d)
{
    int index = 0;
    for (int i = 0; i < d; i++)
        index += draws[i].row == draws[d].row;
    return index;
}

/* Appends the stream's token; returns false if it was the last one. */
static bool take(struct sample *sample, const struct elcl_search_draw *draw,
                 const struct elcl_candidate *drawn)
{
    const struct elcl_search *s = &sample->base;
    struct stream *stream = &sample->streams[draw->stream];
    const bool eos = drawn->token >= 0 && elcl_search_is_eos(s, drawn->token);
    stream->node = s->previous_node + draw->row;
    stream->length = s->length - 1;
    stream->last = *drawn;
    stream->finish = eos ? ELCL_FINISH_EOS : ELCL_FINISH_LENGTH;
    stream->score += drawn->token >= 0 ? (double)drawn->score : 0;
    return drawn->token >= 0 && !eos && s->length < s->max_length;
}

static void end_if_none_is_left(struct sample *sample)
{
    struct elcl_search *s = &sample->base;
    s->done = !s->n_draws;
    for (int i = 0; s->done && i < s->options.num_return_sequences; i++) {
        const struct stream *stream = &sample->streams[i];
        elcl_search_result(s, stream->node, stream->length, stream->last, stream->score,
                           stream->finish);
    }
}

/* The row stays for a step without a draw from it. */
static void sample_stop(struct elcl_search *s, int row)
{
    struct sample *sample = (struct sample *)s;
    int n = 0;
    for (int d = 0; d < s->n_draws; d++) {
        struct stream *stream = &sample->streams[s->draws[d].stream];
        if (s->draws[d].row != row) {
            s->draws[n++] = s->draws[d];
            continue;
        }
        stream->node = s->first_node + row;
        stream->length = s->length;
        stream->last = (struct elcl_candidate){.token = -1};
        stream->finish = ELCL_FINISH_STOP;
    }
    s->n_draws = n;
    end_if_none_is_left(sample);
}

static void sample_advance(struct elcl_search *s, const struct elcl_candidate *candidates,
                           int stride)
{
    struct sample *sample = (struct sample *)s;
    const int n_old = s->n_draws;
    elcl_search_step(s);
    s->n_draws = 0;
    for (int d = 0; d < n_old; d++) {
        const struct elcl_search_draw draw = s->draws[d];
        const struct elcl_candidate *drawn =
            &candidates[(size_t)draw.row * (size_t)stride + 1 + (size_t)draw.index];
        if (!take(sample, &draw, drawn))
            continue;
        const int row = elcl_search_push(s, draw.row, drawn->token);
        s->draws[s->n_draws] = (struct elcl_search_draw){.row = row, .stream = draw.stream};
        s->draws[s->n_draws].index = draw_index(s->draws, s->n_draws);
        s->n_draws++;
    }
    end_if_none_is_left(sample);
}

const struct elcl_search_strategy elcl_search_sample = {
    .size = sizeof(struct sample),
    .width = sample_width,
    .init = sample_init,
    .finish = sample_finish,
    .advance = sample_advance,
    .stop = sample_stop,
};
