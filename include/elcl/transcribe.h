/*
 * elcl/transcribe.h: speech to text with a model of the Whisper family.
 *
 *     elcl_sound *sound = NULL;
 *     char *text = NULL;
 *     if (elcl_sound_read("speech.flac", &sound, &err) ||
 *         elcl_transcribe(model, sound, NULL, &text, &err))
 *         fprintf(stderr, "%s\n", err.msg);
 *
 * elcl_transcribe() handles one sound. A transcriber handles many at a time: the windows of all
 * files share the batch of its engines, and a file's text does not depend on the other files.
 * Ownership, errors, units and threads are as elcl/elcl.h describes them.
 */
#ifndef ELCL_TRANSCRIBE_H
#define ELCL_TRANSCRIBE_H

#include "elcl/elcl.h"
#include "elcl/speech.h"

#ifdef __cplusplus
extern "C" {
#endif

enum elcl_speech_task {
    ELCL_TASK_TRANSCRIBE, /* text in the language that is spoken */
    ELCL_TASK_TRANSLATE   /* text in English; multilingual models only */
};

enum elcl_timestamps {
    ELCL_TIMESTAMPS_NONE,    /* a segment is a window */
    ELCL_TIMESTAMPS_SEGMENT, /* the model predicts where segments begin and end */
    ELCL_TIMESTAMPS_WORD     /* and the alignment heads' attention says it for words */
};

/* Whose rules long files follow. docs/speech.md compares them. */
enum elcl_speech_style {
    ELCL_SPEECH_STYLE_WHISPER, /* faster-whisper's, which are OpenAI's up to the choice among
                                * temperatures that have all failed */
    ELCL_SPEECH_STYLE_HF       /* transformers' */
};

/* Options of one file. Thresholds that are NAN are off. */
typedef struct elcl_transcribe_options {
    const char *language;            /* a code of elcl_languages(), or its English name; NULL
                                      * (default): detected in the first window, unless the model's
                                      * files name one, in style HF */
    enum elcl_speech_task task;      /* default ELCL_TASK_TRANSCRIBE */
    enum elcl_timestamps timestamps; /* default ELCL_TIMESTAMPS_SEGMENT */
    enum elcl_speech_style style;    /* default ELCL_SPEECH_STYLE_WHISPER */
    int batched;                     /* 0 (default): a window begins where the last one's final
                                      * timestamp says, and sees the text before it. 1: the sound is
                                      * cut at silence and all windows are decoded at once; speech
                                      * after the end of a window's text is another window */

    /* Search. */
    int num_beams;        /* 1 .. elcl_transcriber_params.max_beams; default 5 */
    float patience;       /* as elcl_gen_options.patience; default 1 */
    float length_penalty; /* default 1 */
    int best_of;          /* samples at a temperature above 0, 1 .. max_beams; default 5. Style HF
                           * takes 1 */
    int max_new_tokens;   /* of a window; 0 (default): half of the model's positions in style
                           * WHISPER, all that the prompt leaves in style HF */
    float max_initial_timestamp; /* seconds; default 1; below 0: any */
    float repetition_penalty;    /* default 1 */
    int no_repeat_ngram_size;    /* default 0 */
    uint64_t seed;               /* of sampling; default 0 */

    /* Fallback: a window is decoded at the next temperature if its text repeats itself or is
     * improbable. */
    const float *temperatures; /* [n_temperatures] NULL (default): 0, 0.2, 0.4, 0.6, 0.8, 1 */
    int n_temperatures;
    float compression_ratio_threshold; /* of text to zlib's bytes; default 2.4. Off without zlib */
    float log_prob_threshold;          /* mean log-probability of a token; default -1 */
    float no_speech_threshold;         /* a less probable window that is likelier than this to be no
                                        * speech has no text; default 0.6 */

    /* Context. */
    int condition_on_previous_text;    /* 1 (default): a window sees the text before it */
    float prompt_reset_on_temperature; /* not after a window at a higher temperature; default 0.5 */
    const char *initial_prompt;        /* text before the first window (batched: before each) */
    const char *hotwords;              /* words before each window; no effect with prefix */
    const char *prefix;                /* the text that the first window begins with, part
                                        * of the transcript */
    unsigned reserved[8];
} elcl_transcribe_options;

ELCL_API elcl_transcribe_options elcl_transcribe_options_default(void);

/* A word of a segment. */
typedef struct elcl_word {
    const char *text;  /* with the blank before it */
    double start, end; /* seconds from the start of the file */
    float probability; /* mean of its tokens' */
} elcl_word;

/* A part of a transcript. */
typedef struct elcl_segment {
    int id;                /* counted from 0 in its file */
    int seek;              /* where its window begins, in frames of 10 ms */
    double start, end;     /* seconds from the start of the file */
    const char *text;      /* with the blank before the first word */
    const int32_t *tokens; /* [n_tokens] with timestamps */
    size_t n_tokens;
    float temperature; /* these four are of its window */
    float avg_logprob;
    float compression_ratio; /* NAN without zlib */
    float no_speech_prob;    /* NAN if the model has no such token */
    const elcl_word *words;  /* [n_words] NULL without ELCL_TIMESTAMPS_WORD */
    size_t n_words;
} elcl_segment;

/* What is known of a file. The strings and arrays are valid during the callback. */
typedef struct elcl_transcript {
    uint64_t id;                /* from elcl_transcriber_add() */
    void *user;                 /* from elcl_transcriber_add() */
    const elcl_error *error;    /* NULL, or why the transcript ends early: ELCL_E_INTERRUPTED after
                                 * elcl_transcriber_cancel() */
    const char *language;       /* its code; NULL until it is detected */
    float language_probability; /* 1 if it was not detected */
    double duration;            /* seconds of the sound */
    double done;                /* seconds that have been transcribed */
    const char *text;           /* of all segments */
    const elcl_segment *segments; /* [n_segments] so far */
    size_t n_segments;
} elcl_transcript;

/* Called with each new segment, which is the last one of transcript->segments. All callbacks run
 * on the thread that calls elcl_transcriber_step(). They may add and cancel files, but not step or
 * destroy the transcriber. */
typedef void (*elcl_segment_fn)(void *user, const elcl_transcript *transcript,
                                const elcl_segment *segment);
/* Called after each window (on_progress), and once for each file when it is finished (on_file). */
typedef void (*elcl_transcript_fn)(void *user, const elcl_transcript *transcript);

typedef struct elcl_transcriber_params {
    int batch_size; /* windows of one engine in flight, 0 .. 2^20; 0 (default): as many as memory
                     * and device suggest */
    int max_beams;  /* the most beams or samples of a window, 1 .. ELCL_MAX_BEAMS; default 5 */
    elcl_segment_fn on_segment;     /* may be NULL */
    elcl_transcript_fn on_progress; /* may be NULL */
    elcl_transcript_fn on_file;     /* may be NULL */
    void *user;                     /* first argument of the callbacks */
    unsigned reserved[8];
} elcl_transcriber_params;

ELCL_API elcl_transcriber_params elcl_transcriber_params_default(void);

/* Transcribes many files at a time.
 *
 * Thread-safety: elcl_transcriber_add(), elcl_transcriber_cancel() and elcl_transcriber_wake() are
 * safe: any thread may call them at any time. The others are unsafe: one thread at a time steps,
 * runs or waits, and none may use the transcriber any more when it is destroyed. */
typedef struct elcl_transcriber elcl_transcriber;

/* Creates one engine on each of n models of the Whisper family, which must outlive the transcriber
 * and be the same model on several devices.
 *
 * models: [n]
 * n:      1 .. ELCL_MAX_ENGINES.
 * params: may be NULL.
 *
 * ELCL_E_ARG:         a parameter is outside its range.
 * ELCL_E_UNSUPPORTED: a model has no speech encoder, lacks a token that speech needs, or reads
 *                     features that elcl_features() does not compute.
 * ELCL_E_FORMAT:      a file of the model says what is wrong or does not fit its encoder.
 * ELCL_E_DEVICE_NOMEM, ELCL_E_DEVICE: as elcl_engine_create(). */
ELCL_API int elcl_transcriber_create(elcl_model *const *models, int n,
                                     const elcl_transcriber_params *params,
                                     elcl_transcriber **transcriber, elcl_error *err);

/* Frees the transcriber. Unfinished files get no on_file. Do not call this from a callback. */
ELCL_API void elcl_transcriber_destroy(elcl_transcriber **transcriber);

/* Adds a file. Computes its features, which takes about a second for an hour of sound, and never
 * waits for a step. The sound and the options may go when the call returns.
 *
 * options: may be NULL: the defaults.
 * user:    for the callbacks.
 * id:      receives the file's number, counted from 0, before a callback can see it; may be NULL.
 *
 * ELCL_E_ARG:         an option is outside its range, or the model does not know the language.
 * ELCL_E_FORMAT:      a prompt is not UTF-8.
 * ELCL_E_UNSUPPORTED: an English-only model cannot translate or know another language. */
ELCL_API int elcl_transcriber_add(elcl_transcriber *transcriber, const elcl_sound *sound,
                                  const elcl_transcribe_options *options, void *user, uint64_t *id,
                                  elcl_error *err);

/* Ends a file early. When the next step begins, it gets its on_file with the segments so far and
 * the error ELCL_E_INTERRUPTED. An unknown or finished id does nothing. */
ELCL_API void elcl_transcriber_cancel(elcl_transcriber *transcriber, uint64_t id);

/* Blocks until a file is pending, elcl_transcriber_wake() is called or the time is over, and
 * returns the number of unfinished files, as elcl_engine_wait() does for requests. */
ELCL_API size_t elcl_transcriber_wait(elcl_transcriber *transcriber, double seconds);
ELCL_API void elcl_transcriber_wake(elcl_transcriber *transcriber);

/* Runs one decoding step of all windows in flight, and calls the callbacks for what it finished.
 *
 * pending: receives the number of unfinished files; may be NULL.
 *
 * After an error the transcriber cannot be used any more: destroy it.
 *
 * ELCL_E_DEVICE_NOMEM, ELCL_E_DEVICE: as elcl_engine_step(). */
ELCL_API int elcl_transcriber_step(elcl_transcriber *transcriber, size_t *pending, elcl_error *err);

/* Calls elcl_transcriber_step() until nothing is pending. Returns the same codes. */
ELCL_API int elcl_transcriber_run(elcl_transcriber *transcriber, elcl_error *err);

/* Transcribes one sound with a transcriber for the call.
 *
 * options: may be NULL: the defaults.
 * text:    receives the text, NUL-terminated; free it with elcl_free().
 *
 * Returns the codes of the functions above. */
ELCL_API int elcl_transcribe(elcl_model *model, const elcl_sound *sound,
                             const elcl_transcribe_options *options, char **text, elcl_error *err);

#ifdef __cplusplus
}
#endif

#endif /* ELCL_TRANSCRIBE_H */
