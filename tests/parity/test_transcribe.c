/* Long sounds through the transcriber: against transformers' long form, several files at once
 * against one by one, batched windows, languages, and files that are cancelled. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "elcl/speech.h"
#include "elcl/transcribe.h"
#include "parity/common.h"

#define MOST_FILES 5
#define NO_THRESHOLD NAN

/* ---- sounds -------------------------------------------------------------------------------- */

static uint32_t mixed(uint32_t a, uint32_t b, uint32_t seed)
{
    uint32_t x = a * 0x9E3779B1u + b * 0x85EBCA77u + seed * 0xC2B2AE3Du;
    x = (x ^ x >> 15) * 0x2C1B3C6Du;
    x = (x ^ x >> 12) * 0x297A2D39u;
    return x ^ x >> 15;
}

/* sound() of make_whisper.py: sawtooths of 1/8 s, one of 4 of them silent, and noise. */
static elcl_sound *make_sound(uint32_t seed, size_t n)
{
    float *samples = elcl_calloc(n, sizeof(*samples));
    elcl_sound *sound = NULL;
    elcl_error err = {0};
    for (uint32_t i = 0; samples && i < n; i++) {
        const uint32_t tone = mixed(i / 2000, 1, seed), period = tone % 120 + 20;
        const int saw = (int)(i % period * 64 / period), loudness = (int)((tone >> 8) % 4);
        samples[i] = (float)(saw * loudness * 100 + (int)(mixed(i, 2, seed) % 16)) / 32768;
    }
    CHECK(!elcl_sound_from_pcm(samples, n, ELCL_PCM_F32, ELCL_SOUND_RATE, 1, "sound", NULL, &sound,
                               &err),
          "%s", err.msg);
    elcl_free(samples);
    return sound;
}

/* ---- transcripts --------------------------------------------------------------------------- */

/* What the callbacks said of a file. */
struct heard {
    elcl_sound *sound;
    elcl_transcribe_options options;
    struct elcl_str text; /* the segments, with all their numbers */
    int n_segments, n_words, n_files, code;
    struct elcl_str ids; /* start, end and tokens of each segment */
    char language[8];
    float probability;
    elcl_transcriber *transcriber;
    bool cancels; /* itself, after the first segment */
};

static void take_segment(void *user, const elcl_transcript *t, const elcl_segment *s)
{
    struct heard *h = t->user;
    (void)user;
    CHECK(s == &t->segments[t->n_segments - 1] && s->id == h->n_segments, "segment %d", s->id);
    elcl_str_printf(&h->text, "%d %a %a \"%s\" %a %a %a %a", s->seek, s->start, s->end, s->text,
                    (double)s->temperature, (double)s->avg_logprob, (double)s->compression_ratio,
                    (double)s->no_speech_prob);
    for (size_t i = 0; i < s->n_words; i++)
        elcl_str_printf(&h->text, " %s %a %a %a", s->words[i].text, s->words[i].start,
                        s->words[i].end, (double)s->words[i].probability);
    CHECK(!s->n_words || h->options.timestamps == ELCL_TIMESTAMPS_WORD, "words");
    h->n_words += (int)s->n_words;
    elcl_str_printf(&h->ids, "%.2f %.2f", s->start, s->end);
    for (size_t i = 0; i < s->n_tokens; i++)
        elcl_str_printf(&h->ids, " %d", s->tokens[i]);
    elcl_str_text(&h->ids, "\n");
    elcl_str_text(&h->text, "\n");
    h->n_segments++;
    if (h->cancels)
        elcl_transcriber_cancel(h->transcriber, t->id);
}

static void take_file(void *user, const elcl_transcript *t)
{
    struct heard *h = t->user;
    (void)user;
    h->n_files++;
    h->code = t->error ? t->error->code : 0;
    h->probability = t->language_probability;
    snprintf(h->language, sizeof(h->language), "%s", t->language ? t->language : "");
    CHECK(t->n_segments == (size_t)h->n_segments, "%zu segments", t->n_segments);
    CHECK(t->error || fabs(t->done - t->duration) < 1e-9, "%g of %g s", t->done, t->duration);
    elcl_str_text(&h->text, t->text);
}

static void forget(struct heard *h)
{
    elcl_str_finish(&h->text);
    elcl_str_finish(&h->ids);
    h->n_segments = h->n_files = 0;
}

/* Transcribes n files with one transcriber on n_models engines. */
static bool transcribe(elcl_model *model, int n_models, int batch_size, struct heard *heard, int n)
{
    elcl_model *const models[] = {model, model};
    elcl_transcriber_params p = elcl_transcriber_params_default();
    elcl_transcriber *t = NULL;
    elcl_error err = {0};
    p.batch_size = batch_size;
    p.on_segment = take_segment;
    p.on_file = take_file;
    bool ok = CHECK(!elcl_transcriber_create(models, n_models, &p, &t, &err), "%s", err.msg);
    for (int i = 0; ok && i < n; i++) {
        uint64_t id;
        heard[i].transcriber = t;
        ok = CHECK(
            !elcl_transcriber_add(t, heard[i].sound, &heard[i].options, &heard[i], &id, &err) &&
                id == (uint64_t)i,
            "file %d: %s", i, err.msg);
    }
    CHECK(!ok || elcl_transcriber_wait(t, 0) == (size_t)n, "files wait");
    ok = ok && CHECK(!elcl_transcriber_run(t, &err), "%s", err.msg);
    for (int i = 0; ok && i < n; i++)
        CHECK(heard[i].n_files == 1, "file %d: %d on_file", i, heard[i].n_files);
    elcl_transcriber_destroy(&t);
    return ok;
}

/* ---- transformers' long form --------------------------------------------------------------- */

static elcl_transcribe_options golden_transcribe_options(const cJSON *o)
{
    static const float zero = 0;
    elcl_transcribe_options options = elcl_transcribe_options_default();
    const cJSON *beams = cJSON_GetObjectItem(o, "num_beams");
    const cJSON *language = cJSON_GetObjectItem(o, "language");
    options.style = ELCL_SPEECH_STYLE_HF;
    options.language = language ? language->valuestring : NULL;
    options.num_beams = beams ? beams->valueint : 1;
    options.max_new_tokens = cJSON_GetObjectItem(o, "max_new_tokens")->valueint;
    options.max_initial_timestamp = 20 * 0.02f; /* max_initial_timestamp_index of the models */
    options.condition_on_previous_text =
        cJSON_IsTrue(cJSON_GetObjectItem(o, "condition_on_prev_tokens"));
    options.temperatures = &zero;
    options.n_temperatures = 1;
    options.compression_ratio_threshold = options.log_prob_threshold = options.no_speech_threshold =
        NO_THRESHOLD;
    return options;
}

/* The stored segments as take_segment() writes them. */
static void print_stored(const cJSON *segments, struct elcl_str *ids)
{
    const cJSON *segment, *id;
    cJSON_ArrayForEach(segment, segments)
    {
        elcl_str_printf(ids, "%.2f %.2f", cJSON_GetObjectItem(segment, "start")->valuedouble,
                        cJSON_GetObjectItem(segment, "end")->valuedouble);
        cJSON_ArrayForEach(id, cJSON_GetObjectItem(segment, "ids"))
            elcl_str_printf(ids, " %d", id->valueint);
        elcl_str_text(ids, "\n");
    }
}

static void compare_long(elcl_model *model, const cJSON *stored)
{
    const cJSON *o = cJSON_GetObjectItem(stored, "options");
    struct heard heard = {.options = golden_transcribe_options(o)};
    struct elcl_str want = {0};
    char *name = cJSON_PrintUnformatted(o);
    heard.sound = make_sound((uint32_t)cJSON_GetObjectItem(stored, "seed")->valueint,
                             (size_t)cJSON_GetObjectItem(stored, "samples")->valueint);
    model->defaults.early_stopping =
        cJSON_IsTrue(cJSON_GetObjectItem(o, "early_stopping")) ? ELCL_EARLY_TRUE : ELCL_EARLY_FALSE;
    print_stored(cJSON_GetObjectItem(stored, "segments"), &want);
    if (heard.sound && transcribe(model, 1, 0, &heard, 1))
        CHECK(heard.ids.data && !strcmp(heard.ids.data, want.data), "%s: got\n%s, stored\n%s", name,
              heard.ids.data ? heard.ids.data : "", want.data);
    elcl_sound_destroy(&heard.sound);
    forget(&heard);
    elcl_str_finish(&want);
    cJSON_free(name);
}

static void test_long(const char *name, elcl_model *model)
{
    if (!check_case("transcribe: transformers' long form, %s", name))
        return;
    char path[256];
    snprintf(path, sizeof(path), "%s/tests/golden/%s/long.json", check_root(), name);
    cJSON *root = read_json(path);
    const cJSON *stored;
    cJSON_ArrayForEach(stored, cJSON_GetObjectItem(root, "cases")) compare_long(model, stored);
    cJSON_Delete(root);
}

/* ---- many files ---------------------------------------------------------------------------- */

/* Files of different lengths and options; random models fail every threshold, so that all
 * temperatures are tried. */
static void make_files(struct heard *files, bool batched)
{
    static const float temperatures[] = {0, 0.5f, 1};
    static const size_t samples[MOST_FILES] = {70000, 9000, 52000, 33000, 120000};
    for (int i = 0; i < MOST_FILES; i++) {
        elcl_transcribe_options o = elcl_transcribe_options_default();
        o.batched = batched;
        o.num_beams = 1 + i;
        o.best_of = 2;
        o.max_new_tokens = 10;
        o.temperatures = temperatures;
        o.n_temperatures = i % 2 ? 3 : 2;
        o.initial_prompt = i == 2 ? "the" : NULL;
        o.timestamps = i == 3   ? ELCL_TIMESTAMPS_NONE
                       : i == 1 ? ELCL_TIMESTAMPS_SEGMENT
                                : ELCL_TIMESTAMPS_WORD;
        files[i] = (struct heard){.sound = make_sound((uint32_t)i + 3, samples[i]), .options = o};
    }
}

static void finish_files(struct heard *files)
{
    for (int i = 0; i < MOST_FILES; i++) {
        elcl_sound_destroy(&files[i].sound);
        forget(&files[i]);
    }
}

static void compare_files(elcl_model *model, int n_models, int batch_size, const char *what,
                          const struct heard *single, struct heard *files)
{
    if (transcribe(model, n_models, batch_size, files, MOST_FILES))
        for (int i = 0; i < MOST_FILES; i++)
            CHECK(files[i].text.data && !strcmp(files[i].text.data, single[i].text.data),
                  "%s, file %d: got\n%s\nby itself\n%s", what, i, files[i].text.data,
                  single[i].text.data);
}

static void test_together(const char *name, elcl_model *model, bool batched)
{
    if (!check_case("transcribe: %sfiles together as one by one, %s", batched ? "batched " : "",
                    name))
        return;
    struct heard single[MOST_FILES], files[MOST_FILES];
    bool ok = true;
    int segments = 0, words = 0;
    make_files(single, batched);
    for (int i = 0; ok && i < MOST_FILES; i++) {
        ok = transcribe(model, 1, 1, &single[i], 1);
        segments += single[i].n_segments;
        words += single[i].n_words;
    }
    CHECK(segments > MOST_FILES && words > 9, "%d segments, %d words", segments, words);
    const struct {
        const char *what;
        int n_models, batch_size;
    } ways[] = {{"batch of 3", 1, 3}, {"two engines", 2, 2}};
    for (size_t k = 0; ok && k < ELCL_COUNT(ways); k++) {
        make_files(files, batched);
        compare_files(model, ways[k].n_models, ways[k].batch_size, ways[k].what, single, files);
        finish_files(files);
    }
    finish_files(single);
}

static void test_cancel(elcl_model *model)
{
    if (!check_case("transcribe: a cancelled file does not change the others"))
        return;
    struct heard files[MOST_FILES], single = {0};
    make_files(files, false);
    single = files[2];
    const bool ok = transcribe(model, 1, 1, &single, 1);
    files[4].cancels = true;
    if (ok && transcribe(model, 1, 4, files, MOST_FILES)) {
        CHECK(files[4].code == ELCL_E_INTERRUPTED && files[4].n_segments >= 1, "code %d",
              files[4].code);
        CHECK(!files[2].code && !strcmp(files[2].text.data, single.text.data), "another text");
    }
    forget(&single);
    finish_files(files);
}

/* Words need device memory beside that of the search. */
static void test_memory(elcl_model *model)
{
    if (!check_case("transcribe: no memory for words"))
        return;
    elcl_transcriber_params p = elcl_transcriber_params_default();
    elcl_transcribe_options o = elcl_transcribe_options_default();
    elcl_transcriber *t = NULL;
    elcl_sound *sound = make_sound(1, 1000);
    elcl_error err = {0};
    const uint64_t limit = model->device->plan_limit_bytes;
    p.batch_size = 1; /* allocates its buffers at once */
    o.timestamps = ELCL_TIMESTAMPS_WORD;
    if (CHECK(!elcl_transcriber_create(&model, 1, &p, &t, &err), "%s", err.msg) &&
        CHECK(!elcl_transcriber_add(t, sound, &o, NULL, NULL, &err), "%s", err.msg)) {
        model->device->plan_limit_bytes = model->device->live_bytes;
        CHECK(elcl_transcriber_run(t, &err) == ELCL_E_DEVICE_NOMEM &&
                  strstr(err.msg, "the times of words does not fit"),
              "\"%s\"", err.msg);
        model->device->plan_limit_bytes = limit;
    }
    elcl_transcriber_destroy(&t);
    elcl_sound_destroy(&sound);
}

/* ---- languages ----------------------------------------------------------------------------- */

/* A detected language gives what the same language gives if it is named. */
static void test_language(elcl_model *model)
{
    if (!check_case("transcribe: detected languages"))
        return;
    struct heard detected = {.options = elcl_transcribe_options_default()}, named;
    detected.options.max_new_tokens = 10;
    detected.sound = make_sound(5, 60000);
    named = detected;
    if (transcribe(model, 1, 1, &detected, 1)) {
        CHECK(detected.probability > 0.2f && detected.probability <= 1, "probability %g",
              (double)detected.probability);
        named.options.language = detected.language;
        if (transcribe(model, 1, 1, &named, 1))
            CHECK(detected.language[0] && !strcmp(detected.text.data, named.text.data),
                  "language %s: another text", detected.language);
        CHECK(named.probability == 1, "probability %g", (double)named.probability);
    }
    elcl_sound_destroy(&detected.sound);
    forget(&detected);
    forget(&named);
}

/* ---- errors -------------------------------------------------------------------------------- */

static void test_errors(elcl_model *model, const struct check_options *options)
{
    if (!check_case("transcribe: refused models and options, and a prefix"))
        return;
    elcl_transcriber *t = NULL;
    elcl_error err = {0};
    elcl_transcribe_options o = elcl_transcribe_options_default();
    elcl_transcriber_params p = elcl_transcriber_params_default();
    elcl_sound *sound = make_sound(1, 1000);
    struct setup setup = {0};
    elcl_model *text = setup_open(g2p_directory(), &setup, options);
    if (text)
        CHECK(elcl_transcriber_create(&text, 1, NULL, &t, &err) == ELCL_E_UNSUPPORTED &&
                  strstr(err.msg, "not speech"),
              "\"%s\"", err.msg);
    setup_close(&text);
    err = (elcl_error){0};
    char *directory = model->config.directory, other[256];
    snprintf(other, sizeof(other), "%s/tests/golden/tiny-whisper-128", check_root());
    model->config.directory = other; /* with the features of another model */
    CHECK(elcl_transcriber_create(&model, 1, NULL, &t, &err) == ELCL_E_FORMAT &&
              strstr(err.msg, "preprocessor_config.json: feature_size: the encoder reads 80 mels"),
          "\"%s\"", err.msg);
    model->config.directory = directory;
    p.max_beams = 3;
    err = (elcl_error){0};
    if (CHECK(!elcl_transcriber_create(&model, 1, &p, &t, &err), "%s", err.msg)) {
        CHECK(elcl_transcriber_add(t, sound, &o, NULL, NULL, &err) == ELCL_E_ARG &&
                  strstr(err.msg, "num_beams is 5"),
              "\"%s\"", err.msg);
        elcl_transcriber_wake(t);
        CHECK(elcl_transcriber_wait(t, -1) == 0, "files");
    }
    elcl_transcriber_destroy(&t);
    char *out = NULL;
    o.num_beams = 2;
    o.max_new_tokens = 5;
    err = (elcl_error){0};
    o.prefix = "the";
    CHECK(!elcl_transcribe(model, sound, &o, &out, &err) && out && !strncmp(out, " the", 4),
          "\"%s\": %s", out ? out : "", err.msg);
    elcl_free(out);
    elcl_sound_destroy(&sound);
}

static elcl_model *open_tiny(const char *name, const struct check_options *options)
{
    char directory[256];
    const struct setup setup = {.attention = ELCL_ATTN_EL, .gemm = ELCL_GEMM_NATIVE};
    snprintf(directory, sizeof(directory), "%s/tests/golden/%s", check_root(), name);
    return setup_open(directory, &setup, options);
}

int main(int argc, char **argv)
{
    const struct check_options *options = check_begin(argc, argv);
    elcl_model *tiny = open_tiny("tiny-whisper", options);
    elcl_model *many = open_tiny("tiny-whisper-128", options);
    if (tiny && many) {
        test_long("tiny-whisper", tiny);
        test_long("tiny-whisper-128", many);
        test_together("tiny-whisper-128", many, false);
        test_together("tiny-whisper", tiny, true);
        test_cancel(many);
        test_memory(tiny);
        test_language(many);
        test_errors(tiny, options);
    }
    setup_close(&tiny);
    setup_close(&many);
    return check_end();
}
