/* tokenizer.json of type WordLevel and WordPiece. */
#include <string.h>

#include "text/characters.h"
#include "text/core.h"

int elcl_word_level(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err)
{
    const int32_t id = elcl_strmap_get(&e->t->symbol_of, s, n);
    return elcl_is_token(e->t, id) ? elcl_encoder_emit(e, id, err)
                                   : elcl_encoder_emit_unknown(e, s, n, err);
}

static size_t count_characters(const char *s, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)s[i] & 0xc0) != 0x80;
    return count;
}

/* Finds the longest token that s[0 .. *n) begins with; `mark` stands before it. Sets *n. */
static int32_t longest(const struct elcl_tokenizer *t, const char *mark, const char *s, size_t *n)
{
    struct elcl_str text = {0};
    const size_t n_mark = strlen(mark);
    int32_t id = -1;
    elcl_str_append(&text, mark, n_mark);
    elcl_str_append(&text, s, *n);
    for (size_t length = *n; length && !text.failed; length--) {
        if (length < *n && ((unsigned char)s[length] & 0xc0) == 0x80)
            continue;
        id = elcl_strmap_get(&t->symbol_of, text.data, n_mark + length);
        *n = elcl_is_token(t, id) ? length : *n;
        if (elcl_is_token(t, id))
            break;
    }
    elcl_str_finish(&text);
    return elcl_is_token(t, id) ? id : -1;
}

/* The longest piece first; a word with a part that has no piece is unknown as a whole. */
int elcl_word_piece(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err)
{
    const struct elcl_tokenizer *t = e->t;
    const size_t before = e->n_ids;
    int rc = ELCL_OK;
    if (count_characters(s, n) > t->max_word)
        return elcl_encoder_emit_unknown(e, s, n, err);
    for (size_t at = 0; at < n && !rc;) {
        size_t length = n - at;
        const int32_t id = longest(t, at && t->word_mark ? t->word_mark : "", s + at, &length);
        if (id < 0) {
            e->n_ids = before;
            return elcl_encoder_emit_unknown(e, s, n, err);
        }
        rc = elcl_encoder_emit(e, id, err);
        at += length;
    }
    return rc;
}
