/* Options of the library's table: `num_beams` there is --num-beams here. */
#include "common/args.h"
#include "common/words.h"

#include <string.h>

const elcl_gen_option *cli_args_setting(const struct cli_opt *opt)
{
    char name[64];
    size_t n = 0;
    if (opt->kind != CLI_OPT_SETTING && opt->kind != CLI_OPT_SETTING_FLAG)
        return NULL;
    for (const char *c = opt->name; *c && n < sizeof(name) - 1; c++)
        name[n++] = *c == '-' ? '_' : *c;
    name[n] = '\0';
    return elcl_gen_option_find(name);
}

const char *cli_args_form(const struct cli_opt *opt)
{
    return opt->kind == CLI_OPT_SETTING ? cli_args_setting(opt)->form : opt->value;
}

/* Appends a word of the library's help. */
static void add_word(const char *word, size_t n, struct elcl_str *help)
{
    char name[64];
    if (n < sizeof(name) && memchr(word, '_', n)) {
        memcpy(name, word, n);
        name[n] = '\0';
        if (elcl_gen_option_find(name)) {
            cli_spell_option(name);
            elcl_str_printf(help, "--%s", name);
            return;
        }
    }
    elcl_str_append(help, word, n);
}

void cli_args_describe(const struct cli_opt *opt, struct elcl_str *help)
{
    const char *at = opt->help;
    if (at) {
        elcl_str_text(help, at);
        return;
    }
    for (at = cli_args_setting(opt)->help; *at;) {
        const size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyz_");
        add_word(at, n ? n : 1, help);
        at += n ? n : 1;
    }
}
