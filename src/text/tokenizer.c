#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/util.h"
#include "text/characters.h"
#include "text/core.h"

void elcl_tokenizer_destroy(struct elcl_tokenizer **tokenizer)
{
    struct elcl_tokenizer *t = *tokenizer;
    if (!t)
        return;
    elcl_strmap_finish(&t->symbol_of);
    elcl_str_finish(&t->text);
    elcl_merges_finish(&t->merges);
    elcl_added_finish(&t->added);
    elcl_added_finish(&t->normalized);
    elcl_normalizer_finish(&t->normalizer);
    elcl_pretokenizer_finish(&t->pre);
    elcl_decoder_finish(&t->decoder);
    elcl_unigram_finish(&t->unigram);
    elcl_spm_destroy(&t->spm);
    elcl_spm_destroy(&t->target_spm);
    elcl_tokenizer_destroy(&t->target);
    free(t->symbols);
    free(t->word_mark);
    free(t->path);
    free(t);
    *tokenizer = NULL;
}

int32_t elcl_tokenizer_size(const struct elcl_tokenizer *tokenizer)
{
    return tokenizer->size;
}

int32_t elcl_tokenizer_target_size(const struct elcl_tokenizer *tokenizer)
{
    return tokenizer->target ? tokenizer->target->size : tokenizer->size;
}

const char *elcl_tokenizer_token(const struct elcl_tokenizer *tokenizer, int32_t id, bool target,
                                 size_t *n)
{
    const struct elcl_tokenizer *t = target && tokenizer->target ? tokenizer->target : tokenizer;
    if (!elcl_is_token(t, id))
        return NULL;
    *n = t->symbols[id].length;
    return elcl_symbol_text(t, id);
}

/* ---- encoding -------------------------------------------------------------------------------- */

static int encode_after_space(struct elcl_encoder *e, const char *s, size_t n, bool begins,
                              elcl_encode_fn encode, elcl_error *err)
{
    struct elcl_str copy = {0};
    elcl_str_append(&copy, " ", 1);
    elcl_str_append(&copy, s, n);
    const int rc = copy.failed ? elcl_fail_nomem(err) : encode(e, copy.data, copy.n, begins, err);
    elcl_str_finish(&copy);
    return rc;
}

/* The tokenizers library puts a space before each text between added tokens. */
static int encode_segment(struct elcl_encoder *e, const char *s, size_t n, bool begins,
                          elcl_error *err)
{
    const struct elcl_tokenizer *t = e->t;
    if (t->add_prefix_space && !t->python && *s != ' ')
        return encode_after_space(e, s, n, begins, t->kind->encode, err);
    return t->kind->encode(e, s, n, begins, err);
}

static int encode_added(struct elcl_encoder *e, const char *s, size_t n, bool begins,
                        elcl_error *err)
{
    return elcl_encode_around(e, &e->t->added, s, n, begins, encode_segment, err);
}

/* The Python tokenizers put a space before the whole text, then search for added tokens. */
static int encode_text(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err)
{
    uint32_t code = ' ';
    if (n && e->t->add_prefix_space && e->t->python)
        elcl_character(s, n, &code);
    return elcl_is_python_space(code) ? encode_added(e, s, n, true, err)
                                      : encode_after_space(e, s, n, true, encode_added, err);
}

static int encode(struct elcl_encoder *e, const char *text, size_t n, int32_t **ids, size_t *n_ids,
                  elcl_error *err)
{
    const size_t bad = elcl_utf8_check(text, n);
    if (bad < n)
        return elcl_fail(err, ELCL_E_FORMAT, "the text is not UTF-8 at byte %zu (0x%02x)", bad,
                         (unsigned)(unsigned char)text[bad]);
    if (n > INT32_MAX / 2)
        return elcl_fail(err, ELCL_E_ARG, "the text has %zu bytes, at most %d are allowed", n,
                         INT32_MAX / 2);
    int rc = encode_text(e, text, n, err);
    if (!rc && !e->ids) {
        e->ids = elcl_calloc(1, sizeof(*e->ids));
        rc = e->ids ? ELCL_OK : elcl_fail_nomem(err);
    }
    elcl_bpe_scratch_finish(&e->scratch);
    elcl_unigram_scratch_finish(&e->cuts);
    free(e->symbols);
    if (rc) {
        free(e->ids);
        return rc;
    }
    *ids = e->ids;
    *n_ids = e->n_ids;
    return ELCL_OK;
}

int elcl_tokenizer_encode(const struct elcl_tokenizer *tokenizer, const char *text, size_t n,
                          int32_t **ids, size_t *n_ids, elcl_error *err)
{
    struct elcl_encoder e = {.t = tokenizer, .spm = tokenizer->spm};
    return encode(&e, text, n, ids, n_ids, err);
}

int elcl_tokenizer_encode_target(const struct elcl_tokenizer *tokenizer, const char *text, size_t n,
                                 int32_t **ids, size_t *n_ids, elcl_error *err)
{
    const struct elcl_tokenizer *t = tokenizer->target ? tokenizer->target : tokenizer;
    struct elcl_encoder e = {.t = t, .spm = t->target_spm ? t->target_spm : t->spm};
    if (tokenizer->target && t->kind == &elcl_kind_fsmt && !t->merges.n)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: the target language has no merges to encode texts; use token ids",
                         t->path);
    return encode(&e, text, n, ids, n_ids, err);
}

/* ---- decoding -------------------------------------------------------------------------------- */

void elcl_tokenizer_repair(const struct elcl_str *bytes, struct elcl_str *text)
{
    size_t at = 0;
    while (at < bytes->n) {
        const char *nul = memchr(bytes->data + at, '\0', bytes->n - at);
        const size_t n = nul ? (size_t)(nul - bytes->data) - at : bytes->n - at;
        elcl_utf8_repair(bytes->data + at, n, text);
        if (nul)
            elcl_str_append(text, "\xef\xbf\xbd", 3);
        at += n + (nul ? 1 : 0);
    }
}

/* Copies the ids that have a token. A padded vocabulary has ids without one, which decode to
 * nothing. elcl_free() *known. */
static int keep_known(const struct elcl_tokenizer *t, const int32_t *ids, size_t n_ids,
                      int32_t **known, size_t *n_known, elcl_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < n_ids; i++)
        if (ids[i] < 0)
            return elcl_fail(err, ELCL_E_ARG, "%s: token id %d is below 0", t->path, (int)ids[i]);
    int32_t *kept = elcl_calloc(n_ids + 1, sizeof(*kept));
    if (!kept)
        return elcl_fail_nomem(err);
    for (size_t i = 0; i < n_ids; i++)
        if (elcl_is_token(t, ids[i]))
            kept[n++] = ids[i];
    *known = kept;
    *n_known = n;
    return ELCL_OK;
}

int elcl_tokenizer_decode(const struct elcl_tokenizer *tokenizer, const int32_t *ids, size_t n_ids,
                          bool skip_special, char **text, elcl_error *err)
{
    const struct elcl_tokenizer *t = tokenizer->target ? tokenizer->target : tokenizer;
    struct elcl_str bytes = {0}, out = {0};
    int32_t *known = NULL;
    size_t n_known = 0;
    int rc = keep_known(t, ids, n_ids, &known, &n_known, err);
    if (rc)
        return rc;
    rc = t->kind->decode(t, known, n_known, skip_special, &bytes, err);
    elcl_free(known);
    if (tokenizer->clean_up)
        elcl_clean_up(&bytes);
    elcl_tokenizer_repair(&bytes, &out);
    elcl_str_append(&out, "", 0); /* an empty text is a string too */
    if (!rc && (bytes.failed || out.failed))
        rc = elcl_fail_nomem(err);
    elcl_str_finish(&bytes);
    if (rc)
        elcl_str_finish(&out);
    else
        *text = out.data;
    return rc;
}
