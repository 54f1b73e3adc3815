/* A request of LibreTranslate's API: its fields, which come as JSON, or as a form in the body or in
 * the query. Knows nothing of HTTP. */
#ifndef CLI_TRANSLATE_REQUEST_H
#define CLI_TRANSLATE_REQUEST_H

#include "elcl/elcl.h"

#include "base/util.h"

#define CLI_MAX_TRANSLATE_TEXTS 8192   /* texts of a request */
#define CLI_MAX_TRANSLATE_VALUES 65536 /* values of a JSON body */
#define CLI_MAX_ALTERNATIVES (ELCL_MAX_BEAMS - 1)

/* Strings are NUL-terminated UTF-8. NULL: the request does not have the field, or it is null. */
struct cli_translate_request {
    char **texts; /* [n_texts] the field q */
    size_t n_texts;
    bool is_list; /* q is an array, so the answer is one too */
    char *source, *target, *format, *api_key;
    char *alternatives;
    int n_alternatives; /* 0 without the field */
};

/* Parses a request.
 *
 * type:  media type of the body in lower case, "" if there is none.
 * query: after the '?', escaped as it came. A body in JSON hides it; fields of a form come after
 *        those of the query, and the first of two with the same name counts.
 * body:  n bytes; need not be NUL-terminated.
 *
 * Fields that nobody knows are left out. Writes *request only on success; free it with
 * cli_translate_request_finish().
 *
 * ELCL_E_FORMAT:      the body or a field is malformed, or has too many values.
 * ELCL_E_UNSUPPORTED: the body has another media type. */
int cli_translate_parse(const char *type, const char *query, const char *body, size_t n,
                        struct cli_translate_request *request, elcl_error *err);
void cli_translate_request_finish(struct cli_translate_request *request);

#endif
