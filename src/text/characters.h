/* Steps over the characters of valid UTF-8, and string functions built on them. */
#ifndef ELCL_TEXT_CHARACTERS_H
#define ELCL_TEXT_CHARACTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/utf8.h"

/* U+2581: SentencePiece spells a space this way. */
#define ELCL_UNDERLINE "\xe2\x96\x81"

/* Reads the character at s, n >= 1 bytes, and returns its length. A byte outside any character has
 * length 1 and code U+FFFD. */
static inline size_t elcl_character(const char *s, size_t n, uint32_t *code)
{
    const int length = elcl_utf8_next(s, n, code);
    if (length > 0)
        return (size_t)length;
    *code = 0xfffd;
    return 1;
}

bool elcl_begins_with(const char *s, size_t n, const char *prefix);

/* Appends s with each `from`, which is not empty, replaced by `to`. */
void elcl_append_replaced(struct elcl_str *out, const char *s, size_t n, const char *from,
                          const char *to);

/* Appends s without the white space at its left or right end. */
void elcl_append_stripped(struct elcl_str *out, const char *s, size_t n, bool left, bool right,
                          bool (*is_space)(uint32_t code));

/* The character that spells a byte in a byte-level vocabulary: the one of the same code if that is
 * printable, else one from U+0100 on. */
uint32_t elcl_spell_byte(unsigned char byte);

#endif
