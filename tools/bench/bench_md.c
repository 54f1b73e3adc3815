/* Results of elcl bench as Markdown tables. */
#include "bench/bench.h"

#include <inttypes.h>
#include <stdio.h>

#include "commit.h"
#include "common/words.h"

const char *cli_bench_status_word(enum cli_bench_status status)
{
    static const char *const words[] = {"ok", "out of memory", "failed"};
    return words[status];
}

void cli_bench_hash_text(uint64_t hash, char text[17])
{
    (void)snprintf(text, 17, "%016" PRIx64, hash);
}

/* Appends a number with about three digits. */
static void put_number(struct elcl_str *out, double value)
{
    elcl_str_printf(out, value >= 100 ? " %.0f |" : value >= 10 ? " %.1f |" : " %.2f |", value);
}

static void put_stat(struct elcl_str *out, const struct cli_bench_stat *s)
{
    if (s->n)
        put_number(out, s->median);
    else
        elcl_str_text(out, " - |");
}

static void put_fraction(struct elcl_str *out, double fraction)
{
    if (fraction > 0)
        elcl_str_printf(out, " %.0f %% |", 100 * fraction);
    else
        elcl_str_text(out, " - |");
}

static void put_rate(struct elcl_str *out, const struct cli_bench_result *r)
{
    const struct cli_bench_stat *s = &r->samples_per_second;
    if (r->status != CLI_BENCH_OK)
        elcl_str_printf(out, " %s |", cli_bench_status_word(r->status));
    else
        elcl_str_printf(out, " %.3g ± %.0f %% |", s->median, 100 * s->spread);
}

static double mib(uint64_t bytes)
{
    return (double)bytes / 1048576;
}

static void put_row(struct elcl_str *out, size_t number, const struct cli_bench_result *r)
{
    const struct cli_bench_config *c = &r->config;
    char hash[17];
    cli_bench_hash_text(r->hash, hash);
    elcl_str_printf(out, "| %zu | %s%s%s%s | %s | %s | %s | %d | %d | %d | %d |", number, c->model,
                    c->label ? " (" : "", c->label ? c->label : "", c->label ? ")" : "",
                    cli_attention_word((int)c->attention), cli_storage_word((int)c->weights),
                    cli_storage_word((int)c->state), c->batch_size, c->num_beams, c->source_length,
                    c->new_tokens);
    put_rate(out, r);
    put_stat(out, &r->output_tokens_per_second);
    put_stat(out, &r->encoder_tokens_per_second);
    put_stat(out, &r->first_token_ms);
    put_fraction(out, r->encode_fraction);
    put_stat(out, &r->step_ms);
    put_fraction(out, r->step_fraction);
    put_number(out, mib(r->plan.source_state_bytes + r->plan.self_state_bytes));
    put_number(out, mib(r->plan.total_bytes));
    if (r->peak_bytes)
        put_number(out, mib(r->peak_bytes));
    else
        elcl_str_text(out, " - |");
    elcl_str_printf(out, " %s |\n", r->status == CLI_BENCH_OK ? hash : "-");
}

/* Appends the kernels that take at least a hundredth of the time. */
static void put_kernels(struct elcl_str *out, const struct cli_bench *bench, size_t number,
                        const struct cli_bench_result *r)
{
    double total = 0;
    for (int i = 0; i < r->n_kernels; i++)
        total += (double)r->kernels[i].time.ns;
    for (int i = 0; i < r->n_kernels && total > 0; i++) {
        const elcl_kernel_time *k = &r->kernels[i].time;
        const double ns = (double)k->ns;
        if (ns < total / 100)
            continue;
        const double gbs = (double)k->bytes_moved / ns, gflops = (double)k->flop / ns;
        elcl_str_printf(out, "| %zu | %s | %" PRIu64 " | %.0f %% |", number, k->name, k->calls,
                        100 * ns / total);
        put_number(out, ns / (double)k->calls / 1e3);
        put_number(out, gbs);
        put_fraction(out, gbs / bench->rates.copy_gbs);
        put_number(out, gflops);
        put_fraction(out, gflops / cli_bench_mac_rate(&bench->rates, k->op_class));
        put_fraction(out, r->kernels[i].limit_fraction);
        elcl_str_text(out, "\n");
    }
}

const char *cli_bench_no_times(const struct cli_bench_result *result)
{
    return result->no_times ? "kernel times and fractions are omitted: by the driver's events, all "
                              "kernels together take less than 1 % of the elapsed time and beat "
                              "the measured peak rates"
                            : NULL;
}

static bool has_kernels(const struct cli_bench *bench)
{
    for (size_t i = 0; i < bench->n; i++)
        if (bench->results[i].n_kernels)
            return true;
    return false;
}

void cli_bench_format_md(const struct cli_bench *bench, struct elcl_str *out)
{
    const elcl_device_rates *c = &bench->rates;
    elcl_str_printf(out, "%s, %s, driver %s; elcl %s %s; %s\n\n", bench->device->name,
                    bench->device->platform, bench->device->driver, elcl_version(), ELCL_COMMIT,
                    bench->date);
    elcl_str_printf(
        out,
        "peak rates: copy %.1f GB/s, read %.1f GB/s, f32 multiply-add %.1f GFLOP/s, int8 "
        "%.1f GOP/s, bf16 %.1f GFLOP/s, matrix instruction %.1f GFLOP/s, int8 state %.1f GOP/s, "
        "launch %.1f us, launch and wait %.1f us\n\n",
        c->copy_gbs, c->memory_gbs, c->f32_gflops, c->int8_gops, c->bf16_gflops, c->matrix_gflops,
        c->state_gops, c->launch_us, c->wait_us);
    elcl_str_text(
        out,
        "| # | model | attention | weights | state | batch | beams | source | new | samples/s "
        "| tokens/s | encoder tokens/s | first ms | encode, of limit | step ms | step, of limit | "
        "state MiB | planned MiB | peak MiB | ids |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < bench->n; i++)
        put_row(out, i + 1, &bench->results[i]);
    if (has_kernels(bench))
        elcl_str_text(out, "\n| # | kernel | calls | time | us a call | GB/s | of copy | GFLOP/s "
                           "| of multiply-add | of limit |\n"
                           "|---|---|---|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < bench->n; i++)
        put_kernels(out, bench, i + 1, &bench->results[i]);
    for (size_t i = 0; i < bench->n; i++)
        if (cli_bench_no_times(&bench->results[i]))
            elcl_str_printf(out, "\n%zu: %s\n", i + 1, cli_bench_no_times(&bench->results[i]));
    for (size_t i = 0; i < bench->n; i++)
        if (bench->results[i].status != CLI_BENCH_OK)
            elcl_str_printf(out, "\n%zu: %s\n", i + 1, bench->results[i].error);
}
