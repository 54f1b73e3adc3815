/* Pools of engines on one model and on two: results, tokens, refusals, and the end of a pool when
 * an engine fails or its caller stops early. test_invariance has the results of many groupings. */
#include <string.h>

#include "base/util.h"
#include "parity/allocations.h"
#include "parity/common.h"

/* What one request delivered to its caller. */
struct seen {
    uint64_t id;   /* the pool's id */
    bool in_order; /* so far: no token after the result, each equal to the result's */
    struct tokens streams[MAX_HYPOTHESES];
    struct job job;
};

static void take_token(void *user, const elcl_token *token)
{
    struct seen *seen = token->user;
    ++*(int *)user;
    seen->in_order &= token->id == seen->id && !seen->job.deliveries &&
                      token->stream < MAX_HYPOTHESES && seen->streams[token->stream].n < MAX_TOKENS;
    if (seen->in_order) {
        struct tokens *stream = &seen->streams[token->stream];
        stream->ids[stream->n++] = token->token;
    }
}

static void take_result(void *user, const elcl_result *result)
{
    struct seen *seen = result->user;
    ++*(int *)user;
    seen->in_order &= result->id == seen->id && !result->error;
    job_take(&seen->job, result);
}

/* Creates a pool on n models that counts its callbacks in *calls; NULL after a failed check. */
static elcl_pool *open_pool(elcl_model *const *models, int n, int batch_size, int *calls)
{
    elcl_engine_params params = elcl_engine_params_default();
    params.batch_size = batch_size;
    params.max_beams = 8;
    params.on_result = take_result;
    params.on_token = take_token;
    params.user = calls;
    elcl_pool *pool = NULL;
    elcl_error err = {0};
    CHECK(!elcl_pool_create(models, n, &params, &pool, &err), "%s", err.msg);
    return pool;
}

static elcl_request make_request(struct seen *seen)
{
    elcl_request request = job_begin(&seen->job);
    request.user = seen;
    return request;
}

static bool submit_all(elcl_pool *pool, struct seen *seen, int n)
{
    bool ok = true;
    for (int i = 0; ok && i < n; i++) {
        elcl_error err = {0};
        const elcl_request request = make_request(&seen[i]);
        seen[i].in_order = true;
        ok = CHECK(!elcl_pool_submit(pool, &request, &seen[i].id, &err), "%s", err.msg);
    }
    return ok;
}

/* Makes the golden's jobs: of every case for `step` 1, of every fifth for 5. The caller frees. */
static struct seen *emitted_jobs(const struct golden *golden, int step, int *n)
{
    struct job *jobs = golden_jobs(golden, step, n, NULL);
    struct seen *seen = elcl_calloc((size_t)*n, sizeof(*seen));
    for (int i = 0; i < *n; i++)
        seen[i].job = jobs[i];
    elcl_free(jobs);
    return seen;
}

/* Runs the same work in one engine. */
static void check_results(elcl_model *model, const struct seen *seen, int n)
{
    struct job *jobs = elcl_calloc((size_t)n, sizeof(*jobs));
    elcl_engine_params params = elcl_engine_params_default();
    params.max_beams = 8;
    for (int i = 0; i < n; i++)
        jobs[i] = seen[i].job;
    if (jobs_run(model, &params, jobs, n, NULL))
        for (int i = 0; i < n; i++)
            for (int k = 0; k < jobs[i].n; k++) {
                const struct tokens *got = &seen[i].job.hypotheses[k].tokens;
                const struct tokens *want = &jobs[i].hypotheses[k].tokens;
                CHECK(seen[i].job.n == jobs[i].n && got->n == want->n &&
                          !memcmp(got->ids, want->ids, (size_t)want->n * sizeof(*want->ids)),
                      "request %d: hypothesis %d differs from one engine's", i, k);
            }
    elcl_free(jobs);
}

/* Only greedy search and sampling deliver tokens, one for each token of the result after the start
 * token (there are no prefixes in these jobs). Returns how many outputs were streamed. */
static int check_emitted(const struct seen *seen, int n)
{
    int n_streamed = 0;
    for (int i = 0; i < n; i++) {
        const struct job *job = &seen[i].job;
        CHECK(seen[i].job.deliveries == 1, "request %d has %d results", i, seen[i].job.deliveries);
        CHECK(seen[i].in_order, "request %d: a token or result out of order", i);
        for (int k = 0; k < job->n && job->options.num_beams == 1; k++, n_streamed++) {
            const struct tokens *stream = &seen[i].streams[k], *all = &job->hypotheses[k].tokens;
            CHECK(stream->n == all->n - 1 &&
                      !memcmp(stream->ids, all->ids + 1, (size_t)stream->n * sizeof(*stream->ids)),
                  "request %d, output %d: %d tokens delivered, the result has %d", i, k, stream->n,
                  all->n);
        }
        CHECK(job->options.num_beams == 1 || !seen[i].streams[0].n,
              "request %d: beam search delivered a token", i);
    }
    return n_streamed;
}

/* Two models, each with its own memory, and two engines on one of them. */
static void test_models(const struct golden *golden, const struct check_options *options)
{
    if (!check_case("pool, two models of different variants, three engines"))
        return;
    const struct setup el = {.attention = ELCL_ATTN_EL, .kernels = ELCL_KERNELS_CPU};
    const struct setup mha = {.attention = ELCL_ATTN_MHA, .kernels = ELCL_KERNELS_CPU};
    elcl_model *a = setup_open(golden->directory, &el, options);
    elcl_model *b = setup_open(golden->directory, &mha, options);
    elcl_model *models[] = {a, b, a};
    int n, calls = 0;
    struct seen *seen = emitted_jobs(golden, 5, &n);
    elcl_pool *pool = a && b ? open_pool(models, 3, 2, &calls) : NULL;
    elcl_error err = {0};
    if (pool && submit_all(pool, seen, n)) {
        CHECK(!calls, "a callback before the first step");
        CHECK(!elcl_pool_run(pool, &err), "%s", err.msg);
        CHECK(check_emitted(seen, n) > 0, "no output was streamed");
        uint64_t samples = 0;
        for (int i = 0; i < 3; i++) {
            elcl_engine_stats stats;
            elcl_pool_get_stats(pool, i, &stats);
            samples += stats.samples;
            CHECK(stats.batch_size == 2, "engine %d: batch %d", i, stats.batch_size);
        }
        CHECK(samples == (uint64_t)n, "engines finished %d of %d", (int)samples, n);
        check_results(b, seen, n);
    }
    elcl_pool_destroy(&pool);
    elcl_free(seen);
    setup_close(&b);
    setup_close(&a);
}

static void test_refusals(elcl_model *model, const struct golden *golden, int n_engines)
{
    if (!check_case("pool, %d engines: refusals cost nothing but themselves", n_engines))
        return;
    elcl_model *models[] = {model, model};
    elcl_pool *pool = NULL;
    elcl_error err = {0};
    CHECK(elcl_pool_create(models, 0, NULL, &pool, &err) == ELCL_E_ARG && !pool && err.msg[0],
          "no model");
    CHECK(elcl_pool_create(models, ELCL_MAX_ENGINES + 1, NULL, &pool, &err) == ELCL_E_ARG && !pool,
          "more models than a pool takes");
    int n, calls = 0;
    struct seen *seen = emitted_jobs(golden, 20, &n);
    pool = open_pool(models, n_engines, 2, &calls);
    if (pool && submit_all(pool, seen, n)) {
        elcl_request bad = make_request(&seen[0]);
        bad.options.num_beams = 9; /* max_beams is 8 */
        bad.options.num_return_sequences = 1;
        uint64_t id = 12345;
        err = (elcl_error){0};
        CHECK(elcl_pool_submit(pool, &bad, &id, &err) == ELCL_E_ARG && strstr(err.msg, "num_beams"),
              "nine beams: %s", err.msg);
        bad = make_request(&seen[0]);
        bad.n_source = 0;
        CHECK(elcl_pool_submit(pool, &bad, &id, &err) == ELCL_E_ARG, "no source");
        CHECK(elcl_pool_submit(pool, NULL, &id, &err) == ELCL_E_ARG, "no request");
        CHECK(elcl_pool_submit(NULL, &bad, &id, &err) == ELCL_E_ARG, "no pool");
        CHECK(id == 12345, "a refused request has the id %d", (int)id);
        CHECK(!elcl_pool_run(pool, &err), "%s", err.msg);
        check_emitted(seen, n);
    }
    size_t pending = 1;
    CHECK(!pool || (!elcl_pool_step(pool, &pending, &err) && !pending),
          "a step with nothing to do: %d pending", (int)pending);
    elcl_pool_destroy(&pool);
    elcl_free(seen);
}

/* Requests in flight, waiting, and submitted but not yet seen; undelivered results. */
static void test_destroy(elcl_model *model, const struct golden *golden, int n_engines)
{
    if (!check_case("pool, %d engines: destroyed with requests in flight", n_engines))
        return;
    elcl_model *models[] = {model, model};
    for (int steps = 0; steps < 6; steps++) {
        int n, calls = 0;
        struct seen *seen = emitted_jobs(golden, 5, &n);
        elcl_pool *pool = open_pool(models, n_engines, 3, &calls);
        elcl_error err = {0};
        size_t pending = 1;
        bool ok = pool && submit_all(pool, seen, n - 1);
        for (int i = 0; ok && i < steps; i++)
            ok = CHECK(!elcl_pool_step(pool, &pending, &err), "%s", err.msg);
        if (ok && submit_all(pool, seen + n - 1, 1))
            CHECK(pending, "all was done after %d steps", steps);
        const int before = calls;
        elcl_pool_destroy(&pool);
        CHECK(!pool && calls == before, "destroying a pool delivered something");
        elcl_free(seen);
    }
}

/* An engine without memory fails the pool: at once, in a sentence, and for good. */
static void test_failure(elcl_model *model, const struct golden *golden, int n_engines)
{
    if (!check_case("pool, %d engines: no memory for a batch", n_engines))
        return;
    elcl_model *models[] = {model, model};
    int n, calls = 0;
    struct seen *seen = emitted_jobs(golden, 20, &n);
    elcl_pool *pool = open_pool(models, n_engines, 0, &calls);
    if (pool && submit_all(pool, seen, n)) {
        elcl_error err = {0}, again = {0};
        allocations_reset(1, 1 << 30);
        CHECK(elcl_pool_run(pool, &err) == ELCL_E_DEVICE_NOMEM && err.msg[0], "%s", err.msg);
        CHECK(allocations_get().failed > 0, "no allocation was tried");
        allocations_reset(0, 0);
        CHECK(n_engines == 1 || strstr(err.msg, model->device->desc.name),
              "the device is not named: %s", err.msg);
        CHECK(n_engines == 1 || (elcl_pool_run(pool, &again) == ELCL_E_DEVICE_NOMEM &&
                                 !strcmp(err.msg, again.msg)),
              "again: %s", again.msg);
        CHECK(!calls, "%d callbacks", calls);
    }
    elcl_pool_destroy(&pool);
    elcl_free(seen);
}

int main(int argc, char **argv)
{
    const struct check_options *options = check_begin(argc, argv);
    const struct setup setup = {.attention = ELCL_ATTN_EL, .kernels = ELCL_KERNELS_CPU};
    struct golden golden;
    check_case("pool, stored sources");
    if (!golden_load("tiny-bart", &golden))
        return check_end();
    test_models(&golden, options);
    check_case("pool, the model of the cases below");
    elcl_model *model = setup_open(golden.directory, &setup, options);
    for (int n_engines = 1; model && n_engines <= 2; n_engines++) {
        test_refusals(model, &golden, n_engines);
        test_destroy(model, &golden, n_engines);
        test_failure(model, &golden, n_engines);
    }
    setup_close(&model);
    golden_finish(&golden);
    return check_end();
}
