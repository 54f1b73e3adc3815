/* UTF-8: stepping, checking, and repair as in Python's errors="replace". */
#ifndef ELCL_FORMAT_UTF8_H
#define ELCL_FORMAT_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

/* Reads the character at s, n >= 1 bytes. The length of the character, 1 .. 4, or minus the
 * length of the ill-formed piece (the longest start of a character that goes wrong, or 1); *code
 * is written in the first case only. */
int elcl_utf8_next(const char *s, size_t n, uint32_t *code);

/* Appends the character to *out (room for 4 bytes); returns its length. */
int elcl_utf8_put(uint32_t code, char *out);

/* The offset of the first byte that is not part of a character, or n. */
size_t elcl_utf8_check(const char *s, size_t n);

/* Appends s with every ill-formed piece replaced by U+FFFD. */
void elcl_utf8_repair(const char *s, size_t n, struct elcl_str *out);

#endif
