/* Requests: checked, queued, cancelled and waited for, from any thread. */
#include <math.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "engine/engine.h"
#include "search/options.h"

/* ---- checks ---------------------------------------------------------------------------------- */

/*
 * Converts the options of a decoder-only model to those of the search. The prompt's last token is
 * the start token of the search, which does not see the n_prompt tokens before it. So lengths lose
 * these tokens here, and a token that is forced at length 1 only follows a prompt of one token.
 */
static int prompt_options(const struct elcl_engine *e, const elcl_request *request,
                          elcl_gen_options *o, elcl_error *err)
{
    const int n = (int)request->n_source, positions = e->model->arch.max_positions;
    const int max = elcl_arch_max_target(&e->model->arch);
    *o = request->options;
    if (o->search_style != ELCL_STYLE_HF)
        return elcl_fail(err, ELCL_E_ARG,
                         "search_style fairseq is for models with an encoder; %s has none",
                         e->model->family->model_type);
    if (o->prefix.n)
        return elcl_fail(err, ELCL_E_ARG,
                         "prefix is for models with an encoder; %s has none: it continues the "
                         "source, so put the prefix there",
                         e->model->family->model_type);
    if (o->max_new_tokens > 0 && (int64_t)n + o->max_new_tokens > max)
        return elcl_fail(err, ELCL_E_ARG,
                         "max_new_tokens is %d after a prompt of %d tokens, the model has %d "
                         "positions",
                         o->max_new_tokens, n, positions);
    if (o->max_new_tokens == 0 && (o->max_length <= n || o->max_length > max))
        return elcl_fail(err, ELCL_E_ARG,
                         "max_length is %d, must be %d .. %d (the prompt has %d tokens and counts)",
                         o->max_length, n + 1, max, n);
    o->decoder_start_token_id = request->source[n - 1];
    if (o->max_new_tokens == 0)
        o->max_length -= n - 1;
    if (o->min_length > 0)
        o->min_length = elcl_max_int(0, o->min_length - (n - 1));
    if (n > 1)
        o->forced_bos_token_id = -1;
    return ELCL_OK;
}

/* Fills the source. Refuses options that read source tokens where there are none. */
static int check_source(const struct elcl_engine *e, const elcl_request *request,
                        struct elcl_source *source, elcl_error *err)
{
    const elcl_gen_options *o = &request->options;
    const float penalty = o->encoder_repetition_penalty;
    const int rc = elcl_source_read(e->model, request, (size_t)e->capacity.max_source, source, err);
    if (rc)
        return rc;
    if (source->kind != ELCL_SOURCE_TOKENS &&
        (o->encoder_no_repeat_ngram_size > 0 || (penalty > 0 && penalty < 1) || penalty > 1))
        return elcl_fail(err, ELCL_E_ARG, "%s reads the source's tokens, and the request has none",
                         o->encoder_no_repeat_ngram_size > 0 ? "encoder_no_repeat_ngram_size"
                                                             : "encoder_repetition_penalty");
    if (request->want_source_rows && e->model->arch.decoder_only)
        return elcl_fail(err, ELCL_E_ARG,
                         "want_source_rows is for models with an encoder; %s has none",
                         e->model->family->model_type);
    return ELCL_OK;
}

/* Fills the options for the search, and the source. */
static int check_request(const struct elcl_engine *e, const elcl_request *request,
                         elcl_gen_options *options, struct elcl_source *source, elcl_error *err)
{
    const struct elcl_capacity *c = &e->capacity;
    int rc = check_source(e, request, source, err);
    if (rc)
        return rc;
    const int rows = elcl_options_max_rows(&request->options);
    if (rows > c->beams)
        return elcl_fail(err, ELCL_E_ARG, "%s %d exceeds the engine's %d",
                         request->options.do_sample && request->options.num_beams == 1
                             ? "num_return_sequences"
                             : "num_beams",
                         rows, c->beams);
    if (request->options.alignments && e->model->arch.decoder_only)
        return elcl_fail(err, ELCL_E_ARG,
                         "alignments are for models with an encoder: %s has no cross attention",
                         e->model->family->model_type);
    *options = request->options;
    if (e->model->arch.decoder_only)
        rc = prompt_options(e, request, options, err);
    if (!rc)
        rc = elcl_options_check(options, e->model->arch.vocabulary, c->max_target, err);
    if (!rc && elcl_options_list_tokens(options) > (size_t)c->lists)
        return elcl_fail(err, ELCL_E_ARG,
                         "bad_words, suppress_tokens and alternatives take %zu tokens, the "
                         "engine's max_list_tokens allows %d",
                         elcl_options_list_tokens(options), c->lists);
    if (!rc && options->n_stop_strings && !e->model->tokenizer)
        return elcl_fail(err, ELCL_E_ARG, "stop_strings: %s has no tokenizer to read them with",
                         e->model->config.path);
    return rc;
}

/* Fills the options for the search, bound to the source's length, and the source. */
static int bind_request(const struct elcl_engine *e, const elcl_request *request,
                        elcl_gen_options *options, struct elcl_source *source, elcl_error *err)
{
    elcl_gen_options checked;
    const int rc = check_request(e, request, &checked, source, err);
    return rc ? rc
              : elcl_options_bind(&checked, (int)source->n, e->model->arch.max_positions,
                                  e->capacity.max_target, options, err);
}

int elcl_engine_check(const struct elcl_engine *engine, const elcl_request *request,
                      struct elcl_source *source, elcl_error *err)
{
    elcl_gen_options options;
    return bind_request(engine, request, &options, source, err);
}

/* ---- the queue ------------------------------------------------------------------------------- */

/* Writes the first n of start token and prefix to `memory`. */
static const int32_t *put_prefix(const elcl_gen_options *options, int n, void *memory)
{
    int32_t *tokens = memory;
    for (int i = 0; i < n; i++)
        tokens[i] = i ? options->prefix.ids[i - 1] : options->decoder_start_token_id;
    return tokens;
}

static int sentence_create(const struct elcl_engine *e, const elcl_request *request,
                           struct elcl_sentence **sentence, elcl_error *err)
{
    const struct elcl_arch *arch = &e->model->arch;
    elcl_gen_options options;
    struct elcl_source source;
    int rc = bind_request(e, request, &options, &source, err);
    if (rc)
        return rc;
    const elcl_gen_options whole = options;
    const int n_prefix = elcl_prefix_take(e, &options);
    const size_t bytes = elcl_source_bytes(arch, &source);
    const size_t rows = request->want_source_rows ? source.n * (size_t)arch->d * sizeof(float) : 0;
    struct elcl_sentence *s =
        elcl_calloc(1, sizeof(*s) + bytes + rows + (size_t)n_prefix * sizeof(int32_t));
    if (!s)
        return elcl_fail_nomem(err);
    rc = elcl_options_copy_lists(&options, &s->lists, err);
    if (!rc)
        rc = elcl_search_create(&options, e->model->arch.vocabulary, &s->search, err);
    if (rc) {
        elcl_sentence_destroy(s);
        return rc;
    }
    s->user = request->user;
    s->options = options;
    s->sample = request->sample;
    s->no_speech_prob = NAN;
    elcl_search_number(s->search, request->sample);
    s->source = source;
    elcl_source_copy(arch, &s->source, s + 1);
    s->rows = rows ? (float *)((char *)(s + 1) + bytes) : NULL;
    s->encoded = -1;
    s->n_source = (int)source.n;
    s->n_prompt = arch->decoder_only ? s->n_source - 1 : n_prefix;
    s->prompt = arch->decoder_only ? s->source.tokens
                                   : put_prefix(&whole, n_prefix, (char *)(s + 1) + bytes + rows);
    *sentence = s;
    return ELCL_OK;
}

/* The engine's mutex is held. */
static void enqueue(struct elcl_engine *e, struct elcl_sentence *sentence)
{
    *e->waiting_end = sentence;
    e->waiting_end = &sentence->next;
    e->n_waiting++;
    pthread_cond_signal(&e->news);
}

int elcl_engine_submit(elcl_engine *engine, const elcl_request *request, uint64_t *id,
                       elcl_error *err)
{
    if (!engine || !request)
        return elcl_fail(err, ELCL_E_ARG,
                         "elcl_engine_submit: engine and request must not be NULL");
    struct elcl_sentence *sentence = NULL;
    const int rc = sentence_create(engine, request, &sentence, err);
    if (rc)
        return rc;
    sentence->submitted_ns = elcl_clock_ns();
    pthread_mutex_lock(&engine->mutex);
    sentence->id = engine->next_id++;
    if (id)
        *id = sentence->id;
    enqueue(engine, sentence);
    pthread_mutex_unlock(&engine->mutex);
    return ELCL_OK;
}

int elcl_engine_submit_as(struct elcl_engine *engine, const elcl_request *request, uint64_t id,
                          uint64_t submitted_ns, elcl_error *err)
{
    struct elcl_sentence *sentence = NULL;
    const int rc = sentence_create(engine, request, &sentence, err);
    if (rc)
        return rc;
    sentence->id = id;
    sentence->submitted_ns = submitted_ns;
    pthread_mutex_lock(&engine->mutex);
    enqueue(engine, sentence);
    pthread_mutex_unlock(&engine->mutex);
    return ELCL_OK;
}

/* ---- cancelling ------------------------------------------------------------------------------ */

/* Returns an unfinished request, or NULL. The engine's mutex is held. */
static struct elcl_sentence *find(const struct elcl_engine *e, uint64_t id)
{
    for (int i = 0; e->slots && i < e->state.capacity.sentences; i++)
        if (e->slots[i] && e->slots[i]->id == id)
            return e->slots[i];
    for (struct elcl_sentence *s = e->waiting; s; s = s->next)
        if (s->id == id)
            return s;
    return NULL;
}

void elcl_engine_cancel(elcl_engine *engine, uint64_t id)
{
    if (!engine)
        return;
    pthread_mutex_lock(&engine->mutex);
    struct elcl_sentence *sentence = find(engine, id);
    if (sentence)
        sentence->cancelled = engine->has_cancelled = true;
    pthread_mutex_unlock(&engine->mutex);
}

/* Moves the cancelled requests of the batch to a list; *end becomes its new end. */
static void take_from_batch(struct elcl_engine *e, struct elcl_sentence ***end)
{
    for (int i = 0; e->slots && i < e->state.capacity.sentences; i++) {
        if (!e->slots[i] || !e->slots[i]->cancelled)
            continue;
        **end = e->slots[i];
        *end = &e->slots[i]->next;
        e->slots[i] = NULL;
        e->n_live--;
    }
}

/* The same for the queue. */
static void take_from_queue(struct elcl_engine *e, struct elcl_sentence ***end)
{
    struct elcl_sentence **at = &e->waiting;
    while (*at) {
        struct elcl_sentence *sentence = *at;
        if (!sentence->cancelled) {
            at = &sentence->next;
            continue;
        }
        *at = sentence->next;
        sentence->next = NULL;
        **end = sentence;
        *end = &sentence->next;
        e->n_waiting--;
    }
    e->waiting_end = at;
}

struct elcl_sentence *elcl_engine_take_cancelled(struct elcl_engine *e)
{
    struct elcl_sentence *taken = NULL, **end = &taken;
    pthread_mutex_lock(&e->mutex);
    if (e->has_cancelled) {
        take_from_batch(e, &end);
        take_from_queue(e, &end);
        e->has_cancelled = false;
    }
    pthread_mutex_unlock(&e->mutex);
    return taken;
}

/* ---- waiting --------------------------------------------------------------------------------- */

size_t elcl_engine_pending(struct elcl_engine *e, size_t *n_waiting)
{
    pthread_mutex_lock(&e->mutex);
    const size_t pending = e->n_waiting + (size_t)e->n_live;
    if (n_waiting)
        *n_waiting = e->n_waiting;
    pthread_mutex_unlock(&e->mutex);
    return pending;
}

size_t elcl_engine_wait(elcl_engine *engine, double seconds)
{
    if (!engine)
        return 0;
    const uint64_t end = elcl_clock_after(seconds);
    bool in_time = true;
    pthread_mutex_lock(&engine->mutex);
    while (in_time && !engine->woken && !engine->n_waiting && !engine->n_live)
        in_time = elcl_condition_wait(&engine->news, &engine->mutex, end);
    engine->woken = false;
    const size_t pending = engine->n_waiting + (size_t)engine->n_live;
    pthread_mutex_unlock(&engine->mutex);
    return pending;
}

void elcl_engine_wake(elcl_engine *engine)
{
    if (!engine)
        return;
    pthread_mutex_lock(&engine->mutex);
    engine->woken = true;
    pthread_cond_signal(&engine->news);
    pthread_mutex_unlock(&engine->mutex);
}
