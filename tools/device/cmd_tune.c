/* elcl tune: measures a device once; later runs choose by its rates. */
#include <stdio.h>

#include "common/cells.h"
#include "common/output.h"
#include "common/sys.h"
#include "common/words.h"
#include "elcl/measure.h"

struct tune_options {
    struct cli_common_options common; /* format: enum cli_format */
    const char *device;
    int kernels, budget, again;
};

#define FIELD(name) offsetof(struct tune_options, name)

static const struct cli_choice formats[] = {
    {"text", CLI_FORMAT_TEXT}, {"json", CLI_FORMAT_JSON}, {NULL, 0}};

static const struct cli_opt options_table[] = {
    CLI_ROW_CHOICE("kernels", "auto|cpu|gpu", kernels, cli_kernel_words,
                   "CPU or GPU kernels (default: by the device's type)"),
    CLI_ROW_INT("budget", "SECONDS", budget, 0, 86400,
                "begin no part after this time (default 60); 0: no limit"),
    CLI_ROW_FLAG("again", again, "replace the stored rates, even by lower ones"),
    CLI_OUTPUT_OPTION(FIELD(common)),
    CLI_FORMAT_OPTION(FIELD(common), "text|json", formats, "form of the result (default text)"),
    CLI_ROW_DEVICE(device),
    CLI_COMMON_OPTIONS(FIELD(common)),
};

static int print_part(void *user, const char *line)
{
    const struct tune_options *o = user;
    if (!o->common.quiet)
        fprintf(stderr, "%s\n", line);
    return cli_sys_interrupted();
}

static void put_rows(struct elcl_str *out, const char *weights, int rows)
{
    if (rows > 0)
        elcl_str_printf(out, "CLBlast     from %d rows with %s weights\n", rows, weights);
    else if (rows < 0)
        elcl_str_printf(out, "CLBlast     never with %s weights\n", weights);
}

static void put_text(struct elcl_str *out, const elcl_tuned *t)
{
    const elcl_device_rates *m = &t->rates;
    elcl_str_printf(out,
                    "memory      %.4g GB/s\n"
                    "arithmetic  %.4g GFLOP/s, %.4g with 16-bit weights\n"
                    "launch      %.3g us, %.3g us with the wait\n"
                    "spread      %.0f%%: shortfall of the lowest measurement\n",
                    m->memory_gbs, m->f32_gflops, m->half_gflops, m->launch_us, m->wait_us,
                    100 * t->spread);
    put_rows(out, "f32", t->clblast_rows_f32);
    put_rows(out, "16-bit", t->clblast_rows_half);
    if (!t->complete)
        elcl_str_text(out, "not complete: the next elcl tune continues from here\n");
}

static int put_json(struct elcl_str *out, const elcl_tuned *t, elcl_error *err)
{
    const elcl_device_rates *m = &t->rates;
    struct cli_cells cells = {.n = 0};
    cJSON *root = cJSON_CreateObject();
    cli_add_text(&cells, "schema", "elcl-tune-1");
    cli_add_text(&cells, "elcl", elcl_version());
    cli_add_real(&cells, "memory_gbs", m->memory_gbs);
    cli_add_real(&cells, "f32_gflops", m->f32_gflops);
    cli_add_real(&cells, "half_gflops", m->half_gflops);
    cli_add_real(&cells, "matrix_gflops", m->matrix_gflops);
    cli_add_real(&cells, "state_gops", m->state_gops);
    cli_add_real(&cells, "launch_us", m->launch_us);
    cli_add_real(&cells, "wait_us", m->wait_us);
    cli_add_real(&cells, "spread", t->spread);
    /* -1: never; null: not measured */
    cli_add_maybe(&cells, "clblast_rows_f32", t->clblast_rows_f32, t->clblast_rows_f32 != 0);
    cli_add_maybe(&cells, "clblast_rows_half", t->clblast_rows_half, t->clblast_rows_half != 0);
    cli_add_bool(&cells, "complete", t->complete);
    return cli_json_write(out, root, cli_cells_json(root, &cells), false, err);
}

static int run_tune(struct tune_options *o)
{
    elcl_tune_params params = elcl_tune_params_default();
    elcl_tuned t;
    struct elcl_str out = {0};
    elcl_error err = {0};
    params.device = o->device;
    params.kernels = (enum elcl_kernels)o->kernels;
    params.budget_seconds = o->budget;
    params.again = o->again;
    params.report = print_part;
    params.user = o;
    int rc = elcl_tune(&params, &t, &err);
    const bool interrupted = rc == ELCL_E_INTERRUPTED;
    if (interrupted) /* the finished parts count */
        rc = ELCL_OK;
    if (!rc && o->common.format == CLI_FORMAT_JSON)
        rc = put_json(&out, &t, &err);
    else if (!rc)
        put_text(&out, &t);
    if (!rc)
        rc = cli_output_save(o->common.output, &out, &err);
    elcl_str_finish(&out);
    if (rc)
        return cli_error(CLI_EXIT_FAILURE, "%s", err.msg);
    return interrupted ? CLI_EXIT_SIGNAL + cli_sys_interrupted() : CLI_EXIT_OK;
}

int cli_cmd_tune(int argc, char **argv)
{
    struct tune_options options = {.budget = 60};
    struct cli_args args = {
        .verb = "tune",
        .use = "",
        .about =
            "Measures the rates of a device and stores them in the cache directory for this\n"
            "device, driver and version of elcl. --attention auto then uses these rates, and\n"
            "--gemm auto uses CLBlast where it is faster than the kernels for GPUs. Tuning is\n"
            "optional.\n",
        .opts = options_table,
        .n_opts = ELCL_COUNT(options_table)};
    int exit_code;
    if (!cli_args_begin(&args, argc, argv, &options, &exit_code))
        return exit_code;
    return run_tune(&options);
}
