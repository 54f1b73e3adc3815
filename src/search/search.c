#include "search/search_impl.h"

#include <limits.h>
#include <math.h>

#include "base/util.h"
#include "search/options.h"

static const struct elcl_search_strategy *choose(const elcl_gen_options *options)
{
    if (options->search_style == ELCL_STYLE_FAIRSEQ)
        return &elcl_search_fairseq;
    if (elcl_options_sample_beams(options))
        return &elcl_search_sample_beams;
    if (options->do_sample)
        return &elcl_search_sample;
    if (options->num_beam_groups > 1)
        return &elcl_search_diverse;
    return options->num_beams > 1 ? &elcl_search_beam : &elcl_search_greedy;
}

/* Allocates all memory that a search needs. */
static int allocate(struct elcl_search *s, elcl_error *err)
{
    const size_t n_beams = (size_t)elcl_options_max_rows(&s->options);
    const size_t n_results = (size_t)s->options.num_return_sequences;
    size_t n_nodes, n_ids;
    if (!elcl_mul_size(n_beams, (size_t)s->max_length, &n_nodes) || n_nodes > INT_MAX ||
        !elcl_mul_size(n_results, (size_t)s->max_length, &n_ids))
        return elcl_fail_nomem(err);
    s->rows = elcl_calloc(n_beams, sizeof(*s->rows));
    s->nodes = elcl_calloc(n_nodes, sizeof(*s->nodes));
    s->results = elcl_calloc(n_results, sizeof(*s->results));
    s->result_nodes = elcl_calloc(n_results, sizeof(*s->result_nodes));
    s->result_ids = elcl_calloc(n_ids, sizeof(*s->result_ids));
    s->added = elcl_calloc(n_results, sizeof(*s->added));
    if (s->options.token_logprobs)
        s->result_log_probs = elcl_calloc(n_ids, sizeof(*s->result_log_probs));
    if (!s->rows || !s->nodes || !s->results || !s->result_nodes || !s->result_ids || !s->added ||
        (s->options.token_logprobs && !s->result_log_probs))
        return elcl_fail_nomem(err);
    return s->strategy->init ? s->strategy->init(s, err) : ELCL_OK;
}

int elcl_search_create(const elcl_gen_options *options, int vocabulary, struct elcl_search **search,
                       elcl_error *err)
{
    const struct elcl_search_strategy *strategy = choose(options);
    struct elcl_search *s = elcl_calloc(1, strategy->size);
    if (!s)
        return elcl_fail_nomem(err);
    s->strategy = strategy;
    s->options = *options;
    s->vocabulary = vocabulary;
    s->max_length = elcl_options_max_length(options);
    s->width = strategy->width(options);
    if (strategy != &elcl_search_sample)
        s->width = elcl_min_int(s->width, vocabulary);
    const int rc = allocate(s, err);
    if (rc) {
        elcl_search_destroy(&s);
        return rc;
    }
    s->nodes[0] = (struct elcl_trace_node){options->decoder_start_token_id, -1, NAN};
    s->n_nodes = 1;
    s->rows[0] = (struct elcl_search_row){options->decoder_start_token_id, 0};
    s->n_rows = 1;
    s->length = 1;
    s->prompt = elcl_options_prompt(options);
    *search = s;
    return ELCL_OK;
}

void elcl_search_destroy(struct elcl_search **search)
{
    struct elcl_search *s = search ? *search : NULL;
    if (!s)
        return;
    if (s->strategy->finish)
        s->strategy->finish(s);
    elcl_free(s->rows);
    elcl_free(s->draws);
    elcl_free(s->nodes);
    elcl_free(s->results);
    elcl_free(s->attended);
    elcl_free(s->result_nodes);
    elcl_free(s->result_ids);
    elcl_free(s->result_log_probs);
    elcl_free(s->added);
    elcl_free(s);
    *search = NULL;
}

void elcl_search_number(struct elcl_search *search, uint64_t sample)
{
    search->sample = sample;
}

bool elcl_search_done(const struct elcl_search *search)
{
    return search->done;
}

int elcl_search_length(const struct elcl_search *search)
{
    return search->length;
}

const struct elcl_search_row *elcl_search_rows(const struct elcl_search *search, int *n)
{
    *n = search->n_rows;
    return search->rows;
}

const struct elcl_search_draw *elcl_search_draws(const struct elcl_search *search, int *n)
{
    *n = search->length < search->prompt ? 0 : search->n_draws;
    return search->draws;
}

void elcl_search_history(const struct elcl_search *search, int row, int32_t *tokens)
{
    int node = search->first_node + row;
    for (int i = search->length - 1; i >= 0; i--) {
        tokens[i] = search->nodes[node].token;
        node = search->nodes[node].parent;
    }
}

/* Returns whether prompt and row end with the word's tokens except the last. */
static bool is_next(const struct elcl_search *s, int row, const int32_t *prompt, int n_prompt,
                    const elcl_tokens *word)
{
    int node = s->first_node + row, left = n_prompt;
    for (int i = word->n - 2; i >= 0; i--) {
        const int32_t token = node >= 0 ? s->nodes[node].token : prompt[--left];
        if (token != word->ids[i])
            return false;
        node = node >= 0 ? s->nodes[node].parent : -1;
    }
    return true;
}

int elcl_search_banned(const struct elcl_search *search, int row, const int32_t *prompt,
                       int n_prompt, int32_t *tokens)
{
    const elcl_gen_options *o = &search->options;
    int n = 0;
    for (int i = 0; i < o->n_bad_words; i++) {
        const elcl_tokens *word = &o->bad_words[i];
        const bool single = word->n == 1;
        if (single ? elcl_search_is_eos(search, word->ids[0]) : word->n > n_prompt + search->length)
            continue;
        if (is_next(search, row, prompt, n_prompt, word))
            tokens[n++] = word->ids[word->n - 1];
    }
    return n;
}

void elcl_search_stop(struct elcl_search *search, int row)
{
    if (!search->done && search->strategy->stop)
        search->strategy->stop(search, row);
}

int elcl_search_width(const struct elcl_search *search)
{
    return search->width;
}

/* Names a token outside the vocabulary, a NaN or a row of them before anything changes: a faulty
 * device must not hide in a strange hypothesis. */
static int check_candidates(const struct elcl_search *s, const struct elcl_candidate *candidates,
                            int stride, elcl_error *err)
{
    for (int r = 0; r < s->n_rows; r++) {
        const struct elcl_candidate *row = candidates + (size_t)r * (size_t)stride;
        for (int i = 0; i < s->width; i++) {
            if (row[i].token == ELCL_TOKEN_NO_LOGIT)
                return elcl_fail(err, ELCL_E_DEVICE,
                                 "the logits of the next token are not finite after %d tokens: "
                                 "the weights are damaged or too large for the compute type",
                                 s->length);
            if (row[i].token < ELCL_TOKEN_NONE || row[i].token >= s->vocabulary)
                return elcl_fail(err, ELCL_E_INTERNAL,
                                 "candidate %d of row %d is token %d, the vocabulary has %d", i, r,
                                 (int)row[i].token, s->vocabulary);
            if (row[i].token >= 0 && isnan(row[i].score))
                return elcl_fail(err, ELCL_E_DEVICE,
                                 "the score of token %d after %d tokens is not a number: the "
                                 "model's output is not finite",
                                 (int)row[i].token, s->length);
        }
    }
    return ELCL_OK;
}

static void add_token(struct elcl_search *s, int stream, struct elcl_candidate chosen)
{
    if (chosen.token >= 0)
        s->added[s->n_added++] = (struct elcl_search_token){stream, chosen.token, chosen.score};
}

/* Lists the tokens that the step will add to outputs. */
static void note_added(struct elcl_search *s)
{
    s->n_added = 0;
    if (s->strategy == &elcl_search_greedy)
        add_token(s, 0, s->candidates[0]);
    for (int i = 0; s->strategy == &elcl_search_sample && i < s->n_draws; i++) {
        const struct elcl_search_draw *draw = &s->draws[i];
        add_token(s, draw->stream,
                  s->candidates[(size_t)draw->row * (size_t)s->stride + 1 + (size_t)draw->index]);
    }
}

/* Appends the next token of a given beginning; its score may be unknown. */
static void take_prefix(struct elcl_search *s)
{
    const int32_t token = s->options.prefix.ids[s->length - 1];
    const struct elcl_candidate chosen = {token, elcl_search_score(s, 0, token)};
    const bool sample = s->strategy == &elcl_search_sample;
    s->n_added = 0;
    for (int i = 0; i < s->options.num_return_sequences && (sample || i < 1); i++)
        if (sample || s->strategy == &elcl_search_greedy)
            add_token(s, i, chosen);
    elcl_search_step(s);
    elcl_search_push(s, 0, token);
}

int elcl_search_advance(struct elcl_search *search, const struct elcl_candidate *candidates,
                        int stride, elcl_error *err)
{
    if (search->done)
        return elcl_fail(err, ELCL_E_INTERNAL, "the search is done and cannot advance");
    if (stride < search->width)
        return elcl_fail(err, ELCL_E_INTERNAL, "%d candidates per row given, the search reads %d",
                         stride, search->width);
    const int rc = check_candidates(search, candidates, stride, err);
    if (rc)
        return rc;
    search->candidates = candidates;
    search->stride = stride;
    if (search->length < search->prompt) {
        take_prefix(search);
    } else {
        note_added(search);
        search->strategy->advance(search, candidates, stride);
    }
    search->candidates = NULL;
    return ELCL_OK;
}

const struct elcl_search_token *elcl_search_added(const struct elcl_search *search, int *n)
{
    *n = search->n_added;
    return search->added;
}

void elcl_search_results(const struct elcl_search *search, const elcl_hypothesis **hypotheses,
                         int *n)
{
    *hypotheses = search->results;
    *n = search->n_results;
}
