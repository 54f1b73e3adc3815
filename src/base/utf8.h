/* UTF-8: stepping, checking, repair as in Python's errors="replace", and white space. */
#ifndef ELCL_BASE_UTF8_H
#define ELCL_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

/* Reads the character at s, n >= 1 bytes. Returns its length, 1 .. 4, and writes *code; or minus
 * the length of an ill-formed piece: the longest start of a character, at least 1. */
int elcl_utf8_next(const char *s, size_t n, uint32_t *code);

/* Appends the character to *out (room for 4 bytes); returns its length. */
int elcl_utf8_put(uint32_t code, char *out);

/* Returns the offset of the first byte that is not part of a character, or n. */
size_t elcl_utf8_check(const char *s, size_t n);

/* Appends s with U+FFFD for every ill-formed piece. */
void elcl_utf8_repair(const char *s, size_t n, struct elcl_str *out);

/* Unicode's White_Space property. */
bool elcl_is_white_space(uint32_t code);
/* Python's str.isspace(): White_Space and four more separators. */
bool elcl_is_python_space(uint32_t code);

/* Returns the text without Python's white space around it: its begin and, in *n, its bytes. */
const char *elcl_strip(const char *text, size_t *n);

#endif
