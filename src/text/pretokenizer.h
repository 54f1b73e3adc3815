/* The pre_tokenizer of tokenizer.json: steps that cut normalized text into words. */
#ifndef ELCL_TEXT_PRETOKENIZER_H
#define ELCL_TEXT_PRETOKENIZER_H

#include <stdbool.h>
#include <stddef.h>

#include "text/token_decoder.h"

struct cJSON;
struct elcl_pre_step;

struct elcl_pretokenizer {
    struct elcl_pre_step *steps; /* [n] */
    size_t n, max;
    bool bytes; /* a ByteLevel step: words are for a vocabulary of bytes */
};

/* {0} is a valid pre-tokenizer: the text is one word. */
void elcl_pretokenizer_finish(struct elcl_pretokenizer *pre);
/* Reads the value of the key `pre_tokenizer`; NULL and null mean none. Names and refuses an
 * unsupported step. */
int elcl_pretokenizer_read(struct elcl_pretokenizer *pre, const struct cJSON *value,
                           const char *file, elcl_error *err);
/* Cuts n >= 1 bytes of valid UTF-8 into the empty list `words`; `begins`: s is the start of the
 * whole text. ELCL_E_FORMAT if a regular expression takes too long. */
int elcl_pretokenizer_run(const struct elcl_pretokenizer *pre, const char *s, size_t n, bool begins,
                          struct elcl_spellings *words, elcl_error *err);

#endif
