#include "speech/tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "format/json.h"
#include "format/json_lists.h"
#include "model/model.h"
#include "speech/non_speech.h"

/* OpenAI's: a text begins within the first second. */
#define MAX_INITIAL_TIMESTAMP 50

struct reader {
    const elcl_model *model;
    const struct elcl_config *config;
    struct elcl_speech_tokens *tokens;
    elcl_error *err;
};

/* ---- values ---------------------------------------------------------------------------------- */

/* Returns a key's value and its file, or NULL: generation_config.json counts before config.json. */
static const cJSON *find(const struct reader *r, const char *key, const char **file)
{
    const cJSON *value = elcl_json_get(r->config->generation, key);
    *file = value ? r->config->generation_path : r->config->path;
    return value ? value : elcl_json_get(r->config->model, key);
}

static int read_id(const struct reader *r, const cJSON *value, const char *file, const char *key,
                   int32_t *id)
{
    int64_t found;
    if (!elcl_json_int(value, 0, r->model->arch.vocabulary - 1, &found))
        return elcl_json_mismatch(file, key, "the id of a token of the model", value, r->err);
    *id = (int32_t)found;
    return ELCL_OK;
}

/* Returns the id of the first of the names that the tokenizer has, or -1. */
static int32_t id_of_name(const struct reader *r, const char *const *names)
{
    int32_t id = -1;
    for (; r->model->tokenizer && *names && id < 0; names++)
        id = elcl_token_id(r->model->tokenizer, *names);
    return id < r->model->arch.vocabulary ? id : -1;
}

/* Reads the id of a key, inside the object `outer` if that is not NULL, or of a name; -1: neither
 * is there. */
static int read_token(const struct reader *r, const char *outer, const char *key,
                      const char *const *names, int32_t *id)
{
    const char *file;
    const cJSON *value = find(r, outer ? outer : key, &file);
    if (outer)
        value = elcl_json_get(value, key);
    if (value && !cJSON_IsNull(value))
        return read_id(r, value, file, key, id);
    *id = id_of_name(r, names);
    return ELCL_OK;
}

/* ---- special tokens -------------------------------------------------------------------------- */

static int read_bounds(const struct reader *r)
{
    static const char *const sot[] = {"<|startoftranscript|>", NULL};
    static const char *const eot[] = {"<|endoftext|>", NULL};
    static const char *const no_timestamps[] = {"<|notimestamps|>", NULL};
    struct elcl_speech_tokens *t = r->tokens;
    const elcl_gen_options *defaults = &r->model->defaults;
    int rc;
    t->sot = defaults->decoder_start_token_id >= 0 ? defaults->decoder_start_token_id
                                                   : id_of_name(r, sot);
    t->eot = defaults->n_eos ? defaults->eos_token_ids[0] : id_of_name(r, eot);
    ELCL_TRY(read_token(r, NULL, "no_timestamps_token_id", no_timestamps, &t->no_timestamps));
    if (t->sot < 0 || t->eot < 0 || t->no_timestamps < 0)
        return elcl_fail(r->err, ELCL_E_FORMAT,
                         "%s: %s: no file names this token, and the tokenizer has no %s",
                         r->config->generation_path,
                         t->sot < 0   ? "decoder_start_token_id"
                         : t->eot < 0 ? "eos_token_id"
                                      : "no_timestamps_token_id",
                         t->sot < 0   ? sot[0]
                         : t->eot < 0 ? eot[0]
                                      : no_timestamps[0]);
    t->timestamp_begin = t->no_timestamps + 1;
    t->n_timestamps = r->model->arch.vocabulary - t->timestamp_begin;
fail:
    return rc;
}

static int read_special(const struct reader *r)
{
    static const char *const sot_prev[] = {"<|startofprev|>", NULL};
    static const char *const sot_lm[] = {"<|startoflm|>", NULL};
    static const char *const no_speech[] = {"<|nospeech|>", "<|nocaptions|>", NULL};
    static const char *const transcribe[] = {"<|transcribe|>", NULL};
    static const char *const translate[] = {"<|translate|>", NULL};
    struct elcl_speech_tokens *t = r->tokens;
    int rc;
    ELCL_TRY(read_token(r, NULL, "prev_sot_token_id", sot_prev, &t->sot_prev));
    ELCL_TRY(read_token(r, NULL, "sot_lm_token_id", sot_lm, &t->sot_lm));
    ELCL_TRY(read_token(r, NULL, "no_speech_token_id", no_speech, &t->no_speech));
    ELCL_TRY(read_token(r, "task_to_id", "transcribe", transcribe, &t->transcribe));
    ELCL_TRY(read_token(r, "task_to_id", "translate", translate, &t->translate));
fail:
    return rc;
}

static int read_initial(const struct reader *r)
{
    const char *file, *key = "max_initial_timestamp_index";
    const cJSON *value = find(r, key, &file);
    int64_t index = cJSON_IsNull(value) ? r->tokens->n_timestamps - 1 : MAX_INITIAL_TIMESTAMP;
    if (value && !cJSON_IsNull(value) && !elcl_json_int(value, 0, INT32_MAX, &index))
        return elcl_json_mismatch(file, key, "an index of 0 or more", value, r->err);
    r->tokens->max_initial_timestamp = (int)index;
    return ELCL_OK;
}

/* ---- languages ------------------------------------------------------------------------------- */

static int add_language(const struct reader *r, size_t *max, const char *code, size_t n, int32_t id)
{
    struct elcl_speech_tokens *t = r->tokens;
    struct elcl_speech_language language = {.id = id};
    void *array = t->languages;
    if (n >= sizeof(language.code))
        return elcl_fail(r->err, ELCL_E_FORMAT,
                         "%s: lang_to_id: expected codes below %zu bytes, found \"%.40s\"",
                         r->config->generation_path, sizeof(language.code), code);
    memcpy(language.code, code, n);
    if (!elcl_grow(&array, max, t->n_languages + 1, sizeof(*t->languages)))
        return elcl_fail_nomem(r->err);
    t->languages = array;
    t->languages[t->n_languages++] = language;
    return ELCL_OK;
}

/* Finds the n characters inside <|en|>, or all of a name without these marks. */
static const char *without_marks(const char *name, size_t *n)
{
    *n = strlen(name);
    if (*n <= 4 || memcmp(name, "<|", 2) != 0 || memcmp(name + *n - 2, "|>", 2) != 0)
        return name;
    *n -= 4;
    return name + 2;
}

static int read_lang_to_id(const struct reader *r, const cJSON *object, const char *file)
{
    size_t max = 0;
    int rc = ELCL_OK;
    for (const cJSON *item = object->child; item && !rc; item = item->next) {
        size_t n;
        const char *code = without_marks(item->string, &n);
        int32_t id = -1;
        rc = read_id(r, item, file, "lang_to_id", &id);
        if (!rc)
            rc = add_language(r, &max, code, n, id);
    }
    return rc;
}

static int find_languages(const struct reader *r)
{
    const struct elcl_tokenizer *tokenizer = r->model->tokenizer;
    const int32_t size =
        tokenizer ? elcl_min_int(elcl_tokenizer_size(tokenizer), r->model->arch.vocabulary) : 0;
    size_t max = 0, n = 0;
    int rc = ELCL_OK;
    for (int32_t id = 0; id < size && !rc; id++) {
        const char *code = elcl_tokenizer_code(tokenizer, id, &n);
        if (code)
            rc = add_language(r, &max, code, n, id);
    }
    return rc;
}

static int compare_languages(const void *a, const void *b)
{
    const struct elcl_speech_language *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int read_languages(const struct reader *r)
{
    struct elcl_speech_tokens *t = r->tokens;
    const char *file, *flag_file;
    const cJSON *object = find(r, "lang_to_id", &file);
    const cJSON *flag = find(r, "is_multilingual", &flag_file);
    const bool listed = cJSON_IsObject(object) && object->child;
    if (flag && !cJSON_IsNull(flag) && !cJSON_IsBool(flag))
        return elcl_json_mismatch(flag_file, "is_multilingual", "true or false", flag, r->err);
    t->is_multilingual = cJSON_IsBool(flag)
                             ? cJSON_IsTrue(flag)
                             : listed || r->model->arch.vocabulary >= ELCL_MULTILINGUAL_VOCABULARY;
    if (!t->is_multilingual)
        return ELCL_OK;
    const int rc = listed ? read_lang_to_id(r, object, file) : find_languages(r);
    if (rc)
        return rc;
    if (!t->n_languages || t->transcribe < 0)
        return elcl_fail(r->err, ELCL_E_FORMAT,
                         "%s: %s: the model is multilingual, but neither this key nor the "
                         "tokenizer names its %s",
                         r->config->generation_path, t->n_languages ? "task_to_id" : "lang_to_id",
                         t->n_languages ? "tasks" : "languages");
    qsort(t->languages, t->n_languages, sizeof(*t->languages), compare_languages);
    for (size_t i = 0; i < t->n_languages; i++) {
        const char *name = elcl_speech_language_name(t->languages[i].code);
        t->languages[i].name = name ? name : t->languages[i].code;
    }
    return ELCL_OK;
}

/* ---- the files' own language ----------------------------------------------------------------- */

/* Old files have [[1, language], [2, task], ...]; null: detect it. */
static int read_forced(const struct reader *r)
{
    struct elcl_speech_tokens *t = r->tokens;
    const char *file = r->config->generation_path, *key = "forced_decoder_ids";
    const cJSON *list = elcl_json_get(r->config->generation, key);
    if (!list || cJSON_IsNull(list)) {
        file = r->config->path;
        list = elcl_json_get(r->config->model, key);
    }
    for (const cJSON *pair = list ? list->child : NULL; pair; pair = pair->next) {
        const cJSON *at = cJSON_IsArray(pair) ? pair->child : NULL, *token = at ? at->next : NULL;
        int64_t position, id = -1;
        if (!elcl_json_int(at, 1, INT32_MAX, &position) ||
            (!cJSON_IsNull(token) && !elcl_json_int(token, 0, INT32_MAX, &id)))
            return elcl_json_mismatch(file, key, "pairs of position and token", pair, r->err);
        for (size_t i = 0; position == 1 && i < t->n_languages; i++)
            if (t->languages[i].id == id)
                t->language = &t->languages[i];
    }
    return ELCL_OK;
}

/* "de", "german" or "<|de|>" in generation_config.json; with it or a task, no old key counts. */
static int read_language(const struct reader *r)
{
    struct elcl_speech_tokens *t = r->tokens;
    const cJSON *value = elcl_json_get(r->config->generation, "language");
    char name[64] = "";
    size_t n;
    if (!t->is_multilingual)
        return ELCL_OK;
    if (!cJSON_IsString(value))
        return cJSON_IsString(elcl_json_get(r->config->generation, "task")) ? ELCL_OK
                                                                            : read_forced(r);
    const char *code = without_marks(value->valuestring, &n);
    if (n < sizeof(name))
        memcpy(name, code, n);
    t->language = elcl_speech_language_find(t, name);
    return t->language ? ELCL_OK
                       : elcl_json_mismatch(r->config->generation_path, "language",
                                            "a language of the model", value, r->err);
}

/* ---- suppressed tokens ----------------------------------------------------------------------- */

static int read_suppressed(const struct reader *r, const char *key, elcl_tokens *list,
                           void **memory)
{
    const char *file;
    const cJSON *value = find(r, key, &file);
    if (!value)
        return list == &r->tokens->suppress
                   ? elcl_non_speech_tokens(r->model->tokenizer, r->tokens, list, memory, r->err)
                   : elcl_blank_tokens(r->model->tokenizer, r->tokens, list, memory, r->err);
    if (cJSON_IsNull(value))
        return ELCL_OK;
    return elcl_json_tokens(value, file, key, r->model->arch.vocabulary, list, memory, r->err);
}

/* ---- alignment heads ------------------------------------------------------------------------- */

static int read_heads(const struct reader *r, const cJSON *list, const char *file)
{
    const struct elcl_arch *arch = &r->model->arch;
    elcl_cross_head *to = r->tokens->alignment_heads;
    for (const cJSON *pair = list->child; pair; pair = pair->next, to++) {
        const cJSON *first = cJSON_IsArray(pair) ? pair->child : NULL;
        const cJSON *second = first ? first->next : NULL;
        int64_t layer, head;
        if (!elcl_json_int(first, 0, arch->decoder_layers - 1, &layer) ||
            !elcl_json_int(second, 0, arch->decoder_heads - 1, &head) || second->next)
            return elcl_json_mismatch(file, "alignment_heads",
                                      "pairs of a layer and a head of the decoder", pair, r->err);
        *to = (elcl_cross_head){(int)layer, (int)head};
    }
    return ELCL_OK;
}

static int read_alignment(const struct reader *r)
{
    const struct elcl_arch *arch = &r->model->arch;
    struct elcl_speech_tokens *t = r->tokens;
    const char *file, *key = "alignment_heads";
    const cJSON *list = find(r, key, &file);
    if (list && !cJSON_IsNull(list) && !cJSON_IsArray(list))
        return elcl_json_mismatch(file, key, "a list of pairs", list, r->err);
    const bool listed = list && list->child;
    const int first = arch->decoder_layers / 2;
    t->n_alignment_heads =
        listed ? (size_t)cJSON_GetArraySize(list)
               : (size_t)(arch->decoder_layers - first) * (size_t)arch->decoder_heads;
    t->alignment_heads = elcl_calloc(t->n_alignment_heads, sizeof(*t->alignment_heads));
    if (!t->alignment_heads)
        return elcl_fail_nomem(r->err);
    if (listed)
        return read_heads(r, list, file);
    for (size_t i = 0; i < t->n_alignment_heads; i++)
        t->alignment_heads[i] =
            (elcl_cross_head){first + (int)i / arch->decoder_heads, (int)i % arch->decoder_heads};
    return ELCL_OK;
}

/* ---- all of it ------------------------------------------------------------------------------- */

int elcl_speech_tokens_read(const elcl_model *model, struct elcl_speech_tokens *tokens,
                            elcl_error *err)
{
    const struct reader r = {model, &model->config, tokens, err};
    int rc;
    *tokens = (struct elcl_speech_tokens){0};
    ELCL_TRY(read_bounds(&r));
    ELCL_TRY(read_special(&r));
    ELCL_TRY(read_initial(&r));
    ELCL_TRY(read_languages(&r));
    ELCL_TRY(read_language(&r));
    ELCL_TRY(read_suppressed(&r, "suppress_tokens", &tokens->suppress, &tokens->memory[0]));
    ELCL_TRY(
        read_suppressed(&r, "begin_suppress_tokens", &tokens->begin_suppress, &tokens->memory[1]));
    ELCL_TRY(read_alignment(&r));
fail:
    return rc;
}

void elcl_speech_tokens_finish(struct elcl_speech_tokens *tokens)
{
    elcl_free(tokens->languages);
    elcl_free(tokens->alignment_heads);
    for (size_t i = 0; i < ELCL_COUNT(tokens->memory); i++)
        elcl_free(tokens->memory[i]);
    *tokens = (struct elcl_speech_tokens){0};
}
