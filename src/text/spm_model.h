/* The parts of a SentencePiece model: what spm_read.c reads, spm_normalize.c and spm_cut.c use. */
#ifndef ELCL_TEXT_SPM_MODEL_H
#define ELCL_TEXT_SPM_MODEL_H

#include "base/strmap.h"
#include "text/added_tokens.h"
#include "text/charsmap.h"
#include "text/spm.h"
#include "text/unigram.h"

/* The numbers of sentencepiece_model.proto. */
enum elcl_spm_type {
    ELCL_SPM_NORMAL = 1,
    ELCL_SPM_UNKNOWN = 2,
    ELCL_SPM_CONTROL = 3,
    ELCL_SPM_USER = 4,   /* never cut, and found in texts before all else */
    ELCL_SPM_UNUSED = 5, /* its text is cut further */
    ELCL_SPM_BYTE = 6,
};
enum elcl_spm_algorithm {
    ELCL_SPM_UNIGRAM = 1,
    ELCL_SPM_BPE = 2,
    ELCL_SPM_WORD = 3,
    ELCL_SPM_CHAR = 4,
};

struct elcl_spm_piece {
    uint32_t offset, length; /* of its spelling, in `text` */
    enum elcl_spm_type type;
    float score;
};

/* NormalizerSpec: changes of a text before it is cut, or after pieces are joined. */
struct elcl_spm_rules {
    struct elcl_charsmap map;
    bool dummy_space; /* a space before the text */
    bool trims;       /* no space at both ends, one between words */
    bool escapes;     /* spaces become U+2581 */
};

struct elcl_spm {
    char *path;
    struct elcl_str text;
    struct elcl_spm_piece *pieces; /* [n] */
    size_t n, max;
    size_t longest; /* piece that a text can have, in bytes */
    bool has_unused;
    /* Spelling -> id. A reserved piece (unknown, control, byte) may be spelled as another one. */
    struct elcl_strmap ordinary, reserved;
    struct elcl_added_list symbols; /* of type USER; their lstrip and others do not count */
    struct elcl_unigram unigram;
    int32_t unknown;
    enum elcl_spm_algorithm algorithm;
    bool byte_fallback;
    bool space_last;                /* the dummy space follows the text */
    struct elcl_str unknown_text;   /* what the unknown piece decodes to */
    struct elcl_spm_rules rules;    /* of texts */
    struct elcl_spm_rules backward; /* of decoded texts; without a map: none */
};

/* Fills a zeroed model from a file's content. */
int elcl_spm_read(struct elcl_spm *spm, const char *bytes, size_t n, elcl_error *err);

int elcl_spm_take_parts(struct elcl_spm *spm, const struct elcl_spm_parts *parts, elcl_error *err);

/* Returns the id of a spelling, reserved pieces first; the unknown piece's if there is none. */
int32_t elcl_spm_id(const struct elcl_spm *spm, const char *s, size_t n);
/* The same without reserved pieces, which no text is cut into. */
static inline int32_t elcl_spm_ordinary_id(const struct elcl_spm *spm, const char *s, size_t n)
{
    const int32_t id = elcl_strmap_get(&spm->ordinary, s, n);
    return id >= 0 ? id : spm->unknown;
}
/* Returns the value of a piece such as <0x0A>, or -1. */
int elcl_spm_byte(const char *s, size_t n);

/* Appends n bytes after the rules. `symbols` is NULL or a list of what they must not change. */
void elcl_spm_normalize(const struct elcl_spm_rules *rules, const struct elcl_added_list *symbols,
                        bool space_last, const char *s, size_t n, struct elcl_str *out);

/* Receives the pieces of a text from left to right, each with an id. */
typedef int (*elcl_spm_take)(void *user, const char *s, size_t n, int32_t id, elcl_error *err);
/* Cuts a normalized text by the model's algorithm. */
int elcl_spm_cut(const struct elcl_spm *spm, const char *s, size_t n, elcl_spm_take take,
                 void *user, elcl_error *err);
/* BPE: joins neighbors while they spell a piece, the pair of the highest score first. */
int elcl_spm_cut_bpe(const struct elcl_spm *spm, const char *s, size_t n, elcl_spm_take take,
                     void *user, elcl_error *err);

/* Returns the length of the symbol or else the character at s; *is_symbol tells which. */
size_t elcl_spm_symbol(const struct elcl_added_list *symbols, const char *s, size_t n,
                       bool *is_symbol);

#endif
