/* JSON text from values. */
#ifndef CLI_JSON_WRITE_H
#define CLI_JSON_WRITE_H

#include <cjson/cJSON.h>

#include "base/util.h"

/* Appends a string [n] with its quotes and escapes. What is not UTF-8 becomes U+FFFD. */
void cli_json_string(struct elcl_str *out, const char *text, size_t n);
/* The same for a NUL-terminated string; NULL becomes null. */
void cli_json_text(struct elcl_str *out, const char *text);
/* Appends the lines of a text as strings with commas between them. */
void cli_json_lines(struct elcl_str *out, const char *lines);
/* Appends a number in its shortest form; JSON has no infinity: that becomes null. */
void cli_json_float(struct elcl_str *out, float value);
/* Appends a value, flat or indented. What is not UTF-8 in its strings, such as a name that was cut
 * within a character, becomes U+FFFD. Returns false if memory is short. */
bool cli_json_print(struct elcl_str *out, const cJSON *json, bool flat);

#endif
