/* The spelling of values inside JSON text, which a parser does not keep. */
#ifndef CLI_JSON_RAW_H
#define CLI_JSON_RAW_H

#include <stdbool.h>
#include <stddef.h>

/* Finds member `index`, from 0, of the object that text [n] holds, which a parser has accepted.
 * Returns the bytes of its value and sets *value to the first one; 0 if there is no such member. */
size_t cli_json_member(const char *text, size_t n, int index, const char **value);

/* Whether value [n] is a number or a string as the JSON grammar has it. Escapes of strings are not
 * checked: parsers do that. */
bool cli_json_is_scalar(const char *value, size_t n);

#endif
