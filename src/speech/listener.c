#include "speech/listener.h"

#include <math.h>
#include <string.h>

#include "model/model.h"
#include "speech/preprocessor.h"

#define HF_TOP_K 50 /* transformers' default */

static int encode_text(void *user, const char *text, int32_t **ids, size_t *n, elcl_error *err)
{
    const struct elcl_listener *l = user;
    return elcl_tokenizer_encode(l->engine_model->tokenizer, text, strlen(text), ids, n, err);
}

static int decode_text(void *user, const int32_t *ids, size_t n, char **text, elcl_error *err)
{
    const struct elcl_listener *l = user;
    return elcl_decode(l->engine_model, ids, n, text, err);
}

static int time_words(void *user, struct elcl_timed *timed, elcl_error *err)
{
    const struct elcl_listener *l = user;
    return elcl_word_timer_run(l->timer, timed, err);
}

static int list_languages(struct elcl_listener *listener, elcl_error *err)
{
    const size_t n = listener->tokens.n_languages;
    if (!(listener->language_memory = elcl_calloc(n, sizeof(int32_t))))
        return elcl_fail_nomem(err);
    for (size_t i = 0; i < n; i++)
        listener->language_memory[i] = listener->tokens.languages[i].id;
    listener->language_ids = (elcl_tokens){listener->language_memory, (int)n};
    return ELCL_OK;
}

int elcl_listener_init(struct elcl_listener *listener, elcl_model *model, elcl_error *err)
{
    elcl_model_info info;
    int rc;
    elcl_model_get_info(model, &info);
    if (!info.input_width)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: the model reads tokens, not speech: take one of the Whisper family",
                         model->config.path);
    if (!model->tokenizer)
        return elcl_fail(err, ELCL_E_UNSUPPORTED, "%s: the model directory has no tokenizer",
                         model->config.path);
    const struct elcl_preprocessor encoder = {info.input_width, 2 * info.max_source};
    if (model->config.directory)
        ELCL_TRY(elcl_preprocessor_check(model->config.directory, &encoder, err));
    listener->engine_model = model;
    listener->width = (size_t)info.width;
    ELCL_TRY(elcl_speech_tokens_read(model, &listener->tokens, err));
    ELCL_TRY(list_languages(listener, err));
    listener->model = (struct elcl_speech_model){.tokens = &listener->tokens,
                                                 .mels = encoder.mels,
                                                 .window_frames = encoder.window_frames,
                                                 .positions = info.max_target - 1,
                                                 .vocabulary = info.vocabulary,
                                                 .encode = encode_text,
                                                 .decode = decode_text,
                                                 .words = time_words,
                                                 .user = listener};
fail:
    return rc;
}

void elcl_listener_finish(struct elcl_listener *listener)
{
    elcl_word_timer_destroy(&listener->timer);
    elcl_speech_tokens_finish(&listener->tokens);
    elcl_free(listener->language_memory);
    *listener = (struct elcl_listener){0};
}

int elcl_listener_prepare(struct elcl_listener *listener, const elcl_transcribe_options *options,
                          elcl_error *err)
{
    if (listener->timer || options->timestamps != ELCL_TIMESTAMPS_WORD)
        return ELCL_OK;
    return elcl_word_timer_create(listener->engine_model, &listener->tokens, &listener->timer, err);
}

/* ---- requests ------------------------------------------------------------------------------ */

/* The best language, with its probability among all of them. */
static void language_options(const struct elcl_listener *listener, elcl_gen_options *o)
{
    o->num_beams = ELCL_LANGUAGE_BEAMS;
    o->length_penalty = 0;
    o->renormalize_logits = 1;
    o->alternatives = &listener->language_ids;
    o->n_alternatives = 1;
    o->suppress_tokens = o->begin_suppress_tokens = (elcl_tokens){0};
}

static void search_options(const elcl_transcribe_options *options, float temperature,
                           elcl_gen_options *o)
{
    const bool hf = options->style == ELCL_SPEECH_STYLE_HF;
    o->length_penalty = options->length_penalty;
    o->repetition_penalty = options->repetition_penalty;
    o->no_repeat_ngram_size = options->no_repeat_ngram_size;
    o->scores_after_rules = temperature > 0 || options->num_beams == 1;
    if (temperature > 0) {
        o->do_sample = 1;
        o->temperature = temperature;
        o->num_return_sequences = hf ? 1 : options->best_of;
        o->top_k = hf ? HF_TOP_K : 0;
        o->top_p = o->typical_p = 1;
        o->min_p = 0;
        o->seed = options->seed;
        return;
    }
    o->num_beams = options->num_beams;
    if (options->num_beams > 1) {
        o->patience = options->patience;
        o->renormalize_logits = !hf;
        if (!hf)
            o->early_stopping = ELCL_EARLY_TRUE;
    }
}

static void text_options(const struct elcl_listener *listener,
                         const elcl_transcribe_options *options, const struct elcl_ask *ask,
                         elcl_gen_options *o)
{
    const struct elcl_speech_tokens *t = &listener->tokens;
    const float seconds = options->max_initial_timestamp;
    o->suppress_tokens = t->suppress;
    o->begin_suppress_tokens = t->begin_suppress;
    o->timestamp_begin_token_id = ask->timestamps ? t->timestamp_begin : -1;
    o->no_timestamps_token_id = t->no_timestamps;
    o->max_initial_timestamp = seconds < 0 ? -1 : (int)lrint(seconds / ELCL_SECONDS_PER_TIMESTAMP);
    o->no_speech_token_id = t->no_speech;
    o->no_speech_length = t->no_speech >= 0 ? (int)ask->start + 1 : 0;
    o->alternatives = ask->forced;
    o->n_alternatives = ask->n_forced;
    search_options(options, ask->temperature, o);
}

void elcl_listener_request(const struct elcl_listener *listener,
                           const elcl_transcribe_options *options, const struct elcl_ask *ask,
                           elcl_request *request)
{
    elcl_gen_options o;
    elcl_model_gen_defaults(listener->engine_model, &o);
    o.num_beams = o.num_return_sequences = 1;
    o.do_sample = o.min_length = o.min_new_tokens = 0;
    o.num_beam_groups = 0;
    o.max_new_tokens = ask->max_new_tokens;
    o.forced_bos_token_id = o.forced_eos_token_id = -1;
    o.decoder_start_token_id = ask->prompt.ids[0];
    o.prefix = (elcl_tokens){ask->prompt.ids + 1, ask->prompt.n - 1};
    o.token_logprobs = 1;
    if (ask->language)
        language_options(listener, &o);
    else
        text_options(listener, options, ask, &o);
    *request = (elcl_request){.n_source = ask->n_source,
                              .inputs = ask->inputs,
                              .n_inputs = ask->n_inputs,
                              .source_rows = ask->source_rows,
                              .want_source_rows = ask->rows,
                              .options = o,
                              .sample = ask->sample};
}

/* ---- results ------------------------------------------------------------------------------- */

/* Fills what a hypothesis has: the tokens after the prompt, without an end token. */
static void read_hypothesis(const elcl_hypothesis *h, struct elcl_answer *answer)
{
    answer->ended = h->finish == ELCL_FINISH_EOS;
    answer->ids = h->ids + h->n_ids - h->n_generated;
    answer->n = h->n_generated - (size_t)answer->ended;
    answer->score = h->score;
    answer->sum_logprob = 0;
    for (size_t i = h->n_ids - h->n_generated; i < h->n_ids; i++)
        if (!isnan(h->token_logprobs[i]))
            answer->sum_logprob += h->token_logprobs[i];
}

/* What samples are compared by. */
static double sample_rank(const struct elcl_answer *answer, float length_penalty)
{
    return answer->sum_logprob / pow((double)(answer->n ? answer->n : 1), length_penalty);
}

void elcl_listener_answer(const struct elcl_listener *listener,
                          const elcl_transcribe_options *options, const struct elcl_ask *ask,
                          const elcl_result *result, struct elcl_answer *answer)
{
    struct elcl_answer best = {.sum_logprob = -INFINITY};
    for (int i = 0; i < result->n_hypotheses; i++) {
        struct elcl_answer found = {0};
        read_hypothesis(&result->hypotheses[i], &found);
        if (!i || (ask->temperature > 0 && sample_rank(&found, options->length_penalty) >
                                               sample_rank(&best, options->length_penalty)))
            best = found;
    }
    best.no_speech_prob = result->no_speech_prob;
    best.source_rows = result->source_rows;
    best.n_source = result->n_source;
    best.width = listener->width;
    *answer = best;
}
