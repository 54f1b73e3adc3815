/* The replacements that a SentencePiece model makes before it cuts a text: a table from character
 * sequences to texts, as tokenizer.json carries it. */
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
/* From base64; `file` stands in messages. */
int elcl_charsmap_read(struct elcl_charsmap *map, const char *base64, const char *file,
                       elcl_error *err);
/* Appends n bytes of valid UTF-8 with everything replaced. As in the tokenizers library, a
 * grapheme below six bytes is looked up as a whole, then its characters one by one; what counts is
 * the shortest sequence of the table that it begins with. */
void elcl_charsmap_apply(const struct elcl_charsmap *map, const char *s, size_t n,
                         struct elcl_str *out);

#endif
