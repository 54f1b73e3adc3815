/* The help of a verb. */
#include "common/args.h"

#include <stdio.h>
#include <string.h>

#define HELP_COLUMN 29
#define HELP_WIDTH 80

void cli_str_wrapped(struct elcl_str *out, const char *text, int column, int indent)
{
    bool first = true;
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (!first && column + 1 + n > HELP_WIDTH - 1) {
            elcl_str_printf(out, "\n%*s", indent, "");
            column = indent;
            first = true;
        }
        elcl_str_printf(out, "%s%.*s", first ? "" : " ", n, text);
        column += n + !first;
        first = false;
        text += n;
        text += strspn(text, " ");
    }
    elcl_str_text(out, "\n");
}

static const char *short_name(const struct cli_opt *opt)
{
    if (opt->kind == CLI_OPT_HELP)
        return "-h, ";
    if (opt->kind == CLI_OPT_VERSION)
        return "-V, ";
    return strcmp(opt->name, "output") ? "" : "-o, ";
}

static void add_option(struct elcl_str *out, const struct cli_opt *opt)
{
    if (opt->kind == CLI_OPT_GROUP) {
        elcl_str_printf(out, "\n%s\n", opt->help);
        return;
    }
    if (!opt->help && !cli_args_setting(opt)) /* an old spelling */
        return;
    struct elcl_str help = {0};
    const char *form = cli_args_form(opt);
    const size_t before = out->n;
    elcl_str_printf(out, "  %s--%s%s%s", short_name(opt), opt->name, form ? " " : "",
                    form ? form : "");
    int n = (int)(out->n - before);
    if (n + 2 > HELP_COLUMN) {
        elcl_str_text(out, "\n");
        n = 0;
    }
    elcl_str_printf(out, "%*s", HELP_COLUMN - n, "");
    cli_args_describe(opt, &help);
    cli_str_wrapped(out, help.data ? help.data : "", HELP_COLUMN, HELP_COLUMN);
    elcl_str_finish(&help);
}

/* Wraps paragraphs, which have an empty line between two. */
static void add_paragraphs(struct elcl_str *out, const char *text)
{
    struct elcl_str paragraph = {0};
    for (; *text; text++) {
        const bool ends = *text == '\n' && (text[1] == '\n' || !text[1]);
        if (!ends)
            elcl_str_append(&paragraph, *text == '\n' ? " " : text, 1);
        if (!ends && text[1])
            continue;
        cli_str_wrapped(out, paragraph.data ? paragraph.data : "", 0, 0);
        elcl_str_finish(&paragraph);
        if (text[1] == '\n' && text[2])
            elcl_str_text(out, "\n");
        text += ends && text[1] == '\n';
    }
}

void cli_args_print_help(const struct cli_args *args)
{
    struct elcl_str out = {0};
    elcl_str_printf(&out, "Usage: elcl %s [OPTION...]%s%s\n\n", args->verb, *args->use ? " " : "",
                    args->use);
    add_paragraphs(&out, args->about);
    if (args->opts[0].kind != CLI_OPT_GROUP)
        elcl_str_text(&out, "\nOptions:\n");
    for (size_t i = 0; i < args->n_opts; i++)
        add_option(&out, &args->opts[i]);
    if (args->examples)
        elcl_str_printf(&out, "\nExamples:\n%s", args->examples);
    fputs(out.failed ? "" : out.data, stdout);
    elcl_str_finish(&out);
}
