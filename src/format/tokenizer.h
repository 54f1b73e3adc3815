/* Text <-> token ids: one face for all tokenizers. Immutable after loading: safe to share. */
#ifndef ELCL_FORMAT_TOKENIZER_H
#define ELCL_FORMAT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct elcl_tokenizer;

/* Loads tokenizer.json of a directory, or else vocab.json + merges.txt with the special tokens that
 * tokenizer_config.json, special_tokens_map.json and added_tokens.json name. When the directory has
 * no vocabulary, *tokenizer becomes NULL and the call succeeds. */
int elcl_tokenizer_load(const char *directory, struct elcl_tokenizer **tokenizer, elcl_error *err);
void elcl_tokenizer_destroy(struct elcl_tokenizer **tokenizer); /* NULL is fine */

/* n bytes of UTF-8 -> ids, nothing added around them; special tokens that stand in the text are
 * recognised. *ids is freed with elcl_free(). ELCL_E_FORMAT names the first bad byte. */
int elcl_tokenizer_encode(const struct elcl_tokenizer *tokenizer, const char *text, size_t n,
                          int32_t **ids, size_t *n_ids, elcl_error *err);
/* ids -> UTF-8, NUL-terminated, freed with elcl_free(). Bytes that are not UTF-8 become U+FFFD as
 * in Python's errors="replace", and so does U+0000, which would end the string; ids outside the
 * vocabulary are an error. */
int elcl_tokenizer_decode(const struct elcl_tokenizer *tokenizer, const int32_t *ids, size_t n_ids,
                          bool skip_special, char **text, elcl_error *err);
/* Largest id + 1. */
int32_t elcl_tokenizer_size(const struct elcl_tokenizer *tokenizer);
/* The id of a token spelled as in the vocabulary file, or -1. */
int32_t elcl_tokenizer_id(const struct elcl_tokenizer *tokenizer, const char *token);
/* A flag of a directory's tokenizer_config.json; `fallback` where there is no such file or key. */
int elcl_tokenizer_config_bool(const char *directory, const char *key, bool fallback, bool *out,
                               elcl_error *err);

#endif
