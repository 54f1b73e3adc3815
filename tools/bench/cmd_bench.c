/* elcl bench: speed and memory for lists of parameters. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/bench.h"
#include "common/output.h"
#include "common/sys.h"
#include "common/trace.h"
#include "common/words.h"

static int open_bench(struct cli_bench *bench, int argc, char **argv, elcl_error *err)
{
    struct elcl_str command = {0};
    const time_t now = time(NULL);
    const struct tm *utc = gmtime(&now);
    int index = 0;
    elcl_str_text(&command, "elcl");
    for (int i = 0; i < argc; i++)
        elcl_str_printf(&command, strchr(argv[i], ' ') ? " '%s'" : " %s", argv[i]);
    if (command.failed || !utc) {
        elcl_str_finish(&command);
        return elcl_fail_nomem(err);
    }
    bench->command = command.data;
    (void)strftime(bench->date, sizeof(bench->date), "%Y-%m-%dT%H:%M:%SZ", utc);
    int rc = elcl_device_list_create(&bench->devices, err);
    if (!rc)
        rc = elcl_device_list_find(bench->devices, bench->options->device, &index, err);
    if (!rc) {
        bench->device = elcl_device_list_get(bench->devices, index);
        rc = elcl_measure_rates(bench->options->device, &bench->rates, err);
    }
    return rc;
}

static void close_bench(struct cli_bench *bench)
{
    for (size_t i = 0; i < bench->n; i++)
        free(bench->results[i].kernels);
    free(bench->results);
    free(bench->command);
    elcl_str_finish(&bench->trace);
    elcl_device_list_destroy(&bench->devices);
}

static void print_progress(const struct cli_bench *bench, size_t i, size_t n,
                           const struct cli_bench_config *c)
{
    if (bench->options->common.quiet)
        return;
    fprintf(stderr, "elcl: %zu of %zu: %s %s, weights %s, state %s, batch ", i + 1, n, c->model,
            cli_attention_word((int)c->attention), cli_storage_word((int)c->weights),
            cli_storage_word((int)c->state));
    if (c->batch_size)
        fprintf(stderr, "%d", c->batch_size);
    else
        fputs("auto", stderr);
    fprintf(stderr, ", beams %d, source %d, new %d\n", c->num_beams, c->source_length,
            c->new_tokens);
}

/* Runs all; *failed counts failures other than a lack of memory. */
static int run_all(struct cli_bench *bench, const struct cli_bench_configs *configs, size_t *failed,
                   elcl_error *err)
{
    struct cli_bench_model model = {.model = NULL};
    struct elcl_str *trace = bench->options->common.trace ? &bench->trace : NULL;
    int rc = ELCL_OK;
    if (trace)
        cli_trace_begin(trace);
    for (size_t i = 0; !rc && i < configs->n; i++) {
        void *results = bench->results;
        if (!elcl_grow(&results, &bench->capacity, bench->n + 1, sizeof(*bench->results))) {
            rc = elcl_fail_nomem(err);
            break;
        }
        bench->results = results;
        print_progress(bench, i, configs->n, &configs->items[i]);
        struct cli_bench_result *r = &bench->results[bench->n];
        rc = cli_bench_measure(bench, &configs->items[i], &model, r, trace, err);
        if (rc)
            break;
        bench->n++;
        *failed += r->status == CLI_BENCH_FAILED;
        if (r->status != CLI_BENCH_OK)
            cli_warn("%s: %s", cli_bench_status_word(r->status), r->error);
    }
    if (trace)
        cli_trace_end(trace);
    cli_bench_model_close(&model);
    return rc;
}

static int write_results(struct cli_bench *bench, elcl_error *err)
{
    const struct cli_bench_options *o = bench->options;
    struct elcl_str out = {0};
    int rc = cli_bench_format(bench, (enum cli_format)o->common.format, &out, err);
    if (!rc && out.n)
        rc = cli_output_save(o->common.output, &out, err);
    if (!rc && o->common.trace)
        rc = cli_output_save(o->common.trace, &bench->trace, err);
    elcl_str_finish(&out);
    return rc;
}

/* Writes the results before a failure, too. */
static int run_bench(const struct cli_bench_options *o, const struct cli_bench_configs *configs,
                     int argc, char **argv)
{
    struct cli_bench bench = {.options = o};
    elcl_error err = {0}, late = {0};
    struct cli_result_file before = {0};
    size_t failed = 0, slower = 0;
    int rc = o->baseline ? cli_result_file_read(o->baseline, 0, &before, &err) : ELCL_OK;
    if (!rc)
        rc = open_bench(&bench, argc, argv, &err);
    if (!rc)
        rc = run_all(&bench, configs, &failed, &err);
    if (bench.n && write_results(&bench, &late) && !rc) {
        rc = late.code;
        err = late;
    }
    if (!rc && o->baseline)
        rc = cli_bench_compare(&bench, &before, &slower, &err);
    close_bench(&bench);
    cli_result_file_finish(&before);
    if (cli_sys_interrupted())
        return CLI_EXIT_SIGNAL + cli_sys_interrupted();
    if (rc)
        return cli_error(CLI_EXIT_FAILURE, "%s", err.msg);
    if (failed)
        return cli_error(CLI_EXIT_FAILURE, "%zu of %zu failed", failed, configs->n);
    return slower ? CLI_EXIT_SLOWER : CLI_EXIT_OK;
}

int cli_cmd_bench(int argc, char **argv)
{
    struct cli_bench_options options;
    struct cli_bench_configs configs = {0};
    elcl_error err = {0};
    int exit_code;
    if (!cli_bench_parse(&options, argc, argv, &exit_code))
        return exit_code;
    int rc = cli_bench_expand(&options, &configs, &err);
    if (!rc && options.export_directory)
        rc = elcl_synthetic_export(options.synthetic, (uint64_t)options.seed,
                                   options.export_directory, &err);
    if (rc) {
        cli_bench_configs_finish(&configs);
        return cli_error(rc == ELCL_E_ARG ? CLI_EXIT_USAGE : CLI_EXIT_FAILURE, "%s", err.msg);
    }
    const int code =
        options.export_directory ? CLI_EXIT_OK : run_bench(&options, &configs, argc, argv);
    cli_bench_configs_finish(&configs);
    return code;
}
