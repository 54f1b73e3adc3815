/* Numbers and words in text: a decimal point in any locale, and words in upper and lower case. */
#ifndef ELCL_BASE_NUMBER_H
#define ELCL_BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Reads decimal digits with an optional sign and nothing else. */
bool elcl_read_whole(const char *text, double min, double max, int64_t *value);
/* Reads a finite decimal number; *end is the byte after it. */
bool elcl_read_decimal(const char *text, double *value, const char **end);
/* Writes the shortest text that reads as `value`. */
void elcl_print_float(float value, char text[32]);

/* Converts only ASCII letters. */
char elcl_lower(char c);
/* Ignores the case of `text`: F16 is f16. */
bool elcl_is_word(const char *word, const char *text);

#endif
