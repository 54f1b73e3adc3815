/* elcl selftest: compares every kernel with a double-precision reference on this driver. */
#include <stdio.h>
#include <string.h>

#include "common/cells.h"
#include "common/sys.h"
#include "common/words.h"
#include "elcl/selftest.h"

struct selftest_options {
    struct cli_common_options common; /* format: enum cli_format */
    const char *device, *build_options;
    int kernels, budget, seed;
    int small, no_cache;
};

#define FIELD(name) offsetof(struct selftest_options, name)

static const struct cli_choice formats[] = {
    {"text", CLI_FORMAT_TEXT}, {"json", CLI_FORMAT_JSON}, {NULL, 0}};

static const struct cli_opt options_table[] = {
    CLI_ROW_GROUP("Work:"),
    CLI_ROW_CHOICE("kernels", "auto|cpu|gpu", kernels, cli_kernel_words,
                   "CPU or GPU kernels (default: by the device's type)"),
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
struct line {
    char operation[32];
    enum elcl_storage weights, state;
    int passed, failed, skipped;
    double error, tolerance, ratio, seconds; /* of the worst case; of all cases */
    char reason[160];                        /* of the first skipped case */
};

#define MAX_LINES 64

struct report {
    const struct selftest_options *options;
    bool begun, failed;           /* failed: memory is short */
    struct line lines[MAX_LINES]; /* text */
    int n_lines;
    cJSON *root, *cases; /* JSON; NULL: text */
    struct elcl_str out;
};

/* ---- text ---------------------------------------------------------------------------------- */

static void put_line(struct elcl_str *out, const struct line *l)
{
    char storages[16], cases[32], worst[48] = "";
    if (!(l->passed + l->failed + l->skipped))
        return;
    (void)snprintf(storages, sizeof(storages), "%s/%s", cli_storage_word((int)l->weights),
                   cli_storage_word((int)l->state));
    if (l->passed + l->failed == 0) {
        elcl_str_printf(out, "%-13s %-9s skipped: %s\n", l->operation, storages, l->reason);
        return;
    }
    (void)snprintf(cases, sizeof(cases), "%d of %d", l->passed, l->passed + l->failed);
    if (l->tolerance > 0)
        (void)snprintf(worst, sizeof(worst), "%.2g of %.2g (%.0f%%)", l->error, l->tolerance,
                       100 * l->ratio);
    else if (strcmp(l->operation, "build") != 0)
        (void)snprintf(worst, sizeof(worst), "%s", l->failed ? "-" : "exact");
    elcl_str_printf(out, "%-13s %-9s %-9s %-28s %7.2f s  %s\n", l->operation, storages, cases,
                    worst, l->seconds, l->failed ? "FAIL" : "pass");
    if (l->skipped)
        elcl_str_printf(out, "%-23s %d skipped: %s\n", "", l->skipped, l->reason);
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

static void add_to_line(struct line *l, const elcl_selftest_case *c)
{
    l->seconds += c->seconds;
    if (c->verdict == ELCL_SELFTEST_SKIP && !l->skipped++)
        (void)snprintf(l->reason, sizeof(l->reason), "%s", c->reason);
    l->passed += c->verdict == ELCL_SELFTEST_PASS;
    l->failed += c->verdict == ELCL_SELFTEST_FAIL;
    if (c->ratio > l->ratio || l->tolerance == 0) {
        l->error = c->error;
        l->tolerance = c->tolerance;
        l->ratio = c->ratio;
    }
}

static struct line *find_line(struct report *r, const elcl_selftest_case *c)
{
    for (int i = 0; i < r->n_lines; i++) {
        struct line *l = &r->lines[i];
        if (!strcmp(l->operation, c->operation) && l->weights == c->weights && l->state == c->state)
            return l;
    }
    if (r->n_lines == MAX_LINES)
        return NULL;
    struct line *l = &r->lines[r->n_lines++];
    *l = (struct line){.weights = c->weights, .state = c->state};
    (void)snprintf(l->operation, sizeof(l->operation), "%s", c->operation);
    return l;
}

static void put_case(struct report *r, const elcl_selftest_case *c)
{
    struct line *line = find_line(r, c);
    if (!r->begun)
        put_header(&r->out, c);
    if (line)
        add_to_line(line, c);
    if (c->verdict == ELCL_SELFTEST_FAIL)
        elcl_str_printf(&r->out, "FAIL %s, %s, %s/%s: %s\n", c->operation, c->shape,
                        cli_storage_word((int)c->weights), cli_storage_word((int)c->state),
                        c->reason);
    cli_sys_flush(r->options->common.output, &r->out);
}

static void put_table(struct report *r, const elcl_selftest_summary *s)
{
    elcl_str_printf(&r->out, "\n%-13s %-9s %-9s %-28s %9s\n", "operation", "storage", "passed",
                    "worst error of its tolerance", "time");
    for (int i = 0; i < r->n_lines; i++)
        put_line(&r->out, &r->lines[i]);
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
    return rc ? rc : cli_sys_save(r->options->common.output, &r->out, err);
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
