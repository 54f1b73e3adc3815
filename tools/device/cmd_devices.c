/* elcl devices: what each OpenCL device offers, and which fast paths are used on it and why. */
#include "common/args.h"
#include "elcl/measure.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#define INDENT 4
#define VALUE_COLUMN 19

struct devices_options {
    struct cli_common_options common;
    int json, no_probe;
};

#define FIELD(name) offsetof(struct devices_options, name)

static const struct cli_opt options_table[] = {
    {CLI_OPT_FLAG, "json", NULL, "one JSON object instead of the table", FIELD(json), 0, 0, NULL},
    {CLI_OPT_FLAG, "no-probe", NULL, "list what drivers say, without trying the fast paths",
     FIELD(no_probe), 0, 0, NULL},
    CLI_COMMON_OPTIONS(FIELD(common)),
};

/* The probes of one device. */
struct verdicts {
    const elcl_probe_verdict *items;
    int n;
    elcl_error error; /* code 0: probed */
};

static const char *type_word(enum elcl_device_type type)
{
    switch (type) {
    case ELCL_DEVICE_CPU:
        return "cpu";
    case ELCL_DEVICE_GPU:
        return "gpu";
    case ELCL_DEVICE_OTHER:
        break;
    }
    return "other";
}

/* ---- table --------------------------------------------------------------------------------- */

/* "8 GiB", "1.5 GiB" */
static void format_bytes(uint64_t bytes, char *text, size_t room)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double v = (double)bytes;
    size_t unit = 0;
    while (v >= 1024 && unit + 1 < ELCL_COUNT(units)) {
        v /= 1024;
        unit++;
    }
    if (v >= 100 || unit == 0 || (uint64_t)(v * 10) % 10 == 0)
        (void)snprintf(text, room, "%.0f %s", v, units[unit]);
    else
        (void)snprintf(text, room, "%.1f %s", v, units[unit]);
}

static void print_row(const char *label, const char *value)
{
    if (!*value)
        return;
    printf("%*s%-*s", INDENT, "", VALUE_COLUMN - INDENT, label);
    cli_print_wrapped(value, VALUE_COLUMN, VALUE_COLUMN);
}

/* A row of parts, of which those that the driver leaves open are left out. */
struct row {
    char text[512];
    size_t n;
};

static void add_part(struct row *row, bool known, const char *fmt, ...) ELCL_PRINTF(3, 4);
static void add_part(struct row *row, bool known, const char *fmt, ...)
{
    if (!known || row->n + 4 >= sizeof(row->text))
        return;
    if (row->n)
        row->n += (size_t)snprintf(row->text + row->n, sizeof(row->text) - row->n, ", ");
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(row->text + row->n, sizeof(row->text) - row->n, fmt, args);
    va_end(args);
    row->n = n > 0 && row->n + (size_t)n < sizeof(row->text) ? row->n + (size_t)n
                                                             : sizeof(row->text) - 1;
}

static void add_bytes(struct row *row, const char *before, uint64_t bytes)
{
    char text[32];
    format_bytes(bytes, text, sizeof(text));
    add_part(row, bytes > 0, "%s%s", before, text);
}

static void print_limits(const elcl_device_desc *d)
{
    struct row platform = {0}, speed = {0}, memory = {0}, local = {0}, cache = {0};
    add_part(&platform, *d->platform, "%s", d->platform);
    add_part(&platform, *d->version, "%s", d->version);
    print_row("platform", platform.text);
    print_row("vendor", d->vendor);
    print_row("driver", d->driver);
    add_part(&speed, d->compute_units > 0, "%u compute units", (unsigned)d->compute_units);
    add_part(&speed, d->clock_mhz > 0, "%u MHz", (unsigned)d->clock_mhz);
    add_part(&speed, d->vector_width > 0, "float vectors of %u", (unsigned)d->vector_width);
    print_row("speed", speed.text);
    add_bytes(&memory, "", d->memory_bytes);
    add_bytes(&memory, "one buffer up to ", d->max_alloc_bytes);
    add_part(&memory, d->unified_memory != 0, "shared with the host");
    print_row("memory", memory.text);
    add_bytes(&cache, "", d->cache_bytes);
    print_row("cache", cache.text);
    add_bytes(&local, "", d->local_bytes);
    add_part(&local, d->max_work_group > 0, "work-groups of up to %u", (unsigned)d->max_work_group);
    print_row("local memory", local.text);
    print_row("kernels", d->gpu_kernels ? "gpu shape" : "cpu shape");
}

/* What elcl tune has stored. */
static void print_rates(const elcl_device_desc *d)
{
    elcl_machine m;
    char row[128];
    if (!elcl_stored_rates(d, &m))
        return;
    (void)snprintf(row, sizeof(row), "measured: %.4g GB/s, %.4g GFLOP/s, %.4g of 16-bit weights",
                   m.memory_gbs, m.f32_gflops, m.half_gflops);
    print_row("rates", row);
}

static void print_verdicts(const struct verdicts *v)
{
    if (v->error.code) {
        char row[sizeof(v->error.msg) + 16];
        (void)snprintf(row, sizeof(row), "cannot probe: %s", v->error.msg);
        print_row("fast paths", row);
        return;
    }
    int name_width = 0;
    for (int i = 0; i < v->n; i++) {
        int n = (int)strlen(v->items[i].name);
        name_width = n > name_width ? n : name_width;
    }
    for (int i = 0; i < v->n; i++) {
        const elcl_probe_verdict *p = &v->items[i];
        printf("%*s%-*s%-*s %-3s  ", INDENT, "", VALUE_COLUMN - INDENT, i ? "" : "fast paths",
               name_width, p->name, p->on ? "on" : "off");
        int column = VALUE_COLUMN + name_width + 6;
        cli_print_wrapped(p->reason, column, column);
    }
    if (!v->n)
        print_row("fast paths", "none to probe");
}

static void print_device(const elcl_device_desc *d, const struct verdicts *v)
{
    printf("%-3d %s, %s%s\n", d->index, d->name, type_word(d->type),
           d->is_default ? " (default)" : "");
    print_limits(d);
    print_rates(d);
    if (v)
        print_verdicts(v);
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static bool add_number(cJSON *object, const char *key, uint64_t value)
{
    return cJSON_AddNumberToObject(object, key, (double)value) != NULL;
}

static bool add_limits(cJSON *o, const elcl_device_desc *d)
{
    return cJSON_AddNumberToObject(o, "index", d->index) &&
           cJSON_AddStringToObject(o, "name", d->name) &&
           cJSON_AddStringToObject(o, "type", type_word(d->type)) &&
           cJSON_AddBoolToObject(o, "default", d->is_default) &&
           cJSON_AddStringToObject(o, "platform", d->platform) &&
           cJSON_AddStringToObject(o, "vendor", d->vendor) &&
           cJSON_AddStringToObject(o, "driver", d->driver) &&
           cJSON_AddStringToObject(o, "version", d->version) &&
           cJSON_AddStringToObject(o, "extensions", d->extensions) &&
           add_number(o, "compute_units", d->compute_units) &&
           add_number(o, "clock_mhz", d->clock_mhz) &&
           add_number(o, "vector_width", d->vector_width) &&
           add_number(o, "memory_bytes", d->memory_bytes) &&
           add_number(o, "max_alloc_bytes", d->max_alloc_bytes) &&
           add_number(o, "local_bytes", d->local_bytes) &&
           add_number(o, "cache_bytes", d->cache_bytes) &&
           add_number(o, "max_work_group", d->max_work_group) &&
           cJSON_AddBoolToObject(o, "unified_memory", d->unified_memory) &&
           cJSON_AddStringToObject(o, "kernels", d->gpu_kernels ? "gpu" : "cpu");
}

static bool add_rates(cJSON *o, const elcl_device_desc *d)
{
    elcl_machine m;
    if (!elcl_stored_rates(d, &m))
        return cJSON_AddNullToObject(o, "rates") != NULL;
    cJSON *rates = cJSON_AddObjectToObject(o, "rates");
    return rates && cJSON_AddNumberToObject(rates, "memory_gbs", m.memory_gbs) &&
           cJSON_AddNumberToObject(rates, "cache_gbs", m.cache_gbs) &&
           cJSON_AddNumberToObject(rates, "f32_gflops", m.f32_gflops) &&
           cJSON_AddNumberToObject(rates, "half_gflops", m.half_gflops) &&
           cJSON_AddNumberToObject(rates, "int8_gops", m.int8_gops) &&
           cJSON_AddNumberToObject(rates, "bf16_gflops", m.bf16_gflops) &&
           cJSON_AddNumberToObject(rates, "launch_us", m.launch_us) &&
           cJSON_AddNumberToObject(rates, "wait_us", m.wait_us);
}

static bool add_verdicts(cJSON *o, const struct verdicts *v)
{
    if (v->error.code)
        return cJSON_AddStringToObject(o, "probe_error", v->error.msg) != NULL;
    cJSON *list = cJSON_AddArrayToObject(o, "fast_paths");
    bool ok = list != NULL;
    for (int i = 0; ok && i < v->n; i++) {
        cJSON *item = cJSON_CreateObject();
        ok = cJSON_AddStringToObject(item, "name", v->items[i].name) &&
             cJSON_AddBoolToObject(item, "on", v->items[i].on) &&
             cJSON_AddStringToObject(item, "reason", v->items[i].reason);
        ok = cJSON_AddItemToArray(list, item) && ok;
    }
    return ok;
}

static bool add_device(cJSON *devices, const elcl_device_desc *d, const struct verdicts *v)
{
    cJSON *o = cJSON_CreateObject();
    bool ok = o && add_limits(o, d) && add_rates(o, d) && (!v || add_verdicts(o, v));
    return cJSON_AddItemToArray(devices, o) && ok;
}

/* ---- verb ---------------------------------------------------------------------------------- */

/* Prints all devices, or adds them to `devices` where that is given. */
static int show_devices(elcl_device_list *list, bool probe, cJSON *devices)
{
    for (int i = 0; i < elcl_device_list_count(list); i++) {
        const elcl_device_desc *d = elcl_device_list_get(list, i);
        struct verdicts v = {0};
        if (probe)
            (void)elcl_device_list_probe(list, i, &v.items, &v.n, &v.error);
        if (devices) {
            if (!add_device(devices, d, probe ? &v : NULL))
                return ELCL_E_NOMEM;
            continue;
        }
        if (i)
            putchar('\n');
        print_device(d, probe ? &v : NULL);
        fflush(stdout);
    }
    return ELCL_OK;
}

static int print_json(elcl_device_list *list, bool probe)
{
    cJSON *root = cJSON_CreateObject();
    const cJSON *version = cJSON_AddStringToObject(root, "elcl", elcl_version());
    cJSON *devices = cJSON_AddArrayToObject(root, "devices");
    int rc = version && devices ? ELCL_OK : ELCL_E_NOMEM;
    if (!rc)
        rc = show_devices(list, probe, devices);
    char *text = rc ? NULL : cJSON_Print(root);
    if (text)
        puts(text);
    cJSON_free(text);
    cJSON_Delete(root);
    return text ? ELCL_OK : ELCL_E_NOMEM;
}

static int run_devices(const struct devices_options *o)
{
    elcl_device_list *list = NULL;
    elcl_error err = {0};
    if (elcl_device_list_create(&list, &err))
        return cli_error(CLI_EXIT_FAILURE, "%s", err.msg);
    int count = elcl_device_list_count(list);
    int rc = ELCL_OK;
    if (o->json)
        rc = print_json(list, !o->no_probe);
    else
        rc = show_devices(list, !o->no_probe, NULL);
    elcl_device_list_destroy(&list);
    if (rc)
        return cli_error(CLI_EXIT_FAILURE, "out of memory");
    if (!count)
        return cli_error(CLI_EXIT_FAILURE,
                         "no OpenCL device found: install the driver of your GPU, or "
                         "pocl-opencl-icd for the CPU");
    return CLI_EXIT_OK;
}

int cli_cmd_devices(int argc, char **argv)
{
    struct devices_options options = {0};
    struct cli_args args = {
        .verb = "devices",
        .use = "",
        .about = "Lists all OpenCL devices: their limits, which fast paths are used on them, and\n"
                 "why the others are off. Exits with 1 when there is no device.\n",
        .opts = options_table,
        .n_opts = ELCL_COUNT(options_table)};
    int exit_code;
    if (!cli_args_begin(&args, argc, argv, &options, &exit_code))
        return exit_code;
    return run_devices(&options);
}
