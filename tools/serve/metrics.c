#include "serve/metrics.h"

#include "common/tool.h"

/* ---- the format ----------------------------------------------------------------------------- */

static void print_header(struct elcl_str *out, const char *name, const char *type, const char *help)
{
    elcl_str_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Appends label="value". */
static void print_label(struct elcl_str *out, const char *label, const char *value)
{
    elcl_str_printf(out, "%s=\"", label);
    for (; *value; value++) {
        if (*value == '\n')
            elcl_str_text(out, "\\n");
        else if (*value == '\\' || *value == '"')
            elcl_str_printf(out, "\\%c", *value);
        else
            elcl_str_append(out, value, 1);
    }
    elcl_str_text(out, "\"");
}

/* ---- models --------------------------------------------------------------------------------- */

enum kind { WHOLE, INT, NUMBER };

struct metric {
    const char *name, *type, *help;
    const char *outcome; /* a label, or NULL */
    enum kind kind;
    size_t offset; /* in struct cli_figures */
};

#define AT(field) offsetof(struct cli_figures, field)

/* clang-format off */
static const struct metric metrics[] = {
    /* Rows of one name stand together. */
    {"elcl_requests_total", "counter", "Prompts that ended.", "finished", WHOLE, AT(results)},
    {"elcl_requests_total", "counter", "", "cancelled", WHOLE, AT(cancelled)},
    {"elcl_requests_total", "counter", "", "failed", WHOLE, AT(failed)},
    {"elcl_refused_total", "counter", "HTTP requests that found the queue full.",
     NULL, WHOLE, AT(busy)},
    {"elcl_late_total", "counter", "HTTP requests that took longer than --time-limit.",
     NULL, WHOLE, AT(late)},
    {"elcl_engine_failures_total", "counter", "Failures of the engines.", NULL, WHOLE,
     AT(failures)},
    {"elcl_source_tokens_total", "counter", "Tokens of the prompts that finished.", NULL, WHOLE,
     AT(source_tokens)},
    {"elcl_output_tokens_total", "counter", "Tokens generated for them, of all their outputs.",
     NULL, WHOLE, AT(output_tokens)},
    {"elcl_steps_total", "counter", "Decoding steps.", NULL, WHOLE, AT(steps)},
    {"elcl_rows_total", "counter", "Hypotheses in these steps.", NULL, WHOLE, AT(rows)},
    {"elcl_step_seconds_total", "counter", "Time in these steps, of all engines together.", NULL,
     NUMBER, AT(step_seconds)},
    {"elcl_requests_in_flight", "gauge", "Prompts in the batches.", NULL, WHOLE, AT(in_flight)},
    {"elcl_batch_size", "gauge", "The most prompts that the batches hold.", NULL, INT,
     AT(batch_size)},
    {"elcl_requests_waiting", "gauge", "Prompts that wait for a place in a batch.", NULL, WHOLE,
     AT(waiting)},
    {"elcl_queue_limit", "gauge", "The most prompts that may wait.", NULL, INT, AT(queue)},
    {"elcl_engines", "gauge", "Working engines.", NULL, INT, AT(engines)},
    {"elcl_weight_bytes", "gauge", "Weights on the devices.", NULL, WHOLE, AT(weight_bytes)},
    {"elcl_state_bytes", "gauge", "Other buffers of the engines, as planned.", NULL, WHOLE,
     AT(state_bytes)},
    {"elcl_live_bytes", "gauge", "All buffers on the devices now.", NULL, WHOLE, AT(live_bytes)},
    {"elcl_peak_bytes", "gauge", "The highest elcl_live_bytes so far.", NULL, WHOLE,
     AT(peak_bytes)},
};

static const struct {
    const char *name, *help;
    size_t offset;
} histograms[] = {
    {"elcl_queued_seconds", "From a prompt's arrival to its first step.", AT(queued)},
    {"elcl_first_token_seconds", "From a prompt's arrival to its first token.", AT(first_token)},
    {"elcl_total_seconds", "From a prompt's arrival to the end of its outputs.", AT(total)},
};
/* clang-format on */

static void print_value(struct elcl_str *out, const struct metric *m, const void *at)
{
    if (m->kind == NUMBER)
        elcl_str_printf(out, "%.9g\n", *(const double *)at);
    else if (m->kind == INT)
        elcl_str_printf(out, "%d\n", *(const int *)at);
    else
        elcl_str_printf(out, "%llu\n", (unsigned long long)*(const uint64_t *)at);
}

static void print_metric(struct elcl_str *out, const struct metric *m,
                         const struct cli_model_figures *models, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        elcl_str_printf(out, "%s{", m->name);
        print_label(out, "model", models[i].name);
        if (m->outcome)
            elcl_str_printf(out, ",outcome=\"%s\"", m->outcome);
        elcl_str_text(out, "} ");
        print_value(out, m, (const char *)&models[i].figures + m->offset);
    }
}

static void print_histogram(struct elcl_str *out, const char *name, const char *model,
                            const struct cli_histogram *h)
{
    uint64_t below = 0;
    for (int i = 0; i <= CLI_N_BUCKETS; i++) {
        below += h->buckets[i];
        elcl_str_printf(out, "%s_bucket{", name);
        print_label(out, "model", model);
        if (i < CLI_N_BUCKETS)
            elcl_str_printf(out, ",le=\"%g\"} ", cli_bucket_seconds[i]);
        else
            elcl_str_text(out, ",le=\"+Inf\"} ");
        elcl_str_printf(out, "%llu\n", (unsigned long long)below);
    }
    elcl_str_printf(out, "%s_sum{", name);
    print_label(out, "model", model);
    elcl_str_printf(out, "} %.9g\n%s_count{", h->sum, name);
    print_label(out, "model", model);
    elcl_str_printf(out, "} %llu\n", (unsigned long long)below);
}

static void print_models(struct elcl_str *out, const struct cli_model_figures *models, size_t n)
{
    for (size_t m = 0; m < ELCL_COUNT(metrics); m++) {
        if (*metrics[m].help)
            print_header(out, metrics[m].name, metrics[m].type, metrics[m].help);
        print_metric(out, &metrics[m], models, n);
    }
    for (size_t h = 0; h < ELCL_COUNT(histograms); h++) {
        print_header(out, histograms[h].name, "histogram", histograms[h].help);
        for (size_t i = 0; i < n; i++)
            print_histogram(
                out, histograms[h].name, models[i].name,
                (const void *)((const char *)&models[i].figures + histograms[h].offset));
    }
}

/* ---- the server ----------------------------------------------------------------------------- */

/* Routes without requests are left out. */
static void print_requests(struct elcl_str *out, const struct cli_request_counts *requests)
{
    print_header(out, "elcl_http_requests_total", "counter",
                 "Requests over HTTP; status 499: the client left before the answer was complete.");
    for (size_t route = 0; route <= CLI_NO_ROUTE; route++)
        for (int i = 0; i < CLI_COUNTED_STATUSES; i++) {
            const uint64_t n = requests->n[route][i];
            const int status = cli_counted_statuses[i];
            if (!n)
                continue;
            elcl_str_printf(out, "elcl_http_requests_total{method=\"%s\",path=\"%s\",",
                            route < CLI_NO_ROUTE ? requests->methods[route] : "",
                            route < CLI_NO_ROUTE ? requests->paths[route] : "");
            if (status)
                elcl_str_printf(out, "status=\"%d\"} ", status);
            else
                elcl_str_text(out, "status=\"other\"} ");
            elcl_str_printf(out, "%llu\n", (unsigned long long)n);
        }
}

void cli_metrics_print(struct elcl_str *out, const struct cli_model_figures *models, size_t n,
                       const struct cli_request_counts *requests, double start_time)
{
    print_header(out, "elcl_build_info", "gauge", "1, with the version as a label.");
    elcl_str_printf(out, "elcl_build_info{version=\"%s\"} 1\n", elcl_version());
    print_header(out, "process_start_time_seconds", "gauge", "When the server started, Unix time.");
    elcl_str_printf(out, "process_start_time_seconds %.3f\n", start_time);
    print_requests(out, requests);
    print_models(out, models, n);
}

void cli_serve_metrics(struct cli_server *server, struct cli_exchange *x)
{
    const size_t n = server->models.n;
    struct cli_model_figures *models = elcl_calloc(n, sizeof(*models));
    struct elcl_str body = {.failed = !models};
    for (size_t i = 0; models && i < n; i++) {
        models[i].name = server->models.items[i].name;
        cli_served_figures(&server->models.items[i], &models[i].figures);
    }
    if (models)
        cli_metrics_print(&body, models, n, &server->requests, server->start_time);
    elcl_free(models);
    cli_exchange_reply(x, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
}
