#include "base/number.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool elcl_read_whole(const char *text, double min, double max, int64_t *value)
{
    const char *digits = text + (*text == '-' || *text == '+');
    if (!*digits || strspn(digits, "0123456789") != strlen(digits) || strlen(digits) > 18)
        return false;
    const int64_t v = strtoll(text, NULL, 10);
    if ((double)v < min || (double)v > max)
        return false;
    *value = v;
    return true;
}

/* Puts one character in the place of another one. */
static void replace(char *text, char from, char to)
{
    char *at = from == to ? NULL : strchr(text, from);
    if (at)
        *at = to;
}

bool elcl_read_decimal(const char *text, double *value, const char **end)
{
    size_t n = strspn(text, "+-.0123456789eE");
    char copy[64], *stop;
    if (!n || n >= sizeof(copy))
        return false;
    memcpy(copy, text, n);
    copy[n] = '\0';
    replace(copy, '.', *localeconv()->decimal_point);
    *value = strtod(copy, &stop);
    *end = text + n;
    return stop == copy + n && isfinite(*value);
}

void elcl_print_float(float value, char text[32])
{
    for (int digits = 6; digits <= 9; digits++) {
        (void)snprintf(text, 32, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    replace(text, *localeconv()->decimal_point, '.');
}

char elcl_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool elcl_is_word(const char *word, const char *text)
{
    while (*word && *word == elcl_lower(*text)) {
        word++;
        text++;
    }
    return !*word && !*text;
}
