/* The memory plan against the paper's numbers and against real allocations, its use as a limit, and
 * every allocation failing once. */
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "engine/plan.h"
#include "parity/allocations.h"
#include "parity/common.h"

#define MANY 600 /* requests, more than an automatic batch takes at once */

/* BART-large's decoder. */
static const struct elcl_arch bart_large = {
    .d = 1024,
    .vocabulary = 50265,
    .encoder_layers = 12,
    .decoder_layers = 12,
    .encoder_heads = 16,
    .decoder_heads = 16,
    .encoder_ffn = 4096,
    .decoder_ffn = 4096,
    .max_positions = 1024,
};

#define ENCODE_MOST 2048 /* source tokens at once, on CPUs */

static struct elcl_plan make_plan(enum elcl_attention attention, int b, int k, int s, int t)
{
    const struct elcl_capacity c = {.sentences = b,
                                    .beams = k,
                                    .max_source = s,
                                    .max_target = t,
                                    .encode_rows = elcl_plan_encode_rows(b, s, ENCODE_MOST),
                                    .width = 2 * k};
    struct elcl_plan plan = {0};
    CHECK(elcl_plan_make(&bart_large, attention, ELCL_F16, &c, 0, &plan), "B %d S %d overflows", b,
          s);
    return plan;
}

/* Encoder-derived state of BART-large, f16, 4 beams, in units of 1/64 GiB. */
static void test_paper_table(void)
{
    static const struct {
        int b, s, mha_beam, el;
    } table[] = {{32, 256, 96, 1},   {32, 1024, 384, 4},  {64, 256, 192, 2},
                 {64, 1024, 768, 8}, {320, 256, 960, 10}, {320, 1024, 3840, 40}};
    const uint64_t unit = UINT64_C(1) << 24;
    for (size_t i = 0; i < ELCL_COUNT(table); i++) {
        const int b = table[i].b, s = table[i].s;
        if (!check_case("plan, encoder-derived state, B %d S %d", b, s))
            continue;
        const uint64_t beam =
            make_plan(ELCL_ATTN_MHA_BEAM, b, 4, s, 142).category[ELCL_BUFFERS_SOURCE];
        const uint64_t mha = make_plan(ELCL_ATTN_MHA, b, 4, s, 142).category[ELCL_BUFFERS_SOURCE];
        const uint64_t el = make_plan(ELCL_ATTN_EL, b, 4, s, 142).category[ELCL_BUFFERS_SOURCE];
        CHECK(beam == (uint64_t)table[i].mha_beam * unit, "mha-beam %llu",
              (unsigned long long)beam);
        CHECK(el == (uint64_t)table[i].el * unit, "el %llu", (unsigned long long)el);
        CHECK(beam == 96 * el && mha == 24 * el, "ratios");
    }
}

static void test_self_state(void)
{
    if (!check_case("plan, self state, B 320 T 142"))
        return;
    const uint64_t rows = 320 * 4, t = 142, layers = 12, d = 1024, bytes = 2;
    const uint64_t want = 2 * layers * rows * t * d * bytes; /* 8.32 GiB */
    CHECK(want / (1 << 20) == 8520, "%llu MiB", (unsigned long long)(want >> 20));
    const struct elcl_plan beam = make_plan(ELCL_ATTN_MHA_BEAM, 320, 4, 256, 142);
    const struct elcl_plan mha = make_plan(ELCL_ATTN_MHA, 320, 4, 256, 142);
    const struct elcl_plan el = make_plan(ELCL_ATTN_EL, 320, 4, 256, 142);
    CHECK(beam.category[ELCL_BUFFERS_SELF] == want, "mha-beam");
    CHECK(mha.category[ELCL_BUFFERS_SELF] == want, "mha");
    CHECK(el.category[ELCL_BUFFERS_SELF] == want / 2, "el");
    const struct elcl_plan long_beam = make_plan(ELCL_ATTN_MHA_BEAM, 320, 4, 1024, 142);
    const struct elcl_plan long_el = make_plan(ELCL_ATTN_EL, 320, 4, 1024, 142);
    const double all_beam =
        (double)(long_beam.category[ELCL_BUFFERS_SELF] + long_beam.category[ELCL_BUFFERS_SOURCE]);
    const double all_el =
        (double)(long_el.category[ELCL_BUFFERS_SELF] + long_el.category[ELCL_BUFFERS_SOURCE]);
    CHECK(all_beam / all_el > 13.5 && all_beam / all_el < 15, "all state shrinks %g times",
          all_beam / all_el);
}

static uint64_t more_for_gpus(const struct elcl_arch *arch, enum elcl_attention attention,
                              struct elcl_capacity c)
{
    struct elcl_plan cpu = {0}, gpu = {0};
    c.gpu = false;
    elcl_plan_make(arch, attention, ELCL_F16, &c, 0, &cpu);
    c.gpu = true;
    elcl_plan_make(arch, attention, ELCL_F16, &c, 0, &gpu);
    return gpu.total - cpu.total;
}

/* EL-attention's tiles have probabilities, and two numbers for 32 of them: if S is as large as D,
 * half as much as E and C. Multi-head attention has contexts and two numbers for each part of 256
 * keys. */
static void test_probabilities(void)
{
    if (!check_case("plan, probabilities of GPU kernels"))
        return;
    const struct elcl_capacity c = {.sentences = 32,
                                    .beams = 4,
                                    .max_source = 1024,
                                    .max_target = 142,
                                    .encode_rows = 2048,
                                    .width = 8};
    struct elcl_arch only = bart_large;
    only.decoder_only = true;
    for (size_t a = 0; a < ELCL_COUNT(all_variants); a++) {
        const bool el = all_variants[a] == ELCL_ATTN_EL;
        const uint64_t bart = more_for_gpus(&bart_large, all_variants[a], c);
        const uint64_t gpt = more_for_gpus(&only, all_variants[a], c);
        const uint64_t row = el ? 16 * (1024 / 32 * 34) * 4 : 16 * (1024 / 256) * (64 + 2) * 4;
        const uint64_t prompt = el ? row : 16 * (1166 / 256 + 1) * (64 + 2) * 4;
        CHECK(bart == 32 * 4 * row, "%s: %llu more", attention_name(all_variants[a]),
              (unsigned long long)bart);
        CHECK(gpt == (el ? 2048 : 32 * 4) * prompt, "%s, prompts: %llu more",
              attention_name(all_variants[a]), (unsigned long long)gpt);
    }
}

static void test_overflow(void)
{
    if (!check_case("plan, sizes that overflow"))
        return;
    struct elcl_plan plan = {.total = 7};
    const struct elcl_capacity c = {.sentences = 1 << 30,
                                    .beams = 1,
                                    .max_source = 1 << 30,
                                    .max_target = 1 << 30,
                                    .encode_rows = 1,
                                    .width = 1};
    for (size_t a = 0; a < ELCL_COUNT(all_variants); a++)
        CHECK(!elcl_plan_make(&bart_large, all_variants[a], ELCL_F32, &c, 0, &plan), "%s fits",
              attention_name(all_variants[a]));
    CHECK(plan.total == 7, "the output was written");
}

/* ---- the largest batch --------------------------------------------------------------------- */

static bool fits(enum elcl_attention attention, struct elcl_capacity c, int sentences,
                 uint64_t limit, uint64_t max_buffer)
{
    struct elcl_plan plan;
    c.sentences = sentences;
    c.encode_rows = elcl_plan_encode_rows(sentences, c.max_source, c.encode_most);
    return elcl_plan_make(&bart_large, attention, ELCL_F16, &c, 1000, &plan) &&
           plan.total <= limit && plan.largest_buffer <= max_buffer;
}

static void test_largest_batch(void)
{
    if (!check_case("plan, largest batch against counting"))
        return;
    for (int i = 0; i < 200; i++) {
        const enum elcl_attention attention = all_variants[check_int(0, 2)];
        /* few source tokens at once, so that no other number can have more sentences */
        struct elcl_capacity c = {.beams = check_int(1, 6),
                                  .encode_most = ENCODE_MOST,
                                  .max_source = check_int(1, 600),
                                  .max_target = check_int(2, 200),
                                  .width = 12};
        const int most = check_int(1, 60);
        struct elcl_plan one = {0}, two = {0};
        struct elcl_capacity with = c;
        with.sentences = check_int(1, 70);
        with.encode_rows = elcl_plan_encode_rows(with.sentences, c.max_source, ENCODE_MOST);
        elcl_plan_make(&bart_large, attention, ELCL_F16, &with, 1000, &one);
        with.sentences = check_int(1, 70);
        with.encode_rows = elcl_plan_encode_rows(with.sentences, c.max_source, ENCODE_MOST);
        elcl_plan_make(&bart_large, attention, ELCL_F16, &with, 1000, &two);
        /* limits at and just below the need of a batch */
        const uint64_t limit = one.total - (uint64_t)check_int(0, 1);
        const uint64_t max_buffer =
            i % 2 ? UINT64_MAX : two.largest_buffer - (uint64_t)check_int(0, 1);
        int want = 0;
        for (int b = 1; b <= most; b++)
            if (fits(attention, c, b, limit, max_buffer))
                want = b;
        const int got = elcl_plan_sentences(&bart_large, attention, ELCL_F16, &c, 1000, limit,
                                            max_buffer, most);
        CHECK(got == want, "%s K %d S %d T %d: %d, by counting %d", attention_name(attention),
              c.beams, c.max_source, c.max_target, got, want);
    }
}

static struct elcl_memory_plan plan_with(const elcl_blueprint *blueprint,
                                         enum elcl_attention attention, int compute_units,
                                         uint64_t limit, int batch_size)
{
    elcl_plan_params p = elcl_plan_params_default();
    elcl_memory_plan plan = {0};
    elcl_error err = {0};
    p.attention = attention;
    p.compute_units = compute_units;
    p.memory_limit_bytes = limit;
    p.batch_size = batch_size;
    CHECK(!elcl_plan_memory(blueprint, &p, &plan, &err), "%s", err.msg);
    return plan;
}

/* A GPU encodes more source tokens at once if that costs no sentence. */
static void test_encode_most(void)
{
    static const struct {
        int d, heads, decoder_only;
        enum elcl_attention attention;
        uint32_t units;
        int rows;
    } cases[] = {
        {1024, 16, 0, ELCL_ATTN_EL, 0, 2048},    {1024, 16, 0, ELCL_ATTN_EL, 20, 2048},
        {1024, 16, 0, ELCL_ATTN_EL, 132, 8448},  {768, 12, 0, ELCL_ATTN_MHA, 132, 11264},
        {512, 8, 0, ELCL_ATTN_MHA, 132, 16384},  {768, 12, 1, ELCL_ATTN_EL, 132, 2048},
        {768, 12, 1, ELCL_ATTN_MHA, 132, 11264},
    };
    if (!check_case("plan, source tokens at once"))
        return;
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        const struct elcl_arch arch = {.d = cases[i].d,
                                       .decoder_heads = cases[i].heads,
                                       .decoder_only = cases[i].decoder_only != 0};
        const int rows = elcl_plan_encode_most(&arch, cases[i].attention, cases[i].units);
        CHECK(rows == cases[i].rows, "case %zu: %d, want %d", i, rows, cases[i].rows);
    }
    elcl_blueprint *b = NULL;
    elcl_error err = {0};
    if (!CHECK(!elcl_blueprint_open_synthetic("bart-large", &b, &err), "%s", err.msg))
        return;
    const elcl_memory_plan few = plan_with(b, ELCL_ATTN_EL, 0, UINT64_C(8) << 30, 0);
    const elcl_memory_plan many = plan_with(b, ELCL_ATTN_EL, 132, UINT64_C(8) << 30, 0);
    CHECK(many.batch_size == few.batch_size && many.total_bytes == few.total_bytes,
          "short memory: a batch of %d, with few tokens at once %d", many.batch_size,
          few.batch_size);
    const elcl_memory_plan least = plan_with(b, ELCL_ATTN_EL, 0, UINT64_C(8) << 30, 10);
    const elcl_memory_plan most = plan_with(b, ELCL_ATTN_EL, 132, UINT64_C(8) << 30, 10);
    CHECK(most.fits && most.workspace_bytes > least.workspace_bytes, "%llu and %llu bytes",
          (unsigned long long)most.workspace_bytes, (unsigned long long)least.workspace_bytes);
    elcl_blueprint_close(&b);
}

/* ---- measured ------------------------------------------------------------------------------ */

static const elcl_engine_params engines[] = {
    {.batch_size = 1, .max_beams = 1, .max_source = 1, .max_target = 2},
    {.batch_size = 3, .max_beams = 4, .max_source = 30, .max_target = 26},
    {.batch_size = 16, .max_beams = 2, .max_source = 9, .max_target = 12},
    {.batch_size = 64, .max_beams = 8, .max_source = 0, .max_target = 0},
};

static const float silence[100 * 80]; /* frames of the longest sound of tiny-whisper */

static void test_engine_bytes(elcl_model *model, const struct golden *golden,
                              const elcl_engine_params *params)
{
    /* the peak of this engine, not of an earlier one */
    atomic_store(&model->device->peak_bytes, atomic_load(&model->device->live_bytes));
    allocations_reset(0, 0);
    struct job job = {.source = &golden->inputs[0]}; /* one token */
    if (model->arch.input_width) {
        job.inputs = silence;
        job.n_inputs =
            2 * (size_t)(params->max_source ? params->max_source : model->arch.max_positions);
    }
    elcl_model_gen_defaults(model, &job.options);
    job.options.num_beams = params->max_beams;
    job.options.max_length = 2;
    elcl_engine_stats stats = {0};
    if (!jobs_run(model, params, &job, 1, &stats))
        return;
    const struct allocations counted = allocations_get();
    const unsigned long long planned = stats.planned_bytes;
    CHECK(stats.batch_size == params->batch_size, "batch %d", stats.batch_size);
    CHECK(stats.peak_bytes == planned, "batch %d: peak %llu, planned %llu", params->batch_size,
          (unsigned long long)stats.peak_bytes, planned);
    CHECK(stats.live_bytes == planned, "live %llu", (unsigned long long)stats.live_bytes);
    CHECK(counted.peak_bytes == planned, "batch %d: clCreateBuffer gave %zu bytes, planned %llu",
          params->batch_size, counted.peak_bytes, planned);
}

static void test_measured(const char *name, const struct golden *golden, const struct setup *setup,
                          const struct check_options *options)
{
    if (!setup_case("plan, measured", name, setup))
        return;
    const struct allocations before = allocations_get();
    CHECK(!before.live && !before.live_bytes, "%d buffers live at the start", before.live);
    elcl_model *model = setup_open(golden->directory, setup, options);
    if (model) {
        const size_t weights = allocations_get().live_bytes - ELCL_OPS_BYTES;
        CHECK(model->weight_bytes == weights, "weights planned %llu, counted %zu",
              (unsigned long long)model->weight_bytes, weights);
        for (size_t i = 0; i < ELCL_COUNT(engines); i++)
            test_engine_bytes(model, golden, &engines[i]);
    }
    setup_close(&model);
    const struct allocations after = allocations_get();
    CHECK(!after.live && !after.live_bytes, "%d buffers of %zu bytes left", after.live,
          after.live_bytes);
}

/* ---- limits -------------------------------------------------------------------------------- */

static uint64_t planned_bytes(elcl_model *model, const elcl_engine_params *params)
{
    elcl_engine *engine = NULL;
    elcl_engine_stats stats = {0};
    elcl_error err = {0};
    if (CHECK(!elcl_engine_create(model, params, &engine, &err), "%s", err.msg))
        elcl_engine_get_stats(engine, &stats);
    elcl_engine_destroy(&engine);
    return stats.planned_bytes;
}

static void expect_refusal(int rc, const elcl_error *err, const char *part)
{
    CHECK(rc == ELCL_E_DEVICE_NOMEM && err->code == rc, "code %d", rc);
    CHECK(strstr(err->msg, part), "\"%s\" does not say \"%s\"", err->msg, part);
}

/* Submits enough short requests for the largest automatic batch, and runs one step. */
static int start_many(elcl_engine *engine, const elcl_model *model, const struct tokens *source,
                      elcl_error *err)
{
    elcl_request request = {.source = source->ids, .n_source = (size_t)source->n};
    elcl_model_gen_defaults(model, &request.options);
    request.options.max_length = 4;
    int rc = ELCL_OK;
    for (int i = 0; !rc && i < MANY; i++)
        rc = elcl_engine_submit(engine, &request, NULL, err);
    return rc ? rc : elcl_engine_step(engine, NULL, err);
}

/* Expects an automatic batch of `want` sentences under the limit; 0: not one fits. */
static void test_automatic(const struct golden *golden, const struct setup *setup, uint64_t limit,
                           int want, const struct check_options *options)
{
    elcl_model_params params = setup_params(setup, options);
    params.memory_limit_bytes = limit;
    elcl_model *model = NULL;
    elcl_engine *engine = NULL;
    elcl_error err = {0};
    elcl_engine_stats stats = {0};
    if (!CHECK(!elcl_model_open(golden->directory, &params, &model, &err), "%s", err.msg))
        return;
    const elcl_engine_params automatic = elcl_engine_params_default();
    int rc = elcl_engine_create(model, &automatic, &engine, &err);
    if (!want) {
        expect_refusal(rc, &err, "not one sentence");
    } else if (CHECK(!rc, "%s", err.msg)) {
        rc = start_many(engine, model, &golden->inputs[0], &err);
        CHECK(!rc, "%s", err.msg);
        elcl_engine_get_stats(engine, &stats);
        CHECK(stats.batch_size == want, "limit %llu: batch %d, expected %d",
              (unsigned long long)limit, stats.batch_size, want);
        CHECK(stats.peak_bytes == stats.planned_bytes && stats.peak_bytes <= limit, "peak %llu",
              (unsigned long long)stats.peak_bytes);
    }
    elcl_engine_destroy(&engine);
    elcl_engine_params fixed = automatic;
    fixed.batch_size = 50;
    err = (elcl_error){0};
    expect_refusal(elcl_engine_create(model, &fixed, &engine, &err), &err, "limit");
    CHECK(!engine, "an engine was given beside the error");
    setup_close(&model);
}

static void test_limits(const struct golden *golden, const struct setup *setup,
                        const struct check_options *options)
{
    if (!setup_case("plan, limits", "tiny-bart", setup))
        return;
    elcl_model *model = setup_open(golden->directory, setup, options);
    if (!model)
        return;
    elcl_engine_params params = elcl_engine_params_default();
    params.batch_size = 5;
    const uint64_t five = planned_bytes(model, &params), weights = model->weight_bytes;
    params.batch_size = 1;
    const uint64_t one = planned_bytes(model, &params);
    setup_close(&model);
    test_automatic(golden, setup, five, 5, options);
    test_automatic(golden, setup, five - 1, 4, options);
    test_automatic(golden, setup, one, 1, options);
    test_automatic(golden, setup, one - 1, 0, options);
    elcl_model_params small = setup_params(setup, options);
    small.memory_limit_bytes = weights - 1;
    elcl_error err = {0};
    expect_refusal(elcl_model_open(golden->directory, &small, &model, &err), &err, "limit");
    CHECK(!model && !allocations_get().live, "something is left of the refused model");
}

/* ---- failing allocations ------------------------------------------------------------------- */

static void expect_failed(int rc, const elcl_error *err, int n)
{
    CHECK(rc == ELCL_E_DEVICE_NOMEM && strstr(err->msg, "clCreateBuffer") &&
              strstr(err->msg, "CL_MEM_OBJECT_ALLOCATION_FAILURE"),
          "allocation %d: code %d, \"%s\"", n, rc, err->msg);
}

/* Fails every allocation of opening a model, one at a time. */
static void test_failing_open(const struct golden *golden, const struct setup *setup,
                              const struct check_options *options)
{
    if (!setup_case("plan, failing allocations, open", "tiny-bart-untied", setup))
        return;
    const elcl_model_params params = setup_params(setup, options);
    int n = 0, failed = 1;
    while (failed) {
        elcl_model *model = NULL;
        elcl_error err = {0};
        allocations_reset(++n, 1);
        const int rc = elcl_model_open(golden->directory, &params, &model, &err);
        failed = allocations_get().failed;
        if (failed)
            expect_failed(rc, &err, n);
        else
            CHECK(!rc, "%s", err.msg);
        CHECK(!model == (rc != 0), "allocation %d: model and error disagree", n);
        setup_close(&model);
        const int live = allocations_get().live;
        if (!CHECK(!live, "allocation %d: %d buffers left", n, live))
            break;
    }
    allocations_reset(0, 0);
    CHECK(n > 40, "only %d allocations", n);
}

/* Creates an engine and lets it start on many requests while allocations fail. *engine may exist
 * beside an error. */
static int start_failing(elcl_model *model, const struct golden *golden, int batch_size, int from,
                         int count, elcl_engine **engine, elcl_error *err)
{
    elcl_engine_params params = elcl_engine_params_default();
    params.batch_size = batch_size;
    allocations_reset(from, count);
    const int rc = elcl_engine_create(model, &params, engine, err);
    CHECK(!*engine == (rc != 0), "allocation %d: engine and error disagree", from);
    return rc ? rc : start_many(*engine, model, &golden->inputs[0], err);
}

/* A fixed batch fails; an automatic one shrinks and continues, or fails if nothing is left. */
static bool test_failing_engine(elcl_model *model, const struct golden *golden, int n,
                                int full_batch)
{
    const int live = allocations_get().live;
    elcl_engine *engine = NULL;
    elcl_error err = {0};
    int rc = start_failing(model, golden, 4, n, 1, &engine, &err);
    const bool failed = allocations_get().failed > 0;
    if (failed)
        expect_failed(rc, &err, n);
    else
        CHECK(!rc, "%s", err.msg);
    elcl_engine_destroy(&engine);
    err = (elcl_error){0};
    rc = start_failing(model, golden, 0, n, 1, &engine, &err);
    if (CHECK(!rc, "allocation %d: %s", n, err.msg)) {
        elcl_engine_stats stats;
        elcl_engine_get_stats(engine, &stats);
        const int want = failed ? full_batch * 3 / 4 : full_batch;
        CHECK(stats.batch_size == want, "allocation %d: batch %d, expected %d", n, stats.batch_size,
              want);
        CHECK(stats.live_bytes == stats.planned_bytes, "allocation %d: live %llu", n,
              (unsigned long long)stats.live_bytes);
        rc = elcl_engine_run(engine, &err);
        CHECK(!rc, "%s", err.msg);
        elcl_engine_get_stats(engine, &stats);
        CHECK(stats.samples == MANY, "%llu samples", (unsigned long long)stats.samples);
    }
    elcl_engine_destroy(&engine);
    rc = start_failing(model, golden, 0, n, 1 << 30, &engine, &err);
    if (failed)
        expect_failed(rc, &err, n);
    elcl_engine_destroy(&engine);
    CHECK(allocations_get().live == live, "allocation %d: %d buffers, %d before", n,
          allocations_get().live, live);
    return failed;
}

static void test_failing_engines(const struct golden *golden, const struct setup *setup,
                                 const struct check_options *options)
{
    if (!setup_case("plan, failing allocations, engine", "tiny-bart-untied", setup))
        return;
    elcl_model *model = setup_open(golden->directory, setup, options);
    if (!model)
        return;
    elcl_engine *engine = NULL;
    elcl_engine_stats stats = {0};
    elcl_error err = {0};
    if (CHECK(!start_failing(model, golden, 0, 0, 0, &engine, &err), "%s", err.msg))
        elcl_engine_get_stats(engine, &stats);
    elcl_engine_destroy(&engine);
    int n = 1;
    while (test_failing_engine(model, golden, n, stats.batch_size))
        n++;
    allocations_reset(0, 0);
    CHECK(n > 15, "only %d allocations", n);
    /* the model is as good as new */
    int n_jobs;
    struct job *jobs = golden_jobs(golden, 50, &n_jobs, NULL);
    const elcl_engine_params params = elcl_engine_params_default();
    jobs_run(model, &params, jobs, n_jobs, NULL);
    elcl_free(jobs);
    setup_close(&model);
    CHECK(!allocations_get().live, "%d buffers left", allocations_get().live);
}

static void test_arithmetic(void)
{
    test_paper_table();
    test_self_state();
    test_probabilities();
    test_overflow();
    test_encode_most();
    test_largest_batch();
}

int main(int argc, char **argv)
{
    const struct check_options *options = check_begin(argc, argv);
    static const enum elcl_storage storages[] = {ELCL_F32, ELCL_F16, ELCL_BF16, ELCL_INT8,
                                                 ELCL_INT4};
    struct golden tiny, untied, gpt2, opt, post, t5, whisper, g2p = {.n_inputs = 1};
    struct tokens letter = {1, {5}};
    snprintf(g2p.directory, sizeof(g2p.directory), "%s", g2p_directory());
    g2p.inputs = &letter;
    test_arithmetic();
    check_case("plan, stored sources");
    if (!golden_load("tiny-bart", &tiny) || !golden_load("tiny-bart-untied", &untied) ||
        !golden_load("tiny-gpt2", &gpt2) || !golden_load("tiny-opt-plain", &opt) ||
        !golden_load("tiny-opt-post", &post) || !golden_load("tiny-flan-t5", &t5) ||
        !golden_load("tiny-whisper", &whisper))
        return check_end();
    for (size_t a = 0; a < ELCL_COUNT(all_variants); a++) {
        struct setup setup = {
            .attention = all_variants[a], .kernels = all_shapes[a % 2], .gemm = ELCL_GEMM_NATIVE};
        for (size_t s = 0; s < ELCL_COUNT(storages); s++) {
            setup.weights = storages[s];
            setup.state = elcl_table_storage(storages[s]) == ELCL_INT8 ? ELCL_F32 : storages[s];
            test_measured("tiny-bart", &tiny, &setup, options);
            test_measured("tiny-gpt2", &gpt2, &setup, options);
            test_measured("tiny-opt-plain", &opt, &setup, options);
            test_measured("tiny-flan-t5", &t5, &setup, options);
        }
        for (int i = 0; i < 3; i++) {
            const struct setup rounded = {.attention = all_variants[a],
                                          .kernels = ELCL_KERNELS_CPU,
                                          .gemm = ELCL_GEMM_NATIVE,
                                          .weights = i == 2 ? ELCL_INT4
                                                     : i    ? ELCL_BF16
                                                            : ELCL_INT8,
                                          .compute =
                                              i == 1 ? ELCL_COMPUTE_BF16 : ELCL_COMPUTE_INT8};
            test_measured("tiny-bart", &tiny, &rounded, options);
            test_measured("tiny-gpt2", &gpt2, &rounded, options);
            test_measured("tiny-opt-plain", &opt, &rounded, options);
            test_measured("tiny-flan-t5", &t5, &rounded, options);
            test_measured("tiny-whisper", &whisper, &rounded, options);
        }
        for (int type = ELCL_INT8; type <= (a ? ELCL_INT8 : ELCL_INT4); type++) { /* int4: el */
            setup.weights = ELCL_F32;
            setup.state = (enum elcl_storage)type;
            test_measured("tiny-bart", &tiny, &setup, options);
            test_measured("tiny-gpt2", &gpt2, &setup, options);
            test_measured("tiny-flan-t5", &t5, &setup, options);
        }
        const struct setup narrow = {.attention = all_variants[a],
                                     .kernels = ELCL_KERNELS_GPU,
                                     .gemm = ELCL_GEMM_NATIVE,
                                     .weights = ELCL_F16,
                                     .state = a ? ELCL_F16 : ELCL_BF16,
                                     .compute = ELCL_COMPUTE_F16};
        test_measured("tiny-bart", &tiny, &narrow, options);
        test_measured("tiny-gpt2", &gpt2, &narrow, options);
        test_measured("tiny-opt-post", &post, &narrow, options);
        test_measured("tiny-whisper", &whisper, &narrow, options);
        setup.weights = setup.state = ELCL_F32;
        setup.kernels = ELCL_KERNELS_GPU; /* wide enough for EL-attention by tiles */
        test_measured("g2p-en", &g2p, &setup, options);
        test_measured("tiny-whisper", &whisper, &setup, options);
        setup.kernels = all_shapes[a % 2];
        test_limits(&tiny, &setup, options);
        setup.kernels = ELCL_KERNELS_CPU; /* allocations are the same, and these are faster here */
        test_failing_open(&untied, &setup, options);
        test_failing_engines(&untied, &setup, options);
    }
    golden_finish(&tiny);
    golden_finish(&untied);
    golden_finish(&gpt2);
    golden_finish(&opt);
    golden_finish(&post);
    golden_finish(&t5);
    golden_finish(&whisper);
    return check_end();
}
