/* The decoding options of a sample in jsonl, over those of the command line. */
#include "generate/generate_options.h"
#include "common/gen_json.h"
#include "common/words.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

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

static bool is_list(const elcl_gen_option *option)
{
    return option &&
           (option->type == ELCL_OPTION_TOKENS || option->type == ELCL_OPTION_TOKEN_LISTS);
}

/* An option that a key sets. */
struct target {
    struct cli_generate_options *o;
    const struct cli_opt *opt;
    const char *key;
};

/* Sets an option to a copy of the text; `user` is the target. */
static int set_text(void *user, const char *text, elcl_error *err)
{
    const struct target *to = user;
    elcl_error bad = {0};
    char *copy = elcl_strdup(text);
    if (!copy)
        return elcl_fail_nomem(err);
    /* There is room for each option and string of stop. */
    to->o->lists.kept[to->o->lists.n_kept++] = copy;
    if (!cli_args_set(&to->o->args, to->opt->name, copy, to->o, &bad))
        return ELCL_OK;
    return is_list(cli_args_setting(to->opt))
               ? elcl_fail(err, ELCL_E_FORMAT, "%s", bad.msg)
               : elcl_fail(err, ELCL_E_FORMAT, "key \"%s\": %s", to->key, bad.msg);
}

/* Refuses a value of the wrong type. */
static int fail_value(const struct target *to, const elcl_error *why, elcl_error *err)
{
    const elcl_gen_option *option = cli_args_setting(to->opt);
    if (why->code == ELCL_E_FORMAT && !is_list(option) &&
        (!option || option->type != ELCL_OPTION_TEXTS))
        return elcl_fail(err, ELCL_E_FORMAT, "key \"%s\": expected a value as --%s takes it",
                         to->key, to->opt->name);
    return elcl_fail(err, why->code, "key \"%s\": %s", to->key, why->msg);
}

static int take_key(struct cli_generate_options *o, const cJSON *item, elcl_error *err)
{
    struct target to = {o, option_of_key(&o->args, item->string), item->string};
    elcl_error why = {0};
    if (!to.opt)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "unknown key \"%.60s\": expected text, ids, id or a decoding option "
                         "such as num_beams",
                         item->string);
    if (to.opt->kind == CLI_OPT_TEXT && cJSON_IsNull(item))
        return ELCL_OK;
    if (to.opt->kind == CLI_OPT_TEXT && !cJSON_IsString(item))
        return elcl_fail(err, ELCL_E_FORMAT, "key \"%s\": expected a string", to.key);
    const elcl_gen_option *option = cli_args_setting(to.opt);
    return cli_gen_json_check(option, item, &why)
               ? fail_value(&to, &why, err)
               : cli_gen_json_each(option, item, set_text, &to, err);
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
