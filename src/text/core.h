/* What all kinds of tokenizers share: the vocabulary, and the encoder that they write ids into. */
#ifndef ELCL_TEXT_CORE_H
#define ELCL_TEXT_CORE_H

#include "base/strmap.h"
#include "base/util.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/normalizer.h"
#include "text/pretokenizer.h"
#include "text/spm.h"
#include "text/token_decoder.h"
#include "text/tokenizer.h"
#include "text/unigram.h"

/* Vocabulary files spell bytes as printable characters below this code. */
#define ELCL_BYTE_CODES 324

enum elcl_symbol_kind {
    ELCL_SYMBOL_TOKEN = 1,    /* has an id; 0: a hole in the vocabulary or a piece of merges only */
    ELCL_SYMBOL_VERBATIM = 2, /* its text is literal, not bytes spelled as characters */
    ELCL_SYMBOL_SPECIAL = 4,
};

/* A token, or a piece that occurs in merges only. */
struct elcl_symbol {
    uint32_t offset; /* of its spelling, in `text` */
    uint32_t length;
    unsigned kind; /* flags of enum elcl_symbol_kind */
};

/* The tokenizer classes of transformers that differ for elcl. */
enum elcl_tokenizer_class {
    ELCL_CLASS_GPT2,
    ELCL_CLASS_BART,
    ELCL_CLASS_BLENDERBOT,
    ELCL_CLASS_FSMT,
    ELCL_CLASS_M2M_100,
    ELCL_CLASS_MARIAN,
    ELCL_CLASS_MBART,
    ELCL_CLASS_MBART_50,
    ELCL_CLASS_NLLB,
    ELCL_CLASS_PEGASUS,
    ELCL_CLASS_T5,
    ELCL_CLASS_WHISPER,
    ELCL_CLASS_XGLM,
    ELCL_CLASS_BERT,
    ELCL_CLASS_BYT5,
    ELCL_CLASS_OTHER
};

struct elcl_encoder;

/* Encodes a word of tokenizer.json: at least one byte. */
typedef int (*elcl_word_fn)(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err);

/* Encodes valid UTF-8 of at least one byte; `begins`: s is the start of the whole text. */
typedef int (*elcl_encode_fn)(struct elcl_encoder *e, const char *s, size_t n, bool begins,
                              elcl_error *err);

/* The functions of one kind of tokenizer. encode() gets the text between added tokens. */
struct elcl_tokenizer_kind {
    elcl_encode_fn encode;
    /* Appends the text of n ids, which may be ill-formed UTF-8 where tokens are bytes. Sets
     * out->failed when memory is short. */
    int (*decode)(const struct elcl_tokenizer *t, const int32_t *ids, size_t n, bool skip_special,
                  struct elcl_str *out, elcl_error *err);
};
extern const struct elcl_tokenizer_kind elcl_kind_bytes; /* byte-level BPE */
extern const struct elcl_tokenizer_kind
    elcl_kind_json; /* tokenizer.json, unless it is byte-level */
extern const struct elcl_tokenizer_kind elcl_kind_byt5; /* a byte is a token */
extern const struct elcl_tokenizer_kind elcl_kind_spm;  /* SentencePiece model files */
extern const struct elcl_tokenizer_kind elcl_kind_fsmt;
extern const struct elcl_tokenizer_kind elcl_kind_words; /* tokens separated by blanks */

struct elcl_tokenizer {
    const struct elcl_tokenizer_kind *kind;
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
    int32_t eos;                           /* the token that ends a text; -1: none */
    bool fuse_unk;                         /* neighboring unknown pieces make one unk */
    bool add_prefix_space;                 /* byte-level BPE: a text begins with a space */
    bool clean_up;                         /* of decoded text: elcl_clean_up() */
    /* From tokenizer.json. */
    elcl_word_fn encode_word; /* by the type of the model */
    struct elcl_normalizer normalizer;
    struct elcl_added_list normalized; /* added tokens that are searched for in normalized text */
    struct elcl_pretokenizer pre;      /* empty where GPT-2's rule cuts words into bytes */
    struct elcl_decoder decoder;
    struct elcl_unigram unigram;
    bool byte_fallback; /* unknown characters become tokens of their bytes, if all are there */
    bool ignore_merges; /* a word that is a token is not cut */
    char *word_mark;    /* BPE: ends the last character of a word; WordPiece: begins all pieces of a
                         * word but the first; NULL: none */
    size_t max_word;    /* WordPiece: a word of more characters is unknown */
    int32_t byte_token[256]; /* -1: none */
    /* From SentencePiece model files. */
    struct elcl_spm *spm;
    struct elcl_spm *target_spm;   /* of the target language; NULL: the same */
    struct elcl_tokenizer *target; /* another vocabulary for decoding; NULL: the same */
    /* The ids around a text, unless the model's configuration decides. */
    bool wraps;
    bool eos_once;     /* no second end after a text that ends with it */
    bool ends_targets; /* outputs end with eos, whatever is around a source */
    struct elcl_wrap wrap;
    char source_language[32]; /* the default; "": none */
    bool language_last;       /* the source's language follows the text */
    /* Follows transformers' Python tokenizers (vocab.json + merges.txt), not the tokenizers library
     * (tokenizer.json). */
    bool python;
    char *path; /* of the vocabulary, for messages */
};

/* ---- the vocabulary ------------------------------------------------------------------------ */

/* Returns the spelling of a symbol, not NUL-terminated; symbols[symbol].length is its length. */
static inline const char *elcl_symbol_text(const struct elcl_tokenizer *t, int32_t symbol)
{
    return t->text.data + t->symbols[symbol].offset;
}
static inline bool elcl_is_token(const struct elcl_tokenizer *t, int32_t id)
{
    return id >= 0 && id < t->size && t->symbols[id].kind & ELCL_SYMBOL_TOKEN;
}
/* Whether decoding skips this id. */
static inline bool elcl_is_skipped(const struct elcl_tokenizer *t, int32_t id, bool skip_special)
{
    return skip_special && t->symbols[id].kind & ELCL_SYMBOL_SPECIAL;
}

/* Appends decoded bytes as text: what is not UTF-8 becomes U+FFFD, and so do NULs, which would end
 * the caller's string. */
void elcl_tokenizer_repair(const struct elcl_str *bytes, struct elcl_str *text);

/* ---- encoding -------------------------------------------------------------------------------- */

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
/* Emits unk for a piece of n bytes; ELCL_E_FORMAT if the tokenizer has no unk. */
int elcl_encoder_emit_unknown(struct elcl_encoder *e, const char *piece, size_t n, elcl_error *err);
/* Makes room for n symbols in e->symbols. */
int elcl_encoder_room(struct elcl_encoder *e, size_t n, elcl_error *err);
/* Merges the first n of e->symbols and emits the result; symbols without an id become unk. */
int elcl_encoder_emit_symbols(struct elcl_encoder *e, size_t n, elcl_error *err);
/* Emits the added tokens of `list` found in the text; passes the text between them to `encode`. */
int elcl_encode_around(struct elcl_encoder *e, const struct elcl_added_list *list, const char *s,
                       size_t n, bool begins, elcl_encode_fn encode, elcl_error *err);
/* Normalizes, cuts into words and encodes text between added tokens. */
int elcl_encode_json(struct elcl_encoder *e, const char *s, size_t n, bool begins, elcl_error *err);
int elcl_word_unigram(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err);
int elcl_word_characters(struct elcl_encoder *e, const char *s, size_t n,
                         elcl_error *err);                                             /* BPE */
int elcl_word_bytes(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err); /* BPE */
int elcl_word_level(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err);
int elcl_word_piece(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err);
/* Passes each word between white space to `encode`. */
int elcl_encode_words(struct elcl_encoder *e, const char *s, size_t n, bool begins,
                      bool (*is_space)(uint32_t code), elcl_encode_fn encode, elcl_error *err);

#endif
