/* elcl compare: result files of elcl bench side by side. */
#ifndef CLI_COMPARE_H
#define CLI_COMPARE_H

#include "common/tool.h"

#include <cjson/cJSON.h>

#define CLI_BENCH_SCHEMA "elcl-bench-1"
#define CLI_MAX_FILES 8

/* One quantity over the repetitions; median 0: not measured. */
struct cli_measured {
    double median, min, max, spread;
    bool once; /* one repetition: the spread is not known */
};

/* One result. Its strings belong to the file's tree. */
struct cli_row {
    const char *model, *attention, *weights, *state, *status, *ids_hash;
    int batch_size, num_beams, num_beam_groups, source_length, new_tokens;
    struct cli_measured samples, step_ms, first_ms;
    double planned_bytes, peak_bytes;
    const cJSON *kernels;
};

/* One file. */
struct cli_result_file {
    cJSON *tree;
    const char *path, *elcl, *commit, *date, *command;
    const char *device, *platform, *driver, *version;
    double copy_gbs, read_gbs; /* ceilings; 0: not measured */
    double mac_gflops, mac_bf16_gflops, mac_int8_gops;
    struct cli_row *rows;
    int n_rows;
    char letter; /* A, B, ... */
};

struct cli_comparison {
    struct cli_result_file files[CLI_MAX_FILES];
    int n_files;
};

/* Reads and checks one file. One sentence when it is no result file or of another version. */
int cli_result_file_read(const char *path, int index, struct cli_result_file *file,
                         elcl_error *err);
void cli_result_file_finish(struct cli_result_file *file);

/* The same work: all that was asked for, the variant of attention included or not. */
bool cli_rows_agree(const struct cli_row *a, const struct cli_row *b, bool attention);
/* The row of `file` that did the same work as `row`, or NULL. */
const struct cli_row *cli_result_file_find(const struct cli_result_file *file,
                                           const struct cli_row *row);
/* No row of an earlier file, nor an earlier one of this file, is the same work. */
bool cli_row_is_first(const struct cli_comparison *c, int file, int row, bool attention);

/* '+' faster, '-' slower, '=' within the noise of both, '!' other tokens came out, ' ' nothing to
 * compare. *ratio of samples per second, 0 where there is none. Noise: the sum of both spreads. */
char cli_row_mark(const struct cli_row *row, const struct cli_row *base, double *ratio);

/* Tables. */
void cli_compare_markdown(struct elcl_str *out, const struct cli_comparison *c);
void cli_compare_csv(struct elcl_str *out, const struct cli_comparison *c);
void cli_compare_json(struct elcl_str *out, const struct cli_comparison *c);
void cli_compare_html_table(struct elcl_str *out, const struct cli_comparison *c);

/* Charts: each is handed over as an <svg> element, with a name for its file and a caption (HTML).
 */
typedef void (*cli_chart_fn)(void *user, const char *name, const char *caption,
                             const struct elcl_str *svg);
void cli_compare_charts(const struct cli_comparison *c, cli_chart_fn take, void *user);
void cli_compare_html(struct elcl_str *out, const struct cli_comparison *c);
/* The colors of charts, for a <style> element. */
const char *cli_chart_style(void);

/* Text for XML and HTML: markup escaped, what XML forbids replaced. */
void cli_xml_text(struct elcl_str *out, const char *text);

#endif
