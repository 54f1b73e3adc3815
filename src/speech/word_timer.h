/* Times of words of a window: a teacher-forced pass over its text gives the rows of attention. */
#ifndef ELCL_SPEECH_WORD_TIMER_H
#define ELCL_SPEECH_WORD_TIMER_H

#include "speech/file.h"
#include "speech/tokens.h"

/* Device buffers for the passes, and what they share. Thread-safety: Unsafe. */
struct elcl_word_timer;

/* Model and tokens must outlive the timer. Takes device memory for a window with text for
 * half of the decoder's positions.
 *
 * ELCL_E_DEVICE_NOMEM: there is too little of it. */
int elcl_word_timer_create(elcl_model *model, const struct elcl_speech_tokens *tokens,
                           struct elcl_word_timer **timer, elcl_error *err);
void elcl_word_timer_destroy(struct elcl_word_timer **timer);

/* Finds the words of a window's segments. Blocks for the pass. */
int elcl_word_timer_run(struct elcl_word_timer *timer, struct elcl_timed *timed, elcl_error *err);

#endif
