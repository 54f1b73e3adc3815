/* Forms of multipart/form-data (RFC 7578). */
#ifndef CLI_SERVE_MULTIPART_H
#define CLI_SERVE_MULTIPART_H

#include "common/tool.h"

#define CLI_MAX_PARTS 32

/* A field. The bytes are those of the body. */
struct cli_part {
    char *name;
    char *file; /* its name; NULL: the field is no file */
    const char *bytes;
    size_t n;
};

struct cli_form {
    struct cli_part parts[CLI_MAX_PARTS];
    size_t n;
};

/* Cuts a body at the boundary that its media type names.
 *
 * ELCL_E_FORMAT: it is no such form, breaks off, or has a field without a name or too many. */
int cli_form_parse(const char *body, size_t n, const char *boundary, struct cli_form *form,
                   elcl_error *err);
/* Takes a form of zeros. */
void cli_form_finish(struct cli_form *form);

#endif
