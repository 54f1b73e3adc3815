/* tokenizer.json beyond byte-level BPE: normalized text, cut into words, cut into pieces by a
 * unigram vocabulary or by merges over characters. */
#include <string.h>

#include "text/pretoken.h"
#include "text/tokenizer_impl.h"
#include "base/utf8.h"

#define UNDERLINE "\xe2\x96\x81" /* U+2581 */

static size_t character(const char *s, size_t n)
{
    uint32_t code;
    const int length = elcl_utf8_next(s, n, &code);
    return length > 0 ? (size_t)length : 1;
}

static bool all_bytes(const struct elcl_tokenizer *t, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (t->byte_token[(uint8_t)s[i]] < 0)
            return false;
    return t->byte_fallback;
}

static int no_unknown(const struct elcl_tokenizer *t, const char *s, size_t n, elcl_error *err)
{
    return elcl_fail(err, ELCL_E_FORMAT,
                     "%s: the text needs \"%.*s\", which the vocabulary does not have, and there "
                     "is no token for unknown pieces",
                     t->path, (int)(n > 100 ? 100 : n), s);
}

/* ---- words to pieces ----------------------------------------------------------------------- */

static int unigram_word(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err)
{
    const struct elcl_tokenizer *t = e->t;
    int rc = elcl_unigram_cut(&t->unigram, t->unk, s, n, &e->cuts, err);
    for (size_t i = 0; i < e->cuts.n_spans && !rc; i++) {
        const char *piece = s + e->cuts.spans[i].begin;
        const size_t length = e->cuts.spans[i].end - e->cuts.spans[i].begin;
        const int32_t id = elcl_strmap_get(&t->symbol_of, piece, length);
        if (elcl_is_token(t, id)) {
            rc = elcl_encoder_emit(e, id, err);
        } else if (all_bytes(t, piece, length)) {
            for (size_t k = 0; k < length && !rc; k++)
                rc = elcl_encoder_emit(e, t->byte_token[(uint8_t)piece[k]], err);
        } else {
            rc = t->unk < 0 ? no_unknown(t, piece, length, err) : elcl_encoder_emit(e, t->unk, err);
        }
    }
    return rc;
}

/* Characters as symbols, at most n of them: tokens, tokens of their bytes, or unk. Without unk an
 * unknown character is left out, as in the tokenizers library. */
static size_t spell(struct elcl_encoder *e, const char *s, size_t n)
{
    const struct elcl_tokenizer *t = e->t;
    size_t n_symbols = 0, n_unknown = 0; /* waiting */
    for (size_t i = 0; i < n;) {
        const size_t length = character(s + i, n - i);
        const int32_t id = elcl_strmap_get(&t->symbol_of, s + i, length);
        if (elcl_is_token(t, id)) {
            if (n_unknown)
                e->symbols[n_symbols++] = t->unk;
            n_unknown = 0;
            e->symbols[n_symbols++] = id;
        } else if (all_bytes(t, s + i, length)) {
            for (size_t k = 0; k < length; k++)
                e->symbols[n_symbols++] = t->byte_token[(uint8_t)s[i + k]];
        } else if (t->unk >= 0) {
            if (n_unknown && !t->fuse_unk)
                e->symbols[n_symbols++] = t->unk;
            n_unknown = 1;
        }
        i += length;
    }
    if (n_unknown)
        e->symbols[n_symbols++] = t->unk;
    return n_symbols;
}

static int bpe_word(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err)
{
    const struct elcl_tokenizer *t = e->t;
    if (t->ignore_merges) {
        const int32_t id = elcl_strmap_get(&t->symbol_of, s, n);
        if (elcl_is_token(t, id))
            return elcl_encoder_emit(e, id, err);
    }
    int rc = elcl_encoder_room(e, n, err);
    if (rc)
        return rc;
    size_t n_symbols = spell(e, s, n);
    rc = elcl_bpe_merge(&t->merges, false, e->symbols, &n_symbols, &e->scratch, err);
    for (size_t i = 0; i < n_symbols && !rc; i++)
        rc = elcl_encoder_emit(e, e->symbols[i], err);
    return rc;
}

static int encode_word(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err)
{
    if (!n)
        return ELCL_OK;
    return e->t->kind == ELCL_KIND_UNIGRAM ? unigram_word(e, s, n, err) : bpe_word(e, s, n, err);
}

/* ---- text to words ------------------------------------------------------------------------- */

static bool begins_with_blank(const char *s, size_t n)
{
    return n >= 3 && !memcmp(s, UNDERLINE, 3);
}

/* Words of a text whose blanks are spelled U+2581, which begins a word. */
static int encode_spelled(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err)
{
    size_t begin = 0;
    if (e->t->cutting.whole)
        return encode_word(e, s, n, err);
    for (size_t i = 1; i <= n; i++) {
        if (i < n && !begins_with_blank(s + i, n - i))
            continue;
        const int rc = encode_word(e, s + begin, i - begin, err);
        if (rc)
            return rc;
        begin = i;
    }
    return ELCL_OK;
}

static int cut_metaspace(struct elcl_encoder *e, const char *s, size_t n, bool begins,
                         elcl_error *err)
{
    const struct elcl_cutting *cutting = &e->t->cutting;
    struct elcl_str text = {0};
    if (!cutting->metaspace)
        return encode_word(e, s, n, err);
    const bool prepend = cutting->prepend == ELCL_PREPEND_ALWAYS ||
                         (cutting->prepend == ELCL_PREPEND_FIRST && begins);
    if (prepend && n && *s != ' ' && !begins_with_blank(s, n))
        elcl_str_append(&text, UNDERLINE, 3);
    for (size_t i = 0; i < n; i++)
        elcl_str_append(&text, s[i] == ' ' ? UNDERLINE : s + i, s[i] == ' ' ? 3 : 1);
    const int rc = text.failed ? elcl_fail_nomem(err) : encode_spelled(e, text.data, text.n, err);
    elcl_str_finish(&text);
    return rc;
}

static int cut_words(struct elcl_encoder *e, const char *s, size_t n, bool begins, elcl_error *err)
{
    size_t begin = 0;
    if (!e->t->cutting.at_white_space)
        return cut_metaspace(e, s, n, begins, err);
    for (size_t i = 0; i <= n;) {
        uint32_t code = ' ';
        const int step = i < n ? elcl_utf8_next(s + i, n - i, &code) : 1;
        const size_t length = step > 0 ? (size_t)step : 1;
        if (i == n || (step > 0 && elcl_is_white_space(code))) {
            const int rc =
                i > begin ? cut_metaspace(e, s + begin, i - begin, begins && !begin, err) : ELCL_OK;
            if (rc)
                return rc;
            begin = i + length;
        }
        i += length;
    }
    return ELCL_OK;
}

int elcl_pieces_encode(struct elcl_encoder *e, const char *s, size_t n, bool begins,
                       elcl_error *err)
{
    struct elcl_str text = {0};
    int rc = elcl_normalizer_run(&e->t->normalizer, s, n, &text, err);
    if (!rc)
        rc = elcl_encode_around(e, &e->t->normalized, text.data ? text.data : "", text.n, begins,
                                cut_words, err);
    elcl_str_finish(&text);
    return rc;
}
