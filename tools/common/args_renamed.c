/* Options of version 0.1 that have new names. A row stays for one release. */
#include "common/args.h"

#include <string.h>

static const struct renamed {
    const char *verb; /* NULL: every verb that has the new option */
    const char *old, *option;
    const char *value; /* what the old flag stands for, or NULL */
    bool words;        /* the old name lives on: only a value that is one of the option's words */
} rows[] = {
    {NULL, "lanes", "engines", NULL, false},       {NULL, "products", "compute", NULL, false},
    {"generate", "profile", "trace", NULL, false}, {"bench", "output-file", "output", NULL, false},
    {"bench", "output", "format", NULL, true},     {"plan", "output", "format", NULL, true},
    {"devices", "json", "format", "json", false},  {"selftest", "json", "format", "json", false},
};

static const struct cli_opt *option_of(const struct cli_args *args, const char *name)
{
    for (size_t i = 0; i < args->n_opts; i++)
        if (args->opts[i].name && !strcmp(args->opts[i].name, name))
            return &args->opts[i];
    return NULL;
}

const struct cli_opt *cli_args_renamed(const struct cli_args *args, const char *name, size_t n,
                                       const char *value, const char **fixed)
{
    int ignored;
    for (size_t i = 0; i < ELCL_COUNT(rows); i++) {
        const struct renamed *row = &rows[i];
        if (strlen(row->old) != n || memcmp(row->old, name, n) ||
            (row->verb && strcmp(row->verb, args->verb) != 0))
            continue;
        const struct cli_opt *opt = option_of(args, row->option);
        if (!opt || (row->words && !(value && cli_find_choice(opt->choices, value, &ignored))))
            continue;
        *fixed = row->value;
        return opt;
    }
    return NULL;
}
