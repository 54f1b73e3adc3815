/* Inputs that are not tokens, and outputs of the encoder as results and as sources: what one
 * request gave back makes the same bits in another one, in batches with sources of tokens, in pools
 * and in the scorer. */
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "parity/common.h"

/* A request, and the encoder's output that it gave back. */
struct seen {
    struct job job;
    float *rows; /* [n_source, D] or NULL */
    size_t n_source;
};

static void take(void *user, const elcl_result *result)
{
    struct seen *seen = result->user;
    const int d = *(int *)user;
    const size_t n = result->n_source * (size_t)d;
    job_take(&seen->job, result);
    seen->n_source = result->n_source;
    elcl_free(seen->rows);
    seen->rows = result->source_rows ? elcl_calloc(n, sizeof(float)) : NULL;
    if (seen->rows)
        memcpy(seen->rows, result->source_rows, n * sizeof(float));
}

static void forget(struct seen *seen, int n)
{
    for (int i = 0; seen && i < n; i++)
        elcl_free(seen[i].rows);
    elcl_free(seen);
}

/* Runs the requests in a pool of n_engines. given: every other one has the rows that `given` has
 * instead of its tokens. */
static bool run(elcl_model *model, int n_engines, struct seen *seen, const struct seen *given,
                int n)
{
    elcl_model *const models[] = {model, model};
    elcl_engine_params params = elcl_engine_params_default();
    elcl_pool *pool = NULL;
    elcl_error err = {0};
    params.batch_size = 5;
    params.max_beams = 8;
    params.on_result = take;
    params.user = &model->arch.d;
    bool ok = CHECK(!elcl_pool_create(models, n_engines, &params, &pool, &err), "%s", err.msg);
    for (int i = 0; ok && i < n; i++) {
        elcl_request request = job_begin(&seen[i].job);
        request.user = &seen[i];
        request.want_source_rows = i % 3 != 1;
        if (given && i % 2) {
            request.source = NULL;
            request.inputs = NULL;
            request.source_rows = given[i].rows;
            request.n_source = given[i].n_source;
        }
        ok = CHECK(!elcl_pool_submit(pool, &request, NULL, &err), "%s", err.msg);
    }
    ok = ok && CHECK(!elcl_pool_run(pool, &err), "%s", err.msg);
    elcl_pool_destroy(&pool);
    return ok;
}

static struct seen *begin(const struct job *jobs, int n)
{
    struct seen *seen = elcl_calloc((size_t)n, sizeof(*seen));
    for (int i = 0; i < n; i++)
        seen[i].job = jobs[i];
    return seen;
}

/* The first run has every output, also of requests that did not ask for it later. */
static void compare(const struct seen *first, const struct seen *again, int n, int d)
{
    for (int i = 0; i < n; i++) {
        const size_t bytes = first[i].n_source * (size_t)d * sizeof(float);
        CHECK(job_same(&first[i].job, &again[i].job), "request %d: other hypotheses", i);
        CHECK(again[i].n_source == first[i].n_source && !again[i].rows == (i % 3 == 1),
              "request %d: %zu rows", i, again[i].n_source);
        CHECK(!again[i].rows || !memcmp(again[i].rows, first[i].rows, bytes),
              "request %d: other rows", i);
    }
}

/* The rows of all requests, those of requests that did not want them from one that did. */
static void complete(elcl_model *model, struct seen *seen, int n)
{
    for (int i = 1; i < n; i += 3) {
        struct seen one[1] = {{.job = seen[i].job}};
        if (run(model, 1, one, NULL, 1))
            seen[i].rows = one->rows;
        CHECK(seen[i].rows && job_same(&seen[i].job, &one->job), "request %d", i);
    }
}

/* A scorer gets the tokens or inputs of some requests and the rows of others. */
static void compare_scores(elcl_model *model, const struct seen *seen, int n)
{
    enum { MOST = 8 };
    static float log_probs[2][MOST][MAX_TOKENS];
    elcl_score_request requests[2 * MOST];
    elcl_scorer *scorer = NULL;
    elcl_error err = {0};
    memset(log_probs, 0, sizeof(log_probs));
    const int each = elcl_min_int(n, MOST);
    for (int i = 0; i < 2 * each; i++) {
        const struct seen *from = &seen[i / 2];
        const struct tokens *target = &from->job.hypotheses[0].tokens;
        requests[i] = (elcl_score_request){.n_source = from->n_source,
                                           .source_rows = i % 2 ? from->rows : NULL,
                                           .inputs = i % 2 ? NULL : from->job.inputs,
                                           .n_inputs = i % 2 ? 0 : from->job.n_inputs,
                                           .target = target->ids + 1,
                                           .n_target = (size_t)target->n - 1,
                                           .decoder_start_token_id = target->ids[0],
                                           .log_probs = log_probs[i % 2][i / 2]};
        if (i % 2 == 0 && !from->job.inputs)
            requests[i].source = from->job.source->ids;
    }
    CHECK(!elcl_scorer_create(model, NULL, &scorer, &err) &&
              !elcl_scorer_run(scorer, requests, 2 * (size_t)each, &err),
          "%s", err.msg);
    CHECK(!memcmp(log_probs[0], log_probs[1], sizeof(log_probs[0])) && log_probs[0][0][0] < 0,
          "scores of rows differ from those of tokens");
    elcl_scorer_destroy(&scorer);
}

static void test_rows(const char *name, const struct setup *setup,
                      const struct check_options *options)
{
    struct golden golden;
    if (!setup_case("rows", name, setup) || !golden_load(name, &golden))
        return;
    int n;
    struct job *jobs = golden_jobs(&golden, 5, &n, NULL);
    n = elcl_min_int(n, 12);
    elcl_model *model = setup_open(golden.directory, setup, options);
    struct seen *first = begin(jobs, n), *again = begin(jobs, n);
    const int engines = setup->attention == ELCL_ATTN_MHA ? 2 : 1;
    if (model && run(model, engines, first, NULL, n)) {
        complete(model, first, n);
        if (run(model, engines, again, first, n))
            compare(first, again, n, model->arch.d);
        compare_scores(model, first, n);
    }
    forget(first, n);
    forget(again, n);
    elcl_free(jobs);
    setup_close(&model);
    golden_finish(&golden);
}

/* ---- inputs -------------------------------------------------------------------------------- */

enum { SOUNDS = 7, FRAMES = 100 };

/* Jobs of windows of all lengths, in a model of 80 numbers and 100 frames at most. */
static void make_sounds(const elcl_model *model, float (*frames)[FRAMES * 80], struct job *jobs)
{
    static const struct tokens none = {.n = 0};
    static const size_t n_frames[SOUNDS] = {100, 37, 1, 64, 99, 2, 50};
    for (int i = 0; i < SOUNDS; i++) {
        for (int k = 0; k < FRAMES * 80; k++)
            frames[i][k] = (float)check_int(-1000, 1000) / 1000;
        jobs[i] = (struct job){.source = &none, .inputs = frames[i], .n_inputs = n_frames[i]};
        elcl_model_gen_defaults(model, &jobs[i].options);
        jobs[i].options.max_new_tokens = 0;
        jobs[i].options.max_length = 12;
        jobs[i].options.num_beams = i % 2 ? 3 : 1;
    }
}

/* In company, each by itself, in two engines, and as rows: the same bits. */
static void test_inputs(const char *name, const struct setup *setup,
                        const struct check_options *options)
{
    static float frames[SOUNDS][FRAMES * 80];
    struct job jobs[SOUNDS];
    struct golden golden;
    if (!setup_case("inputs", name, setup) || !golden_load(name, &golden))
        return;
    elcl_model *model = setup_open(golden.directory, setup, options);
    if (model && CHECK(model->arch.input_width == 80 && 2 * model->arch.max_positions == FRAMES,
                       "%d, %d", model->arch.input_width, model->arch.max_positions)) {
        make_sounds(model, frames, jobs);
        struct seen *first = begin(jobs, SOUNDS), *again = begin(jobs, SOUNDS);
        if (run(model, 1, first, NULL, SOUNDS)) {
            complete(model, first, SOUNDS);
            for (int i = 0; i < SOUNDS; i++)
                CHECK(first[i].n_source == (jobs[i].n_inputs + 1) / 2, "%zu rows of %zu inputs",
                      first[i].n_source, jobs[i].n_inputs);
            for (int i = 0; i < SOUNDS; i++)
                CHECK(run(model, 1, &again[i], NULL, 1) && job_same(&again[i].job, &first[i].job) &&
                          !memcmp(again[i].rows, first[i].rows,
                                  first[i].n_source * (size_t)model->arch.d * sizeof(float)),
                      "window %d by itself: other bits", i);
            if (run(model, 2, again, first, SOUNDS))
                compare(first, again, SOUNDS, model->arch.d);
            compare_scores(model, first, SOUNDS);
        }
        forget(first, SOUNDS);
        forget(again, SOUNDS);
    }
    setup_close(&model);
    golden_finish(&golden);
}

/* ---- refusals ------------------------------------------------------------------------------ */

static void refuse(elcl_engine *engine, elcl_request request, const char *a, const char *b)
{
    elcl_error err = {0};
    CHECK(elcl_engine_submit(engine, &request, NULL, &err) == ELCL_E_ARG && strstr(err.msg, a) &&
              strstr(err.msg, b),
          "\"%s\" does not name %s and %s", err.msg, a, b);
}

static void refuse_all(elcl_engine *engine, elcl_request good, const float *rows)
{
    float broken[64];
    elcl_request request = good;
    request.source_rows = rows;
    refuse(engine, request, "one of source, inputs and source_rows", "two of them");
    request.inputs = rows;
    refuse(engine, request, "one of source, inputs and source_rows", "all three");
    request = (elcl_request){.inputs = rows, .n_inputs = 2, .options = good.options};
    refuse(engine, request, "reads tokens", "not inputs");
    request = (elcl_request){.source_rows = rows, .options = good.options};
    refuse(engine, request, "source has no", "rows");
    request.n_source = 1000;
    refuse(engine, request, "1000 encoder rows", "max_source");
    request.n_source = 1;
    request.options.encoder_no_repeat_ngram_size = 2;
    refuse(engine, request, "encoder_no_repeat_ngram_size", "has none");
    request.options.encoder_no_repeat_ngram_size = 0;
    request.options.encoder_repetition_penalty = 1.5f;
    refuse(engine, request, "encoder_repetition_penalty", "has none");
    request.options = good.options;
    for (size_t i = 0; i < ELCL_COUNT(broken); i++)
        broken[i] = i == 5 ? (float)(1e300 * 1e300) : 0;
    request.source_rows = broken;
    refuse(engine, request, "source_rows: number 5 of row 0", "not finite");
}

static void test_refusals(const char *name, const struct check_options *options)
{
    static const float rows[64] = {0};
    static const struct setup setup = {.kernels = ELCL_KERNELS_CPU, .gemm = ELCL_GEMM_NATIVE};
    struct golden golden;
    elcl_engine *engine = NULL;
    elcl_error err = {0};
    if (!check_case("rows, refused, %s", name) || !golden_load(name, &golden))
        return;
    elcl_model *model = setup_open(golden.directory, &setup, options);
    elcl_model_info info;
    elcl_request request = {.source = golden.inputs[0].ids, .n_source = 2};
    if (model && CHECK(!elcl_engine_create(model, NULL, &engine, &err), "%s", err.msg)) {
        elcl_model_get_info(model, &info);
        elcl_model_gen_defaults(model, &request.options);
        CHECK(info.width <= 64 && info.width == model->arch.d && !info.input_width, "%d, %d",
              info.width, info.input_width);
        if (!info.decoder_only) {
            refuse_all(engine, request, rows);
        } else {
            request.want_source_rows = 1;
            refuse(engine, request, "want_source_rows", "an encoder");
            request.source = NULL;
            request.source_rows = rows;
            refuse(engine, request, "source_rows", "an encoder");
        }
    }
    elcl_engine_destroy(&engine);
    setup_close(&model);
    golden_finish(&golden);
}

int main(int argc, char **argv)
{
    const struct check_options *options = check_begin(argc, argv);
    for (size_t a = 0; a < ELCL_COUNT(all_variants); a++) {
        struct setup setup = {
            .attention = all_variants[a], .kernels = ELCL_KERNELS_CPU, .gemm = ELCL_GEMM_NATIVE};
        test_rows("tiny-bart", &setup, options);  /* norms after the sublayers */
        test_rows("tiny-mbart", &setup, options); /* before them */
        test_rows("tiny-t5", &setup, options);
        test_inputs("tiny-whisper", &setup, options);
        setup.kernels = ELCL_KERNELS_GPU;
        test_rows("tiny-mbart", &setup, options);
    }
    const struct setup narrow = {.attention = ELCL_ATTN_EL,
                                 .kernels = ELCL_KERNELS_GPU,
                                 .gemm = ELCL_GEMM_NATIVE,
                                 .weights = ELCL_BF16,
                                 .compute = ELCL_COMPUTE_BF16};
    test_rows("tiny-bart", &narrow, options); /* 16-bit activations, state of 32 bits */
    test_refusals("tiny-bart", options);
    test_refusals("tiny-gpt2", options);
    return check_end();
}
