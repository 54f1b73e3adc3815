/* Runs one configuration of elcl bench. */
#include "bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/remedy.h"
#include "common/sys.h"
#include "common/trace.h"
#include "common/words.h"

/* ---- statistics ---------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the values. */
static double compute_median(double *values, size_t n)
{
    qsort(values, n, sizeof(*values), by_value);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* Computes the other fields from n and values. */
static void finish_stat(struct cli_bench_stat *stat)
{
    double sorted[CLI_BENCH_MAX_REPETITIONS];
    if (!stat->n)
        return;
    memcpy(sorted, stat->values, (size_t)stat->n * sizeof(*sorted));
    stat->median = compute_median(sorted, (size_t)stat->n);
    stat->min = sorted[0];
    stat->max = sorted[stat->n - 1];
    stat->spread = stat->median > 0 ? (stat->max - stat->min) / 2 / stat->median : 0;
}

static void put(struct cli_bench_stat *stat, double value)
{
    stat->values[stat->n++] = value;
}

/* ---- model --------------------------------------------------------------------------------- */

void cli_bench_model_close(struct cli_bench_model *model)
{
    elcl_model_close(&model->model);
}

static bool same_model(const struct cli_bench_config *a, const struct cli_bench_config *b)
{
    return !strcmp(a->model, b->model) && a->synthetic == b->synthetic && a->seed == b->seed &&
           a->attention == b->attention && a->gemm == b->gemm && a->kernels == b->kernels &&
           a->weights == b->weights && a->state == b->state;
}

static int open_model(const struct cli_bench *bench, const struct cli_bench_config *c,
                      struct cli_bench_model *model, elcl_error *err)
{
    if (model->model && same_model(&model->key, c))
        return ELCL_OK;
    cli_bench_model_close(model);
    elcl_model_params p = elcl_model_params_default();
    p.device = bench->options->device;
    p.attention = c->attention;
    p.gemm = c->gemm;
    p.kernels = c->kernels;
    p.weights = c->weights;
    p.state = c->state;
    p.memory_limit_bytes = bench->options->memory_limit_bytes;
    p.no_cache = bench->options->no_cache;
    p.no_matrix_instructions = bench->options->no_matrix_instructions;
    p.compute = (enum elcl_compute)bench->options->compute;
    model->key = *c;
    if (c->synthetic)
        return elcl_model_open_synthetic(c->model, c->seed, &p, &model->model, err);
    char *directory = cli_model_directory(c->model);
    const int rc =
        directory ? elcl_model_open(directory, &p, &model->model, err) : elcl_fail_nomem(err);
    free(directory);
    return rc;
}

/* ---- plan ---------------------------------------------------------------------------------- */

/* Plans the memory, and resolves the variant and the batch. The model is not open yet, so a later
 * failure has these values, too. */
static int plan(const struct cli_bench *bench, struct cli_bench_result *r, int *vocabulary,
                elcl_error *err)
{
    struct cli_bench_config *c = &r->config;
    const elcl_device_desc *d = bench->device;
    elcl_blueprint *blueprint = NULL;
    elcl_blueprint_info info;
    elcl_plan_params p = elcl_plan_params_default();
    elcl_device_rates measured;
    int rc = cli_blueprint_open(c->model, c->synthetic, &blueprint, err);
    if (rc)
        return rc;
    elcl_blueprint_get_info(blueprint, &info);
    *vocabulary = info.source_vocabulary;
    r->parameters = info.parameters;
    p.attention = c->attention;
    p.device_type = d->type;
    if (c->kernels == ELCL_KERNELS_AUTO)
        c->kernels = d->gpu_kernels ? ELCL_KERNELS_GPU : ELCL_KERNELS_CPU;
    if (c->kernels == ELCL_KERNELS_CPU && c->gemm != ELCL_GEMM_CLBLAST)
        p.vector_width = elcl_cpu_vector_width(d);
    if (c->kernels == ELCL_KERNELS_GPU)
        p.compute_units = (int)d->compute_units;
    p.weights = c->weights;
    p.compute = (enum elcl_compute)bench->options->compute;
    p.state = c->state;
    p.num_beams = c->num_beams;
    p.max_source = c->source_length;
    p.max_target = c->new_tokens + 1;
    p.memory_limit_bytes = bench->options->memory_limit_bytes ? bench->options->memory_limit_bytes
                                                              : elcl_planned_memory(d);
    p.max_alloc_bytes = d->max_alloc_bytes;
    p.rates = !bench->options->no_cache && elcl_stored_rates(d, &measured) ? &measured : NULL;
    p.batch_size = c->batch_size;
    if (c->attention == ELCL_ATTN_AUTO && p.memory_limit_bytes) { /* for the batch that fits */
        rc = elcl_plan_memory(blueprint, &p, &r->plan, err);
        p.attention = rc ? p.attention : r->plan.attention;
    }
    p.batch_size = c->batch_size ? c->batch_size : 1;
    if (!rc)
        rc = elcl_plan_memory(blueprint, &p, &r->plan, err);
    if (!rc && !c->batch_size && r->plan.largest_batch > 1) {
        p.batch_size = r->plan.largest_batch < c->max_batch ? r->plan.largest_batch : c->max_batch;
        rc = elcl_plan_memory(blueprint, &p, &r->plan, err);
    }
    c->attention = r->plan.attention;
    c->batch_size = p.batch_size;
    if (!c->samples)
        c->samples = c->batch_size;
    elcl_blueprint_close(&blueprint);
    return rc;
}

/* ---- one repetition ------------------------------------------------------------------------ */

struct work {
    elcl_engine *engine;
    const struct cli_bench_config *config;
    elcl_gen_options options;
    int32_t *sources; /* [samples, S] */
    float *inputs;    /* [2 S, C] of a model that reads numbers: one sample's, instead */
    int input_width;  /* C, or 0 */
    uint64_t *hashes; /* [samples] */
    double *step_ms;  /* [n_steps] */
    size_t n_steps, capacity;
    uint64_t n_results; /* of this repetition */
    uint64_t first_id;
};

static uint64_t mix(uint64_t hash, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        hash = (hash ^ (value >> 8 * i & 255)) * UINT64_C(0x100000001b3);
    return hash;
}

static void take_result(void *user, const elcl_result *result)
{
    struct work *w = user;
    uint64_t hash = ELCL_HASH_INIT;
    if (result->n_hypotheses) {
        const elcl_hypothesis *h = &result->hypotheses[0];
        for (size_t i = 0; i < h->n_ids; i++)
            hash = mix(hash, (uint64_t)(uint32_t)h->ids[i]);
    }
    w->hashes[result->id - w->first_id] = hash;
    w->n_results++;
}

/* Computes tokens that depend only on the seed, the sample and the position. Skips the lowest few
 * ids, which mark the ends of texts and the like. */
static void fill_sources(struct work *w, int vocabulary)
{
    const struct cli_bench_config *c = w->config;
    const uint64_t first = vocabulary > 8 ? 4 : 0, n = (uint64_t)vocabulary - first;
    for (int i = 0; i < c->samples; i++)
        for (int j = 0; j < c->source_length; j++) {
            const uint64_t h = mix(mix(mix(ELCL_HASH_INIT, c->seed), (uint64_t)i), (uint64_t)j);
            w->sources[(size_t)i * (size_t)c->source_length + (size_t)j] =
                (int32_t)(first + (h ^ h >> 32) % n);
        }
}

/* Computes the numbers of one sample in the same way, from -1 to 1. */
static void fill_inputs(struct work *w, int sample)
{
    const struct cli_bench_config *c = w->config;
    const uint64_t start = mix(mix(ELCL_HASH_INIT, c->seed), (uint64_t)sample);
    for (int t = 0; t < 2 * c->source_length; t++) {
        const uint64_t frame = mix(start, (uint64_t)t);
        float *row = w->inputs + (size_t)t * (size_t)w->input_width;
        for (int i = 0; i < w->input_width; i++)
            row[i] = (float)(mix(frame, (uint64_t)i) >> 32 & 255) / 127.5f - 1;
    }
}

/* Sets plain search without rules, so that no output ends before new_tokens. */
static void set_options(const elcl_model *model, struct work *w)
{
    elcl_gen_options *o = &w->options;
    elcl_model_gen_defaults(model, o);
    o->num_beams = w->config->num_beams;
    o->num_beam_groups = w->config->num_beam_groups;
    o->diversity_penalty = w->config->num_beam_groups > 1 ? 0.5f : 0;
    o->num_return_sequences = 1;
    o->length_penalty = 1;
    o->early_stopping = ELCL_EARLY_FALSE;
    o->max_new_tokens = w->config->new_tokens;
    o->min_length = o->min_new_tokens = 0;
    o->no_repeat_ngram_size = 0;
    o->repetition_penalty = 1;
    o->forced_bos_token_id = o->forced_eos_token_id = -1;
    o->n_eos = 0;
    o->ban_pad = o->renormalize_logits = o->do_sample = 0;
}

static int submit(struct work *w, elcl_error *err)
{
    const size_t length = (size_t)w->config->source_length;
    for (int i = 0; i < w->config->samples; i++) {
        uint64_t id;
        elcl_request request = {.options = w->options, .sample = (uint64_t)i};
        if (w->inputs) {
            fill_inputs(w, i);
            request.inputs = w->inputs;
            request.n_inputs = 2 * length;
        } else {
            request.source = w->sources + (size_t)i * length;
            request.n_source = length;
        }
        const int rc = elcl_engine_submit(w->engine, &request, &id, err);
        if (rc)
            return rc;
        if (!i)
            w->first_id = id;
    }
    w->n_results = w->n_steps = 0;
    return ELCL_OK;
}

/* Runs all samples: *seconds is the time of all steps, step_ms the time of each. */
static int repeat(struct work *w, double *seconds, uint64_t *first_tokens, elcl_error *err)
{
    elcl_engine_stats before, after;
    elcl_engine_get_stats(w->engine, &before);
    int rc = submit(w, err);
    *seconds = 0;
    for (size_t pending = 1; !rc && pending;) {
        void *steps = w->step_ms;
        if (!elcl_grow(&steps, &w->capacity, w->n_steps + 1, sizeof(*w->step_ms)))
            return elcl_fail_nomem(err);
        w->step_ms = steps;
        const double start = cli_sys_seconds();
        rc = elcl_engine_step(w->engine, &pending, err);
        const double took = cli_sys_seconds() - start;
        *seconds += took;
        w->step_ms[w->n_steps++] = 1e3 * took;
        if (w->n_steps == 1) {
            elcl_engine_get_stats(w->engine, &after);
            *first_tokens = after.source_tokens - before.source_tokens;
        }
        if (!rc && cli_sys_interrupted())
            return elcl_fail(err, ELCL_E_INTERRUPTED, "interrupted");
    }
    return rc;
}

static int check_work(const struct work *w, uint64_t output_tokens, elcl_error *err)
{
    const uint64_t samples = (uint64_t)w->config->samples;
    const uint64_t want = samples * (uint64_t)w->config->new_tokens;
    if (w->n_results == samples && output_tokens == want)
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_INTERNAL,
                     "expected %llu samples and %llu tokens, found %llu and %llu",
                     (unsigned long long)samples, (unsigned long long)want,
                     (unsigned long long)w->n_results, (unsigned long long)output_tokens);
}

static uint64_t hash_results(const struct work *w)
{
    uint64_t hash = ELCL_HASH_INIT;
    for (int i = 0; i < w->config->samples; i++)
        hash = mix(hash, w->hashes[i]);
    return hash;
}

/* Runs one repetition and adds it to the statistics of *r if it counts. */
static int measure_one(struct work *w, bool counts, struct cli_bench_result *r, elcl_error *err)
{
    const struct cli_bench_config *c = &r->config;
    elcl_engine_stats before, after;
    double seconds;
    uint64_t first_tokens = 0;
    elcl_engine_get_stats(w->engine, &before);
    int rc = repeat(w, &seconds, &first_tokens, err);
    if (rc)
        return rc;
    elcl_engine_get_stats(w->engine, &after);
    rc = check_work(w, after.output_tokens - before.output_tokens, err);
    const uint64_t hash = hash_results(w);
    if (!rc && r->hash && hash != r->hash)
        rc =
            elcl_fail(err, ELCL_E_INTERNAL, "a repetition gave other tokens than the previous one");
    r->hash = hash;
    if (rc || !counts)
        return rc;
    const double first_ms = w->step_ms[0];
    const double tokens = (double)c->samples * c->new_tokens;
    put(&r->samples_per_second, c->samples / seconds);
    put(&r->output_tokens_per_second, tokens / seconds);
    put(&r->first_token_ms, first_ms);
    if (w->n_steps < 2)
        return ELCL_OK;
    const double step_ms = compute_median(w->step_ms + 1, w->n_steps - 1);
    put(&r->step_ms, step_ms);
    if (first_ms > step_ms && first_tokens)
        put(&r->encoder_tokens_per_second, 1e3 * (double)first_tokens / (first_ms - step_ms));
    return ELCL_OK;
}

/* ---- one configuration --------------------------------------------------------------------- */

static int create_engine(elcl_model *model, struct work *w, bool profiled, elcl_error *err)
{
    elcl_engine_params p = elcl_engine_params_default();
    p.batch_size = w->config->batch_size;
    p.max_beams = w->config->num_beams;
    p.max_source = w->config->source_length;
    p.max_target = w->config->new_tokens + 1;
    p.on_result = take_result;
    p.user = w;
    p.profile = profiled;
    return elcl_engine_create(model, &p, &w->engine, err);
}

static int measure_repetitions(elcl_model *model, struct work *w, struct cli_bench_result *r,
                               elcl_error *err)
{
    elcl_engine_stats stats;
    elcl_model_reset_peak(model);
    int rc = create_engine(model, w, false, err);
    for (int i = 0; !rc && i < r->config.warmup + r->config.repetitions; i++)
        rc = measure_one(w, i >= r->config.warmup, r, err);
    if (rc)
        return rc;
    elcl_engine_get_stats(w->engine, &stats);
    elcl_engine_get_plan(w->engine, &r->plan);
    r->peak_bytes = stats.peak_bytes;
    elcl_engine_destroy(&w->engine);
    return ELCL_OK;
}

static void write_title(const struct cli_bench_config *c, char *title, size_t n)
{
    (void)snprintf(title, n, "%.60s %s B %d K %d S %d T %d", c->model,
                   cli_attention_word((int)c->attention), c->batch_size, c->num_beams,
                   c->source_length, c->new_tokens);
}

double cli_bench_mac_rate(const elcl_device_rates *rates, enum elcl_op_class op_class)
{
    const double rate = op_class == ELCL_OP_GEMM_INT8        ? rates->int8_gops
                        : op_class == ELCL_OP_GEMM_BF16      ? rates->bf16_gflops
                        : op_class == ELCL_OP_ATTENTION_INT8 ? rates->state_gops
                        : op_class == ELCL_OP_GEMM_MATRIX || op_class == ELCL_OP_ATTENTION_MATRIX
                            ? rates->matrix_gflops
                            : 0;
    return rate > 0 ? rate : rates->f32_gflops;
}

static double limit_ns(const elcl_device_rates *rates, const elcl_kernel_span *span)
{
    return fmax((double)span->bytes_moved / rates->memory_gbs,
                (double)span->flop / cli_bench_mac_rate(rates, span->op_class));
}

static double kernel_fraction(const elcl_device_rates *rates, const elcl_engine_profile *p,
                              const char *name)
{
    double limit = 0, ns = 0;
    for (size_t i = 0; i < p->n_spans; i++)
        if (!strcmp(p->spans[i].name, name)) {
            limit += limit_ns(rates, &p->spans[i]);
            ns += (double)(p->spans[i].end_ns - p->spans[i].start_ns);
        }
    return ns > 0 ? limit / ns : 0;
}

static double phase_fraction(const elcl_device_rates *rates, const elcl_engine_profile *p,
                             enum elcl_phase phase)
{
    double limit = 0, ns = 0;
    for (size_t i = 0; i < p->n_spans; i++) {
        const elcl_kernel_span *span = &p->spans[i];
        if (span->phase != phase)
            continue;
        limit += limit_ns(rates, span);
        ns += (double)(span->end_ns - (i ? span[-1].end_ns : span->start_ns));
    }
    return ns > 0 ? limit / ns : 0;
}

static void take_limits(const elcl_device_rates *rates, const elcl_engine_profile *p,
                        struct cli_bench_result *r)
{
    for (int i = 0; i < r->n_kernels; i++)
        r->kernels[i].limit_fraction = kernel_fraction(rates, p, r->kernels[i].time.name);
    r->encode_fraction = phase_fraction(rates, p, ELCL_PHASE_ENCODE);
    r->step_fraction = phase_fraction(rates, p, ELCL_PHASE_STEP);
}

/* Returns whether all calls together took less than a hundredth of the repetition and less than
 * half of their limit. Neither caches nor a waiting host explain that, only wrong times of the
 * driver. */
static bool implausible(const elcl_device_rates *rates, const elcl_engine_profile *p,
                        const struct work *w)
{
    double wall = 0, events = 0, limit = 0;
    for (size_t i = 0; i < w->n_steps; i++)
        wall += 1e6 * w->step_ms[i];
    for (size_t i = 0; i < p->n_spans; i++) {
        events += (double)(p->spans[i].end_ns - p->spans[i].start_ns);
        limit += limit_ns(rates, &p->spans[i]);
    }
    return events < wall / 100 && 2 * events < limit;
}

/* Runs an extra repetition that times the kernels. */
static int profile(const struct cli_bench *bench, elcl_model *model, struct work *w,
                   struct cli_bench_result *r, struct elcl_str *trace, elcl_error *err)
{
    elcl_engine_profile p;
    char title[128];
    int rc = create_engine(model, w, true, err);
    if (!rc)
        rc = measure_one(w, false, r, err);
    if (rc)
        return rc;
    elcl_engine_get_profile(w->engine, &p);
    r->kernels = calloc((size_t)p.n_times + 1, sizeof(*r->kernels));
    if (!r->kernels)
        return elcl_fail_nomem(err);
    const bool measured = bench->rates.memory_gbs > 0;
    r->no_times = measured && implausible(&bench->rates, &p, w);
    for (int i = 0; !r->no_times && i < p.n_times; i++)
        if (p.times[i].calls)
            r->kernels[r->n_kernels++].time = p.times[i];
    if (measured && !r->no_times)
        take_limits(&bench->rates, &p, r);
    if (trace) {
        write_title(&r->config, title, sizeof(title));
        cli_trace_add(trace, bench->n + 1, title, p.spans, p.n_spans);
    }
    elcl_engine_destroy(&w->engine);
    return ELCL_OK;
}

static int make_sources(struct work *w, int vocabulary, elcl_error *err)
{
    const size_t samples = (size_t)w->config->samples, length = (size_t)w->config->source_length;
    w->hashes = calloc(samples, sizeof(*w->hashes));
    if (w->input_width)
        w->inputs = calloc(2 * length * (size_t)w->input_width, sizeof(*w->inputs));
    else
        w->sources = calloc(samples * length, sizeof(*w->sources));
    if (!w->hashes || (!w->inputs && !w->sources))
        return elcl_fail_nomem(err);
    if (w->sources)
        fill_sources(w, vocabulary);
    return ELCL_OK;
}

static int run_all(const struct cli_bench *bench, elcl_model *model, int vocabulary,
                   struct cli_bench_result *r, struct elcl_str *trace, elcl_error *err)
{
    struct work w = {.config = &r->config};
    elcl_model_info info;
    elcl_model_get_info(model, &info);
    r->config.attention = info.attention;
    r->config.gemm = info.gemm;
    r->config.kernels = info.kernels;
    r->config.compute = info.compute;
    w.input_width = info.input_width;
    int rc = make_sources(&w, vocabulary, err);
    if (!rc) {
        set_options(model, &w);
        rc = measure_repetitions(model, &w, r, err);
    }
    if (!rc && !bench->options->no_profile)
        rc = profile(bench, model, &w, r, trace, err);
    elcl_engine_destroy(&w.engine);
    free(w.sources);
    free(w.inputs);
    free(w.hashes);
    free(w.step_ms);
    return rc;
}

int cli_bench_measure(const struct cli_bench *bench, const struct cli_bench_config *config,
                      struct cli_bench_model *model, struct cli_bench_result *result,
                      struct elcl_str *trace, elcl_error *err)
{
    struct cli_bench_result r = {.config = *config};
    elcl_error why = {0};
    int vocabulary = 0;
    int rc = plan(bench, &r, &vocabulary, &why);
    if (!rc)
        rc = open_model(bench, &r.config, model, &why);
    if (!rc)
        rc = run_all(bench, model->model, vocabulary, &r, trace, &why);
    if (cli_sys_interrupted()) {
        free(r.kernels);
        return elcl_fail(err, ELCL_E_INTERRUPTED, "interrupted");
    }
    if (rc) {
        r.status = rc == ELCL_E_DEVICE_NOMEM || rc == ELCL_E_NOMEM ? CLI_BENCH_NO_MEMORY
                                                                   : CLI_BENCH_FAILED;
        (void)snprintf(r.error, sizeof(r.error), "%s", why.msg);
        r.samples_per_second.n = r.output_tokens_per_second.n = r.encoder_tokens_per_second.n =
            r.first_token_ms.n = r.step_ms.n = r.n_kernels = 0;
        r.peak_bytes = r.hash = 0;
        r.encode_fraction = r.step_fraction = 0;
    }
    finish_stat(&r.samples_per_second);
    finish_stat(&r.output_tokens_per_second);
    finish_stat(&r.encoder_tokens_per_second);
    finish_stat(&r.first_token_ms);
    finish_stat(&r.step_ms);
    *result = r;
    return ELCL_OK;
}
