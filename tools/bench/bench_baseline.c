/* elcl bench --baseline: the same configurations in an earlier run's json. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/words.h"
#include "common/sys.h"

#define MAX_BYTES ((size_t)256 << 20)

static int read_file(const char *path, struct elcl_str *text, elcl_error *err)
{
    int fd;
    int rc = cli_sys_open(path, &fd, err);
    if (rc)
        return rc;
    for (;;) {
        char part[65536];
        size_t n = 0;
        const char *why = "";
        const enum cli_read state = cli_sys_read(fd, -1, part, sizeof(part), &n, &why);
        if (state == CLI_READ_FAILED)
            rc = elcl_fail(err, ELCL_E_IO, "%.200s: cannot read: %s", path, why);
        if (state == CLI_READ_FAILED || state == CLI_READ_END)
            break;
        elcl_str_append(text, part, n);
        if (text->n > MAX_BYTES) {
            rc = elcl_fail(err, ELCL_E_FORMAT, "%.200s: more than %zu bytes", path, MAX_BYTES);
            break;
        }
    }
    cli_sys_close(&fd);
    return rc ? rc : text->failed ? elcl_fail_nomem(err) : ELCL_OK;
}

static bool is_text(const cJSON *o, const char *key, const char *want)
{
    const char *found = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
    return found && !strcmp(found, want);
}

/* 0 where it is no number. */
static double number_of(const cJSON *o, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static bool is_number(const cJSON *o, const char *key, int want)
{
    const double difference = number_of(o, key) - want;
    return difference > -0.5 && difference < 0.5;
}

static bool same_config(const cJSON *o, const struct cli_bench_config *c)
{
    return is_text(o, "model", c->model) &&
           is_text(o, "attention", cli_attention_word((int)c->attention)) &&
           is_text(o, "gemm", cli_gemm_word((int)c->gemm)) &&
           is_text(o, "kernels", cli_kernels_word((int)c->kernels)) &&
           is_text(o, "weights", cli_storage_word((int)c->weights)) &&
           is_text(o, "state", cli_storage_word((int)c->state)) &&
           is_number(o, "batch_size", c->batch_size) && is_number(o, "samples", c->samples) &&
           is_number(o, "num_beams", c->num_beams) &&
           is_number(o, "num_beam_groups", c->num_beam_groups) &&
           is_number(o, "source_length", c->source_length) &&
           is_number(o, "new_tokens", c->new_tokens);
}

/* One line; true when the result is slower beyond noise, or does not run any more. */
static bool judge(const cJSON *before, const struct cli_bench_result *r)
{
    const struct cli_bench_config *c = &r->config;
    const cJSON *stat = cJSON_GetObjectItemCaseSensitive(before, "samples_per_second");
    const double old = number_of(stat, "median"), spread = number_of(stat, "spread");
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
    const double noise = spread + r->samples_per_second.spread;
    const double bound = noise > CLI_LEAST_NOISE ? noise : CLI_LEAST_NOISE;
    const bool slower = now<old *(1 - bound), faster = now> old * (1 + bound);
    fprintf(stderr, "elcl: %s: %s: %.3g samples/s, %.3g before (%+.1f %%, noise %.1f %%)\n",
            slower   ? "slower"
            : faster ? "faster"
                     : "same",
            name, now, old, 100 * (now / old - 1), 100 * bound);
    return slower;
}

int cli_bench_compare(const struct cli_bench *bench, const char *path, size_t *n_slower,
                      elcl_error *err)
{
    struct elcl_str text = {0};
    size_t slower = 0, both = 0;
    int rc = read_file(path, &text, err);
    cJSON *root = rc ? NULL : cJSON_ParseWithLength(text.data ? text.data : "", text.n);
    const cJSON *results = cJSON_GetObjectItemCaseSensitive(root, "results"), *before;
    if (!rc && (!is_text(root, "schema", "elcl-bench-1") || !cJSON_IsArray(results)))
        rc = elcl_fail(err, ELCL_E_FORMAT,
                       "%.200s: expected the json of elcl bench (\"schema\": "
                       "\"elcl-bench-1\")",
                       path);
    for (size_t i = 0; !rc && i < bench->n; i++) {
        cJSON_ArrayForEach(before, results)
        {
            if (!same_config(before, &bench->results[i].config))
                continue;
            slower += judge(before, &bench->results[i]);
            both++;
            break;
        }
    }
    if (!rc && !both)
        rc = elcl_fail(err, ELCL_E_ARG, "%.200s: has none of what was run", path);
    cJSON_Delete(root);
    elcl_str_finish(&text);
    if (!rc)
        *n_slower = slower;
    return rc;
}
