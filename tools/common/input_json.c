/* Samples as JSON objects, one per line. */
#include "common/input.h"
#include "common/json_raw.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

static int take_ids(const char *key, const cJSON *array, struct cli_side *source, elcl_error *err)
{
    const cJSON *item;
    const int n = cJSON_GetArraySize(array);
    if (!n)
        return elcl_fail(err, ELCL_E_FORMAT, "expected token ids in \"%s\", found none", key);
    source->ids = malloc((size_t)n * sizeof(int32_t));
    if (!source->ids)
        return elcl_fail_nomem(err);
    cJSON_ArrayForEach(item, array)
    {
        if (!cli_json_id(item, &source->ids[source->n_ids]))
            return elcl_fail(err, ELCL_E_FORMAT,
                             "expected a token id as item %zu of \"%s\", found another value",
                             source->n_ids, key);
        source->n_ids++;
    }
    return ELCL_OK;
}

static int take_text(const cJSON *string, struct cli_side *source, elcl_error *err)
{
    source->text = elcl_strdup(string->valuestring);
    if (!source->text)
        return elcl_fail_nomem(err);
    source->n_text = strlen(source->text);
    return ELCL_OK;
}

/* Takes "text" or "ids" as the source. */
static int take_source(const cJSON *root, struct cli_parsed *line, elcl_error *err)
{
    const cJSON *text = cJSON_GetObjectItemCaseSensitive(root, "text");
    const cJSON *ids = cJSON_GetObjectItemCaseSensitive(root, "ids");
    if (text && ids)
        return elcl_fail(err, ELCL_E_FORMAT, "expected one of \"text\" and \"ids\", found both");
    if (text && cJSON_IsString(text))
        return take_text(text, &line->source, err);
    if (ids && cJSON_IsArray(ids))
        return take_ids("ids", ids, &line->source, err);
    return elcl_fail(err, ELCL_E_FORMAT,
                     "expected a JSON object with a string \"text\" or an array \"ids\", "
                     "found %s",
                     text || ids ? "another type" : "neither");
}

/* Takes a string or an array of ids. */
static int take_side(const cJSON *root, const char *key, struct cli_side *side, elcl_error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, key);
    if (item && cJSON_IsString(item))
        return take_text(item, side, err);
    if (item && cJSON_IsArray(item))
        return take_ids(key, item, side, err);
    return elcl_fail(err, ELCL_E_FORMAT,
                     "expected \"%s\" to be a string or an array of token ids, found %s", key,
                     item ? "another type" : "no such key");
}

/* Takes the id as the line spells it: a double would lose digits of a number. */
static int take_id(const cJSON *root, const char *text, size_t n, struct cli_parsed *line,
                   elcl_error *err)
{
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(root, "id");
    int at = 0;
    if (!id)
        return ELCL_OK;
    if (!cJSON_IsString(id) && !cJSON_IsNumber(id))
        return elcl_fail(err, ELCL_E_FORMAT,
                         "expected a string or a number as \"id\", found another type");
    for (const cJSON *item = root->child; item != id; item = item->next)
        at++;
    const char *raw = text;
    const size_t n_raw = cli_json_member(text, n, at, &raw);
    if (!cli_json_is_plain(raw, n_raw))
        return elcl_fail(err, ELCL_E_FORMAT,
                         "expected a string without control characters as \"id\", since the "
                         "output repeats it");
    line->id = malloc(n_raw + 1);
    if (!line->id)
        return elcl_fail_nomem(err);
    memcpy(line->id, raw, n_raw);
    line->id[n_raw] = '\0';
    return ELCL_OK;
}

bool cli_input_is_own_key(const char *key)
{
    return !strcmp(key, "text") || !strcmp(key, "ids") || !strcmp(key, "id");
}

/* Refuses keys that are there twice and keys that nobody reads: values would be ignored. */
static int check_keys(const cJSON *root, enum cli_sample_parts parts, elcl_error *err)
{
    const cJSON *item;
    const int rc = cli_json_check_keys(root, err);
    if (rc)
        return rc;
    cJSON_ArrayForEach(item, root)
    {
        const char *key = item->string;
        const bool known =
            cli_input_is_own_key(key) || !strcmp(key, "source") || !strcmp(key, "target");
        if (parts != CLI_PARTS_SOURCE && !known)
            return elcl_fail(err, ELCL_E_FORMAT,
                             "unknown key \"%.60s\": expected text, ids, source, target or id",
                             key);
    }
    return ELCL_OK;
}

/* `text` [n] is the line of the object. */
static int take_object(const cJSON *root, const char *text, size_t n, enum cli_sample_parts parts,
                       struct cli_parsed *line, elcl_error *err)
{
    if (!cJSON_IsObject(root))
        return elcl_fail(err, ELCL_E_FORMAT,
                         "expected a JSON object, found another JSON "
                         "value");
    int rc = check_keys(root, parts, err);
    if (!rc)
        rc = take_id(root, text, n, line, err);
    if (rc)
        return rc;
    const bool pair = cJSON_GetObjectItemCaseSensitive(root, "source") ||
                      cJSON_GetObjectItemCaseSensitive(root, "target");
    const bool single = cJSON_GetObjectItemCaseSensitive(root, "text") ||
                        cJSON_GetObjectItemCaseSensitive(root, "ids");
    if (parts == CLI_PARTS_SOURCE || (parts == CLI_PARTS_TEXT && !pair))
        return take_source(root, line, err);
    if (single)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "expected \"source\" and \"target\", found \"text\" or \"ids\"");
    rc = take_side(root, "source", &line->source, err);
    return rc ? rc : take_side(root, "target", &line->target, err);
}

int cli_input_parse_json(enum cli_sample_parts parts, const char *line, size_t n,
                         struct cli_parsed *parsed, elcl_error *err)
{
    if (cli_json_has_nul(line, n))
        return elcl_fail(err, ELCL_E_UNSUPPORTED, "U+0000 in a JSON string is not supported");
    size_t end = 0;
    const int rc = cli_json_parse(line, n, &parsed->json, &end, err);
    if (rc)
        return rc;
    if (!parsed->json)
        return elcl_fail(err, ELCL_E_FORMAT, "expected a JSON object, found %s",
                         n ? "invalid JSON" : "an empty line");
    if (end < n)
        return elcl_fail(err, ELCL_E_FORMAT, "expected one JSON object, found more after it");
    return take_object(parsed->json, line, n, parts, parsed, err);
}
