/* Tokenizers from SentencePiece model files, with the ids of transformers' Python classes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/json.h"
#include "text/pretoken.h"
#include "text/tokenizer_impl.h"
#include "base/utf8.h"

#define UNDERLINE "\xe2\x96\x81" /* U+2581: how pieces spell a blank */

/* ---- encoding ------------------------------------------------------------------------------ */

static int use_piece(void *user, const char *piece, size_t n, elcl_error *err)
{
    struct elcl_encoder *e = user;
    const int32_t id = elcl_strmap_get(&e->t->symbol_of, piece, n);
    if (elcl_is_token(e->t, id))
        return elcl_encoder_emit(e, id, err);
    if (e->t->unk < 0)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: there is no token for unknown pieces",
                         e->t->path);
    return elcl_encoder_emit(e, e->t->unk, err);
}

/* What `>>.+<<` finds in one line: from the first >> to the last << behind it. */
static bool find_code(const char *s, size_t n, size_t *begin, size_t *end)
{
    size_t last = n;
    for (size_t i = n; i >= 2 && last == n; i--)
        if (!memcmp(s + i - 2, "<<", 2))
            last = i - 2;
    if (last == n)
        return false;
    for (size_t i = 0; i + 3 <= last; i++) {
        if (!memcmp(s + i, ">>", 2)) {
            *begin = i;
            *end = last + 2;
            return true;
        }
    }
    return false;
}

/* Marian: a target language in >>...<< at the beginning is a token; anywhere else it is left
 * out. */
static int encode_marian(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err)
{
    struct elcl_str rest = {0};
    int rc = ELCL_OK;
    for (size_t at = 0; at < n;) {
        const char *newline = memchr(s + at, '\n', n - at);
        const size_t line = newline ? (size_t)(newline - s) - at : n - at;
        size_t begin = line, end = line;
        const bool found = find_code(s + at, line, &begin, &end);
        if (found && at + begin == 0 && !rc)
            rc = use_piece(e, s, end, err);
        elcl_str_append(&rest, s + at, begin);
        elcl_str_append(&rest, s + at + end, line - end);
        if (newline)
            elcl_str_append(&rest, "\n", 1);
        at += line + (newline ? 1 : 0);
    }
    if (!rc && rest.failed)
        rc = elcl_fail_nomem(err);
    if (!rc && rest.n)
        rc = elcl_spm_encode(e->spm, rest.data, rest.n, use_piece, e, err);
    elcl_str_finish(&rest);
    return rc;
}

int elcl_spm_encode_text(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err)
{
    if (e->t->class == ELCL_CLASS_MARIAN)
        return encode_marian(e, s, n, err);
    return elcl_spm_encode(e->spm, s, n, use_piece, e, err);
}

/* ---- decoding ------------------------------------------------------------------------------ */

/* Python's str.strip(). */
static void append_stripped(const struct elcl_tokenizer *t, const char *s, size_t n,
                            struct elcl_str *out)
{
    size_t begin = n, end = 0;
    for (size_t i = 0; i < n;) {
        uint32_t code = 0;
        const int length = elcl_utf8_next(s + i, n - i, &code);
        const size_t next = i + (length > 0 ? (size_t)length : 1);
        if (length < 0 || !elcl_is_eaten(t, code)) {
            begin = begin < i ? begin : i;
            end = next;
        }
        i = next;
    }
    if (begin < end)
        elcl_str_append(out, s + begin, end - begin);
}

static void append_with_blanks(const char *s, size_t n, struct elcl_str *out)
{
    for (size_t i = 0; i < n;) {
        const bool blank = n - i >= 3 && !memcmp(s + i, UNDERLINE, 3);
        elcl_str_append(out, blank ? " " : s + i, 1);
        i += blank ? 3 : 1;
    }
}

/* mBART and NLLB put the spellings together; the others leave that to the model. */
static int join(const struct elcl_tokenizer *t, const struct elcl_spm_span *pieces, size_t n,
                struct elcl_str *out, elcl_error *err)
{
    struct elcl_str text = {0};
    char *decoded = NULL;
    size_t n_decoded = 0;
    int rc = ELCL_OK;
    if (t->class == ELCL_CLASS_MBART || t->class == ELCL_CLASS_NLLB)
        for (size_t i = 0; i < n; i++)
            append_with_blanks(pieces[i].s, pieces[i].n, &text);
    else
        rc = elcl_spm_decode(t->target_spm ? t->target_spm : t->spm, pieces, n, &decoded,
                             &n_decoded, err);
    if (decoded && t->class == ELCL_CLASS_MARIAN)
        append_with_blanks(decoded, n_decoded, &text);
    else if (decoded)
        elcl_str_append(&text, decoded, n_decoded);
    append_stripped(t, text.data ? text.data : "", text.n, out);
    out->failed = out->failed || text.failed;
    elcl_str_finish(&text);
    free(decoded);
    return rc;
}

/* A run of pieces between added tokens; `last`: it counts as a part even where it is empty. */
static int end_run(const struct elcl_tokenizer *t, struct elcl_spm_span *pieces, size_t n,
                   bool last, size_t *n_parts, struct elcl_str *out, elcl_error *err)
{
    struct elcl_str text = {0};
    if (!n)
        return ELCL_OK;
    if (t->class == ELCL_CLASS_T5 && pieces[0].n >= 3 && !memcmp(pieces[0].s, UNDERLINE, 3)) {
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

int elcl_spm_decode_ids(const struct elcl_tokenizer *t, const int32_t *ids, size_t n,
                        bool skip_special, struct elcl_str *out, elcl_error *err)
{
    struct elcl_spm_span *pieces = elcl_calloc(n, sizeof(*pieces));
    size_t n_pieces = 0, n_parts = 0;
    int rc = pieces ? ELCL_OK : elcl_fail_nomem(err);
    for (size_t i = 0; i < n && !rc; i++) {
        const struct elcl_symbol *symbol = &t->symbols[ids[i]];
        const struct elcl_spm_span span = {elcl_symbol_text(t, ids[i]), symbol->length};
        if (skip_special && symbol->kind & ELCL_SYMBOL_SPECIAL)
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

/* ---- vocabularies -------------------------------------------------------------------------- */

static int add_special(struct elcl_tokenizer *t, const char *content, int32_t id, bool strips,
                       elcl_error *err)
{
    struct elcl_added added = {.n = strlen(content), .id = id, .lstrip = strips, .rstrip = strips};
    added.content = (char *)(uintptr_t)content;
    return elcl_special_add(t, &added, true, t->path, err);
}

/* Pieces from `first` on, with their number + offset as id. What has a name or an id already
 * keeps it. */
static int add_pieces(struct elcl_tokenizer *t, int32_t first, int32_t offset, elcl_error *err)
{
    const int32_t n = elcl_spm_size(t->spm);
    if (n > ELCL_MAX_TOKEN_ID - offset)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: expected at most %d pieces, found %d", t->path,
                         ELCL_MAX_TOKEN_ID - (int)offset, (int)n);
    for (int32_t i = first; i < n; i++) {
        const char *piece = elcl_spm_piece(t->spm, i);
        if (elcl_tokenizer_id(t, piece) >= 0 || elcl_is_token(t, i + offset))
            continue;
        const int rc = elcl_vocab_add(t, piece, i + offset, 0, t->path, err);
        if (rc)
            return rc;
    }
    return ELCL_OK;
}

/* The fairseq models put four tokens of their own first. */
static int add_fairseq(struct elcl_tokenizer *t, elcl_error *err)
{
    static const char *const own[] = {"<s>", "<pad>", "</s>", "<unk>"};
    for (int32_t i = 0; i < 4; i++) {
        const int rc = add_special(t, own[i], i, false, err);
        if (rc)
            return rc;
    }
    t->unk = 3;
    return add_pieces(t, 3, 1, err);
}

/* Language codes from the id `first` on, spelled as `format` says. */
static int add_languages(struct elcl_tokenizer *t, const cJSON *config, int32_t first,
                         const char *format, int32_t *end, elcl_error *err)
{
    size_t n = 0;
    const char *const *codes = elcl_class_languages(t->class, config, &n);
    for (size_t i = 0; i < n; i++) {
        char name[64];
        snprintf(name, sizeof(name), "%s%s%s", format, codes[i], format);
        const int rc = add_special(t, name, first + (int32_t)i, false, err);
        if (rc)
            return rc;
    }
    *end = first + (int32_t)n;
    return ELCL_OK;
}

static int build_mbart(struct elcl_tokenizer *t, const cJSON *config, elcl_error *err)
{
    int32_t end = elcl_spm_size(t->spm) + 1;
    int rc = add_fairseq(t, err);
    if (!rc)
        rc = add_languages(t, config, end, "", &end, err);
    return rc ? rc : elcl_vocab_add(t, "<mask>", end, 0, t->path, err);
}

/* The languages are in added_tokens_decoder, read later on. */
static int build_nllb(struct elcl_tokenizer *t, const cJSON *config, elcl_error *err)
{
    if (!cJSON_IsObject(elcl_json_get(config, "added_tokens_decoder")))
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: NLLB's languages are read from tokenizer.json or from "
                         "added_tokens_decoder in tokenizer_config.json, and neither is there",
                         t->path);
    return add_fairseq(t, err);
}

static int read_count(const cJSON *config, const char *key, int64_t fallback, int64_t *out,
                      elcl_error *err)
{
    const cJSON *value = elcl_json_get(config, key);
    *out = fallback;
    if (value && !elcl_json_int(value, 0, 100000, out))
        return elcl_json_mismatch("tokenizer_config.json", key, "an integer in 0 .. 100000", value,
                                  err);
    return ELCL_OK;
}

/* <extra_id_0> is the last id. */
static int build_t5(struct elcl_tokenizer *t, const cJSON *config, elcl_error *err)
{
    const int32_t n = elcl_spm_size(t->spm);
    int64_t extra = 0;
    int rc;
    if (cJSON_IsFalse(elcl_json_get(config, "legacy")))
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: tokenizer_config.json sets legacy to false, which elcl supports in "
                         "tokenizer.json alone",
                         t->path);
    ELCL_TRY(read_count(config, "extra_ids", 100, &extra, err));
    ELCL_TRY(add_pieces(t, 0, 0, err));
    for (int32_t i = 0; i < (int32_t)extra; i++) {
        char name[32];
        snprintf(name, sizeof(name), "<extra_id_%d>", (int)i);
        ELCL_TRY(add_special(t, name, n - 1 + (int32_t)extra - i, true, err));
    }
    t->unk = elcl_spm_unknown(t->spm);
    t->eos_once = true;
fail:
    return rc;
}

/* Ids that only pretraining used stand before the pieces. */
static int build_pegasus(struct elcl_tokenizer *t, const cJSON *config, elcl_error *err)
{
    const cJSON *mask = elcl_json_get(config, "mask_token_sent");
    int32_t id = 2;
    int64_t offset = 0;
    int rc;
    ELCL_TRY(read_count(config, "offset", 103, &offset, err));
    ELCL_TRY(add_special(t, "<pad>", 0, false, err));
    ELCL_TRY(add_special(t, "</s>", 1, false, err));
    if (!mask || !cJSON_IsNull(mask)) {
        ELCL_TRY(add_special(
            t, cJSON_IsString(mask) && *mask->valuestring ? mask->valuestring : "<mask_1>", id++,
            false, err));
        ELCL_TRY(add_special(t, "<mask_2>", id++, false, err));
    }
    for (int32_t i = 2; i < (int32_t)offset; i++) {
        char name[32];
        snprintf(name, sizeof(name), "<unk_%d>", (int)i);
        ELCL_TRY(add_special(t, name, id++, false, err));
    }
    ELCL_TRY(add_pieces(t, 0, (int32_t)offset, err));
    t->unk = elcl_spm_unknown(t->spm) + (int32_t)offset;
fail:
    return rc;
}

static int read_vocab(struct elcl_tokenizer *t, const struct elcl_text_file *file, elcl_error *err)
{
    cJSON *root = NULL;
    if (!file->data)
        return elcl_fail(err, ELCL_E_IO, "%s: is missing, but SentencePiece models are there",
                         file->path);
    int rc = elcl_json_parse(file->data, file->n, file->path, &root, err);
    if (!rc)
        rc = elcl_vocab_read(t, root, file->path, err);
    cJSON_Delete(root);
    if (!rc)
        t->unk = elcl_tokenizer_id(t, "<unk>");
    return rc;
}

static int build_m2m(struct elcl_tokenizer *t, const struct elcl_text_file *files,
                     const cJSON *config, elcl_error *err)
{
    int32_t end;
    const int rc = read_vocab(t, &files[ELCL_FILE_VOCAB], err);
    return rc ? rc : add_languages(t, config, t->size, "__", &end, err);
}

static int open_spm(const struct elcl_text_file *file, struct elcl_spm **spm, elcl_error *err)
{
    if (!file->data)
        return elcl_fail(err, ELCL_E_IO, "%s: is missing", file->path);
    return elcl_spm_create(file->data, file->n, file->path, spm, err);
}

/* The target's own vocabulary, and a tokenizer of its own for it. */
static int build_target(struct elcl_tokenizer *t, const struct elcl_text_file *files,
                        elcl_error *err)
{
    const struct elcl_text_file *vocab = &files[ELCL_FILE_TARGET_VOCAB];
    static const char *const special[] = {"</s>", "<unk>", "<pad>"};
    struct elcl_tokenizer *target = elcl_calloc(1, sizeof(*target));
    if (!target)
        return elcl_fail_nomem(err);
    t->target = target;
    *target = (struct elcl_tokenizer){
        .kind = t->kind, .class = t->class, .unk = -1, .eos = -1, .python = true};
    target->spm = t->target_spm;
    t->target_spm = NULL;
    target->path = elcl_strndup(vocab->path, strlen(vocab->path));
    if (!target->path)
        return elcl_fail_nomem(err);
    int rc = read_vocab(target, vocab, err);
    for (size_t i = 0; i < ELCL_COUNT(special) && !rc; i++) {
        const int32_t id = elcl_tokenizer_id(target, special[i]);
        if (id >= 0)
            rc = add_special(target, special[i], id, false, err);
    }
    return rc;
}

static int build_marian(struct elcl_tokenizer *t, const struct elcl_text_file *files,
                        const cJSON *config, elcl_error *err)
{
    int rc;
    ELCL_TRY(open_spm(&files[ELCL_FILE_SOURCE_SPM], &t->spm, err));
    ELCL_TRY(open_spm(&files[ELCL_FILE_TARGET_SPM], &t->target_spm, err));
    ELCL_TRY(read_vocab(t, &files[ELCL_FILE_VOCAB], err));
    if (cJSON_IsTrue(elcl_json_get(config, "separate_vocabs")))
        ELCL_TRY(build_target(t, files, err));
fail:
    return rc;
}

int elcl_spm_build(struct elcl_tokenizer *t, const struct elcl_text_file *files,
                   const cJSON *config, elcl_error *err)
{
    t->kind = ELCL_KIND_SPM;
    if (t->class == ELCL_CLASS_MARIAN)
        return build_marian(t, files, config, err);
    const int rc = open_spm(&files[ELCL_FILE_SPM], &t->spm, err);
    if (rc)
        return rc;
    switch (t->class) {
    case ELCL_CLASS_M2M_100:
        return build_m2m(t, files, config, err);
    case ELCL_CLASS_MBART:
    case ELCL_CLASS_MBART_50:
        return build_mbart(t, config, err);
    case ELCL_CLASS_NLLB:
        return build_nllb(t, config, err);
    case ELCL_CLASS_PEGASUS:
        return build_pegasus(t, config, err);
    case ELCL_CLASS_T5:
        return build_t5(t, config, err);
    default:
        break;
    }
    const cJSON *name = elcl_json_get(config, "tokenizer_class");
    return elcl_fail(err, ELCL_E_UNSUPPORTED,
                     "%s: tokenizer_class: which ids its pieces have is known for M2M100, Marian, "
                     "MBart, MBart50, Nllb, Pegasus and T5 alone, found %s",
                     t->path, elcl_json_describe(name).s);
}
