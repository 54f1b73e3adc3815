/* The table of generation options: what their texts, the model's files and the checks share. */
#ifndef ELCL_BASE_GEN_OPTIONS_H
#define ELCL_BASE_GEN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "elcl/options.h"

/* Ends with a word of NULL. */
struct elcl_gen_word {
    const char *word;
    int value;
};

struct elcl_gen_row {
    elcl_gen_option about;
    const char *field; /* in elcl_gen_options, as messages name it; NULL: about.name */
    size_t offset;     /* of the field: int, float (NUMBER), elcl_tokens, or an array's address */
    size_t count;      /* offset of the int that counts a list's elements */
    const struct elcl_gen_word *words; /* of WORD */
    double fallback;                   /* Hugging Face's default; NAN: null */
    bool in_files;                     /* generation_config.json has it as a number or a flag */
};

/* Returns row i, or NULL after the last one. */
const struct elcl_gen_row *elcl_gen_row_get(int i);
/* Returns the row of a name or a field, or NULL. */
const struct elcl_gen_row *elcl_gen_row_find(const char *name);
const char *elcl_gen_row_field(const struct elcl_gen_row *row);

int elcl_gen_row_int(const struct elcl_gen_row *row, const elcl_gen_options *options);
/* Elements of a list. */
int elcl_gen_row_count(const struct elcl_gen_row *row, const elcl_gen_options *options);
float elcl_gen_row_float(const struct elcl_gen_row *row, const elcl_gen_options *options);
/* Whether the option differs from its value without effect. */
bool elcl_gen_row_is_on(const struct elcl_gen_row *row, const elcl_gen_options *options);

#endif
