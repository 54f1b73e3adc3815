#include "text/gpt2_words.h"

#include <string.h>

#include <utf8proc.h>

#include "text/characters.h"

enum char_class { SPACE, LETTER, NUMBER, OTHER };

static enum char_class class_of(uint32_t code)
{
    if (elcl_is_white_space(code))
        return SPACE;
    if (code < 0x80) {
        if ((code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z'))
            return LETTER;
        return code >= '0' && code <= '9' ? NUMBER : OTHER;
    }
    switch (utf8proc_category((utf8proc_int32_t)code)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        return LETTER;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return NUMBER;
    default:
        return OTHER;
    }
}

/* Returns the class of the character at s and its length in bytes. */
static enum char_class read_class(const char *s, size_t n, size_t *length)
{
    uint32_t code;
    *length = elcl_character(s, n, &code);
    return class_of(code);
}

/* Returns the length of the run of one class at s; *last is the length of its last character. */
static size_t run_length(const char *s, size_t n, enum char_class class, size_t *last)
{
    size_t i = 0, length;
    while (i < n && read_class(s + i, n - i, &length) == class) {
        i += length;
        *last = length;
    }
    return i;
}

static size_t contraction_length(const char *s, size_t n)
{
    static const char *const endings[] = {"s", "t", "re", "ve", "m", "ll", "d"};
    for (size_t i = 0; i < ELCL_COUNT(endings); i++) {
        const size_t length = strlen(endings[i]);
        if (n > length && !memcmp(s + 1, endings[i], length))
            return 1 + length;
    }
    return 0;
}

size_t elcl_gpt2_word(const char *s, size_t n)
{
    size_t length, last = 0;
    if (*s == '\'') {
        length = contraction_length(s, n);
        if (length)
            return length;
    }
    enum char_class class = read_class(s, n, &length);
    if (class != SPACE)
        return run_length(s, n, class, &last);
    if (*s == ' ' && n > 1) {
        class = read_class(s + 1, n - 1, &length);
        if (class != SPACE)
            return 1 + run_length(s + 1, n - 1, class, &last);
    }
    /* \s+(?!\S) leaves the last space to the next word, unless it is the only one. */
    const size_t spaces = run_length(s, n, SPACE, &last);
    return spaces == n || spaces == last ? spaces : spaces - last;
}
