/* Loads a directory without tokenizer.json: vocabularies in several files, with the ids of
 * transformers' Python classes. */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "format/json.h"
#include "text/tokenizer_load.h"

/* Fails if a file is missing that the vocabulary t->path needs. */
static int need(const struct elcl_tokenizer *t, const struct elcl_text_file *file, elcl_error *err)
{
    const char *slash = strrchr(t->path, '/');
    return file->data ? ELCL_OK
                      : elcl_fail(err, ELCL_E_IO, "%s: is missing, but %s is there", file->path,
                                  slash ? slash + 1 : t->path);
}

static int read_vocab(struct elcl_tokenizer *t, const struct elcl_text_file *file, elcl_error *err)
{
    cJSON *root = NULL;
    int rc = need(t, file, err);
    if (!rc)
        rc = elcl_json_parse_nul(file->data, file->n, file->path, &root, err);
    if (!rc)
        rc = elcl_vocab_read(t, root, file->path, err);
    cJSON_Delete(root);
    return rc;
}

/* ---- special tokens and pieces ------------------------------------------------------------- */

static int add_special(struct elcl_tokenizer *t, const char *content, int32_t id, bool strips,
                       elcl_error *err)
{
    struct elcl_added added = {.n = strlen(content), .id = id, .lstrip = strips, .rstrip = strips};
    added.content = (char *)(uintptr_t)content;
    return elcl_special_add(t, &added, true, t->path, err);
}

/* Adds the pieces from `first` on, with index + offset as id. Skips a piece whose name or id is
 * taken. */
static int add_pieces(struct elcl_tokenizer *t, int32_t first, int32_t offset, elcl_error *err)
{
    const int32_t n = elcl_spm_size(t->spm);
    if (n > ELCL_MAX_TOKEN_ID - offset)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: expected at most %d pieces, found %d", t->path,
                         ELCL_MAX_TOKEN_ID - (int)offset, (int)n);
    int rc = ELCL_OK;
    for (int32_t i = first; i < n && !rc; i++) {
        size_t length;
        const char *piece = elcl_spm_piece(t->spm, i, &length);
        if (elcl_strmap_get(&t->symbol_of, piece, length) < 0 && !elcl_is_token(t, i + offset))
            rc = elcl_vocab_add(t, piece, length, i + offset, 0, t->path, err);
    }
    return rc;
}

/* Builds t->target: a tokenizer for the target's own vocabulary. */
static int build_target(struct elcl_tokenizer *t, const struct elcl_text_file *vocab,
                        elcl_error *err)
{
    static const char *const special[] = {"</s>", "<unk>", "<pad>", "<s>"};
    const size_t n_special = t->class == ELCL_CLASS_FSMT ? 4 : 3;
    int rc = need(t, vocab, err);
    if (rc)
        return rc;
    struct elcl_tokenizer *target = elcl_calloc(1, sizeof(*target));
    if (!target)
        return elcl_fail_nomem(err);
    t->target = target;
    *target = (struct elcl_tokenizer){
        .kind = t->kind, .class = t->class, .unk = -1, .eos = -1, .python = true};
    target->spm = t->target_spm;
    t->target_spm = NULL;
    target->path = elcl_strndup(vocab->path, strlen(vocab->path));
    rc = target->path ? read_vocab(target, vocab, err) : elcl_fail_nomem(err);
    for (size_t i = 0; i < n_special && !rc; i++) {
        const int32_t id = elcl_token_id(target, special[i]);
        if (id >= 0)
            rc = add_special(target, special[i], id, false, err);
    }
    target->unk = elcl_token_id(target, "<unk>");
    return rc;
}

/* ---- SentencePiece model files -------------------------------------------------------------- */

/* The vocabularies of fairseq begin with four tokens of its own. */
static int add_fairseq(struct elcl_tokenizer *t, elcl_error *err)
{
    static const char *const own[] = {"<s>", "<pad>", "</s>", "<unk>"};
    int rc = ELCL_OK;
    for (int32_t i = 0; i < 4 && !rc; i++)
        rc = add_special(t, own[i], i, false, err);
    t->unk = 3;
    return rc ? rc : add_pieces(t, 3, 1, err);
}

/* Adds the language codes from the id `first` on, each between two `mark`s. */
static int add_languages(struct elcl_tokenizer *t, const cJSON *config, int32_t first,
                         const char *mark, int32_t *end, elcl_error *err)
{
    size_t n = 0;
    const char *const *codes = elcl_class_languages(t->class, config, &n);
    int rc = ELCL_OK;
    for (size_t i = 0; i < n && !rc; i++) {
        char name[64];
        snprintf(name, sizeof(name), "%s%s%s", mark, codes[i], mark);
        rc = add_special(t, name, first + (int32_t)i, false, err);
    }
    *end = first + (int32_t)n;
    return rc;
}

static int build_mbart(struct elcl_tokenizer *t, const cJSON *config, elcl_error *err)
{
    int32_t end = elcl_spm_size(t->spm) + 1;
    int rc = add_fairseq(t, err);
    if (!rc)
        rc = add_languages(t, config, end, "", &end, err);
    return rc ? rc : elcl_vocab_add(t, "<mask>", 6, end, 0, t->path, err);
}

/* The languages come from added_tokens_decoder, which is read later. */
static int build_nllb(struct elcl_tokenizer *t, const cJSON *config, elcl_error *err)
{
    if (!cJSON_IsObject(elcl_json_get(config, "added_tokens_decoder")))
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: NLLB's languages are read from tokenizer.json or from "
                         "added_tokens_decoder in tokenizer_config.json, and neither exists",
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

/* <extra_id_0> has the last id. */
static int build_t5(struct elcl_tokenizer *t, const cJSON *config, elcl_error *err)
{
    const int32_t n = elcl_spm_size(t->spm);
    int64_t extra = 0;
    int rc;
    if (cJSON_IsFalse(elcl_json_get(config, "legacy")))
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: tokenizer_config.json sets legacy to false, which elcl supports "
                         "only in tokenizer.json",
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

/* The ids before the pieces were only used in pretraining. */
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

static int build_m2m(struct elcl_tokenizer *t, const struct elcl_text_file *files,
                     const cJSON *config, elcl_error *err)
{
    int32_t end;
    const int rc = read_vocab(t, &files[ELCL_FILE_VOCAB], err);
    return rc ? rc : add_languages(t, config, t->size, "__", &end, err);
}

static int open_spm(const struct elcl_tokenizer *t, const struct elcl_text_file *file,
                    struct elcl_spm **spm, elcl_error *err)
{
    const int rc = need(t, file, err);
    return rc ? rc : elcl_spm_create(file->data, file->n, file->path, spm, err);
}

static int build_marian(struct elcl_tokenizer *t, const struct elcl_text_file *files,
                        const cJSON *config, elcl_error *err)
{
    int rc;
    ELCL_TRY(open_spm(t, &files[ELCL_FILE_SOURCE_SPM], &t->spm, err));
    ELCL_TRY(open_spm(t, &files[ELCL_FILE_TARGET_SPM], &t->target_spm, err));
    ELCL_TRY(read_vocab(t, &files[ELCL_FILE_VOCAB], err));
    if (cJSON_IsTrue(elcl_json_get(config, "separate_vocabs")))
        ELCL_TRY(build_target(t, &files[ELCL_FILE_TARGET_VOCAB], err));
fail:
    return rc;
}

static int build_spm(struct elcl_tokenizer *t, const struct elcl_text_file *files,
                     const cJSON *config, elcl_error *err)
{
    t->kind = &elcl_kind_spm;
    if (t->class == ELCL_CLASS_MARIAN)
        return build_marian(t, files, config, err);
    const int rc = open_spm(t, &files[ELCL_FILE_SPM], &t->spm, err);
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
    return elcl_fail(
        err, ELCL_E_UNSUPPORTED,
        "%s: tokenizer_class: the ids of its pieces are known only for M2M100, Marian, "
        "MBart, MBart50, Nllb, Pegasus and T5, found %s",
        t->path, elcl_json_describe(name).s);
}

/* ---- FSMT ---------------------------------------------------------------------------------- */

static int build_fsmt(struct elcl_tokenizer *t, const struct elcl_text_file *files,
                      const cJSON *config, elcl_error *err)
{
    const struct elcl_text_file *merges = &files[ELCL_FILE_MERGES];
    const cJSON *lower = elcl_json_get(config, "do_lower_case");
    int rc;
    t->kind = &elcl_kind_fsmt;
    t->class = ELCL_CLASS_FSMT;
    if (cJSON_IsTrue(lower))
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: tokenizer_config.json: do_lower_case: only false is supported, "
                         "found true",
                         t->path);
    ELCL_TRY(need(t, merges, err));
    ELCL_TRY(read_vocab(t, &files[ELCL_FILE_SOURCE_WORDS], err));
    ELCL_TRY(build_target(t, &files[ELCL_FILE_TARGET_WORDS], err));
    ELCL_TRY(elcl_merges_read_text(t, merges, err));
fail:
    return rc;
}

/* ---- ByT5 ---------------------------------------------------------------------------------- */

/* A byte is a token three above it, and the sentinels follow. */
static int build_byt5(struct elcl_tokenizer *t, const cJSON *config, elcl_error *err)
{
    static const char *const names[] = {"<pad>", "</s>", "<unk>"};
    const bool listed = elcl_json_get(config, "additional_special_tokens") ||
                        elcl_json_get(config, "extra_special_tokens") ||
                        elcl_json_get(config, "added_tokens_decoder");
    int64_t extra = 0;
    int rc;
    t->kind = &elcl_kind_byt5;
    t->eos_once = true;
    ELCL_TRY(read_count(config, "extra_ids", 125, &extra, err));
    for (int32_t i = 0; i < 3; i++)
        ELCL_TRY(elcl_vocab_add(t, names[i], strlen(names[i]), i, 0, t->path, err));
    for (int32_t byte = 0; byte < 256; byte++) {
        char spelled[4];
        const int n = elcl_utf8_put((uint32_t)byte, spelled);
        ELCL_TRY(elcl_vocab_add(t, spelled, (size_t)n, byte + 3, 0, t->path, err));
    }
    for (int32_t i = 0; i < (int32_t)extra && !listed; i++) {
        char name[32];
        snprintf(name, sizeof(name), "<extra_id_%d>", (int)i);
        ELCL_TRY(add_special(t, name, 259 + i, false, err));
    }
fail:
    return rc;
}

/* ---- all of them --------------------------------------------------------------------------- */

/* Reads the vocabulary first, then its special tokens. */
int elcl_python_build(struct elcl_tokenizer *t, const struct elcl_text_file *files,
                      const cJSON *config, elcl_error *err)
{
    const char *config_path = files[ELCL_FILE_CONFIG].path;
    int rc;
    if (t->class == ELCL_CLASS_BYT5) {
        ELCL_TRY(build_byt5(t, config, err));
    } else if (files[ELCL_FILE_SOURCE_WORDS].data) {
        ELCL_TRY(build_fsmt(t, files, config, err));
    } else if (files[ELCL_FILE_SPM].data || files[ELCL_FILE_SOURCE_SPM].data) {
        ELCL_TRY(build_spm(t, files, config, err));
    } else {
        t->kind = &elcl_kind_bytes;
        ELCL_TRY(need(t, &files[ELCL_FILE_MERGES], err));
        ELCL_TRY(read_vocab(t, &files[ELCL_FILE_VOCAB], err));
        ELCL_TRY(elcl_class_find_byte_level(t, config, config_path, err));
    }
    ELCL_TRY(elcl_special_read(t, config, files, err));
    if (t->kind == &elcl_kind_bytes) {
        ELCL_TRY(elcl_vocab_spell_bytes(t, err));
        ELCL_TRY(elcl_merges_read_text(t, &files[ELCL_FILE_MERGES], err));
    } else {
        t->wraps = true;
        if (t->eos >= 0)
            t->wrap = (struct elcl_wrap){.n_after = 1, .after = {t->eos}};
    }
fail:
    return rc;
}
