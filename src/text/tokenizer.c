#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "text/pretoken.h"
#include "text/tokenizer_impl.h"
#include "base/utf8.h"

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
    elcl_decoder_finish(&t->decoder);
    elcl_unigram_finish(&t->unigram);
    elcl_spm_destroy(&t->spm);
    elcl_spm_destroy(&t->target_spm);
    elcl_tokenizer_destroy(&t->target);
    free(t->symbols);
    free(t->path);
    free(t);
    *tokenizer = NULL;
}

int32_t elcl_tokenizer_size(const struct elcl_tokenizer *tokenizer)
{
    return tokenizer->size;
}

int32_t elcl_tokenizer_id(const struct elcl_tokenizer *tokenizer, const char *token)
{
    const int32_t symbol = elcl_strmap_get(&tokenizer->symbol_of, token, strlen(token));
    return symbol >= 0 && tokenizer->symbols[symbol].kind & ELCL_SYMBOL_TOKEN ? symbol : -1;
}

int32_t elcl_tokenizer_target_size(const struct elcl_tokenizer *tokenizer)
{
    return tokenizer->target ? tokenizer->target->size : tokenizer->size;
}

/* ---- encoding ------------------------------------------------------------------------------ */

int elcl_encoder_emit(struct elcl_encoder *e, int32_t id, elcl_error *err)
{
    void *ids = e->ids;
    if (!elcl_grow(&ids, &e->max_ids, e->n_ids + 1, sizeof(*e->ids)))
        return elcl_fail_nomem(err);
    e->ids = ids;
    e->ids[e->n_ids++] = id;
    return ELCL_OK;
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
    for (size_t i = 0; i < n; i++) {
        const bool unknown = !elcl_is_token(t, e->symbols[i]);
        if (unknown && t->unk < 0) {
            const bool spelled = e->symbols[i] >= 0;
            const size_t length = spelled ? t->symbols[e->symbols[i]].length : 0;
            return elcl_fail(err, ELCL_E_FORMAT,
                             "%s: the text needs the token \"%.*s\", which the vocabulary does not "
                             "have, and there is no token for unknown pieces",
                             t->path, elcl_min_int((int)length, 100),
                             spelled ? elcl_symbol_text(t, e->symbols[i]) : "");
        }
        if (!unknown || !after_unknown || !t->fuse_unk) {
            const int rc = elcl_encoder_emit(e, unknown ? t->unk : e->symbols[i], err);
            if (rc)
                return rc;
        }
        after_unknown = unknown;
    }
    return ELCL_OK;
}

static int encode_word(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err)
{
    int rc = elcl_encoder_room(e, n, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < n; i++)
        e->symbols[i] = e->t->byte_symbol[(unsigned char)s[i]];
    rc = elcl_bpe_merge(&e->t->merges, e->t->python, e->symbols, &n, &e->scratch, err);
    return rc ? rc : elcl_encoder_emit_symbols(e, n, err);
}

static int encode_words(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err)
{
    while (n) {
        const size_t word = elcl_pretoken(s, n);
        const int rc = encode_word(e, s, word, err);
        if (rc)
            return rc;
        s += word;
        n -= word;
    }
    return ELCL_OK;
}

static int encode_bytes(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err)
{
    const bool prefix = !e->t->python && e->t->add_prefix_space && n && *s != ' ';
    if (!prefix)
        return encode_words(e, s, n, err);
    struct elcl_str copy = {0};
    elcl_str_append(&copy, " ", 1);
    elcl_str_append(&copy, s, n);
    const int rc = copy.failed ? elcl_fail_nomem(err) : encode_words(e, copy.data, copy.n, err);
    elcl_str_finish(&copy);
    return rc;
}

/* Text between added tokens. */
static int encode_segment(struct elcl_encoder *e, const char *s, size_t n, bool begins,
                          elcl_error *err)
{
    switch (e->t->kind) {
    case ELCL_KIND_CHARS:
    case ELCL_KIND_UNIGRAM:
        return elcl_pieces_encode(e, s, n, begins, err);
    case ELCL_KIND_SPM:
        return elcl_spm_encode_text(e, s, n, err);
    case ELCL_KIND_WORDS:
        return elcl_words_encode(e, s, n, err);
    case ELCL_KIND_BYTES:
        break;
    }
    return encode_bytes(e, s, n, err);
}

bool elcl_is_eaten(const struct elcl_tokenizer *t, uint32_t code)
{
    return elcl_is_white_space(code) || (t->python && code >= 0x1c && code <= 0x1f);
}

static size_t spaces_before(const struct elcl_tokenizer *t, const char *s, size_t end)
{
    size_t begin = end;
    while (begin) {
        size_t at = begin - 1;
        while (at && ((unsigned char)s[at] & 0xc0) == 0x80)
            at--;
        uint32_t code = 0;
        elcl_utf8_next(s + at, begin - at, &code);
        if (!elcl_is_eaten(t, code))
            break;
        begin = at;
    }
    return end - begin;
}

static size_t spaces_after(const struct elcl_tokenizer *t, const char *s, size_t n)
{
    size_t i = 0;
    uint32_t code = 0;
    while (i < n) {
        const int length = elcl_utf8_next(s + i, n - i, &code);
        if (!elcl_is_eaten(t, code))
            break;
        i += (size_t)length;
    }
    return i;
}

/* The first added token at or after `at`; *begin is n when there is none. */
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
                       size_t n, bool begins, elcl_use_text use, elcl_error *err)
{
    size_t at = 0;
    bool strip = false; /* the added token before `at` eats the spaces after it */
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
        int rc = length ? use(e, segment, length, begins && segment == s, err) : ELCL_OK;
        if (!rc && added)
            rc = elcl_encoder_emit(e, added->id, err);
        if (rc)
            return rc;
        strip = added && added->rstrip;
        at = begin + (added ? added->n : 0);
    }
    return ELCL_OK;
}

static int encode_text(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err)
{
    return elcl_encode_around(e, &e->t->added, s, n, true, encode_segment, err);
}

/* The Python tokenizers put the space before the whole text, before added tokens are looked for. */
static int encode_with_prefix(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err)
{
    if (e->t->kind != ELCL_KIND_BYTES || !e->t->python || !e->t->add_prefix_space || !n ||
        spaces_after(e->t, s, n))
        return encode_text(e, s, n, err);
    struct elcl_str copy = {0};
    elcl_str_append(&copy, " ", 1);
    elcl_str_append(&copy, s, n);
    const int rc = copy.failed ? elcl_fail_nomem(err) : encode_text(e, copy.data, copy.n, err);
    elcl_str_finish(&copy);
    return rc;
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
    int rc = encode_with_prefix(e, text, n, err);
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
    if (tokenizer->target && t->kind != ELCL_KIND_SPM)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: there are no merges for texts of the target, expected token ids",
                         t->path);
    return encode(&e, text, n, ids, n_ids, err);
}

/* ---- decoding ------------------------------------------------------------------------------ */

/* The bytes that a token stands for. A token with characters that spell no byte stands for
 * itself. */
static void append_token(const struct elcl_tokenizer *t, const struct elcl_symbol *symbol,
                         struct elcl_str *out)
{
    const char *s = t->text.data + symbol->offset;
    const size_t n = symbol->length, before = out->n;
    if (symbol->kind & ELCL_SYMBOL_VERBATIM) {
        elcl_str_append(out, s, n);
        return;
    }
    size_t i = 0;
    while (i < n) {
        uint32_t code = 0;
        const int length = elcl_utf8_next(s + i, n - i, &code);
        const int byte = code < ELCL_BYTE_CODES ? t->byte_of_code[code] : -1;
        if (byte < 0) {
            out->n = before;
            elcl_str_append(out, s, n);
            return;
        }
        const char c = (char)byte;
        elcl_str_append(out, &c, 1);
        i += (size_t)length;
    }
}

/* A NUL would end the caller's string, so it is replaced as well. */
static void repair(const struct elcl_str *bytes, struct elcl_str *text)
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

static void decode_bytes(const struct elcl_tokenizer *t, const int32_t *ids, size_t n,
                         bool skip_special, struct elcl_str *out)
{
    for (size_t i = 0; i < n; i++) {
        const struct elcl_symbol *symbol = &t->symbols[ids[i]];
        if (!skip_special || !(symbol->kind & ELCL_SYMBOL_SPECIAL))
            append_token(t, symbol, out);
    }
}

static void decode_pieces(const struct elcl_tokenizer *t, const int32_t *ids, size_t n,
                          bool skip_special, struct elcl_str *out)
{
    struct elcl_spellings list = {0};
    for (size_t i = 0; i < n; i++) {
        const struct elcl_symbol *symbol = &t->symbols[ids[i]];
        if (!skip_special || !(symbol->kind & ELCL_SYMBOL_SPECIAL))
            elcl_spellings_add(&list, elcl_symbol_text(t, ids[i]), symbol->length);
    }
    elcl_decoder_run(&t->decoder, &list);
    elcl_str_append(out, list.text.data, list.text.n);
    out->failed = out->failed || list.failed || list.text.failed;
    elcl_spellings_finish(&list);
}

static int decode(const struct elcl_tokenizer *t, const int32_t *ids, size_t n, bool skip_special,
                  struct elcl_str *out, elcl_error *err)
{
    switch (t->kind) {
    case ELCL_KIND_CHARS:
    case ELCL_KIND_UNIGRAM:
        decode_pieces(t, ids, n, skip_special, out);
        break;
    case ELCL_KIND_SPM:
        return elcl_spm_decode_ids(t, ids, n, skip_special, out, err);
    case ELCL_KIND_WORDS:
        return elcl_words_decode(t, ids, n, skip_special, out);
    case ELCL_KIND_BYTES:
        decode_bytes(t, ids, n, skip_special, out);
        break;
    }
    return ELCL_OK;
}

int elcl_tokenizer_decode(const struct elcl_tokenizer *tokenizer, const int32_t *ids, size_t n_ids,
                          bool skip_special, char **text, elcl_error *err)
{
    const struct elcl_tokenizer *t = tokenizer->target ? tokenizer->target : tokenizer;
    struct elcl_str bytes = {0}, out = {0};
    for (size_t i = 0; i < n_ids; i++) {
        if (!elcl_is_token(t, ids[i]))
            return elcl_fail(err, ELCL_E_ARG, "%s: token id %d is not in the vocabulary", t->path,
                             (int)ids[i]);
    }
    int rc = decode(t, ids, n_ids, skip_special, &bytes, err);
    if (tokenizer->clean_up)
        elcl_clean_up(&bytes);
    repair(&bytes, &out);
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
