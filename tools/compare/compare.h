/* elcl compare: result files of elcl bench side by side. */
#ifndef CLI_COMPARE_H
#define CLI_COMPARE_H

#include "common/result_file.h"

#define CLI_MAX_FILES 8

struct cli_comparison {
    struct cli_result_file files[CLI_MAX_FILES];
    int n_files;
};

/* Returns whether two results are the same work: everything but the device and the driver. Without
 * `attention`, the variant of attention and the batch may differ. */
bool cli_rows_agree(const struct cli_row *a, const struct cli_row *b, bool attention);
/* Returns the row of `file` with the same work as `row`, or NULL. */
const struct cli_row *cli_row_find(const struct cli_result_file *file, const struct cli_row *row);

/* A place in the rows of all files; {0} is the beginning. */
struct cli_row_cursor {
    int file, row;
};
/* Returns the next row whose work no earlier row has, or NULL after the last one. */
const struct cli_row *cli_row_next(const struct cli_comparison *c, bool attention,
                                   struct cli_row_cursor *at);

/* Returns '+' for faster, '-' for slower, '=' for a difference within the noise of both (the sum of
 * both spreads), '!' for other tokens, ' ' if there is nothing to compare. *ratio is that of
 * samples per second, 0 if there is none. */
char cli_row_mark(const struct cli_row *row, const struct cli_row *base, double *ratio);

/* Append the comparison in a form. */
void cli_compare_markdown(struct elcl_str *out, const struct cli_comparison *c);
void cli_compare_csv(struct elcl_str *out, const struct cli_comparison *c);
void cli_compare_json(struct elcl_str *out, const struct cli_comparison *c);
void cli_compare_html(struct elcl_str *out, const struct cli_comparison *c);
void cli_compare_html_table(struct elcl_str *out, const struct cli_comparison *c);

/* Takes a chart: an <svg> element, a name for its file and a caption in HTML. */
typedef void (*cli_chart_fn)(void *user, const char *name, const char *caption,
                             const struct elcl_str *svg);
void cli_compare_charts(const struct cli_comparison *c, cli_chart_fn take, void *user);
/* Returns the colors of charts, for a <style> element. */
const char *cli_chart_style(void);

/* Appends text for XML and HTML: escapes markup, replaces what XML forbids. */
void cli_xml_text(struct elcl_str *out, const char *text);

#endif
