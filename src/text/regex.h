/* Regular expressions of tokenizer.json, by Oniguruma, as in the tokenizers library. */
#ifndef ELCL_TEXT_REGEX_H
#define ELCL_TEXT_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct elcl_regex;

/* Messages begin with `file`. Fails if elcl was built without Oniguruma. Threads may share the
 * result. */
int elcl_regex_create(const char *pattern, const char *file, struct elcl_regex **regex,
                      elcl_error *err);
void elcl_regex_destroy(struct elcl_regex **regex); /* NULL is fine */

/* Finds the first match that is not empty in valid UTF-8 at or after `at`. Returns false if there
 * is none, and if it fails: then sets *rc to ELCL_E_FORMAT, for a search of too many steps, or to
 * ELCL_E_NOMEM. */
bool elcl_regex_find(const struct elcl_regex *regex, const char *s, size_t n, size_t at,
                     size_t *begin, size_t *end, int *rc, elcl_error *err);

#endif
