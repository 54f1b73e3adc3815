/* GET /metrics: what the server has done and does, for Prometheus. */
#ifndef CLI_SERVE_METRICS_H
#define CLI_SERVE_METRICS_H

#include "serve/figures.h"
#include "serve/server.h"

/* The figures of a model under its name. */
struct cli_model_figures {
    const char *name;
    struct cli_figures figures;
};

/* Appends Prometheus' text format 0.0.4.
 *
 * models:     [n]
 * start_time: Unix seconds */
void cli_metrics_print(struct elcl_str *out, const struct cli_model_figures *models, size_t n,
                       const struct cli_request_counts *requests, double start_time);

void cli_serve_metrics(struct cli_server *server, struct cli_exchange *x);

#endif
