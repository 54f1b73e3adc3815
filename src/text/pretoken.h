/* Text -> words as GPT-2's byte-level BPE cuts them, and the classes of characters it needs. */
#ifndef ELCL_FORMAT_PRETOKEN_H
#define ELCL_FORMAT_PRETOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Unicode's White_Space property. */
bool elcl_is_white_space(uint32_t code);

/* The length of the first word of n >= 1 bytes of valid UTF-8, under the pattern
 *     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * where letters and numbers are those of utf8proc's Unicode version. Linear in time. */
size_t elcl_pretoken(const char *s, size_t n);

#endif
