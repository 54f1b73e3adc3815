/* elcl selftest: every kernel against a double-precision reference on this driver. The report is
 * what a bug report needs. */
#include "common/words.h"
#include "elcl/selftest.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

struct selftest_options {
    struct cli_common_options common;
    const char *device, *build_options;
    int kernels, budget, seed;
    int json, small, no_cache;
};

#define FIELD(name) offsetof(struct selftest_options, name)

static const struct cli_opt options_table[] = {
    {CLI_OPT_TEXT, "device", "NAME", "index, part of a name, cpu or gpu", FIELD(device), 0, 0,
     NULL},
    {CLI_OPT_CHOICE, "kernels", "SHAPE", "auto, cpu or gpu: the kernel shape", FIELD(kernels), 0, 0,
     cli_kernel_words},
    {CLI_OPT_INT, "budget", "SECONDS", "begin no case after this time (120); 0: no limit",
     FIELD(budget), 0, 86400, NULL},
    {CLI_OPT_FLAG, "small", NULL, "tiny shapes alone, for slow OpenCL implementations",
     FIELD(small), 0, 0, NULL},
    {CLI_OPT_INT, "seed", "N", "of all inputs (0)", FIELD(seed), 0, 2147483647, NULL},
    {CLI_OPT_TEXT, "build-options", "TEXT",
     "added when kernels are compiled, as -cl-opt-disable; with macros that make a kernel wrong it "
     "tests this test",
     FIELD(build_options), 0, 0, NULL},
    {CLI_OPT_FLAG, "json", NULL, "one JSON object instead of the table", FIELD(json), 0, 0, NULL},
    {CLI_OPT_FLAG, "no-cache", NULL, "compile every kernel from source", FIELD(no_cache), 0, 0,
     NULL},
    CLI_COMMON_OPTIONS(FIELD(common)),
};

/* What the table sums up: the cases of one operation with one pair of storages. */
struct line {
    char operation[32];
    enum elcl_storage weights, state;
    int passed, failed, skipped;
    double error, tolerance, ratio, seconds; /* the worst case's; of all cases */
    char reason[160];                        /* of the first that was skipped */
};

#define MAX_LINES 64

struct report {
    bool begun;
    struct line lines[MAX_LINES]; /* text */
    int n_lines;
    cJSON *root, *cases; /* JSON; NULL: text */
    bool nomem;
};

/* ---- table --------------------------------------------------------------------------------- */

static void print_line(const struct line *l)
{
    char storages[16], cases[32], worst[48] = "";
    if (!(l->passed + l->failed + l->skipped))
        return;
    (void)snprintf(storages, sizeof(storages), "%s/%s", cli_storage_word((int)l->weights),
                   cli_storage_word((int)l->state));
    if (l->passed + l->failed == 0) {
        printf("%-13s %-9s skipped: %s\n", l->operation, storages, l->reason);
        return;
    }
    (void)snprintf(cases, sizeof(cases), "%d of %d", l->passed, l->passed + l->failed);
    if (l->tolerance > 0)
        (void)snprintf(worst, sizeof(worst), "%.2g of %.2g (%.0f%%)", l->error, l->tolerance,
                       100 * l->ratio);
    else if (strcmp(l->operation, "build") != 0)
        (void)snprintf(worst, sizeof(worst), "%s", l->failed ? "-" : "exact");
    printf("%-13s %-9s %-9s %-28s %7.2f s  %s\n", l->operation, storages, cases, worst, l->seconds,
           l->failed ? "FAIL" : "pass");
    if (l->skipped)
        printf("%-23s %d skipped: %s\n", "", l->skipped, l->reason);
}

static void print_header(const elcl_selftest_case *c)
{
    const elcl_device_desc *d = c->device;
    printf("elcl %s self-test\n"
           "device    %s\n"
           "driver    %s\n"
           "platform  %s, %s\n"
           "kernels   %s shape\n",
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

static void print_case(struct report *r, const elcl_selftest_case *c)
{
    struct line *line = find_line(r, c);
    if (!r->begun)
        print_header(c);
    if (line)
        add_to_line(line, c);
    if (c->verdict == ELCL_SELFTEST_FAIL)
        printf("FAIL %s, %s, %s/%s: %s\n", c->operation, c->shape,
               cli_storage_word((int)c->weights), cli_storage_word((int)c->state), c->reason);
    fflush(stdout);
}

static void print_table(const struct report *r, const elcl_selftest_summary *s)
{
    printf("\n%-13s %-9s %-9s %-28s %9s\n", "operation", "storage", "passed",
           "worst error of its tolerance", "time");
    for (int i = 0; i < r->n_lines; i++)
        print_line(&r->lines[i]);
    printf("\n%d passed, %d failed", s->passed, s->failed);
    if (s->skipped)
        printf(", %d skipped", s->skipped);
    printf(" in %.1f s\n", s->seconds);
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static bool add_device(cJSON *root, const elcl_selftest_case *c)
{
    const elcl_device_desc *d = c->device;
    cJSON *o = cJSON_AddObjectToObject(root, "device");
    return o && cJSON_AddStringToObject(o, "name", d->name) &&
           cJSON_AddStringToObject(o, "platform", d->platform) &&
           cJSON_AddStringToObject(o, "vendor", d->vendor) &&
           cJSON_AddStringToObject(o, "driver", d->driver) &&
           cJSON_AddStringToObject(o, "version", d->version) &&
           cJSON_AddStringToObject(root, "kernels", cli_kernels_word((int)c->kernels));
}

static bool add_case(struct report *r, const elcl_selftest_case *c)
{
    static const char *const verdicts[] = {[ELCL_SELFTEST_PASS] = "pass",
                                           [ELCL_SELFTEST_FAIL] = "fail",
                                           [ELCL_SELFTEST_SKIP] = "skip"};
    if (!r->begun && !add_device(r->root, c))
        return false;
    cJSON *o = cJSON_CreateObject();
    const bool ok = o && cJSON_AddStringToObject(o, "operation", c->operation) &&
                    cJSON_AddStringToObject(o, "shape", c->shape) &&
                    cJSON_AddStringToObject(o, "weights", cli_storage_word((int)c->weights)) &&
                    cJSON_AddStringToObject(o, "state", cli_storage_word((int)c->state)) &&
                    cJSON_AddStringToObject(o, "verdict", verdicts[c->verdict]) &&
                    cJSON_AddNumberToObject(o, "error", c->error) &&
                    cJSON_AddNumberToObject(o, "tolerance", c->tolerance) &&
                    cJSON_AddNumberToObject(o, "seconds", c->seconds) &&
                    cJSON_AddStringToObject(o, "reason", c->reason);
    return cJSON_AddItemToArray(r->cases, o) && ok;
}

static bool print_json(struct report *r, const elcl_selftest_summary *s)
{
    char *text = NULL;
    if (cJSON_AddNumberToObject(r->root, "passed", s->passed) &&
        cJSON_AddNumberToObject(r->root, "failed", s->failed) &&
        cJSON_AddNumberToObject(r->root, "skipped", s->skipped) &&
        cJSON_AddNumberToObject(r->root, "seconds", s->seconds))
        text = cJSON_Print(r->root);
    if (text)
        puts(text);
    cJSON_free(text);
    return text != NULL;
}

/* ---- verb ---------------------------------------------------------------------------------- */

static void take_case(void *user, const elcl_selftest_case *c)
{
    struct report *r = user;
    if (!r->root)
        print_case(r, c);
    else if (!add_case(r, c))
        r->nomem = true;
    r->begun = true;
}

static bool start_json(struct report *r)
{
    r->root = cJSON_CreateObject();
    const bool ok = cJSON_AddStringToObject(r->root, "schema", "elcl-selftest-1") &&
                    cJSON_AddStringToObject(r->root, "elcl", elcl_version());
    r->cases = cJSON_AddArrayToObject(r->root, "cases");
    return ok && r->cases;
}

static int run_selftest(const struct selftest_options *o)
{
    struct report r = {0};
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
    int code = CLI_EXIT_OK;
    if (o->json && !start_json(&r))
        r.nomem = true;
    else if (elcl_selftest(&params, &summary, &err))
        code = cli_error(CLI_EXIT_FAILURE, "%s", err.msg);
    else if (!o->json)
        print_table(&r, &summary);
    else if (!r.nomem && !print_json(&r, &summary))
        r.nomem = true;
    cJSON_Delete(r.root);
    if (r.nomem)
        return cli_error(CLI_EXIT_FAILURE, "out of memory");
    return code || !summary.failed ? code : CLI_EXIT_FAILURE;
}

int cli_cmd_selftest(int argc, char **argv)
{
    struct selftest_options options = {.budget = 120};
    struct cli_args args = {
        .verb = "selftest",
        .use = "",
        .about =
            "Runs every kernel and GEMM back end on a device and compares it with a reference\n"
            "in double precision. The report is made to be attached to a bug. Exits with 1\n"
            "when a case fails.\n",
        .opts = options_table,
        .n_opts = ELCL_COUNT(options_table)};
    int exit_code;
    if (!cli_args_begin(&args, argc, argv, &options, &exit_code))
        return exit_code;
    return run_selftest(&options);
}
