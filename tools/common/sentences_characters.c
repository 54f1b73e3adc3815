/* The kinds of characters that matter to sentences.h. */
#include "base/utf8.h"
#include "common/sentences_find.h"

#include <utf8proc.h>

size_t cli_char_at(const char *text, size_t n, size_t at, uint32_t *code)
{
    const int length = elcl_utf8_next(text + at, n - at, code);
    if (length > 0)
        return (size_t)length;
    *code = 0xfffd;
    return 1;
}

size_t cli_char_before(const char *text, size_t at, uint32_t *code)
{
    for (size_t back = 1; back <= 4 && back <= at; back++)
        if (elcl_utf8_next(text + at - back, back, code) == (int)back)
            return back;
    *code = 0xfffd;
    return 1;
}

size_t cli_char_start(const char *text, size_t n, size_t at)
{
    size_t start = at;
    for (int i = 0; i < 3 && start && at < n && ((unsigned char)text[start] & 0xc0) == 0x80; i++)
        start--;
    return start;
}

static utf8proc_category_t category(uint32_t code)
{
    return utf8proc_category((utf8proc_int32_t)code);
}

static bool is_between(uint32_t code, uint32_t first, uint32_t last)
{
    return code >= first && code <= last;
}

bool cli_is_line_end(uint32_t code)
{
    return is_between(code, '\n', '\r') || code == 0x85 || code == 0x2028 || code == 0x2029;
}

bool cli_is_blank(uint32_t code)
{
    return code == ' ' || code == '\t' || (code >= 0xa0 && category(code) == UTF8PROC_CATEGORY_ZS);
}

bool cli_is_sentence_mark(uint32_t code)
{
    switch (code) {
    case '.':
    case '!':
    case '?':
    case 0x2026: /* horizontal ellipsis */
    case 0x203c: /* double exclamation mark, and the mixed ones */
    case 0x2047:
    case 0x2048:
    case 0x2049:
    case 0x061f: /* Arabic question mark */
    case 0x06d4: /* Urdu full stop */
    case 0x0589: /* Armenian full stop */
    case 0x0964: /* Devanagari danda, double danda */
    case 0x0965:
        return true;
    default:
        return cli_is_wide_mark(code);
    }
}

bool cli_is_wide_mark(uint32_t code)
{
    switch (code) {
    case 0x3002: /* ideographic full stop, and the half-width one */
    case 0xff61:
    case 0xff01: /* full-width ! . ? */
    case 0xff0e:
    case 0xff1f:
    case 0x104b: /* Burmese section */
    case 0x1362: /* Ethiopic full stop */
    case 0x17d4: /* Khmer khan */
        return true;
    default:
        return false;
    }
}

bool cli_is_clause_mark(uint32_t code)
{
    switch (code) {
    case ',':
    case ';':
    case ':':
    case 0x2013: /* en dash, em dash */
    case 0x2014:
    case 0x060c: /* Arabic comma, semicolon */
    case 0x061b:
    case 0x3001: /* ideographic comma, and the half-width one */
    case 0xff64:
    case 0xff0c: /* full-width , : ; */
    case 0xff1a:
    case 0xff1b:
        return true;
    default:
        return cli_is_sentence_mark(code);
    }
}

bool cli_is_closer(uint32_t code)
{
    const utf8proc_category_t c = category(code);
    return code == '"' || code == '\'' || c == UTF8PROC_CATEGORY_PE || c == UTF8PROC_CATEGORY_PF;
}

bool cli_is_opener(uint32_t code)
{
    const utf8proc_category_t c = category(code);
    return c == UTF8PROC_CATEGORY_PS || c == UTF8PROC_CATEGORY_PI;
}

bool cli_is_punctuation(uint32_t code)
{
    const utf8proc_category_t c = category(code);
    return c >= UTF8PROC_CATEGORY_PC && c <= UTF8PROC_CATEGORY_PO;
}

bool cli_is_lower(uint32_t code)
{
    return category(code) == UTF8PROC_CATEGORY_LL;
}

bool cli_is_letter(uint32_t code)
{
    const utf8proc_category_t c = category(code);
    return c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO;
}

bool cli_is_cased(uint32_t code)
{
    return category(code) == UTF8PROC_CATEGORY_LU || cli_is_lower(code);
}

/* Punctuation that has its own room: full-width, and that of Chinese and Japanese. */
static bool is_wide_punctuation(uint32_t code)
{
    return is_between(code, 0x3001, 0x3003) || is_between(code, 0x3008, 0x3020) ||
           is_between(code, 0xff01, 0xff0f) || is_between(code, 0xff1a, 0xff20) ||
           is_between(code, 0xff3b, 0xff40) || is_between(code, 0xff5b, 0xff65);
}

/* Korean has blanks between words. */
bool cli_is_wide(uint32_t code)
{
    return is_wide_punctuation(code) || is_between(code, 0x2e80, 0x2fdf) ||
           is_between(code, 0x3004, 0x3007) || is_between(code, 0x3021, 0x312f) ||
           is_between(code, 0x31a0, 0x31ff) || is_between(code, 0x3400, 0x4dbf) ||
           is_between(code, 0x4e00, 0x9fff) || is_between(code, 0xf900, 0xfaff) ||
           is_between(code, 0xff10, 0xff9f) || is_between(code, 0x20000, 0x3ffff);
}

bool cli_needs_no_blank(uint32_t before, uint32_t after)
{
    return (cli_is_wide(before) && cli_is_wide(after)) || is_wide_punctuation(before) ||
           is_wide_punctuation(after);
}
