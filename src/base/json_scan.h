/* The grammar of JSON, without building a tree and without memory. */
#ifndef ELCL_BASE_JSON_SCAN_H
#define ELCL_BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/* Scans one JSON value and the blanks around it. Returns true and where they end, or false and the
 * offset of the first byte that does not fit.
 *
 * cJSON accepts every value that this accepts, so that it fails on one only for want of memory: it
 * does not tell itself. Therefore numbers have less than 64 characters, at most 1000 lists and
 * objects contain each other, and escaped surrogates come in pairs. As cJSON does, this accepts a
 * byte order mark, and control characters in strings, though not NUL. */
bool elcl_json_scan(const char *text, size_t n, size_t *end);

#endif
