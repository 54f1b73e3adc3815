/* How a SentencePiece model changes a text before it cuts it. */
#include <string.h>

#include "text/characters.h"
#include "text/spm_model.h"

size_t elcl_spm_symbol(const struct elcl_added_list *symbols, const char *s, size_t n,
                       bool *is_symbol)
{
    const struct elcl_added *symbol =
        symbols && symbols->n ? elcl_added_match(symbols, s, n) : NULL;
    uint32_t code;
    *is_symbol = symbol != NULL;
    return symbol ? symbol->n : elcl_character(s, n, &code);
}

/* Takes a symbol, the longest sequence of the map, or a character. Returns its length; *to is what
 * replaces it, *n_to bytes. */
static size_t take(const struct elcl_spm_rules *rules, const struct elcl_added_list *symbols,
                   const char *s, size_t n, const char **to, size_t *n_to)
{
    bool is_symbol;
    size_t length = elcl_spm_symbol(symbols, s, n, &is_symbol), replaced = 0;
    const char *text = is_symbol ? NULL : elcl_charsmap_longest(&rules->map, s, n, &replaced);
    *to = text ? text : s;
    *n_to = text ? strlen(text) : length;
    return text ? replaced : length;
}

static bool ends_with_space(const struct elcl_str *out, size_t begin, const char *space)
{
    return out->n > begin && elcl_ends_with(out->data + begin, out->n - begin, space);
}

/* Returns where the text begins after its first spaces. */
static size_t skip_spaces(const struct elcl_spm_rules *rules, const struct elcl_added_list *symbols,
                          const char *s, size_t n)
{
    size_t i = 0;
    while (i < n) {
        const char *to;
        size_t n_to;
        const size_t length = take(rules, symbols, s + i, n - i, &to, &n_to);
        if (n_to != 1 || *to != ' ')
            break;
        i += length;
    }
    return i;
}

/* Every run of spaces becomes one space if the rules trim, also across replacements. */
void elcl_spm_normalize(const struct elcl_spm_rules *rules, const struct elcl_added_list *symbols,
                        bool space_last, const char *s, size_t n, struct elcl_str *out)
{
    const char *space = rules->escapes ? ELCL_UNDERLINE : " ";
    const size_t begin = out->n;
    size_t i = rules->trims ? skip_spaces(rules, symbols, s, n) : 0;
    bool after_space = rules->trims;
    if (i == n)
        return;
    if (rules->dummy_space && !space_last)
        elcl_str_text(out, space);
    while (i < n) {
        const char *to;
        size_t n_to;
        i += take(rules, symbols, s + i, n - i, &to, &n_to);
        for (; after_space && n_to && *to == ' '; n_to--)
            to++;
        if (!n_to)
            continue;
        if (rules->escapes)
            elcl_append_replaced(out, to, n_to, " ", ELCL_UNDERLINE);
        else
            elcl_str_append(out, to, n_to);
        after_space = rules->trims && to[n_to - 1] == ' ';
    }
    while (rules->trims && ends_with_space(out, begin, space))
        out->n -= strlen(space);
    if (rules->dummy_space && space_last)
        elcl_str_text(out, space);
}
