#include "common/json_raw.h"

#include <string.h>

/* A place in the text. */
struct place {
    const char *at, *end;
};

/* Skips what the parser takes as blanks, byte order mark included. */
static void skip_blanks(struct place *p)
{
    while (p->at < p->end &&
           ((unsigned char)*p->at <= ' ' || memchr("\xef\xbb\xbf", *p->at, 3) != NULL))
        p->at++;
}

static void skip_string(struct place *p)
{
    for (p->at++; p->at < p->end && *p->at != '"'; p->at++)
        p->at += *p->at == '\\' && p->at + 1 < p->end;
    p->at += p->at < p->end;
}

/* Moves past a value: a string, a list or an object with all it holds, or a word. */
static void skip_value(struct place *p)
{
    int depth = 0;
    while (p->at < p->end) {
        const char c = *p->at;
        if (!depth && (c == ',' || c == '}' || (unsigned char)c <= ' '))
            return;
        if (c == '"')
            skip_string(p);
        else
            p->at++;
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        if (!depth && (c == '"' || c == '}' || c == ']'))
            return;
    }
}

size_t cli_json_member(const char *text, size_t n, int index, const char **value)
{
    struct place p = {text, text + n};
    skip_blanks(&p);
    for (int i = 0; p.at < p.end && *p.at != '}'; i++) {
        p.at++; /* the brace, or the comma before this member */
        skip_blanks(&p);
        skip_value(&p); /* its key */
        skip_blanks(&p);
        p.at += p.at < p.end; /* the colon */
        skip_blanks(&p);
        const char *first = p.at;
        skip_value(&p);
        if (i == index) {
            *value = first;
            return (size_t)(p.at - first);
        }
        skip_blanks(&p);
    }
    return 0;
}

static size_t count_digits(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n && s[i] >= '0' && s[i] <= '9')
        i++;
    return i;
}

static bool is_number(const char *s, size_t n)
{
    size_t i = n && *s == '-';
    const size_t whole = count_digits(s + i, n - i);
    if (!whole || (whole > 1 && s[i] == '0'))
        return false;
    i += whole;
    if (i < n && s[i] == '.') {
        const size_t more = count_digits(s + i + 1, n - i - 1);
        if (!more)
            return false;
        i += 1 + more;
    }
    if (i < n && (s[i] == 'e' || s[i] == 'E')) {
        i++;
        i += i < n && (s[i] == '+' || s[i] == '-');
        const size_t power = count_digits(s + i, n - i);
        if (!power)
            return false;
        i += power;
    }
    return i == n;
}

bool cli_json_is_scalar(const char *value, size_t n)
{
    if (!n || *value != '"')
        return is_number(value, n);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)value[i] < ' ')
            return false;
    return true;
}
