#include "speech/window.h"

#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "speech/compress.h"

int elcl_window_create(size_t index, struct elcl_span span, struct elcl_window **window,
                       elcl_error *err)
{
    struct elcl_window *w = elcl_calloc(1, sizeof(*w));
    if (!w)
        return elcl_fail_nomem(err);
    w->index = index;
    w->span = span;
    *window = w;
    return ELCL_OK;
}

void elcl_window_destroy(struct elcl_window **window)
{
    struct elcl_window *w = *window;
    if (!w)
        return;
    elcl_free(w->inputs);
    elcl_free(w->source_rows);
    elcl_free(w->prompt.ids);
    elcl_attempt_finish(&w->last);
    elcl_attempt_finish(&w->best);
    elcl_free(w);
    *window = NULL;
}

int elcl_window_keep_rows(struct elcl_window *window, const struct elcl_answer *answer,
                          elcl_error *err)
{
    if (!answer->source_rows || window->source_rows)
        return ELCL_OK;
    const size_t n = answer->n_source * answer->width;
    window->source_rows = elcl_calloc(n, sizeof(float));
    if (!window->source_rows)
        return elcl_fail_nomem(err);
    memcpy(window->source_rows, answer->source_rows, n * sizeof(float));
    window->n_source = answer->n_source;
    elcl_free(window->inputs);
    window->inputs = NULL;
    return ELCL_OK;
}

/* Transformers' ratio is that of the tokens as little-endian numbers, with the end token. */
static int ratio_of_tokens(const struct elcl_speech_model *model, const struct elcl_answer *answer,
                           float *ratio, elcl_error *err)
{
    const int bytes = (int)(log2(model->vocabulary) / 8) + 1;
    const size_t n = answer->n + (size_t)answer->ended;
    unsigned char *data = elcl_calloc(n, (size_t)bytes);
    if (!data)
        return elcl_fail_nomem(err);
    for (size_t i = 0; i < n; i++)
        for (int j = 0; j < bytes; j++) {
            const int32_t id = i < answer->n ? answer->ids[i] : model->tokens->eot;
            data[i * (size_t)bytes + (size_t)j] = (unsigned char)(id >> 8 * j);
        }
    const int rc = elcl_compression_ratio(data, n * (size_t)bytes, ratio, err);
    elcl_free(data);
    return rc;
}

static int ratio_of_text(const struct elcl_speech_model *model, const struct elcl_answer *answer,
                         float *ratio, elcl_error *err)
{
    char *text = NULL;
    size_t n;
    int rc = model->decode(model->user, answer->ids, answer->n, &text, err);
    if (rc)
        return rc;
    const char *stripped = elcl_strip(text, &n);
    rc = elcl_compression_ratio(stripped, n, ratio, err);
    elcl_free(text);
    return rc;
}

static int make_attempt(const struct elcl_speech_model *model,
                        const elcl_transcribe_options *options, const struct elcl_answer *answer,
                        struct elcl_attempt *attempt, elcl_error *err)
{
    const bool hf = options->style == ELCL_SPEECH_STYLE_HF;
    struct elcl_attempt made = {.n = answer->n, .no_speech_prob = answer->no_speech_prob};
    int rc = ELCL_E_NOMEM;
    if (!(made.ids = elcl_calloc(answer->n, sizeof(*made.ids))))
        return elcl_fail_nomem(err);
    if (answer->n)
        memcpy(made.ids, answer->ids, answer->n * sizeof(*made.ids));
    made.avg_logprob =
        elcl_attempt_mean(options->style, answer->sum_logprob, answer->n, answer->ended);
    ELCL_TRY(hf ? ratio_of_tokens(model, answer, &made.compression_ratio, err)
                : ratio_of_text(model, answer, &made.compression_ratio, err));
    *attempt = made;
    return ELCL_OK;
fail:
    elcl_attempt_finish(&made);
    return rc;
}

/* When every temperature has failed, faster-whisper takes the best attempt and transformers the
 * last one. Either counts as one at the last temperature. */
static void choose_attempt(struct elcl_window *window, const elcl_transcribe_options *options)
{
    if (!window->best.ids || options->style == ELCL_SPEECH_STYLE_HF ||
        !elcl_attempt_failed(&window->last, options) ||
        elcl_attempt_better(&window->last, &window->best, options))
        return;
    const struct elcl_attempt best = window->best;
    window->best = window->last;
    window->last = best;
    window->last.temperature = window->best.temperature;
}

int elcl_window_take(struct elcl_window *window, const struct elcl_speech_model *model,
                     const elcl_transcribe_options *options, const struct elcl_answer *answer,
                     elcl_error *err)
{
    struct elcl_attempt attempt;
    const int rc = make_attempt(model, options, answer, &attempt, err);
    if (rc)
        return rc;
    attempt.temperature = options->temperatures[window->i_temperature];
    window->last = attempt;
    if (!elcl_attempt_failed(&attempt, options) ||
        window->i_temperature + 1 == options->n_temperatures) {
        choose_attempt(window, options);
        window->decoded = true;
        return ELCL_OK;
    }
    if (window->best.ids && !elcl_attempt_better(&attempt, &window->best, options)) {
        elcl_attempt_finish(&window->last);
    } else {
        elcl_attempt_finish(&window->best);
        window->best = attempt;
        window->last = (struct elcl_attempt){0};
    }
    window->i_temperature++;
    return ELCL_OK;
}
