/* elcl bench: speed and memory over lists of parameters. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "sys.h"
#include "trace.h"
#include "words.h"

static int open_run(struct elcl_bench_run *run, int argc, char **argv, elcl_error *err)
{
    struct elcl_bytes command = {0};
    const time_t now = time(NULL);
    const struct tm *utc = gmtime(&now);
    int index = 0;
    elcl_bytes_text(&command, "elcl");
    for (int i = 0; i < argc; i++)
        elcl_bytes_printf(&command, strchr(argv[i], ' ') ? " '%s'" : " %s", argv[i]);
    if (command.failed || !utc) {
        elcl_bytes_finish(&command);
        return elcl_tool_nomem(err);
    }
    run->command = command.data;
    (void)strftime(run->date, sizeof(run->date), "%Y-%m-%dT%H:%M:%SZ", utc);
    int rc = elcl_device_list_create(&run->devices, err);
    if (!rc)
        rc = elcl_device_list_find(run->devices, run->options->device, &index, err);
    if (!rc) {
        run->device = elcl_device_list_get(run->devices, index);
        rc = elcl_measure_ceilings(run->options->device, &run->ceilings, err);
    }
    return rc;
}

static void close_run(struct elcl_bench_run *run)
{
    for (size_t i = 0; i < run->n; i++)
        free(run->results[i].kernels);
    free(run->results);
    free(run->command);
    elcl_bytes_finish(&run->trace);
    elcl_device_list_destroy(&run->devices);
}

static void tell(const struct elcl_bench_run *run, size_t i, size_t n,
                 const struct elcl_bench_config *c)
{
    if (run->options->quiet)
        return;
    fprintf(stderr, "elcl: %zu of %zu: %s %s, weights %s, state %s, batch ", i + 1, n, c->model,
            elcl_attention_word((int)c->attention), elcl_storage_word((int)c->weights),
            elcl_storage_word((int)c->state));
    if (c->batch_size)
        fprintf(stderr, "%d", c->batch_size);
    else
        fputs("auto", stderr);
    fprintf(stderr, ", beams %d, source %d, new %d\n", c->num_beams, c->source_length,
            c->new_tokens);
}

/* Runs all; *failed counts those that neither ran nor were out of memory. */
static int run_all(struct elcl_bench_run *run, const struct elcl_bench_configs *configs,
                   size_t *failed, elcl_error *err)
{
    struct elcl_bench_model model = {.model = NULL};
    struct elcl_bytes *trace = run->options->trace ? &run->trace : NULL;
    int rc = ELCL_OK;
    if (trace)
        elcl_trace_begin(trace);
    for (size_t i = 0; !rc && i < configs->n; i++) {
        void *results = run->results;
        if (!elcl_tool_grow(&results, &run->capacity, run->n + 1, sizeof(*run->results))) {
            rc = elcl_tool_nomem(err);
            break;
        }
        run->results = results;
        tell(run, i, configs->n, &configs->items[i]);
        struct elcl_bench_result *r = &run->results[run->n];
        rc = elcl_bench_measure(run, &configs->items[i], &model, r, trace, err);
        if (rc)
            break;
        run->n++;
        *failed += r->status == ELCL_BENCH_FAILED;
        if (r->status != ELCL_BENCH_OK)
            elcl_tool_warn("%s: %s", elcl_bench_status_word(r->status), r->error);
    }
    if (trace)
        elcl_trace_end(trace);
    elcl_bench_model_close(&model);
    return rc;
}

static int write_results(struct elcl_bench_run *run, elcl_error *err)
{
    const struct elcl_bench_options *o = run->options;
    struct elcl_bytes out = {0};
    int rc = elcl_bench_format(run, (enum elcl_bench_output)o->output, &out, err);
    if (!rc && out.n)
        rc = elcl_sys_save(o->output_file ? o->output_file : "-", &out, err);
    if (!rc && o->trace)
        rc = elcl_sys_save(o->trace, &run->trace, err);
    elcl_bytes_finish(&out);
    return rc;
}

/* What ran before a failure is written all the same. */
static int bench(const struct elcl_bench_options *o, const struct elcl_bench_configs *configs,
                 int argc, char **argv)
{
    struct elcl_bench_run run = {.options = o};
    elcl_error err = {0}, late = {0};
    size_t failed = 0, slower = 0;
    int rc = open_run(&run, argc, argv, &err);
    if (!rc)
        rc = run_all(&run, configs, &failed, &err);
    if (run.n && write_results(&run, &late) && !rc) {
        rc = late.code;
        err = late;
    }
    if (!rc && o->baseline)
        rc = elcl_bench_compare(&run, o->baseline, &slower, &err);
    close_run(&run);
    if (elcl_sys_interrupted())
        return ELCL_EXIT_SIGNAL + elcl_sys_interrupted();
    if (rc)
        return elcl_tool_error(ELCL_EXIT_FAILURE, "%s", err.msg);
    if (failed)
        return elcl_tool_error(ELCL_EXIT_FAILURE, "%zu of %zu failed", failed, configs->n);
    return slower ? ELCL_EXIT_SLOWER : ELCL_EXIT_OK;
}

int elcl_cmd_bench(int argc, char **argv)
{
    struct elcl_bench_options options = {0};
    struct elcl_bench_configs configs = {0};
    elcl_error err = {0};
    if (elcl_bench_parse(&options, argc, argv, &err))
        return elcl_tool_error(ELCL_EXIT_USAGE, "%s", err.msg);
    if (options.help) {
        elcl_bench_print_help();
        return ELCL_EXIT_OK;
    }
    int rc = elcl_bench_expand(&options, &configs, &err);
    if (!rc && options.export_directory)
        rc = elcl_synthetic_export(options.synthetic, (uint64_t)options.seed,
                                   options.export_directory, &err);
    if (rc) {
        elcl_bench_configs_finish(&configs);
        return elcl_tool_error(rc == ELCL_E_ARG ? ELCL_EXIT_USAGE : ELCL_EXIT_FAILURE, "%s",
                               err.msg);
    }
    const int code =
        options.export_directory ? ELCL_EXIT_OK : bench(&options, &configs, argc, argv);
    elcl_bench_configs_finish(&configs);
    return code;
}
