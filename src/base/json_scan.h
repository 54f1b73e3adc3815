/* The grammar of JSON, without building a tree and without memory. */
#ifndef ELCL_BASE_JSON_SCAN_H
#define ELCL_BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/* Scans one JSON value and the blanks around it. Returns true and where they end, or false and the
 * offset of the first byte that does not fit.
 *
 * cJSON accepts every value that this accepts. So when it fails on one, memory is short, which it
 * does not report itself. For that reason numbers have fewer than 64 characters, lists and objects
 * nest at most 1000 deep, and escaped surrogates come in pairs. Like cJSON, this accepts a byte
 * order mark, and control characters in strings, except NUL. Takes time linear in n. */
bool elcl_json_scan(const char *text, size_t n, size_t *end);

#endif
