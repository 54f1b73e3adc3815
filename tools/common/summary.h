/* What a run did, on stderr at its end. */
#ifndef CLI_SUMMARY_H
#define CLI_SUMMARY_H

#include "common/tool.h"
#include "elcl/measure.h"

struct cli_summary {
    uint64_t samples;
    uint64_t failed;
    double start_seconds;    /* from the program's start to the engine's being ready */
    double generate_seconds; /* from there to the last line's being written */
};

/* The same of elcl score. */
void cli_summary_score(const elcl_model_info *info, const elcl_engine_stats *stats);

void cli_summary_print(const struct cli_summary *summary, const elcl_model_info *info,
                       const elcl_engine_stats *stats);

#endif
