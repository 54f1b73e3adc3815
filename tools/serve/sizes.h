/* How large the engines of a server are: its clients come later, so that nothing can grow. */
#ifndef CLI_SIZES_H
#define CLI_SIZES_H

#include "common/engines.h"

/* An automatic batch has at least so many requests, if they fit, and at most so many on a CPU: more
 * are hardly faster there and take memory all the time. */
#define CLI_LEAST_BATCH 32
#define CLI_MOST_BATCH_CPU 64
#define CLI_LEAST_BEAMS 4
#define CLI_LEAST_TARGET 256

/* As in elcl_engine_params; 0: automatic. */
struct cli_sizes {
    int batch_size, max_beams, max_source, max_target, max_lists;
};

/* What else takes memory of the devices. */
struct cli_sharers {
    uint64_t weight_bytes; /* of all models, each device has these */
    int engines;           /* of all models, on each device */
};

/* Chooses what is not given, and checks what is.
 *
 * beams:  at least the model's own.
 * source: elcl_model_info.default_length.
 * target: the model's own length and room for more, within its positions.
 * lists:  what the model's own need, and as many.
 * batch:  enough for a busy device, and at most the engine's share of half of the memory that the
 *         weights leave.
 *
 * path: the model, as the command line names it. */
int cli_sizes_choose(const struct cli_sizes *given, const struct cli_engines *engines,
                     const elcl_model_info *info, const struct cli_model_options *options,
                     const struct cli_sharers *sharers, const char *path, elcl_engine_params *sizes,
                     elcl_error *err);

#endif
