/* elcl selftest: compares every kernel with a double-precision reference on this driver. */
#include <stdio.h>
#include <string.h>

#include "common/cells.h"
#include "common/output.h"
#include "common/words.h"
#include "elcl/selftest.h"

struct selftest_options {
    struct cli_common_options common; /* format: enum cli_format */
    const char *device, *build_options;
    int kernels, budget, seed;
    int small, no_cache, no_matrix_instructions;
};

#define FIELD(name) offsetof(struct selftest_options, name)

static const struct cli_choice formats[] = {
    {"text", CLI_FORMAT_TEXT}, {"json", CLI_FORMAT_JSON}, {NULL, 0}};

static const struct cli_opt options_table[] = {
    CLI_ROW_GROUP("Work:"),
    CLI_ROW_CHOICE("kernels", "auto|cpu|gpu", kernels, cli_kernel_words,
                   "CPU or GPU kernels (default: by the device's type)"),
    CLI_ROW_MATRIX(no_matrix_instructions),
    CLI_ROW_FLAG("small", small, "only tiny shapes, for slow OpenCL implementations"),
    CLI_ROW_INT("budget", "SECONDS", budget, 0, 86400,
                "begin no case after this time (default 120); 0: no limit"),
    CLI_ROW_INT("seed", "N", seed, 0, INT32_MAX, "seed of all inputs (default 0)"),
    CLI_ROW_TEXT("build-options", "TEXT", build_options,
                 "options added to each build of kernels, such as -cl-opt-disable; macros that "
                 "break a kernel test this test"),
    CLI_ROW_GROUP("Output:"),
    CLI_OUTPUT_OPTION(FIELD(common)),
    CLI_FORMAT_OPTION(FIELD(common), "text|json", formats, "form of the report (default text)"),
    CLI_ROW_GROUP("Running:"),
    CLI_ROW_DEVICE(device),
    CLI_ROW_NO_CACHE(no_cache),
    CLI_COMMON_OPTIONS(FIELD(common)),
};

/* A row of the table: the cases of one operation with one pair of storages. */
struct table_row {
    char operation[32];
    enum elcl_storage weights, state;
    int passed, failed, skipped;
    double error, tolerance, ratio, seconds; /* of the worst case; of all cases */
    char reason[160];                        /* of the first skipped case */
};

#define MAX_ROWS 64

struct report {
    const struct selftest_options *options;
    bool begun, failed;              /* failed: memory is short */
    struct table_row rows[MAX_ROWS]; /* text */
    int n_rows;
    cJSON *root, *cases; /* JSON; NULL: text */
    struct elcl_str out;
};

/* ---- text ---------------------------------------------------------------------------------- */

static void put_row(struct elcl_str *out, const struct table_row *row)
{
    char storages[16], cases[32], worst[48] = "";
    if (!(row->passed + row->failed + row->skipped))
        return;
    (void)snprintf(storages, sizeof(storages), "%s/%s", cli_storage_word((int)row->weights),
                   cli_storage_word((int)row->state));
    if (row->passed + row->failed == 0) {
        elcl_str_printf(out, "%-18s %-9s skipped: %s\n", row->operation, storages, row->reason);
        return;
    }
    (void)snprintf(cases, sizeof(cases), "%d of %d", row->passed, row->passed + row->failed);
    if (row->tolerance > 0)
        (void)snprintf(worst, sizeof(worst), "%.2g of %.2g (%.0f%%)", row->error, row->tolerance,
                       100 * row->ratio);
    else if (strcmp(row->operation, "build") != 0)
        (void)snprintf(worst, sizeof(worst), "%s", row->failed ? "-" : "exact");
    elcl_str_printf(out, "%-18s %-9s %-9s %-24s %6.2f s  %s\n", row->operation, storages, cases,
                    worst, row->seconds, row->failed ? "FAIL" : "pass");
    if (row->skipped)
        elcl_str_printf(out, "%-28s %d skipped: %s\n", "", row->skipped, row->reason);
}

static void put_header(struct elcl_str *out, const elcl_selftest_case *c)
{
    const elcl_device_desc *d = c->device;
    elcl_str_printf(out,
                    "elcl %s self-test\n"
                    "device    %s\n"
                    "driver    %s\n"
                    "platform  %s, %s\n"
                    "kernels   %s\n",
                    elcl_version(), d->name, d->driver, d->platform, d->version,
                    cli_kernels_word((int)c->kernels));
}

static void add_to_row(struct table_row *row, const elcl_selftest_case *c)
{
    row->seconds += c->seconds;
    if (c->verdict == ELCL_SELFTEST_SKIP && !row->skipped++)
        (void)snprintf(row->reason, sizeof(row->reason), "%s", c->reason);
    row->passed += c->verdict == ELCL_SELFTEST_PASS;
    row->failed += c->verdict == ELCL_SELFTEST_FAIL;
    if (c->ratio > row->ratio || row->tolerance == 0) {
        row->error = c->error;
        row->tolerance = c->tolerance;
        row->ratio = c->ratio;
    }
}

static struct table_row *find_row(struct report *r, const elcl_selftest_case *c)
{
    for (int i = 0; i < r->n_rows; i++) {
        struct table_row *row = &r->rows[i];
        if (!strcmp(row->operation, c->operation) && row->weights == c->weights &&
            row->state == c->state)
            return row;
    }
    if (r->n_rows == MAX_ROWS)
        return NULL;
    struct table_row *row = &r->rows[r->n_rows++];
    *row = (struct table_row){.weights = c->weights, .state = c->state};
    (void)snprintf(row->operation, sizeof(row->operation), "%s", c->operation);
    return row;
}

static void put_case(struct report *r, const elcl_selftest_case *c)
{
    struct table_row *row = find_row(r, c);
    if (!r->begun)
        put_header(&r->out, c);
    if (row)
        add_to_row(row, c);
    if (c->verdict == ELCL_SELFTEST_FAIL)
        elcl_str_printf(&r->out, "FAIL %s, %s, %s/%s: %s\n", c->operation, c->shape,
                        cli_storage_word((int)c->weights), cli_storage_word((int)c->state),
                        c->reason);
    cli_output_flush(r->options->common.output, &r->out);
}

static void put_table(struct report *r, const elcl_selftest_summary *s)
{
    elcl_str_printf(&r->out, "\n%-18s %-9s %-9s %-24s %8s\n", "operation", "storage", "passed",
                    "worst error of tolerance", "time");
    for (int i = 0; i < r->n_rows; i++)
        put_row(&r->out, &r->rows[i]);
    elcl_str_printf(&r->out, "\n%d passed, %d failed", s->passed, s->failed);
    if (s->skipped)
        elcl_str_printf(&r->out, ", %d skipped", s->skipped);
    elcl_str_printf(&r->out, " in %.1f s\n", s->seconds);
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static const char *verdict_word(enum elcl_selftest_verdict verdict)
{
    return verdict == ELCL_SELFTEST_PASS ? "pass" : verdict == ELCL_SELFTEST_FAIL ? "fail" : "skip";
}

static bool add_header(struct report *r, const elcl_selftest_case *c)
{
    struct cli_cells device = {.n = 0};
    cli_add_device(&device, c->device);
    return cli_cells_object(r->root, "device", &device) &&
           cJSON_AddStringToObject(r->root, "kernels", cli_kernels_word((int)c->kernels));
}

static bool add_case(struct report *r, const elcl_selftest_case *c)
{
    struct cli_cells cells = {.n = 0};
    cli_add_text(&cells, "operation", c->operation);
    cli_add_text(&cells, "shape", c->shape);
    cli_add_text(&cells, "weights", cli_storage_word((int)c->weights));
    cli_add_text(&cells, "state", cli_storage_word((int)c->state));
    cli_add_text(&cells, "verdict", verdict_word(c->verdict));
    cli_add_real(&cells, "error", c->error);
    cli_add_real(&cells, "tolerance", c->tolerance);
    cli_add_real(&cells, "seconds", c->seconds);
    cli_add_text(&cells, "reason", c->reason);
    return (r->begun || add_header(r, c)) && cli_cells_object(r->cases, NULL, &cells);
}

static bool add_summary(struct report *r, const elcl_selftest_summary *s)
{
    struct cli_cells cells = {.n = 0};
    cli_add_whole(&cells, "passed", s->passed);
    cli_add_whole(&cells, "failed", s->failed);
    cli_add_whole(&cells, "skipped", s->skipped);
    cli_add_real(&cells, "seconds", s->seconds);
    return cli_cells_json(r->root, &cells);
}

static bool start_json(struct report *r)
{
    r->root = cJSON_CreateObject();
    const bool ok = cJSON_AddStringToObject(r->root, "schema", "elcl-selftest-1") &&
                    cJSON_AddStringToObject(r->root, "elcl", elcl_version());
    r->cases = cJSON_AddArrayToObject(r->root, "cases");
    return ok && r->cases;
}

/* ---- verb ---------------------------------------------------------------------------------- */

static void take_case(void *user, const elcl_selftest_case *c)
{
    struct report *r = user;
    if (r->options->common.verbose)
        fprintf(stderr, "elcl: %s, %s, %s/%s: %s, %.2f s\n", c->operation, c->shape,
                cli_storage_word((int)c->weights), cli_storage_word((int)c->state),
                verdict_word(c->verdict), c->seconds);
    if (!r->root)
        put_case(r, c);
    else if (!add_case(r, c))
        r->failed = true;
    r->begun = true;
}

/* Writes the report. The JSON tree is deleted. */
static int finish_report(struct report *r, const elcl_selftest_summary *s, elcl_error *err)
{
    int rc = ELCL_OK;
    if (r->root)
        rc = cli_json_write(&r->out, r->root, !r->failed && add_summary(r, s), false, err);
    else
        put_table(r, s);
    r->root = NULL;
    return rc ? rc : cli_output_save(r->options->common.output, &r->out, err);
}

static int run_selftest(const struct selftest_options *o)
{
    struct report r = {.options = o};
    elcl_selftest_params params = elcl_selftest_params_default();
    elcl_selftest_summary summary = {0};
    elcl_error err = {0};
    params.device = o->device;
    params.kernels = (enum elcl_kernels)o->kernels;
    params.small = o->small;
    params.budget_seconds = o->budget;
    params.seed = (uint64_t)o->seed;
    params.no_cache = o->no_cache;
    params.no_matrix_instructions = o->no_matrix_instructions;
    params.build_options = o->build_options;
    params.on_case = take_case;
    params.user = &r;
    r.failed = o->common.format == CLI_FORMAT_JSON && !start_json(&r);
    int rc = elcl_selftest(&params, &summary, &err);
    if (!rc)
        rc = finish_report(&r, &summary, &err);
    cJSON_Delete(r.root);
    elcl_str_finish(&r.out);
    if (rc)
        return cli_error(CLI_EXIT_FAILURE, "%s", err.msg);
    return summary.failed ? CLI_EXIT_FAILURE : CLI_EXIT_OK;
}

int cli_cmd_selftest(int argc, char **argv)
{
    struct selftest_options options = {.budget = 120};
    struct cli_args args = {
        .verb = "selftest",
        .use = "",
        .about = "Runs every kernel and every GEMM back end on a device and compares each with a\n"
                 "reference in double precision. Attach the report to a bug report. Exits with 1\n"
                 "if a case fails.\n",
        .opts = options_table,
        .n_opts = ELCL_COUNT(options_table)};
    int exit_code;
    if (!cli_args_begin(&args, argc, argv, &options, &exit_code))
        return exit_code;
    return run_selftest(&options);
}
