/* Where a sentence is cut that is too long for the model. */
#include "common/sentences_find.h"

#include <utf8proc.h>

/* Places for a cut, the best one last. */
enum place { PLACE_NONE, PLACE_CODE, PLACE_CHARACTER, PLACE_BLANK, PLACE_CLAUSE };

/* Whether a clause ends between the two characters. Commas in numbers end none. */
static bool ends_clause(uint32_t before, uint32_t after)
{
    return cli_is_clause_mark(before) && (cli_is_blank(after) || cli_needs_no_blank(before, after));
}

static enum place place_between(uint32_t before, uint32_t after)
{
    if (cli_is_blank(before))
        return PLACE_NONE; /* the blanks end at the place before them */
    if (ends_clause(before, after))
        return PLACE_CLAUSE;
    if (cli_is_blank(after))
        return PLACE_BLANK;
    return utf8proc_grapheme_break((utf8proc_int32_t)before, (utf8proc_int32_t)after)
               ? PLACE_CHARACTER
               : PLACE_CODE;
}

static size_t distance(size_t a, size_t b)
{
    return a > b ? a - b : b - a;
}

size_t cli_find_cut(const char *text, size_t n, size_t aim, size_t most)
{
    uint32_t before, after;
    enum place best = PLACE_NONE;
    size_t at = cli_char_start(text, n, aim / 2);
    if (!at)
        at = cli_char_at(text, n, 0, &before);
    size_t cut = at;
    (void)cli_char_before(text, at, &before);
    while (at <= most && at < n) {
        const size_t length = cli_char_at(text, n, at, &after);
        const enum place place = place_between(before, after);
        if (place > best || (place == best && distance(at, aim) < distance(cut, aim))) {
            best = place;
            cut = at;
        }
        before = after;
        at += length;
    }
    return cut;
}
