/* cJSON with checks of size, encoding, duplicate keys, types and ranges, and errors that name file
 * and key. */
#ifndef ELCL_FORMAT_JSON_H
#define ELCL_FORMAT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cJSON.h>

#include "base/error.h"

/* The largest integer up to which a double holds every integer. */
#define ELCL_JSON_MAX_INT INT64_C(9007199254740992)

/* Parses n bytes whose outermost value must be an object; spaces may follow it. Messages begin with
 * `name`. Also refuses text that is not UTF-8, and strings with U+0000, where cJSON would cut them.
 * *root is freed with cJSON_Delete(). */
int elcl_json_parse(const char *text, size_t n, const char *name, cJSON **root, elcl_error *err);
/* Parses a file of at most max_bytes. */
int elcl_json_read(const char *path, size_t max_bytes, cJSON **root, elcl_error *err);

/* The same, but accepts U+0000 in strings. There it stands as the bytes C0 80. */
int elcl_json_parse_nul(const char *text, size_t n, const char *name, cJSON **root,
                        elcl_error *err);
/* Puts U+0000 back into a string of such a tree, once, and returns its length in bytes. */
size_t elcl_json_restore_nul(char *s);
bool elcl_json_has_nul(const char *s);

/* Refuses an object with the same key twice: readers differ on which one counts. */
int elcl_json_unique_keys(const cJSON *object, const char *name, elcl_error *err);

/* Looks up a key, case-sensitive, in linear time. NULL if it does not exist. */
const cJSON *elcl_json_get(const cJSON *object, const char *key);

/* Describes a value for messages: `3.5`, `"text"`, `true`, `nothing` (NULL), `an array` ... */
struct elcl_json_text {
    char s[64];
};
struct elcl_json_text elcl_json_describe(const cJSON *value);

/* Reads an integer in min .. max from the double, because cJSON's own integer saturates. Returns
 * false for anything else. */
bool elcl_json_int(const cJSON *value, int64_t min, int64_t max, int64_t *out);

/* Reads a flag of an object; *out is unchanged if the key is absent or null. */
int elcl_json_bool(const cJSON *object, const char *key, const char *name, bool *out,
                   elcl_error *err);

/* Fails with "name: key: expected what, found ..." (ELCL_E_FORMAT). */
int elcl_json_mismatch(const char *name, const char *key, const char *what, const cJSON *found,
                       elcl_error *err);

#endif
