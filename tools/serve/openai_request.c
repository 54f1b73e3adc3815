#include "serve/openai_fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/decoding.h"
#include "common/gen_json.h"
#include "common/json_raw.h"
#include "common/words.h"

/* ---- options of the table ------------------------------------------------------------------ */

/* An option that a field sets. */
struct target {
    struct cli_openai_request *r;
    const elcl_gen_option *option;
};

static int set_text(void *user, const char *text, elcl_error *err)
{
    const struct target *to = user;
    if (to->option->type == ELCL_OPTION_TEXTS && strlen(text) > CLI_OPENAI_MAX_STOP)
        return elcl_fail(err, ELCL_E_ARG, "%s: expected at most %d bytes, found %zu",
                         to->option->name, CLI_OPENAI_MAX_STOP, strlen(text));
    return cli_openai_add(to->r, to->option, text, err);
}

static int take_option(struct cli_openai_request *r, const elcl_gen_option *option,
                       const cJSON *item, elcl_error *err)
{
    struct target to = {r, option};
    elcl_error why = {0};
    return cli_gen_json_check(option, item, &why)
               ? elcl_fail(err, why.code, "%s: %s", option->name, why.msg)
               : cli_gen_json_each(option, item, set_text, &to, err);
}

static int fail_unknown(const char *key, elcl_error *err)
{
    const char *names[CLI_MAX_SETTINGS + CLI_OPENAI_MAX_FIELDS];
    const struct cli_openai_field *field;
    const elcl_gen_option *option;
    size_t n = 0;
    for (size_t i = 0; (field = cli_openai_field_get(i)); i++)
        names[n++] = field->name;
    for (int i = 0; (option = elcl_gen_option_get(i)) && n < ELCL_COUNT(names); i++)
        names[n++] = option->name;
    const char *near = cli_nearest(key, names, n);
    return elcl_fail(err, ELCL_E_FORMAT,
                     near ? "unknown field \"%.60s\": did you mean \"%s\"?"
                          : "unknown field \"%.60s\": expected one of OpenAI's completions, or a "
                            "generation option such as num_beams",
                     key, near);
}

/* Clients write null for what was not given; only a list of tokens can be none. */
static int take(struct cli_openai_request *r, const cJSON *item, elcl_error *err)
{
    const struct cli_openai_field *field = cli_openai_field_find(item->string);
    const elcl_gen_option *option = elcl_gen_option_find(item->string);
    if (option && strcmp(option->name, item->string) != 0)
        option = NULL; /* the name of a field of C */
    if (!field && !option)
        return fail_unknown(item->string, err);
    const bool may_be_none =
        !field && (option->type == ELCL_OPTION_TOKEN || option->type == ELCL_OPTION_TOKENS ||
                   option->type == ELCL_OPTION_TOKEN_LISTS);
    if (cJSON_IsNull(item) && !may_be_none && strcmp(item->string, "prompt") != 0)
        return ELCL_OK;
    return field ? field->take(r, item, err) : take_option(r, option, item, err);
}

/* ---- the whole request --------------------------------------------------------------------- */

static bool is_zero(const cJSON *root, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, key);
    return cJSON_IsNumber(item) && item->valuedouble == 0;
}

/* Whether an option of sampling was given that changes something. */
static bool asks_for_sampling(const struct cli_settings *given)
{
    elcl_gen_options gen;
    (void)cli_settings_read(given, &gen, NULL);
    return cli_settings_has(given, "temperature") ||
           (cli_settings_has(given, "top_p") && gen.top_p < 1) || gen.top_k > 0 || gen.min_p > 0 ||
           (cli_settings_has(given, "typical_p") && gen.typical_p < 1);
}

/* OpenAI has no do_sample: the options of sampling ask for it, and temperature 0 for search. */
static int imply_sampling(struct cli_openai_request *r, const cJSON *root, elcl_error *err)
{
    if (cli_settings_has(&r->given, "do_sample"))
        return ELCL_OK;
    if (is_zero(root, "temperature"))
        return cli_openai_set(r, "do_sample", "false", err);
    if (!asks_for_sampling(&r->given))
        return ELCL_OK;
    const int rc = cli_openai_set(r, "do_sample", "true", err);
    return rc || cli_settings_has(&r->given, "num_beams")
               ? rc
               : cli_openai_set(r, "num_beams", "1", err);
}

/* Fields that say the same, or need each other. The first one of a pair is at fault. */
static int check_pairs(const struct cli_openai_request *r, const cJSON *root, char param[64],
                       elcl_error *err)
{
    static const char *const rivals[][2] = {
        {"max_tokens", "max_new_tokens"},
        {"n", "num_return_sequences"},
    };
    for (size_t i = 0; i < ELCL_COUNT(rivals); i++) {
        const cJSON *first = cJSON_GetObjectItemCaseSensitive(root, rivals[i][0]);
        const cJSON *second = cJSON_GetObjectItemCaseSensitive(root, rivals[i][1]);
        (void)snprintf(param, 64, "%s", rivals[i][0]);
        if (first && second && !cJSON_IsNull(first) && !cJSON_IsNull(second))
            return elcl_fail(err, ELCL_E_ARG, "expected %s or %s, found both", rivals[i][0],
                             rivals[i][1]);
    }
    (void)snprintf(param, 64, "stream_options");
    if (r->include_usage && !r->stream)
        return elcl_fail(err, ELCL_E_ARG, "stream_options: expected them only with stream true");
    (void)snprintf(param, 64, "best_of");
    if (r->best_of && r->n > r->best_of)
        return elcl_fail(err, ELCL_E_ARG, "best_of: expected at least n, which is %d, found %d",
                         r->n, r->best_of);
    (void)snprintf(param, 64, "split");
    if (r->split && (r->is_ids || r->logprobs >= 0 || r->alignments))
        return elcl_fail(err, ELCL_E_ARG,
                         "split: expected texts as prompt, no logprobs and no alignments");
    (void)snprintf(param, 64, "prompt");
    return r->n_prompts ? ELCL_OK
                        : elcl_fail(err, ELCL_E_ARG,
                                    "prompt: expected a string, a list of strings or token ids, "
                                    "found none");
}

static int take_all(struct cli_openai_request *r, const cJSON *root, char param[64],
                    elcl_error *err)
{
    const cJSON *item;
    int rc = cJSON_IsObject(root) ? cli_json_check_keys(root, err)
                                  : elcl_fail(err, ELCL_E_FORMAT, "expected a JSON object");
    cJSON_ArrayForEach(item, root)
    {
        if (rc)
            return rc;
        (void)snprintf(param, 64, "%.60s", item->string);
        rc = take(r, item, err);
    }
    if (rc)
        return rc;
    *param = '\0';
    rc = imply_sampling(r, root, err);
    if (!rc)
        rc = check_pairs(r, root, param, err);
    if (rc)
        return rc;
    elcl_error why = {0};
    return cli_decoding_check_style(&r->given, &why) ? cli_openai_fail(r, &why, param, err)
                                                     : ELCL_OK;
}

int cli_openai_parse(const char *body, size_t n, struct cli_openai_request *request, char param[64],
                     elcl_error *err)
{
    struct cli_openai_request r = {.logprobs = -1};
    cJSON *root = NULL;
    size_t end = 0;
    *param = '\0';
    *request = (struct cli_openai_request){0};
    if (cli_json_has_nul(body, n))
        return elcl_fail(err, ELCL_E_UNSUPPORTED, "U+0000 in a JSON string is not supported");
    if (cli_json_count(body, n) > CLI_OPENAI_MAX_VALUES)
        return elcl_fail(err, ELCL_E_FORMAT, "expected a body of at most %d JSON values",
                         CLI_OPENAI_MAX_VALUES);
    int rc = cli_json_parse(body, n, &root, &end, err);
    if (!rc && (!root || end < n))
        rc = elcl_fail(err, ELCL_E_FORMAT, "expected a JSON object, found %s at byte %zu",
                       root ? "more" : "invalid JSON", end);
    if (!rc)
        rc = take_all(&r, root, param, err);
    cJSON_Delete(root);
    if (rc)
        cli_openai_request_finish(&r);
    else
        *param = '\0';
    *request = r;
    return rc;
}

void cli_openai_request_finish(struct cli_openai_request *r)
{
    for (size_t i = 0; i < r->n_prompts; i++) {
        free(r->prompts[i].text);
        free(r->prompts[i].ids);
    }
    elcl_free(r->prompts);
    free(r->model);
    free(r->src_lang);
    free(r->tgt_lang);
    cli_option_lists_finish(&r->lists);
    *r = (struct cli_openai_request){0};
}

int cli_openai_fail(const struct cli_openai_request *r, const elcl_error *why, char param[64],
                    elcl_error *err)
{
    const size_t n = strspn(why->msg, "abcdefghijklmnopqrstuvwxyz_");
    *param = '\0';
    if (n >= 64 || (why->msg[n] != ':' && why->msg[n] != ' '))
        return elcl_fail(err, why->code, "%s", why->msg);
    (void)snprintf(param, 64, "%.*s", (int)n, why->msg);
    const elcl_gen_option *option = elcl_gen_option_find(param);
    if (!option && !cli_openai_field_find(param)) {
        *param = '\0';
        return elcl_fail(err, why->code, "%s", why->msg);
    }
    if (option)
        (void)snprintf(param, 64, "%s", option->name);
    if (r->has_max_tokens && !strcmp(param, "max_new_tokens"))
        (void)snprintf(param, 64, "max_tokens");
    if ((r->n && !strcmp(param, "num_return_sequences")) ||
        (r->beams_from_n && !strcmp(param, "num_beams")))
        (void)snprintf(param, 64, "n");
    return elcl_fail(err, why->code, "%s%s", param, why->msg + n);
}
