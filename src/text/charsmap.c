#include "text/charsmap.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/utf8.h"
#include "text/characters.h"

/* Bytes of a replacement; the longest that SentencePiece makes by itself has 33. */
#define MAX_REPLACEMENT 1000

void elcl_charsmap_finish(struct elcl_charsmap *map)
{
    free(map->units);
    free(map->texts);
    *map = (struct elcl_charsmap){0};
}

/* ---- reading ------------------------------------------------------------------------------- */

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Returns false for a character outside base64. */
static bool decode_base64(const char *s, struct elcl_str *out)
{
    uint32_t bits = 0;
    int n_bits = 0;
    for (; *s && *s != '='; s++) {
        const int digit = digit_of(*s);
        if (digit < 0)
            return false;
        bits = (bits << 6 | (uint32_t)digit) & 0xffffff;
        n_bits += 6;
        if (n_bits >= 8) {
            const char byte = (char)(uint8_t)(bits >> (n_bits - 8));
            elcl_str_append(out, &byte, 1);
            n_bits -= 8;
        }
    }
    return s[strspn(s, "=")] == '\0';
}

static uint32_t read_u32(const char *s)
{
    return (uint32_t)elcl_read_le(s, 4);
}

/* A unit holds its label (bits 0-7 and 31), a flag for a value below it (8) and the distance of its
 * children (10-30, times 256 if 9 is set). The unit of a value holds it in bits 0-30. */
static uint32_t distance_of(uint32_t unit)
{
    return (unit >> 10) << ((unit & (UINT32_C(1) << 9)) >> 6);
}

/* Requires that every value is the place of a text, which begins with a character and is short: a
 * character of a text must not become megabytes. */
static bool has_good_values(const struct elcl_charsmap *map)
{
    for (size_t i = 0; i < map->n_units; i++) {
        const uint32_t unit = map->units[i];
        if (unit >> 31 || !(unit >> 8 & 1))
            continue;
        const size_t at = i ^ distance_of(unit);
        const size_t value = at < map->n_units ? map->units[at] & 0x7fffffffu : SIZE_MAX;
        if (value >= map->n_texts || ((uint8_t)map->texts[value] & 0xc0) == 0x80)
            return false;
        const size_t rest = map->n_texts - value;
        if (rest > MAX_REPLACEMENT && !memchr(map->texts + value, '\0', MAX_REPLACEMENT))
            return false;
    }
    return true;
}

int elcl_charsmap_parse(struct elcl_charsmap *map, const char *bytes, size_t n, const char *file,
                        elcl_error *err)
{
    const size_t size = n >= 4 ? read_u32(bytes) : 0;
    if (n < 4 || size > n - 4 || size % 4)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%s: precompiled_charsmap: expected a table of at most %zu bytes, found "
                         "%zu",
                         file, n >= 4 ? n - 4 : 0, size);
    map->n_texts = n - 4 - size;
    if (elcl_utf8_check(bytes + 4 + size, map->n_texts) < map->n_texts)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: precompiled_charsmap: its texts are not UTF-8",
                         file);
    map->texts = elcl_strndup(bytes + 4 + size, map->n_texts);
    map->n_units = size / 4;
    map->units = elcl_calloc(map->n_units, sizeof(*map->units));
    if (!map->texts || !map->units)
        return elcl_fail_nomem(err);
    for (size_t i = 0; i < map->n_units; i++)
        map->units[i] = read_u32(bytes + 4 + 4 * i);
    if (!has_good_values(map))
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%s: precompiled_charsmap: expected places of texts of at most %d bytes, "
                         "found others",
                         file, MAX_REPLACEMENT);
    return ELCL_OK;
}

int elcl_charsmap_read(struct elcl_charsmap *map, const char *base64, const char *file,
                       elcl_error *err)
{
    struct elcl_str bytes = {0};
    int rc;
    if (!decode_base64(base64, &bytes))
        rc = elcl_fail(err, ELCL_E_FORMAT, "%s: precompiled_charsmap: expected base64", file);
    else
        rc = bytes.failed ? elcl_fail_nomem(err)
                          : elcl_charsmap_parse(map, bytes.data, bytes.n, file, err);
    elcl_str_finish(&bytes);
    return rc;
}

/* ---- looking up ---------------------------------------------------------------------------- */

/* Returns the text for the shortest or the longest sequence that s begins with, or NULL. */
static const char *find(const struct elcl_charsmap *map, const char *s, size_t n, bool longest,
                        size_t *length)
{
    const char *text = NULL;
    if (!map->n_units)
        return NULL;
    uint32_t at = distance_of(map->units[0]);
    for (size_t i = 0; i < n && s[i]; i++) {
        const uint32_t label = (uint8_t)s[i];
        at ^= label;
        if (at >= map->n_units || (map->units[at] & 0x800000ffu) != label)
            break;
        const bool leaf = map->units[at] >> 8 & 1;
        at ^= distance_of(map->units[at]);
        if (!leaf)
            continue;
        text = map->texts + (map->units[at] & 0x7fffffffu);
        *length = i + 1;
        if (!longest)
            break;
    }
    return text;
}

const char *elcl_charsmap_longest(const struct elcl_charsmap *map, const char *s, size_t n,
                                  size_t *length)
{
    return find(map, s, n, true, length);
}

static const char *find_shortest(const struct elcl_charsmap *map, const char *s, size_t n)
{
    size_t length;
    return find(map, s, n, false, &length);
}

static void apply_to_characters(const struct elcl_charsmap *map, const char *s, size_t n,
                                struct elcl_str *out)
{
    for (size_t i = 0; i < n;) {
        uint32_t code;
        const size_t bytes = elcl_character(s + i, n - i, &code);
        const char *text = find_shortest(map, s + i, bytes);
        if (text)
            elcl_str_append(out, text, strlen(text));
        else
            elcl_str_append(out, s + i, bytes);
        i += bytes;
    }
}

/* Returns the length of the grapheme at s. */
static size_t grapheme(const char *s, size_t n)
{
    utf8proc_int32_t state = 0;
    uint32_t before, code;
    size_t i = elcl_character(s, n, &before);
    while (i < n) {
        const size_t length = elcl_character(s + i, n - i, &code);
        if (utf8proc_grapheme_break_stateful((utf8proc_int32_t)before, (utf8proc_int32_t)code,
                                             &state))
            break;
        before = code;
        i += length;
    }
    return i;
}

void elcl_charsmap_apply(const struct elcl_charsmap *map, const char *s, size_t n,
                         struct elcl_str *out)
{
    for (size_t i = 0; i < n;) {
        const size_t length = grapheme(s + i, n - i);
        const char *text = length < 6 ? find_shortest(map, s + i, length) : NULL;
        if (text)
            elcl_str_append(out, text, strlen(text));
        else
            apply_to_characters(map, s + i, length, out);
        i += length;
    }
}
