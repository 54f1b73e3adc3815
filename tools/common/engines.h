/* The engines of a run: one or more on each device, behind one pool. */
#ifndef CLI_ENGINES_H
#define CLI_ENGINES_H

#include "common/run_options.h"
#include "elcl/measure.h"

/* Zeroed before the first use. */
struct cli_engines {
    elcl_model *models[ELCL_MAX_ENGINES]; /* of each engine; first one of each device */
    int n, n_models;                      /* engines, and the models that they share */
    elcl_pool *pool;
};

/* Opens the model once for each device of --device and gives the first one's `info`; `per_device`
 * engines will be on each. `log` may be called by several threads at once after
 * cli_engines_start(). */
int cli_engines_open(struct cli_engines *engines, const struct cli_run_options *options,
                     int per_device, const char *directory, elcl_log_fn log, void *user,
                     elcl_model_info *info, elcl_error *err);
/* Creates the pool. */
int cli_engines_start(struct cli_engines *engines, const elcl_engine_params *params,
                      elcl_error *err);
/* Sums over the engines; seconds are those of the busiest one, and memory counts once for each
 * model. */
void cli_engines_stats(const struct cli_engines *engines, elcl_engine_stats *sum);
void cli_engines_close(struct cli_engines *engines);

#endif
