/* Byte-level BPE: cuts text into words as GPT-2 does and merges the bytes of each word. */
#include "text/characters.h"
#include "text/core.h"
#include "text/gpt2_words.h"

static void put_byte(struct elcl_encoder *e, size_t *n, unsigned char byte)
{
    const int32_t symbol = e->t->byte_symbol[byte];
    /* Without unk the tokenizers library drops what it does not know. */
    if (e->t->python || e->t->unk >= 0 || elcl_is_token(e->t, symbol))
        e->symbols[(*n)++] = symbol;
}

static int encode_word(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err)
{
    size_t n_symbols = 0;
    const int rc = elcl_encoder_room(e, n, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < n; i++)
        put_byte(e, &n_symbols, (unsigned char)s[i]);
    return elcl_encoder_emit_symbols(e, n_symbols, err);
}

int elcl_word_bytes(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err)
{
    const struct elcl_tokenizer *t = e->t;
    const int32_t whole = t->ignore_merges ? elcl_strmap_get(&t->symbol_of, s, n) : -1;
    size_t n_symbols = 0;
    if (elcl_is_token(t, whole))
        return elcl_encoder_emit(e, whole, err);
    const int rc = elcl_encoder_room(e, n, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < n;) {
        uint32_t code;
        i += elcl_character(s + i, n - i, &code);
        const int byte = code < ELCL_BYTE_CODES ? t->byte_of_code[code] : -1;
        if (byte >= 0)
            put_byte(e, &n_symbols, (unsigned char)byte);
    }
    return elcl_encoder_emit_symbols(e, n_symbols, err);
}

static int encode(struct elcl_encoder *e, const char *s, size_t n, bool begins, elcl_error *err)
{
    int rc = ELCL_OK;
    if (e->t->pre.n)
        return elcl_encode_json(e, s, n, begins, err);
    for (size_t at = 0; at < n && !rc;) {
        const size_t word = elcl_gpt2_word(s + at, n - at);
        rc = encode_word(e, s + at, word, err);
        at += word;
    }
    return rc;
}

/* Appends the bytes of a token, or its spelling if some character spells no byte. */
static void append_token(const struct elcl_tokenizer *t, int32_t id, struct elcl_str *out)
{
    const char *s = elcl_symbol_text(t, id);
    const size_t n = t->symbols[id].length, before = out->n;
    size_t i = t->symbols[id].kind & ELCL_SYMBOL_VERBATIM ? n : 0;
    if (i)
        elcl_str_append(out, s, n);
    while (i < n) {
        uint32_t code;
        i += elcl_character(s + i, n - i, &code);
        const int byte = code < ELCL_BYTE_CODES ? t->byte_of_code[code] : -1;
        if (byte < 0) {
            out->n = before;
            elcl_str_append(out, s, n);
            return;
        }
        const char c = (char)byte;
        elcl_str_append(out, &c, 1);
    }
}

static int decode(const struct elcl_tokenizer *t, const int32_t *ids, size_t n, bool skip_special,
                  struct elcl_str *out, elcl_error *err)
{
    (void)err;
    for (size_t i = 0; i < n; i++)
        if (!elcl_is_skipped(t, ids[i], skip_special))
            append_token(t, ids[i], out);
    return ELCL_OK;
}

const struct elcl_tokenizer_kind elcl_kind_bytes = {encode, decode};
