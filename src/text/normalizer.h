/* The normalizer of tokenizer.json: steps that change a text. */
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

/* {0} is a valid normalizer without steps. */
void elcl_normalizer_finish(struct elcl_normalizer *normalizer);
/* Reads the value of the key `normalizer`; NULL and null mean none. Names and refuses an
 * unsupported step. */
int elcl_normalizer_read(struct elcl_normalizer *normalizer, const struct cJSON *value,
                         const char *file, elcl_error *err);
/* Appends n bytes of valid UTF-8 after all steps. */
int elcl_normalizer_run(const struct elcl_normalizer *normalizer, const char *s, size_t n,
                        struct elcl_str *out, elcl_error *err);

#endif
