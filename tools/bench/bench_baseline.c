/* elcl bench --baseline: compares with the same configurations of an earlier bench. */
#include "bench/bench.h"

#include <stdio.h>
#include <string.h>

#include "common/words.h"

static bool same_config(const struct cli_row *row, const struct cli_bench_config *c)
{
    return !strcmp(row->model, c->model) &&
           !strcmp(row->attention, cli_attention_word((int)c->attention)) &&
           !strcmp(row->gemm, cli_gemm_word((int)c->gemm)) &&
           !strcmp(row->kernels, cli_kernels_word((int)c->kernels)) &&
           !strcmp(row->weights, cli_storage_word((int)c->weights)) &&
           !strcmp(row->state, cli_storage_word((int)c->state)) &&
           row->batch_size == c->batch_size && row->samples == c->samples &&
           row->num_beams == c->num_beams && row->num_beam_groups == c->num_beam_groups &&
           row->source_length == c->source_length && row->new_tokens == c->new_tokens;
}

/* Prints one line. Returns true if the result is slower beyond noise, or no longer runs. */
static bool judge(const struct cli_row *before, const struct cli_bench_result *r)
{
    const struct cli_bench_config *c = &r->config;
    const double old = before->rate.median;
    char name[160];
    if (old <= 0)
        return false;
    (void)snprintf(name, sizeof(name), "%.60s %s, batch %d, beams %d, source %d, new %d", c->model,
                   cli_attention_word((int)c->attention), c->batch_size, c->num_beams,
                   c->source_length, c->new_tokens);
    if (r->status != CLI_BENCH_OK) {
        fprintf(stderr, "elcl: slower: %s: %s, %.3g samples/s before\n", name,
                cli_bench_status_word(r->status), old);
        return true;
    }
    const double now = r->samples_per_second.median;
    const double noise = before->rate.spread + r->samples_per_second.spread;
    const double bound = noise > CLI_LEAST_NOISE ? noise : CLI_LEAST_NOISE;
    const bool slower = now<old *(1 - bound), faster = now> old * (1 + bound);
    const char *word = slower ? "slower" : faster ? "faster" : "same";
    fprintf(stderr, "elcl: %s: %s: %.3g samples/s, %.3g before (%+.1f %%, noise %.1f %%)\n", word,
            name, now, old, 100 * (now / old - 1), 100 * bound);
    return slower;
}

int cli_bench_compare(const struct cli_bench *bench, const struct cli_result_file *before,
                      size_t *n_slower, elcl_error *err)
{
    size_t both = 0;
    for (size_t i = 0; i < bench->n; i++)
        for (int j = 0; j < before->n_rows; j++)
            if (same_config(&before->rows[j], &bench->results[i].config)) {
                *n_slower += judge(&before->rows[j], &bench->results[i]);
                both++;
                break;
            }
    return both ? ELCL_OK
                : elcl_fail(err, ELCL_E_ARG, "%.200s: has no configuration of this bench",
                            before->path);
}
