/*
 * A file as a state machine: it hands out windows that want decoding, takes what the decoder found,
 * and turns it into segments. It knows no engine: transcribe.c puts its windows into requests, and
 * tests answer by themselves.
 *
 * In sequence there is one window at a time, since its begin and its prompt depend on the one
 * before. Batched, all windows are known at the start, and their segments wait for those before.
 */
#ifndef ELCL_SPEECH_FILE_H
#define ELCL_SPEECH_FILE_H

#include "speech/fallback.h"
#include "speech/prompt.h"
#include "speech/segments.h"
#include "speech/transcript.h"

struct elcl_window;

/* Segments of a window with the times of their words. */
struct elcl_timed {
    struct elcl_cut *cuts; /* [n] start and end may change */
    elcl_word **words;     /* [n] receives elcl_calloc() arrays [n_words[i]] */
    size_t *n_words;       /* [n] */
    size_t n;
    const int32_t *tokens; /* of the window; the cuts are positions here */
    struct elcl_span span;
    const float *source_rows; /* [n_source, D] of the window */
    size_t n_source;
    int32_t language, task; /* tokens; -1: none */
    const char *language_code;
    double last_speech; /* where the words before ended, in seconds */
};

/* What a file needs of its model. */
struct elcl_speech_model {
    const struct elcl_speech_tokens *tokens;
    int mels;
    int window_frames; /* of a full window */
    int positions;     /* of the decoder */
    int vocabulary;
    /* As elcl_encode() without special tokens, elcl_decode(), and the times of words; `user` comes
     * first. */
    int (*encode)(void *user, const char *text, int32_t **ids, size_t *n, elcl_error *err);
    int (*decode)(void *user, const int32_t *ids, size_t n, char **text, elcl_error *err);
    int (*words)(void *user, struct elcl_timed *timed, elcl_error *err);
    void *user;
};

/* A question to the decoder. */
struct elcl_ask {
    bool language;       /* one token, among the languages */
    bool rows;           /* the answer should have source_rows: they will be asked with again */
    const float *inputs; /* [n_inputs, mels] or NULL: source_rows */
    size_t n_inputs;
    const float *source_rows; /* [n_source, D] from an earlier answer about this window */
    size_t n_source;
    elcl_tokens prompt;        /* ids[0] is the start token */
    size_t start;              /* the position whose prediction has the no-speech probability */
    const elcl_tokens *forced; /* [n_forced] the text's first tokens, one by one */
    int n_forced;
    bool timestamps;
    float temperature;
    int max_new_tokens;
    uint64_t sample; /* elcl_request.sample */
};

struct elcl_answer {
    const int32_t *ids; /* [n] after the prompt, without EOS */
    size_t n;
    bool ended;         /* with EOS */
    double sum_logprob; /* with EOS's */
    float score;        /* language: the log-probability among the languages */
    float no_speech_prob;
    const float *source_rows; /* [n_source, D] copied; NULL if the question did not want them */
    size_t n_source, width;
};

/* Called after each segment, with it, and after each window, with NULL. */
typedef void (*elcl_file_news_fn)(void *user, const elcl_segment *segment);

struct elcl_speech_file;

/* Checks the options, encodes the prompts and computes the features. The model must outlive the
 * file; samples and options are copied. */
int elcl_speech_file_create(const struct elcl_speech_model *model, const float *samples, size_t n,
                            const elcl_transcribe_options *options, struct elcl_speech_file **file,
                            elcl_error *err);
void elcl_speech_file_destroy(struct elcl_speech_file **file);

/* Returns the next window that wants an answer in *window, or NULL: there is none until another
 * answer is taken. */
int elcl_speech_file_next(struct elcl_speech_file *file, struct elcl_window **window,
                          struct elcl_ask *ask, elcl_error *err);

/* Takes the answer for a window of elcl_speech_file_next(). `user` is news' argument. */
int elcl_speech_file_take(struct elcl_speech_file *file, struct elcl_window *window,
                          const struct elcl_answer *answer, elcl_file_news_fn news, void *user,
                          elcl_error *err);

/* Whether all windows are finished. */
bool elcl_speech_file_done(const struct elcl_speech_file *file);

/* Fills everything but id, user and error. */
void elcl_speech_file_describe(const struct elcl_speech_file *file, elcl_transcript *transcript);

/* Returns the options, whose arrays the file owns. */
const elcl_transcribe_options *elcl_speech_file_options(const struct elcl_speech_file *file);

#endif
