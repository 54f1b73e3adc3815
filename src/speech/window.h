/* A window of a file from its features to the attempt that counts. */
#ifndef ELCL_SPEECH_WINDOW_H
#define ELCL_SPEECH_WINDOW_H

#include "speech/file.h"

struct elcl_window {
    size_t index; /* among the file's windows */
    struct elcl_span span;
    float *inputs;      /* [window_frames, mels] zeros after the sound; NULL once encoded */
    float *source_rows; /* [n_source, D] NULL until encoded */
    size_t n_source;
    struct elcl_ids prompt;
    size_t start; /* of the prompt, see elcl_ask */
    int i_temperature;
    struct elcl_attempt last, best; /* best is empty while all were worse or the first is running */
    bool asked, decoded;            /* an answer is awaited; `last` is the attempt that counts */
};

/* Creates a window without inputs. */
int elcl_window_create(size_t index, struct elcl_span span, struct elcl_window **window,
                       elcl_error *err);
void elcl_window_destroy(struct elcl_window **window);

/* Keeps the encoder's output instead of the features. */
int elcl_window_keep_rows(struct elcl_window *window, const struct elcl_answer *answer,
                          elcl_error *err);

/* Takes what the decoder found at the present temperature: sets `decoded`, or moves on to the next
 * temperature. */
int elcl_window_take(struct elcl_window *window, const struct elcl_speech_model *model,
                     const elcl_transcribe_options *options, const struct elcl_answer *answer,
                     elcl_error *err);

#endif
