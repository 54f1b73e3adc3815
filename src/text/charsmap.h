/* The replacements that a SentencePiece model makes before it cuts a text: a table from character
 * sequences to texts, as tokenizer.json stores it. */
#ifndef ELCL_TEXT_CHARSMAP_H
#define ELCL_TEXT_CHARSMAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

struct elcl_charsmap {
    uint32_t *units; /* [n_units] a double array */
    size_t n_units;
    char *texts; /* [n_texts] and a NUL; each text ends with a NUL */
    size_t n_texts;
};

/* {0} is a valid table without replacements. */
void elcl_charsmap_finish(struct elcl_charsmap *map);
/* Reads base64; messages name `file`. */
int elcl_charsmap_read(struct elcl_charsmap *map, const char *base64, const char *file,
                       elcl_error *err);
/* Reads the bytes themselves. */
int elcl_charsmap_parse(struct elcl_charsmap *map, const char *bytes, size_t n, const char *file,
                        elcl_error *err);
/* Returns the text for the longest sequence of *length bytes that s begins with, or NULL. */
const char *elcl_charsmap_longest(const struct elcl_charsmap *map, const char *s, size_t n,
                                  size_t *length);
/* Appends n bytes of valid UTF-8 with all replacements made. As in the tokenizers library, a
 * grapheme below six bytes is looked up first, then its characters one by one. The shortest
 * sequence in the table that it begins with is replaced. */
void elcl_charsmap_apply(const struct elcl_charsmap *map, const char *s, size_t n,
                         struct elcl_str *out);

#endif
