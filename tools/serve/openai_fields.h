/* The fields of a request for completions that are no options of the library's table, or that need
 * more than its values. */
#ifndef CLI_SERVE_OPENAI_FIELDS_H
#define CLI_SERVE_OPENAI_FIELDS_H

#include "serve/openai_request.h"

struct cJSON;

struct cli_openai_field {
    const char *name;
    int (*take)(struct cli_openai_request *request, const struct cJSON *item, elcl_error *err);
};

#define CLI_OPENAI_MAX_FIELDS 32

/* Returns field i, or NULL after the last one. */
const struct cli_openai_field *cli_openai_field_get(size_t i);
const struct cli_openai_field *cli_openai_field_find(const char *name);

#endif
