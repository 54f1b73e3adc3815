/* SentencePiece model files: the library cuts and joins, as in transformers' Python classes. */
#include <stdlib.h>
#include <string.h>

#include "text/characters.h"
#include "text/core.h"

/* ---- encoding -------------------------------------------------------------------------------- */

static int use_piece(void *user, const char *piece, size_t n, elcl_error *err)
{
    struct elcl_encoder *e = user;
    const int32_t id = elcl_strmap_get(&e->t->symbol_of, piece, n);
    if (elcl_is_token(e->t, id))
        return elcl_encoder_emit(e, id, err);
    return elcl_encoder_emit_unknown(e, piece, n, err);
}

/* Marian: a target language in >>...<< at the start of the text is a token. */
static int encode_marian(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err)
{
    size_t end = elcl_begins_with(s, n, ">>") ? 2 : n;
    int rc = ELCL_OK;
    while (end < n && !elcl_begins_with(s + end, n - end, "<<"))
        end++;
    end = end < n ? end + 2 : 0;
    if (end)
        rc = use_piece(e, s, end, err);
    if (!rc && end < n)
        rc = elcl_spm_encode(e->spm, s + end, n - end, use_piece, e, err);
    return rc;
}

static int encode(struct elcl_encoder *e, const char *s, size_t n, bool begins, elcl_error *err)
{
    (void)begins;
    if (e->t->class == ELCL_CLASS_MARIAN)
        return encode_marian(e, s, n, err);
    return elcl_spm_encode(e->spm, s, n, use_piece, e, err);
}

/* ---- decoding -------------------------------------------------------------------------------- */

/* Joins the spellings for mBART and NLLB; for the others the SentencePiece model joins them. */
static int join(const struct elcl_tokenizer *t, const struct elcl_spm_span *pieces, size_t n,
                struct elcl_str *out, elcl_error *err)
{
    struct elcl_str text = {0};
    char *decoded = NULL;
    size_t n_decoded = 0;
    int rc = ELCL_OK;
    if (t->class == ELCL_CLASS_MBART || t->class == ELCL_CLASS_NLLB)
        for (size_t i = 0; i < n; i++)
            elcl_append_replaced(&text, pieces[i].s, pieces[i].n, ELCL_UNDERLINE, " ");
    else
        rc = elcl_spm_decode(t->target_spm ? t->target_spm : t->spm, pieces, n, &decoded,
                             &n_decoded, err);
    if (decoded && t->class == ELCL_CLASS_MARIAN)
        elcl_append_replaced(&text, decoded, n_decoded, ELCL_UNDERLINE, " ");
    else if (decoded)
        elcl_str_append(&text, decoded, n_decoded);
    elcl_append_stripped(out, text.data ? text.data : "", text.n, true, true, elcl_is_python_space);
    out->failed = out->failed || text.failed;
    elcl_str_finish(&text);
    free(decoded);
    return rc;
}

/* Appends a run of pieces between added tokens. The `last` run counts as a part even if it is
 * empty. */
static int end_run(const struct elcl_tokenizer *t, struct elcl_spm_span *pieces, size_t n,
                   bool last, size_t *n_parts, struct elcl_str *out, elcl_error *err)
{
    struct elcl_str text = {0};
    if (!n)
        return ELCL_OK;
    if (t->class == ELCL_CLASS_T5 && elcl_begins_with(pieces[0].s, pieces[0].n, ELCL_UNDERLINE)) {
        pieces[0].s += 3;
        pieces[0].n -= 3;
    }
    const int rc = join(t, pieces, n, &text, err);
    if (!rc && (text.n || last)) {
        if ((*n_parts)++)
            elcl_str_append(out, " ", 1);
        elcl_str_append(out, text.data, text.n);
    }
    out->failed = out->failed || text.failed;
    elcl_str_finish(&text);
    return rc;
}

static int decode(const struct elcl_tokenizer *t, const int32_t *ids, size_t n, bool skip_special,
                  struct elcl_str *out, elcl_error *err)
{
    struct elcl_spm_span *pieces = elcl_calloc(n, sizeof(*pieces));
    size_t n_pieces = 0, n_parts = 0;
    int rc = pieces ? ELCL_OK : elcl_fail_nomem(err);
    for (size_t i = 0; i < n && !rc; i++) {
        const struct elcl_symbol *symbol = &t->symbols[ids[i]];
        const struct elcl_spm_span span = {elcl_symbol_text(t, ids[i]), symbol->length};
        if (elcl_is_skipped(t, ids[i], skip_special))
            continue;
        if (!(symbol->kind & ELCL_SYMBOL_VERBATIM)) {
            pieces[n_pieces++] = span;
            continue;
        }
        rc = end_run(t, pieces, n_pieces, false, &n_parts, out, err);
        n_pieces = 0;
        if (n_parts++)
            elcl_str_append(out, " ", 1);
        elcl_str_append(out, span.s, span.n);
    }
    if (!rc)
        rc = end_run(t, pieces, n_pieces, true, &n_parts, out, err);
    free(pieces);
    return rc;
}

const struct elcl_tokenizer_kind elcl_kind_spm = {encode, decode};
