/* What a model of speech is to its files, and how their questions become requests. */
#ifndef ELCL_SPEECH_LISTENER_H
#define ELCL_SPEECH_LISTENER_H

#include "speech/file.h"
#include "speech/tokens.h"
#include "speech/word_timer.h"

/* Beams of the search for a language: greedy search does not compare only languages. */
#define ELCL_LANGUAGE_BEAMS 2

struct elcl_listener {
    elcl_model *engine_model;
    struct elcl_speech_tokens tokens;
    struct elcl_speech_model model; /* its pointers lead into this struct */
    struct elcl_word_timer *timer;  /* NULL: no file wants words */
    elcl_tokens language_ids;       /* [tokens.n_languages] */
    int32_t *language_memory;
    size_t width; /* of the encoder's output */
};

/* Reads the special tokens. ELCL_E_UNSUPPORTED if the encoder does not read speech, or reads
 * features that elcl_features() does not compute. */
int elcl_listener_init(struct elcl_listener *listener, elcl_model *model, elcl_error *err);
void elcl_listener_finish(struct elcl_listener *listener); /* {0} is fine */

/* Takes the device memory for the times of words, if the options want them. Call it before the
 * search takes its own. */
int elcl_listener_prepare(struct elcl_listener *listener, const elcl_transcribe_options *options,
                          elcl_error *err);

/* Fills a request, which points to the arrays of `ask`. */
void elcl_listener_request(const struct elcl_listener *listener,
                           const elcl_transcribe_options *options, const struct elcl_ask *ask,
                           elcl_request *request);

/* Fills the answer, which points to the arrays of `result`. */
void elcl_listener_answer(const struct elcl_listener *listener,
                          const elcl_transcribe_options *options, const struct elcl_ask *ask,
                          const elcl_result *result, struct elcl_answer *answer);

#endif
