/* Loads a tokenizer from the files of a model directory. */
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "format/ctranslate2.h"
#include "format/foreign.h"
#include "format/json.h"
#include "format/model_file.h"
#include "text/tokenizer_load.h"

#define MAX_FILE_BYTES ((size_t)256 << 20)

/* ---- building ------------------------------------------------------------------------------ */

/* Returns the file that the vocabulary comes from, or NULL. */
static const struct elcl_text_file *find_vocab(const struct elcl_text_file *files)
{
    static const enum elcl_tokenizer_file order[] = {ELCL_FILE_TOKENIZER, ELCL_FILE_SOURCE_SPM,
                                                     ELCL_FILE_SPM, ELCL_FILE_SOURCE_WORDS,
                                                     ELCL_FILE_VOCAB};
    for (size_t i = 0; i < ELCL_COUNT(order); i++)
        if (files[order[i]].data)
            return &files[order[i]];
    return NULL;
}

/* ByT5 has no vocabulary: sets *vocab to the file that names its class. */
static int find_byt5(const struct elcl_text_file *files, const struct elcl_text_file **vocab,
                     elcl_error *err)
{
    static const enum elcl_tokenizer_file order[] = {ELCL_FILE_CONFIG, ELCL_FILE_MODEL};
    int rc = ELCL_OK;
    for (size_t i = 0; i < ELCL_COUNT(order) && !rc && !*vocab; i++) {
        cJSON *root = NULL;
        rc = elcl_text_file_parse(&files[order[i]], &root, err);
        if (!rc && elcl_class_find(root, root) == ELCL_CLASS_BYT5)
            *vocab = &files[order[i]];
        cJSON_Delete(root);
    }
    return rc;
}

static int build(struct elcl_tokenizer *t, const struct elcl_text_file *files, elcl_error *err)
{
    const struct elcl_text_file *json = &files[ELCL_FILE_TOKENIZER];
    const char *config_path = files[ELCL_FILE_CONFIG].path;
    cJSON *root = NULL, *config = NULL, *model = NULL;
    int rc;
    ELCL_TRY(elcl_text_file_parse(&files[ELCL_FILE_CONFIG], &config, err));
    ELCL_TRY(elcl_text_file_parse(&files[ELCL_FILE_MODEL], &model, err));
    if (json->data)
        ELCL_TRY(elcl_json_parse_nul(json->data, json->n, json->path, &root, err));
    t->class =
        files[ELCL_FILE_SOURCE_SPM].data ? ELCL_CLASS_MARIAN : elcl_class_find(config, model);
    if (json->data)
        ELCL_TRY(elcl_json_build(t, root, config, files, err));
    else
        ELCL_TRY(elcl_python_build(t, files, config, err));
    if (t->kind == &elcl_kind_bytes && !t->pre.n) {
        /* Overrides tokenizer.json, as do the defaults of these classes in transformers 5. */
        if (t->class != ELCL_CLASS_OTHER)
            t->add_prefix_space = t->class == ELCL_CLASS_BLENDERBOT;
        ELCL_TRY(
            elcl_json_bool(config, "add_prefix_space", config_path, &t->add_prefix_space, err));
    }
    if (t->kind != &elcl_kind_bytes)
        ELCL_TRY(elcl_languages_read(t, config, config_path, err));
    ELCL_TRY(
        elcl_json_bool(config, "clean_up_tokenization_spaces", config_path, &t->clean_up, err));
    elcl_whisper_complete(t);
    if (t->unk < 0 && (t->kind == &elcl_kind_bytes || t->python))
        t->unk = elcl_token_id(t, "<unk>");
    elcl_added_sort(&t->added);
    elcl_added_sort(&t->normalized);
fail:
    cJSON_Delete(root);
    cJSON_Delete(config);
    cJSON_Delete(model);
    return rc;
}

int elcl_tokenizer_build(const struct elcl_text_file files[ELCL_N_TOKENIZER_FILES],
                         struct elcl_tokenizer **tokenizer, elcl_error *err)
{
    const struct elcl_text_file *vocab = find_vocab(files);
    if (!vocab && files[ELCL_FILE_MERGES].data)
        return elcl_fail(err, ELCL_E_IO, "%s: is missing, but merges.txt is there",
                         files[ELCL_FILE_VOCAB].path);
    const int found = vocab ? ELCL_OK : find_byt5(files, &vocab, err);
    if (found || !vocab) {
        *tokenizer = NULL;
        return found;
    }
    struct elcl_tokenizer *t = elcl_calloc(1, sizeof(*t));
    if (!t)
        return elcl_fail_nomem(err);
    t->unk = t->eos = -1;
    t->python = vocab != &files[ELCL_FILE_TOKENIZER];
    t->path = elcl_strndup(vocab->path, strlen(vocab->path));
    const int rc = t->path ? build(t, files, err) : elcl_fail_nomem(err);
    if (rc)
        elcl_tokenizer_destroy(&t);
    else
        *tokenizer = t;
    return rc;
}

/* ---- loading ------------------------------------------------------------------------------- */

static int read_file(const char *directory, const char *name, struct elcl_text_file *file,
                     elcl_error *err)
{
    free(file->path);
    file->path = elcl_path_join(directory, name);
    if (!file->path)
        return elcl_fail_nomem(err);
    const int rc = elcl_read_optional_file(file->path, MAX_FILE_BYTES, &file->data, &file->n, err);
    return rc || !file->data ? rc : elcl_foreign_pointer(file->data, file->n, file->path, err);
}

const char *const elcl_tokenizer_file_names[ELCL_N_TOKENIZER_FILES] = {
    [ELCL_FILE_TOKENIZER] = "tokenizer.json",
    [ELCL_FILE_VOCAB] = "vocab.json",
    [ELCL_FILE_MERGES] = "merges.txt",
    [ELCL_FILE_CONFIG] = "tokenizer_config.json",
    [ELCL_FILE_SPECIAL_MAP] = "special_tokens_map.json",
    [ELCL_FILE_ADDED_TOKENS] = "added_tokens.json",
    [ELCL_FILE_MODEL] = "config.json",
    [ELCL_FILE_SPM] = "sentencepiece.bpe.model",
    [ELCL_FILE_SOURCE_SPM] = "source.spm",
    [ELCL_FILE_TARGET_SPM] = "target.spm",
    [ELCL_FILE_TARGET_VOCAB] = "target_vocab.json",
    [ELCL_FILE_SOURCE_WORDS] = "vocab-src.json",
    [ELCL_FILE_TARGET_WORDS] = "vocab-tgt.json",
};

static int read_files(const char *directory, struct elcl_text_file *files, elcl_error *err)
{
    int rc = ELCL_OK;
    for (int i = 0; i < ELCL_N_TOKENIZER_FILES && !rc; i++)
        rc = read_file(directory, elcl_tokenizer_file_names[i], &files[i], err);
    if (!rc && !files[ELCL_FILE_SPM].data)
        rc = read_file(directory, "spiece.model", &files[ELCL_FILE_SPM], err);
    return rc;
}

/* Whether a directory of CTranslate2 has a copy of the tokenizer of the model's origin. */
static bool has_origin(const struct elcl_text_file *files)
{
    return files[ELCL_FILE_TOKENIZER].data || files[ELCL_FILE_CONFIG].data ||
           files[ELCL_FILE_VOCAB].data;
}

int elcl_tokenizer_load(const char *directory, struct elcl_tokenizer **tokenizer, elcl_error *err)
{
    bool ctranslate2 = false;
    enum elcl_model_file file = ELCL_NO_MODEL_FILE;
    struct elcl_text_file files[ELCL_N_TOKENIZER_FILES] = {{0}};
    int rc = elcl_model_file_detect(directory, &file, err);
    if (rc)
        return rc;
    if (file == ELCL_GGUF_FILE)
        return elcl_gguf_tokenizer_load(directory, tokenizer, err);
    if (file == ELCL_WHISPER_CPP_FILE)
        return elcl_ggml_tokenizer_load(directory, tokenizer, err);
    rc = elcl_ct2_detect(directory, &ctranslate2, err);
    if (!rc)
        rc = read_files(directory, files, err);
    struct elcl_tokenizer *t = NULL;
    if (!rc && (!ctranslate2 || has_origin(files)))
        rc = elcl_tokenizer_build(files, &t, err);
    if (!rc && ctranslate2)
        rc = t ? elcl_ct2_tokenizer_check(directory, t, err)
               : elcl_ct2_tokenizer_load(directory, &t, err);
    if (rc)
        elcl_tokenizer_destroy(&t);
    else
        *tokenizer = t;
    for (int i = 0; i < ELCL_N_TOKENIZER_FILES; i++) {
        free(files[i].path);
        free(files[i].data);
    }
    return rc;
}

int elcl_tokenizer_config_bool(const char *directory, const char *key, bool fallback, bool *out,
                               elcl_error *err)
{
    struct elcl_text_file file = {0};
    cJSON *root = NULL;
    bool flag = fallback;
    int rc;
    ELCL_TRY(read_file(directory, "tokenizer_config.json", &file, err));
    ELCL_TRY(elcl_text_file_parse(&file, &root, err));
    ELCL_TRY(elcl_json_bool(root, key, file.path, &flag, err));
    *out = flag;
fail:
    cJSON_Delete(root);
    free(file.path);
    free(file.data);
    return rc;
}
