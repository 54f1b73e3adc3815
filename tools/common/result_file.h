/* Result files of elcl bench (--format json). */
#ifndef CLI_RESULT_FILE_H
#define CLI_RESULT_FILE_H

#include <cjson/cJSON.h>

#include "common/tool.h"
#include "elcl/measure.h"

#define CLI_BENCH_SCHEMA "elcl-bench-2"
#define CLI_BENCH_OLD_SCHEMA "elcl-bench-1" /* of 0.1: still read */

/* Two measurements of the same work may differ by this fraction, whatever their spread. */
#define CLI_LEAST_NOISE 0.05

/* One quantity over the repetitions; median 0: not measured. */
struct cli_measured {
    double median, min, max, spread;
    bool once; /* one repetition: the spread is not known */
};

/* One result. Its strings belong to the file's tree. */
struct cli_row {
    const char *model, *attention, *gemm, *kernels, *weights, *state, *status, *ids_hash;
    int batch_size, samples, num_beams, num_beam_groups, source_length, new_tokens;
    struct cli_measured rate, step_ms, first_ms; /* rate: samples per second */
    double planned_bytes, peak_bytes;
    const cJSON *kernel_times;
};

/* One file. */
struct cli_result_file {
    cJSON *tree;
    const char *path, *elcl, *commit, *date, *command;
    const char *device, *platform, *driver, *version;
    elcl_device_rates rates; /* 0: not measured */
    struct cli_row *rows;
    int n_rows;
    char letter; /* A, B, ... */
};

/* Reads and checks the file with this index. ELCL_E_FORMAT if it is no result file or has another
 * version. */
int cli_result_file_read(const char *path, int index, struct cli_result_file *file,
                         elcl_error *err);
void cli_result_file_finish(struct cli_result_file *file);

#endif
