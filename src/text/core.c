#include "text/core.h"

#include <string.h>

#include "text/characters.h"

int32_t elcl_token_id(const struct elcl_tokenizer *t, const char *token)
{
    const int32_t symbol = elcl_strmap_get(&t->symbol_of, token, strlen(token));
    return symbol >= 0 && t->symbols[symbol].kind & ELCL_SYMBOL_TOKEN ? symbol : -1;
}

/* ---- ids ------------------------------------------------------------------------------------- */

int elcl_encoder_emit(struct elcl_encoder *e, int32_t id, elcl_error *err)
{
    void *ids = e->ids;
    if (!elcl_grow(&ids, &e->max_ids, e->n_ids + 1, sizeof(*e->ids)))
        return elcl_fail_nomem(err);
    e->ids = ids;
    e->ids[e->n_ids++] = id;
    return ELCL_OK;
}

int elcl_encoder_emit_unknown(struct elcl_encoder *e, const char *piece, size_t n, elcl_error *err)
{
    if (e->t->unk >= 0)
        return elcl_encoder_emit(e, e->t->unk, err);
    return elcl_fail(err, ELCL_E_FORMAT,
                     "%s: the text needs the token \"%.*s\", which the "
                     "vocabulary does not have, "
                     "and there is no token for unknown pieces",
                     e->t->path, (int)(n > 100 ? 100 : n), piece);
}

int elcl_encoder_room(struct elcl_encoder *e, size_t n, elcl_error *err)
{
    void *symbols = e->symbols;
    if (!elcl_grow(&symbols, &e->max_symbols, n, sizeof(*e->symbols)))
        return elcl_fail_nomem(err);
    e->symbols = symbols;
    return ELCL_OK;
}

int elcl_encoder_emit_symbols(struct elcl_encoder *e, size_t n, elcl_error *err)
{
    const struct elcl_tokenizer *t = e->t;
    bool after_unknown = false;
    int rc = elcl_bpe_merge(&t->merges, t->python, e->symbols, &n, &e->scratch, err);
    for (size_t i = 0; i < n && !rc; i++) {
        const int32_t symbol = e->symbols[i];
        const bool unknown = !elcl_is_token(t, symbol);
        if (!unknown)
            rc = elcl_encoder_emit(e, symbol, err);
        else if (!after_unknown || !t->fuse_unk)
            rc = elcl_encoder_emit_unknown(e, symbol < 0 ? "" : elcl_symbol_text(t, symbol),
                                           symbol < 0 ? 0 : t->symbols[symbol].length, err);
        after_unknown = unknown;
    }
    return rc;
}

/* ---- text ------------------------------------------------------------------------------------ */

static bool is_eaten(const struct elcl_tokenizer *t, uint32_t code)
{
    return t->python ? elcl_is_python_space(code) : elcl_is_white_space(code);
}

static size_t spaces_before(const struct elcl_tokenizer *t, const char *s, size_t end)
{
    size_t begin = end;
    while (begin) {
        size_t at = begin - 1;
        while (at && ((unsigned char)s[at] & 0xc0) == 0x80)
            at--;
        uint32_t code;
        elcl_character(s + at, begin - at, &code);
        if (!is_eaten(t, code))
            break;
        begin = at;
    }
    return end - begin;
}

static size_t spaces_after(const struct elcl_tokenizer *t, const char *s, size_t n)
{
    size_t i = 0;
    while (i < n) {
        uint32_t code;
        const size_t length = elcl_character(s + i, n - i, &code);
        if (!is_eaten(t, code))
            break;
        i += length;
    }
    return i;
}

/* Returns the first added token at or after `at`, or NULL with *begin = n. */
static const struct elcl_added *next_added(const struct elcl_added_list *list, const char *s,
                                           size_t n, size_t at, size_t *begin)
{
    for (; list->n && at < n; at++) {
        const struct elcl_added *added = elcl_added_match(list, s + at, n - at);
        if (added) {
            *begin = at;
            return added;
        }
    }
    *begin = n;
    return NULL;
}

int elcl_encode_around(struct elcl_encoder *e, const struct elcl_added_list *list, const char *s,
                       size_t n, bool begins, elcl_encode_fn encode, elcl_error *err)
{
    size_t at = 0;
    bool strip = false; /* the added token before `at` removes the spaces after it */
    while (at < n) {
        size_t begin = n;
        const struct elcl_added *added = next_added(list, s, n, at, &begin);
        const char *segment = s + at;
        size_t length = begin - at;
        if (strip) {
            const size_t spaces = spaces_after(e->t, segment, length);
            segment += spaces;
            length -= spaces;
        }
        if (added && added->lstrip)
            length -= spaces_before(e->t, segment, length);
        int rc = length ? encode(e, segment, length, begins && segment == s, err) : ELCL_OK;
        if (!rc && added)
            rc = elcl_encoder_emit(e, added->id, err);
        if (rc)
            return rc;
        strip = added && added->rstrip;
        at = begin + (added ? added->n : 0);
    }
    return ELCL_OK;
}

int elcl_encode_words(struct elcl_encoder *e, const char *s, size_t n, bool begins,
                      bool (*is_space)(uint32_t code), elcl_encode_fn encode, elcl_error *err)
{
    size_t begin = 0;
    int rc = ELCL_OK;
    for (size_t i = 0; i <= n && !rc;) {
        uint32_t code = ' ';
        const size_t length = i < n ? elcl_character(s + i, n - i, &code) : 1;
        if (is_space(code)) {
            if (i > begin)
                rc = encode(e, s + begin, i - begin, begins && !begin, err);
            begin = i + length;
        }
        i += length;
    }
    return rc;
}
