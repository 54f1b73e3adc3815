/* FSMT: cuts text at white space and merges the characters of each word; the last one carries
 * "</w>". The caller runs the Moses tokenizer first. */
#include <string.h>

#include "text/characters.h"
#include "text/core.h"

#define WORD_END "</w>"
#define NO_SYMBOL (-2) /* a character in neither vocabulary nor merges */

static int encode_word(struct elcl_encoder *e, const char *s, size_t n, bool begins,
                       elcl_error *err)
{
    (void)begins;
    size_t n_symbols = 0;
    int rc = elcl_encoder_room(e, n, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < n;) {
        uint32_t code;
        char last[4 + sizeof(WORD_END)];
        const size_t length = elcl_character(s + i, n - i, &code);
        const bool ends = i + length == n;
        memcpy(last, s + i, length);
        memcpy(last + length, WORD_END, sizeof(WORD_END));
        const int32_t symbol =
            elcl_strmap_get(&e->t->symbol_of, last, length + (ends ? sizeof(WORD_END) - 1 : 0));
        e->symbols[n_symbols++] = symbol < 0 ? NO_SYMBOL : symbol;
        i += length;
    }
    return elcl_encoder_emit_symbols(e, n_symbols, err);
}

static int encode(struct elcl_encoder *e, const char *s, size_t n, bool begins, elcl_error *err)
{
    return elcl_encode_words(e, s, n, begins, elcl_is_python_space, encode_word, err);
}

/* Drops spaces inside tokens, takes "</w>" as a space, and puts one space between words. */
static int decode(const struct elcl_tokenizer *t, const int32_t *ids, size_t n, bool skip_special,
                  struct elcl_str *out, elcl_error *err)
{
    (void)err;
    bool space = false;
    for (size_t i = 0; i < n; i++) {
        const char *s = elcl_symbol_text(t, ids[i]);
        size_t rest = elcl_is_skipped(t, ids[i], skip_special) ? 0 : t->symbols[ids[i]].length;
        while (rest) {
            const bool ends = elcl_begins_with(s, rest, WORD_END);
            uint32_t code = 0;
            const size_t length = ends ? sizeof(WORD_END) - 1 : elcl_character(s, rest, &code);
            if (ends || (code != ' ' && elcl_is_python_space(code))) {
                space = true;
            } else if (code != ' ') {
                if (space && out->n)
                    elcl_str_append(out, " ", 1);
                space = false;
                elcl_str_append(out, s, length);
            }
            s += length;
            rest -= length;
        }
    }
    return ELCL_OK;
}

const struct elcl_tokenizer_kind elcl_kind_fsmt = {encode, decode};
