#include "base/json_scan.h"

#include <stdint.h>
#include <string.h>

#define MAX_DEPTH 1000
#define MAX_NUMBER 63

struct scanner {
    const char *text;
    size_t n, at;
    uint8_t objects[MAX_DEPTH / 8]; /* a bit for each open bracket: whether it is a brace */
    int depth;
};

/* Returns the next byte, or NUL at the end, which no rule accepts. */
static char peek(const struct scanner *s)
{
    return s->at < s->n ? s->text[s->at] : '\0';
}

/* Moves past the byte if it is the next one. */
static bool take(struct scanner *s, char c)
{
    const bool there = s->at < s->n && s->text[s->at] == c;
    s->at += there;
    return there;
}

static void skip_blanks(struct scanner *s)
{
    while (take(s, ' ') || take(s, '\t') || take(s, '\n') || take(s, '\r'))
        ;
}

static bool take_word(struct scanner *s, const char *word)
{
    while (*word && take(s, *word))
        word++;
    return !*word;
}

static bool take_digits(struct scanner *s)
{
    const size_t first = s->at;
    while (peek(s) >= '0' && peek(s) <= '9')
        s->at++;
    return s->at > first;
}

static bool take_number(struct scanner *s)
{
    const size_t first = s->at;
    (void)take(s, '-');
    if (!take(s, '0') && !take_digits(s))
        return false;
    if (take(s, '.') && !take_digits(s))
        return false;
    if (take(s, 'e') || take(s, 'E')) {
        if (!take(s, '+'))
            (void)take(s, '-');
        if (!take_digits(s))
            return false;
    }
    return s->at - first <= MAX_NUMBER;
}

/* Takes four hexadecimal digits. */
static bool take_hex(struct scanner *s, uint32_t *code)
{
    *code = 0;
    for (int i = 0; i < 4; i++, s->at++) {
        const char c = peek(s);
        if (c >= '0' && c <= '9')
            *code = *code << 4 | (uint32_t)(c - '0');
        else if ((c | ' ') >= 'a' && (c | ' ') <= 'f')
            *code = *code << 4 | (uint32_t)((c | ' ') - 'a' + 10);
        else
            return false;
    }
    return true;
}

/* Takes what follows a backslash. */
static bool take_escape(struct scanner *s)
{
    uint32_t code, low;
    if (!take(s, 'u')) {
        const char c = peek(s);
        s->at += c && strchr("\"\\/bfnrt", c);
        return c && strchr("\"\\/bfnrt", c);
    }
    if (!take_hex(s, &code))
        return false;
    if (code < 0xd800 || code > 0xdfff)
        return true;
    return code <= 0xdbff && take_word(s, "\\u") && take_hex(s, &low) && low >= 0xdc00 &&
           low <= 0xdfff;
}

static bool take_string(struct scanner *s)
{
    if (!take(s, '"'))
        return false;
    while (!take(s, '"')) {
        if (take(s, '\\')) {
            if (!take_escape(s))
                return false;
        } else if (peek(s)) {
            s->at++;
        } else {
            return false;
        }
    }
    return true;
}

/* Takes a key and its colon. */
static bool take_key(struct scanner *s)
{
    if (!take_string(s))
        return false;
    skip_blanks(s);
    return take(s, ':');
}

static bool in_object(const struct scanner *s)
{
    return s->objects[(s->depth - 1) / 8] >> ((s->depth - 1) % 8) & 1;
}

/* Enters a list or an object and takes its first key. Sets *empty if it ends at once. */
static bool open_bracket(struct scanner *s, bool *empty)
{
    const bool object = take(s, '{');
    const uint8_t bit = (uint8_t)(1 << s->depth % 8);
    *empty = false;
    if ((!object && !take(s, '[')) || s->depth == MAX_DEPTH)
        return false;
    uint8_t *byte = &s->objects[s->depth / 8];
    *byte = (uint8_t)(object ? *byte | bit : *byte & ~bit);
    s->depth++;
    skip_blanks(s);
    *empty = peek(s) == (object ? '}' : ']');
    return *empty || !object || take_key(s);
}

/* Leaves the lists and objects that end here. Returns whether the text goes on well: to the next
 * value, or with depth 0 to the end. */
static bool close_brackets(struct scanner *s)
{
    while (s->depth) {
        skip_blanks(s);
        const bool object = in_object(s);
        if (take(s, ',')) {
            skip_blanks(s);
            return !object || take_key(s);
        }
        if (!take(s, object ? '}' : ']'))
            return false;
        s->depth--;
    }
    return true;
}

static bool take_scalar(struct scanner *s)
{
    switch (peek(s)) {
    case '"':
        return take_string(s);
    case 't':
        return take_word(s, "true");
    case 'f':
        return take_word(s, "false");
    case 'n':
        return take_word(s, "null");
    default:
        return take_number(s);
    }
}

/* Takes a value with everything that it contains. */
static bool take_value(struct scanner *s)
{
    do {
        skip_blanks(s);
        if (peek(s) == '{' || peek(s) == '[') {
            bool empty;
            if (!open_bracket(s, &empty))
                return false;
            if (!empty)
                continue; /* with its first value */
        } else if (!take_scalar(s)) {
            return false;
        }
        if (!close_brackets(s))
            return false;
    } while (s->depth);
    return true;
}

bool elcl_json_scan(const char *text, size_t n, size_t *end)
{
    struct scanner s = {.text = text, .n = n};
    if (n >= 5 && !memcmp(text, "\xef\xbb\xbf", 3))
        s.at = 3;
    const bool ok = take_value(&s);
    if (ok)
        skip_blanks(&s);
    *end = s.at;
    return ok;
}
