/* The decoding options of a sample in jsonl, over those of the command line. */
#include "generate/generate_options.h"
#include "common/words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

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

/* Returns the decoding option that a key names, with underscores for dashes as in Hugging Face. */
static const struct cli_opt *option_of_key(const struct cli_args *args, const char *key)
{
    const size_t first = offsetof(struct cli_generate_options, given);
    const size_t end = offsetof(struct cli_generate_options, model);
    char name[48];
    if (strlen(key) >= sizeof(name) || strchr(key, '-'))
        return NULL;
    memcpy(name, key, strlen(key) + 1);
    cli_spell_option(name);
    const struct cli_opt *opt = cli_args_find(args, name);
    return opt && opt->offset >= first && opt->offset < end ? opt : NULL;
}

/* Sets an option to a copy of the text. */
static int set_text(struct cli_generate_options *o, const struct cli_opt *opt, const char *key,
                    const char *text, elcl_error *err)
{
    elcl_error bad = {0};
    char *copy = elcl_strdup(text);
    if (!copy)
        return elcl_fail_nomem(err);
    o->lists.kept[o->lists.n_kept++] = copy; /* has room for each option and string of stop */
    if (!cli_args_set(&o->args, opt->name, copy, o, &bad))
        return ELCL_OK;
    return depth_of(cli_args_setting(opt))
               ? elcl_fail(err, ELCL_E_FORMAT, "%s", bad.msg)
               : elcl_fail(err, ELCL_E_FORMAT, "key \"%s\": %s", key, bad.msg);
}

static int fail_key(const cJSON *item, const char *expected, elcl_error *err)
{
    return elcl_fail(err, ELCL_E_FORMAT, "key \"%s\": expected %s", item->string, expected);
}

static int fail_stop(const cJSON *item, double most, elcl_error *err)
{
    return elcl_fail(err, ELCL_E_FORMAT,
                     "key \"%s\": expected a string or an array of at most %.0f strings",
                     item->string, most);
}

/* Takes a string, an array of strings, or null. */
static int take_stop(struct cli_generate_options *o, const struct cli_opt *opt, const cJSON *item,
                     elcl_error *err)
{
    const double most = cli_args_setting(opt)->max;
    const cJSON *part;
    int rc = ELCL_OK;
    if (cJSON_IsString(item))
        return set_text(o, opt, item->string, item->valuestring, err);
    if (!cJSON_IsNull(item) && (!cJSON_IsArray(item) || cJSON_GetArraySize(item) > most))
        return fail_stop(item, most, err);
    cJSON_ArrayForEach(part, item)
    {
        if (!rc)
            rc = cJSON_IsString(part) ? set_text(o, opt, item->string, part->valuestring, err)
                                      : fail_stop(item, most, err);
    }
    return rc;
}

static int take_key(struct cli_generate_options *o, const cJSON *item, elcl_error *err)
{
    const struct cli_opt *opt = option_of_key(&o->args, item->string);
    struct elcl_str text = {0};
    int rc;
    if (!opt)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "unknown key \"%.60s\": expected text, ids, id or a decoding option "
                         "such as num_beams",
                         item->string);
    const elcl_gen_option *option = cli_args_setting(opt);
    const int depth = depth_of(option);
    if (option && option->type == ELCL_OPTION_TEXTS)
        return take_stop(o, opt, item, err);
    if (cJSON_IsString(item))
        return set_text(o, opt, item->string, item->valuestring, err);
    if (opt->kind == CLI_OPT_TEXT)
        return cJSON_IsNull(item) ? ELCL_OK : fail_key(item, "a string", err);
    if (!append_value(item, depth, &text))
        rc = depth
                 ? fail_key(item,
                            depth > 1 ? "an array of arrays of token ids" : "an array of token ids",
                            err)
                 : elcl_fail(err, ELCL_E_FORMAT, "key \"%s\": expected a value as --%s takes it",
                             item->string, opt->name);
    else
        rc = text.failed ? elcl_fail_nomem(err) : set_text(o, opt, item->string, text.data, err);
    elcl_str_finish(&text);
    return rc;
}

static bool has(const cJSON *json, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(json, key) != NULL;
}

/* Forgets an option of the command line. */
static void forget(struct cli_generate_options *o, const char *name)
{
    const struct cli_opt *opt = cli_args_find(&o->args, name);
    o->args.seen[opt - o->args.opts] = false;
    cli_settings_drop(&o->given, cli_args_setting(opt)->name);
}

/* An option of the sample also replaces the one that says the same in another way. */
static void replace_all(struct cli_generate_options *o, const cJSON *json)
{
    if (has(json, "max_length"))
        forget(o, "max-new-tokens");
    if (has(json, "min_length"))
        forget(o, "min-new-tokens");
    if (has(json, "do_sample"))
        o->no_sample = 0;
    if (has(json, "decoder_prefix") || has(json, "decoder_prefix_ids")) {
        forget(o, "decoder-prefix-ids");
        o->lists.prefix = NULL;
    }
    if (has(json, "stop"))
        forget(o, "stop");
}

int cli_generate_override(const struct cli_generate_options *base, const struct cli_parsed *sample,
                          struct cli_generate_options **own, elcl_error *err)
{
    const cJSON *item;
    bool any = false;
    int rc = ELCL_OK;
    *own = NULL;
    if (!sample->json)
        return ELCL_OK;
    struct cli_generate_options *o = malloc(sizeof(*o));
    if (!o)
        return elcl_fail_nomem(err);
    *o = *base;
    cli_option_lists_share(&o->lists);
    replace_all(o, sample->json);
    cJSON_ArrayForEach(item, sample->json)
    {
        if (rc || cli_input_is_own_key(item->string))
            continue;
        any = true;
        rc = take_key(o, item, err);
    }
    if (!rc && any)
        rc = cli_generate_check_style(o, err);
    if (rc || !any)
        cli_generate_override_free(&o);
    *own = o;
    return rc;
}

void cli_generate_override_free(struct cli_generate_options **own)
{
    if (*own)
        cli_option_lists_finish(&(*own)->lists);
    free(*own);
    *own = NULL;
}
