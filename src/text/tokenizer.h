/* Converts text to token ids and back, with any kind of tokenizer. A tokenizer never changes after
 * loading: threads may share it. */
#ifndef ELCL_TEXT_TOKENIZER_H
#define ELCL_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

struct elcl_tokenizer;

/* The vocabulary files that elcl_tokenizer_load() looks for, for messages. */
#define ELCL_TOKENIZER_FILES                                                                       \
    "tokenizer.json, source.spm, sentencepiece.bpe.model, spiece.model, vocab-src.json or "        \
    "vocab.json with merges.txt"

/* Loads tokenizer.json from a directory, or else its SentencePiece models, vocab-src.json +
 * vocab-tgt.json + merges.txt, or vocab.json + merges.txt, with the special tokens from
 * tokenizer_config.json, special_tokens_map.json and added_tokens.json. Files of whisper.cpp and
 * GGUF files have their own vocabulary. If there is none, the call succeeds and *tokenizer becomes
 * NULL. */
int elcl_tokenizer_load(const char *directory, struct elcl_tokenizer **tokenizer, elcl_error *err);
void elcl_tokenizer_destroy(struct elcl_tokenizer **tokenizer); /* NULL is fine */

/* Encodes n bytes of UTF-8 without adding ids around them; special tokens inside the text are
 * recognized. *ids is freed with elcl_free(). ELCL_E_FORMAT names the first bad byte. */
int elcl_tokenizer_encode(const struct elcl_tokenizer *tokenizer, const char *text, size_t n,
                          int32_t **ids, size_t *n_ids, elcl_error *err);
/* Encodes a text in the language of the output. ELCL_E_UNSUPPORTED if that language has its own
 * vocabulary but no merges (FSMT). */
int elcl_tokenizer_encode_target(const struct elcl_tokenizer *tokenizer, const char *text, size_t n,
                                 int32_t **ids, size_t *n_ids, elcl_error *err);
/* Decodes ids to UTF-8, NUL-terminated, freed with elcl_free(). Ill-formed bytes become U+FFFD as
 * with Python's errors="replace". So does U+0000, which would end the string. Ids without
 * a token, as padded vocabularies have them, add nothing. An id below 0 is an error. */
int elcl_tokenizer_decode(const struct elcl_tokenizer *tokenizer, const int32_t *ids, size_t n_ids,
                          bool skip_special, char **text, elcl_error *err);
/* Returns a token's n bytes as the vocabulary spells them, or NULL if there is no such token. */
const char *elcl_tokenizer_token(const struct elcl_tokenizer *tokenizer, int32_t id, bool target,
                                 size_t *n);
/* Returns the id of a token spelled as in the vocabulary file, or -1. */
int32_t elcl_token_id(const struct elcl_tokenizer *tokenizer, const char *token);
/* Return the largest id + 1 of sources and of outputs. */
int32_t elcl_tokenizer_size(const struct elcl_tokenizer *tokenizer);
int32_t elcl_tokenizer_target_size(const struct elcl_tokenizer *tokenizer);
/* Reads a flag from a directory's tokenizer_config.json; *out = fallback if the file or the key is
 * missing. */
int elcl_tokenizer_config_bool(const char *directory, const char *key, bool fallback, bool *out,
                               elcl_error *err);

/* The ids before and after the ids of a text. */
#define ELCL_MAX_WRAP 8
struct elcl_wrap {
    int n_before, n_after;
    int32_t before[ELCL_MAX_WRAP], after[ELCL_MAX_WRAP];
};

/* Returns false if the model's configuration decides this (bos_token_id, eos_token_id). */
bool elcl_tokenizer_wraps(const struct elcl_tokenizer *tokenizer);
/* Finds the ids around a source of n ids. `source` and `target` are language codes or NULL.
 * ELCL_E_ARG for a code that the model does not know. */
int elcl_tokenizer_wrap(const struct elcl_tokenizer *tokenizer, const int32_t *ids, size_t n,
                        const char *source, const char *target, struct elcl_wrap *wrap,
                        elcl_error *err);

/* Finds the ids around an output of n ids, except for the language that is its first token. */
void elcl_tokenizer_wrap_target(const struct elcl_tokenizer *tokenizer, const int32_t *ids,
                                size_t n, struct elcl_wrap *wrap);

/* Where a model takes the language of its output from. */
enum elcl_target_language {
    ELCL_TARGET_NONE,   /* the model has no languages */
    ELCL_TARGET_START,  /* the decoder starts with it */
    ELCL_TARGET_FIRST,  /* the language is the first token after the decoder's start */
    ELCL_TARGET_SOURCE, /* the source begins with it */
};
enum elcl_target_language elcl_tokenizer_target_language(const struct elcl_tokenizer *tokenizer);
/* Returns the n bytes of the language code that a token stands for, or NULL. */
const char *elcl_tokenizer_code(const struct elcl_tokenizer *tokenizer, int32_t id, size_t *n);
/* Appends the codes of all languages, each with a line end. */
int elcl_tokenizer_list_languages(const struct elcl_tokenizer *tokenizer, struct elcl_str *codes,
                                  elcl_error *err);
/* Finds the token of a language code; messages name `role` ("source" or "target"). */
int elcl_tokenizer_language(const struct elcl_tokenizer *tokenizer, const char *role,
                            const char *code, int32_t *id, elcl_error *err);

#endif
