/* Reads lists of generation options from JSON. The results point into one allocation, *memory,
 * freed with elcl_free(); an empty list needs none. `file` and `key` are for messages. */
#ifndef ELCL_FORMAT_JSON_LISTS_H
#define ELCL_FORMAT_JSON_LISTS_H

#include "base/error.h"

struct cJSON;

/* [id, ...] without those outside 0 .. limit - 1 */
int elcl_json_tokens(const struct cJSON *value, const char *file, const char *key, int limit,
                     elcl_tokens *tokens, void **memory, elcl_error *err);
/* [[id, ...], ...], none of them empty */
int elcl_json_token_lists(const struct cJSON *value, const char *file, const char *key,
                          const elcl_tokens **lists, int *n, void **memory, elcl_error *err);
/* "..." or ["...", ...], none of them empty */
int elcl_json_strings(const struct cJSON *value, const char *file, const char *key,
                      const char *const **strings, int *n, void **memory, elcl_error *err);

#endif
