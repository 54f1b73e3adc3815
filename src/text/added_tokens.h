/* Added tokens: the tokens that are found in a text before it is cut into words. */
#ifndef ELCL_TEXT_ADDED_TOKENS_H
#define ELCL_TEXT_ADDED_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct elcl_added {
    char *content; /* [n] UTF-8, owned */
    size_t n;
    int32_t id;
    bool lstrip;     /* removes the white space before it */
    bool rstrip;     /* ... after it */
    bool normalized; /* searched for in normalized text */
};

struct elcl_added_list {
    struct elcl_added *items; /* [n] */
    size_t n, max;
    bool first[256]; /* whether a token begins with this byte; set by elcl_added_sort() */
};

/* {0} is a valid empty list. */
void elcl_added_finish(struct elcl_added_list *list);

/* Copies the content, which must not be empty. */
int elcl_added_append(struct elcl_added_list *list, const struct elcl_added *added,
                      elcl_error *err);

/* Sorts the list for elcl_added_match(). */
void elcl_added_sort(struct elcl_added_list *list);

/* Returns the longest token that s begins with, or NULL. */
const struct elcl_added *elcl_added_match(const struct elcl_added_list *list, const char *s,
                                          size_t n);

#endif
