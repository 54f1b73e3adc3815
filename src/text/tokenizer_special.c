/* Reads which tokens are recognized inside a text, and which of them are special. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/json.h"
#include "text/tokenizer_load.h"

/* The first entry for a content decides what it strips; any entry can make it special. */
int elcl_special_add(struct elcl_tokenizer *t, const struct elcl_added *added, bool special,
                     const char *file, elcl_error *err)
{
    const int32_t symbol = elcl_strmap_get(&t->symbol_of, added->content, added->n);
    const bool known = symbol >= 0 && (t->symbols[symbol].kind & ELCL_SYMBOL_VERBATIM);
    const unsigned kind = ELCL_SYMBOL_VERBATIM | (special ? ELCL_SYMBOL_SPECIAL : 0u);
    int rc = elcl_vocab_add(t, added->content, added->n, added->id, kind, file, err);
    if (rc || known)
        return rc;
    if (!added->normalized)
        return elcl_added_append(&t->added, added, err);
    struct elcl_str text = {0};
    struct elcl_added normal = *added;
    rc = elcl_normalizer_run(&t->normalizer, added->content, added->n, &text, err);
    normal.content = text.data;
    normal.n = text.n;
    if (!rc && text.n)
        rc = elcl_added_append(&t->normalized, &normal, err);
    elcl_str_finish(&text);
    return rc;
}

static int read_flag(const cJSON *entry, const char *key, const char *file, bool *out,
                     elcl_error *err)
{
    const cJSON *value = elcl_json_get(entry, key);
    if (value && !cJSON_IsBool(value))
        return elcl_json_mismatch(file, key, "true or false", value, err);
    *out = cJSON_IsTrue(value);
    return ELCL_OK;
}

/* Reads an object with content, lstrip, rstrip, single_word and special. */
static int read_added(const cJSON *entry, const char *file, struct elcl_added *added, bool *special,
                      elcl_error *err)
{
    const cJSON *content = elcl_json_get(entry, "content");
    if (!cJSON_IsString(content) || !*content->valuestring)
        return elcl_json_mismatch(file, "content of an added token", "a string", content, err);
    if (elcl_json_has_nul(content->valuestring))
        return elcl_fail(err, ELCL_E_UNSUPPORTED, "%s: an added token contains U+0000", file);
    bool single_word = false;
    int rc;
    *added = (struct elcl_added){.content = content->valuestring};
    added->n = strlen(added->content);
    ELCL_TRY(read_flag(entry, "lstrip", file, &added->lstrip, err));
    ELCL_TRY(read_flag(entry, "rstrip", file, &added->rstrip, err));
    ELCL_TRY(read_flag(entry, "special", file, special, err));
    ELCL_TRY(read_flag(entry, "single_word", file, &single_word, err));
    if (single_word)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: added token \"%.100s\" has single_word, which elcl does not support",
                         file, added->content);
    return ELCL_OK;
fail:
    return rc;
}

int elcl_special_read_json(struct elcl_tokenizer *t, const cJSON *array, const char *file,
                           elcl_error *err)
{
    if (!array || cJSON_IsNull(array))
        return ELCL_OK;
    if (!cJSON_IsArray(array))
        return elcl_json_mismatch(file, "added_tokens", "an array", array, err);
    int rc = ELCL_OK;
    for (const cJSON *entry = array->child; entry && !rc; entry = entry->next) {
        struct elcl_added added;
        bool special;
        int64_t id;
        ELCL_TRY(read_added(entry, file, &added, &special, err));
        const cJSON *number = elcl_json_get(entry, "id");
        if (!elcl_json_int(number, 0, ELCL_MAX_TOKEN_ID, &id))
            return elcl_json_mismatch(file, added.content, "a token id", number, err);
        added.id = (int32_t)id;
        added.normalized = (t->kind != &elcl_kind_bytes || t->pre.n) &&
                           cJSON_IsTrue(elcl_json_get(entry, "normalized"));
        rc = elcl_special_add(t, &added, special, file, err);
    }
fail:
    return rc;
}

/* ---- files beside the vocabulary ------------------------------------------------------------ */

/* The vocabulary of tokenizer.json decides about its ids. */
static int32_t choose_id(const struct elcl_tokenizer *t, const char *content, int32_t id)
{
    const int32_t known = elcl_token_id(t, content);
    if (t->python)
        return id;
    return known >= 0 ? known : elcl_is_token(t, id) ? t->size : id;
}

/* Reads added_tokens_decoder of tokenizer_config.json: id -> description. */
static int read_added_decoder(struct elcl_tokenizer *t, const cJSON *object, const char *file,
                              elcl_error *err)
{
    if (!cJSON_IsObject(object))
        return elcl_json_mismatch(file, "added_tokens_decoder", "an object", object, err);
    int rc = ELCL_OK;
    for (const cJSON *entry = object->child; entry && !rc; entry = entry->next) {
        struct elcl_added added;
        bool special;
        ELCL_TRY(read_added(entry, file, &added, &special, err));
        char *end;
        const long id = strtol(entry->string, &end, 10);
        if (end == entry->string || *end || id < 0 || id > ELCL_MAX_TOKEN_ID)
            return elcl_fail(err, ELCL_E_FORMAT,
                             "%s: added_tokens_decoder: expected a token id, found \"%.100s\"",
                             file, entry->string);
        added.id = choose_id(t, added.content, (int32_t)id);
        rc = elcl_special_add(t, &added, special, file, err);
    }
fail:
    return rc;
}

/* Reads added_tokens.json: content -> id. */
static int read_added_tokens(struct elcl_tokenizer *t, const cJSON *object, const char *file,
                             elcl_error *err)
{
    int rc = ELCL_OK;
    for (const cJSON *entry = object ? object->child : NULL; entry && !rc; entry = entry->next) {
        int64_t id;
        if (!*entry->string || !elcl_json_int(entry, 0, ELCL_MAX_TOKEN_ID, &id))
            return elcl_json_mismatch(file, entry->string, "a token id", entry, err);
        const struct elcl_added added = {.content = entry->string,
                                         .n = strlen(entry->string),
                                         .id = choose_id(t, entry->string, (int32_t)id)};
        rc = elcl_special_add(t, &added, false, file, err);
    }
    return rc;
}

enum { BOS, EOS, UNK, SEP, PAD, CLS, MASK, N_ROLES };
static const char *const role_keys[N_ROLES] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                               "pad_token", "cls_token", "mask_token"};

/* The defaults of each class. */
static const char *const defaults[ELCL_CLASS_OTHER + 1][N_ROLES] = {
    [ELCL_CLASS_GPT2] = {"<|endoftext|>", "<|endoftext|>"},
    [ELCL_CLASS_BART] = {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
    [ELCL_CLASS_BLENDERBOT] = {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
    [ELCL_CLASS_FSMT] = {"<s>", NULL, "<unk>", "</s>", "<pad>"},
    [ELCL_CLASS_M2M_100] = {"<s>", "</s>", "<unk>", "</s>", "<pad>"},
    [ELCL_CLASS_MARIAN] = {NULL, "</s>", "<unk>", NULL, "<pad>"},
    [ELCL_CLASS_MBART] = {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
    [ELCL_CLASS_MBART_50] = {NULL, "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
    [ELCL_CLASS_NLLB] = {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
    [ELCL_CLASS_PEGASUS] = {NULL, "</s>", "<unk>", NULL, "<pad>", NULL, "<mask_2>"},
    [ELCL_CLASS_T5] = {NULL, "</s>", "<unk>", NULL, "<pad>"},
    [ELCL_CLASS_XGLM] = {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>"},
    [ELCL_CLASS_WHISPER] = {"<|endoftext|>", "<|endoftext|>", "<|endoftext|>", NULL,
                            "<|endoftext|>"},
    [ELCL_CLASS_BYT5] = {NULL, "</s>", "<unk>", NULL, "<pad>"},
    [ELCL_CLASS_BERT] = {NULL, NULL, "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"},
};

/* <mask> removes the white space before it in these classes. */
static bool strips_mask(enum elcl_tokenizer_class class)
{
    return class == ELCL_CLASS_BART || class == ELCL_CLASS_BLENDERBOT ||
           class == ELCL_CLASS_MBART || class == ELCL_CLASS_MBART_50 || class == ELCL_CLASS_NLLB;
}

/* Adds a special token from a string or a description. A token that the vocabulary lacks gets the
 * next id. */
static int add_special(struct elcl_tokenizer *t, const cJSON *value, bool lstrip, const char *file,
                       const char *key, int32_t *id, elcl_error *err)
{
    struct elcl_added added = {.lstrip = lstrip};
    if (cJSON_IsObject(value)) {
        bool special; /* known from the key */
        const int rc = read_added(value, file, &added, &special, err);
        if (rc)
            return rc;
    } else if (cJSON_IsString(value)) {
        added.content = value->valuestring;
        added.n = strlen(added.content);
    } else {
        return elcl_json_mismatch(file, key, "a string or an object", value, err);
    }
    if (!added.n)
        return ELCL_OK;
    added.id = elcl_token_id(t, added.content);
    if (added.id < 0)
        added.id = t->size;
    if (id)
        *id = added.id;
    return elcl_special_add(t, &added, true, file, err);
}

/* Adds a token of the class if the vocabulary has it. */
static int add_default(struct elcl_tokenizer *t, const char *content, bool lstrip, int32_t *id,
                       elcl_error *err)
{
    struct elcl_added added = {.n = strlen(content), .lstrip = lstrip};
    added.rstrip = lstrip && t->class == ELCL_CLASS_BYT5;
    added.content = (char *)(uintptr_t)content;
    added.id = elcl_token_id(t, content);
    if (added.id < 0)
        return ELCL_OK;
    *id = added.id;
    return elcl_special_add(t, &added, true, t->path, err);
}

/* Finds a key and its file: special_tokens_map.json, if given, overrides the config. */
static const cJSON *find_key(const cJSON *config, const cJSON *special_map, const char *key,
                             const struct elcl_text_file *files, const char **file)
{
    const cJSON *value = elcl_json_get(special_map, key);
    *file = files[value ? ELCL_FILE_SPECIAL_MAP : ELCL_FILE_CONFIG].path;
    return value ? value : elcl_json_get(config, key);
}

static int read_roles(struct elcl_tokenizer *t, const cJSON *config, const cJSON *special_map,
                      const struct elcl_text_file *files, int32_t ids[N_ROLES], elcl_error *err)
{
    for (int i = 0; i < N_ROLES; i++) {
        const char *file, *content = defaults[t->class][i];
        const cJSON *value = find_key(config, special_map, role_keys[i], files, &file);
        const bool lstrip = i == MASK && strips_mask(t->class);
        const bool both = t->class == ELCL_CLASS_BYT5;
        int rc = ELCL_OK;
        ids[i] = -1;
        if (value && !cJSON_IsNull(value))
            rc = add_special(t, value, lstrip, file, role_keys[i], &ids[i], err);
        else if (!value && content)
            rc = add_default(t, content, lstrip || both, &ids[i], err);
        if (rc)
            return rc;
    }
    return ELCL_OK;
}

/* Reads a list of tokens, or an object with tokens as values. */
static int read_more(struct elcl_tokenizer *t, const cJSON *config, const cJSON *special_map,
                     const struct elcl_text_file *files, elcl_error *err)
{
    static const char *const keys[] = {"additional_special_tokens", "extra_special_tokens"};
    int rc = ELCL_OK;
    for (size_t i = 0; i < ELCL_COUNT(keys) && !rc; i++) {
        const char *file;
        const cJSON *more = find_key(config, special_map, keys[i], files, &file);
        if (!more || cJSON_IsNull(more))
            continue;
        if (!cJSON_IsArray(more) && !cJSON_IsObject(more))
            return elcl_json_mismatch(file, keys[i], "an array", more, err);
        for (const cJSON *item = more->child; item && !rc; item = item->next)
            rc = add_special(t, item, false, file, keys[i], NULL, err);
    }
    return rc;
}

/* Adds the languages and sentinels of the class that the vocabulary of tokenizer.json has. */
static int add_class_tokens(struct elcl_tokenizer *t, const cJSON *config, elcl_error *err)
{
    size_t n = 0;
    const char *const *codes = elcl_class_languages(t->class, config, &n);
    int32_t id = 0;
    int rc = ELCL_OK;
    for (size_t i = 0; i < n && !rc; i++)
        rc = add_default(t, codes[i], false, &id, err);
    for (int i = 0; t->class == ELCL_CLASS_T5 && id >= 0 && !rc; i++) {
        char name[32];
        snprintf(name, sizeof(name), "<extra_id_%d>", i);
        id = -1;
        rc = add_default(t, name, false, &id, err);
    }
    return rc;
}

int elcl_special_read(struct elcl_tokenizer *t, const cJSON *config,
                      const struct elcl_text_file *files, elcl_error *err)
{
    const cJSON *decoder = elcl_json_get(config, "added_tokens_decoder");
    cJSON *special_map = NULL, *added_tokens = NULL;
    int32_t ids[N_ROLES];
    int rc;
    if (decoder && !cJSON_IsNull(decoder)) { /* a config with this key is complete */
        ELCL_TRY(read_added_decoder(t, decoder, files[ELCL_FILE_CONFIG].path, err));
    } else {
        ELCL_TRY(elcl_text_file_parse(&files[ELCL_FILE_SPECIAL_MAP], &special_map, err));
        ELCL_TRY(elcl_text_file_parse(&files[ELCL_FILE_ADDED_TOKENS], &added_tokens, err));
        ELCL_TRY(read_added_tokens(t, added_tokens, files[ELCL_FILE_ADDED_TOKENS].path, err));
    }
    ELCL_TRY(read_roles(t, config, special_map, files, ids, err));
    ELCL_TRY(read_more(t, config, special_map, files, err));
    if (!t->python)
        ELCL_TRY(add_class_tokens(t, config, err));
    if (t->python && ids[UNK] >= 0)
        t->unk = ids[UNK];
    t->eos = ids[t->class == ELCL_CLASS_FSMT ? SEP : EOS];
    elcl_class_wrap(t, ids[CLS], ids[SEP]);
fail:
    cJSON_Delete(special_map);
    cJSON_Delete(added_tokens);
    return rc;
}
