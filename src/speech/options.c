#include "speech/options.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/utf8.h"

#define MAX_TEMPERATURES 64 /* elcl_ask.sample has room for as many */

static int copy_temperatures(struct elcl_speech_options *own, elcl_error *err)
{
    static const float defaults[] = {0, 0.2f, 0.4f, 0.6f, 0.8f, 1};
    elcl_transcribe_options *o = &own->options;
    if (!o->temperatures || !o->n_temperatures) {
        o->temperatures = defaults;
        o->n_temperatures = ELCL_COUNT(defaults);
    }
    const int rc = elcl_check_int("n_temperatures", o->n_temperatures, 1, MAX_TEMPERATURES, err);
    if (rc)
        return rc;
    for (int i = 0; i < o->n_temperatures; i++)
        if (!(o->temperatures[i] >= 0 && o->temperatures[i] <= 100))
            return elcl_fail(err, ELCL_E_ARG, "temperatures: %g is not between 0 and 100",
                             o->temperatures[i]);
    const size_t n = (size_t)o->n_temperatures;
    if (!(own->temperatures = elcl_calloc(n, sizeof(float))))
        return elcl_fail_nomem(err);
    memcpy(own->temperatures, o->temperatures, n * sizeof(float));
    o->temperatures = own->temperatures;
    return ELCL_OK;
}

/* Encodes a text as it stands within a transcript: with one blank before it. */
static int encode_text(const struct elcl_speech_model *model, const char *text, int32_t **ids,
                       elcl_tokens *tokens, elcl_error *err)
{
    size_t n, n_ids = 0;
    const char *stripped = text ? elcl_strip(text, &n) : NULL;
    if (!stripped || !n)
        return ELCL_OK;
    struct elcl_str spaced = {0};
    elcl_str_text(&spaced, " ");
    elcl_str_append(&spaced, stripped, n);
    const int rc = spaced.failed ? elcl_fail_nomem(err)
                                 : model->encode(model->user, spaced.data, ids, &n_ids, err);
    elcl_str_finish(&spaced);
    if (rc)
        return rc;
    if (n_ids > INT_MAX)
        return elcl_fail(err, ELCL_E_ARG, "the prompt is too long");
    *tokens = (elcl_tokens){*ids, (int)n_ids};
    return ELCL_OK;
}

static bool has_token(elcl_tokens list, int32_t token)
{
    for (int i = 0; i < list.n; i++)
        if (list.ids[i] == token)
            return true;
    return false;
}

/* The prefix has as much room as a prompt. */
static int force_prefix(const struct elcl_speech_model *model, struct elcl_speech_options *own,
                        elcl_error *err)
{
    const int n = elcl_min_int(own->prefix.n, model->positions / 2 - 1);
    if (!n)
        return ELCL_OK;
    if (!(own->forced = elcl_calloc((size_t)n + 1, sizeof(*own->forced))))
        return elcl_fail_nomem(err);
    if (own->options.timestamps != ELCL_TIMESTAMPS_NONE)
        own->forced[own->n_forced++] = (elcl_tokens){&model->tokens->timestamp_begin, 1};
    for (int i = 0; i < n; i++) {
        if (has_token(model->tokens->suppress, own->prefix.ids[i]))
            return elcl_fail(err, ELCL_E_ARG,
                             "prefix: the model never writes its token %d (suppress_tokens)",
                             (int)own->prefix.ids[i]);
        own->forced[own->n_forced++] = (elcl_tokens){own->prefix.ids + i, 1};
    }
    return ELCL_OK;
}

static int find_language(const struct elcl_speech_model *model, struct elcl_speech_options *own,
                         elcl_error *err)
{
    const struct elcl_speech_tokens *t = model->tokens;
    const char *language = own->options.language;
    if (!t->is_multilingual) {
        if (own->options.task == ELCL_TASK_TRANSLATE)
            return elcl_fail(err, ELCL_E_UNSUPPORTED,
                             "the model knows only English and cannot translate: take a "
                             "multilingual one");
        const char *code = language ? elcl_speech_language_code(language) : NULL;
        if (language && strcmp(code ? code : language, "en"))
            return elcl_fail(err, ELCL_E_UNSUPPORTED,
                             "language \"%s\": the model knows only English (\"en\"): take a "
                             "multilingual one",
                             language);
        return ELCL_OK;
    }
    if (!language) {
        if (own->options.style == ELCL_SPEECH_STYLE_HF)
            own->language = t->language;
        return ELCL_OK;
    }
    own->language = elcl_speech_language_find(t, language);
    if (!own->language)
        return elcl_fail(err, ELCL_E_ARG,
                         "language \"%s\": the model does not know it; give a code such as \"en\"",
                         language);
    return ELCL_OK;
}

static int check_numbers(const struct elcl_speech_model *model, const elcl_transcribe_options *o,
                         elcl_error *err)
{
    int rc;
    ELCL_TRY(elcl_check_int("task", o->task, 0, ELCL_TASK_TRANSLATE, err));
    ELCL_TRY(elcl_check_int("timestamps", o->timestamps, 0, ELCL_TIMESTAMPS_WORD, err));
    ELCL_TRY(elcl_check_int("style", o->style, 0, ELCL_SPEECH_STYLE_HF, err));
    ELCL_TRY(elcl_check_int("num_beams", o->num_beams, 1, ELCL_MAX_BEAMS, err));
    ELCL_TRY(elcl_check_int("best_of", o->best_of, 1, ELCL_MAX_BEAMS, err));
    ELCL_TRY(elcl_check_int("max_new_tokens", o->max_new_tokens, 0, model->positions, err));
    if (isnan(o->max_initial_timestamp) || o->max_initial_timestamp > 1e6f)
        return elcl_fail(err, ELCL_E_ARG, "max_initial_timestamp: %g is not below 1000000 seconds",
                         o->max_initial_timestamp);
fail:
    return rc;
}

int elcl_speech_options_read(const struct elcl_speech_model *model,
                             const elcl_transcribe_options *options,
                             struct elcl_speech_options *own, elcl_error *err)
{
    const char *const texts[] = {options->initial_prompt, options->hotwords, options->prefix};
    elcl_tokens *const tokens[] = {&own->initial_prompt, &own->hotwords, &own->prefix};
    int rc;
    own->options = *options;
    ELCL_TRY(check_numbers(model, options, err));
    ELCL_TRY(find_language(model, own, err));
    ELCL_TRY(copy_temperatures(own, err));
    for (size_t i = 0; i < ELCL_COUNT(texts); i++)
        ELCL_TRY(encode_text(model, texts[i], &own->ids[i], tokens[i], err));
    ELCL_TRY(force_prefix(model, own, err));
    own->options.language = own->options.initial_prompt = NULL;
    own->options.hotwords = own->options.prefix = NULL;
fail:
    return rc;
}

void elcl_speech_options_finish(struct elcl_speech_options *own)
{
    for (size_t i = 0; i < ELCL_COUNT(own->ids); i++)
        elcl_free(own->ids[i]);
    elcl_free(own->temperatures);
    elcl_free(own->forced);
    *own = (struct elcl_speech_options){0};
}
