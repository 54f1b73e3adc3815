/* Values of generation options in JSON, from and to the text that elcl_gen_options_set() takes. */
#ifndef CLI_GEN_JSON_H
#define CLI_GEN_JSON_H

#include "common/tool.h"
#include "elcl/options.h"

struct cJSON;

/* Receives one value of an option. */
typedef int (*cli_gen_json_fn)(void *user, const char *value, elcl_error *err);

/* Checks the type of a value: a string, a number, true or false, null, an array of token ids or of
 * strings, whichever the option can have. Fails with ELCL_E_FORMAT and "expected ...", without the
 * option's name.
 * option: NULL: not of the library's table. */
int cli_gen_json_check(const elcl_gen_option *option, const struct cJSON *item, elcl_error *err);

/* Hands out the value once, and the strings of an option of strings one by one: none for null.
 * Call cli_gen_json_check() first. */
int cli_gen_json_each(const elcl_gen_option *option, const struct cJSON *item, cli_gen_json_fn set,
                      void *user, elcl_error *err);

/* Appends a value, as elcl_gen_options_get() gives it, as JSON. */
void cli_gen_json_write(const elcl_gen_option *option, const char *value, struct elcl_str *out);

#endif
