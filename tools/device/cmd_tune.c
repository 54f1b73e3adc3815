/* elcl tune: measures a device once, for the choices that later runs make by its rates. */
#include "common/sys.h"
#include "common/words.h"
#include "elcl/measure.h"

#include <stdio.h>

struct tune_options {
    struct cli_common_options common;
    const char *device;
    int kernels, budget, again;
};

#define FIELD(name) offsetof(struct tune_options, name)

static const struct cli_opt options_table[] = {
    {CLI_OPT_TEXT, "device", "NAME", "index, part of a name, cpu or gpu", FIELD(device), 0, 0,
     NULL},
    {CLI_OPT_CHOICE, "kernels", "SHAPE", "auto, cpu or gpu: the kernel shape", FIELD(kernels), 0, 0,
     cli_kernel_words},
    {CLI_OPT_INT, "budget", "SECONDS", "begin no part after this time (60); 0: no limit",
     FIELD(budget), 0, 86400, NULL},
    {CLI_OPT_FLAG, "again", NULL, "replace what is stored, even by lower rates", FIELD(again), 0, 0,
     NULL},
    CLI_COMMON_OPTIONS(FIELD(common)),
};

static int print_part(void *user, const char *line)
{
    (void)user;
    fprintf(stderr, "%s\n", line);
    return cli_sys_interrupted();
}

static void print_rows(const char *weights, int rows)
{
    if (rows > 0)
        printf("CLBlast     from %d rows with %s weights\n", rows, weights);
    else if (rows < 0)
        printf("CLBlast     never with %s weights\n", weights);
}

static int run_tune(const struct tune_options *o)
{
    elcl_tune_params params = elcl_tune_params_default();
    elcl_tuned t;
    elcl_error err = {0};
    params.device = o->device;
    params.kernels = (enum elcl_kernels)o->kernels;
    params.budget_seconds = o->budget;
    params.again = o->again;
    params.report = print_part;
    if (elcl_tune(&params, &t, &err))
        return cli_error(CLI_EXIT_FAILURE, "%s", err.msg);
    const elcl_machine *m = &t.rates;
    printf("memory      %.4g GB/s\n"
           "arithmetic  %.4g GFLOP/s, %.4g of 16-bit weights\n"
           "launch      %.3g us, %.3g us with the wait\n"
           "spread      %.0f%%: what the lowest of these rates fell short of the best\n",
           m->memory_gbs, m->f32_gflops, m->half_gflops, m->launch_us, m->wait_us, 100 * t.spread);
    print_rows("f32", t.clblast_rows_f32);
    print_rows("16-bit", t.clblast_rows_half);
    if (!t.complete)
        puts("not complete: the next elcl tune goes on from here");
    return cli_sys_interrupted() ? CLI_EXIT_SIGNAL + cli_sys_interrupted() : CLI_EXIT_OK;
}

int cli_cmd_tune(int argc, char **argv)
{
    struct tune_options options = {.budget = 60};
    struct cli_args args = {
        .verb = "tune",
        .use = "",
        .about =
            "Measures what a device does at most, and stores it in the\n"
            "cache directory for this device, driver and version of elcl: from then on\n"
            "--attention auto goes by these rates, and --gemm auto by where CLBlast is faster\n"
            "than the kernels for GPUs. Never required.\n",
        .opts = options_table,
        .n_opts = ELCL_COUNT(options_table)};
    int exit_code;
    if (!cli_args_begin(&args, argc, argv, &options, &exit_code))
        return exit_code;
    return run_tune(&options);
}
