/* The summary of a finished run, on standard error. */
#ifndef CLI_SUMMARY_H
#define CLI_SUMMARY_H

#include <elcl/measure.h>

#include "common/args.h"

struct cli_summary {
    uint64_t samples;
    uint64_t failed;
    double start_seconds;    /* until the engines were ready, and their kernels compiled */
    double generate_seconds; /* from then until the last line was written */
};

/* Whether to print a summary: with --verbose; else on a terminal after a second of work, and not
 * with --quiet. */
bool cli_summary_wanted(const struct cli_common_options *common, double seconds);

/* Prints the summary of `elcl generate`. */
void cli_summary_print(const struct cli_summary *summary, const elcl_model_info *info,
                       const elcl_engine_stats *stats);
/* Prints the summary of `elcl score`. */
void cli_summary_score(const elcl_model_info *info, const elcl_engine_stats *stats);

/* A run has failed or was interrupted: prints one sentence with the cause, and where the samples
 * written so far are (`kept`, or NULL), and whether --resume can go on from there. */
void cli_report_end(const elcl_error *err, uint64_t n_written, const char *kept, bool resumable);

#endif
