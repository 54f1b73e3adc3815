/*
 * The stand-in for the library (fake_elcl.c): sounds and transcripts. A sound is a text: each line
 * is a second, and a segment. A text that starts with "bad" is no sound, and with "cut" it is
 * damaged. The line "!file" fails its file, "!step" makes the step fail, and "!options" becomes a
 * list of the options. Raw samples are ASCII characters. The model "bare" has no speech.
 */
#define _POSIX_C_SOURCE 200809L

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "elcl/speech.h"
#include "elcl/transcribe.h"
#include "fake_elcl.h"

#define MAX_FILES 64
#define MAX_LINES 64

/* ---- sounds ---------------------------------------------------------------------------------- */

struct elcl_sound {
    char *text;
    const char *partial;
};

elcl_sound_params elcl_sound_params_default(void)
{
    return (elcl_sound_params){0};
}

void elcl_sound_destroy(elcl_sound **sound)
{
    if (*sound)
        free((*sound)->text);
    free(*sound);
    *sound = NULL;
}

int elcl_sound_read_memory(const void *data, size_t bytes, const char *name,
                           const elcl_sound_params *params, elcl_sound **sound, elcl_error *err)
{
    char message[300];
    const int is_cut = bytes >= 3 && !memcmp(data, "cut", 3);
    snprintf(message, sizeof(message), "%.200s: is %s", name,
             is_cut  ? "damaged; allow_partial takes it"
             : bytes ? "not a sound file"
                     : "empty");
    if (!bytes || (bytes >= 3 && !memcmp(data, "bad", 3)) || (is_cut && !params->allow_partial))
        return fail(err, ELCL_E_FORMAT, message);
    *sound = calloc(1, sizeof(**sound));
    char *text = *sound ? strndup(data, bytes) : NULL;
    if (!text) {
        free(*sound);
        *sound = NULL;
        return fail(err, ELCL_E_NOMEM, "out of memory");
    }
    (*sound)->text = text;
    (*sound)->partial = is_cut ? "half of it can be decoded" : NULL;
    return ELCL_OK;
}

int elcl_sound_read(const char *path, const elcl_sound_params *params, elcl_sound **sound,
                    elcl_error *err)
{
    char text[4096], message[300];
    FILE *file = fopen(path, "r");
    snprintf(message, sizeof(message), "%.200s: cannot open: No such file or directory", path);
    if (!file)
        return fail(err, ELCL_E_IO, message);
    const size_t n = fread(text, 1, sizeof(text), file);
    fclose(file);
    return elcl_sound_read_memory(text, n, path, params, sound, err);
}

int elcl_sound_from_pcm(const void *samples, size_t n, enum elcl_pcm type, int rate, int channels,
                        const char *name, const elcl_sound_params *params, elcl_sound **sound,
                        elcl_error *err)
{
    char text[4096];
    size_t at = 0;
    for (size_t i = 0; i < n && at + 1 < sizeof(text); i++) {
        const size_t from = i * (size_t)channels;
        text[at++] = type == ELCL_PCM_S16 ? (char)((const int16_t *)samples)[from]
                                          : (char)((const float *)samples)[from];
    }
    at += (size_t)snprintf(text + at, sizeof(text) - at, " %d Hz", rate);
    return elcl_sound_read_memory(text, at, name, params, sound, err);
}

/* Splits the text at its line ends. Returns the number of lines. */
static int split_lines(char *text, const char *lines[MAX_LINES])
{
    int n = 0;
    for (char *line = strtok(text, "\n"); line && n < MAX_LINES; line = strtok(NULL, "\n"))
        lines[n++] = line;
    return n;
}

void elcl_sound_get_info(const elcl_sound *sound, elcl_sound_info *info)
{
    const size_t n = strlen(sound->text);
    *info =
        (elcl_sound_info){.seconds = n && sound->text[n - 1] != '\n', .partial = sound->partial};
    for (size_t i = 0; i < n; i++)
        info->seconds += sound->text[i] == '\n';
}

/* ---- transcripts ----------------------------------------------------------------------------- */

struct file {
    char *text, whole[4096]; /* in lines, and as it was */
    const char *lines[MAX_LINES];
    int n_lines;
    int cancelled;
    char options[400];
    enum elcl_timestamps timestamps;
    elcl_transcript transcript;
    elcl_segment segments[MAX_LINES];
    elcl_word words[MAX_LINES];
};

struct elcl_transcriber {
    elcl_transcriber_params params;
    struct file *files[MAX_FILES];
    int n_files;
    uint64_t next_id;
};

/* Protects the files and their `cancelled`. No callback runs while it is held. */
static pthread_mutex_t files_mutex = PTHREAD_MUTEX_INITIALIZER;

int elcl_transcriber_create(elcl_model *const *models, int n, const elcl_transcriber_params *params,
                            elcl_transcriber **transcriber, elcl_error *err)
{
    (void)n;
    if (!models[0]->has_tokenizer)
        return fail(err, ELCL_E_UNSUPPORTED, "the model has no speech encoder");
    *transcriber = calloc(1, sizeof(**transcriber));
    if (!*transcriber)
        return fail(err, ELCL_E_NOMEM, "out of memory");
    (*transcriber)->params = *params;
    return ELCL_OK;
}

static void end_file(struct elcl_transcriber *t, int i)
{
    pthread_mutex_lock(&files_mutex);
    free(t->files[i]->text);
    free(t->files[i]);
    t->files[i] = t->files[--t->n_files];
    pthread_mutex_unlock(&files_mutex);
}

/* Returns file i, or NULL after the last one. */
static struct file *file_at(struct elcl_transcriber *t, int i, int *cancelled)
{
    pthread_mutex_lock(&files_mutex);
    struct file *file = i < t->n_files ? t->files[i] : NULL;
    *cancelled = file && file->cancelled;
    pthread_mutex_unlock(&files_mutex);
    return file;
}

void elcl_transcriber_destroy(elcl_transcriber **transcriber)
{
    while (*transcriber && (*transcriber)->n_files)
        end_file(*transcriber, 0);
    free(*transcriber);
    *transcriber = NULL;
}

void elcl_transcriber_cancel(elcl_transcriber *transcriber, uint64_t id)
{
    pthread_mutex_lock(&files_mutex);
    for (int i = 0; i < transcriber->n_files; i++)
        transcriber->files[i]->cancelled |= transcriber->files[i]->transcript.id == id;
    pthread_mutex_unlock(&files_mutex);
}

size_t elcl_transcriber_wait(elcl_transcriber *transcriber, double seconds)
{
    const struct timespec wait = {.tv_nsec = 1000000};
    int unused;
    for (int i = 0; i < (int)(seconds * 1000) && !file_at(transcriber, 0, &unused); i++)
        nanosleep(&wait, NULL);
    return file_at(transcriber, 0, &unused) != NULL;
}

void elcl_transcriber_wake(elcl_transcriber *transcriber)
{
    (void)transcriber;
}

static void list_options(const elcl_transcribe_options *o, char *out, size_t room)
{
    snprintf(
        out, room,
        "%s %d %d %d %d beams %d %g %g best %d new %d initial %g penalty %g ngram %d seed %llu "
        "temperatures %d %g thresholds %g %g %g condition %d prompt %s hot %s prefix %s",
        o->language ? o->language : "auto", (int)o->task, (int)o->timestamps, (int)o->style,
        o->batched, o->num_beams, (double)o->patience, (double)o->length_penalty, o->best_of,
        o->max_new_tokens, (double)o->max_initial_timestamp, (double)o->repetition_penalty,
        o->no_repeat_ngram_size, (unsigned long long)o->seed, o->n_temperatures,
        o->n_temperatures ? (double)o->temperatures[o->n_temperatures - 1] : -1,
        (double)o->compression_ratio_threshold, (double)o->log_prob_threshold,
        (double)o->no_speech_threshold, o->condition_on_previous_text,
        o->initial_prompt ? o->initial_prompt : "-", o->hotwords ? o->hotwords : "-",
        o->prefix ? o->prefix : "-");
}

int elcl_transcriber_add(elcl_transcriber *transcriber, const struct elcl_sound *sound,
                         const elcl_transcribe_options *options, void *user, uint64_t *id,
                         elcl_error *err)
{
    if (options->language && !strcmp(options->language, "xx"))
        return fail(err, ELCL_E_ARG, "language \"xx\": the model does not know it");
    struct file *file = calloc(1, sizeof(*file));
    char *text = file ? strdup(sound->text) : NULL;
    if (!text) {
        free(file);
        return fail(err, ELCL_E_NOMEM, "out of memory");
    }
    file->text = text;
    snprintf(file->whole, sizeof(file->whole), "%s", text);
    file->n_lines = split_lines(file->text, file->lines);
    file->timestamps = options->timestamps;
    list_options(options, file->options, sizeof(file->options));
    file->transcript = (elcl_transcript){.user = user,
                                         .language = options->language ? options->language : "en",
                                         .language_probability = 0.5f,
                                         .duration = file->n_lines,
                                         .text = file->whole,
                                         .segments = file->segments};
    pthread_mutex_lock(&files_mutex);
    file->transcript.id = transcriber->next_id++;
    if (id)
        *id = file->transcript.id;
    transcriber->files[transcriber->n_files++] = file;
    pthread_mutex_unlock(&files_mutex);
    return ELCL_OK;
}

static void add_segment(struct file *f, int i)
{
    elcl_segment *s = &f->segments[i];
    *s = (elcl_segment){.id = i,
                        .seek = 100 * i,
                        .start = i,
                        .end = i + 0.5,
                        .text = strcmp(f->lines[i], "!options") ? f->lines[i] : f->options,
                        .compression_ratio = NAN};
    f->words[i] = (elcl_word){.text = s->text, .start = s->start, .end = s->end, .probability = 1};
    if (f->timestamps == ELCL_TIMESTAMPS_WORD) {
        s->words = &f->words[i];
        s->n_words = 1;
    }
    f->transcript.n_segments = (size_t)i + 1;
    f->transcript.done = i + 1;
}

/* Adds a segment to a file. Returns 1 if the file has ended, -1 if the step fails. */
static int step_file(struct elcl_transcriber *t, struct file *f, int cancelled)
{
    static const elcl_error failed = {ELCL_E_DEVICE, "the window failed"};
    static const elcl_error interrupted = {ELCL_E_INTERRUPTED, "the file was cancelled"};
    const int i = (int)f->transcript.n_segments;
    if (i < f->n_lines && !strcmp(f->lines[i], "!step"))
        return -1;
    if (cancelled)
        f->transcript.error = &interrupted;
    else if (i < f->n_lines && !strcmp(f->lines[i], "!file"))
        f->transcript.error = &failed;
    else if (i < f->n_lines) {
        add_segment(f, i);
        if (t->params.on_segment)
            t->params.on_segment(t->params.user, &f->transcript, &f->segments[i]);
        if (t->params.on_progress)
            t->params.on_progress(t->params.user, &f->transcript);
        return 0;
    }
    t->params.on_file(t->params.user, &f->transcript);
    return 1;
}

int elcl_transcriber_step(elcl_transcriber *transcriber, size_t *pending, elcl_error *err)
{
    const char *ms = getenv("FAKE_STEP_MS");
    const struct timespec wait = {.tv_nsec = ms ? atol(ms) * 1000000L : 0};
    nanosleep(&wait, NULL);
    struct file *file;
    int cancelled;
    for (int i = 0; (file = file_at(transcriber, i, &cancelled)) != NULL;) {
        const int end = step_file(transcriber, file, cancelled);
        if (end < 0)
            return fail(err, ELCL_E_DEVICE, "clFinish: CL_OUT_OF_RESOURCES");
        if (end)
            end_file(transcriber, i);
        else
            i++;
    }
    if (pending)
        *pending = file_at(transcriber, 0, &cancelled) != NULL;
    return ELCL_OK;
}
