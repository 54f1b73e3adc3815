/* What stands before the text that the decoder generates for a window. */
#ifndef ELCL_SPEECH_PROMPT_H
#define ELCL_SPEECH_PROMPT_H

#include "base/util.h"
#include "elcl/transcribe.h"
#include "speech/tokens.h"

/* A growing list of tokens; {0} is an empty one. */
struct elcl_ids {
    int32_t *ids; /* [n] freed with elcl_free() */
    size_t n, capacity;
};

int elcl_ids_add(struct elcl_ids *list, const int32_t *ids, size_t n, elcl_error *err);

struct elcl_prompt_parts {
    const struct elcl_speech_tokens *tokens;
    int positions;    /* of the decoder */
    int32_t language; /* its token; -1: the model has none */
    bool translate, timestamps;
    int n_forced;         /* the text's first tokens that are given: they need room */
    elcl_tokens previous; /* the text before; its last tokens count if there are too many */
    elcl_tokens hotwords;
};

/* Writes the tokens in order: start of the previous text, hotwords, previous text, then start,
 * language, task, no timestamps.
 *
 * prompt: receives them; free prompt->ids with elcl_free().
 * start:  receives the position of the start token, whose prediction has the no-speech
 *         probability. */
int elcl_prompt_build(const struct elcl_prompt_parts *parts, struct elcl_ids *prompt, size_t *start,
                      elcl_error *err);

#endif
