/* Results of elcl bench as json and jsonl; docs/bench-schema.json describes them. */
#include "bench/bench.h"

#include <inttypes.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "commit.h"
#include "common/words.h"

static bool number(cJSON *o, const char *key, double value)
{
    return cJSON_AddNumberToObject(o, key, value) != NULL;
}

static bool text(cJSON *o, const char *key, const char *value)
{
    return (value ? cJSON_AddStringToObject(o, key, value) : cJSON_AddNullToObject(o, key)) != NULL;
}

/* ---- what all results share ---------------------------------------------------------------- */

static bool add_device(cJSON *o, const elcl_device_desc *d)
{
    static const char *const types[] = {"cpu", "gpu", "other"};
    cJSON *device = cJSON_AddObjectToObject(o, "device");
    return device && text(device, "name", d->name) && text(device, "type", types[d->type]) &&
           text(device, "platform", d->platform) && text(device, "vendor", d->vendor) &&
           text(device, "driver", d->driver) && text(device, "version", d->version) &&
           number(device, "compute_units", d->compute_units) &&
           number(device, "clock_mhz", d->clock_mhz) &&
           number(device, "memory_bytes", (double)d->memory_bytes) &&
           cJSON_AddBoolToObject(device, "unified_memory", d->unified_memory);
}

static bool add_ceilings(cJSON *o, const elcl_ceilings *c)
{
    if (c->copy_gbs <= 0)
        return cJSON_AddNullToObject(o, "ceilings") != NULL;
    cJSON *ceilings = cJSON_AddObjectToObject(o, "ceilings");
    return ceilings && number(ceilings, "copy_gbs", c->copy_gbs) &&
           number(ceilings, "read_gbs", c->read_gbs) &&
           number(ceilings, "mac_f32_gflops", c->mac_f32_gflops) &&
           number(ceilings, "mac_int8_gops", c->mac_int8_gops) &&
           number(ceilings, "mac_bf16_gflops", c->mac_bf16_gflops) &&
           number(ceilings, "launch_us", c->launch_us) && number(ceilings, "wait_us", c->wait_us);
}

static bool add_head(cJSON *o, const struct cli_bench *bench)
{
    return text(o, "schema", "elcl-bench-1") && text(o, "elcl", elcl_version()) &&
           text(o, "commit", ELCL_COMMIT) && text(o, "date", bench->date) &&
           text(o, "command", bench->command) && add_device(o, bench->device) &&
           add_ceilings(o, &bench->ceilings);
}

/* ---- a result ------------------------------------------------------------------------------ */

static bool add_stat(cJSON *o, const char *key, const struct cli_bench_stat *s)
{
    if (!s->n)
        return cJSON_AddNullToObject(o, key) != NULL;
    cJSON *stat = cJSON_AddObjectToObject(o, key);
    cJSON *values = cJSON_CreateDoubleArray(s->values, s->n);
    bool ok = stat && values && number(stat, "median", s->median) && number(stat, "min", s->min) &&
              number(stat, "max", s->max) && number(stat, "spread", s->spread);
    if (!ok || !cJSON_AddItemToObject(stat, "values", values)) {
        cJSON_Delete(values);
        ok = false;
    }
    return ok;
}

static bool add_config(cJSON *o, const struct cli_bench_result *r)
{
    const struct cli_bench_config *c = &r->config;
    return text(o, "model", c->model) && cJSON_AddBoolToObject(o, "synthetic", c->synthetic) &&
           number(o, "seed", (double)c->seed) && number(o, "parameters", (double)r->parameters) &&
           text(o, "attention", cli_attention_word((int)c->attention)) &&
           text(o, "gemm", cli_gemm_word((int)c->gemm)) &&
           text(o, "kernels", cli_kernels_word((int)c->kernels)) &&
           text(o, "weights", cli_storage_word((int)c->weights)) &&
           text(o, "products", cli_word_of(cli_compute_words, (int)c->compute)) &&
           text(o, "state", cli_storage_word((int)c->state)) &&
           number(o, "batch_size", c->batch_size) && number(o, "samples", c->samples) &&
           number(o, "num_beams", c->num_beams) &&
           number(o, "num_beam_groups", c->num_beam_groups) &&
           number(o, "source_length", c->source_length) && number(o, "new_tokens", c->new_tokens) &&
           number(o, "warmup", c->warmup) && number(o, "repetitions", c->repetitions);
}

static bool add_memory(cJSON *o, const struct cli_bench_result *r)
{
    const elcl_memory_plan *p = &r->plan;
    cJSON *memory = cJSON_AddObjectToObject(o, "memory");
    return memory && number(memory, "planned_bytes", (double)p->total_bytes) &&
           number(memory, "peak_bytes", (double)r->peak_bytes) &&
           number(memory, "weight_bytes", (double)p->weight_bytes) &&
           number(memory, "source_state_bytes", (double)p->source_state_bytes) &&
           number(memory, "self_state_bytes", (double)p->self_state_bytes) &&
           number(memory, "workspace_bytes", (double)p->workspace_bytes);
}

/* null where it is 0. */
static bool add_known(cJSON *o, const char *key, double value)
{
    return value > 0 ? number(o, key, value) : cJSON_AddNullToObject(o, key) != NULL;
}

static bool add_fraction(cJSON *o, const char *key, double value, double ceiling)
{
    return ceiling > 0 ? number(o, key, value / ceiling) : cJSON_AddNullToObject(o, key) != NULL;
}

static bool add_kernel(cJSON *list, const struct cli_bench_kernel *kernel, double total_ns,
                       const elcl_ceilings *c)
{
    const elcl_kernel_time *k = &kernel->time;
    cJSON *o = cJSON_CreateObject();
    const double ns = (double)k->ns, per_ns = ns > 0 ? 1 / ns : 0;
    const double gbs = (double)k->bytes_moved * per_ns, gflops = (double)k->flop * per_ns;
    const bool ok = o && text(o, "name", k->name) && number(o, "calls", (double)k->calls) &&
                    number(o, "seconds", 1e-9 * ns) &&
                    number(o, "share", total_ns > 0 ? ns / total_ns : 0) && number(o, "gbs", gbs) &&
                    number(o, "gflops", gflops) &&
                    add_fraction(o, "copy_fraction", gbs, c->copy_gbs) &&
                    add_fraction(o, "mac_fraction", gflops, cli_bench_mac_rate(c, k->name)) &&
                    add_known(o, "limit_fraction", kernel->limit_fraction);
    return cJSON_AddItemToArray(list, o) && ok;
}

static bool add_kernels(cJSON *o, const struct cli_bench *bench, const struct cli_bench_result *r)
{
    cJSON *list = cJSON_AddArrayToObject(o, "kernel_times");
    bool ok = list != NULL;
    double total = 0;
    for (int i = 0; i < r->n_kernels; i++)
        total += (double)r->kernels[i].time.ns;
    for (int i = 0; ok && i < r->n_kernels; i++)
        ok = add_kernel(list, &r->kernels[i], total, &bench->ceilings);
    return ok;
}

/* A new object, NULL when memory is short. */
static cJSON *make_result(const struct cli_bench *bench, const struct cli_bench_result *r)
{
    char hash[17];
    cJSON *o = cJSON_CreateObject();
    cli_bench_hash_text(r->hash, hash);
    const bool done = r->status == CLI_BENCH_OK;
    const bool ok =
        o && add_config(o, r) && text(o, "status", cli_bench_status_word(r->status)) &&
        text(o, "error", done ? NULL : r->error) &&
        add_stat(o, "samples_per_second", &r->samples_per_second) &&
        add_stat(o, "output_tokens_per_second", &r->output_tokens_per_second) &&
        add_stat(o, "encoder_tokens_per_second", &r->encoder_tokens_per_second) &&
        add_stat(o, "first_token_ms", &r->first_token_ms) && add_stat(o, "step_ms", &r->step_ms) &&
        add_known(o, "encode_fraction", r->encode_fraction) &&
        add_known(o, "step_fraction", r->step_fraction) && add_memory(o, r) &&
        add_kernels(o, bench, r) && text(o, "kernel_times_note", cli_bench_no_times(r)) &&
        text(o, "ids_hash", done ? hash : NULL) && text(o, "label", r->config.label);
    if (ok)
        return o;
    cJSON_Delete(o);
    return NULL;
}

/* ---- the run ------------------------------------------------------------------------------- */

static int print(cJSON *o, bool line, struct elcl_str *out, elcl_error *err)
{
    char *printed = o ? line ? cJSON_PrintUnformatted(o) : cJSON_Print(o) : NULL;
    if (printed) {
        elcl_str_text(out, printed);
        elcl_str_text(out, "\n");
    }
    cJSON_free(printed);
    return printed && !out->failed ? ELCL_OK : elcl_fail_nomem(err);
}

static int print_line(const struct cli_bench *bench, const struct cli_bench_result *r,
                      struct elcl_str *out, elcl_error *err)
{
    cJSON *o = make_result(bench, r);
    cJSON *head = o ? cJSON_AddObjectToObject(o, "run") : NULL;
    const int rc = head && add_head(head, bench) ? print(o, true, out, err) : elcl_fail_nomem(err);
    cJSON_Delete(o);
    return rc;
}

int cli_bench_format_json(const struct cli_bench *bench, bool lines, struct elcl_str *out,
                          elcl_error *err)
{
    int rc = ELCL_OK;
    for (size_t i = 0; lines && !rc && i < bench->n; i++)
        rc = print_line(bench, &bench->results[i], out, err);
    if (lines)
        return rc;
    cJSON *root = cJSON_CreateObject();
    cJSON *list = root && add_head(root, bench) ? cJSON_AddArrayToObject(root, "results") : NULL;
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < bench->n; i++) {
        cJSON *o = make_result(bench, &bench->results[i]);
        ok = o && cJSON_AddItemToArray(list, o);
    }
    rc = ok ? print(root, false, out, err) : elcl_fail_nomem(err);
    cJSON_Delete(root);
    return rc;
}
