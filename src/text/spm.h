/* SentencePiece model files (unigram, BPE, word, char): their pieces, and texts cut into pieces and
 * joined from them as libsentencepiece does. */
#ifndef ELCL_TEXT_SPM_H
#define ELCL_TEXT_SPM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct elcl_spm; /* immutable: safe to share */

/* Reads a file's content; messages name `path`. */
int elcl_spm_create(const void *bytes, size_t n, const char *path, struct elcl_spm **spm,
                    elcl_error *err);
/* The same from the parts of a model of type unigram, all copied. */
struct elcl_spm_token {
    const char *s; /* [n] */
    size_t n;
    uint64_t type; /* of sentencepiece_model.proto */
    float score;
};
struct elcl_spm_parts {
    const struct elcl_spm_token *tokens; /* [n], by id */
    size_t n;
    const char *charsmap; /* [n_charsmap] */
    size_t n_charsmap;
    bool dummy_space; /* a space before a text */
    bool trims;       /* no space at both ends, one between words */
};
int elcl_spm_assemble(const struct elcl_spm_parts *parts, const char *path, struct elcl_spm **spm,
                      elcl_error *err);
void elcl_spm_destroy(struct elcl_spm **spm); /* NULL is fine */

/* Returns the number of pieces. */
int32_t elcl_spm_size(const struct elcl_spm *spm);
/* Returns the n bytes of a piece's spelling, owned by the model; 0 <= id < size. */
const char *elcl_spm_piece(const struct elcl_spm *spm, int32_t id, size_t *n);
/* Returns the id of the piece for unknown characters. */
int32_t elcl_spm_unknown(const struct elcl_spm *spm);

/* Receives a piece's spelling; encoding stops with any result other than ELCL_OK. */
typedef int (*elcl_spm_use)(void *user, const char *piece, size_t n, elcl_error *err);
/* Cuts n bytes of UTF-8 into pieces. A run of characters without a piece comes as one piece. */
int elcl_spm_encode(const struct elcl_spm *spm, const char *text, size_t n, elcl_spm_use use,
                    void *user, elcl_error *err);

/* Joins n pieces; *text has *n_text bytes and a NUL, freed with elcl_free(). */
struct elcl_spm_span {
    const char *s;
    size_t n;
};
int elcl_spm_decode(const struct elcl_spm *spm, const struct elcl_spm_span *pieces, size_t n,
                    char **text, size_t *n_text, elcl_error *err);

#endif
