/* Reads which tokens are recognized inside a text, and which of them are special. */
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
        added.normalized =
            t->kind != &elcl_kind_bytes && cJSON_IsTrue(elcl_json_get(entry, "normalized"));
        rc = elcl_special_add(t, &added, special, file, err);
    }
fail:
    return rc;
}

/* ---- with vocab.json or SentencePiece models ------------------------------------------------ */

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
        added.id = (int32_t)id;
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
        const struct elcl_added added = {
            .content = entry->string, .n = strlen(entry->string), .id = (int32_t)id};
        rc = elcl_special_add(t, &added, false, file, err);
    }
    return rc;
}

#define BIT(class) (1u << ELCL_CLASS_##class)
#define MBARTS (BIT(MBART) | BIT(MBART_50) | BIT(NLLB))
#define ENDED (BIT(BART) | BIT(M2M_100) | BIT(MARIAN) | MBARTS | BIT(PEGASUS) | BIT(T5))

/* The defaults of each class. */
static const struct {
    const char *key, *content;
    unsigned classes; /* flags: BIT(class) */
} roles[] = {
    {"bos_token", "<|endoftext|>", BIT(GPT2)},
    {"bos_token", "<s>", BIT(BART) | BIT(FSMT) | BIT(M2M_100) | BIT(MBART) | BIT(NLLB)},
    {"bos_token", NULL, BIT(MARIAN) | BIT(MBART_50) | BIT(PEGASUS) | BIT(T5)},
    {"eos_token", "<|endoftext|>", BIT(GPT2)},
    {"eos_token", "</s>", ENDED},
    {"eos_token", NULL, BIT(FSMT)},
    {"unk_token", "<unk>", ENDED | BIT(FSMT)},
    {"unk_token", NULL, BIT(GPT2)},
    {"sep_token", "</s>", BIT(BART) | BIT(FSMT) | BIT(M2M_100) | MBARTS},
    {"sep_token", NULL, BIT(GPT2) | BIT(MARIAN) | BIT(PEGASUS) | BIT(T5)},
    {"pad_token", "<pad>", ENDED | BIT(FSMT)},
    {"pad_token", NULL, BIT(GPT2)},
    {"cls_token", "<s>", BIT(BART) | MBARTS},
    {"cls_token", NULL,
     BIT(GPT2) | BIT(FSMT) | BIT(M2M_100) | BIT(MARIAN) | BIT(PEGASUS) | BIT(T5)},
    {"mask_token", "<mask>", BIT(BART) | MBARTS},
    {"mask_token", "<mask_2>", BIT(PEGASUS)},
    {"mask_token", NULL, BIT(GPT2) | BIT(FSMT) | BIT(M2M_100) | BIT(MARIAN) | BIT(T5)},
};

/* Adds a special token from a string or a description. Ignores one without an id: the model has no
 * row for it. */
static int add_special(struct elcl_tokenizer *t, const cJSON *value, bool lstrip, const char *file,
                       const char *key, const char **content, elcl_error *err)
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
    added.id = elcl_token_id(t, added.content);
    if (content)
        *content = added.content;
    return added.id < 0 || !added.n ? ELCL_OK : elcl_special_add(t, &added, true, file, err);
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
                      const struct elcl_text_file *files, elcl_error *err)
{
    const unsigned bit = 1u << t->class;
    const char *file;
    for (size_t i = 0; i < ELCL_COUNT(roles); i++) {
        if (!(roles[i].classes & bit))
            continue;
        const char *key = roles[i].key, *content = NULL;
        const cJSON *value = find_key(config, special_map, key, files, &file);
        cJSON fallback = {.type = cJSON_String};
        fallback.valuestring = (char *)(uintptr_t)roles[i].content;
        if (!value && fallback.valuestring)
            value = &fallback;
        if (!value || cJSON_IsNull(value))
            continue;
        const bool lstrip = bit & (BIT(BART) | MBARTS) && !strcmp(key, "mask_token");
        const int rc = add_special(t, value, lstrip, file, key, &content, err);
        if (rc)
            return rc;
        if (!strcmp(key, "unk_token"))
            t->unk = elcl_token_id(t, content);
        if (!strcmp(key, t->class == ELCL_CLASS_FSMT ? "sep_token" : "eos_token"))
            t->eos = elcl_token_id(t, content);
    }
    const cJSON *more = find_key(config, special_map, "additional_special_tokens", files, &file);
    if (more && !cJSON_IsNull(more) && !cJSON_IsArray(more))
        return elcl_json_mismatch(file, "additional_special_tokens", "an array", more, err);
    int rc = ELCL_OK;
    for (const cJSON *item = more ? more->child : NULL; item && !rc; item = item->next)
        rc = add_special(t, item, false, file, "additional_special_tokens", NULL, err);
    return rc;
}

int elcl_special_read(struct elcl_tokenizer *t, const cJSON *config, const cJSON *special_map,
                      const cJSON *added_tokens, const struct elcl_text_file *files,
                      elcl_error *err)
{
    const char *config_path = files[ELCL_FILE_CONFIG].path;
    const cJSON *decoder = elcl_json_get(config, "added_tokens_decoder");
    int rc;
    if (decoder && !cJSON_IsNull(decoder)) {
        ELCL_TRY(read_added_decoder(t, decoder, config_path, err));
        special_map = NULL; /* a config with this key is complete */
    } else {
        ELCL_TRY(read_added_tokens(t, added_tokens, files[ELCL_FILE_ADDED_TOKENS].path, err));
    }
    ELCL_TRY(read_roles(t, config, special_map, files, err));
    return ELCL_OK;
fail:
    return rc;
}
