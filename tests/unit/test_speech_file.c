/* Files of speech as state machines: against faster-whisper's walk over a decoder that makes up its
 * answers (tests/golden/make_speech_files.py), and by hand. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "elcl/speech.h"
#include "files.h"
#include "speech/compress.h"
#include "speech/options.h"
#include "speech/vad.h"
#include "speech/window.h"

enum { EOT = 100, SOT, EN, DE, TRANSCRIBE, TRANSLATE, PREV, NO_SPEECH, NO_TIMESTAMPS, BEGIN };

/* Tokens 1 .. 99 are the words w1 .. w99, and 0 is a blank. */
static int decode(void *user, const int32_t *ids, size_t n, char **text, elcl_error *err)
{
    struct elcl_str s = {0};
    (void)user;
    elcl_str_text(&s, "");
    for (size_t i = 0; i < n; i++)
        if (ids[i] < EOT)
            elcl_str_printf(&s, ids[i] ? " w%d" : " ", ids[i]);
    *text = s.data;
    return s.failed ? elcl_fail_nomem(err) : ELCL_OK;
}

static int encode(void *user, const char *text, int32_t **ids, size_t *n, elcl_error *err)
{
    struct elcl_ids list = {0};
    (void)user;
    for (const char *p = text; (p = strchr(p, 'w')) != NULL; p++) {
        const int32_t id = (int32_t)strtol(p + 1, NULL, 10);
        if (elcl_ids_add(&list, &id, 1, err))
            return ELCL_E_NOMEM;
    }
    *ids = list.ids;
    *n = list.n;
    return ELCL_OK;
}

static struct elcl_speech_language languages[] = {{"en", "english", EN}, {"de", "german", DE}};

static const struct elcl_speech_tokens tokens = {.sot = SOT,
                                                 .eot = EOT,
                                                 .transcribe = TRANSCRIBE,
                                                 .translate = TRANSLATE,
                                                 .sot_prev = PREV,
                                                 .no_speech = NO_SPEECH,
                                                 .no_timestamps = NO_TIMESTAMPS,
                                                 .timestamp_begin = BEGIN,
                                                 .n_timestamps = 1501,
                                                 .is_multilingual = true,
                                                 .languages = languages,
                                                 .n_languages = 2};

static const struct elcl_speech_model model = {.tokens = &tokens,
                                               .mels = 1,
                                               .window_frames = 3000,
                                               .positions = 448,
                                               .vocabulary = 51865,
                                               .encode = encode,
                                               .decode = decode};

/* ---- replay ---------------------------------------------------------------------------------- */

/* A line of the golden file: a word, then numbers. */
struct line {
    char word[16];
    const char *rest;
    double head[8];
    size_t n_head;
    struct elcl_ids ids;
};

/* Reads n_head numbers, then token ids. */
static void read_line(struct line *line, const char *text, size_t n_head)
{
    char *p;
    line->ids.n = 0;
    sscanf(text, "%15s", line->word);
    p = (char *)text + strlen(line->word);
    line->rest = *p ? p + 1 : p;
    for (line->n_head = 0; line->n_head < n_head; line->n_head++)
        line->head[line->n_head] = strtod(p, &p);
    for (char *end; *p; p = end) {
        const int32_t id = (int32_t)strtol(p, &end, 10);
        if (end == p)
            break;
        elcl_ids_add(&line->ids, &id, 1, NULL);
    }
}

static void set_option(elcl_transcribe_options *o, const char *text)
{
    static const float zero = 0;
    char name[64];
    sscanf(text, "%63s", name);
    const char *value = text + strlen(name) + 1;
    if (!strcmp(name, "initial_prompt"))
        o->initial_prompt = value;
    else if (!strcmp(name, "hotwords"))
        o->hotwords = value;
    else if (!strcmp(name, "prefix"))
        o->prefix = value;
    else if (!strcmp(name, "condition_on_previous_text"))
        o->condition_on_previous_text = 0;
    else if (!strcmp(name, "without_timestamps"))
        o->timestamps = ELCL_TIMESTAMPS_NONE;
    else if (!strcmp(name, "no_speech_threshold"))
        o->no_speech_threshold = NAN;
    else if (!strcmp(name, "log_prob_threshold"))
        o->log_prob_threshold = NAN;
    else if (!strcmp(name, "compression_ratio_threshold"))
        o->compression_ratio_threshold = NAN;
    else if (!strcmp(name, "temperatures"))
        o->temperatures = &zero, o->n_temperatures = 1;
    else
        CHECK(false, "unknown option %s", name);
}

struct replay {
    char **lines; /* [n] */
    size_t n, at;
    struct line line;
    struct elcl_speech_file *file;
};

static const char *next_word(const struct replay *r, const char *word)
{
    return r->at < r->n && !strncmp(r->lines[r->at], word, strlen(word)) ? r->lines[r->at] : NULL;
}

static void check_segment(void *user, const elcl_segment *s)
{
    struct replay *r = user;
    const char *text = s ? next_word(r, "segment") : NULL;
    if (!s || !CHECK(text, "segment %d from %g: not in the golden file", s->id, s->start))
        return;
    read_line(&r->line, text, 7);
    r->at++;
    const double got[] = {s->seek,          s->start,       s->end,
                          s->temperature,   s->avg_logprob, s->compression_ratio,
                          s->no_speech_prob};
    for (size_t i = 0; i < ELCL_COUNT(got); i++)
        CHECK(fabs(got[i] - r->line.head[i]) < 2e-6 * fmax(1, fabs(got[i])) || isnan(got[i]),
              "line %zu: number %zu is %.9g", r->at, i, got[i]);
    CHECK(s->n_tokens == r->line.ids.n &&
              !memcmp(s->tokens, r->line.ids.ids, s->n_tokens * sizeof(int32_t)),
          "line %zu: other tokens", r->at);
}

/* Checks a question against the golden file's and gives the answer there. */
static bool answer_one(struct replay *r)
{
    struct elcl_window *window;
    struct elcl_ask ask;
    elcl_error err = {0};
    if (!CHECK(!elcl_speech_file_next(r->file, &window, &ask, &err) && window, "no question: %s",
               err.msg) ||
        !CHECK(next_word(r, "ask"), "line %zu: a question too many", r->at + 1))
        return false;
    read_line(&r->line, r->lines[r->at++], 2);
    CHECK(window->span.begin == (size_t)r->line.head[0], "line %zu: at %zu", r->at,
          window->span.begin);
    CHECK(fabs(ask.temperature - r->line.head[1]) < 1e-6, "line %zu: temperature %g", r->at,
          ask.temperature);
    /* Faster-whisper's prompt ends with the first tokens of the text. */
    CHECK((size_t)(ask.prompt.n + ask.n_forced) == r->line.ids.n &&
              !memcmp(ask.prompt.ids, r->line.ids.ids, (size_t)ask.prompt.n * sizeof(int32_t)),
          "line %zu: another prompt of %d tokens", r->at, ask.prompt.n);
    for (int i = 0; i < ask.n_forced; i++)
        CHECK(ask.forced[i].n == 1 && ask.forced[i].ids[0] == r->line.ids.ids[ask.prompt.n + i],
              "line %zu: forced token %d", r->at, i);
    CHECK(ask.prompt.ids[ask.start] == SOT, "line %zu: start", r->at);
    CHECK(ask.max_new_tokens == elcl_min_int(448 / 2, 448 - ask.prompt.n + 1),
          "line %zu: max_new_tokens %d", r->at, ask.max_new_tokens);
    read_line(&r->line, r->lines[r->at++], 2);
    struct elcl_ids ids = {0};
    elcl_ids_add(&ids, r->line.ids.ids, r->line.ids.n, NULL);
    const struct elcl_answer answer = {.ids = ids.ids,
                                       .n = ids.n,
                                       .ended = true,
                                       .sum_logprob = r->line.head[0],
                                       .no_speech_prob = (float)r->line.head[1]};
    const int rc = elcl_speech_file_take(r->file, window, &answer, check_segment, r, &err);
    elcl_free(ids.ids);
    return CHECK(!rc, "line %zu: %s", r->at, err.msg);
}

static void replay_file(struct replay *r)
{
    elcl_transcribe_options o = elcl_transcribe_options_default();
    elcl_error err = {0};
    read_line(&r->line, r->lines[r->at++], 1);
    const size_t n = (size_t)r->line.head[0] * ELCL_FEATURE_HOP;
    o.language = "en";
    for (; next_word(r, "option"); r->at++)
        set_option(&o, r->lines[r->at] + strlen("option "));
    float *samples = elcl_calloc(n, sizeof(float));
    if (!CHECK(!elcl_speech_file_create(&model, samples, n, &o, &r->file, &err), "%s", err.msg))
        goto end;
    while (!elcl_speech_file_done(r->file) && answer_one(r))
        ;
    CHECK(next_word(r, "end"), "line %zu: the file ended early", r->at + 1);
end:
    while (r->at < r->n && !next_word(r, "end"))
        r->at++;
    r->at++;
    elcl_speech_file_destroy(&r->file);
    elcl_free(samples);
}

/* Splits a text into its lines; the lines point into it. */
static char **split_lines(char *text, size_t *n)
{
    char **lines = NULL;
    size_t capacity = 0;
    *n = 0;
    for (char *p = text; *p; (*n)++) {
        void *all = lines;
        if (!elcl_grow(&all, &capacity, *n + 1, sizeof(*lines)))
            break;
        lines = all;
        lines[*n] = p;
        p += strcspn(p, "\n");
        if (*p)
            *p++ = '\0';
    }
    return lines;
}

static void test_replay(void)
{
    if (!check_case("speech: files walk as in faster-whisper"))
        return;
    float ratio = NAN;
    if (!elcl_compression_ratio("", 0, &ratio, NULL) && isnan(ratio)) {
        check_skip("built without zlib");
        return;
    }
    struct replay r = {0};
    size_t n;
    char *text = read_golden_file("tests/golden/speech/files.txt", &n);
    if (!text)
        return;
    r.lines = split_lines(text, &r.n);
    while (r.at < r.n)
        replay_file(&r);
    elcl_free(r.line.ids.ids);
    elcl_free(r.lines);
    elcl_free(text);
}

/* ---- by hand --------------------------------------------------------------------------------- */

static void check_ids(const char *what, const int32_t *got, size_t n_got, const int32_t *want,
                      size_t n)
{
    CHECK(n_got == n && !memcmp(got, want, n * sizeof(*want)), "%s: %zu ids", what, n_got);
}

static void test_cuts_hf(void)
{
    if (!check_case("speech: transformers' style leaves the last pair whole"))
        return;
    const int32_t ids[] = {BEGIN, 1, 2, BEGIN + 50, BEGIN + 50, 3, BEGIN + 80, BEGIN + 80};
    const struct elcl_span span = {100, 2001};
    struct elcl_cuts cuts;
    if (!CHECK(!elcl_cut_segments(ids, 8, BEGIN, span, ELCL_SPEECH_STYLE_HF, &cuts, NULL), "cut"))
        return;
    CHECK(cuts.n == 2 && cuts.advance == 160 && !cuts.single_timestamp, "%zu cuts, %zu", cuts.n,
          cuts.advance);
    CHECK(cuts.cuts[0].first == 0 && cuts.cuts[0].n == 4 && cuts.cuts[1].first == 4 &&
              cuts.cuts[1].n == 4,
          "positions");
    CHECK(fabs(cuts.cuts[1].start - 2) < 1e-9 && fabs(cuts.cuts[1].end - 2.6) < 1e-9, "times");
    elcl_free(cuts.cuts);
    const int32_t plain[] = {1, 2};
    const struct {
        enum elcl_speech_style style;
        double end;
    } ends[] = {{ELCL_SPEECH_STYLE_HF, 21}, {ELCL_SPEECH_STYLE_WHISPER, 21.01}};
    for (size_t i = 0; i < ELCL_COUNT(ends); i++) {
        if (!CHECK(!elcl_cut_segments(plain, 2, BEGIN, span, ends[i].style, &cuts, NULL), "cut"))
            return;
        CHECK(cuts.n == 1 && cuts.advance == 2001 && fabs(cuts.cuts[0].end - ends[i].end) < 1e-9,
              "without timestamps: end %g", cuts.cuts[0].end);
        elcl_free(cuts.cuts);
    }
}

/* Takes the next question; fails the case if there is none. */
static struct elcl_window *next_window(struct elcl_speech_file *file, struct elcl_ask *ask)
{
    struct elcl_window *window = NULL;
    elcl_error err = {0};
    CHECK(!elcl_speech_file_next(file, &window, ask, &err) && window, "no question: %s", err.msg);
    return window;
}

static void give(struct elcl_speech_file *file, struct elcl_window *window,
                 const struct elcl_answer *answer)
{
    elcl_error err = {0};
    CHECK(!elcl_speech_file_take(file, window, answer, NULL, NULL, &err), "%s", err.msg);
}

/* Transformers gives the initial prompt to a window after one at a high temperature, and then all
 * of the text. */
static void test_prompts_hf(void)
{
    if (!check_case("speech: prompts in transformers' style"))
        return;
    static float samples[40 * ELCL_SOUND_RATE];
    const float temperatures[] = {0, 0.6f};
    const int32_t pair[] = {BEGIN, 5, BEGIN + 900, BEGIN + 900};
    elcl_transcribe_options o = elcl_transcribe_options_default();
    struct elcl_speech_file *file = NULL;
    struct elcl_ask ask;
    o.language = "de";
    o.task = ELCL_TASK_TRANSLATE;
    o.style = ELCL_SPEECH_STYLE_HF;
    o.initial_prompt = "w9";
    o.temperatures = temperatures;
    o.n_temperatures = 2;
    if (!CHECK(!elcl_speech_file_create(&model, samples, ELCL_COUNT(samples), &o, &file, NULL),
               "create"))
        return;
    struct elcl_answer answer = {.ids = pair, .n = 4, .ended = true, .sum_logprob = -50};
    struct elcl_window *w = next_window(file, &ask);
    const int32_t first[] = {PREV, 9, SOT, DE, TRANSLATE};
    check_ids("first window", ask.prompt.ids, (size_t)ask.prompt.n, first, 5);
    CHECK(ask.max_new_tokens == 443, "max_new_tokens %d", ask.max_new_tokens);
    give(file, w, &answer); /* improbable */
    answer.sum_logprob = -1;
    w = next_window(file, &ask);
    CHECK(fabsf(ask.temperature - 0.6f) < 1e-6f && ask.start == 2, "fallback");
    give(file, w, &answer);
    w = next_window(file, &ask);
    CHECK(w->span.begin == 1800, "second window at %zu", w->span.begin);
    check_ids("after a high temperature", ask.prompt.ids, (size_t)ask.prompt.n, first, 5);
    give(file, w, &answer);
    w = next_window(file, &ask);
    const int32_t all[] = {PREV, 9,           BEGIN, 5,  BEGIN + 900, BEGIN,
                           5,    BEGIN + 900, SOT,   DE, TRANSLATE};
    check_ids("after a low one", ask.prompt.ids, (size_t)ask.prompt.n, all, ELCL_COUNT(all));
    elcl_speech_file_destroy(&file);
}

static void test_language(void)
{
    if (!check_case("speech: the language is asked for first, and encoded once"))
        return;
    static const float samples[2 * ELCL_SOUND_RATE];
    const float rows[] = {1, 2, 3, 4};
    const int32_t german = DE, ids[] = {BEGIN, 5, BEGIN + 50};
    const elcl_transcribe_options o = elcl_transcribe_options_default();
    struct elcl_speech_file *file = NULL;
    struct elcl_ask ask;
    elcl_transcript t;
    if (!CHECK(!elcl_speech_file_create(&model, samples, ELCL_COUNT(samples), &o, &file, NULL),
               "create"))
        return;
    struct elcl_window *w = next_window(file, &ask);
    CHECK(ask.language && ask.rows && ask.inputs && ask.n_inputs == 3000 && ask.prompt.n == 1 &&
              ask.prompt.ids[0] == SOT && ask.max_new_tokens == 1 && !ask.timestamps,
          "the first question");
    const struct elcl_answer language = {.ids = &german,
                                         .n = 1,
                                         .score = logf(0.75f),
                                         .source_rows = rows,
                                         .n_source = 2,
                                         .width = 2};
    give(file, w, &language);
    w = next_window(file, &ask);
    const int32_t prompt[] = {SOT, DE, TRANSCRIBE};
    check_ids("prompt", ask.prompt.ids, (size_t)ask.prompt.n, prompt, 3);
    CHECK(!ask.language && !ask.rows && !ask.inputs && ask.n_source == 2 &&
              ask.source_rows[3] == 4 && ask.timestamps,
          "the second question");
    const struct elcl_answer text = {.ids = ids, .n = 3, .ended = true, .sum_logprob = -1};
    give(file, w, &text);
    elcl_speech_file_describe(file, &t);
    CHECK(elcl_speech_file_done(file) && t.n_segments == 1 && !strcmp(t.text, " w5"), "\"%s\"",
          t.text);
    CHECK(!strcmp(t.language, "de") && fabsf(t.language_probability - 0.75f) < 1e-6f,
          "language %s, %g", t.language, t.language_probability);
    CHECK(fabs(t.done - 2) < 1e-9 && fabs(t.duration - 2) < 1e-9, "%g of %g s", t.done, t.duration);
    elcl_speech_file_destroy(&file);
}

/* Loud from `begin` to `end` seconds. */
static void speak(float *samples, double begin, double end)
{
    for (size_t i = (size_t)(begin * ELCL_SOUND_RATE); i < (size_t)(end * ELCL_SOUND_RATE); i++)
        samples[i] = i % 2 ? 0.3f : -0.3f;
}

static void check_windows(const char *what, const float *samples, size_t n,
                          const struct elcl_span *want, size_t n_want)
{
    struct elcl_span *spans = NULL;
    size_t n_spans = 0;
    if (!CHECK(!elcl_vad_windows(samples, n, 3000, &spans, &n_spans, NULL), "%s", what))
        return;
    CHECK(n_spans == n_want, "%s: %zu windows", what, n_spans);
    for (size_t i = 0; i < n_spans && i < n_want; i++)
        CHECK(spans[i].begin == want[i].begin && spans[i].n == want[i].n,
              "%s: window %zu begins at %zu and has %zu frames", what, i, spans[i].begin,
              spans[i].n);
    elcl_free(spans);
}

static void test_vad(void)
{
    if (!check_case("speech: a sound is cut at silence"))
        return;
    const size_t n = (size_t)70 * ELCL_SOUND_RATE;
    float *samples = elcl_calloc(n, sizeof(float));
    if (!CHECK(samples, "memory"))
        return;
    check_windows("silence", samples, n, NULL, 0);
    speak(samples, 1, 3);
    speak(samples, 3.2, 12);
    speak(samples, 20, 30.5);
    speak(samples, 40, 69.5);
    const struct elcl_span two[] = {{80, 2990}, {3980, 2990}};
    check_windows("pauses", samples, n, two, 2);
    speak(samples, 0, 70);
    for (size_t i = (size_t)25 * ELCL_SOUND_RATE; i < (size_t)25.02 * ELCL_SOUND_RATE; i++)
        samples[i] *= 0.5f;
    const struct elcl_span whole[] = {{0, 2998}, {2998, 2998}, {5996, 1004}};
    check_windows("no pause", samples, n, whole, 3);
    check_windows("one sample", samples, 1, &(struct elcl_span){0, 2}, 1);
    elcl_free(samples);
}

/* Windows of a batched file finish in any order, and their segments come in the file's. The third
 * window's text ends after one second of twenty, so that the rest of it is a window again. */
static void test_batched(void)
{
    if (!check_case("speech: batched windows"))
        return;
    const size_t n = (size_t)90 * ELCL_SOUND_RATE;
    float *samples = elcl_calloc(n, sizeof(float));
    const int32_t ids[][3] = {
        {BEGIN, 1, BEGIN + 1000}, {BEGIN, 2, BEGIN + 1000}, {BEGIN, 3, BEGIN + 50}};
    const int32_t rest[] = {BEGIN, 4, BEGIN + 950};
    const int order[] = {2, 0, 1};
    elcl_transcribe_options o = elcl_transcribe_options_default();
    struct elcl_speech_file *file = NULL;
    struct elcl_window *w[3], *none;
    struct elcl_ask ask;
    elcl_transcript t;
    o.batched = 1;
    o.language = "en";
    o.initial_prompt = "w9";
    for (int i = 0; samples && i < 3; i++)
        speak(samples, 5 + 30 * i, 25 + 30 * i);
    if (!CHECK(samples && !elcl_speech_file_create(&model, samples, n, &o, &file, NULL), "create"))
        return;
    const int32_t prompt[] = {PREV, 9, SOT, EN, TRANSCRIBE};
    for (int i = 0; i < 3; i++) {
        w[i] = next_window(file, &ask);
        check_ids("prompt", ask.prompt.ids, (size_t)ask.prompt.n, prompt, 5);
    }
    CHECK(!elcl_speech_file_next(file, &none, &ask, NULL) && !none, "a fourth window");
    for (size_t i = 0; i < 3; i++) {
        const struct elcl_answer a = {
            .ids = ids[order[i]], .n = 3, .ended = true, .sum_logprob = -1};
        CHECK(!elcl_speech_file_done(file), "done after %zu", i);
        give(file, w[order[i]], &a);
    }
    CHECK(!elcl_speech_file_done(file), "done without the rest of the third window");
    const struct elcl_answer a = {.ids = rest, .n = 3, .ended = true, .sum_logprob = -1};
    give(file, next_window(file, &ask), &a);
    elcl_speech_file_describe(file, &t);
    CHECK(elcl_speech_file_done(file) && !strcmp(t.text, " w1 w2 w3 w4"), "\"%s\"", t.text);
    CHECK(t.n_segments == 4 && fabs(t.segments[1].start - 34.8) < 1e-9 &&
              fabs(t.segments[3].start - 65.8) < 1e-9,
          "starts %g and %g", t.segments[1].start, t.segments[3].start);
    elcl_speech_file_destroy(&file);
    elcl_free(samples);
}

/* Times each segment's words: one word that ends 0.3 s before the segment. */
static int time_one_word(void *user, struct elcl_timed *timed, elcl_error *err)
{
    (void)user;
    for (size_t i = 0; i < timed->n; i++) {
        timed->words[i] = elcl_calloc(1, sizeof(elcl_word));
        char *text = elcl_strdup(" w");
        if (!timed->words[i] || !text)
            return elcl_fail_nomem(err);
        timed->cuts[i].end -= 0.3;
        timed->words[i][0] = (elcl_word){text, timed->cuts[i].start, timed->cuts[i].end, 0.5f};
        timed->n_words[i] = 1;
    }
    return ELCL_OK;
}

static void test_words(void)
{
    if (!check_case("speech: the next window begins where the last word ends"))
        return;
    static const float samples[40 * ELCL_SOUND_RATE];
    const int32_t pair[] = {BEGIN, 5, BEGIN + 900, BEGIN + 900}, single[] = {BEGIN, 5, BEGIN + 900};
    elcl_transcribe_options o = elcl_transcribe_options_default();
    struct elcl_speech_model timing = model;
    struct elcl_speech_file *file = NULL;
    struct elcl_ask ask;
    elcl_transcript t;
    timing.words = time_one_word;
    o.language = "en";
    o.timestamps = ELCL_TIMESTAMPS_WORD;
    if (!CHECK(!elcl_speech_file_create(&timing, samples, ELCL_COUNT(samples), &o, &file, NULL),
               "create"))
        return;
    struct elcl_answer answer = {.ids = pair, .n = 4, .ended = true, .sum_logprob = -1};
    give(file, next_window(file, &ask), &answer);
    struct elcl_window *w = next_window(file, &ask);
    CHECK(w->span.begin == 1770, "second window at %zu", w->span.begin);
    answer.ids = single, answer.n = 3;
    give(file, w, &answer);
    CHECK(elcl_speech_file_done(file), "a third window after a single timestamp");
    elcl_speech_file_describe(file, &t);
    CHECK(t.n_segments == 2 && t.segments[0].n_words == 1 &&
              fabs(t.segments[0].words[0].end - 17.7) < 1e-9,
          "words");
    elcl_speech_file_destroy(&file);
}

static void test_refused(void)
{
    if (!check_case("speech: refused options"))
        return;
    static const float samples[400];
    static const float cold = -1;
    const int32_t seven = 7;
    struct elcl_speech_tokens one = tokens;
    struct elcl_speech_model english = model;
    one.is_multilingual = false;
    one.n_languages = 0;
    one.suppress = (elcl_tokens){&seven, 1};
    english.tokens = &one;
    elcl_transcribe_options o[8];
    for (size_t i = 0; i < ELCL_COUNT(o); i++)
        o[i] = elcl_transcribe_options_default();
    o[0].language = "klingon";
    o[1].num_beams = 0;
    o[2].temperatures = &cold, o[2].n_temperatures = 1;
    o[3].max_initial_timestamp = NAN;
    o[4].max_new_tokens = 449;
    o[5].language = "de";
    o[6].task = ELCL_TASK_TRANSLATE;
    o[7].prefix = "w3 w7";
    const struct {
        const struct elcl_speech_model *model;
        int code;
        const char *part;
    } cases[] = {{&model, ELCL_E_ARG, "language \"klingon\""},
                 {&model, ELCL_E_ARG, "num_beams"},
                 {&model, ELCL_E_ARG, "temperatures: -1"},
                 {&model, ELCL_E_ARG, "max_initial_timestamp"},
                 {&model, ELCL_E_ARG, "max_new_tokens"},
                 {&english, ELCL_E_UNSUPPORTED, "only English"},
                 {&english, ELCL_E_UNSUPPORTED, "cannot translate"},
                 {&english, ELCL_E_ARG, "prefix: the model never writes its token 7"}};
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        struct elcl_speech_file *file = NULL;
        elcl_error err = {0};
        const int rc = elcl_speech_file_create(cases[i].model, samples, 400, &o[i], &file, &err);
        check_failure("create", rc, &err, cases[i].code, cases[i].part);
        CHECK(!file, "case %zu: a file", i);
        elcl_speech_file_destroy(&file);
    }
}

/* In style HF the files' own language counts, and an English model takes its name. */
static void test_own_language(void)
{
    if (!check_case("speech: languages that are not asked for"))
        return;
    static const float samples[400];
    struct elcl_speech_tokens own = *model.tokens, one = *model.tokens;
    struct elcl_speech_model named = model, english = model;
    own.language = &languages[1];
    named.tokens = &own;
    one.is_multilingual = false;
    one.n_languages = 0;
    english.tokens = &one;
    const struct {
        const struct elcl_speech_model *model;
        enum elcl_speech_style style;
        const char *language, *want; /* NULL: to be detected */
    } cases[] = {{&named, ELCL_SPEECH_STYLE_HF, NULL, "de"},
                 {&named, ELCL_SPEECH_STYLE_HF, "en", "en"},
                 {&named, ELCL_SPEECH_STYLE_WHISPER, NULL, NULL},
                 {&english, ELCL_SPEECH_STYLE_WHISPER, "English", "en"}};
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        elcl_transcribe_options o = elcl_transcribe_options_default();
        struct elcl_speech_file *file = NULL;
        elcl_error err = {0};
        elcl_transcript t;
        o.style = cases[i].style;
        o.language = cases[i].language;
        if (!CHECK(!elcl_speech_file_create(cases[i].model, samples, 400, &o, &file, &err), "%s",
                   err.msg))
            continue;
        elcl_speech_file_describe(file, &t);
        CHECK(cases[i].want ? t.language && !strcmp(t.language, cases[i].want) : !t.language,
              "case %zu: %s", i, t.language ? t.language : "none");
        elcl_speech_file_destroy(&file);
    }
}

static void test_short(void)
{
    if (!check_case("speech: a sound of less than a frame"))
        return;
    static const float samples[100];
    elcl_transcribe_options o = elcl_transcribe_options_default();
    struct elcl_speech_file *file = NULL;
    struct elcl_window *w;
    struct elcl_ask ask;
    elcl_transcript t;
    if (!CHECK(!elcl_speech_file_create(&model, samples, 100, &o, &file, NULL), "create"))
        return;
    CHECK(elcl_speech_file_done(file), "not done");
    CHECK(!elcl_speech_file_next(file, &w, &ask, NULL) && !w, "a window");
    elcl_speech_file_describe(file, &t);
    CHECK(!t.n_segments && !strcmp(t.text, "") && !t.language, "text \"%s\"", t.text);
    elcl_speech_file_destroy(&file);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_replay();
    test_cuts_hf();
    test_prompts_hf();
    test_language();
    test_vad();
    test_batched();
    test_words();
    test_refused();
    test_own_language();
    test_short();
    return check_end();
}
