/* The normalizer of a tokenizer.json: text to text, step by step. */
#ifndef ELCL_TEXT_NORMALIZER_H
#define ELCL_TEXT_NORMALIZER_H

#include <stddef.h>

#include "base/util.h"

struct cJSON;
struct elcl_normalizer_step;

struct elcl_normalizer {
    struct elcl_normalizer_step *steps; /* [n] */
    size_t n, max;
};

/* {0} is a valid normalizer that changes nothing. */
void elcl_normalizer_finish(struct elcl_normalizer *normalizer);
/* The value of the key `normalizer`; NULL and null mean none. What is not supported is refused by
 * name. */
int elcl_normalizer_read(struct elcl_normalizer *normalizer, const struct cJSON *value,
                         const char *file, elcl_error *err);
/* Appends n bytes of valid UTF-8, normalized. */
int elcl_normalizer_run(const struct elcl_normalizer *normalizer, const char *s, size_t n,
                        struct elcl_str *out, elcl_error *err);

#endif
