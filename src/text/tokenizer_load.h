/* The parts of loading a tokenizer. */
#ifndef ELCL_TEXT_TOKENIZER_LOAD_H
#define ELCL_TEXT_TOKENIZER_LOAD_H

#include "text/core.h"

/* Keeps a bad file from allocating gigabytes. */
#define ELCL_MAX_TOKEN_ID ((1 << 22) - 1)

struct cJSON;

/* A file's content; data is NULL if the file does not exist. */
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

extern const char *const elcl_tokenizer_file_names[ELCL_N_TOKENIZER_FILES];

/* Builds a tokenizer from texts in memory; otherwise the same as elcl_tokenizer_load(). The texts
 * need only live until it returns. */
int elcl_tokenizer_build(const struct elcl_text_file files[ELCL_N_TOKENIZER_FILES],
                         struct elcl_tokenizer **tokenizer, elcl_error *err);

/* ---- tokenizer_json.c: tokenizer.json -------------------------------------------------------- */

/* `config` is tokenizer_config.json or NULL. */
int elcl_json_build(struct elcl_tokenizer *t, const struct cJSON *root, const struct cJSON *config,
                    const struct elcl_text_file *files, elcl_error *err);

/* ---- post_processor.c ------------------------------------------------------------------------ */

/* Reads the ids around a text from the value of the key `post_processor`. */
int elcl_post_processor_read(struct elcl_tokenizer *t, const struct cJSON *part, const char *file,
                             elcl_error *err);

/* ---- tokenizer_python.c: files of transformers' Python classes ------------------------------- */

/* `config` is tokenizer_config.json or NULL. */
int elcl_python_build(struct elcl_tokenizer *t, const struct elcl_text_file *files,
                      const struct cJSON *config, elcl_error *err);

/* ---- tokenizer_ctranslate2.c ----------------------------------------------------------------- */

int elcl_ct2_tokenizer_load(const char *directory, struct elcl_tokenizer **tokenizer,
                            elcl_error *err);
/* Checks that a tokenizer from other files has the ids of the directory's vocabulary. */
int elcl_ct2_tokenizer_check(const char *directory, const struct elcl_tokenizer *tokenizer,
                             elcl_error *err);

/* ---- tokenizer_ggml.c ------------------------------------------------------------------------ */

int elcl_ggml_tokenizer_load(const char *path, struct elcl_tokenizer **tokenizer, elcl_error *err);

/* ---- tokenizer_gguf.c ------------------------------------------------------------------------ */

/* *tokenizer becomes NULL if the file has no tokenizer. */
int elcl_gguf_tokenizer_load(const char *path, struct elcl_tokenizer **tokenizer, elcl_error *err);

/* ---- tokenizer_whisper.c --------------------------------------------------------------------- */

/* Makes a byte-level tokenizer one of speech if it has <|startoftranscript|>: decoded texts have no
 * special tokens and no times, and nothing is done to their blanks. Call it after all tokens are
 * added. */
void elcl_whisper_complete(struct elcl_tokenizer *t);
/* Completes a tokenizer that has only a vocabulary, with bytes spelled as in vocab.json, and its
 * path. */
int elcl_whisper_build(struct elcl_tokenizer *t, elcl_error *err);

/* ---- tokenizer_class.c: classes and languages ------------------------------------------------ */

/* Finds the class in tokenizer_config.json or config.json, each NULL or an object; OTHER if neither
 * names a known class. */
enum elcl_tokenizer_class elcl_class_find(const struct cJSON *config, const struct cJSON *model);
/* Sets t->class for vocab.json + merges.txt; refuses classes that are not byte-level. */
int elcl_class_find_byte_level(struct elcl_tokenizer *t, const struct cJSON *config,
                               const char *file, elcl_error *err);
/* Sets the ids around a text where the class decides. `cls` and `sep` are -1 if there is no such
 * token. */
void elcl_class_wrap(struct elcl_tokenizer *t, int32_t cls, int32_t sep);
/* Returns the *n language codes of a class in the order of their ids, or NULL. */
const char *const *elcl_class_languages(enum elcl_tokenizer_class class, const struct cJSON *config,
                                        size_t *n);
/* Reads src_lang and legacy_behavior: the default source language and its place. */
int elcl_languages_read(struct elcl_tokenizer *t, const struct cJSON *config, const char *file,
                        elcl_error *err);

/* ---- tokenizer_vocab.c: the vocabulary and the merges ---------------------------------------- */

/* Parses a file of JSON. *root stays NULL if there is no such file. */
int elcl_text_file_parse(const struct elcl_text_file *file, struct cJSON **root, elcl_error *err);
/* Adds a token of n bytes with its id unless it exists; a contradiction is an error. */
int elcl_vocab_add(struct elcl_tokenizer *t, const char *token, size_t n, int32_t id, unsigned kind,
                   const char *file, elcl_error *err);
/* Reads the object of tokens and ids; messages name `file`. */
int elcl_vocab_read(struct elcl_tokenizer *t, const struct cJSON *vocab, const char *file,
                    elcl_error *err);
/* Gives every byte its symbol. Call it after all tokens are added. */
int elcl_vocab_spell_bytes(struct elcl_tokenizer *t, elcl_error *err);
/* Reads merges.txt, or the array of tokenizer.json: "left right" or ["left", "right"] each. */
int elcl_merges_read_text(struct elcl_tokenizer *t, const struct elcl_text_file *file,
                          elcl_error *err);
int elcl_merges_read_json(struct elcl_tokenizer *t, const struct cJSON *merges, const char *file,
                          elcl_error *err);

/* ---- tokenizer_special.c: special and added tokens ------------------------------------------- */

/* Adds a token that is recognized in texts; `added` has content, n and id. */
int elcl_special_add(struct elcl_tokenizer *t, const struct elcl_added *added, bool special,
                     const char *file, elcl_error *err);
/* Reads added_tokens of tokenizer.json. */
int elcl_special_read_json(struct elcl_tokenizer *t, const struct cJSON *array, const char *file,
                           elcl_error *err);
/* Reads the special tokens of tokenizer_config.json (`config`, an object or NULL),
 * special_tokens_map.json and added_tokens.json, and completes the ids around a text. They override
 * the defaults of t->class. Call it before elcl_vocab_spell_bytes(). */
int elcl_special_read(struct elcl_tokenizer *t, const struct cJSON *config,
                      const struct elcl_text_file *files, elcl_error *err);

#endif
