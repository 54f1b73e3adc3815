/* The engines of a worker, and the thread that steps them. */
#include "serve/worker_state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "common/sys.h"

static int start_engines(struct cli_worker *w, elcl_error *err)
{
    elcl_engine_params params = w->params.sizes;
    elcl_pool *pool = NULL;
    params.on_token = cli_worker_on_token;
    params.on_result = cli_worker_on_result;
    params.user = w;
    const int rc = elcl_pool_create(w->engines->models, w->engines->n, &params, &pool, err);
    pthread_mutex_lock(&w->mutex);
    w->engines->pool = pool;
    pthread_mutex_unlock(&w->mutex);
    return rc;
}

/* Kinds of search that have kernels of their own. */
enum { WARM_GREEDY, WARM_BEAMS, WARM_RENORMALIZED, WARM_SAMPLES, WARM_SAMPLED_BEAMS, WARM_KINDS };

/* The options of a short output. */
static elcl_gen_options warm_options(const struct cli_worker *w, int kind)
{
    const elcl_engine_params *sizes = &w->params.sizes;
    elcl_gen_options gen;
    elcl_model_gen_defaults(w->engines->models[0], &gen);
    gen.num_beams =
        kind == WARM_GREEDY || kind == WARM_SAMPLES ? 1 : elcl_min_int(2, sizes->max_beams);
    gen.do_sample = kind == WARM_SAMPLES || kind == WARM_SAMPLED_BEAMS;
    gen.renormalize_logits = kind == WARM_RENORMALIZED && gen.num_beams > 1;
    gen.num_return_sequences = 1;
    gen.num_beam_groups = 0;
    gen.diversity_penalty = gen.patience = 0;
    gen.min_length = gen.min_new_tokens = 0;
    gen.max_new_tokens = elcl_max_int(1, elcl_min_int(3, sizes->max_target - 1 - gen.prefix.n));
    return gen;
}

/* Runs a few short requests on each engine: kernels are compiled, and the engines work. */
static int warm_up(struct cli_worker *w, elcl_error *err)
{
    static const char text[] = "a b c"; /* a prompt of one token would not be encoded */
    static const int32_t any[] = {0, 0, 0};
    int32_t *ids = NULL;
    size_t n_ids = ELCL_COUNT(any);
    int rc = ELCL_OK;
    if (w->info.has_tokenizer)
        rc = elcl_encode(w->engines->models[0], text, strlen(text), &ids, &n_ids, err);
    if (n_ids > (size_t)w->params.sizes.max_source)
        n_ids = (size_t)w->params.sizes.max_source;
    elcl_request request = {.source = ids ? ids : any, .n_source = n_ids};
    for (int i = 0; !rc && i < WARM_KINDS * w->engines->n; i++) {
        request.options = warm_options(w, i % WARM_KINDS);
        rc = elcl_pool_submit(w->engines->pool, &request, NULL, err);
    }
    if (!rc)
        rc = elcl_pool_run(w->engines->pool, err);
    elcl_free(ids);
    return rc;
}

static void add_stats(elcl_engine_stats *sum, const elcl_engine_stats *more)
{
    sum->steps += more->steps;
    sum->rows += more->rows;
    sum->seconds += more->seconds;
}

/* Adds up the engines' statistics. */
static void read_stats(const struct cli_worker *w, elcl_engine_stats *sum)
{
    for (int i = 0; w->engines->pool && i < w->engines->n; i++) {
        elcl_engine_stats one;
        elcl_pool_get_stats(w->engines->pool, i, &one);
        add_stats(sum, &one);
        sum->batch_size += one.batch_size;
        sum->in_flight += one.in_flight;
        sum->planned_bytes += one.planned_bytes;
        if (i >= w->engines->n_models) /* the engines of a model share its count */
            continue;
        sum->live_bytes += one.live_bytes;
        sum->peak_bytes += one.peak_bytes;
    }
}

/* Engines have failed: makes new ones and tries them. Returns false if they fail too. */
static bool recover(struct cli_worker *w, const elcl_error *why)
{
    elcl_error again = {0};
    elcl_engine_stats stats = {0};
    cli_worker_fail_jobs(w, why);
    pthread_mutex_lock(&w->mutex);
    read_stats(w, &stats);
    add_stats(&w->past, &stats);
    elcl_pool *failed = w->engines->pool;
    w->engines->pool = NULL;
    pthread_mutex_unlock(&w->mutex);
    elcl_pool_destroy(&failed);
    int rc = start_engines(w, &again);
    if (!rc)
        rc = warm_up(w, &again);
    pthread_mutex_lock(&w->mutex);
    w->broken = rc != ELCL_OK;
    w->totals.lost = rc != ELCL_OK;
    w->totals.stopping = w->totals.stopping || rc;
    w->stopped = w->stopped || rc;
    pthread_mutex_unlock(&w->mutex);
    if (rc && w->params.on_lost)
        w->params.on_lost(w->params.user, why);
    return !rc;
}

/* Waits for work and cancels what is late. Returns false if the thread is to end. */
static bool next_turn(struct cli_worker *w)
{
    cli_worker_feed(w);
    pthread_mutex_lock(&w->mutex);
    const bool ends = w->end && !w->orders; /* otherwise there is work, or a wake to come */
    pthread_mutex_unlock(&w->mutex);
    if (ends)
        return false;
    elcl_pool_wait(w->engines->pool, -1);
    pthread_mutex_lock(&w->mutex);
    cli_worker_cancel_late(w);
    pthread_mutex_unlock(&w->mutex);
    return true;
}

static void *worker_main(void *user)
{
    struct cli_worker *w = user;
    while (next_turn(w)) {
        elcl_error why = {0};
        if (elcl_pool_step(w->engines->pool, NULL, &why) && !recover(w, &why))
            break;
    }
    return NULL;
}

/* ---- on any thread --------------------------------------------------------------------------- */

int cli_worker_create(struct cli_engines *engines, const elcl_model_info *info,
                      const struct cli_worker_params *params, struct cli_worker **worker,
                      elcl_error *err)
{
    struct cli_worker *w = calloc(1, sizeof(*w));
    int rc;
    if (!w)
        return elcl_fail_nomem(err);
    w->engines = engines;
    w->info = *info;
    w->params = *params;
    w->next_deadline = INFINITY;
    w->held_end = &w->held;
    pthread_mutex_init(&w->mutex, NULL);
    elcl_condition_init(&w->idle);
    ELCL_TRY(start_engines(w, err));
    ELCL_TRY(warm_up(w, err));
    w->has_thread = !pthread_create(&w->thread, NULL, worker_main, w);
    if (!w->has_thread)
        ELCL_TRY(elcl_fail(err, ELCL_E_NOMEM, "cannot start a thread for a model"));
    *worker = w;
    return ELCL_OK;
fail:
    cli_worker_destroy(&w);
    return rc;
}

void cli_worker_destroy(struct cli_worker **worker)
{
    struct cli_worker *w = *worker;
    if (!w)
        return;
    cli_worker_abort(w);
    pthread_mutex_lock(&w->mutex);
    w->end = true;
    elcl_pool_wake(w->engines->pool);
    pthread_mutex_unlock(&w->mutex);
    if (w->has_thread)
        pthread_join(w->thread, NULL);
    elcl_pool_destroy(&w->engines->pool);
    pthread_cond_destroy(&w->idle);
    pthread_mutex_destroy(&w->mutex);
    free(w);
    *worker = NULL;
}

const elcl_engine_params *cli_worker_sizes(const struct cli_worker *worker)
{
    return &worker->params.sizes;
}

void cli_worker_figures(struct cli_worker *worker, struct cli_figures *figures)
{
    pthread_mutex_lock(&worker->mutex);
    elcl_engine_stats stats = worker->past;
    read_stats(worker, &stats);
    struct cli_figures f = worker->totals;
    f.steps = stats.steps;
    f.rows = stats.rows;
    f.step_seconds = stats.seconds;
    f.in_flight = stats.in_flight < worker->n_pending ? stats.in_flight : worker->n_pending;
    f.waiting = worker->n_pending - f.in_flight;
    f.engines = worker->broken ? 0 : worker->engines->n;
    f.batch_size = stats.batch_size;
    f.queue = worker->params.queue;
    f.weight_bytes = worker->info.weight_bytes * (uint64_t)worker->engines->n_models;
    f.state_bytes = stats.planned_bytes - worker->info.weight_bytes * (uint64_t)worker->engines->n;
    f.live_bytes = stats.live_bytes;
    f.peak_bytes = stats.peak_bytes;
    f.tokens_per_second = cli_rate_get(&worker->tokens, cli_sys_seconds());
    pthread_mutex_unlock(&worker->mutex);
    if (!stats.planned_bytes)
        f.state_bytes = 0;
    *figures = f;
}
