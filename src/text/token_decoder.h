/* The decoder of tokenizer.json: steps that turn spellings of tokens into text. */
#ifndef ELCL_TEXT_TOKEN_DECODER_H
#define ELCL_TEXT_TOKEN_DECODER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/util.h"

struct cJSON;
struct elcl_decoder_step;

struct elcl_decoder {
    struct elcl_decoder_step *steps; /* [n] */
    size_t n, max;
};

/* A list of texts, stored one after another. */
struct elcl_spellings {
    struct elcl_str text;
    size_t *ends; /* [n] offsets in `text` */
    size_t n, max;
    bool failed; /* memory was short */
};

/* {0} is a valid empty list. */
void elcl_spellings_finish(struct elcl_spellings *list);
void elcl_spellings_add(struct elcl_spellings *list, const char *s, size_t n);

/* {0} is a valid decoder without steps. */
void elcl_decoder_finish(struct elcl_decoder *decoder);
/* Reads the value of the key `decoder`; names and refuses an unsupported step. */
int elcl_decoder_read(struct elcl_decoder *decoder, const struct cJSON *value, const char *file,
                      elcl_error *err);
/* Changes the list in place; its joined texts are the result. */
void elcl_decoder_run(const struct elcl_decoder *decoder, struct elcl_spellings *list);

/* What later tokens may change in the text of a list of tokens. */
enum elcl_decoder_reach {
    ELCL_REACH_TOKEN, /* nothing, and a token's text depends only on itself and on whether it is the
                       * first or the last */
    ELCL_REACH_RUN,   /* nothing but the text of last tokens that are open */
    ELCL_REACH_ALL    /* anything */
};
enum elcl_decoder_reach elcl_decoder_reach(const struct elcl_decoder *decoder);
/* Whether a last token of this spelling is open: what follows may change its text. */
bool elcl_decoder_open(const struct elcl_decoder *decoder, const char *s, size_t n);

/* transformers' clean_up_tokenization_spaces: removes the space before punctuation and English
 * endings. */
void elcl_clean_up(struct elcl_str *text);

#endif
