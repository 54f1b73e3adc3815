/* The post_processor of tokenizer.json: the ids around a text. */
#include <string.h>

#include "format/json.h"
#include "text/tokenizer_load.h"

static int put_around(struct elcl_tokenizer *t, const cJSON *id, bool before, const char *file,
                      elcl_error *err)
{
    int64_t number;
    int *n = before ? &t->wrap.n_before : &t->wrap.n_after;
    if (!elcl_json_int(id, 0, ELCL_MAX_TOKEN_ID, &number))
        return elcl_json_mismatch(file, "post_processor", "token ids", id, err);
    if (*n == ELCL_MAX_WRAP)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: post_processor: expected at most %d tokens on a side", file,
                         ELCL_MAX_WRAP);
    (before ? t->wrap.before : t->wrap.after)[(*n)++] = (int32_t)number;
    return ELCL_OK;
}

/* Reads the list `single`: {"SpecialToken": {"id": name}}, and {"Sequence": {"id": "A"}} once. */
static int read_template(struct elcl_tokenizer *t, const cJSON *part, const char *file,
                         elcl_error *err)
{
    const cJSON *single = elcl_json_get(part, "single");
    bool before = true;
    if (!cJSON_IsArray(single))
        return elcl_json_mismatch(file, "single", "an array", single, err);
    for (const cJSON *item = single->child; item; item = item->next) {
        if (elcl_json_get(item, "Sequence")) {
            before = false;
            continue;
        }
        const cJSON *name = elcl_json_get(elcl_json_get(item, "SpecialToken"), "id");
        const cJSON *token =
            cJSON_IsString(name)
                ? elcl_json_get(elcl_json_get(part, "special_tokens"), name->valuestring)
                : NULL;
        const cJSON *ids = elcl_json_get(token, "ids");
        if (!cJSON_IsArray(ids))
            return elcl_json_mismatch(file, "single", "special tokens with ids", name, err);
        for (const cJSON *id = ids->child; id; id = id->next) {
            const int rc = put_around(t, id, before, file, err);
            if (rc)
                return rc;
        }
    }
    return ELCL_OK;
}

/* ["</s>", 2] */
static int read_pair(struct elcl_tokenizer *t, const cJSON *pair, bool before, const char *file,
                     elcl_error *err)
{
    const cJSON *name = cJSON_IsArray(pair) ? pair->child : NULL;
    return put_around(t, name ? name->next : NULL, before, file, err);
}

static int check_ids(const struct elcl_tokenizer *t, const char *file, elcl_error *err)
{
    for (int i = 0; i < t->wrap.n_before + t->wrap.n_after; i++) {
        const int32_t id =
            i < t->wrap.n_before ? t->wrap.before[i] : t->wrap.after[i - t->wrap.n_before];
        if (!elcl_is_token(t, id))
            return elcl_fail(err, ELCL_E_FORMAT,
                             "%s: post_processor: id %d is not in the vocabulary", file, (int)id);
    }
    return ELCL_OK;
}

static int read_step(struct elcl_tokenizer *t, const cJSON *part, bool *done, const char *file,
                     elcl_error *err)
{
    const cJSON *type = elcl_json_get(part, "type");
    const char *name = cJSON_IsString(type) ? type->valuestring : "";
    if (!strcmp(name, "ByteLevel")) /* changes offsets only */
        return ELCL_OK;
    if (*done)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: post_processor: expected one step that adds tokens, found two", file);
    *done = true;
    if (!strcmp(name, "TemplateProcessing"))
        return read_template(t, part, file, err);
    if (strcmp(name, "BertProcessing") != 0 && strcmp(name, "RobertaProcessing") != 0)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: post_processor: only TemplateProcessing, BertProcessing, "
                         "RobertaProcessing, ByteLevel and sequences of them are supported, "
                         "found %s",
                         file, elcl_json_describe(type).s);
    const int rc = read_pair(t, elcl_json_get(part, "cls"), true, file, err);
    return rc ? rc : read_pair(t, elcl_json_get(part, "sep"), false, file, err);
}

int elcl_post_processor_read(struct elcl_tokenizer *t, const cJSON *part, const char *file,
                             elcl_error *err)
{
    const cJSON *type = elcl_json_get(part, "type");
    const bool sequence = cJSON_IsString(type) && !strcmp(type->valuestring, "Sequence");
    const cJSON *list = elcl_json_get(part, "processors");
    bool done = false;
    int rc = ELCL_OK;
    t->wraps = true;
    if (!part || cJSON_IsNull(part))
        return ELCL_OK;
    if (!sequence)
        rc = read_step(t, part, &done, file, err);
    else if (!cJSON_IsArray(list))
        return elcl_json_mismatch(file, "processors", "an array", list, err);
    for (const cJSON *item = sequence ? list->child : NULL; item && !rc; item = item->next)
        rc = read_step(t, item, &done, file, err);
    return rc ? rc : check_ids(t, file, err);
}
