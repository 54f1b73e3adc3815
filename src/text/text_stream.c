/* Text streams. Tokens become bytes, as far as later tokens cannot change them; bytes become text,
 * as far as clean-up and the rest of a character cannot change it. What may change is held back. */
#include "text/text_stream.h"

#include <string.h>

#include "text/characters.h"
#include "text/core.h"
#include "text/spm_model.h"

struct elcl_text_stream {
    const struct elcl_tokenizer *t; /* of outputs */
    bool clean_up;
    enum elcl_decoder_reach reach;
    int32_t
        *ids; /* [n_ids] with ELCL_REACH_TOKEN the last decoded one and those after it, else all */
    size_t n_ids, max_ids;
    size_t n_taken;        /* bytes of their text that are in `bytes`, or were */
    struct elcl_str bytes; /* decoded and not given out */
    struct elcl_str text;  /* given out by the last call */
};

static enum elcl_decoder_reach reach_of(const struct elcl_tokenizer *t)
{
    const struct elcl_spm *spm = t->target_spm ? t->target_spm : t->spm;
    if (t->kind == &elcl_kind_bytes)
        return ELCL_REACH_TOKEN;
    if (t->kind == &elcl_kind_json)
        return elcl_decoder_reach(&t->decoder);
    return t->kind == &elcl_kind_spm && spm->backward.map.n_units ? ELCL_REACH_ALL : ELCL_REACH_RUN;
}

int elcl_text_stream_of(const struct elcl_tokenizer *tokenizer, elcl_text_stream **stream,
                        elcl_error *err)
{
    elcl_text_stream *s = elcl_calloc(1, sizeof(*s));
    if (!s)
        return elcl_fail_nomem(err);
    s->t = tokenizer->target ? tokenizer->target : tokenizer;
    s->clean_up = tokenizer->clean_up;
    s->reach = reach_of(s->t);
    *stream = s;
    return ELCL_OK;
}

void elcl_text_stream_destroy(elcl_text_stream **stream)
{
    if (!stream || !*stream)
        return;
    elcl_free((*stream)->ids);
    elcl_str_finish(&(*stream)->bytes);
    elcl_str_finish(&(*stream)->text);
    elcl_free(*stream);
    *stream = NULL;
}

/* ---- tokens to bytes ------------------------------------------------------------------------- */

/* Whether the text of a last token depends on what follows it. */
static bool is_open(const struct elcl_tokenizer *t, int32_t id)
{
    const char *s = elcl_symbol_text(t, id);
    const size_t n = t->symbols[id].length;
    if (t->kind == &elcl_kind_json)
        return elcl_decoder_open(&t->decoder, s, n);
    return t->kind == &elcl_kind_spm && elcl_spm_byte(s, n) >= 0;
}

static size_t count_closed(const struct elcl_text_stream *s)
{
    size_t n = s->reach == ELCL_REACH_ALL ? 0 : s->n_ids;
    while (n && is_open(s->t, s->ids[n - 1]))
        n--;
    return n;
}

/* The text of one token more begins with the text before it. So a context of one token is enough
 * where a token's text depends only on being the first or last. */
static int decode(struct elcl_text_stream *s, size_t n, elcl_error *err)
{
    struct elcl_str out = {0};
    int rc = n ? s->t->kind->decode(s->t, s->ids, n, true, &out, err) : ELCL_OK;
    if (!rc && out.n > s->n_taken) {
        elcl_str_append(&s->bytes, out.data + s->n_taken, out.n - s->n_taken);
        s->n_taken = out.n;
    }
    if (!rc && n && s->reach == ELCL_REACH_TOKEN) {
        s->n_ids -= n - 1;
        memmove(s->ids, s->ids + n - 1, s->n_ids * sizeof(*s->ids));
        out.n = 0;
        rc = s->t->kind->decode(s->t, s->ids, 1, true, &out, err);
        s->n_taken = out.n;
    }
    if (!rc && (out.failed || s->bytes.failed))
        rc = elcl_fail_nomem(err);
    elcl_str_finish(&out);
    return rc;
}

/* ---- bytes to text --------------------------------------------------------------------------- */

/* Returns n without the bytes of a last character that is not complete. */
static size_t whole_characters(const char *s, size_t n)
{
    for (size_t k = 1; k < 4 && k <= n; k++) {
        const unsigned char c = (unsigned char)s[n - k];
        uint32_t code;
        if (c >= 0xc0)
            return elcl_utf8_next(s + n - k, k, &code) == -(int)k ? n - k : n;
        if (c < 0x80)
            break;
    }
    return n;
}

/*
 * Returns how many bytes no clean-up of later bytes can reach. Every pattern of elcl_clean_up()
 * begins with a space and has only the characters below, and no pass adds others. So nothing
 * reaches across another character, nor across a space that none of them can continue: a letter
 * other than n follows only an apostrophe or a letter.
 */
static size_t beyond_clean_up(const char *s, size_t n)
{
    size_t held = n;
    for (size_t i = n; i--;) {
        if (!s[i] || !strchr(" .?!,'ntmsver", s[i]))
            break;
        if (s[i] != ' ')
            continue;
        if (i + 1 < n && strchr("tmsver", s[i + 1]) && (!i || s[i - 1] != '\''))
            break;
        held = i;
    }
    return held;
}

/* Gives out the first n of the bytes. */
static int give(struct elcl_text_stream *s, size_t n, elcl_error *err)
{
    struct elcl_str out = {0};
    elcl_str_append(&out, s->bytes.data, n);
    if (s->clean_up)
        elcl_clean_up(&out);
    elcl_tokenizer_repair(&out, &s->text);
    elcl_str_append(&s->text, "", 0); /* an empty text is a string too */
    const bool failed = out.failed || s->text.failed;
    elcl_str_finish(&out);
    s->bytes.n -= n;
    if (n)
        memmove(s->bytes.data, s->bytes.data + n, s->bytes.n);
    return failed ? elcl_fail_nomem(err) : ELCL_OK;
}

/* ---- the interface --------------------------------------------------------------------------- */

int elcl_text_stream_add(elcl_text_stream *stream, const int32_t *ids, size_t n_ids,
                         const char **text, elcl_error *err)
{
    if (!stream || (!ids && n_ids) || !text)
        return elcl_fail(err, ELCL_E_ARG, "elcl_text_stream_add: arguments must not be NULL");
    struct elcl_text_stream *s = stream;
    void *grown = s->ids;
    for (size_t i = 0; i < n_ids; i++)
        if (ids[i] < 0)
            return elcl_fail(err, ELCL_E_ARG, "%s: token id %d is below 0", s->t->path,
                             (int)ids[i]);
    if (!elcl_grow(&grown, &s->max_ids, s->n_ids + n_ids + 1, sizeof(*s->ids)))
        return elcl_fail_nomem(err);
    s->ids = grown;
    for (size_t i = 0; i < n_ids; i++)
        if (elcl_is_token(s->t, ids[i]) && !elcl_is_skipped(s->t, ids[i], true))
            s->ids[s->n_ids++] = ids[i];
    s->text.n = 0;
    int rc = decode(s, count_closed(s), err);
    size_t n = s->bytes.n ? whole_characters(s->bytes.data, s->bytes.n) : 0;
    if (n && s->clean_up)
        n = beyond_clean_up(s->bytes.data, n);
    if (!rc)
        rc = give(s, n, err);
    if (!rc)
        *text = s->text.data;
    return rc;
}

int elcl_text_stream_end(elcl_text_stream *stream, const char **text, elcl_error *err)
{
    if (!stream || !text)
        return elcl_fail(err, ELCL_E_ARG, "elcl_text_stream_end: arguments must not be NULL");
    stream->text.n = 0;
    int rc = decode(stream, stream->n_ids, err);
    if (!rc)
        rc = give(stream, stream->bytes.n, err);
    if (!rc)
        *text = stream->text.data;
    stream->n_ids = stream->n_taken = 0;
    return rc;
}
