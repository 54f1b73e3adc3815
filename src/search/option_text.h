/* Values of generation options in text. */
#ifndef ELCL_SEARCH_OPTION_TEXT_H
#define ELCL_SEARCH_OPTION_TEXT_H

#include "base/gen_options.h"
#include "base/util.h"

/* Writes the value that `text` has into the option's field. */
int elcl_option_read(const struct elcl_gen_row *row, const char *text, elcl_gen_options *options,
                     elcl_gen_lists **lists, elcl_error *err);
/* Appends the value. */
void elcl_option_print(const struct elcl_gen_row *row, const elcl_gen_options *options,
                       struct elcl_str *text);

#endif
