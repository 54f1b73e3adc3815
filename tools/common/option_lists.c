#include "common/option_lists.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- settings ------------------------------------------------------------------------------ */

void cli_settings_drop(struct cli_settings *settings, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < settings->n; i++)
        if (strcmp(settings->given[i].name, name) != 0)
            settings->given[kept++] = settings->given[i];
    settings->n = kept;
}

int cli_settings_add(struct cli_settings *settings, const elcl_gen_option *option,
                     const char *value, elcl_error *err)
{
    struct cli_settings now = *settings;
    elcl_gen_options ignored;
    if (option->type != ELCL_OPTION_TEXTS)
        cli_settings_drop(&now, option->name);
    if (now.n == CLI_MAX_SETTINGS)
        return elcl_fail(err, ELCL_E_ARG, "expected at most %d decoding options, found more",
                         CLI_MAX_SETTINGS);
    now.given[now.n++] = (elcl_gen_setting){option->name, value};
    const int rc = cli_settings_read(&now, &ignored, err);
    if (!rc)
        *settings = now;
    return rc;
}

bool cli_settings_has(const struct cli_settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->n; i++)
        if (!strcmp(settings->given[i].name, name))
            return true;
    return false;
}

int cli_settings_apply(const struct cli_settings *settings, elcl_gen_options *gen,
                       elcl_gen_lists **lists, elcl_error *err)
{
    return elcl_gen_options_set_all(gen, settings->given, settings->n, lists, err);
}

int cli_settings_read(const struct cli_settings *settings, elcl_gen_options *gen, elcl_error *err)
{
    elcl_gen_lists *lists = NULL;
    *gen = (elcl_gen_options){0};
    const int rc = cli_settings_apply(settings, gen, &lists, err);
    elcl_gen_lists_destroy(&lists);
    gen->bad_words = gen->alternatives = NULL;
    gen->stop_strings = NULL;
    gen->prefix = gen->suppress_tokens = gen->begin_suppress_tokens = (elcl_tokens){NULL, 0};
    gen->n_bad_words = gen->n_alternatives = gen->n_stop_strings = 0;
    return rc;
}

/* ---- lists --------------------------------------------------------------------------------- */

/* Encodes a text without the special tokens that the model puts around it. */
static int encode_inner(const elcl_model *model, const char *text, void **memory,
                        elcl_tokens *tokens, elcl_error *err)
{
    int32_t *ids = NULL, *around = NULL;
    size_t n = 0, n_around = 0, first = 0;
    int rc = elcl_encode(model, text, strlen(text), &ids, &n, err);
    if (!rc)
        rc = elcl_encode(model, "", 0, &around, &n_around, err);
    if (!rc) {
        while (first < n_around && first < n && around[first] == ids[first])
            first++;
        const size_t last = n_around - first;
        const size_t inner = n > first + last ? n - first - last : 0;
        int32_t *copy = calloc(inner + 1, sizeof(*copy));
        if (copy)
            memcpy(copy, ids + first, inner * sizeof(*copy));
        else
            rc = elcl_fail_nomem(err);
        *memory = copy;
        *tokens = (elcl_tokens){copy, (int)inner};
    }
    elcl_free(ids);
    elcl_free(around);
    return rc;
}

int cli_option_lists_encode(struct cli_option_lists *l, const elcl_model *model,
                            elcl_gen_options *gen, elcl_error *err)
{
    return l->prefix ? encode_inner(model, l->prefix, &l->memory[0], &gen->prefix, err) : ELCL_OK;
}

int cli_option_lists_begin_prefix(struct cli_option_lists *l, int32_t token, elcl_gen_options *gen,
                                  elcl_error *err)
{
    const elcl_tokens before = gen->prefix;
    if (before.n && before.ids[0] == token)
        return ELCL_OK;
    int32_t *ids = calloc((size_t)before.n + 1, sizeof(*ids));
    if (!ids)
        return elcl_fail_nomem(err);
    ids[0] = token;
    if (before.n)
        memcpy(ids + 1, before.ids, (size_t)before.n * sizeof(*ids));
    free(l->memory[1]);
    l->memory[1] = ids;
    gen->prefix = (elcl_tokens){ids, before.n + 1};
    return ELCL_OK;
}

void cli_option_lists_share(struct cli_option_lists *lists)
{
    lists->n_kept = 0;
    lists->lists = NULL;
    memset(lists->memory, 0, sizeof(lists->memory));
}

void cli_option_lists_finish(struct cli_option_lists *lists)
{
    elcl_gen_lists_destroy(&lists->lists);
    for (size_t i = 0; i < ELCL_COUNT(lists->memory); i++)
        free(lists->memory[i]);
    for (int i = 0; i < lists->n_kept; i++)
        free(lists->kept[i]);
    cli_option_lists_share(lists);
}

int cli_option_lists_tokens(const elcl_gen_options *gen)
{
    int64_t largest = 0;
    for (int i = 0; i < gen->n_alternatives; i++)
        if (gen->alternatives[i].n > largest)
            largest = gen->alternatives[i].n;
    largest += (int64_t)gen->n_bad_words + gen->suppress_tokens.n + gen->begin_suppress_tokens.n +
               (gen->timestamp_begin_token_id > 0);
    return largest > INT_MAX ? INT_MAX : (int)largest;
}
