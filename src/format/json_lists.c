#include "format/json_lists.h"

#include <limits.h>
#include <string.h>

#include "base/util.h"
#include "format/json.h"

/* Writes the ids of an array that are below `limit`. */
static int put_below(const cJSON *array, const char *file, const char *key, int limit, int32_t *to,
                     int *n, elcl_error *err)
{
    *n = 0;
    for (const cJSON *item = array->child; item; item = item->next) {
        int64_t id;
        if (!elcl_json_int(item, INT32_MIN, INT32_MAX, &id))
            return elcl_json_mismatch(file, key, "token ids", item, err);
        if (id >= 0 && id < limit)
            to[(*n)++] = (int32_t)id;
    }
    return ELCL_OK;
}

static int put_tokens(const cJSON *array, const char *file, const char *key, int32_t *to,
                      elcl_error *err)
{
    for (const cJSON *item = array->child; item; item = item->next) {
        int64_t id;
        if (!elcl_json_int(item, 0, INT32_MAX, &id))
            return elcl_json_mismatch(file, key, "token ids", item, err);
        *to++ = (int32_t)id;
    }
    return ELCL_OK;
}

int elcl_json_tokens(const cJSON *value, const char *file, const char *key, int limit,
                     elcl_tokens *tokens, void **memory, elcl_error *err)
{
    if (!cJSON_IsArray(value))
        return elcl_json_mismatch(file, key, "a list of token ids", value, err);
    int n = cJSON_GetArraySize(value);
    int32_t *ids = elcl_calloc((size_t)n + 1, sizeof(*ids));
    if (!ids)
        return elcl_fail_nomem(err);
    const int rc = put_below(value, file, key, limit, ids, &n, err);
    if (rc) {
        elcl_free(ids);
        return rc;
    }
    *memory = ids;
    *tokens = (elcl_tokens){ids, n};
    return ELCL_OK;
}

int elcl_json_token_lists(const cJSON *value, const char *file, const char *key,
                          const elcl_tokens **lists, int *n, void **memory, elcl_error *err)
{
    size_t n_lists = 0, n_ids = 0;
    for (const cJSON *list = cJSON_IsArray(value) ? value->child : NULL; list; list = list->next) {
        if (!cJSON_IsArray(list) || !list->child)
            return elcl_json_mismatch(file, key, "lists of token ids", list, err);
        n_lists++;
        n_ids += (size_t)cJSON_GetArraySize(list);
    }
    if (!n_lists || n_lists > INT_MAX)
        return elcl_json_mismatch(file, key, "lists of token ids", value, err);
    elcl_tokens *to = elcl_calloc(1, n_lists * sizeof(*to) + n_ids * sizeof(int32_t));
    if (!to)
        return elcl_fail_nomem(err);
    int32_t *ids = (int32_t *)(void *)(to + n_lists);
    int i = 0;
    for (const cJSON *list = value->child; list; list = list->next, i++) {
        const int rc = put_tokens(list, file, key, ids, err);
        if (rc) {
            elcl_free(to);
            return rc;
        }
        to[i] = (elcl_tokens){ids, cJSON_GetArraySize(list)};
        ids += to[i].n;
    }
    *memory = to;
    *lists = to;
    *n = i;
    return ELCL_OK;
}

int elcl_json_strings(const cJSON *value, const char *file, const char *key,
                      const char *const **strings, int *n, void **memory, elcl_error *err)
{
    const bool one = cJSON_IsString(value);
    size_t n_strings = 0, bytes = 0;
    for (const cJSON *s = one                    ? value
                          : cJSON_IsArray(value) ? value->child
                                                 : NULL;
         s; s = one ? NULL : s->next) {
        if (!cJSON_IsString(s) || !*s->valuestring)
            return elcl_json_mismatch(file, key, "strings that are not empty", s, err);
        n_strings++;
        bytes += strlen(s->valuestring) + 1;
    }
    if (!n_strings || n_strings > INT_MAX)
        return elcl_json_mismatch(file, key, "a string or a list of them", value, err);
    const char **to = elcl_calloc(1, n_strings * sizeof(*to) + bytes);
    if (!to)
        return elcl_fail_nomem(err);
    char *text = (char *)(to + n_strings);
    int i = 0;
    for (const cJSON *s = one ? value : value->child; s; s = one ? NULL : s->next) {
        const size_t length = strlen(s->valuestring) + 1;
        memcpy(text, s->valuestring, length);
        to[i++] = text;
        text += length;
    }
    *memory = to;
    *strings = to;
    *n = i;
    return ELCL_OK;
}
