/* What the files of the tokenizers share. */
#ifndef ELCL_FORMAT_TOKENIZER_IMPL_H
#define ELCL_FORMAT_TOKENIZER_IMPL_H

#include "base/util.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/token_decoder.h"
#include "text/normalizer.h"
#include "text/spm.h"
#include "base/strmap.h"
#include "text/tokenizer.h"
#include "text/unigram.h"

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

enum elcl_tokenizer_kind {
    ELCL_KIND_BYTES,   /* byte-level BPE */
    ELCL_KIND_CHARS,   /* tokenizer.json: BPE over characters, made of a SentencePiece model */
    ELCL_KIND_UNIGRAM, /* tokenizer.json of type Unigram */
    ELCL_KIND_SPM,     /* SentencePiece model files */
    ELCL_KIND_WORDS,   /* BPE over the characters of words that white space separates (FSMT) */
};

/* transformers' tokenizer classes, as far as they differ. */
enum elcl_tokenizer_class {
    ELCL_CLASS_GPT2,
    ELCL_CLASS_BART,
    ELCL_CLASS_FSMT,
    ELCL_CLASS_M2M_100,
    ELCL_CLASS_MARIAN,
    ELCL_CLASS_MBART,
    ELCL_CLASS_MBART_50,
    ELCL_CLASS_NLLB,
    ELCL_CLASS_PEGASUS,
    ELCL_CLASS_T5,
    ELCL_CLASS_OTHER
};

/* How tokenizer.json cuts normalized text into words. */
struct elcl_cutting {
    bool at_white_space; /* white space separates words and is dropped */
    bool metaspace;      /* blanks become U+2581, and words begin there */
    bool whole;          /* ... but words are not cut there */
    enum { ELCL_PREPEND_ALWAYS, ELCL_PREPEND_FIRST, ELCL_PREPEND_NEVER } prepend;
};

struct elcl_tokenizer {
    enum elcl_tokenizer_kind kind;
    enum elcl_tokenizer_class class;
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
    int32_t eos;                           /* what ends a text; -1: none */
    bool fuse_unk;                         /* neighboring unknown pieces make one unk */
    bool add_prefix_space;
    bool clean_up; /* of decoded text: elcl_clean_up() */
    /* Of tokenizer.json, where it is not byte-level. */
    struct elcl_normalizer normalizer;
    struct elcl_added_list normalized; /* added tokens that are looked for in normalized text */
    struct elcl_cutting cutting;
    struct elcl_decoder decoder;
    struct elcl_unigram unigram;
    bool byte_fallback; /* unknown characters become tokens of their bytes, where all are there */
    bool ignore_merges; /* a word that is a token is not cut */
    int32_t byte_token[256]; /* -1: none */
    /* Of SentencePiece model files. */
    struct elcl_spm *spm;
    struct elcl_spm *target_spm;   /* of the target language; NULL: the same */
    struct elcl_tokenizer *target; /* another vocabulary for decoding; NULL: the same */
    /* What stands around a text, unless the model's configuration says. */
    bool wraps;
    bool eos_once; /* an end that the text brings itself is not doubled */
    struct elcl_wrap wrap;
    char source_language[32]; /* the one that counts without a choice; "": none */
    bool language_last;       /* the source's language follows the text */
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
    ELCL_FILE_MODEL,        /* config.json */
    ELCL_FILE_SPM,          /* sentencepiece.bpe.model or spiece.model */
    ELCL_FILE_SOURCE_SPM,
    ELCL_FILE_TARGET_SPM,
    ELCL_FILE_TARGET_VOCAB, /* target_vocab.json */
    ELCL_FILE_SOURCE_WORDS, /* vocab-src.json */
    ELCL_FILE_TARGET_WORDS, /* vocab-tgt.json */
    ELCL_N_TOKENIZER_FILES
};

/* A tokenizer from its files: tokenizer.json when it is there, otherwise SentencePiece models,
 * vocab-src.json + vocab-tgt.json + merges.txt, or vocab.json + merges.txt. Reads no file; the
 * texts need only live until it returns. *tokenizer becomes NULL when there is no vocabulary. */
int elcl_tokenizer_build(const struct elcl_text_file files[ELCL_N_TOKENIZER_FILES],
                         struct elcl_tokenizer **tokenizer, elcl_error *err);

struct cJSON;

/* ---- tokenizer.c: what the kinds of tokenizers encode into ----------------------------------- */

struct elcl_encoder {
    const struct elcl_tokenizer *t;
    const struct elcl_spm *spm; /* t's, of source or target */
    struct elcl_bpe_scratch scratch;
    struct elcl_unigram_scratch cuts;
    int32_t *symbols; /* of the current word */
    size_t max_symbols;
    int32_t *ids; /* [n_ids] */
    size_t n_ids, max_ids;
};

int elcl_encoder_emit(struct elcl_encoder *e, int32_t id, elcl_error *err);
/* Room for n symbols in e->symbols. */
int elcl_encoder_room(struct elcl_encoder *e, size_t n, elcl_error *err);
/* The first n symbols as ids; those that are no tokens become unk. */
int elcl_encoder_emit_symbols(struct elcl_encoder *e, size_t n, elcl_error *err);
/* Text and the added tokens of a list in it: `use` gets the text between them, `begins` where it
 * is the beginning of all. */
typedef int (*elcl_use_text)(struct elcl_encoder *e, const char *s, size_t n, bool begins,
                             elcl_error *err);
int elcl_encode_around(struct elcl_encoder *e, const struct elcl_added_list *list, const char *s,
                       size_t n, bool begins, elcl_use_text use, elcl_error *err);
/* White space as added tokens eat it: Python's str.isspace() knows four separators more. */
bool elcl_is_eaten(const struct elcl_tokenizer *t, uint32_t code);

/* ---- tokenizer_pieces.c: Unigram, and BPE over characters ------------------------------------ */

int elcl_pieces_encode(struct elcl_encoder *e, const char *s, size_t n, bool begins,
                       elcl_error *err);

/* ---- tokenizer_spm.c: SentencePiece model files ---------------------------------------------- */

int elcl_spm_encode_text(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err);
int elcl_spm_decode_ids(const struct elcl_tokenizer *t, const int32_t *ids, size_t n,
                        bool skip_special, struct elcl_str *out, elcl_error *err);
/* The vocabulary and the special tokens of the class; config is tokenizer_config.json or NULL. */
int elcl_spm_build(struct elcl_tokenizer *t, const struct elcl_text_file *files,
                   const struct cJSON *config, elcl_error *err);

/* ---- tokenizer_words.c: FSMT ----------------------------------------------------------------- */

int elcl_words_encode(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err);
int elcl_words_decode(const struct elcl_tokenizer *t, const int32_t *ids, size_t n,
                      bool skip_special, struct elcl_str *out);
int elcl_words_build(struct elcl_tokenizer *t, const struct elcl_text_file *files,
                     const struct cJSON *config, elcl_error *err);

/* ---- tokenizer_json.c: tokenizer.json -------------------------------------------------------- */

int elcl_json_build(struct elcl_tokenizer *t, const struct cJSON *root, const char *file,
                    elcl_error *err);

/* ---- tokenizer_class.c: classes and languages ------------------------------------------------ */

/* From tokenizer_config.json and config.json, each NULL or an object; OTHER when neither names a
 * class that is known. */
enum elcl_tokenizer_class elcl_class_find(const struct cJSON *config, const struct cJSON *model);
/* The language codes of a class, in the order of their ids, and how many; NULL: none. */
const char *const *elcl_class_languages(enum elcl_tokenizer_class class, const struct cJSON *config,
                                        size_t *n);
/* Reads src_lang and legacy_behavior: where the languages of this tokenizer stand. */
int elcl_languages_read(struct elcl_tokenizer *t, const struct cJSON *config, const char *file,
                        elcl_error *err);

/* ---- tokenizer_vocab.c: the vocabulary and the merges -------------------------------------- */

/* The spelling of a token, NUL-terminated nowhere: length in symbols[id]. */
static inline const char *elcl_symbol_text(const struct elcl_tokenizer *t, int32_t symbol)
{
    return t->text.data + t->symbols[symbol].offset;
}
static inline bool elcl_is_token(const struct elcl_tokenizer *t, int32_t id)
{
    return id >= 0 && id < t->size && t->symbols[id].kind & ELCL_SYMBOL_TOKEN;
}
/* elcl_vocab_add() of a spelling of n bytes. */
int elcl_vocab_add_n(struct elcl_tokenizer *t, const char *token, size_t n, int32_t id,
                     unsigned kind, const char *file, elcl_error *err);
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

/* A token that is recognized in texts; `added` names content, n and id. */
int elcl_special_add(struct elcl_tokenizer *t, const struct elcl_added *added, bool special,
                     const char *file, elcl_error *err);
/* added_tokens of tokenizer.json. */
int elcl_special_read_json(struct elcl_tokenizer *t, const struct cJSON *array, const char *file,
                           elcl_error *err);
/* tokenizer_config.json, special_tokens_map.json and added_tokens.json, each NULL or an object,
 * over the defaults of t->class. */
int elcl_special_read(struct elcl_tokenizer *t, const struct cJSON *config,
                      const struct cJSON *special_map, const struct cJSON *added_tokens,
                      const struct elcl_text_file files[ELCL_N_TOKENIZER_FILES], elcl_error *err);

/* vocab.json + merges.txt: sets t->class, refuses classes that are not byte-level. */
int elcl_special_find_class(struct elcl_tokenizer *t, const struct cJSON *config, const char *file,
                            elcl_error *err);

#endif
