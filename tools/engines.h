/* The engines of a run: one or more on each device, behind one pool. */
#ifndef ELCL_TOOLS_ENGINES_H
#define ELCL_TOOLS_ENGINES_H

#include "run_options.h"

/* Zeroed before the first use. */
struct elcl_engines {
    elcl_model *models[ELCL_MAX_LANES]; /* of each engine; first one of each device */
    int n, n_models;                    /* engines, and the models that they share */
    elcl_pool *pool;
};

/* Opens the model once for each device of --device and gives the first one's `info`; `lanes`
 * engines will be on each. `log` may be called by several threads at once after
 * elcl_engines_start(). */
int elcl_engines_open(struct elcl_engines *engines, const struct elcl_run_options *options,
                      int lanes, const char *directory, elcl_log_fn log, void *user,
                      elcl_model_info *info, elcl_error *err);
/* Creates the pool. */
int elcl_engines_start(struct elcl_engines *engines, const elcl_engine_params *params,
                       elcl_error *err);
/* Sums over the engines; seconds are those of the busiest one, and memory counts once for each
 * model. */
void elcl_engines_stats(const struct elcl_engines *engines, elcl_engine_stats *sum);
void elcl_engines_close(struct elcl_engines *engines);

#endif
