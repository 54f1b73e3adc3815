#include "speech/file.h"

#include <math.h>
#include <string.h>

#include "elcl/speech.h"
#include "speech/options.h"
#include "speech/vad.h"
#include "speech/window.h"

struct elcl_speech_file {
    const struct elcl_speech_model *model;
    struct elcl_speech_options own; /* and what they point to */
    size_t n_frames;                /* of the sound, or of the sound with its padding */
    double duration;
    float *features; /* in sequence: [n_frames, mels] of the whole file */
    float *samples;  /* batched: features are computed for each window by itself */
    size_t n_samples;
    const struct elcl_speech_language *language; /* NULL: not known yet, or there are none */
    float language_probability;

    struct elcl_span *spans;      /* batched: [n_windows] */
    size_t n_windows;             /* batched */
    size_t n_handed;              /* windows handed out at least once */
    size_t n_finished;            /* in the order of the file */
    struct elcl_window **windows; /* [n_windows] NULL before and after; in sequence [1] */
    size_t seek; /* where the next window begins; batched: where the last finished one ends */

    struct elcl_ids previous; /* the text so far, for prompts */
    size_t previous_since;    /* what is before this does not count */
    bool conditioned;         /* transformers: the next window sees the text before it */
    double last_speech;
    struct elcl_segments segments;
};

static bool hf_style(const struct elcl_speech_file *file)
{
    return file->own.options.style == ELCL_SPEECH_STYLE_HF;
}

/* Without languages the model is an English one. */
static bool knows_language(const struct elcl_speech_file *file)
{
    return file->language || !file->model->tokens->is_multilingual;
}

/* ---- creation ------------------------------------------------------------------------------ */

/* Frames at the sound's end look at what follows it: nothing in transformers, which mirrors the
 * sound or fills a single window with silence, and silence elsewhere. */
static int compute_features(struct elcl_speech_file *file, const float *samples, size_t n,
                            elcl_error *err)
{
    const size_t window = (size_t)file->model->window_frames * ELCL_FEATURE_HOP;
    size_t padding = ELCL_FEATURE_HOP;
    if (hf_style(file))
        padding = n < window ? window - n : 0;
    const int rc = elcl_features(samples, n, padding, file->model->mels, &file->features,
                                 &file->n_frames, err);
    if (!rc && !hf_style(file))
        file->n_frames--; /* the one of the padding */
    return rc;
}

static int cut_windows(struct elcl_speech_file *file, const float *samples, size_t n,
                       elcl_error *err)
{
    int rc;
    ELCL_TRY(elcl_vad_windows(samples, n, (size_t)file->model->window_frames, &file->spans,
                              &file->n_windows, err));
    rc = ELCL_E_NOMEM;
    file->n_frames = n / ELCL_FEATURE_HOP;
    file->n_samples = n;
    file->samples = elcl_calloc(n, sizeof(float));
    file->windows = elcl_calloc(file->n_windows, sizeof(*file->windows));
    if (!file->samples || !file->windows)
        return elcl_fail_nomem(err);
    memcpy(file->samples, samples, n * sizeof(float));
    rc = ELCL_OK;
fail:
    return rc;
}

int elcl_speech_file_create(const struct elcl_speech_model *model, const float *samples, size_t n,
                            const elcl_transcribe_options *options, struct elcl_speech_file **file,
                            elcl_error *err)
{
    struct elcl_speech_file *f = elcl_calloc(1, sizeof(*f));
    int rc = ELCL_E_NOMEM;
    if (!f)
        return elcl_fail_nomem(err);
    f->model = model;
    f->duration = (double)n / ELCL_SOUND_RATE;
    ELCL_TRY(elcl_speech_options_read(model, options, &f->own, err));
    f->language = f->own.language;
    f->language_probability = knows_language(f) ? 1 : 0;
    f->conditioned = f->own.options.condition_on_previous_text;
    ELCL_TRY(elcl_ids_add(&f->previous, f->own.initial_prompt.ids, (size_t)f->own.initial_prompt.n,
                          err));
    if (f->own.options.batched) {
        ELCL_TRY(cut_windows(f, samples, n, err));
    } else {
        ELCL_TRY(compute_features(f, samples, n, err));
        f->windows = elcl_calloc(1, sizeof(*f->windows));
        if (!f->windows) {
            rc = elcl_fail_nomem(err);
            goto fail;
        }
    }
    *file = f;
    return ELCL_OK;
fail:
    elcl_speech_file_destroy(&f);
    return rc;
}

void elcl_speech_file_destroy(struct elcl_speech_file **file)
{
    struct elcl_speech_file *f = *file;
    if (!f)
        return;
    const size_t n = f->own.options.batched ? f->n_windows : 1;
    for (size_t i = 0; f->windows && i < n; i++)
        elcl_window_destroy(&f->windows[i]);
    elcl_free(f->windows);
    elcl_free(f->spans);
    elcl_free(f->features);
    elcl_free(f->samples);
    elcl_free(f->previous.ids);
    elcl_segments_finish(&f->segments);
    elcl_speech_options_finish(&f->own);
    elcl_free(f);
    *file = NULL;
}

/* ---- questions ----------------------------------------------------------------------------- */

/* The text before a window. Transformers gives the initial prompt to each window that does not see
 * the text before it. */
static elcl_tokens previous_text(const struct elcl_speech_file *file)
{
    const size_t n_prompt = (size_t)file->own.initial_prompt.n;
    if (file->own.options.batched || (hf_style(file) && !file->conditioned))
        return (elcl_tokens){file->previous.ids, (int)n_prompt};
    return (elcl_tokens){file->previous.ids + file->previous_since,
                         (int)(file->previous.n - file->previous_since)};
}

/* Only the first window has a prefix, and then no hotwords. */
static int build_prompt(struct elcl_speech_file *file, struct elcl_window *window, elcl_error *err)
{
    const int n_forced = window->index == 0 ? file->own.n_forced : 0;
    const struct elcl_prompt_parts parts = {
        .tokens = file->model->tokens,
        .positions = file->model->positions,
        .language = file->language ? file->language->id : -1,
        .translate = file->own.options.task == ELCL_TASK_TRANSLATE,
        .timestamps = file->own.options.timestamps != ELCL_TIMESTAMPS_NONE,
        .n_forced = n_forced,
        .previous = previous_text(file),
        .hotwords = n_forced ? (elcl_tokens){0} : file->own.hotwords};
    return elcl_prompt_build(&parts, &window->prompt, &window->start, err);
}

/* The features of a window of a sound that is cut are those of its own samples. */
static int own_features(const struct elcl_speech_file *file, struct elcl_window *window,
                        elcl_error *err)
{
    const size_t first = window->span.begin * ELCL_FEATURE_HOP;
    const size_t most = file->n_samples - first, wanted = window->span.n * ELCL_FEATURE_HOP;
    const size_t mels = (size_t)file->model->mels,
                 window_frames = (size_t)file->model->window_frames;
    float *features = NULL;
    size_t n_frames;
    const int rc = elcl_features(file->samples + first, wanted < most ? wanted : most,
                                 ELCL_FEATURE_HOP, (int)mels, &features, &n_frames, err);
    if (rc)
        return rc;
    n_frames = n_frames > 0 ? n_frames - 1 : 0; /* without the one of the padding */
    if (n_frames > window_frames)
        n_frames = window_frames;
    memcpy(window->inputs, features, n_frames * mels * sizeof(float));
    elcl_free(features);
    return ELCL_OK;
}

/* Fills what the encoder reads: zeros follow the sound. */
static int fill_inputs(const struct elcl_speech_file *file, struct elcl_window *window,
                       elcl_error *err)
{
    const size_t mels = (size_t)file->model->mels;
    window->inputs = elcl_calloc((size_t)file->model->window_frames * mels, sizeof(float));
    if (!window->inputs)
        return elcl_fail_nomem(err);
    if (file->own.options.batched)
        return own_features(file, window, err);
    memcpy(window->inputs, file->features + window->span.begin * mels,
           window->span.n * mels * sizeof(float));
    return ELCL_OK;
}

/* Returns the span of the next window that was never handed out; n is 0: there is none now. */
static struct elcl_span new_span(const struct elcl_speech_file *file)
{
    const struct elcl_span none = {0};
    if (file->own.options.batched) /* the first window says the language of all */
        return file->n_handed < file->n_windows && (knows_language(file) || !file->n_handed)
                   ? file->spans[file->n_handed]
                   : none;
    if (file->windows[0] || file->seek >= file->n_frames)
        return none;
    const size_t left = file->n_frames - file->seek, most = (size_t)file->model->window_frames;
    return (struct elcl_span){file->seek, left < most ? left : most};
}

/* Finds a window that waits for another question, or creates the next one. */
static int find_window(struct elcl_speech_file *file, struct elcl_window **window, elcl_error *err)
{
    const bool batched = file->own.options.batched;
    int rc = ELCL_OK;
    *window = NULL;
    for (size_t i = batched ? file->n_finished : 0; i < (batched ? file->n_handed : 1); i++)
        if (file->windows[i] && !file->windows[i]->asked && !file->windows[i]->decoded) {
            *window = file->windows[i];
            return ELCL_OK;
        }
    const struct elcl_span span = new_span(file);
    if (!span.n)
        return ELCL_OK;
    struct elcl_window **slot = &file->windows[batched ? file->n_handed : 0];
    ELCL_TRY(elcl_window_create(file->n_handed, span, slot, err));
    ELCL_TRY(fill_inputs(file, *slot, err));
    file->n_handed++;
    *window = *slot;
fail:
    return rc;
}

/* The last token needs no position: OpenAI and faster-whisper use this, transformers does not. */
static int max_new_tokens(const struct elcl_speech_file *file, size_t n_prompt)
{
    const int positions = file->model->positions, asked = file->own.options.max_new_tokens;
    const int left = positions - (int)n_prompt + !hf_style(file);
    const int most = asked ? asked : hf_style(file) ? positions : positions / 2;
    return elcl_min_int(most, left);
}

/* Whether the encoder's output will be needed again. */
static bool wants_rows(const struct elcl_speech_file *file, bool language)
{
    return language || file->own.options.n_temperatures > 1 ||
           file->own.options.timestamps == ELCL_TIMESTAMPS_WORD;
}

int elcl_speech_file_next(struct elcl_speech_file *file, struct elcl_window **window,
                          struct elcl_ask *ask, elcl_error *err)
{
    struct elcl_window *w;
    int rc;
    ELCL_TRY(find_window(file, &w, err));
    *window = w;
    if (!w)
        return ELCL_OK;
    const elcl_transcribe_options *o = &file->own.options;
    const bool language = !knows_language(file);
    if (!language && !w->prompt.n)
        ELCL_TRY(build_prompt(file, w, err));
    *ask = (struct elcl_ask){.language = language,
                             .rows = !w->source_rows && wants_rows(file, language),
                             .inputs = w->inputs,
                             .n_inputs = w->inputs ? (size_t)file->model->window_frames : 0,
                             .source_rows = w->source_rows,
                             .n_source = w->n_source,
                             .prompt = language ? (elcl_tokens){&file->model->tokens->sot, 1}
                                                : (elcl_tokens){w->prompt.ids, (int)w->prompt.n},
                             .start = language ? 0 : w->start,
                             .forced = file->own.forced,
                             .n_forced = language || w->index ? 0 : file->own.n_forced,
                             .timestamps = !language && o->timestamps != ELCL_TIMESTAMPS_NONE,
                             .temperature = language ? 0 : o->temperatures[w->i_temperature],
                             .max_new_tokens = language ? 1 : max_new_tokens(file, w->prompt.n),
                             .sample = w->span.begin * 64 + (uint64_t)w->i_temperature};
    w->asked = true;
fail:
    return rc;
}

/* ---- answers ------------------------------------------------------------------------------- */

static int take_language(struct elcl_speech_file *file, const struct elcl_answer *answer,
                         elcl_error *err)
{
    const struct elcl_speech_tokens *t = file->model->tokens;
    for (size_t i = 0; answer->n && i < t->n_languages; i++)
        if (t->languages[i].id == answer->ids[0]) {
            file->language = &t->languages[i];
            file->language_probability = expf(answer->score);
            return ELCL_OK;
        }
    return elcl_fail(err, ELCL_E_INTERNAL, "the model named no language");
}

/* Adds a segment unless it is empty, which only transformers keeps. */
static int add_segment(struct elcl_speech_file *file, const struct elcl_window *window,
                       const struct elcl_cut *cut, elcl_word *words, size_t n_words, bool *added,
                       elcl_error *err)
{
    const struct elcl_attempt *a = &window->last;
    const int32_t *tokens = a->ids + cut->first;
    /* The second one of a last pair is the begin of the next window's first segment. */
    const size_t n_previous =
        cut->n > 2 && hf_style(file) && tokens[cut->n - 2] >= file->model->tokens->timestamp_begin
            ? cut->n - 1
            : cut->n;
    char *text = NULL;
    int rc;
    *added = false;
    ELCL_TRY(file->model->decode(file->model->user, tokens, cut->n, &text, err));
    if (!hf_style(file) && (cut->start == cut->end || elcl_is_blank(text)))
        goto fail;
    ELCL_TRY(elcl_ids_add(&file->previous, tokens, n_previous, err));
    const elcl_segment segment = {.seek = (int)window->span.begin,
                                  .start = cut->start,
                                  .end = cut->end,
                                  .text = text,
                                  .tokens = tokens,
                                  .n_tokens = cut->n,
                                  .temperature = a->temperature,
                                  .avg_logprob = a->avg_logprob,
                                  .compression_ratio = a->compression_ratio,
                                  .no_speech_prob = a->no_speech_prob,
                                  .words = words,
                                  .n_words = n_words};
    ELCL_TRY(elcl_segments_add(&file->segments, &segment, err));
    *added = true;
    return ELCL_OK;
fail:
    elcl_free(text);
    return rc;
}

/* Returns where the last word ends; without words, where the last segment does. */
static double last_end(const struct elcl_cuts *cuts, elcl_word *const *words, const size_t *n_words)
{
    for (size_t i = cuts->n; i-- > 0;)
        if (n_words[i])
            return words[i][n_words[i] - 1].end;
    return cuts->cuts[cuts->n - 1].end;
}

/* Returns the frames that words can be in. Faster-whisper rounds those of a window of a sound that
 * is cut up to seconds. */
static size_t heard_frames(const struct elcl_speech_file *file, const struct elcl_window *window)
{
    const size_t n = elcl_round_up(window->span.n, ELCL_FRAMES_PER_SECOND);
    const size_t most = (size_t)file->model->window_frames;
    return !file->own.options.batched ? window->span.n : n < most ? n : most;
}

/* Finds the times of words. Speech goes on where the last word ends, unless the tokens say that
 * none follows. */
static int time_words(struct elcl_speech_file *file, const struct elcl_window *window,
                      struct elcl_cuts *cuts, elcl_word **words, size_t *n_words, elcl_error *err)
{
    const struct elcl_speech_tokens *t = file->model->tokens;
    const bool translate = file->own.options.task == ELCL_TASK_TRANSLATE;
    struct elcl_timed timed = {
        .cuts = cuts->cuts,
        .words = words,
        .n_words = n_words,
        .n = cuts->n,
        .tokens = window->last.ids,
        .span = {window->span.begin, heard_frames(file, window)},
        .source_rows = window->source_rows,
        .n_source = window->n_source,
        .language = file->language ? file->language->id : -1,
        .task = t->is_multilingual ? (translate ? t->translate : t->transcribe) : -1,
        .language_code = file->language ? file->language->code : "en",
        .last_speech = file->last_speech};
    const int rc = file->model->words(file->model->user, &timed, err);
    if (rc)
        return rc;
    file->last_speech = last_end(cuts, words, n_words);
    if (!cuts->single_timestamp && file->last_speech > elcl_frame_seconds(window->span.begin))
        cuts->advance =
            (size_t)nearbyint(file->last_speech * ELCL_FRAMES_PER_SECOND) - window->span.begin;
    return ELCL_OK;
}

static int add_segments(struct elcl_speech_file *file, const struct elcl_window *window,
                        const struct elcl_cuts *cuts, elcl_word **words, size_t *n_words,
                        elcl_file_news_fn news, void *user, elcl_error *err)
{
    for (size_t i = 0; i < cuts->n; i++) {
        bool added;
        const int rc = add_segment(file, window, &cuts->cuts[i], words ? words[i] : NULL,
                                   words ? n_words[i] : 0, &added, err);
        if (rc)
            return rc;
        if (!added)
            continue;
        if (words)
            words[i] = NULL; /* the segment has them */
        if (news)
            news(user, &file->segments.segments[file->segments.n - 1]);
    }
    return ELCL_OK;
}

/* Turns a window's tokens into segments, and *advance into the frames to the next window. */
static int make_segments(struct elcl_speech_file *file, const struct elcl_window *window,
                         elcl_file_news_fn news, void *user, size_t *advance, elcl_error *err)
{
    struct elcl_cuts cuts = {0};
    elcl_word **words = NULL;
    size_t *n_words = NULL;
    int rc;
    ELCL_TRY(elcl_cut_segments(window->last.ids, window->last.n,
                               file->model->tokens->timestamp_begin, window->span,
                               file->own.options.style, &cuts, err));
    if (file->own.options.timestamps == ELCL_TIMESTAMPS_WORD) {
        words = elcl_calloc(cuts.n, sizeof(*words));
        n_words = elcl_calloc(cuts.n, sizeof(*n_words));
        if (!words || !n_words) {
            rc = elcl_fail_nomem(err);
            goto fail;
        }
        ELCL_TRY(time_words(file, window, &cuts, words, n_words, err));
    }
    ELCL_TRY(add_segments(file, window, &cuts, words, n_words, news, user, err));
    *advance = cuts.advance;
fail:
    for (size_t i = 0; words && n_words && i < cuts.n; i++)
        elcl_words_free(words[i], n_words[i]);
    elcl_free(words);
    elcl_free(n_words);
    elcl_free(cuts.cuts);
    return rc;
}

/* After a window at a high temperature the next one does not see the text before it. In
 * transformers' style only that window does not. */
static void reset_prompt(struct elcl_speech_file *file, float temperature, bool silent)
{
    const elcl_transcribe_options *o = &file->own.options;
    if (hf_style(file))
        file->conditioned =
            o->condition_on_previous_text && temperature < o->prompt_reset_on_temperature;
    else if (!silent &&
             (!o->condition_on_previous_text || temperature > o->prompt_reset_on_temperature))
        file->previous_since = file->previous.n;
}

/* Batched: a cut window ends with speech. If a second or more of it follows the last segment, the
 * model ended its text early, and what follows becomes a window in its place. */
static int go_on(struct elcl_speech_file *file, const struct elcl_window *window, bool *goes_on,
                 elcl_error *err)
{
    const struct elcl_span span = window->span;
    const elcl_segment *last =
        file->segments.n ? &file->segments.segments[file->segments.n - 1] : NULL;
    const size_t end = last ? (size_t)nearbyint(last->end * ELCL_FRAMES_PER_SECOND) : 0;
    struct elcl_window *rest = NULL;
    int rc;
    *goes_on = false;
    if (end <= span.begin || end + ELCL_FRAMES_PER_SECOND > span.begin + span.n)
        return ELCL_OK;
    ELCL_TRY(elcl_window_create(window->index, (struct elcl_span){end, span.begin + span.n - end},
                                &rest, err));
    ELCL_TRY(fill_inputs(file, rest, err));
    elcl_window_destroy(&file->windows[rest->index]);
    file->windows[rest->index] = rest;
    *goes_on = true;
    return ELCL_OK;
fail:
    elcl_window_destroy(&rest);
    return rc;
}

/* A window is decoded, and so are those before it. */
static int finish_window(struct elcl_speech_file *file, struct elcl_window *window,
                         elcl_file_news_fn news, void *user, elcl_error *err)
{
    const bool silent = elcl_attempt_silent(&window->last, &file->own.options);
    size_t advance = window->span.n;
    if (!silent) {
        const int rc = make_segments(file, window, news, user, &advance, err);
        if (rc)
            return rc;
    }
    reset_prompt(file, window->last.temperature, silent);
    if (file->own.options.batched) {
        bool goes_on = false;
        const int rc = silent ? ELCL_OK : go_on(file, window, &goes_on, err);
        if (rc || goes_on)
            return rc;
        advance = window->span.n;
    }
    /* A window that ends where it began would come again forever. */
    file->seek = window->span.begin + (advance ? advance : window->span.n);
    file->n_finished++;
    elcl_window_destroy(&file->windows[file->own.options.batched ? window->index : 0]);
    if (news)
        news(user, NULL);
    return ELCL_OK;
}

int elcl_speech_file_take(struct elcl_speech_file *file, struct elcl_window *window,
                          const struct elcl_answer *answer, elcl_file_news_fn news, void *user,
                          elcl_error *err)
{
    int rc;
    window->asked = false;
    ELCL_TRY(elcl_window_keep_rows(window, answer, err));
    if (!knows_language(file))
        return take_language(file, answer, err);
    ELCL_TRY(elcl_window_take(window, file->model, &file->own.options, answer, err));
    if (!file->own.options.batched)
        return window->decoded ? finish_window(file, window, news, user, err) : ELCL_OK;
    while (file->n_finished < file->n_handed && file->windows[file->n_finished]->decoded)
        ELCL_TRY(finish_window(file, file->windows[file->n_finished], news, user, err));
fail:
    return rc;
}

bool elcl_speech_file_done(const struct elcl_speech_file *file)
{
    return file->own.options.batched ? file->n_finished == file->n_windows
                                     : !file->windows[0] && file->seek >= file->n_frames;
}

void elcl_speech_file_describe(const struct elcl_speech_file *file, elcl_transcript *transcript)
{
    const elcl_transcript described = {
        .language = file->language         ? file->language->code
                    : knows_language(file) ? "en"
                                           : NULL,
        .language_probability = file->language_probability,
        .duration = file->duration,
        .done = elcl_speech_file_done(file) ? file->duration : elcl_frame_seconds(file->seek),
        .text = file->segments.text.data ? file->segments.text.data : "",
        .segments = file->segments.segments,
        .n_segments = file->segments.n};
    *transcript = described;
}

const elcl_transcribe_options *elcl_speech_file_options(const struct elcl_speech_file *file)
{
    return &file->own.options;
}
