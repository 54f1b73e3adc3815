/* The configurations of elcl bench, from its options. */
#include "common/remedy.h"
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A row of a preset. */
struct preset_row {
    const char *label, *model;
    int source_length, new_tokens, num_beams, num_beam_groups;
};

static const struct preset_row quick[] = {
    {NULL, "bart-base", 64, 16, 4, 1},
    {NULL, "gpt2", 64, 16, 4, 1},
};

/* The paper's table. CNN/DM sources are cut at 1024 tokens and outputs average 82; XSum outputs
 * have 10 to 60; SQuAD sources have up to 512, and questions are short. Prompts of GPT-2 leave room
 * for the output within its 1024 positions. Diverse search has a group for each beam. */
static const struct preset_row paper[] = {
    {"Transformer 270M SQuAD beam 4", "transformer-270m", 512, 16, 4, 1},
    {"BART-large XSum beam 6", "bart-large", 1024, 30, 6, 1},
    {"BART-large CNN/DM beam 4", "bart-large", 1024, 82, 4, 1},
    {"GPT-2 117M CNN/DM beam 4", "gpt2", 900, 82, 4, 1},
    {"GPT-2 345M CNN/DM beam 4", "gpt2-medium", 900, 82, 4, 1},
    {"Transformer 270M SQuAD diverse 4", "transformer-270m", 512, 16, 4, 4},
    {"BART-large XSum diverse 6", "bart-large", 1024, 30, 6, 6},
    {"BART-large CNN/DM diverse 4", "bart-large", 1024, 82, 4, 4},
    {"Transformer 270M SQuAD greedy", "transformer-270m", 512, 16, 1, 1},
    {"BART-large XSum greedy", "bart-large", 1024, 30, 1, 1},
    {"BART-large CNN/DM greedy", "bart-large", 1024, 82, 1, 1},
    {"GPT-2 117M CNN/DM greedy", "gpt2", 900, 82, 1, 1},
    {"GPT-2 345M CNN/DM greedy", "gpt2-medium", 900, 82, 1, 1},
};

static int add(struct cli_bench_configs *configs, const struct cli_bench_config *config,
               elcl_error *err)
{
    void *items = configs->items;
    if (!elcl_grow(&items, &configs->capacity, configs->n + 1, sizeof(*configs->items)))
        return elcl_fail_nomem(err);
    configs->items = items;
    configs->items[configs->n++] = *config;
    return ELCL_OK;
}

/* Adds all combinations of the lists for the model in *base. The last list varies fastest; lists
 * whose values need another opened model vary slowest. */
static int combine(const struct cli_bench_options *o, const struct cli_bench_config *base,
                   const struct cli_opt_list *lists[10], struct cli_bench_configs *configs,
                   elcl_error *err)
{
    size_t n = 1;
    for (int l = 0; l < 10; l++)
        n *= (size_t)lists[l]->n;
    if (n > 100000)
        return elcl_fail(err, ELCL_E_ARG, "expected at most 100000 combinations, found %zu", n);
    for (size_t i = 0; i < n; i++) {
        int v[10];
        size_t rest = i;
        for (int l = 9; l >= 0; l--) {
            v[l] = lists[l]->values[rest % (size_t)lists[l]->n];
            rest /= (size_t)lists[l]->n;
        }
        struct cli_bench_config c = *base;
        c.seed = (uint64_t)o->seed;
        c.weights = (enum elcl_storage)v[0];
        c.state = (enum elcl_storage)v[1];
        c.gemm = (enum elcl_gemm)v[2];
        c.kernels = (enum elcl_kernels)v[3];
        c.attention = (enum elcl_attention)v[4];
        c.batch_size = v[5];
        c.num_beams = v[6];
        c.num_beam_groups = v[7];
        c.source_length = v[8];
        c.new_tokens = v[9];
        c.max_batch = o->max_batch;
        c.samples = o->samples;
        c.warmup = o->warmup;
        c.repetitions = o->repetitions;
        const int rc = add(configs, &c, err);
        if (rc)
            return rc;
    }
    return ELCL_OK;
}

static struct cli_opt_list or_one(const struct cli_opt_list *given, int value)
{
    struct cli_opt_list one = {.n = 1, .values = {value}};
    return given->n ? *given : one;
}

static int scaled(int length, float scale)
{
    const int n = (int)(length * (double)scale + 0.5);
    return n < 1 ? 1 : n;
}

static int expand_preset(const struct cli_bench_options *o, const struct preset_row *rows,
                         size_t n_rows, bool is_paper, struct cli_bench_configs *configs,
                         elcl_error *err)
{
    const struct cli_opt_list variants =
        is_paper ? (struct cli_opt_list){.n = 2, .values = {ELCL_ATTN_MHA_BEAM, ELCL_ATTN_EL}}
                 : (struct cli_opt_list){
                       .n = 3, .values = {ELCL_ATTN_EL, ELCL_ATTN_MHA, ELCL_ATTN_MHA_BEAM}};
    const struct cli_opt_list batches = is_paper ? (struct cli_opt_list){.n = 1, .values = {0}}
                                                 : (struct cli_opt_list){.n = 2, .values = {1, 4}};
    for (size_t i = 0; i < n_rows; i++) {
        const struct preset_row *row = &rows[i];
        const struct cli_bench_config base = {
            .model = row->model, .synthetic = true, .label = row->label};
        const struct cli_opt_list attention = o->attention.n ? o->attention : variants;
        const struct cli_opt_list batch = o->batch_size.n ? o->batch_size : batches;
        const struct cli_opt_list beams = or_one(&o->num_beams, row->num_beams);
        const struct cli_opt_list groups = or_one(&o->num_beam_groups, row->num_beam_groups);
        const struct cli_opt_list source =
            or_one(&o->source_length, scaled(row->source_length, o->scale));
        const struct cli_opt_list new_tokens =
            or_one(&o->new_tokens, scaled(row->new_tokens, o->scale));
        const struct cli_opt_list *lists[] = {&o->weights, &o->state,  &o->gemm, &o->kernels,
                                              &attention,  &batch,     &beams,   &groups,
                                              &source,     &new_tokens};
        const int rc = combine(o, &base, lists, configs, err);
        if (rc)
            return rc;
    }
    return ELCL_OK;
}

static int expand_models(const struct cli_bench_options *o, struct cli_bench_configs *configs,
                         elcl_error *err)
{
    const struct cli_opt_list *lists[] = {&o->weights,   &o->state,           &o->gemm,
                                          &o->kernels,   &o->attention,       &o->batch_size,
                                          &o->num_beams, &o->num_beam_groups, &o->source_length,
                                          &o->new_tokens};
    configs->names = elcl_strdup(o->synthetic ? o->synthetic : o->args.words[0]);
    if (!configs->names)
        return elcl_fail_nomem(err);
    for (char *name = configs->names; name;) {
        char *comma = o->synthetic ? strchr(name, ',') : NULL;
        if (comma)
            *comma = '\0';
        const struct cli_bench_config base = {.model = name, .synthetic = o->synthetic != NULL};
        const int rc = combine(o, &base, lists, configs, err);
        if (rc)
            return rc;
        name = comma ? comma + 1 : NULL;
    }
    return ELCL_OK;
}

/* Fills in what depends on the model, and checks all that needs no device, so that bad values are
 * refused before anything runs. */
static int complete(struct cli_bench_config *c, elcl_error *err)
{
    elcl_blueprint *blueprint = NULL;
    elcl_blueprint_info info;
    int rc = cli_blueprint_open(c->model, c->synthetic, &blueprint, err);
    if (rc)
        return rc;
    elcl_blueprint_get_info(blueprint, &info);
    elcl_blueprint_close(&blueprint);
    if (!c->source_length)
        c->source_length = info.input_width ? info.max_source : 64;
    if (!c->num_beams)
        c->num_beams = info.input_width ? 5 : 4;
    if (c->source_length > info.max_source)
        return elcl_fail(err, ELCL_E_ARG,
                         "--source-length is %d, but %.80s has positions for %d tokens",
                         c->source_length, c->model, info.max_source);
    const int before = info.decoder_only ? c->source_length : 1;
    if (c->new_tokens > info.max_target - before)
        return elcl_fail(err, ELCL_E_ARG,
                         "--new-tokens is %d, but %.80s has positions for %d after %s",
                         c->new_tokens, c->model, info.max_target - before,
                         info.decoder_only ? "the source" : "the start token");
    if (c->num_beams % c->num_beam_groups)
        return elcl_fail(err, ELCL_E_ARG,
                         "--num-beam-groups is %d, which does not divide --num-beams %d",
                         c->num_beam_groups, c->num_beams);
    return ELCL_OK;
}

int cli_bench_expand(const struct cli_bench_options *o, struct cli_bench_configs *configs,
                     elcl_error *err)
{
    struct cli_bench_configs c = {0};
    int rc;
    if (!o->preset)
        rc = expand_models(o, &c, err);
    else if (!strcmp(o->preset, "quick"))
        rc = expand_preset(o, quick, ELCL_COUNT(quick), false, &c, err);
    else
        rc = expand_preset(o, paper, ELCL_COUNT(paper), true, &c, err);
    for (size_t i = 0; !rc && i < c.n; i++)
        rc = complete(&c.items[i], err);
    if (rc)
        cli_bench_configs_finish(&c);
    else
        *configs = c;
    return rc;
}

void cli_bench_configs_finish(struct cli_bench_configs *configs)
{
    free(configs->items);
    free(configs->names);
    *configs = (struct cli_bench_configs){0};
}
