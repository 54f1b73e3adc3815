#include "base/utf8.h"

#include <string.h>

/* The range of the second byte depends on the first. This excludes overlong forms, surrogates and
 * codes above U+10FFFF. */
static int sequence_length(unsigned char first, unsigned char *low, unsigned char *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (first >= 0xc2 && first <= 0xdf)
        return 2;
    if (first >= 0xe0 && first <= 0xef) {
        if (first == 0xe0)
            *low = 0xa0;
        if (first == 0xed)
            *high = 0x9f;
        return 3;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        if (first == 0xf0)
            *low = 0x90;
        if (first == 0xf4)
            *high = 0x8f;
        return 4;
    }
    return 0;
}

int elcl_utf8_next(const char *s, size_t n, uint32_t *code)
{
    const unsigned char *p = (const unsigned char *)s;
    if (p[0] < 0x80) {
        *code = p[0];
        return 1;
    }
    unsigned char low, high;
    const int length = sequence_length(p[0], &low, &high);
    if (!length)
        return -1;
    uint32_t value = p[0] & (0x7fu >> length);
    for (int i = 1; i < length; i++) {
        if ((size_t)i == n || p[i] < low || p[i] > high)
            return -i;
        value = value << 6 | (p[i] & 0x3fu);
        low = 0x80;
        high = 0xbf;
    }
    *code = value;
    return length;
}

int elcl_utf8_put(uint32_t code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    const int length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (int i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)((0xf00u >> length & 0xffu) | code);
    return length;
}

size_t elcl_utf8_check(const char *s, size_t n)
{
    uint32_t code;
    size_t i = 0;
    while (i < n) {
        const int length = elcl_utf8_next(s + i, n - i, &code);
        if (length < 0)
            return i;
        i += (size_t)length;
    }
    return n;
}

void elcl_utf8_repair(const char *s, size_t n, struct elcl_str *out)
{
    size_t i = 0;
    while (i < n) {
        const size_t good = elcl_utf8_check(s + i, n - i);
        elcl_str_append(out, s + i, good);
        i += good;
        if (i == n)
            break;
        uint32_t code;
        i += (size_t)-elcl_utf8_next(s + i, n - i, &code);
        elcl_str_append(out, "\xef\xbf\xbd", 3);
    }
}

bool elcl_is_white_space(uint32_t code)
{
    return (code >= 0x09 && code <= 0x0d) || code == 0x20 || code == 0x85 || code == 0xa0 ||
           code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
           code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

bool elcl_is_python_space(uint32_t code)
{
    return elcl_is_white_space(code) || (code >= 0x1c && code <= 0x1f);
}

const char *elcl_strip(const char *text, size_t *n)
{
    const char *begin = text + strlen(text);
    const size_t bytes = (size_t)(begin - text);
    size_t end = 0;
    for (size_t i = 0; i < bytes;) {
        uint32_t code;
        const int length = elcl_utf8_next(text + i, bytes - i, &code);
        const size_t step = (size_t)(length < 0 ? -length : length);
        if (length < 0 || !elcl_is_python_space(code)) {
            if (!end)
                begin = text + i;
            end = i + step;
        }
        i += step;
    }
    *n = end ? (size_t)(text + end - begin) : 0;
    return begin;
}
