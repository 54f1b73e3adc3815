/* The parts that a tokenizer is loaded from. */
#ifndef ELCL_TEXT_TOKENIZER_LOAD_H
#define ELCL_TEXT_TOKENIZER_LOAD_H

#include "text/core.h"

/* Keeps a lying file from asking for gigabytes. */
#define ELCL_MAX_TOKEN_ID ((1 << 22) - 1)

struct cJSON;

/* A file's content; data is NULL when there is no such file. */
struct elcl_text_file {
    char *path;
    char *data;
    size_t n;
};

enum elcl_tokenizer_file {
    ELCL_FILE_TOKENIZER, /* tokenizer.json */
    ELCL_FILE_VOCAB,
    ELCL_FILE_MERGES,
    ELCL_FILE_CONFIG,       /* tokenizer_config.json */
    ELCL_FILE_SPECIAL_MAP,  /* special_tokens_map.json */
    ELCL_FILE_ADDED_TOKENS, /* added_tokens.json */
    ELCL_FILE_MODEL,        /* config.json */
    ELCL_FILE_SPM,          /* sentencepiece.bpe.model or spiece.model */
    ELCL_FILE_SOURCE_SPM,
    ELCL_FILE_TARGET_SPM,
    ELCL_FILE_TARGET_VOCAB, /* target_vocab.json */
    ELCL_FILE_SOURCE_WORDS, /* vocab-src.json */
    ELCL_FILE_TARGET_WORDS, /* vocab-tgt.json */
    ELCL_N_TOKENIZER_FILES
};

/* Builds a tokenizer from its files as elcl_tokenizer_load() does, but reads no file; the texts
 * need only live until it returns. *tokenizer becomes NULL when there is no vocabulary. */
int elcl_tokenizer_build(const struct elcl_text_file files[ELCL_N_TOKENIZER_FILES],
                         struct elcl_tokenizer **tokenizer, elcl_error *err);

/* ---- tokenizer_json.c: tokenizer.json -------------------------------------------------------- */

int elcl_json_build(struct elcl_tokenizer *t, const struct cJSON *root, const char *file,
                    elcl_error *err);

/* ---- tokenizer_python.c: files of transformers' Python classes ------------------------------- */

/* `config` is tokenizer_config.json or NULL. */
int elcl_python_build(struct elcl_tokenizer *t, const struct elcl_text_file *files,
                      const struct cJSON *config, elcl_error *err);

/* ---- tokenizer_class.c: classes and languages ------------------------------------------------ */

/* From tokenizer_config.json and config.json, each NULL or an object; OTHER when neither names a
 * class that is known. */
enum elcl_tokenizer_class elcl_class_find(const struct cJSON *config, const struct cJSON *model);
/* Sets t->class for vocab.json + merges.txt; refuses classes that are not byte-level. */
int elcl_class_find_byte_level(struct elcl_tokenizer *t, const struct cJSON *config,
                               const char *file, elcl_error *err);
/* The language codes of a class, in the order of their ids, and their number; NULL: none. */
const char *const *elcl_class_languages(enum elcl_tokenizer_class class, const struct cJSON *config,
                                        size_t *n);
/* Reads src_lang and legacy_behavior: where the languages of this tokenizer stand. */
int elcl_languages_read(struct elcl_tokenizer *t, const struct cJSON *config, const char *file,
                        elcl_error *err);

/* ---- tokenizer_vocab.c: the vocabulary and the merges ---------------------------------------- */

/* Adds a token of n bytes with its id unless it is there already; a contradiction is an error. */
int elcl_vocab_add(struct elcl_tokenizer *t, const char *token, size_t n, int32_t id, unsigned kind,
                   const char *file, elcl_error *err);
/* Reads the object of tokens and ids; `file` stands in messages. */
int elcl_vocab_read(struct elcl_tokenizer *t, const struct cJSON *vocab, const char *file,
                    elcl_error *err);
/* After all tokens are known: gives every byte its symbol. */
int elcl_vocab_spell_bytes(struct elcl_tokenizer *t, elcl_error *err);
/* Reads merges.txt, or the array of tokenizer.json: "left right" or ["left", "right"] each. */
int elcl_merges_read_text(struct elcl_tokenizer *t, const struct elcl_text_file *file,
                          elcl_error *err);
int elcl_merges_read_json(struct elcl_tokenizer *t, const struct cJSON *merges, const char *file,
                          elcl_error *err);

/* ---- tokenizer_special.c: special and added tokens ------------------------------------------- */

/* Adds a token that is recognized in texts; `added` names content, n and id. */
int elcl_special_add(struct elcl_tokenizer *t, const struct elcl_added *added, bool special,
                     const char *file, elcl_error *err);
/* Reads added_tokens of tokenizer.json. */
int elcl_special_read_json(struct elcl_tokenizer *t, const struct cJSON *array, const char *file,
                           elcl_error *err);
/* Reads tokenizer_config.json, special_tokens_map.json and added_tokens.json, each NULL or an
 * object, over the defaults of t->class. */
int elcl_special_read(struct elcl_tokenizer *t, const struct cJSON *config,
                      const struct cJSON *special_map, const struct cJSON *added_tokens,
                      const struct elcl_text_file *files, elcl_error *err);

#endif
