/* The encoder's outputs on disk: what is restored gives the same hypotheses bit for bit, in every
 * form in which rows are stored, with other options, in pools, beside sources that are new, and in
 * other processes. What another model, type or source made is not taken. */
#include <stdio.h>
#include <string.h>

#include "base/disk_cache.h"
#include "base/util.h"
#include "parity/common.h"

static int n_warnings;

static void count_warnings(void *user, enum elcl_log_level level, const char *line)
{
    (void)user;
    (void)line;
    n_warnings += level == ELCL_LOG_WARNING;
}

/* cache: the directory; NULL: none. */
static elcl_model *open_model(const char *directory, const struct setup *setup, const char *cache,
                              const struct check_options *options)
{
    elcl_model_params params = setup_params(setup, options);
    elcl_model *model = NULL;
    elcl_error err = {0};
    params.encoder_cache = cache;
    params.log = count_warnings;
    n_warnings = 0;
    CHECK(!elcl_model_open(directory, &params, &model, &err), "%s", err.msg);
    return model;
}

/* Runs copies of the first n jobs in so many engines; they must be those of `want`, and `restored`
 * of their source tokens must come from the cache. */
static void run(elcl_model *model, int engines, const struct job *want, int n, uint64_t restored)
{
    elcl_engine_params params = elcl_engine_params_default();
    elcl_engine_stats stats = {0};
    struct job *jobs = elcl_calloc((size_t)n, sizeof(*jobs));
    memcpy(jobs, want, (size_t)n * sizeof(*jobs));
    params.batch_size = 5;
    params.max_beams = 8;
    if (engines == 1 ? jobs_run(model, &params, jobs, n, &stats)
                     : jobs_run_pool(model, engines, &params, jobs, n))
        for (int i = 0; i < n; i++)
            CHECK(job_same(&jobs[i], &want[i]), "request %d: other hypotheses", i);
    CHECK(engines > 1 || stats.restored_tokens == restored, "%d of %d tokens are restored, not %d",
          (int)stats.restored_tokens, (int)stats.source_tokens, (int)restored);
    elcl_free(jobs);
}

/* The results without a cache. */
static bool run_plain(elcl_model *model, struct job *jobs, int n)
{
    struct elcl_disk_cache *cache = model->encoder_cache;
    elcl_engine_params params = elcl_engine_params_default();
    params.max_beams = 8;
    model->encoder_cache = NULL;
    const bool ok = jobs_run(model, &params, jobs, n, NULL);
    model->encoder_cache = cache;
    return ok;
}

/* On a busy machine the probes of two models may come to different verdicts: then the kernels
 * differ, and with them what the cache has for them. */
static bool same_kernels(const elcl_model *a, const elcl_model *b)
{
    const struct elcl_ops *x = a->ops, *y = b->ops;
    const bool same = x->mac == y->mac && x->dot == y->dot && x->tile_rows == y->tile_rows &&
                      x->panel == y->panel && x->gemm_mma == y->gemm_mma;
    if (!same)
        check_skip("the probes of two models have different verdicts");
    return same;
}

/* Returns the source rows of n jobs. */
static uint64_t rows_of(const struct job *jobs, int n)
{
    uint64_t rows = 0;
    for (int i = 0; i < n; i++)
        rows += jobs[i].inputs ? (jobs[i].n_inputs + 1) / 2 : (uint64_t)jobs[i].source->n;
    return rows;
}

/* With sources of which some are new, and in another process. The jobs have different sources. */
static void run_all(const char *directory, const struct setup *setup, const char *cache,
                    elcl_model *model, struct job *jobs, int n, const struct check_options *options)
{
    if (!run_plain(model, jobs, n))
        return;
    run(model, 2, jobs, n / 2, 0);
    run(model, 1, jobs, n, rows_of(jobs, n / 2));
    elcl_disk_cache_flush(model->encoder_cache);
    elcl_model *other = open_model(directory, setup, cache, options);
    if (other && same_kernels(model, other)) {
        run(other, 1, jobs, n, rows_of(jobs, n));
        run(other, 2, jobs, n, 0);
    }
    CHECK(!n_warnings, "%d warnings", n_warnings);
    setup_close(&other);
}

static void test_tokens(const char *name, const struct setup *setup,
                        const struct check_options *options)
{
    struct golden golden;
    if (!setup_case("encoder cache", name, setup) || !golden_load(name, &golden))
        return;
    int n;
    struct job *jobs = golden_jobs(&golden, 1, &n, NULL);
    const char *cache = check_new_path();
    elcl_model *model = open_model(golden.directory, setup, cache, options);
    n = elcl_min_int(elcl_min_int(n, golden.n_inputs), 6);
    if (model)
        run_all(golden.directory, setup, cache, model, jobs, n, options);
    setup_close(&model);
    elcl_free(jobs);
    golden_finish(&golden);
}

/* Windows of a model for sounds. */
static void test_inputs(const char *name, const struct setup *setup,
                        const struct check_options *options)
{
    enum { SOUNDS = 4, FRAMES = 100 };
    static const struct tokens none = {.n = 0};
    static float frames[SOUNDS][FRAMES * 80];
    struct job jobs[SOUNDS];
    struct golden golden;
    if (!setup_case("encoder cache", name, setup) || !golden_load(name, &golden))
        return;
    const char *cache = check_new_path();
    elcl_model *model = open_model(golden.directory, setup, cache, options);
    for (int i = 0; model && i < SOUNDS; i++) {
        for (int k = 0; k < FRAMES * 80; k++)
            frames[i][k] = (float)check_int(-1000, 1000) / 1000;
        jobs[i] = (struct job){
            .source = &none, .inputs = frames[i], .n_inputs = (size_t)(FRAMES - 13 * i)};
        elcl_model_gen_defaults(model, &jobs[i].options);
        jobs[i].options.max_new_tokens = 0;
        jobs[i].options.max_length = 12;
        jobs[i].options.num_beams = i % 2 ? 3 : 1;
    }
    if (model)
        run_all(golden.directory, setup, cache, model, jobs, SOUNDS, options);
    setup_close(&model);
    golden_finish(&golden);
}

/* ---- scores -------------------------------------------------------------------------------- */

/* Scores the sources, each with a target, and returns how many of their tokens are restored. */
static uint64_t score(elcl_model *model, const struct tokens *sources, int n, float *log_probs)
{
    static const int32_t target[] = {5, 6, 7, 2};
    elcl_score_request requests[32];
    elcl_scorer_params params = elcl_scorer_params_default();
    elcl_engine_stats stats = {0};
    elcl_scorer *scorer = NULL;
    elcl_error err = {0};
    params.batch_tokens = 40; /* several passes */
    for (int i = 0; i < n; i++)
        requests[i] = (elcl_score_request){.source = sources[i].ids,
                                           .n_source = (size_t)sources[i].n,
                                           .target = target,
                                           .n_target = i % 4 ? ELCL_COUNT(target) : 0,
                                           .decoder_start_token_id = -1,
                                           .log_probs = log_probs + i * (int)ELCL_COUNT(target)};
    if (CHECK(!elcl_scorer_create(model, &params, &scorer, &err) &&
                  !elcl_scorer_run(scorer, requests, (size_t)n, &err),
              "%s", err.msg))
        elcl_scorer_get_stats(scorer, &stats);
    elcl_scorer_destroy(&scorer);
    return stats.restored_tokens;
}

/* What the scorer encodes is there for a batch, and the other way round. */
static void test_scores(enum elcl_attention attention, const struct check_options *options)
{
    enum { N = 12 };
    const struct setup setup = {.attention = attention,
                                .kernels = ELCL_KERNELS_CPU,
                                .gemm = ELCL_GEMM_NATIVE,
                                .state = ELCL_F16};
    struct golden golden;
    struct tokens sources[N];
    float log_probs[4][N * 4] = {{0}};
    if (!check_case("encoder cache: scores, %s", attention_name(attention)) ||
        !golden_load("tiny-bart", &golden))
        return;
    uint64_t all = 0, some = 0;
    for (int i = 0; i < N; i++) { /* different ones */
        sources[i] = golden.inputs[i % golden.n_inputs];
        sources[i].ids[1] = 5 + i;
        all += i % 4 ? (uint64_t)sources[i].n : 0;
        some += i % 4 && i < N / 2 ? (uint64_t)sources[i].n : 0;
    }
    elcl_model *model = open_model(golden.directory, &setup, check_new_path(), options);
    struct elcl_disk_cache *cache = model ? model->encoder_cache : NULL;
    if (model) {
        model->encoder_cache = NULL;
        CHECK(!score(model, sources, N, log_probs[0]), "there is no cache");
        model->encoder_cache = cache;
        CHECK(!score(model, sources, N / 2, log_probs[1]), "it was empty");
        CHECK(score(model, sources, N, log_probs[2]) == some, "some are there");
        CHECK(score(model, sources, N, log_probs[3]) == all, "all are there");
        CHECK(!memcmp(log_probs[0], log_probs[2], sizeof(log_probs[0])) &&
                  !memcmp(log_probs[0], log_probs[3], sizeof(log_probs[0])) && log_probs[0][4] < 0,
              "other scores");
        struct job job = {.source = &sources[1]};
        elcl_model_gen_defaults(model, &job.options);
        if (run_plain(model, &job, 1))
            run(model, 1, &job, 1, (uint64_t)sources[1].n);
    }
    setup_close(&model);
    golden_finish(&golden);
}

/* ---- other options ------------------------------------------------------------------------- */

/* Beams, prefixes and rules that read the source do not change the encoder's output. */
static void test_options(const struct check_options *options)
{
    static const struct setup setup = {
        .attention = ELCL_ATTN_MHA, .kernels = ELCL_KERNELS_CPU, .gemm = ELCL_GEMM_NATIVE};
    static const int32_t prefix[] = {5, 6};
    struct golden golden;
    if (!check_case("encoder cache: other options") || !golden_load("tiny-bart", &golden))
        return;
    int n;
    struct job *jobs = golden_jobs(&golden, 1, &n, NULL);
    elcl_model *model = open_model(golden.directory, &setup, check_new_path(), options);
    n = elcl_min_int(elcl_min_int(n, golden.n_inputs), 6);
    for (int round = 0; model && round < 3; round++) {
        for (int i = 0; i < n; i++) {
            jobs[i].options.num_beams = 1 + round;
            jobs[i].options.encoder_no_repeat_ngram_size = round == 1 ? 2 : 0;
            if (round == 2)
                jobs[i].options.prefix = (elcl_tokens){.ids = prefix, .n = ELCL_COUNT(prefix)};
        }
        if (run_plain(model, jobs, n))
            run(model, 1, jobs, n, round ? rows_of(jobs, n) : 0);
    }
    setup_close(&model);
    elcl_free(jobs);
    golden_finish(&golden);
}

/* ---- rows that are wanted ------------------------------------------------------------------ */

struct wanted {
    int n;
    float *rows;
};

static void take_rows(void *user, const elcl_result *result)
{
    struct wanted *wanted = result->user;
    const size_t n = result->n_source * (size_t) * (int *)user;
    wanted->rows = elcl_calloc(n, sizeof(float));
    memcpy(wanted->rows, result->source_rows, n * sizeof(float));
    wanted->n = (int)n;
}

/* With rows of 16 bits the encoder runs again, since they would be rounded. */
static void test_wanted(enum elcl_storage state, const struct check_options *options)
{
    const struct setup setup = {.attention = ELCL_ATTN_EL,
                                .kernels = ELCL_KERNELS_CPU,
                                .gemm = ELCL_GEMM_NATIVE,
                                .state = state};
    struct golden golden;
    struct wanted wanted[2] = {{0}};
    if (!check_case("encoder cache: rows that are wanted, %s", storage_name(state)) ||
        !golden_load("tiny-mbart", &golden))
        return;
    elcl_model *model = open_model(golden.directory, &setup, check_new_path(), options);
    for (int i = 0; model && i < 2; i++) {
        elcl_engine_params params = elcl_engine_params_default();
        elcl_request request = {.source = golden.inputs[0].ids,
                                .n_source = (size_t)golden.inputs[0].n,
                                .want_source_rows = 1,
                                .user = &wanted[i]};
        elcl_engine *engine = NULL;
        elcl_engine_stats stats;
        elcl_error err = {0};
        params.on_result = take_rows;
        params.user = &model->arch.d;
        elcl_model_gen_defaults(model, &request.options);
        if (CHECK(!elcl_engine_create(model, &params, &engine, &err) &&
                      !elcl_engine_submit(engine, &request, NULL, &err) &&
                      !elcl_engine_run(engine, &err),
                  "%s", err.msg)) {
            elcl_engine_get_stats(engine, &stats);
            CHECK(!stats.restored_tokens == (!i || state != ELCL_F32), "%d tokens are restored",
                  (int)stats.restored_tokens);
        }
        elcl_engine_destroy(&engine);
    }
    setup_close(&model);
    CHECK(wanted[0].n && wanted[1].n == wanted[0].n &&
              !memcmp(wanted[0].rows, wanted[1].rows, (size_t)wanted[0].n * sizeof(float)),
          "other rows");
    elcl_free(wanted[0].rows);
    elcl_free(wanted[1].rows);
    golden_finish(&golden);
}

/* ---- what is not taken --------------------------------------------------------------------- */

/* Runs the job in a model of the directory, whose cache `first` has, too. Its source must be there
 * if `there` says so. */
static void find(elcl_model *first, const char *directory, const struct setup *setup,
                 const char *cache, struct job job, bool there, const char *what,
                 const struct check_options *options)
{
    elcl_engine_params params = elcl_engine_params_default();
    elcl_engine_stats stats = {0};
    elcl_disk_cache_flush(first->encoder_cache);
    elcl_model *model = open_model(directory, setup, cache, options);
    if (model && (!there || same_kernels(first, model)) &&
        CHECK(jobs_run(model, &params, &job, 1, &stats), "it does not run"))
        CHECK(stats.restored_tokens == (there ? (uint64_t)job.source->n : 0), "%s: %d tokens", what,
              (int)stats.restored_tokens);
    setup_close(&model);
}

/* Changes one bit of the weights. */
static void change_weights(const char *directory)
{
    char path[600];
    size_t n;
    (void)snprintf(path, sizeof(path), "%s/model.safetensors", directory);
    char *weights = read_text(path, &n);
    if (!weights)
        return;
    weights[n - 3] = (char)(weights[n - 3] ^ 1);
    write_file(directory, "model.safetensors", weights, n);
    elcl_free(weights);
}

static void test_others(const struct check_options *options)
{
    const struct setup plain = {
        .attention = ELCL_ATTN_EL, .kernels = ELCL_KERNELS_CPU, .gemm = ELCL_GEMM_NATIVE};
    struct setup mha = plain, weights = plain, state = plain;
    struct golden golden;
    int n;
    if (!check_case("encoder cache: other models and types") || !golden_load("tiny-bart", &golden))
        return;
    struct job *jobs = golden_jobs(&golden, 1, &n, NULL);
    const char *cache = check_new_path(), *copy = copy_golden_model("tiny-bart");
    elcl_model *first = open_model(golden.directory, &plain, cache, options);
    mha.attention = ELCL_ATTN_MHA;
    weights.weights = ELCL_F16;
    state.state = ELCL_BF16;
    if (first && run_plain(first, jobs, 1)) {
        run(first, 1, jobs, 1, 0);
        find(first, copy, &plain, cache, jobs[0], true, "a copy", options);
        find(first, copy, &mha, cache, jobs[0], true, "mha: the same rows", options);
        find(first, copy, &weights, cache, jobs[0], false, "weights of another type", options);
        find(first, copy, &state, cache, jobs[0], false, "state of another type", options);
        change_json(copy, "config.json", "{\"activation_function\": \"relu\"}");
        find(first, copy, &plain, cache, jobs[0], false, "another configuration", options);
        copy = copy_golden_model("tiny-bart");
        change_weights(copy);
        find(first, copy, &plain, cache, jobs[0], false, "other weights", options);
    }
    setup_close(&first);
    elcl_free(jobs);
    golden_finish(&golden);
}

/* A cache that cannot be used changes nothing but the warnings. */
static void test_without(const struct check_options *options)
{
    static const struct setup setup = {.kernels = ELCL_KERNELS_CPU, .gemm = ELCL_GEMM_NATIVE};
    struct golden golden;
    if (!check_case("encoder cache: not used") || !golden_load("tiny-bart", &golden))
        return;
    elcl_model_params params = setup_params(&setup, options);
    elcl_model *model = open_model(golden.directory, &setup, "/dev/null", options);
    elcl_error err = {0};
    CHECK(n_warnings == 1 && model && !model->encoder_cache, "%d warnings", n_warnings);
    setup_close(&model);
    params.encoder_cache_bytes = 1000;
    CHECK(elcl_model_open(golden.directory, &params, &model, &err) == ELCL_E_ARG &&
              strstr(err.msg, "encoder_cache_bytes is 1000, must be 0 or at least 1048576"),
          "%s", err.msg);
    golden_finish(&golden);
    if (!golden_load("tiny-gpt2", &golden))
        return;
    model = open_model(golden.directory, &setup, check_new_path(), options);
    CHECK(n_warnings == 1 && model && !model->encoder_cache, "%d warnings", n_warnings);
    setup_close(&model);
    golden_finish(&golden);
}

int main(int argc, char **argv)
{
    const struct check_options *options = check_begin(argc, argv);
    for (size_t a = 0; a < ELCL_COUNT(all_variants); a++) {
        struct setup setup = {
            .attention = all_variants[a], .kernels = ELCL_KERNELS_CPU, .gemm = ELCL_GEMM_NATIVE};
        const bool el = setup.attention == ELCL_ATTN_EL;
        if (el || options->all)
            test_tokens("tiny-bart", &setup, options); /* norms after the sublayers */
        setup.state = ELCL_F16;
        test_tokens("tiny-mbart", &setup, options); /* before them */
        setup.state = ELCL_BF16;
        test_inputs("tiny-whisper", &setup, options);
        setup.weights = ELCL_INT8;
        if (el || options->all)
            test_tokens("tiny-t5", &setup, options);
        setup.weights = ELCL_F32;
        setup.state = ELCL_INT8; /* not rounded a second time */
        test_tokens("tiny-bart", &setup, options);
        setup.kernels = ELCL_KERNELS_GPU;
        setup.state = ELCL_INT4;
        if (el)
            test_tokens("tiny-mbart", &setup, options);
        /* 16-bit activations */
        setup.weights = setup.state = ELCL_BF16;
        setup.compute = ELCL_COMPUTE_BF16;
        test_tokens("tiny-bart", &setup, options);
    }
    test_scores(ELCL_ATTN_EL, options);
    test_scores(ELCL_ATTN_MHA, options);
    test_options(options);
    test_wanted(ELCL_F32, options);
    test_wanted(ELCL_F16, options);
    test_others(options);
    test_without(options);
    return check_end();
}
