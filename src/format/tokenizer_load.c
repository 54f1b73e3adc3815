/* A tokenizer from the files of a model's directory. */
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "format/json.h"
#include "format/tokenizer_impl.h"

#define MAX_FILE_BYTES ((size_t)256 << 20)

/* ---- tokenizer.json ------------------------------------------------------------------------ */

static int unsupported(const char *file, const char *key, const char *what, const cJSON *found,
                       elcl_error *err)
{
    return elcl_fail(err, ELCL_E_UNSUPPORTED, "%s: %s: only %s is supported, found %s", file, key,
                     what, elcl_json_describe(found).s);
}

/* A part of tokenizer.json whose type must be `type`. */
static int check_part(const cJSON *root, const char *part, const char *type, const char *file,
                      elcl_error *err)
{
    const cJSON *found = elcl_json_get(elcl_json_get(root, part), "type");
    if (cJSON_IsString(found) && !strcmp(found->valuestring, type))
        return ELCL_OK;
    return unsupported(file, part, type, found, err);
}

static int check_pre_tokenizer(struct elcl_tokenizer *t, const cJSON *root, const char *file,
                               elcl_error *err)
{
    const int rc = check_part(root, "pre_tokenizer", "ByteLevel", file, err);
    if (rc)
        return rc;
    const cJSON *part = elcl_json_get(root, "pre_tokenizer");
    const cJSON *prefix = elcl_json_get(part, "add_prefix_space");
    const cJSON *use_regex = elcl_json_get(part, "use_regex");
    if (use_regex && !cJSON_IsTrue(use_regex))
        return unsupported(file, "use_regex", "true", use_regex, err);
    if (prefix && !cJSON_IsBool(prefix))
        return elcl_json_mismatch(file, "add_prefix_space", "true or false", prefix, err);
    t->add_prefix_space = !prefix || cJSON_IsTrue(prefix); /* the library's default is true */
    return ELCL_OK;
}

/* Options of the model that change its result when they are set. */
static int check_model_options(const cJSON *model, const char *file, elcl_error *err)
{
    static const char *const keys[] = {"dropout", "continuing_subword_prefix", "end_of_word_suffix",
                                       "byte_fallback", "ignore_merges"};
    for (size_t i = 0; i < ELCL_COUNT(keys); i++) {
        const cJSON *value = elcl_json_get(model, keys[i]);
        const bool off = !value || cJSON_IsNull(value) || cJSON_IsFalse(value) ||
                         (cJSON_IsNumber(value) && value->valuedouble == 0) ||
                         (cJSON_IsString(value) && !*value->valuestring);
        if (!off)
            return unsupported(file, keys[i], "null", value, err);
    }
    return ELCL_OK;
}

static int read_unk(struct elcl_tokenizer *t, const cJSON *model, const char *file, elcl_error *err)
{
    const cJSON *unk = elcl_json_get(model, "unk_token");
    t->fuse_unk = cJSON_IsTrue(elcl_json_get(model, "fuse_unk"));
    if (!unk || cJSON_IsNull(unk))
        return ELCL_OK;
    if (!cJSON_IsString(unk))
        return elcl_json_mismatch(file, "unk_token", "a string", unk, err);
    t->unk = elcl_tokenizer_id(t, unk->valuestring);
    if (t->unk < 0)
        return elcl_json_mismatch(file, "unk_token", "a token of the vocabulary", unk, err);
    return ELCL_OK;
}

static int build_from_json(struct elcl_tokenizer *t, const cJSON *root, const char *file,
                           elcl_error *err)
{
    const cJSON *model = elcl_json_get(root, "model");
    const cJSON *normalizer = elcl_json_get(root, "normalizer");
    int rc;
    ELCL_TRY(check_part(root, "model", "BPE", file, err));
    ELCL_TRY(check_part(root, "decoder", "ByteLevel", file, err));
    ELCL_TRY(check_pre_tokenizer(t, root, file, err));
    if (normalizer && !cJSON_IsNull(normalizer))
        return unsupported(file, "normalizer", "null", elcl_json_get(normalizer, "type"), err);
    ELCL_TRY(check_model_options(model, file, err));
    ELCL_TRY(elcl_vocab_read(t, elcl_json_get(model, "vocab"), file, err));
    ELCL_TRY(elcl_special_read_json(t, elcl_json_get(root, "added_tokens"), file, err));
    ELCL_TRY(read_unk(t, model, file, err));
    ELCL_TRY(elcl_vocab_spell_bytes(t, err));
    ELCL_TRY(elcl_merges_read_json(t, elcl_json_get(model, "merges"), file, err));
    return ELCL_OK;
fail:
    return rc;
}

/* ---- building ------------------------------------------------------------------------------ */

/* *root stays NULL when there is no such file. */
static int parse_file(const struct elcl_text_file *file, cJSON **root, elcl_error *err)
{
    return file->data ? elcl_json_parse(file->data, file->n, file->path, root, err) : ELCL_OK;
}

/* Overrides what tokenizer.json says, as it does in transformers. */
static int read_prefix_space(struct elcl_tokenizer *t, const cJSON *config, const char *file,
                             elcl_error *err)
{
    const cJSON *value = elcl_json_get(config, "add_prefix_space");
    if (!value || cJSON_IsNull(value))
        return ELCL_OK;
    if (!cJSON_IsBool(value))
        return elcl_json_mismatch(file, "add_prefix_space", "true or false", value, err);
    t->add_prefix_space = cJSON_IsTrue(value);
    return ELCL_OK;
}

static int build_from_vocab(struct elcl_tokenizer *t, const struct elcl_text_file *files,
                            const cJSON *config, elcl_error *err)
{
    cJSON *vocab = NULL, *special_map = NULL, *added_tokens = NULL;
    int rc;
    ELCL_TRY(parse_file(&files[ELCL_FILE_VOCAB], &vocab, err));
    ELCL_TRY(parse_file(&files[ELCL_FILE_SPECIAL_MAP], &special_map, err));
    ELCL_TRY(parse_file(&files[ELCL_FILE_ADDED_TOKENS], &added_tokens, err));
    ELCL_TRY(elcl_vocab_read(t, vocab, files[ELCL_FILE_VOCAB].path, err));
    ELCL_TRY(elcl_special_read(t, config, special_map, added_tokens, files, err));
    ELCL_TRY(elcl_vocab_spell_bytes(t, err));
    ELCL_TRY(elcl_merges_read_text(t, &files[ELCL_FILE_MERGES], err));
fail:
    cJSON_Delete(vocab);
    cJSON_Delete(special_map);
    cJSON_Delete(added_tokens);
    return rc;
}

int elcl_tokenizer_build(const struct elcl_text_file files[ELCL_N_TOKENIZER_FILES],
                         struct elcl_tokenizer **tokenizer, elcl_error *err)
{
    const struct elcl_text_file *json = &files[ELCL_FILE_TOKENIZER];
    const char *path = json->data ? json->path : files[ELCL_FILE_VOCAB].path;
    struct elcl_tokenizer *t = elcl_calloc(1, sizeof(*t));
    if (!t)
        return elcl_fail_nomem(err);
    cJSON *root = NULL, *config = NULL;
    int rc;
    t->unk = -1;
    t->python = !json->data;
    t->path = elcl_strndup(path, strlen(path));
    if (!t->path) {
        rc = elcl_fail_nomem(err);
        goto fail;
    }
    ELCL_TRY(parse_file(&files[ELCL_FILE_CONFIG], &config, err));
    ELCL_TRY(parse_file(json, &root, err));
    if (json->data)
        ELCL_TRY(build_from_json(t, root, path, err));
    else
        ELCL_TRY(build_from_vocab(t, files, config, err));
    ELCL_TRY(read_prefix_space(t, config, files[ELCL_FILE_CONFIG].path, err));
    if (t->unk < 0)
        t->unk = elcl_tokenizer_id(t, "<unk>");
    elcl_added_sort(&t->added);
    *tokenizer = t;
    t = NULL;
fail:
    elcl_tokenizer_destroy(&t);
    cJSON_Delete(root);
    cJSON_Delete(config);
    return rc;
}

/* ---- loading ------------------------------------------------------------------------------- */

static int read_files(const char *directory, struct elcl_text_file *files, elcl_error *err)
{
    static const char *const names[ELCL_N_TOKENIZER_FILES] = {
        [ELCL_FILE_TOKENIZER] = "tokenizer.json",
        [ELCL_FILE_VOCAB] = "vocab.json",
        [ELCL_FILE_MERGES] = "merges.txt",
        [ELCL_FILE_CONFIG] = "tokenizer_config.json",
        [ELCL_FILE_SPECIAL_MAP] = "special_tokens_map.json",
        [ELCL_FILE_ADDED_TOKENS] = "added_tokens.json",
    };
    for (int i = 0; i < ELCL_N_TOKENIZER_FILES; i++) {
        files[i].path = elcl_path_join(directory, names[i]);
        if (!files[i].path)
            return elcl_fail_nomem(err);
        if (!elcl_is_file(files[i].path))
            continue;
        const int rc =
            elcl_read_file(files[i].path, MAX_FILE_BYTES, &files[i].data, &files[i].n, err);
        if (rc)
            return rc;
    }
    return ELCL_OK;
}

int elcl_tokenizer_load(const char *directory, struct elcl_tokenizer **tokenizer, elcl_error *err)
{
    struct elcl_text_file files[ELCL_N_TOKENIZER_FILES] = {{0}};
    int rc = read_files(directory, files, err);
    const bool has_json = files[ELCL_FILE_TOKENIZER].data != NULL;
    const bool has_vocab = files[ELCL_FILE_VOCAB].data != NULL;
    const bool has_merges = files[ELCL_FILE_MERGES].data != NULL;
    if (!rc && (has_json || (has_vocab && has_merges)))
        rc = elcl_tokenizer_build(files, tokenizer, err);
    else if (!rc && has_vocab != has_merges)
        rc = elcl_fail(err, ELCL_E_IO, "%s: is missing, but %s is there",
                       files[has_vocab ? ELCL_FILE_MERGES : ELCL_FILE_VOCAB].path,
                       has_vocab ? "vocab.json" : "merges.txt");
    else if (!rc)
        *tokenizer = NULL;
    for (int i = 0; i < ELCL_N_TOKENIZER_FILES; i++) {
        free(files[i].path);
        free(files[i].data);
    }
    return rc;
}
