/* The tokens that OpenAI's transcriber never generates, for files that do not list them. */
#ifndef ELCL_SPEECH_NON_SPEECH_H
#define ELCL_SPEECH_NON_SPEECH_H

#include "base/error.h"
#include "speech/tokens.h"
#include "text/tokenizer.h"

/* Makes an ascending list in *memory, freed with elcl_free(). Without a tokenizer it has only
 * special tokens. */

/* Signs that nobody speaks (brackets, notes, dashes that mark a speaker) and the special tokens
 * that are not times. */
int elcl_non_speech_tokens(const struct elcl_tokenizer *tokenizer,
                           const struct elcl_speech_tokens *special, elcl_tokens *tokens,
                           void **memory, elcl_error *err);
/* A blank and the end: no text is empty. */
int elcl_blank_tokens(const struct elcl_tokenizer *tokenizer,
                      const struct elcl_speech_tokens *special, elcl_tokens *tokens, void **memory,
                      elcl_error *err);

#endif
