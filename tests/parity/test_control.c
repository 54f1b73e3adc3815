/* Control of requests while they run: cancelled at random from callbacks and other threads,
 * submitted by many threads, waited for. Whatever happens to its neighbors, a request that finishes
 * has the bits that it has without them. */
#include <pthread.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "parity/common.h"

enum { BATCH = 3, MAX_BEAMS = 8, N_THREADS = 3 };

/* A request and what became of it. */
struct watched {
    struct job job;
    const struct job *want;
    uint64_t id;
    int n_tokens;
    bool doomed;    /* to be cancelled */
    bool cancelled; /* its result said so */
};

/* What a result says about its request. */
static void check_counts(const struct watched *w, const elcl_result *result)
{
    CHECK(result->n_source == (size_t)w->job.source->n, "%d source tokens", (int)result->n_source);
    CHECK(result->queued_seconds >= 0 &&
              (result->error || result->queued_seconds < result->first_token_seconds) &&
              result->first_token_seconds <= result->total_seconds && result->total_seconds < 600,
          "queued %g s, first token %g s, total %g s", result->queued_seconds,
          result->first_token_seconds, result->total_seconds);
    if (result->n_hypotheses && w->job.options.num_beams == 1 &&
        w->job.options.num_return_sequences == 1)
        CHECK(result->hypotheses[0].n_generated == (size_t)w->n_tokens,
              "%d tokens streamed, %d generated", w->n_tokens,
              (int)result->hypotheses[0].n_generated);
}

/* What callbacks need. */
struct run {
    elcl_pool *pool;
    struct watched *all;
    int n;
    int n_results; /* read by the stepping thread only */
};

static void take_result(void *user, const elcl_result *result)
{
    struct run *run = user;
    struct watched *w = result->user;
    run->n_results++;
    w->cancelled = result->error != NULL;
    CHECK(!result->error || (result->error->code == ELCL_E_INTERRUPTED && !result->n_hypotheses),
          "request %d: %s", (int)result->id, result->error ? result->error->msg : "");
    CHECK(result->id == w->id, "the result of request %d has the id %d", (int)w->id,
          (int)result->id);
    check_counts(w, result);
    job_take(&w->job, result);
    elcl_pool_cancel(run->pool, w->id); /* it is finished: nothing may happen */
}

/* Cancels a doomed request from its own callback. */
static void take_token(void *user, const elcl_token *token)
{
    struct run *run = user;
    struct watched *w = token->user;
    CHECK(!w->job.deliveries, "a token after the result");
    w->n_tokens += token->stream == 0;
    if (w->doomed && w->n_tokens == 2)
        elcl_pool_cancel(run->pool, w->id);
}

static elcl_pool *open_pool(elcl_model *model, int n_engines, struct run *run)
{
    elcl_model *models[] = {model, model};
    elcl_engine_params params = elcl_engine_params_default();
    elcl_error err = {0};
    params.batch_size = BATCH;
    params.max_beams = MAX_BEAMS;
    params.on_result = take_result;
    params.on_token = take_token;
    params.user = run;
    CHECK(!elcl_pool_create(models, n_engines, &params, &run->pool, &err), "%s", err.msg);
    return run->pool;
}

static struct watched *watch(struct job *jobs, int n)
{
    struct watched *all = elcl_calloc((size_t)n, sizeof(*all));
    for (int i = 0; i < n; i++) {
        all[i].job = jobs[i];
        all[i].want = &jobs[i];
        all[i].doomed = check_int(0, 2) == 0;
        memset(all[i].job.hypotheses, 0, sizeof(all[i].job.hypotheses));
    }
    return all;
}

static bool submit(elcl_pool *pool, struct watched *w)
{
    elcl_request request = job_begin(&w->job);
    elcl_error err = {0};
    request.user = w;
    return CHECK(!elcl_pool_submit(pool, &request, &w->id, &err), "%s", err.msg);
}

/* Every request has one result; one that was not cancelled has the bits of the run without
 * cancels. Returns how many were cancelled. */
static int check_ends(const struct watched *all, int n)
{
    int n_cancelled = 0;
    for (int i = 0; i < n; i++) {
        n_cancelled += all[i].cancelled;
        CHECK(all[i].job.deliveries == 1, "request %d has %d results", i, all[i].job.deliveries);
        CHECK(!all[i].cancelled || all[i].doomed, "request %d was cancelled for nothing", i);
        CHECK(all[i].cancelled || job_same(&all[i].job, all[i].want), "request %d differs", i);
    }
    return n_cancelled;
}

static void test_cancels(elcl_model *model, struct job *jobs, int n, int n_engines)
{
    struct run run = {.all = watch(jobs, n), .n = n};
    elcl_pool *pool = open_pool(model, n_engines, &run);
    elcl_error err = {0};
    size_t pending = (size_t)n;
    bool ok = pool != NULL;
    for (int i = 0; ok && i < n; i++)
        ok = submit(pool, &run.all[i]);
    for (int i = 0; ok && i < n; i += 5) { /* some never start */
        run.all[i].doomed = true;
        elcl_pool_cancel(pool, run.all[i].id);
    }
    if (ok)
        elcl_pool_cancel(pool, UINT64_MAX);
    while (ok && pending) {
        struct watched *w = &run.all[check_int(0, n - 1)];
        if (w->doomed)
            elcl_pool_cancel(pool, w->id);
        ok = CHECK(!elcl_pool_step(pool, &pending, &err), "%s", err.msg);
    }
    const int n_cancelled = check_ends(run.all, n);
    CHECK(n_cancelled > n / 8 && run.n_results == n, "%d of %d cancelled, %d results", n_cancelled,
          n, run.n_results);
    CHECK(n_engines > 1 || n_cancelled > (n + 4) / 5, "none was cancelled in flight");
    elcl_engine_stats stats = {0}, sum = {0};
    for (int i = 0; pool && i < n_engines; i++) {
        elcl_pool_get_stats(pool, i, &stats);
        sum.samples += stats.samples;
        CHECK(!stats.waiting && !stats.in_flight, "engine %d is not idle", i);
    }
    CHECK(sum.samples == (uint64_t)(n - n_cancelled), "%d samples", (int)sum.samples);
    elcl_pool_destroy(&pool);
    elcl_free(run.all);
}

/* What was cancelled before the first step costs no step. */
static void test_never_started(elcl_model *model, struct job *jobs, int n)
{
    struct run run = {.all = watch(jobs, n), .n = n};
    elcl_pool *pool = open_pool(model, 1, &run);
    elcl_error err = {0};
    size_t pending = 1;
    bool ok = pool != NULL;
    for (int i = 0; ok && i < n; i++) {
        run.all[i].doomed = true;
        ok = submit(pool, &run.all[i]);
        elcl_pool_cancel(pool, run.all[i].id);
    }
    elcl_engine_stats stats = {0};
    if (ok && CHECK(!elcl_pool_step(pool, &pending, &err), "%s", err.msg))
        elcl_pool_get_stats(pool, 0, &stats);
    CHECK(!pending && !stats.steps && stats.cancelled == (uint64_t)n, "%d steps, %d cancelled",
          (int)stats.steps, (int)stats.cancelled);
    check_ends(run.all, n);
    elcl_pool_destroy(&pool);
    elcl_free(run.all);
}

/* ---- prompts --------------------------------------------------------------------------------- */

/* Keeps or compares the best hypothesis of a request with its prompt and without. */
struct ends {
    size_t n_source, n, n_generated;
    int32_t ids[MAX_TOKENS];
    float log_probs[MAX_TOKENS];
};

static void take_end(void *user, const elcl_result *result)
{
    struct ends *ends = user;
    const elcl_hypothesis *h = result->hypotheses;
    ends->n_source = result->n_source;
    ends->n = (size_t)elcl_min_int((int)h->n_ids, MAX_TOKENS);
    ends->n_generated = h->n_generated;
    memcpy(ends->ids, h->ids, ends->n * sizeof(*ends->ids));
    memcpy(ends->log_probs, h->token_logprobs, ends->n * sizeof(*ends->log_probs));
}

static void run_one(elcl_model *model, const elcl_request *request, struct ends *ends)
{
    elcl_engine_params params = elcl_engine_params_default();
    elcl_engine *engine = NULL;
    elcl_error err = {0};
    params.on_result = take_end;
    params.user = ends;
    CHECK(!elcl_engine_create(model, &params, &engine, &err) &&
              !elcl_engine_submit(engine, request, NULL, &err) && !elcl_engine_run(engine, &err),
          "%s", err.msg);
    elcl_engine_destroy(&engine);
}

/* With no_prompt, hypotheses of a decoder-only model lose exactly the prompt. */
static void test_no_prompt(elcl_model *model, const struct tokens *source)
{
    for (int i = 0; i < 4; i++) {
        struct ends with = {0}, without = {0};
        elcl_request request = {.source = source->ids, .n_source = i % 2 ? 1 : (size_t)source->n};
        elcl_model_gen_defaults(model, &request.options);
        request.options.num_beams = i < 2 ? 1 : 3;
        request.options.max_new_tokens = 6;
        request.options.token_logprobs = 1;
        run_one(model, &request, &with);
        request.options.no_prompt = 1;
        run_one(model, &request, &without);
        const size_t n = model->arch.decoder_only ? request.n_source : 0;
        CHECK(with.n_generated && with.n_generated == without.n_generated &&
                  with.n == without.n + n && (!n || without.n == without.n_generated),
              "%d tokens with the prompt, %d without, %d generated", (int)with.n, (int)without.n,
              (int)without.n_generated);
        CHECK(
            !memcmp(with.ids + n, without.ids, without.n * sizeof(*with.ids)) &&
                !memcmp(with.log_probs + n, without.log_probs, without.n * sizeof(*with.log_probs)),
            "the continuations differ");
    }
}

/* ---- threads --------------------------------------------------------------------------------- */

struct client {
    struct run *run;
    int index; /* takes every N_THREADS-th request from here on */
    pthread_t thread;
};

static void *client_main(void *user)
{
    const struct client *client = user;
    struct run *run = client->run;
    for (int i = client->index; i < run->n; i += N_THREADS)
        if (submit(run->pool, &run->all[i]) && run->all[i].doomed && i % 2)
            elcl_pool_cancel(run->pool, run->all[i].id);
    elcl_pool_wake(run->pool);
    return NULL;
}

static void test_threads(elcl_model *model, struct job *jobs, int n, int n_engines)
{
    struct run run = {.all = watch(jobs, n), .n = n};
    struct client clients[N_THREADS];
    elcl_pool *pool = open_pool(model, n_engines, &run);
    elcl_error err = {0};
    int n_started = 0;
    for (; pool && n_started < N_THREADS; n_started++) {
        clients[n_started] = (struct client){.run = &run, .index = n_started};
        if (!CHECK(
                !pthread_create(&clients[n_started].thread, NULL, client_main, &clients[n_started]),
                "a thread"))
            break;
    }
    bool ok = n_started == N_THREADS;
    while (ok && run.n_results < n) {
        elcl_pool_wait(pool, 10);
        ok = CHECK(!elcl_pool_step(pool, NULL, &err), "%s", err.msg);
    }
    for (int i = 0; i < n_started; i++)
        pthread_join(clients[i].thread, NULL);
    check_ends(run.all, n);
    elcl_pool_destroy(&pool);
    elcl_free(run.all);
}

static void test_wait(elcl_model *model, int n_engines)
{
    struct run run = {0};
    elcl_pool *pool = open_pool(model, n_engines, &run);
    const uint64_t begin = elcl_clock_ns();
    CHECK(!elcl_pool_wait(pool, 0.01), "something is pending");
    CHECK(elcl_clock_ns() - begin >= 10000000, "the wait ended early");
    elcl_pool_wake(pool);
    CHECK(!elcl_pool_wait(pool, -1), "a wake before the wait");
    elcl_pool_destroy(&pool);
}

/* Steps until so many requests are in flight; returns how often, at most `most` times. */
static int steps_until(elcl_engine *engine, uint64_t in_flight, int most)
{
    elcl_engine_stats stats = {0};
    elcl_error err = {0};
    int n = 0;
    for (; n < most && stats.in_flight < in_flight; n++) {
        CHECK(!elcl_engine_step(engine, NULL, &err), "%s", err.msg);
        elcl_engine_get_stats(engine, &stats);
    }
    return n;
}

/* A free slot of a nearly full batch waits for others so that they are encoded together, but not
 * for long. */
static void test_free_slot(elcl_model *model, const struct tokens *source)
{
    elcl_engine_params params = elcl_engine_params_default();
    elcl_engine *engine = NULL;
    elcl_error err = {0};
    elcl_request request = {.source = source->ids, .n_source = (size_t)source->n};
    elcl_model_gen_defaults(model, &request.options);
    request.options.num_beams = 1;
    request.options.n_eos = 0;
    request.options.forced_eos_token_id = -1;
    request.options.max_new_tokens = 14;
    params.batch_size = 24;
    if (!CHECK(!elcl_engine_create(model, &params, &engine, &err), "%s", err.msg))
        return;
    for (int i = 0; i < 22; i++)
        CHECK(!elcl_engine_submit(engine, &request, NULL, &err), "%s", err.msg);
    CHECK(steps_until(engine, 22, 2) == 1, "the requests do not begin together");
    CHECK(!elcl_engine_submit(engine, &request, NULL, &err), "%s", err.msg);
    const int n = steps_until(engine, 23, 12);
    CHECK(n == 9, "the next one began after %d steps", n);
    CHECK(!elcl_engine_run(engine, &err), "%s", err.msg);
    elcl_engine_destroy(&engine);
}

static void test_model(const struct golden *golden, enum elcl_attention attention,
                       const struct check_options *options)
{
    const struct setup setup = {
        .attention = attention, .kernels = ELCL_KERNELS_CPU, .gemm = ELCL_GEMM_NATIVE};
    if (!setup_case("control", strrchr(golden->directory, '/') + 1, &setup))
        return;
    elcl_model *model = setup_open(golden->directory, &setup, options);
    elcl_engine_params params = elcl_engine_params_default();
    int n;
    struct job *jobs = golden_jobs(golden, 5, &n, NULL);
    params.batch_size = n;
    params.max_beams = MAX_BEAMS;
    if (model && jobs_run(model, &params, jobs, n, NULL)) {
        for (int n_engines = 1; n_engines <= 2; n_engines++) {
            test_cancels(model, jobs, n, n_engines);
            test_threads(model, jobs, n, n_engines);
            test_wait(model, n_engines);
        }
        test_never_started(model, jobs, n);
        test_no_prompt(model, jobs[0].source);
        test_free_slot(model, jobs[0].source);
    }
    elcl_free(jobs);
    setup_close(&model);
}

int main(int argc, char **argv)
{
    const struct check_options *options = check_begin(argc, argv);
    struct golden bart, gpt2;
    check_case("control, stored sources");
    const bool bart_there = golden_load("tiny-bart", &bart);
    if (golden_load("tiny-gpt2", &gpt2) && bart_there)
        for (size_t a = 0; a < ELCL_COUNT(all_variants); a++) {
            test_model(&bart, all_variants[a], options);
            test_model(&gpt2, all_variants[a], options);
        }
    golden_finish(&bart);
    golden_finish(&gpt2);
    return check_end();
}
