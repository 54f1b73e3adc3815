#include "common/result_file.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_raw.h"
#include "common/sys.h"

#define MAX_FILE_BYTES ((size_t)256 << 20)

static const cJSON *get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static const char *get_text(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(get(object, key));
    return text ? text : "";
}

/* Returns a finite number above 0, else 0. */
static double get_number(const cJSON *object, const char *key)
{
    const cJSON *item = get(object, key);
    return cJSON_IsNumber(item) && isfinite(item->valuedouble) && item->valuedouble > 0
               ? item->valuedouble
               : 0;
}

static int get_count(const cJSON *object, const char *key)
{
    const double v = get_number(object, key);
    return v < INT_MAX ? (int)v : INT_MAX;
}

static struct cli_measured get_measured(const cJSON *object, const char *key)
{
    const cJSON *m = get(object, key);
    return (struct cli_measured){get_number(m, "median"), get_number(m, "min"),
                                 get_number(m, "max"), get_number(m, "spread"),
                                 cJSON_GetArraySize(get(m, "values")) == 1};
}

static int add_rows(struct cli_result_file *file, const cJSON *results, elcl_error *err)
{
    file->rows = calloc((size_t)cJSON_GetArraySize(results) + 1, sizeof(*file->rows));
    if (!file->rows)
        return elcl_fail_nomem(err);
    const cJSON *r;
    cJSON_ArrayForEach(r, results)
    {
        struct cli_row *row = &file->rows[file->n_rows];
        const cJSON *memory = get(r, "memory");
        *row = (struct cli_row){.model = get_text(r, "model"),
                                .attention = get_text(r, "attention"),
                                .gemm = get_text(r, "gemm"),
                                .kernels = get_text(r, "kernels"),
                                .weights = get_text(r, "weights"),
                                .state = get_text(r, "state"),
                                .status = get_text(r, "status"),
                                .ids_hash = get_text(r, "ids_hash"),
                                .batch_size = get_count(r, "batch_size"),
                                .samples = get_count(r, "samples"),
                                .num_beams = get_count(r, "num_beams"),
                                .num_beam_groups = get_count(r, "num_beam_groups"),
                                .source_length = get_count(r, "source_length"),
                                .new_tokens = get_count(r, "new_tokens"),
                                .rate = get_measured(r, "samples_per_second"),
                                .step_ms = get_measured(r, "step_ms"),
                                .first_ms = get_measured(r, "first_token_ms"),
                                .planned_bytes = get_number(memory, "planned_bytes"),
                                .peak_bytes = get_number(memory, "peak_bytes"),
                                .kernel_times = get(r, "kernel_times")};
        file->n_rows++;
        if (!*row->model || !*row->attention || !row->batch_size)
            return elcl_fail(err, ELCL_E_FORMAT,
                             "%.200s: result %d has no model, attention or batch_size", file->path,
                             file->n_rows);
    }
    return ELCL_OK;
}

/* Older files have other names for the same rates. */
static double get_rate(const cJSON *rates, const char *key, const char *old_key)
{
    return get_number(rates, get(rates, key) ? key : old_key);
}

static void take_rates(const cJSON *from, elcl_device_rates *rates)
{
    rates->copy_gbs = get_number(from, "copy_gbs");
    rates->memory_gbs = get_rate(from, "memory_gbs", "read_gbs");
    rates->f32_gflops = get_rate(from, "f32_gflops", "mac_f32_gflops");
    rates->int8_gops = get_rate(from, "int8_gops", "mac_int8_gops");
    rates->bf16_gflops = get_rate(from, "bf16_gflops", "mac_bf16_gflops");
    rates->matrix_gflops = get_number(from, "matrix_gflops");
    rates->state_gops = get_number(from, "state_gops");
}

static int fill_file(struct cli_result_file *file, elcl_error *err)
{
    const cJSON *tree = file->tree, *device = get(tree, "device"), *results = get(tree, "results");
    const char *schema = cJSON_GetStringValue(get(tree, "schema"));
    if (!schema || strncmp(schema, "elcl-bench-", 11) != 0)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%.200s: not a result file of elcl bench (--format json), which begins "
                         "with \"schema\": \"" CLI_BENCH_SCHEMA "\"",
                         file->path);
    if (strcmp(schema, CLI_BENCH_SCHEMA) != 0 && strcmp(schema, CLI_BENCH_OLD_SCHEMA) != 0)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%.200s: expected " CLI_BENCH_SCHEMA
                         ", found %.40s: run elcl bench of this version again",
                         file->path, schema);
    if (!cJSON_IsObject(device) || !cJSON_IsArray(results))
        return elcl_fail(err, ELCL_E_FORMAT, "%.200s: \"device\" or \"results\" is missing",
                         file->path);
    const cJSON *rates = get(tree, "rates");
    file->elcl = get_text(tree, "elcl");
    file->commit = get_text(tree, "commit");
    file->date = get_text(tree, "date");
    file->command = get_text(tree, "command");
    file->device = get_text(device, "name");
    file->platform = get_text(device, "platform");
    file->driver = get_text(device, "driver");
    file->version = get_text(device, "version");
    take_rates(rates ? rates : get(tree, "ceilings"), &file->rates);
    return add_rows(file, results, err);
}

int cli_result_file_read(const char *path, int index, struct cli_result_file *file, elcl_error *err)
{
    struct elcl_str bytes = {0};
    *file = (struct cli_result_file){.path = path, .letter = (char)('A' + index)};
    int rc = cli_sys_load(path, MAX_FILE_BYTES, &bytes, err);
    if (!rc) {
        size_t end;
        rc = cli_json_parse(bytes.data ? bytes.data : "", bytes.n, &file->tree, &end, err);
    }
    if (!rc) {
        rc = file->tree ? fill_file(file, err)
                        : elcl_fail(err, ELCL_E_FORMAT,
                                    "%.200s: not a result file of elcl bench (--format json): "
                                    "expected one JSON object",
                                    path);
    }
    elcl_str_finish(&bytes);
    if (rc)
        cli_result_file_finish(file);
    return rc;
}

void cli_result_file_finish(struct cli_result_file *file)
{
    cJSON_Delete(file->tree);
    free(file->rows);
    *file = (struct cli_result_file){0};
}
