/* ByT5: every byte is a token. */
#include "base/utf8.h"
#include "text/core.h"

#define FIRST_BYTE 3

static int encode(struct elcl_encoder *e, const char *s, size_t n, bool begins, elcl_error *err)
{
    (void)begins;
    int rc = ELCL_OK;
    for (size_t i = 0; i < n && !rc; i++)
        rc = elcl_encoder_emit(e, (unsigned char)s[i] + FIRST_BYTE, err);
    return rc;
}

/* Drops bytes that are no UTF-8, as the reference does. */
static void append_valid(const struct elcl_str *bytes, struct elcl_str *out)
{
    for (size_t i = 0; i < bytes->n;) {
        uint32_t code;
        const size_t good = elcl_utf8_check(bytes->data + i, bytes->n - i);
        elcl_str_append(out, bytes->data + i, good);
        i += good;
        if (i < bytes->n)
            i += (size_t)-elcl_utf8_next(bytes->data + i, bytes->n - i, &code);
    }
}

static int decode(const struct elcl_tokenizer *t, const int32_t *ids, size_t n, bool skip_special,
                  struct elcl_str *out, elcl_error *err)
{
    (void)err;
    struct elcl_str bytes = {0};
    for (size_t i = 0; i < n; i++) {
        const char byte = (char)(ids[i] - FIRST_BYTE);
        if (elcl_is_skipped(t, ids[i], skip_special))
            continue;
        if (t->symbols[ids[i]].kind & ELCL_SYMBOL_VERBATIM)
            elcl_str_append(&bytes, elcl_symbol_text(t, ids[i]), t->symbols[ids[i]].length);
        else
            elcl_str_append(&bytes, &byte, 1);
    }
    append_valid(&bytes, out);
    out->failed = out->failed || bytes.failed;
    elcl_str_finish(&bytes);
    return ELCL_OK;
}

const struct elcl_tokenizer_kind elcl_kind_byt5 = {encode, decode};
