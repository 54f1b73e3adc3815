/* Result files of elcl bench: reading, checking, and which rows did the same work. */
#include "compare/compare.h"
#include "common/sys.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE_BYTES ((size_t)256 << 20)

static const cJSON *get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static const char *text_of(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(get(object, key));
    return text ? text : "";
}

/* A number from 0 on; 0 where there is none. */
static double number_of(const cJSON *object, const char *key)
{
    const cJSON *item = get(object, key);
    return cJSON_IsNumber(item) && isfinite(item->valuedouble) && item->valuedouble > 0
               ? item->valuedouble
               : 0;
}

static int count_of(const cJSON *object, const char *key)
{
    const double v = number_of(object, key);
    return v < INT_MAX ? (int)v : INT_MAX;
}

static struct cli_measured measured_of(const cJSON *object, const char *key)
{
    const cJSON *m = get(object, key);
    return (struct cli_measured){number_of(m, "median"), number_of(m, "min"), number_of(m, "max"),
                                 number_of(m, "spread"), cJSON_GetArraySize(get(m, "values")) == 1};
}

static int read_bytes(const char *path, struct elcl_str *bytes, elcl_error *err)
{
    int fd = -1;
    int rc = cli_sys_open(path, &fd, err);
    while (!rc) {
        char block[65536];
        size_t n = 0;
        const char *why = "";
        const enum cli_read state = cli_sys_read(fd, -1, block, sizeof(block), &n, &why);
        if (state == CLI_READ_END)
            break;
        if (state == CLI_READ_FAILED)
            rc = elcl_fail(err, ELCL_E_IO, "%.200s: cannot read: %s", path, why);
        else if (state == CLI_READ_DATA)
            elcl_str_append(bytes, block, n);
        if (bytes->n > MAX_FILE_BYTES)
            rc = elcl_fail(err, ELCL_E_FORMAT,
                           "%.200s: a result file of elcl bench has at most 256 MiB", path);
    }
    cli_sys_close(&fd);
    return rc || !bytes->failed ? rc : elcl_fail_nomem(err);
}

static int take_rows(struct cli_result_file *file, const cJSON *results, elcl_error *err)
{
    file->rows = calloc((size_t)cJSON_GetArraySize(results) + 1, sizeof(*file->rows));
    if (!file->rows)
        return elcl_fail_nomem(err);
    const cJSON *r;
    cJSON_ArrayForEach(r, results)
    {
        struct cli_row *row = &file->rows[file->n_rows];
        const cJSON *memory = get(r, "memory");
        *row = (struct cli_row){.model = text_of(r, "model"),
                                .attention = text_of(r, "attention"),
                                .weights = text_of(r, "weights"),
                                .state = text_of(r, "state"),
                                .status = text_of(r, "status"),
                                .ids_hash = text_of(r, "ids_hash"),
                                .batch_size = count_of(r, "batch_size"),
                                .num_beams = count_of(r, "num_beams"),
                                .num_beam_groups = count_of(r, "num_beam_groups"),
                                .source_length = count_of(r, "source_length"),
                                .new_tokens = count_of(r, "new_tokens"),
                                .samples = measured_of(r, "samples_per_second"),
                                .step_ms = measured_of(r, "step_ms"),
                                .first_ms = measured_of(r, "first_token_ms"),
                                .planned_bytes = number_of(memory, "planned_bytes"),
                                .peak_bytes = number_of(memory, "peak_bytes"),
                                .kernels = get(r, "kernel_times")};
        file->n_rows++;
        if (!*row->model || !*row->attention || !row->batch_size)
            return elcl_fail(err, ELCL_E_FORMAT,
                             "%.200s: result %d lacks model, attention or batch_size", file->path,
                             file->n_rows);
    }
    return ELCL_OK;
}

static int take_file(struct cli_result_file *file, elcl_error *err)
{
    const cJSON *tree = file->tree, *device = get(tree, "device"), *results = get(tree, "results");
    const char *schema = cJSON_GetStringValue(get(tree, "schema"));
    if (!schema || strncmp(schema, "elcl-bench-", 11) != 0)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%.200s: no result file of elcl bench (--format json), which begins "
                         "with \"schema\": \"" CLI_BENCH_SCHEMA "\"",
                         file->path);
    if (strcmp(schema, CLI_BENCH_SCHEMA) != 0)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%.200s: written as %.40s, but this elcl compares " CLI_BENCH_SCHEMA
                         ": run its elcl bench again",
                         file->path, schema);
    if (!cJSON_IsObject(device) || !cJSON_IsArray(results))
        return elcl_fail(err, ELCL_E_FORMAT, "%.200s: \"device\" or \"results\" is missing",
                         file->path);
    const cJSON *ceilings = get(tree, "ceilings");
    file->elcl = text_of(tree, "elcl");
    file->commit = text_of(tree, "commit");
    file->date = text_of(tree, "date");
    file->command = text_of(tree, "command");
    file->device = text_of(device, "name");
    file->platform = text_of(device, "platform");
    file->driver = text_of(device, "driver");
    file->version = text_of(device, "version");
    file->copy_gbs = number_of(ceilings, "copy_gbs");
    file->read_gbs = number_of(ceilings, "read_gbs");
    file->mac_gflops = number_of(ceilings, "mac_f32_gflops");
    file->mac_bf16_gflops = number_of(ceilings, "mac_bf16_gflops");
    file->mac_int8_gops = number_of(ceilings, "mac_int8_gops");
    return take_rows(file, results, err);
}

int cli_result_file_read(const char *path, int index, struct cli_result_file *file, elcl_error *err)
{
    struct elcl_str bytes = {0};
    *file = (struct cli_result_file){.path = path, .letter = (char)('A' + index)};
    int rc = read_bytes(path, &bytes, err);
    if (!rc) {
        file->tree = bytes.n ? cJSON_ParseWithLength(bytes.data, bytes.n) : NULL;
        rc = file->tree ? take_file(file, err)
                        : elcl_fail(err, ELCL_E_FORMAT,
                                    "%.200s: no result file of elcl bench (--format json): "
                                    "it is not one JSON object",
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

bool cli_rows_agree(const struct cli_row *a, const struct cli_row *b, bool attention)
{
    return !strcmp(a->model, b->model) && !strcmp(a->weights, b->weights) &&
           !strcmp(a->state, b->state) && a->num_beams == b->num_beams &&
           a->num_beam_groups == b->num_beam_groups && a->source_length == b->source_length &&
           a->new_tokens == b->new_tokens &&
           (!attention || (!strcmp(a->attention, b->attention) && a->batch_size == b->batch_size));
}

const struct cli_row *cli_result_file_find(const struct cli_result_file *file,
                                           const struct cli_row *row)
{
    for (int i = 0; i < file->n_rows; i++)
        if (cli_rows_agree(&file->rows[i], row, true))
            return &file->rows[i];
    return NULL;
}

bool cli_row_is_first(const struct cli_comparison *c, int file, int row, bool attention)
{
    const struct cli_row *r = &c->files[file].rows[row];
    for (int i = 0; i <= file; i++)
        for (int j = 0; j < (i < file ? c->files[i].n_rows : row); j++)
            if (cli_rows_agree(&c->files[i].rows[j], r, attention))
                return false;
    return true;
}

char cli_row_mark(const struct cli_row *row, const struct cli_row *base, double *ratio)
{
    *ratio = 0;
    if (!row || !base || row->samples.median <= 0 || base->samples.median <= 0)
        return ' ';
    *ratio = row->samples.median / base->samples.median;
    if (*row->ids_hash && *base->ids_hash && strcmp(row->ids_hash, base->ids_hash) != 0)
        return '!';
    const double noise = fmax(row->samples.spread + base->samples.spread, CLI_LEAST_NOISE);
    return fabs(log(*ratio)) <= log1p(noise) ? '=' : *ratio > 1 ? '+' : '-';
}
