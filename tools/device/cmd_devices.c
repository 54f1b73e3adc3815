/* elcl devices: the limits of each OpenCL device, and which fast paths are on and why. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "common/cells.h"
#include "common/output.h"
#include "common/words.h"
#include "elcl/measure.h"

#define INDENT 4
#define VALUE_COLUMN 19

struct devices_options {
    struct cli_common_options common; /* format: enum cli_format */
    int no_probe, probe;
};

#define FIELD(name) offsetof(struct devices_options, name)

static const struct cli_choice formats[] = {
    {"text", CLI_FORMAT_TEXT}, {"json", CLI_FORMAT_JSON}, {NULL, 0}};

static const struct cli_opt options_table[] = {
    CLI_OUTPUT_OPTION(FIELD(common)),
    CLI_FORMAT_OPTION(FIELD(common), "text|json", formats, "form of the list (default text)"),
    CLI_ROW_FLAG("probe", probe, "try all fast paths again and replace what is stored"),
    CLI_ROW_FLAG("no-probe", no_probe, "list the drivers' information and try no fast paths"),
    CLI_COMMON_OPTIONS(FIELD(common)),
};

/* The probes of one device. */
struct verdicts {
    const elcl_probe_verdict *items;
    int n;
    elcl_error error; /* code 0: probed */
};

/* ---- text ---------------------------------------------------------------------------------- */

/* Writes "8 GiB" or "1.5 GiB". */
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

static void put_row(struct elcl_str *out, const char *label, const char *value)
{
    if (!*value)
        return;
    elcl_str_printf(out, "%*s%-*s", INDENT, "", VALUE_COLUMN - INDENT, label);
    cli_str_wrapped(out, value, VALUE_COLUMN, VALUE_COLUMN);
}

/* A row of the parts that the driver reports. */
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

static void put_limits(struct elcl_str *out, const elcl_device_desc *d)
{
    struct row platform = {0}, speed = {0}, memory = {0}, local = {0}, cache = {0};
    add_part(&platform, *d->platform, "%s", d->platform);
    add_part(&platform, *d->version, "%s", d->version);
    put_row(out, "platform", platform.text);
    put_row(out, "vendor", d->vendor);
    put_row(out, "driver", d->driver);
    add_part(&speed, d->compute_units > 0, "%u compute units", (unsigned)d->compute_units);
    add_part(&speed, d->clock_mhz > 0, "%u MHz", (unsigned)d->clock_mhz);
    add_part(&speed, d->vector_width > 0, "float vectors of %u", (unsigned)d->vector_width);
    put_row(out, "speed", speed.text);
    add_bytes(&memory, "", d->memory_bytes);
    add_bytes(&memory, "one buffer up to ", d->max_alloc_bytes);
    add_part(&memory, d->unified_memory != 0, "shared with the host");
    put_row(out, "memory", memory.text);
    add_bytes(&cache, "", d->cache_bytes);
    put_row(out, "cache", cache.text);
    add_bytes(&local, "", d->local_bytes);
    add_part(&local, d->max_work_group > 0, "work-groups of up to %u", (unsigned)d->max_work_group);
    put_row(out, "local memory", local.text);
    put_row(out, "kernels", d->gpu_kernels ? "gpu" : "cpu");
}

/* Appends the rates that elcl tune has stored. */
static void put_rates(struct elcl_str *out, const elcl_device_desc *d)
{
    elcl_device_rates m;
    char row[192];
    if (!elcl_stored_rates(d, &m))
        return;
    const int n =
        snprintf(row, sizeof(row), "measured: %.4g GB/s, %.4g GFLOP/s, %.4g of 16-bit weights",
                 m.memory_gbs, m.f32_gflops, m.half_gflops);
    if (m.matrix_gflops > 0)
        (void)snprintf(row + n, sizeof(row) - (size_t)n, ", %.4g of the matrix instruction",
                       m.matrix_gflops);
    put_row(out, "rates", row);
}

static void put_verdicts(struct elcl_str *out, const struct verdicts *v)
{
    if (v->error.code) {
        char row[sizeof(v->error.msg) + 16];
        (void)snprintf(row, sizeof(row), "cannot probe: %s", v->error.msg);
        put_row(out, "fast paths", row);
        return;
    }
    int name_width = 0;
    for (int i = 0; i < v->n; i++) {
        int n = (int)strlen(v->items[i].name);
        name_width = n > name_width ? n : name_width;
    }
    for (int i = 0; i < v->n; i++) {
        const elcl_probe_verdict *p = &v->items[i];
        elcl_str_printf(out, "%*s%-*s%-*s %-3s  ", INDENT, "", VALUE_COLUMN - INDENT,
                        i ? "" : "fast paths", name_width, p->name, p->on ? "on" : "off");
        int column = VALUE_COLUMN + name_width + 6;
        cli_str_wrapped(out, p->reason, column, column);
    }
    if (!v->n)
        put_row(out, "fast paths", "none to probe");
}

static void put_device(struct elcl_str *out, const elcl_device_desc *d, const struct verdicts *v)
{
    elcl_str_printf(out, "%-3d %s, %s%s\n", d->index, d->name, cli_type_word(d->type),
                    d->is_default ? " (default)" : "");
    put_limits(out, d);
    put_rates(out, d);
    if (v)
        put_verdicts(out, v);
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static bool add_limits(cJSON *o, const elcl_device_desc *d)
{
    struct cli_cells cells = {.n = 0};
    cli_add_whole(&cells, "index", d->index);
    cli_add_device(&cells, d);
    cli_add_bool(&cells, "default", d->is_default);
    cli_add_text(&cells, "extensions", d->extensions);
    cli_add_whole(&cells, "compute_units", d->compute_units);
    cli_add_whole(&cells, "clock_mhz", d->clock_mhz);
    cli_add_whole(&cells, "vector_width", d->vector_width);
    cli_add_whole(&cells, "memory_bytes", (double)d->memory_bytes);
    cli_add_whole(&cells, "max_alloc_bytes", (double)d->max_alloc_bytes);
    cli_add_whole(&cells, "local_bytes", (double)d->local_bytes);
    cli_add_whole(&cells, "cache_bytes", (double)d->cache_bytes);
    cli_add_whole(&cells, "max_work_group", (double)d->max_work_group);
    cli_add_bool(&cells, "unified_memory", d->unified_memory);
    cli_add_text(&cells, "kernels", d->gpu_kernels ? "gpu" : "cpu");
    return cli_cells_json(o, &cells);
}

static bool add_rates(cJSON *o, const elcl_device_desc *d)
{
    struct cli_cells cells = {.n = 0};
    elcl_device_rates m;
    if (!elcl_stored_rates(d, &m))
        return cJSON_AddNullToObject(o, "rates");
    cli_add_real(&cells, "memory_gbs", m.memory_gbs);
    cli_add_real(&cells, "cache_gbs", m.cache_gbs);
    cli_add_real(&cells, "f32_gflops", m.f32_gflops);
    cli_add_real(&cells, "half_gflops", m.half_gflops);
    cli_add_real(&cells, "int8_gops", m.int8_gops);
    cli_add_real(&cells, "bf16_gflops", m.bf16_gflops);
    cli_add_real(&cells, "matrix_gflops", m.matrix_gflops);
    cli_add_real(&cells, "state_gops", m.state_gops);
    cli_add_real(&cells, "launch_us", m.launch_us);
    cli_add_real(&cells, "wait_us", m.wait_us);
    return cli_cells_object(o, "rates", &cells);
}

static bool add_verdicts(cJSON *o, const struct verdicts *v)
{
    if (v->error.code)
        return cJSON_AddStringToObject(o, "probe_error", v->error.msg);
    cJSON *list = cJSON_AddArrayToObject(o, "fast_paths");
    bool ok = list != NULL;
    for (int i = 0; ok && i < v->n; i++) {
        struct cli_cells cells = {.n = 0};
        cli_add_text(&cells, "name", v->items[i].name);
        cli_add_bool(&cells, "on", v->items[i].on);
        cli_add_text(&cells, "reason", v->items[i].reason);
        ok = cli_cells_object(list, NULL, &cells);
    }
    return ok;
}

static bool add_device(cJSON *devices, const elcl_device_desc *d, const struct verdicts *v)
{
    cJSON *o = cJSON_CreateObject();
    const bool ok = add_limits(o, d) && add_rates(o, d) && (!v || add_verdicts(o, v));
    return cJSON_AddItemToArray(devices, o) && ok;
}

/* ---- verb ---------------------------------------------------------------------------------- */

/* Appends all devices to `out`, or adds them to `devices` unless that is NULL. */
static bool show_devices(const struct devices_options *o, elcl_device_list *list,
                         struct elcl_str *out, cJSON *devices)
{
    bool ok = true;
    for (int i = 0; ok && i < elcl_device_list_count(list); i++) {
        const elcl_device_desc *d = elcl_device_list_get(list, i);
        struct verdicts v = {0};
        const struct verdicts *probed = o->no_probe ? NULL : &v;
        if (o->common.verbose && probed)
            fprintf(stderr, "elcl: probing %s\n", d->name);
        if (probed)
            (void)(o->probe ? elcl_device_list_probe_again
                            : elcl_device_list_probe)(list, i, &v.items, &v.n, &v.error);
        if (devices) {
            ok = add_device(devices, d, probed);
            continue;
        }
        elcl_str_text(out, i ? "\n" : "");
        put_device(out, d, probed);
        cli_output_flush(o->common.output, out);
    }
    return ok;
}

/* Says why nothing can be stored. */
static void put_cache(struct elcl_str *out)
{
    elcl_error why = {0};
    char *directory = NULL;
    if (elcl_check_cache(&directory, &why))
        elcl_str_printf(out, "\nnothing is cached: %s\n", why.msg);
    elcl_free(directory);
}

static bool add_cache(cJSON *root)
{
    elcl_error why = {0};
    char *directory = NULL;
    struct cli_cells cells = {.n = 0};
    const bool used = !elcl_check_cache(&directory, &why) && directory;
    cli_add_text(&cells, "directory", directory ? directory : "");
    cli_add_bool(&cells, "used", used);
    cli_add_text(&cells, "reason", why.msg);
    const bool ok = cli_cells_object(root, "cache", &cells);
    elcl_free(directory);
    return ok;
}

static int write_json(const struct devices_options *o, elcl_device_list *list, struct elcl_str *out,
                      elcl_error *err)
{
    cJSON *root = cJSON_CreateObject();
    const bool ok = cJSON_AddStringToObject(root, "elcl", elcl_version());
    const bool cache = add_cache(root);
    cJSON *devices = cJSON_AddArrayToObject(root, "devices");
    return cli_json_write(out, root, ok && cache && devices && show_devices(o, list, out, devices),
                          false, err);
}

static int run_devices(const struct devices_options *o, elcl_error *err)
{
    struct elcl_str out = {0};
    elcl_device_list *list = NULL;
    int rc = elcl_device_list_create(&list, err);
    if (!rc && o->common.format == CLI_FORMAT_JSON)
        rc = write_json(o, list, &out, err);
    else if (!rc)
        (void)show_devices(o, list, &out, NULL);
    if (!rc && o->common.format != CLI_FORMAT_JSON)
        put_cache(&out);
    if (!rc)
        rc = cli_output_save(o->common.output, &out, err);
    const bool none = !rc && !elcl_device_list_count(list);
    if (none)
        rc = elcl_check_pocl_cache(err);
    if (none && !rc)
        rc = elcl_fail(err, ELCL_E_DEVICE,
                       "no OpenCL device found: install the driver of your GPU, or "
                       "pocl-opencl-icd for the CPU");
    elcl_device_list_destroy(&list);
    elcl_str_finish(&out);
    return rc;
}

int cli_cmd_devices(int argc, char **argv)
{
    struct devices_options options = {.no_probe = 0};
    struct cli_args args = {.verb = "devices",
                            .use = "",
                            .about =
                                "Lists all OpenCL devices: their limits, and which fast paths are "
                                "on and why.\nExits with 1 if there is no device.\n",
                            .opts = options_table,
                            .n_opts = ELCL_COUNT(options_table)};
    elcl_error err = {0};
    int exit_code;
    if (!cli_args_begin(&args, argc, argv, &options, &exit_code))
        return exit_code;
    return run_devices(&options, &err) ? cli_error(CLI_EXIT_FAILURE, "%s", err.msg) : CLI_EXIT_OK;
}
