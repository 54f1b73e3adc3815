/* Text <-> token ids: one face for all tokenizers. Immutable after loading: safe to share. */
#ifndef ELCL_TEXT_TOKENIZER_H
#define ELCL_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct elcl_tokenizer;

/* The vocabularies that a directory may hold, for messages. */
#define ELCL_TOKENIZER_FILES                                                                       \
    "tokenizer.json, source.spm, sentencepiece.bpe.model, spiece.model, vocab-src.json or "        \
    "vocab.json with merges.txt"

/* Loads tokenizer.json of a directory, or else its SentencePiece models, vocab-src.json +
 * vocab-tgt.json + merges.txt, or vocab.json + merges.txt, with the special tokens that
 * tokenizer_config.json, special_tokens_map.json and added_tokens.json name. When the directory has
 * no vocabulary, *tokenizer becomes NULL and the call succeeds. */
int elcl_tokenizer_load(const char *directory, struct elcl_tokenizer **tokenizer, elcl_error *err);
void elcl_tokenizer_destroy(struct elcl_tokenizer **tokenizer); /* NULL is fine */

/* n bytes of UTF-8 -> ids, nothing added around them; special tokens that stand in the text are
 * recognized. *ids is freed with elcl_free(). ELCL_E_FORMAT names the first bad byte. */
int elcl_tokenizer_encode(const struct elcl_tokenizer *tokenizer, const char *text, size_t n,
                          int32_t **ids, size_t *n_ids, elcl_error *err);
/* The same of a text in the output's language. ELCL_E_UNSUPPORTED where that has a vocabulary and
 * no merges of its own (FSMT). */
int elcl_tokenizer_encode_target(const struct elcl_tokenizer *tokenizer, const char *text, size_t n,
                                 int32_t **ids, size_t *n_ids, elcl_error *err);
/* ids -> UTF-8, NUL-terminated, freed with elcl_free(). Bytes that are not UTF-8 become U+FFFD as
 * in Python's errors="replace", and so does U+0000, which would end the string; ids outside the
 * vocabulary are an error. */
int elcl_tokenizer_decode(const struct elcl_tokenizer *tokenizer, const int32_t *ids, size_t n_ids,
                          bool skip_special, char **text, elcl_error *err);
/* Largest id + 1, of sources and of outputs. */
int32_t elcl_tokenizer_size(const struct elcl_tokenizer *tokenizer);
int32_t elcl_tokenizer_target_size(const struct elcl_tokenizer *tokenizer);
/* A flag of a directory's tokenizer_config.json; `fallback` where there is no such file or key. */
int elcl_tokenizer_config_bool(const char *directory, const char *key, bool fallback, bool *out,
                               elcl_error *err);

/* What stands around the ids of a text. */
#define ELCL_MAX_WRAP 8
struct elcl_wrap {
    int n_before, n_after;
    int32_t before[ELCL_MAX_WRAP], after[ELCL_MAX_WRAP];
};

/* false: the tokenizer leaves that to the model's configuration (bos_token_id, eos_token_id). */
bool elcl_tokenizer_wraps(const struct elcl_tokenizer *tokenizer);
/* For a text of n ids and the languages of source and target, each NULL where none was chosen. A
 * code that the model does not know, or any where it knows none, is ELCL_E_ARG. */
int elcl_tokenizer_wrap(const struct elcl_tokenizer *tokenizer, const int32_t *ids, size_t n,
                        const char *source, const char *target, struct elcl_wrap *wrap,
                        elcl_error *err);

/* The same for the text of an output, whose language, where that is its first token, is the
 * caller's to put before. */
void elcl_tokenizer_wrap_target(const struct elcl_tokenizer *tokenizer, const int32_t *ids,
                                size_t n, struct elcl_wrap *wrap);

/* How a model is told the language of its output, after the kind of its tokenizer. */
enum elcl_target_language {
    ELCL_TARGET_NONE,   /* it has no languages */
    ELCL_TARGET_START,  /* the decoder starts with it */
    ELCL_TARGET_FIRST,  /* it is the first token after the decoder's start */
    ELCL_TARGET_SOURCE, /* it stands before the source */
};
enum elcl_target_language elcl_tokenizer_target_language(const struct elcl_tokenizer *tokenizer);
/* The token of a language code; `role` ("source" or "target") stands in messages. */
int elcl_tokenizer_language(const struct elcl_tokenizer *tokenizer, const char *role,
                            const char *code, int32_t *id, elcl_error *err);

#endif
