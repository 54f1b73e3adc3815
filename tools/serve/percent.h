/* Text that URLs and forms carry with escapes. */
#ifndef CLI_SERVE_PERCENT_H
#define CLI_SERVE_PERCENT_H

#include <stdbool.h>
#include <stddef.h>

/* Decodes n bytes: %41 is a byte; a '%' without two digits stands for itself. form: '+' is a blank.
 * Returns a NUL-terminated string of *length bytes for elcl_free(), NULL if memory is short. */
char *cli_percent_decode(const char *text, size_t n, bool form, size_t *length);

#endif
