/* The step loop: admit, encode, decode, search, deliver results. */
#include <math.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "engine/engine.h"
#include "model/state_sample.h"
#include "ops/ops.h"

const elcl_error elcl_cancelled = {ELCL_E_INTERRUPTED, "the request was cancelled"};

/* Copies the encoder's output to the sentences of the encoding that want it. What the cache had is
 * of f32 then. */
static int keep_rows(struct elcl_engine *e, elcl_error *err)
{
    const size_t d = (size_t)e->state.arch->d, bytes = (size_t)e->encode.n_rows * d * sizeof(float);
    int rc = ELCL_OK;
    if (e->encode.kind == ELCL_SOURCE_STORED)
        memcpy(e->numbers.rows, e->numbers.stored, bytes);
    else
        ELCL_TRY(elcl_ops_download(e->state.ops, &e->state.buffers[ELCL_B_X], e->numbers.rows,
                                   bytes, err));
    for (int i = 0; i < e->state.capacity.sentences; i++) {
        const struct elcl_sentence *s = e->slots[i];
        if (s && s->rows && s->encoded >= 0)
            memcpy(s->rows, e->numbers.rows + (size_t)s->encoded * d,
                   (size_t)s->n_source * d * sizeof(float));
    }
fail:
    return rc;
}

/* Puts the encoder's output of the encoding's sentences into the cache. */
static int store_rows(struct elcl_engine *e, elcl_error *err)
{
    const int rc = elcl_stored_rows_read(&e->state, &e->encode, e->numbers.stored, err);
    for (int i = 0; !rc && i < e->state.capacity.sentences; i++) {
        const struct elcl_sentence *s = e->slots[i];
        if (s && s->encoded >= 0)
            elcl_stored_put(e->model, &s->source, &s->stored, &e->numbers, s->encoded);
    }
    return rc;
}

/* Computes the states of new prefixes, which read the encoder's output. */
static int run_prefixes(struct elcl_engine *e, elcl_error *err)
{
    struct elcl_cross_tap *const tap = e->state.tap;
    int rc = ELCL_OK;
    e->state.tap = NULL;
    while (elcl_prefix_left(e)) {
        ELCL_TRY(elcl_ops_settle(e->state.ops, err)); /* before the records change */
        elcl_prefix_records(e);
        ELCL_TRY(elcl_decoder_prefill(&e->state, &e->encode, err));
    }
fail:
    e->state.tap = tap;
    return rc;
}

/* Encodes all new sentences in as many passes as their sources need. */
static int encode_new(struct elcl_engine *e, elcl_error *err)
{
    int rc = ELCL_OK;
    elcl_profile_phase(e->state.ops->profile, ELCL_PHASE_ENCODE);
    while (elcl_batch_encode_records(e, &rc, err)) {
        ELCL_TRY(e->state.arch->decoder_only ? elcl_decoder_prefill(&e->state, &e->encode, err)
                                             : elcl_encoder_run(&e->state, &e->encode, err));
        if (!e->sampled)
            ELCL_TRY(elcl_state_sample(&e->state, &e->encode, &e->sampled, err));
        e->stats.source_tokens += (uint64_t)e->encode.n_rows;
        if (e->encode.kind == ELCL_SOURCE_STORED)
            e->stats.restored_tokens += (uint64_t)e->encode.n_rows;
        if (elcl_stored_wants(e->model, e->encode.kind))
            ELCL_TRY(store_rows(e, err));
        if (e->encode.keeps_rows)
            ELCL_TRY(keep_rows(e, err));
        if (elcl_batch_has_new(e)) /* the next pass overwrites the records */
            ELCL_TRY(elcl_ops_finish(e->state.ops, err));
    }
    ELCL_TRY(rc);
    ELCL_TRY(run_prefixes(e, err));
    elcl_profile_phase(e->state.ops->profile, ELCL_PHASE_STEP);
fail:
    return rc;
}

/* Puts the prompt, or the prefix without its last token, before what the search found; with
 * no_prompt takes away the prompt's last token, which the search began with. *own becomes the
 * hypotheses; their ids and log-probabilities follow in the same allocation. */
static int set_prompt(const struct elcl_sentence *sentence, bool only, elcl_result *result,
                      elcl_hypothesis **own, elcl_error *err)
{
    const size_t skip = only && sentence->options.no_prompt ? 1 : 0;
    const size_t n = (size_t)result->n_hypotheses, n_prompt = skip ? 0 : (size_t)sentence->n_prompt;
    size_t n_ids = 0;
    for (size_t i = 0; i < n; i++)
        n_ids += n_prompt + result->hypotheses[i].n_ids;
    elcl_hypothesis *h = elcl_calloc(n * sizeof(*h) + n_ids * (sizeof(int32_t) + sizeof(float)), 1);
    if (!h)
        return elcl_fail_nomem(err);
    int32_t *ids = (int32_t *)(h + n);
    float *log_probs = (float *)(ids + n_ids);
    for (size_t i = 0; i < n; i++) {
        const elcl_hypothesis *from = &result->hypotheses[i];
        const size_t n_found = from->n_ids - skip;
        h[i] = *from;
        h[i].ids = ids;
        h[i].n_ids = n_prompt + n_found;
        memcpy(ids, sentence->prompt, n_prompt * sizeof(*ids));
        memcpy(ids + n_prompt, from->ids + skip, n_found * sizeof(*ids));
        ids += h[i].n_ids;
        if (!from->token_logprobs)
            continue;
        h[i].token_logprobs = log_probs;
        memcpy(log_probs + n_prompt, from->token_logprobs + skip, n_found * sizeof(*log_probs));
        for (size_t t = 0; t < n_prompt; t++)
            log_probs[t] = NAN;
        for (size_t t = 1; !only && t <= n_prompt; t++) /* of a prefix, in beam search */
            log_probs[t] = 0;
        log_probs += h[i].n_ids;
    }
    result->hypotheses = *own = h;
    return ELCL_OK;
}

/* Adds the alignments to what the search found. *own becomes the hypotheses; the alignments follow
 * in the same allocation. */
static int set_alignments(const struct elcl_sentence *sentence, elcl_result *result,
                          elcl_hypothesis **own, elcl_error *err)
{
    const size_t n = (size_t)result->n_hypotheses, n_source = result->n_source;
    size_t n_rows = 0;
    for (size_t i = 0; i < n; i++)
        n_rows += result->hypotheses[i].n_ids - 1;
    elcl_hypothesis *h = elcl_calloc(n * sizeof(*h) + n_rows * n_source * sizeof(float), 1);
    if (!h)
        return elcl_fail_nomem(err);
    float *alignments = (float *)(h + n);
    for (size_t i = 0; i < n; i++) {
        h[i] = result->hypotheses[i];
        h[i].alignments = alignments;
        elcl_search_alignments(sentence->search, (int)i, alignments);
        alignments += (h[i].n_ids - 1) * n_source;
    }
    result->hypotheses = *own = h;
    return ELCL_OK;
}

elcl_result elcl_result_begin(uint64_t id, void *user, size_t n_source, uint64_t submitted_ns)
{
    return (elcl_result){.id = id,
                         .user = user,
                         .n_source = n_source,
                         .no_speech_prob = NAN,
                         .total_seconds = 1e-9 * (double)(elcl_clock_ns() - submitted_ns)};
}

static elcl_result begin_result(const struct elcl_sentence *s)
{
    elcl_result result = elcl_result_begin(s->id, s->user, (size_t)s->n_source, s->submitted_ns);
    result.no_speech_prob = s->no_speech_prob;
    if (s->started_ns)
        result.queued_seconds = 1e-9 * (double)(s->started_ns - s->submitted_ns);
    if (s->first_token_ns)
        result.first_token_seconds = 1e-9 * (double)(s->first_token_ns - s->submitted_ns);
    return result;
}

static int deliver(struct elcl_engine *e, const struct elcl_sentence *sentence, elcl_error *err)
{
    const bool changes =
        sentence->n_prompt || (sentence->options.no_prompt && e->model->arch.decoder_only);
    elcl_hypothesis *own = NULL;
    int rc = ELCL_OK;
    elcl_result result = begin_result(sentence);
    result.source_rows = sentence->rows;
    elcl_search_results(sentence->search, &result.hypotheses, &result.n_hypotheses);
    e->stats.samples++;
    if (result.n_hypotheses)
        e->stats.output_tokens += result.hypotheses[0].n_generated;
    if (result.n_hypotheses && changes)
        rc = set_prompt(sentence, e->model->arch.decoder_only, &result, &own, err);
    else if (result.n_hypotheses && sentence->options.alignments)
        rc = set_alignments(sentence, &result, &own, err);
    if (!rc && e->params.on_result)
        e->params.on_result(e->params.user, &result);
    elcl_free(own);
    return rc;
}

static void emit_tokens(const struct elcl_engine *e, const struct elcl_sentence *sentence)
{
    int n;
    const struct elcl_search_token *added = elcl_search_added(sentence->search, &n);
    for (int i = 0; e->params.on_token && i < n; i++)
        e->params.on_token(e->params.user, &(elcl_token){.id = sentence->id,
                                                         .user = sentence->user,
                                                         .stream = added[i].stream,
                                                         .token = added[i].token,
                                                         .log_prob = added[i].score});
}

/* Removes a finished sentence after its result. */
static void retire(struct elcl_engine *e, int slot)
{
    struct elcl_sentence *sentence = e->slots[slot];
    pthread_mutex_lock(&e->mutex);
    e->slots[slot] = NULL;
    e->n_live--;
    pthread_mutex_unlock(&e->mutex);
    elcl_sentence_destroy(sentence);
}

/* Delivers the ends of requests that were cancelled since the last step. */
static void deliver_cancelled(struct elcl_engine *e)
{
    for (struct elcl_sentence *s = elcl_engine_take_cancelled(e), *next; s; s = next) {
        next = s->next;
        elcl_result result = begin_result(s);
        result.error = &elcl_cancelled;
        e->stats.cancelled++;
        if (e->params.on_result)
            e->params.on_result(e->params.user, &result);
        elcl_sentence_destroy(s);
    }
}

/* Passes a sentence its rows' candidates. */
static int advance_one(struct elcl_engine *e, struct elcl_sentence *sentence, elcl_error *err)
{
    const size_t row = (size_t)sentence->first_row, width = (size_t)e->step.width;
    const size_t ld = (size_t)e->tap.ld;
    elcl_error why = {0};
    int rc = ELCL_OK;
    if (elcl_search_length(sentence->search) == sentence->options.no_speech_length)
        sentence->no_speech_prob = expf(e->candidates[row * width + width - 1].score);
    if (sentence->options.alignments)
        rc = elcl_search_keep(sentence->search, e->tap.means + row * ld, ld,
                              (size_t)sentence->n_source, &why);
    if (!rc)
        rc = elcl_search_advance(sentence->search, e->candidates + row * width, (int)width, &why);
    return rc ? elcl_fail(err, rc, "request %llu: %s", (unsigned long long)sentence->id, why.msg)
              : ELCL_OK;
}

/* Passes every sentence its rows' candidates; removes finished sentences. */
static int advance(struct elcl_engine *e, elcl_error *err)
{
    const uint64_t now = elcl_clock_ns();
    for (int i = 0; i < e->state.capacity.sentences; i++) {
        struct elcl_sentence *sentence = e->slots[i];
        if (!sentence)
            continue;
        if (!sentence->first_token_ns)
            sentence->first_token_ns = now;
        int rc = advance_one(e, sentence, err);
        if (rc)
            return rc;
        if (!elcl_search_done(sentence->search) && sentence->options.n_stop_strings)
            rc = elcl_engine_stop(e, sentence, err);
        if (rc)
            return rc;
        emit_tokens(e, sentence);
        if (!elcl_search_done(sentence->search))
            continue;
        rc = deliver(e, sentence, err);
        if (rc)
            return rc;
        retire(e, i);
    }
    return ELCL_OK;
}

/* Returns whether a sentence in flight wants alignments. */
static bool wants_alignments(const struct elcl_engine *e)
{
    for (int i = 0; i < e->state.capacity.sentences; i++)
        if (e->slots[i] && e->slots[i]->options.alignments)
            return true;
    return false;
}

/* Encodes new sentences, decodes one token of all, and reads the candidates. */
static int run_on_device(struct elcl_engine *e, elcl_error *err)
{
    struct elcl_state *state = &e->state;
    int rc;
    state->tap = wants_alignments(e) ? &e->tap : NULL;
    elcl_quirks_begin_turn(&e->model->device->quirks);
    ELCL_TRY(elcl_decoder_begin(state, &e->step, err));
    ELCL_TRY(encode_new(e, err));
    ELCL_TRY(elcl_decoder_step(state, &e->step, err));
    ELCL_TRY(elcl_ops_download(
        state->ops, &state->buffers[ELCL_B_CANDIDATES], e->candidates,
        (size_t)e->step.n_rows * (size_t)e->step.width * sizeof(*e->candidates), err));
    elcl_ops_store_program(state->ops);
fail:
    elcl_quirks_end_turn(&e->model->device->quirks);
    return rc;
}

static int step(struct elcl_engine *e, elcl_error *err)
{
    int rc;
    elcl_batch_step_records(e);
    ELCL_TRY(run_on_device(e, err));
    e->stats.steps++;
    e->stats.rows += (uint64_t)e->step.n_rows;
    ELCL_TRY(advance(e, err));
fail:
    return rc;
}

int elcl_engine_step(elcl_engine *engine, size_t *pending, elcl_error *err)
{
    if (!engine)
        return elcl_fail(err, ELCL_E_ARG, "elcl_engine_step: engine must not be NULL");
    const uint64_t start = elcl_clock_ns();
    size_t n_waiting = 0;
    int rc = ELCL_OK;
    deliver_cancelled(engine);
    if (elcl_engine_pending(engine, &n_waiting)) {
        ELCL_TRY(elcl_engine_fit(engine, n_waiting, err));
        elcl_batch_admit(engine);
        ELCL_TRY(step(engine, err));
    }
fail:
    engine->stats.seconds += 1e-9 * (double)(elcl_clock_ns() - start);
    elcl_engine_publish(engine);
    if (!rc && pending)
        *pending = elcl_engine_pending(engine, NULL);
    return rc;
}

int elcl_engine_run(elcl_engine *engine, elcl_error *err)
{
    size_t pending = 1;
    int rc = ELCL_OK;
    while (!rc && pending)
        rc = elcl_engine_step(engine, &pending, err);
    return rc;
}
