/* Results of elcl bench as CSV, SQL, JSON and JSON lines. docs/bench-schema.json describes JSON. */
#include "bench/bench.h"

#include <inttypes.h>
#include <stdio.h>

#include "commit.h"
#include "common/cells.h"
#include "common/result_file.h"
#include "common/words.h"

#define SQL_TABLE "elcl_bench"

/* ---- parts of a row ------------------------------------------------------------------------ */

static void add_config(struct cli_cells *row, const struct cli_bench_config *c)
{
    cli_add_text(row, "model", c->model);
    cli_add_text(row, "label", c->label);
    cli_add_text(row, "attention", cli_attention_word((int)c->attention));
    cli_add_text(row, "gemm", cli_gemm_word((int)c->gemm));
    cli_add_text(row, "kernels", cli_kernels_word((int)c->kernels));
    cli_add_text(row, "weights", cli_storage_word((int)c->weights));
    cli_add_text(row, "compute", cli_word_of(cli_compute_words, (int)c->compute));
    cli_add_text(row, "state", cli_storage_word((int)c->state));
    cli_add_whole(row, "batch_size", c->batch_size);
    cli_add_whole(row, "samples", c->samples);
    cli_add_whole(row, "num_beams", c->num_beams);
    cli_add_whole(row, "num_beam_groups", c->num_beam_groups);
    cli_add_whole(row, "source_length", c->source_length);
    cli_add_whole(row, "new_tokens", c->new_tokens);
    cli_add_whole(row, "warmup", c->warmup);
    cli_add_whole(row, "repetitions", c->repetitions);
}

static void add_memory(struct cli_cells *row, const struct cli_bench_result *r)
{
    cli_add_whole(row, "planned_bytes", (double)r->plan.total_bytes);
    cli_add_whole(row, "peak_bytes", (double)r->peak_bytes);
    cli_add_whole(row, "weight_bytes", (double)r->plan.weight_bytes);
    cli_add_whole(row, "source_state_bytes", (double)r->plan.source_state_bytes);
    cli_add_whole(row, "self_state_bytes", (double)r->plan.self_state_bytes);
    cli_add_whole(row, "workspace_bytes", (double)r->plan.workspace_bytes);
}

static void add_fractions(struct cli_cells *row, const struct cli_bench_result *r)
{
    cli_add_known(row, "encode_fraction", r->encode_fraction);
    cli_add_known(row, "step_fraction", r->step_fraction);
}

/* The quantities that are statistics over the repetitions. */
struct quantity {
    const char *name;
    const struct cli_bench_stat *stat;
};

#define N_QUANTITIES 5

static void list_quantities(const struct cli_bench_result *r, struct quantity list[N_QUANTITIES])
{
    list[0] = (struct quantity){"samples_per_second", &r->samples_per_second};
    list[1] = (struct quantity){"output_tokens_per_second", &r->output_tokens_per_second};
    list[2] = (struct quantity){"encoder_tokens_per_second", &r->encoder_tokens_per_second};
    list[3] = (struct quantity){"first_token_ms", &r->first_token_ms};
    list[4] = (struct quantity){"step_ms", &r->step_ms};
}

/* ---- CSV and SQL --------------------------------------------------------------------------- */

static void add_row(struct cli_cells *row, const struct cli_bench *bench,
                    const struct cli_bench_result *r, const char *hash)
{
    const bool done = r->status == CLI_BENCH_OK;
    struct quantity list[N_QUANTITIES];
    list_quantities(r, list);
    cli_add_text(row, "device", bench->device->name);
    cli_add_text(row, "driver", bench->device->driver);
    cli_add_text(row, "elcl", elcl_version());
    cli_add_text(row, "commit", ELCL_COMMIT);
    cli_add_text(row, "date", bench->date);
    add_config(row, &r->config);
    cli_add_text(row, "status", cli_bench_status_word(r->status));
    for (size_t i = 0; i < N_QUANTITIES; i++) {
        const struct cli_bench_stat *s = list[i].stat;
        cli_add_maybe(row, list[i].name, s->median, s->n > 0);
        if (!i)
            cli_add_maybe(row, "samples_per_second_spread", s->spread, s->n > 0);
    }
    add_fractions(row, r);
    add_memory(row, r);
    cli_add_text(row, "ids_hash", done ? hash : NULL);
    cli_add_text(row, "error", done ? NULL : r->error);
}

static void format_rows(const struct cli_bench *bench, bool sql, struct elcl_str *out)
{
    for (size_t i = 0; i < bench->n; i++) {
        struct cli_cells row = {.n = 0};
        char hash[17];
        cli_bench_hash_text(bench->results[i].hash, hash);
        add_row(&row, bench, &bench->results[i], hash);
        if (sql)
            cli_cells_sql(out, SQL_TABLE, &row, !i);
        else
            cli_cells_csv(out, &row, !i);
    }
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static bool add_device(cJSON *o, const elcl_device_desc *d)
{
    struct cli_cells cells = {.n = 0};
    cli_add_device(&cells, d);
    cli_add_whole(&cells, "compute_units", d->compute_units);
    cli_add_whole(&cells, "clock_mhz", d->clock_mhz);
    cli_add_whole(&cells, "memory_bytes", (double)d->memory_bytes);
    cli_add_bool(&cells, "unified_memory", d->unified_memory);
    return cli_cells_object(o, "device", &cells) != NULL;
}

static bool add_rates(cJSON *o, const elcl_device_rates *c)
{
    struct cli_cells cells = {.n = 0};
    if (c->copy_gbs <= 0)
        return cJSON_AddNullToObject(o, "rates") != NULL;
    cli_add_real(&cells, "copy_gbs", c->copy_gbs);
    cli_add_real(&cells, "memory_gbs", c->memory_gbs);
    cli_add_real(&cells, "f32_gflops", c->f32_gflops);
    cli_add_real(&cells, "int8_gops", c->int8_gops);
    cli_add_real(&cells, "bf16_gflops", c->bf16_gflops);
    cli_add_real(&cells, "matrix_gflops", c->matrix_gflops);
    cli_add_real(&cells, "state_gops", c->state_gops);
    cli_add_real(&cells, "launch_us", c->launch_us);
    cli_add_real(&cells, "wait_us", c->wait_us);
    return cli_cells_object(o, "rates", &cells) != NULL;
}

/* Adds what all results share. */
static bool add_head(cJSON *o, const struct cli_bench *bench)
{
    struct cli_cells cells = {.n = 0};
    cli_add_text(&cells, "schema", CLI_BENCH_SCHEMA);
    cli_add_text(&cells, "elcl", elcl_version());
    cli_add_text(&cells, "commit", ELCL_COMMIT);
    cli_add_text(&cells, "date", bench->date);
    cli_add_text(&cells, "command", bench->command);
    return cli_cells_json(o, &cells) && add_device(o, bench->device) && add_rates(o, &bench->rates);
}

static bool add_quantity(cJSON *o, const struct quantity *quantity)
{
    const struct cli_bench_stat *s = quantity->stat;
    struct cli_cells cells = {.n = 0};
    if (!s->n)
        return cJSON_AddNullToObject(o, quantity->name) != NULL;
    cli_add_real(&cells, "median", s->median);
    cli_add_real(&cells, "min", s->min);
    cli_add_real(&cells, "max", s->max);
    cli_add_real(&cells, "spread", s->spread);
    cJSON *stat = cli_cells_object(o, quantity->name, &cells);
    cJSON *values = cJSON_CreateDoubleArray(s->values, s->n);
    const bool ok = stat && cJSON_AddItemToObject(stat, "values", values);
    if (!ok)
        cJSON_Delete(values);
    return ok;
}

static const char *const class_words[] = {[ELCL_OP_OTHER] = "other",
                                          [ELCL_OP_GEMM] = "gemm",
                                          [ELCL_OP_GEMM_INT8] = "gemm_int8",
                                          [ELCL_OP_GEMM_BF16] = "gemm_bf16",
                                          [ELCL_OP_ATTENTION] = "attention",
                                          [ELCL_OP_GEMM_MATRIX] = "gemm_matrix",
                                          [ELCL_OP_ATTENTION_MATRIX] = "attention_matrix",
                                          [ELCL_OP_ATTENTION_INT8] = "attention_int8"};

static bool add_kernels(cJSON *o, const struct cli_bench *bench, const struct cli_bench_result *r)
{
    cJSON *list = cJSON_AddArrayToObject(o, "kernel_times");
    bool ok = list != NULL;
    double total = 0;
    for (int i = 0; i < r->n_kernels; i++)
        total += (double)r->kernels[i].time.ns;
    for (int i = 0; ok && i < r->n_kernels; i++) {
        const elcl_kernel_time *k = &r->kernels[i].time;
        const double ns = (double)k->ns, per_ns = ns > 0 ? 1 / ns : 0;
        const double gbs = (double)k->bytes_moved * per_ns, gflops = (double)k->flop * per_ns;
        const double copy_rate = bench->rates.copy_gbs;
        const double mac_rate = cli_bench_mac_rate(&bench->rates, k->op_class);
        struct cli_cells cells = {.n = 0};
        cli_add_text(&cells, "name", k->name);
        cli_add_text(&cells, "class", class_words[k->op_class]);
        cli_add_whole(&cells, "calls", (double)k->calls);
        cli_add_real(&cells, "seconds", 1e-9 * ns);
        cli_add_real(&cells, "share", total > 0 ? ns / total : 0);
        cli_add_real(&cells, "gbs", gbs);
        cli_add_real(&cells, "gflops", gflops);
        cli_add_maybe(&cells, "copy_fraction", gbs / copy_rate, copy_rate > 0);
        cli_add_maybe(&cells, "mac_fraction", gflops / mac_rate, mac_rate > 0);
        cli_add_known(&cells, "limit_fraction", r->kernels[i].limit_fraction);
        ok = cli_cells_object(list, NULL, &cells) != NULL;
    }
    return ok;
}

/* Builds an object; NULL if memory is short. */
static cJSON *create_result(const struct cli_bench *bench, const struct cli_bench_result *r)
{
    const bool done = r->status == CLI_BENCH_OK;
    struct cli_cells cells = {.n = 0}, memory = {.n = 0};
    struct quantity list[N_QUANTITIES];
    char hash[17];
    cJSON *o = cJSON_CreateObject();
    cli_bench_hash_text(r->hash, hash);
    list_quantities(r, list);
    add_config(&cells, &r->config);
    cli_add_bool(&cells, "synthetic", r->config.synthetic);
    cli_add_whole(&cells, "seed", (double)r->config.seed);
    cli_add_whole(&cells, "parameters", (double)r->parameters);
    cli_add_text(&cells, "status", cli_bench_status_word(r->status));
    cli_add_text(&cells, "error", done ? NULL : r->error);
    cli_add_text(&cells, "ids_hash", done ? hash : NULL);
    add_fractions(&cells, r);
    cli_add_text(&cells, "kernel_times_note", cli_bench_no_times(r));
    add_memory(&memory, r);
    bool ok = cli_cells_json(o, &cells) && cli_cells_object(o, "memory", &memory);
    for (size_t i = 0; ok && i < N_QUANTITIES; i++)
        ok = add_quantity(o, &list[i]);
    if (ok && add_kernels(o, bench, r))
        return o;
    cJSON_Delete(o);
    return NULL;
}

static int format_jsonl(const struct cli_bench *bench, struct elcl_str *out, elcl_error *err)
{
    int rc = ELCL_OK;
    for (size_t i = 0; !rc && i < bench->n; i++) {
        cJSON *o = create_result(bench, &bench->results[i]);
        cJSON *head = o ? cJSON_AddObjectToObject(o, "run") : NULL;
        rc = cli_json_write(out, o, head && add_head(head, bench), true, err);
    }
    return rc;
}

static int format_json(const struct cli_bench *bench, struct elcl_str *out, elcl_error *err)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *list = root && add_head(root, bench) ? cJSON_AddArrayToObject(root, "results") : NULL;
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < bench->n; i++) {
        cJSON *o = create_result(bench, &bench->results[i]);
        ok = o && cJSON_AddItemToArray(list, o);
    }
    return cli_json_write(out, root, ok, false, err);
}

int cli_bench_format(const struct cli_bench *bench, enum cli_format format, struct elcl_str *out,
                     elcl_error *err)
{
    if (format == CLI_FORMAT_JSON)
        return format_json(bench, out, err);
    if (format == CLI_FORMAT_JSONL)
        return format_jsonl(bench, out, err);
    if (format == CLI_FORMAT_MD)
        cli_bench_format_md(bench, out);
    else
        format_rows(bench, format == CLI_FORMAT_SQL, out);
    return out->failed ? elcl_fail_nomem(err) : ELCL_OK;
}
