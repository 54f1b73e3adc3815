/* The decoder of a tokenizer.json: spellings of tokens to text, step by step. */
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

/* Texts one after another. */
struct elcl_spellings {
    struct elcl_str text;
    size_t *ends; /* [n] offsets in `text` */
    size_t n, max;
    bool failed; /* memory was short */
};

/* {0} is a valid empty list. */
void elcl_spellings_finish(struct elcl_spellings *list);
void elcl_spellings_add(struct elcl_spellings *list, const char *s, size_t n);

/* {0} is a valid decoder that changes nothing. */
void elcl_decoder_finish(struct elcl_decoder *decoder);
/* The value of the key `decoder`; what is not supported is refused by name. */
int elcl_decoder_read(struct elcl_decoder *decoder, const struct cJSON *value, const char *file,
                      elcl_error *err);
/* Changes the list in place; its texts joined are the result. */
void elcl_decoder_run(const struct elcl_decoder *decoder, struct elcl_spellings *list);
/* transformers' clean_up_tokenization_spaces: no blank before signs and English endings. */
void elcl_clean_up(struct elcl_str *text);

#endif
