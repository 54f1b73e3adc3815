/* The engines of a generation: one or more on each device, in one pool. */
#ifndef CLI_ENGINES_H
#define CLI_ENGINES_H

#include <elcl/measure.h>

#include "common/model_options.h"

/* Zeroed before the first use. */
struct cli_engines {
    elcl_model *models[ELCL_MAX_ENGINES]; /* of each engine; first one of each device */
    int n, n_models;                      /* engines, and the models that they share */
    elcl_pool *pool;
};

/* Opens the model once for each device of --device, for `per_device` engines on each, and gives the
 * first one's `info`. Several threads may call `log` at once after cli_engines_start(). */
int cli_engines_open(struct cli_engines *engines, const struct cli_model_options *options,
                     int per_device, const char *model_name, elcl_log_fn log, void *user,
                     elcl_model_info *info, elcl_error *err);
/* Creates the pool. */
int cli_engines_start(struct cli_engines *engines, const elcl_engine_params *params,
                      elcl_error *err);
/* Adds up the engines' statistics. Seconds are those of the busiest engine or device, and each
 * model's memory counts once. */
void cli_engines_stats(const struct cli_engines *engines, elcl_engine_stats *sum);
void cli_engines_close(struct cli_engines *engines);

#endif
