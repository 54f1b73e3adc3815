/* elcl compare: result files of elcl bench side by side, as a table, a page or charts. */
#include "common/args.h"
#include "compare/compare.h"
#include "common/sys.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum format { FORMAT_MD, FORMAT_CSV, FORMAT_JSON };

struct compare_options {
    struct cli_common_options common; /* format: enum format */
    const char *html, *svg;
};

#define FIELD(name) offsetof(struct compare_options, name)

static const struct cli_choice formats[] = {
    {"md", FORMAT_MD}, {"csv", FORMAT_CSV}, {"json", FORMAT_JSON}, {NULL, 0}};

static const struct cli_opt options_table[] = {
    CLI_OUTPUT_OPTION(FIELD(common)),
    CLI_FORMAT_OPTION(FIELD(common), "md|csv|json", formats, "form of the table (default md)"),
    {CLI_OPT_TEXT, "html", "FILE", "a page with table and charts that needs no network",
     FIELD(html), 0, 0, NULL},
    {CLI_OPT_TEXT, "svg", "DIR",
     "every chart as a file in this directory, which is made if need be", FIELD(svg), 0, 0, NULL},
    CLI_COMMON_OPTIONS(FIELD(common)),
};

/* Writes charts into a directory. */
struct svg_writer {
    const char *directory;
    elcl_error err;
};

static void write_svg(void *user, const char *name, const char *caption, const struct elcl_str *svg)
{
    struct svg_writer *w = user;
    struct elcl_str path = {0}, file = {0};
    (void)caption;
    if (w->err.code)
        return;
    if (svg->failed || !name) {
        elcl_fail_nomem(&w->err);
        return;
    }
    const char *body = strchr(svg->data, '>') + 1; /* behind <svg ...> */
    elcl_str_printf(&path, "%s/%s.svg", w->directory, name);
    elcl_str_append(&file, svg->data, (size_t)(body - svg->data));
    elcl_str_printf(&file, "\n<style>%s</style>", cli_chart_style());
    elcl_str_text(&file, body);
    if (path.failed)
        elcl_fail_nomem(&w->err);
    else
        (void)cli_sys_save(path.data, &file, &w->err);
    elcl_str_finish(&path);
    elcl_str_finish(&file);
}

static int write_outputs(const struct cli_comparison *c, const struct compare_options *o,
                         elcl_error *err)
{
    static void (*const tables[])(struct elcl_str *, const struct cli_comparison *) = {
        cli_compare_markdown, cli_compare_csv, cli_compare_json};
    struct elcl_str out = {0};
    int rc = ELCL_OK;
    if (o->html) {
        cli_compare_html(&out, c);
        rc = cli_sys_save(o->html, &out, err);
        elcl_str_finish(&out);
    }
    if (!rc && o->svg) {
        struct svg_writer writer = {.directory = o->svg};
        rc = cli_sys_make_directory(o->svg, err);
        if (rc)
            return rc;
        cli_compare_charts(c, write_svg, &writer);
        if (writer.err.code)
            *err = writer.err;
        rc = writer.err.code;
    }
    if (!rc) {
        tables[o->common.format](&out, c);
        rc = cli_sys_save(o->common.output, &out, err);
        elcl_str_finish(&out);
    }
    return rc;
}

static int run_compare(const struct compare_options *o, char **paths, int n)
{
    struct cli_comparison c = {0};
    elcl_error err = {0};
    int rc = ELCL_OK;
    for (; !rc && c.n_files < n; c.n_files += !rc)
        rc = cli_result_file_read(paths[c.n_files], c.n_files, &c.files[c.n_files], &err);
    if (!rc)
        rc = write_outputs(&c, o, &err);
    while (c.n_files > 0)
        cli_result_file_finish(&c.files[--c.n_files]);
    return rc ? cli_error(CLI_EXIT_FAILURE, "%s", err.msg) : CLI_EXIT_OK;
}

int cli_cmd_compare(int argc, char **argv)
{
    struct compare_options options = {0};
    struct cli_args args = {
        .verb = "compare",
        .use = "FILE...",
        .about = "Lays result files of elcl bench (--format json) side by side: samples per\n"
                 "second with ratios to the first file, marked + faster, - slower, = no\n"
                 "difference beyond the noise of both, ! other tokens came out.\n",
        .opts = options_table,
        .n_opts = ELCL_COUNT(options_table),
        .max_words = INT_MAX};
    int exit_code;
    if (!cli_args_begin(&args, argc, argv, &options, &exit_code))
        return exit_code;
    if (args.n_words < 1 || args.n_words > CLI_MAX_FILES)
        return cli_error(CLI_EXIT_USAGE,
                         "elcl compare takes 1 to %d result files of elcl bench, found %d",
                         CLI_MAX_FILES, args.n_words);
    return run_compare(&options, args.words, args.n_words);
}
