#include "serve/translate_request.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/number.h"
#include "base/utf8.h"
#include "common/json_raw.h"
#include "serve/percent.h"

/* The fields that are one string. */
static const struct field {
    const char *name;
    size_t offset;
} fields[] = {
    {"source", offsetof(struct cli_translate_request, source)},
    {"target", offsetof(struct cli_translate_request, target)},
    {"format", offsetof(struct cli_translate_request, format)},
    {"api_key", offsetof(struct cli_translate_request, api_key)},
    {"alternatives", offsetof(struct cli_translate_request, alternatives)},
};

static char **field_of(struct cli_translate_request *r, const char *name, size_t n)
{
    for (size_t i = 0; i < ELCL_COUNT(fields); i++)
        if (strlen(fields[i].name) == n && !memcmp(fields[i].name, name, n))
            return (char **)((char *)r + fields[i].offset);
    return NULL;
}

static bool is_q(const char *name, size_t n)
{
    return n == 1 && *name == 'q';
}

/* Adds a text, which the request owns from now on; NULL fails. */
static int put_text(struct cli_translate_request *r, size_t *capacity, char *text, elcl_error *err)
{
    void *texts = r->texts;
    if (!text || !elcl_grow(&texts, capacity, r->n_texts + 1, sizeof(*r->texts))) {
        elcl_free(text);
        return elcl_fail_nomem(err);
    }
    r->texts = texts;
    r->texts[r->n_texts++] = text;
    return ELCL_OK;
}

/* ---- forms ----------------------------------------------------------------------------------- */

static int check_text(const char *name, size_t n_name, const char *text, size_t n, elcl_error *err)
{
    if (memchr(text, '\0', n))
        return elcl_fail(err, ELCL_E_FORMAT, "Invalid request: %.*s contains U+0000", (int)n_name,
                         name);
    return elcl_utf8_check(text, n) == n
               ? ELCL_OK
               : elcl_fail(err, ELCL_E_FORMAT, "Invalid request: %.*s is not UTF-8", (int)n_name,
                           name);
}

/* Takes name=value unless the field is there or unknown. */
static int take_pair(struct cli_translate_request *r, const char *name, size_t n_name,
                     const char *value, size_t n_value, elcl_error *err)
{
    char **field = field_of(r, name, n_name);
    const bool q = is_q(name, n_name);
    size_t length = 0, capacity = 0;
    if (q ? r->n_texts > 0 : !field || *field)
        return ELCL_OK;
    char *text = cli_percent_decode(value, n_value, true, &length);
    const int rc = text ? check_text(name, n_name, text, length, err) : elcl_fail_nomem(err);
    if (rc) {
        elcl_free(text);
        return rc;
    }
    if (q)
        return put_text(r, &capacity, text, err);
    *field = text;
    return ELCL_OK;
}

/* Takes the fields of form [n]: name=value, with '&' between two. */
static int take_form(struct cli_translate_request *r, const char *form, size_t n, elcl_error *err)
{
    int rc = ELCL_OK;
    while (n && !rc) {
        const char *end = memchr(form, '&', n);
        const size_t length = end ? (size_t)(end - form) : n;
        const char *equals = length ? memchr(form, '=', length) : NULL;
        if (equals) {
            const size_t n_name = (size_t)(equals - form);
            rc = take_pair(r, form, n_name, equals + 1, length - n_name - 1, err);
        }
        form += length + (end != NULL);
        n -= length + (end != NULL);
    }
    return rc;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static int fail_json(const char *name, const char *expected, elcl_error *err)
{
    return elcl_fail(err, ELCL_E_FORMAT, "Invalid request: %s must be %s", name, expected);
}

static int take_texts(struct cli_translate_request *r, const cJSON *value, elcl_error *err)
{
    const cJSON *item;
    size_t capacity = 0;
    int rc = ELCL_OK;
    if (cJSON_IsString(value))
        return put_text(r, &capacity, elcl_strdup(value->valuestring), err);
    if (!cJSON_IsArray(value))
        return fail_json("q", "a string or an array of strings", err);
    r->is_list = true;
    cJSON_ArrayForEach(item, value)
    {
        if (rc)
            break;
        if (!cJSON_IsString(item))
            rc = fail_json("q", "a string or an array of strings", err);
        else if (r->n_texts == CLI_MAX_TRANSLATE_TEXTS)
            rc = elcl_fail(err, ELCL_E_FORMAT, "Invalid request: q has more than %d texts",
                           CLI_MAX_TRANSLATE_TEXTS);
        else
            rc = put_text(r, &capacity, elcl_strdup(item->valuestring), err);
    }
    return rc;
}

/* Takes a member of the object. Numbers are there only for alternatives. */
static int take_member(struct cli_translate_request *r, const cJSON *item, elcl_error *err)
{
    const bool q = is_q(item->string, strlen(item->string));
    char **field = field_of(r, item->string, strlen(item->string)), number[32];
    const char *text = item->valuestring;
    if ((!q && !field) || cJSON_IsNull(item))
        return ELCL_OK;
    if (q ? r->texts != NULL : *field != NULL)
        return elcl_fail(err, ELCL_E_FORMAT, "Invalid request: %s is there twice", item->string);
    if (q)
        return take_texts(r, item, err);
    if (cJSON_IsNumber(item) && field == &r->alternatives) {
        (void)snprintf(number, sizeof(number), "%.9g", item->valuedouble);
        text = number;
    } else if (!cJSON_IsString(item)) {
        return fail_json(item->string, field == &r->alternatives ? "a number" : "a string", err);
    }
    *field = elcl_strdup(text);
    return *field ? ELCL_OK : elcl_fail_nomem(err);
}

static int take_json(struct cli_translate_request *r, const char *body, size_t n, elcl_error *err)
{
    cJSON *root = NULL;
    const cJSON *item;
    size_t end = 0;
    if (elcl_utf8_check(body, n) < n)
        return elcl_fail(err, ELCL_E_FORMAT, "Invalid request: the body is not UTF-8");
    if (cli_json_has_nul(body, n))
        return elcl_fail(err, ELCL_E_FORMAT, "Invalid request: a string contains U+0000");
    if (cli_json_count(body, n) > CLI_MAX_TRANSLATE_VALUES)
        return elcl_fail(err, ELCL_E_FORMAT, "Invalid request: the body has more than %d values",
                         CLI_MAX_TRANSLATE_VALUES);
    int rc = cli_json_parse(body, n, &root, &end, err);
    if (!rc && (!root || end < n || !cJSON_IsObject(root)))
        rc = elcl_fail(err, ELCL_E_FORMAT, "Invalid request: the body is not a JSON object");
    for (item = rc ? NULL : root->child; item && !rc; item = item->next)
        rc = take_member(r, item, err);
    cJSON_Delete(root);
    return rc;
}

/* ---- both ------------------------------------------------------------------------------------ */

static int read_alternatives(struct cli_translate_request *r, elcl_error *err)
{
    int64_t n = 0;
    if (r->alternatives && !elcl_read_whole(r->alternatives, 0, CLI_MAX_ALTERNATIVES, &n))
        return elcl_fail(err, ELCL_E_FORMAT,
                         "Invalid request: alternatives must be a whole number from 0 to %d",
                         CLI_MAX_ALTERNATIVES);
    r->n_alternatives = (int)n;
    return ELCL_OK;
}

int cli_translate_parse(const char *type, const char *query, const char *body, size_t n,
                        struct cli_translate_request *request, elcl_error *err)
{
    struct cli_translate_request r = {0};
    const bool form = !*type || !strcmp(type, "application/x-www-form-urlencoded");
    int rc;
    if (!strcmp(type, "application/json")) {
        rc = take_json(&r, body, n, err);
    } else if (n && !form) {
        rc = elcl_fail(err, ELCL_E_UNSUPPORTED,
                       "Invalid request: the body must be application/json or "
                       "application/x-www-form-urlencoded, not %.60s",
                       type);
    } else {
        rc = take_form(&r, query, strlen(query), err);
        if (!rc)
            rc = take_form(&r, body, n, err);
    }
    if (!rc)
        rc = read_alternatives(&r, err);
    if (rc)
        cli_translate_request_finish(&r);
    else
        *request = r;
    return rc;
}

void cli_translate_request_finish(struct cli_translate_request *r)
{
    for (size_t i = 0; i < r->n_texts; i++)
        elcl_free(r->texts[i]);
    elcl_free(r->texts);
    for (size_t i = 0; i < ELCL_COUNT(fields); i++)
        elcl_free(*(char **)((char *)r + fields[i].offset));
    *r = (struct cli_translate_request){0};
}
