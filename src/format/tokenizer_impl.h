/* What the files of the byte-level BPE tokenizer share. */
#ifndef ELCL_FORMAT_TOKENIZER_IMPL_H
#define ELCL_FORMAT_TOKENIZER_IMPL_H

#include "base/util.h"
#include "format/added.h"
#include "format/bpe.h"
#include "format/strmap.h"
#include "format/tokenizer.h"

/* Bytes are spelled in vocabulary files as printable characters below this code. */
#define ELCL_BYTE_CODES 324

/* Keeps a lying file from asking for gigabytes. */
#define ELCL_MAX_TOKEN_ID ((1 << 22) - 1)

enum elcl_symbol_kind {
    ELCL_SYMBOL_TOKEN = 1,    /* has an id; 0: a hole in the vocabulary or a piece of merges only */
    ELCL_SYMBOL_VERBATIM = 2, /* its text stands for itself, not for bytes spelled as characters */
    ELCL_SYMBOL_SPECIAL = 4,
};

/* A token, or a piece that occurs in merges only. */
struct elcl_symbol {
    uint32_t offset; /* of its spelling, in `text` */
    uint32_t length;
    unsigned kind; /* enum elcl_symbol_kind, or-ed */
};

struct elcl_tokenizer {
    struct elcl_strmap symbol_of; /* spelling -> symbol */
    struct elcl_str text;
    struct elcl_symbol *symbols; /* [n_symbols]; below `size` a symbol is a token id */
    size_t n_symbols, max_symbols;
    int32_t size;
    struct elcl_merges merges;
    struct elcl_added_list added;
    int32_t byte_symbol[256];
    int16_t byte_of_code[ELCL_BYTE_CODES]; /* -1: the character spells no byte */
    int32_t unk;                           /* -1: none */
    bool fuse_unk;                         /* neighbouring unknown pieces make one unk */
    bool add_prefix_space;
    /* The semantics of transformers' Python tokenizers (for vocab.json + merges.txt); otherwise
     * those of the tokenizers library (for tokenizer.json). */
    bool python;
    char *path; /* of the vocabulary, for messages */
};

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
    ELCL_N_TOKENIZER_FILES
};

/* A tokenizer from its files: tokenizer.json when it is there, otherwise vocab.json + merges.txt.
 * Reads no file; the texts need only live until it returns. */
int elcl_tokenizer_build(const struct elcl_text_file files[ELCL_N_TOKENIZER_FILES],
                         struct elcl_tokenizer **tokenizer, elcl_error *err);

struct cJSON;

/* ---- tokenizer_vocab.c: the vocabulary and the merges -------------------------------------- */

/* The object of tokens and ids; `file` stands in messages. */
int elcl_vocab_read(struct elcl_tokenizer *t, const struct cJSON *vocab, const char *file,
                    elcl_error *err);
/* A token with its id unless it is there already; a contradiction is an error. */
int elcl_vocab_add(struct elcl_tokenizer *t, const char *token, int32_t id, unsigned kind,
                   const char *file, elcl_error *err);
/* After all tokens are known: gives every byte its symbol. */
int elcl_vocab_spell_bytes(struct elcl_tokenizer *t, elcl_error *err);
/* merges.txt, or the array of tokenizer.json: "left right" or ["left", "right"] each. */
int elcl_merges_read_text(struct elcl_tokenizer *t, const struct elcl_text_file *file,
                          elcl_error *err);
int elcl_merges_read_json(struct elcl_tokenizer *t, const struct cJSON *merges, const char *file,
                          elcl_error *err);

/* ---- tokenizer_special.c: special and added tokens ----------------------------------------- */

/* added_tokens of tokenizer.json. */
int elcl_special_read_json(struct elcl_tokenizer *t, const struct cJSON *array, const char *file,
                           elcl_error *err);
/* tokenizer_config.json, special_tokens_map.json and added_tokens.json, each NULL or an object,
 * over the defaults of the tokenizer's class. */
int elcl_special_read(struct elcl_tokenizer *t, const struct cJSON *config,
                      const struct cJSON *special_map, const struct cJSON *added_tokens,
                      const struct elcl_text_file files[ELCL_N_TOKENIZER_FILES], elcl_error *err);

#endif
