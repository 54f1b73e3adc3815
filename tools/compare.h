/* elcl compare: result files of elcl bench side by side. */
#ifndef ELCL_TOOLS_COMPARE_H
#define ELCL_TOOLS_COMPARE_H

#include "tool.h"

#include <cjson/cJSON.h>

#define ELCL_BENCH_SCHEMA "elcl-bench-1"
#define ELCL_MAX_RUNS 8

/* One quantity over the repetitions; median 0: not measured. */
struct elcl_measured {
    double median, min, max, spread;
    bool once; /* one repetition: the spread is not known */
};

/* One result of a run. Strings are owned by the run's tree. */
struct elcl_row {
    const char *model, *attention, *weights, *state, *status, *ids_hash;
    int batch_size, num_beams, num_beam_groups, source_length, new_tokens;
    struct elcl_measured samples, step_ms, first_ms;
    double planned_bytes, peak_bytes;
    const cJSON *kernels;
};

/* One file. */
struct elcl_run {
    cJSON *tree;
    const char *path, *elcl, *commit, *date, *command;
    const char *device, *platform, *driver, *version;
    double copy_gbs, read_gbs; /* ceilings; 0: not measured */
    double mac_gflops, mac_bf16_gflops, mac_int8_gops;
    struct elcl_row *rows;
    int n_rows;
    char letter; /* A, B, ... */
};

struct elcl_comparison {
    struct elcl_run runs[ELCL_MAX_RUNS];
    int n_runs;
};

/* Reads and checks one file. One sentence when it is no result file or of another version. */
int elcl_run_read(const char *path, int index, struct elcl_run *run, elcl_error *err);
void elcl_run_finish(struct elcl_run *run);

/* The same work: all that was asked for, the variant of attention included or not. */
bool elcl_rows_agree(const struct elcl_row *a, const struct elcl_row *b, bool attention);
/* The row of `run` that did the same work as `row`, or NULL. */
const struct elcl_row *elcl_run_find(const struct elcl_run *run, const struct elcl_row *row);
/* No row of an earlier run, nor an earlier one of this run, is the same work. */
bool elcl_row_is_first(const struct elcl_comparison *c, int run, int row, bool attention);

/* '+' faster, '-' slower, '=' within the noise of both, '!' other tokens came out, ' ' nothing to
 * compare. *ratio of samples per second, 0 where there is none. Noise: the sum of both spreads. */
char elcl_row_mark(const struct elcl_row *row, const struct elcl_row *base, double *ratio);

/* Tables. */
void elcl_compare_markdown(struct elcl_bytes *out, const struct elcl_comparison *c);
void elcl_compare_csv(struct elcl_bytes *out, const struct elcl_comparison *c);
void elcl_compare_json(struct elcl_bytes *out, const struct elcl_comparison *c);
void elcl_compare_html_table(struct elcl_bytes *out, const struct elcl_comparison *c);

/* Charts: each is handed over as an <svg> element, with a name for its file and a caption (HTML).
 */
typedef void (*elcl_chart_fn)(void *user, const char *name, const char *caption,
                              const struct elcl_bytes *svg);
void elcl_compare_charts(const struct elcl_comparison *c, elcl_chart_fn take, void *user);
void elcl_compare_html(struct elcl_bytes *out, const struct elcl_comparison *c);
/* The colours of charts, for a <style> element. */
const char *elcl_chart_style(void);

/* Text for XML and HTML: markup escaped, what XML forbids replaced. */
void elcl_bytes_xml(struct elcl_bytes *out, const char *text);

#endif
