/* Cuts text into words as GPT-2's byte-level BPE does. */
#ifndef ELCL_TEXT_GPT2_WORDS_H
#define ELCL_TEXT_GPT2_WORDS_H

#include <stddef.h>

/* The length of the first word of n >= 1 bytes of valid UTF-8, under the pattern
 *     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * where letters and numbers are those of utf8proc's Unicode version. Linear in time. */
size_t elcl_gpt2_word(const char *s, size_t n);

#endif
