/* tokenizer.json without byte-level BPE: normalizes the text, cuts it into words, and cuts these
 * into pieces by a unigram vocabulary or by merges of characters. */
#include "text/characters.h"
#include "text/core.h"

static bool all_bytes(const struct elcl_tokenizer *t, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (t->byte_token[(uint8_t)s[i]] < 0)
            return false;
    return t->byte_fallback;
}

/* ---- words to pieces ------------------------------------------------------------------------ */

int elcl_word_unigram(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err)
{
    const struct elcl_tokenizer *t = e->t;
    int rc = elcl_unigram_cut(&t->unigram, t->unk, s, n, &e->cuts, err);
    for (size_t i = 0; i < e->cuts.n_spans && !rc; i++) {
        const char *piece = s + e->cuts.spans[i].begin;
        const size_t length = e->cuts.spans[i].end - e->cuts.spans[i].begin;
        const int32_t id = elcl_strmap_get(&t->symbol_of, piece, length);
        if (elcl_is_token(t, id))
            rc = elcl_encoder_emit(e, id, err);
        else if (!all_bytes(t, piece, length))
            rc = elcl_encoder_emit_unknown(e, piece, length, err);
        else
            for (size_t k = 0; k < length && !rc; k++)
                rc = elcl_encoder_emit(e, t->byte_token[(uint8_t)piece[k]], err);
    }
    return rc;
}

/* Returns the symbol of a word's last character with its mark, or -1. Sets marked->failed if memory
 * is short. */
static int32_t find_last(const struct elcl_tokenizer *t, const char *s, size_t n,
                         struct elcl_str *marked)
{
    elcl_str_append(marked, s, n);
    elcl_str_text(marked, t->word_mark);
    return marked->failed ? -1 : elcl_strmap_get(&t->symbol_of, marked->data, marked->n);
}

/* Spells the characters as at most n symbols: tokens, tokens of their bytes, or unk. Without unk an
 * unknown character is dropped, as in the tokenizers library. `marked` is empty. */
static size_t spell(struct elcl_encoder *e, const char *s, size_t n, struct elcl_str *marked)
{
    const struct elcl_tokenizer *t = e->t;
    size_t n_symbols = 0, n_unknown = 0; /* waiting */
    for (size_t i = 0; i < n;) {
        uint32_t code;
        const size_t length = elcl_character(s + i, n - i, &code);
        const bool last = i + length == n && t->word_mark;
        const int32_t id = last ? find_last(t, s + i, length, marked)
                                : elcl_strmap_get(&t->symbol_of, s + i, length);
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

int elcl_word_characters(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err)
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
    struct elcl_str marked = {0};
    const size_t n_symbols = spell(e, s, n, &marked);
    rc = marked.failed ? elcl_fail_nomem(err) : elcl_encoder_emit_symbols(e, n_symbols, err);
    elcl_str_finish(&marked);
    return rc;
}

/* ---- text to words -------------------------------------------------------------------------- */

static int encode_normalized(struct elcl_encoder *e, const char *s, size_t n, bool begins,
                             elcl_error *err)
{
    struct elcl_spellings words = {0};
    int rc = elcl_pretokenizer_run(&e->t->pre, s, n, begins, &words, err);
    for (size_t i = 0, begin = 0; i < words.n && !rc; begin = words.ends[i++])
        rc = e->t->encode_word(e, words.text.data + begin, words.ends[i] - begin, err);
    elcl_spellings_finish(&words);
    return rc;
}

int elcl_encode_json(struct elcl_encoder *e, const char *s, size_t n, bool begins, elcl_error *err)
{
    struct elcl_str text = {0};
    int rc = elcl_normalizer_run(&e->t->normalizer, s, n, &text, err);
    if (!rc)
        rc = elcl_encode_around(e, &e->t->normalized, text.data, text.n, begins, encode_normalized,
                                err);
    elcl_str_finish(&text);
    return rc;
}

/* ---- decoding -------------------------------------------------------------------------------- */

static int decode(const struct elcl_tokenizer *t, const int32_t *ids, size_t n, bool skip_special,
                  struct elcl_str *out, elcl_error *err)
{
    (void)err;
    struct elcl_spellings list = {0};
    for (size_t i = 0; i < n; i++)
        if (!elcl_is_skipped(t, ids[i], skip_special))
            elcl_spellings_add(&list, elcl_symbol_text(t, ids[i]), t->symbols[ids[i]].length);
    elcl_decoder_run(&t->decoder, &list);
    elcl_str_append(out, list.text.data, list.text.n);
    out->failed = out->failed || list.failed || list.text.failed;
    elcl_spellings_finish(&list);
    return ELCL_OK;
}

const struct elcl_tokenizer_kind elcl_kind_json = {elcl_encode_json, decode};
