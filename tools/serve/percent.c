#include "serve/percent.h"

#include "base/number.h"
#include "base/util.h"

static int hex_digit(char c)
{
    c = elcl_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *cli_percent_decode(const char *text, size_t n, bool form, size_t *length)
{
    char *out = elcl_calloc(n + 1, 1), *to = out;
    for (size_t i = 0; out && i < n; i++) {
        const int high = text[i] == '%' && n - i > 2 ? hex_digit(text[i + 1]) : -1;
        const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        if (low >= 0) {
            *to++ = (char)(high * 16 + low);
            i += 2;
        } else {
            *to++ = form && text[i] == '+' ? ' ' : text[i];
        }
    }
    *length = out ? (size_t)(to - out) : 0;
    return out;
}
