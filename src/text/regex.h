/* Regular expressions of tokenizer.json, in the syntax and meaning of Oniguruma: alternatives,
 * groups, (?i:), lookahead, classes with nested classes, \p{category}, greedy, lazy and possessive
 * repeats. Everything else is refused by name. */
#ifndef ELCL_TEXT_REGEX_H
#define ELCL_TEXT_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct elcl_regex;

/* Messages begin with `file`. */
int elcl_regex_create(const char *pattern, const char *file, struct elcl_regex **regex,
                      elcl_error *err);
void elcl_regex_destroy(struct elcl_regex **regex); /* NULL is fine */

/* Finds the first match that is not empty in valid UTF-8 at or after `at`. Returns false if there
 * is none. Sets *failed if the search takes too many steps. */
bool elcl_regex_find(const struct elcl_regex *regex, const char *s, size_t n, size_t at,
                     size_t *begin, size_t *end, bool *failed);

#endif
