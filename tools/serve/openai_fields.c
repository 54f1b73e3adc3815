#include "serve/openai_fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/json_raw.h"

/* ---- values -------------------------------------------------------------------------------- */

static int fail_field(const cJSON *item, const char *expected, elcl_error *err)
{
    return elcl_fail(err, ELCL_E_FORMAT, "%s: expected %s", item->string, expected);
}

static int take_bool(const cJSON *item, bool *value, elcl_error *err)
{
    if (!cJSON_IsBool(item))
        return fail_field(item, "true or false", err);
    *value = cJSON_IsTrue(item);
    return ELCL_OK;
}

static int take_int(const cJSON *item, int low, int high, int *value, elcl_error *err)
{
    const double v = item->valuedouble;
    if (!cJSON_IsNumber(item) || !(v >= low && v <= high) || (int)v < v)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: expected a whole number from %d to %d",
                         item->string, low, high);
    *value = (int)v;
    return ELCL_OK;
}

static int take_string(const cJSON *item, char **value, elcl_error *err)
{
    if (!cJSON_IsString(item))
        return fail_field(item, "a string", err);
    *value = elcl_strdup(item->valuestring);
    return *value ? ELCL_OK : elcl_fail_nomem(err);
}

/* ---- prompts ------------------------------------------------------------------------------- */

static int take_ids(const cJSON *array, struct cli_side *prompt, elcl_error *err)
{
    const cJSON *part;
    prompt->ids = elcl_calloc((size_t)cJSON_GetArraySize(array), sizeof(*prompt->ids));
    if (!prompt->ids)
        return elcl_fail_nomem(err);
    cJSON_ArrayForEach(part, array)
    {
        if (!cli_json_id(part, &prompt->ids[prompt->n_ids]))
            return elcl_fail(err, ELCL_E_FORMAT,
                             "prompt: expected a token id at place %zu of a list of ids, found "
                             "another value",
                             prompt->n_ids);
        prompt->n_ids++;
    }
    return prompt->n_ids ? ELCL_OK
                         : elcl_fail(err, ELCL_E_FORMAT, "prompt: expected token ids, found none");
}

static int take_text(const cJSON *string, struct cli_side *prompt, elcl_error *err)
{
    prompt->text = elcl_strdup(string->valuestring);
    if (!prompt->text)
        return elcl_fail_nomem(err);
    prompt->n_text = strlen(prompt->text);
    return ELCL_OK;
}

/* Takes one prompt, of the type of those before it. */
static int add_prompt(struct cli_openai_request *r, const cJSON *item, elcl_error *err)
{
    struct cli_side *prompt = &r->prompts[r->n_prompts];
    const bool is_ids = cJSON_IsArray(item);
    if ((!is_ids && !cJSON_IsString(item)) || (r->n_prompts && is_ids != r->is_ids))
        return elcl_fail(err, ELCL_E_FORMAT,
                         "prompt: expected a string, a list of strings, a list of token ids or a "
                         "list of such lists");
    r->is_ids = is_ids;
    r->n_prompts++;
    return is_ids ? take_ids(item, prompt, err) : take_text(item, prompt, err);
}

static int take_prompt(struct cli_openai_request *r, const cJSON *item, elcl_error *err)
{
    const cJSON *part;
    const bool several = cJSON_IsArray(item) && !cJSON_IsNumber(item->child);
    const int n = several ? cJSON_GetArraySize(item) : 1;
    if (!n || n > CLI_OPENAI_MAX_PROMPTS)
        return elcl_fail(err, ELCL_E_FORMAT, "prompt: expected 1 to %d prompts, found %d",
                         CLI_OPENAI_MAX_PROMPTS, n);
    r->prompts = elcl_calloc((size_t)n, sizeof(*r->prompts));
    if (!r->prompts)
        return elcl_fail_nomem(err);
    if (!several)
        return add_prompt(r, item, err);
    int rc = ELCL_OK;
    cJSON_ArrayForEach(part, item) rc = rc ? rc : add_prompt(r, part, err);
    return rc;
}

/* ---- OpenAI's fields ----------------------------------------------------------------------- */

static int take_model(struct cli_openai_request *r, const cJSON *item, elcl_error *err)
{
    return take_string(item, &r->model, err);
}

static int take_max_tokens(struct cli_openai_request *r, const cJSON *item, elcl_error *err)
{
    int value = 0;
    const int rc = take_int(item, 1, INT32_MAX, &value, err);
    r->has_max_tokens = true;
    return rc ? rc : cli_openai_set_int(r, "max_new_tokens", value, err);
}

static int take_n(struct cli_openai_request *r, const cJSON *item, elcl_error *err)
{
    return take_int(item, 1, ELCL_MAX_BEAMS, &r->n, err);
}

static int take_best_of(struct cli_openai_request *r, const cJSON *item, elcl_error *err)
{
    return take_int(item, 1, ELCL_MAX_BEAMS, &r->best_of, err);
}

static int take_logprobs(struct cli_openai_request *r, const cJSON *item, elcl_error *err)
{
    if (cJSON_IsNumber(item) && item->valuedouble > 1)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "logprobs: expected 0 or 1, since only the tokens that were chosen have a "
                         "log-probability here");
    return take_int(item, 0, 1, &r->logprobs, err);
}

static int take_echo(struct cli_openai_request *r, const cJSON *item, elcl_error *err)
{
    return take_bool(item, &r->echo, err);
}

static int take_stream(struct cli_openai_request *r, const cJSON *item, elcl_error *err)
{
    return take_bool(item, &r->stream, err);
}

static int take_stream_options(struct cli_openai_request *r, const cJSON *item, elcl_error *err)
{
    const cJSON *part;
    int rc = cJSON_IsObject(item) ? ELCL_OK : fail_field(item, "an object", err);
    cJSON_ArrayForEach(part, item)
    {
        bool obfuscates; /* a request not to: nothing here does */
        if (!rc && !strcmp(part->string, "include_usage"))
            rc = take_bool(part, &r->include_usage, err);
        else if (!rc && !strcmp(part->string, "include_obfuscation"))
            rc = take_bool(part, &obfuscates, err);
        else if (!rc)
            rc = elcl_fail(err, ELCL_E_FORMAT,
                           "stream_options: expected include_usage, found %.60s", part->string);
    }
    return rc;
}

static int take_alignments(struct cli_openai_request *r, const cJSON *item, elcl_error *err)
{
    int how = CLI_ALIGNMENTS_SOFT;
    if (cJSON_IsString(item) ? !cli_find_choice(cli_alignment_words, item->valuestring, &how)
                             : !cJSON_IsBool(item))
        return fail_field(item, "true, false, \"soft\" or \"hard\"", err);
    r->alignments = cJSON_IsFalse(item) ? CLI_ALIGNMENTS_NONE : (enum cli_alignments)how;
    return ELCL_OK;
}

static int take_suffix(struct cli_openai_request *r, const cJSON *item, elcl_error *err)
{
    (void)r;
    return cJSON_IsString(item) && !*item->valuestring
               ? ELCL_OK
               : elcl_fail(err, ELCL_E_UNSUPPORTED,
                           "suffix: no model of this server inserts text, expected none");
}

static int take_logit_bias(struct cli_openai_request *r, const cJSON *item, elcl_error *err)
{
    (void)r;
    return cJSON_IsObject(item) && !item->child
               ? ELCL_OK
               : elcl_fail(err, ELCL_E_UNSUPPORTED,
                           "logit_bias: expected none; suppress_tokens and bad_words_ids ban "
                           "tokens");
}

static int take_user(struct cli_openai_request *r, const cJSON *item, elcl_error *err)
{
    (void)r;
    return cJSON_IsString(item) ? ELCL_OK : fail_field(item, "a string", err);
}

/* 0 is greedy search, which the table's temperature cannot say. */
static int take_temperature(struct cli_openai_request *r, const cJSON *item, elcl_error *err)
{
    char text[32];
    if (!cJSON_IsNumber(item))
        return fail_field(item, "a number", err);
    if (item->valuedouble == 0)
        return ELCL_OK; /* imply_sampling() sees it */
    (void)snprintf(text, sizeof(text), "%.9g", item->valuedouble);
    return cli_openai_set(r, "temperature", text, err);
}

static int take_no_prompt(struct cli_openai_request *r, const cJSON *item, elcl_error *err)
{
    (void)r;
    return fail_field(item, "echo true or false, which decides that", err);
}

static int take_src_lang(struct cli_openai_request *r, const cJSON *item, elcl_error *err)
{
    return take_string(item, &r->src_lang, err);
}

static int take_tgt_lang(struct cli_openai_request *r, const cJSON *item, elcl_error *err)
{
    return take_string(item, &r->tgt_lang, err);
}

static int take_split(struct cli_openai_request *r, const cJSON *item, elcl_error *err)
{
    const char *word = cJSON_IsString(item) ? item->valuestring : "";
    r->split = !strcmp(word, "sentences");
    return r->split || !strcmp(word, "none") ? ELCL_OK
                                             : fail_field(item, "\"sentences\" or \"none\"", err);
}

static int take_decoder_prefix(struct cli_openai_request *r, const cJSON *item, elcl_error *err)
{
    if (!cJSON_IsString(item))
        return fail_field(item, "a string", err);
    r->lists.prefix = cli_openai_keep(r, item->valuestring, err);
    return r->lists.prefix ? ELCL_OK : ELCL_E_NOMEM;
}

/* Fields beside the options of the library's table, and those that need more than its values. */
static const struct cli_openai_field fields[] = {
    {"alignments", take_alignments},
    {"best_of", take_best_of},
    {"decoder_prefix", take_decoder_prefix},
    {"echo", take_echo},
    {"logit_bias", take_logit_bias},
    {"logprobs", take_logprobs},
    {"max_tokens", take_max_tokens},
    {"model", take_model},
    {"n", take_n},
    {"no_prompt", take_no_prompt},
    {"prompt", take_prompt},
    {"split", take_split},
    {"src_lang", take_src_lang},
    {"stream", take_stream},
    {"stream_options", take_stream_options},
    {"suffix", take_suffix},
    {"temperature", take_temperature},
    {"tgt_lang", take_tgt_lang},
    {"user", take_user},
};

const struct cli_openai_field *cli_openai_field_get(size_t i)
{
    return i < ELCL_COUNT(fields) ? &fields[i] : NULL;
}

const struct cli_openai_field *cli_openai_field_find(const char *name)
{
    for (size_t i = 0; i < ELCL_COUNT(fields); i++)
        if (!strcmp(fields[i].name, name))
            return &fields[i];
    return NULL;
}
