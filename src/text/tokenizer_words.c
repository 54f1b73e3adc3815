/* Tokens as CTranslate2's users give them: separated by blanks. */
#include <string.h>

#include "text/core.h"

static bool is_blank(uint32_t code)
{
    return code == ' ' || code == '\t' || code == '\n' || code == '\r';
}

static int encode_word(struct elcl_encoder *e, const char *s, size_t n, bool begins,
                       elcl_error *err)
{
    (void)begins;
    const int32_t id = elcl_strmap_get(&e->t->symbol_of, s, n);
    return elcl_is_token(e->t, id) ? elcl_encoder_emit(e, id, err)
                                   : elcl_encoder_emit_unknown(e, s, n, err);
}

static int encode(struct elcl_encoder *e, const char *s, size_t n, bool begins, elcl_error *err)
{
    return elcl_encode_words(e, s, n, begins, is_blank, encode_word, err);
}

static int decode(const struct elcl_tokenizer *t, const int32_t *ids, size_t n, bool skip_special,
                  struct elcl_str *out, elcl_error *err)
{
    (void)err;
    const size_t before = out->n;
    for (size_t i = 0; i < n; i++) {
        if (elcl_is_skipped(t, ids[i], skip_special))
            continue;
        if (out->n > before)
            elcl_str_append(out, " ", 1);
        elcl_str_append(out, elcl_symbol_text(t, ids[i]), t->symbols[ids[i]].length);
    }
    return ELCL_OK;
}

const struct elcl_tokenizer_kind elcl_kind_words = {encode, decode};
