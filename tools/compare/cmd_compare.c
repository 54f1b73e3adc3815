/* elcl compare: result files of elcl bench side by side, as a table, a page or charts. */
#include "common/args.h"
#include "common/output.h"
#include "common/sys.h"
#include "compare/compare.h"

#include <limits.h>
#include <string.h>

struct compare_options {
    struct cli_common_options common; /* format: enum cli_format */
    const char *html, *svg;
};

#define FIELD(name) offsetof(struct compare_options, name)

static const struct cli_choice formats[] = {{"md", CLI_FORMAT_MD},
                                            {"csv", CLI_FORMAT_CSV},
                                            {"json", CLI_FORMAT_JSON},
                                            {"html", CLI_FORMAT_HTML},
                                            {NULL, 0}};

static const struct cli_opt options_table[] = {
    CLI_OUTPUT_OPTION(FIELD(common)),
    CLI_FORMAT_OPTION(FIELD(common), "md|csv|json|html", formats,
                      "form of the comparison (default md); html: a page with table and charts "
                      "that needs no network"),
    CLI_ROW_TEXT("svg", "DIR", svg,
                 "also write every chart to a file in DIR, created if necessary"),
    CLI_ROW_TEXT("html", "FILE", html, NULL), /* as in version 0.1: the page beside the table */
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
    const char *body = strchr(svg->data, '>') + 1; /* after <svg ...> */
    elcl_str_printf(&path, "%s/%s.svg", w->directory, name);
    elcl_str_append(&file, svg->data, (size_t)(body - svg->data));
    elcl_str_printf(&file, "\n<style>%s</style>", cli_chart_style());
    elcl_str_text(&file, body);
    if (path.failed)
        elcl_fail_nomem(&w->err);
    else
        (void)cli_output_save(path.data, &file, &w->err);
    elcl_str_finish(&path);
    elcl_str_finish(&file);
}

static int write_charts(const struct cli_comparison *c, const char *directory, elcl_error *err)
{
    struct svg_writer writer = {.directory = directory};
    const int rc = cli_sys_make_directory(directory, err);
    if (rc)
        return rc;
    cli_compare_charts(c, write_svg, &writer);
    if (writer.err.code)
        *err = writer.err;
    return writer.err.code;
}

static int write_form(const struct cli_comparison *c, enum cli_format format, const char *path,
                      elcl_error *err)
{
    struct elcl_str out = {0};
    if (format == CLI_FORMAT_CSV)
        cli_compare_csv(&out, c);
    else if (format == CLI_FORMAT_JSON)
        cli_compare_json(&out, c);
    else if (format == CLI_FORMAT_HTML)
        cli_compare_html(&out, c);
    else
        cli_compare_markdown(&out, c);
    const int rc = cli_output_save(path, &out, err);
    elcl_str_finish(&out);
    return rc;
}

static int run_compare(const struct compare_options *o, char **paths, int n)
{
    struct cli_comparison c = {0};
    elcl_error err = {0};
    int rc = ELCL_OK;
    for (; !rc && c.n_files < n; c.n_files += !rc)
        rc = cli_result_file_read(paths[c.n_files], c.n_files, &c.files[c.n_files], &err);
    if (!rc && o->html)
        rc = write_form(&c, CLI_FORMAT_HTML, o->html, &err);
    if (!rc && o->svg)
        rc = write_charts(&c, o->svg, &err);
    if (!rc)
        rc = write_form(&c, (enum cli_format)o->common.format, o->common.output, &err);
    while (c.n_files > 0)
        cli_result_file_finish(&c.files[--c.n_files]);
    if (rc == ELCL_E_INTERRUPTED)
        return CLI_EXIT_SIGNAL + cli_sys_interrupted();
    return rc ? cli_error(CLI_EXIT_FAILURE, "%s", err.msg) : CLI_EXIT_OK;
}

int cli_cmd_compare(int argc, char **argv)
{
    struct compare_options options = {.common.format = CLI_FORMAT_MD};
    struct cli_args args = {
        .verb = "compare",
        .use = "FILE...",
        .about = "Puts up to eight result files of elcl bench (--format json) side by side:\n"
                 "samples per second and the ratio to the first file, marked + for faster,\n"
                 "- for slower, = for a difference within the noise of both, ! for other tokens.\n",
        .examples = "  elcl compare before.json after.json --format html --output page.html\n",
        .opts = options_table,
        .n_opts = ELCL_COUNT(options_table),
        .max_words = INT_MAX};
    int exit_code;
    if (!cli_args_begin(&args, argc, argv, &options, &exit_code))
        return exit_code;
    if (args.n_words < 1 || args.n_words > CLI_MAX_FILES)
        return cli_error(CLI_EXIT_USAGE, "expected 1 to %d result files of elcl bench, found %d",
                         CLI_MAX_FILES, args.n_words);
    return run_compare(&options, args.words, args.n_words);
}
