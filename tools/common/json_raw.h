/* JSON text: parsing, and the spelling of values, which a parser does not keep. */
#ifndef CLI_JSON_RAW_H
#define CLI_JSON_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/error.h"

/* Counts the values of JSON text [n], objects and arrays included, without parsing it. A parsed
 * value takes 64 bytes and more, and a short text may have many. Text that is not JSON has any
 * count. */
size_t cli_json_count(const char *text, size_t n);

/* Parses the value that text [n] begins with, for cJSON_Delete(); *end is the offset after it and
 * blanks. *root is NULL if there is no valid value. Fails only for want of memory. */
int cli_json_parse(const char *text, size_t n, cJSON **root, size_t *end, elcl_error *err);

/* Finds member `index`, from 0, of the object that text [n] holds, which a parser has accepted.
 * Returns the bytes of its value and sets *value to the first one; 0 if there is no such member. */
size_t cli_json_member(const char *text, size_t n, int index, const char **value);

/* Whether value [n] has no control characters, which JSON allows in no string. */
bool cli_json_is_plain(const char *value, size_t n);

/* Reads a token id: a whole number, 0 .. INT32_MAX. Returns false if the value is none. */
bool cli_json_id(const cJSON *item, int32_t *id);

/* Whether the text has an escaped U+0000, where the parser would end a string. */
bool cli_json_has_nul(const char *text, size_t n);
/* Fails with ELCL_E_FORMAT if an object has a key twice: one value would be ignored. */
int cli_json_check_keys(const cJSON *root, elcl_error *err);

#endif
