/* The settings of a request, whose texts it keeps. */
#include "serve/openai_request.h"

#include <stdio.h>

char *cli_openai_keep(struct cli_openai_request *r, const char *text, elcl_error *err)
{
    struct cli_option_lists *l = &r->lists;
    if (l->n_kept == CLI_MAX_SETTINGS) {
        elcl_fail(err, ELCL_E_ARG, "expected at most %d options, found more", CLI_MAX_SETTINGS);
        return NULL;
    }
    char *copy = elcl_strdup(text);
    if (copy)
        l->kept[l->n_kept++] = copy;
    else
        elcl_fail_nomem(err);
    return copy;
}

int cli_openai_add(struct cli_openai_request *r, const elcl_gen_option *option, const char *value,
                   elcl_error *err)
{
    elcl_error why = {0};
    const char *copy = cli_openai_keep(r, value, &why);
    return copy && !cli_settings_add(&r->given, option, copy, &why)
               ? ELCL_OK
               : elcl_fail(err, why.code, "%s", why.msg);
}

int cli_openai_set(struct cli_openai_request *request, const char *name, const char *value,
                   elcl_error *err)
{
    return cli_openai_add(request, elcl_gen_option_find(name), value, err);
}

int cli_openai_set_int(struct cli_openai_request *request, const char *name, int value,
                       elcl_error *err)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%d", value);
    return cli_openai_set(request, name, text, err);
}
