#include "common/gen_json.h"

#include <math.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/json_write.h"

/* How deep arrays of token ids are: 1, 2 for an array of arrays, or 0 for other values. */
static int depth_of(const elcl_gen_option *option)
{
    if (!option)
        return 0;
    return option->type == ELCL_OPTION_TOKENS ? 1 : option->type == ELCL_OPTION_TOKEN_LISTS ? 2 : 0;
}

/* Appends a JSON value in the spelling of the command line; false if it has none. A list of one
 * number may be that number. */
static bool append_value(const cJSON *item, int depth, struct elcl_str *text)
{
    const cJSON *part;
    if (cJSON_IsNumber(item) && depth < 2) {
        const double v = item->valuedouble;
        elcl_str_printf(text, v == floor(v) && fabs(v) < 1e15 ? "%.0f" : "%.9g", v);
        return true;
    }
    if (cJSON_IsNull(item) || (depth && cJSON_IsArray(item) && !item->child)) {
        elcl_str_text(text, "none");
        return true;
    }
    if (cJSON_IsBool(item) && !depth) {
        elcl_str_text(text, cJSON_IsTrue(item) ? "true" : "false");
        return true;
    }
    if (!depth || !cJSON_IsArray(item))
        return false;
    cJSON_ArrayForEach(part, item)
    {
        const bool fits = depth > 1 ? cJSON_IsArray(part) && part->child : cJSON_IsNumber(part);
        if (part != item->child)
            elcl_str_text(text, depth > 1 ? ";" : ",");
        if (!fits || !append_value(part, depth - 1, text))
            return false;
    }
    return true;
}

static bool is_texts(const elcl_gen_option *option)
{
    return option && option->type == ELCL_OPTION_TEXTS;
}

/* A string, an array of strings, or null. */
static int check_texts(const elcl_gen_option *option, const cJSON *item, elcl_error *err)
{
    const cJSON *part;
    bool fits = cJSON_IsString(item) || cJSON_IsNull(item) ||
                (cJSON_IsArray(item) && cJSON_GetArraySize(item) <= option->max);
    if (cJSON_IsArray(item))
        cJSON_ArrayForEach(part, item) fits = fits && cJSON_IsString(part);
    return fits ? ELCL_OK
                : elcl_fail(err, ELCL_E_FORMAT,
                            "expected a string or an array of at most %.0f strings", option->max);
}

/* What an option takes that is no list. */
static const char *expected_value(const elcl_gen_option *option)
{
    switch (option ? option->type : ELCL_OPTION_BOOL) {
    case ELCL_OPTION_INT:
        return "a whole number";
    case ELCL_OPTION_NUMBER:
        return "a number";
    case ELCL_OPTION_WORD:
        return "a word";
    case ELCL_OPTION_TOKEN:
        return "a token id or null";
    case ELCL_OPTION_BOOL:
    case ELCL_OPTION_TOKENS:
    case ELCL_OPTION_TOKEN_LISTS:
    case ELCL_OPTION_TEXTS:
        break;
    }
    return "true or false";
}

int cli_gen_json_check(const elcl_gen_option *option, const cJSON *item, elcl_error *err)
{
    const int depth = depth_of(option);
    struct elcl_str text = {0};
    if (is_texts(option))
        return check_texts(option, item, err);
    const bool fits = cJSON_IsString(item) || append_value(item, depth, &text);
    const bool failed = text.failed;
    elcl_str_finish(&text);
    if (failed)
        return elcl_fail_nomem(err);
    if (fits)
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_FORMAT, "expected %s",
                     depth > 1 ? "an array of arrays of token ids"
                     : depth   ? "an array of token ids"
                               : expected_value(option));
}

int cli_gen_json_each(const elcl_gen_option *option, const cJSON *item, cli_gen_json_fn set,
                      void *user, elcl_error *err)
{
    const cJSON *part;
    struct elcl_str text = {0};
    int rc = ELCL_OK;
    if (cJSON_IsString(item))
        return set(user, item->valuestring, err);
    if (is_texts(option)) {
        cJSON_ArrayForEach(part, item) rc = rc ? rc : set(user, part->valuestring, err);
        return rc;
    }
    append_value(item, depth_of(option), &text);
    rc = text.failed ? elcl_fail_nomem(err) : set(user, text.data, err);
    elcl_str_finish(&text);
    return rc;
}

void cli_gen_json_write(const elcl_gen_option *option, const char *value, struct elcl_str *out)
{
    const bool none = !strcmp(value, "none");
    const int depth = is_texts(option) ? 1 : depth_of(option);
    if (none && !depth) {
        elcl_str_text(out, "null");
        return;
    }
    if (option->type == ELCL_OPTION_WORD && strcmp(value, "true") != 0 &&
        strcmp(value, "false") != 0) {
        cli_json_text(out, value);
        return;
    }
    elcl_str_text(out, depth ? "[" : "");
    if (is_texts(option))
        cli_json_lines(out, value);
    else if (depth > 1 && !none)
        elcl_str_text(out, "[");
    for (const char *c = none || is_texts(option) ? "" : value; *c; c++)
        elcl_str_append(out, *c == ';' ? "], [" : c, *c == ';' ? 4 : 1);
    elcl_str_text(out, depth > 1 && !none ? "]]" : depth ? "]" : "");
}
