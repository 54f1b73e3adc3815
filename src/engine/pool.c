/* Pools: one queue of requests for several engines. A single engine runs on the caller's thread.
 * Several engines get a thread each and queue copies of their results, which elcl_pool_step()
 * delivers on the caller's thread. */
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "engine/engine.h"
#include "engine/pool_item.h"

/* An event from an engine for the caller's thread. */
struct event {
    struct event *next;
    struct elcl_pool_item *item; /* owned if this is a result */
    bool is_token;
    elcl_token token;
    elcl_result result; /* hypotheses and error follow the event in its allocation */
};

struct worker {
    struct elcl_pool *pool;
    elcl_engine *engine;
    pthread_t thread;
    bool started;
    struct elcl_pool_list portion; /* on the way to the engine; the pool's mutex protects it */
    elcl_error failure; /* of a callback in the current step; used by its own thread only */
};

struct elcl_pool {
    elcl_engine_params params;
    int n_workers;
    /* Protects all members below. An engine's mutex may be taken inside, never the other way. */
    pthread_mutex_t mutex;
    pthread_cond_t work, news; /* for the workers; for the caller of elcl_pool_step() */
    uint64_t next_id;
    size_t pending;                  /* results that are not delivered */
    struct elcl_pool_list submitted; /* workers see them from the caller's next step on */
    struct elcl_pool_list waiting;
    bool has_cancelled; /* among these */
    struct event *events, **events_end;
    size_t n_results; /* among the events */
    uint64_t steps;   /* of all workers */
    bool stop, woken;
    elcl_error failure; /* of the first worker that failed */
    struct worker workers[];
};

/* ---- on a worker's thread -------------------------------------------------------------------- */

static void post(struct elcl_pool *pool, struct event *event)
{
    pthread_mutex_lock(&pool->mutex);
    *pool->events_end = event;
    pool->events_end = &event->next;
    pool->n_results += !event->is_token;
    pthread_mutex_unlock(&pool->mutex);
}

static size_t alignment_bytes(const elcl_result *result, const elcl_hypothesis *h)
{
    return h->alignments ? (h->n_ids - 1) * result->n_source * sizeof(float) : 0;
}

static size_t hypothesis_bytes(const elcl_result *result, const elcl_hypothesis *h)
{
    return h->n_ids * (sizeof(int32_t) + (h->token_logprobs ? sizeof(float) : 0)) +
           alignment_bytes(result, h);
}

/* Copies an array, if there is one, to *at and moves that past it. */
static const void *copy_array(char **at, const void *array, size_t bytes)
{
    if (!array)
        return NULL;
    const void *copy = memcpy(*at, array, bytes);
    *at += bytes;
    return copy;
}

/* Copies a result, with source rows of `width` numbers, and its hypotheses or its error, into one
 * allocation. */
static struct event *copy_result(const elcl_result *result, size_t width)
{
    const size_t n = (size_t)result->n_hypotheses;
    const size_t row_bytes = result->source_rows ? result->n_source * width * sizeof(float) : 0;
    size_t bytes = sizeof(struct event) + n * sizeof(elcl_hypothesis) + row_bytes;
    bytes += result->error ? sizeof(*result->error) : 0;
    for (size_t i = 0; i < n; i++)
        bytes += hypothesis_bytes(result, &result->hypotheses[i]);
    struct event *event = elcl_calloc(bytes, 1);
    if (!event)
        return NULL;
    elcl_hypothesis *copies = (elcl_hypothesis *)(event + 1);
    char *at = (char *)(copies + n);
    for (size_t i = 0; i < n; i++) {
        const elcl_hypothesis *h = &result->hypotheses[i];
        copies[i] = *h;
        copies[i].ids = copy_array(&at, h->ids, h->n_ids * sizeof(*h->ids));
        copies[i].token_logprobs = copy_array(&at, h->token_logprobs, h->n_ids * sizeof(float));
        copies[i].alignments = copy_array(&at, h->alignments, alignment_bytes(result, h));
    }
    event->result = *result;
    event->result.hypotheses = copies;
    event->result.source_rows = copy_array(&at, result->source_rows, row_bytes);
    if (result->error)
        event->result.error = memcpy(at, result->error, sizeof(*result->error));
    return event;
}

static void worker_result(void *user, const elcl_result *result)
{
    struct worker *worker = user;
    struct elcl_pool_item *item = result->user;
    struct event *event = copy_result(result, (size_t)worker->engine->model->arch.d);
    if (!event) {
        elcl_pool_item_destroy(item);
        elcl_fail_nomem(&worker->failure);
        return;
    }
    event->item = item;
    event->result.user = item->request.user;
    post(worker->pool, event);
}

static void worker_token(void *user, const elcl_token *token)
{
    struct worker *worker = user;
    const struct elcl_pool_item *item = token->user;
    struct event *event = elcl_calloc(1, sizeof(*event));
    if (!event) {
        elcl_fail_nomem(&worker->failure);
        return;
    }
    event->is_token = true;
    event->token = *token;
    event->token.user = item->request.user;
    post(worker->pool, event);
}

/* Takes the worker's part of the waiting requests: as many as its batch has room for, and at most
 * its share. */
static void take_portion(struct worker *worker, size_t busy)
{
    struct elcl_pool *pool = worker->pool;
    const size_t batch = (size_t)worker->engine->capacity.sentences;
    const size_t workers = (size_t)pool->n_workers,
                 share = (pool->waiting.n + workers - 1) / workers;
    size_t n = batch > busy ? batch - busy : 0;
    for (n = n < share ? n : share; n; n--)
        elcl_pool_list_append(&worker->portion, elcl_pool_list_take(&pool->waiting));
}

/* Passes the first request of the portion to the engine. Only this thread takes from it. */
static int submit_first(struct worker *worker, elcl_error *err)
{
    struct elcl_pool_item *item = worker->portion.first;
    elcl_request request = item->request;
    request.user = item;
    const int rc =
        elcl_engine_submit_as(worker->engine, &request, item->id, item->submitted_ns, err);
    if (rc)
        return rc;
    pthread_mutex_lock(&worker->pool->mutex);
    elcl_pool_list_take(&worker->portion);
    if (item->cancelled)
        elcl_engine_cancel(worker->engine, item->id);
    pthread_mutex_unlock(&worker->pool->mutex);
    return ELCL_OK;
}

static int run_portion(struct worker *worker, size_t *pending, elcl_error *err)
{
    int rc = ELCL_OK;
    while (!rc && worker->portion.n)
        rc = submit_first(worker, err);
    if (!rc)
        rc = elcl_engine_step(worker->engine, pending, err);
    if (!rc && worker->failure.code)
        rc = elcl_fail(err, worker->failure.code, "%s", worker->failure.msg);
    return rc;
}

static void *worker_main(void *user)
{
    struct worker *worker = user;
    struct elcl_pool *pool = worker->pool;
    size_t pending = 0;
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        while (!pool->stop && !pending && !pool->waiting.n)
            pthread_cond_wait(&pool->work, &pool->mutex);
        if (pool->stop)
            break;
        elcl_error err = {0};
        take_portion(worker, pending);
        pthread_mutex_unlock(&pool->mutex);
        const int rc = run_portion(worker, &pending, &err);
        pthread_mutex_lock(&pool->mutex);
        pool->steps++;
        if (rc) {
            elcl_pool_list_finish(&worker->portion);
            elcl_fail(&pool->failure, rc, "%s: %s", worker->engine->model->device->desc.name,
                      err.msg);
            pool->stop = true;
        }
        pthread_cond_broadcast(&pool->news);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

/* ---- on the caller's thread ---------------------------------------------------------------- */

static int create_workers(struct elcl_pool *pool, elcl_model *const *models, elcl_error *err)
{
    for (int i = 0; i < pool->n_workers; i++) {
        struct worker *worker = &pool->workers[i];
        elcl_engine_params params = pool->params;
        int sharers = 0;
        for (int k = 0; k < pool->n_workers; k++)
            sharers += models[k] == models[i];
        worker->pool = pool;
        params.user = worker;
        params.on_result = worker_result;
        params.on_token = params.on_token ? worker_token : NULL;
        const int rc =
            elcl_engine_create_shared(models[i], pool->n_workers > 1 ? &params : &pool->params,
                                      sharers, &worker->engine, err);
        if (rc)
            return rc;
    }
    return ELCL_OK;
}

int elcl_pool_create(elcl_model *const *models, int n, const elcl_engine_params *params,
                     elcl_pool **pool, elcl_error *err)
{
    if (!models || n < 1 || n > ELCL_MAX_ENGINES || !pool)
        return elcl_fail(err, ELCL_E_ARG,
                         "elcl_pool_create: expected 1 .. %d models and a pool that is not NULL",
                         ELCL_MAX_ENGINES);
    struct elcl_pool *p = elcl_calloc(1, sizeof(*p) + (size_t)n * sizeof(struct worker));
    if (!p)
        return elcl_fail_nomem(err);
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->work, NULL);
    elcl_condition_init(&p->news);
    p->params = params ? *params : elcl_engine_params_default();
    p->n_workers = n;
    p->events_end = &p->events;
    int rc;
    ELCL_TRY(create_workers(p, models, err));
    for (int i = 0; n > 1 && i < n; i++) {
        if (pthread_create(&p->workers[i].thread, NULL, worker_main, &p->workers[i]))
            ELCL_TRY(elcl_fail(err, ELCL_E_NOMEM, "cannot start a thread for engine %d", i));
        p->workers[i].started = true;
    }
    *pool = p;
    return ELCL_OK;
fail:
    elcl_pool_destroy(&p);
    return rc;
}

/* Destroys the engine and the items that its requests point to. */
static void worker_finish(struct worker *worker)
{
    if (!worker->engine)
        return;
    for (int i = 0;
         worker->started && worker->engine->slots && i < worker->engine->state.capacity.sentences;
         i++)
        if (worker->engine->slots[i])
            elcl_pool_item_destroy(worker->engine->slots[i]->user);
    for (struct elcl_sentence *s = worker->engine->waiting; worker->started && s; s = s->next)
        elcl_pool_item_destroy(s->user);
    elcl_engine_destroy(&worker->engine);
}

void elcl_pool_destroy(elcl_pool **pool)
{
    if (!pool || !*pool)
        return;
    struct elcl_pool *p = *pool;
    pthread_mutex_lock(&p->mutex);
    p->stop = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->mutex);
    for (int i = 0; i < p->n_workers; i++)
        if (p->workers[i].started)
            pthread_join(p->workers[i].thread, NULL);
    for (int i = 0; i < p->n_workers; i++)
        worker_finish(&p->workers[i]);
    for (struct event *event = p->events, *next; event; event = next) {
        next = event->next;
        elcl_pool_item_destroy(event->item);
        elcl_free(event);
    }
    elcl_pool_list_finish(&p->submitted);
    elcl_pool_list_finish(&p->waiting);
    pthread_cond_destroy(&p->news);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->mutex);
    elcl_free(p);
    *pool = NULL;
}

/* Checks a request by all engines, and copies it. */
static int item_create(const struct elcl_pool *pool, const elcl_request *request,
                       struct elcl_pool_item **created, elcl_error *err)
{
    const struct elcl_arch *arch = &pool->workers[0].engine->model->arch;
    struct elcl_source source = {0};
    int rc = ELCL_OK;
    for (int i = 0; !rc && i < pool->n_workers; i++)
        rc = elcl_engine_check(pool->workers[i].engine, request, &source, err);
    for (int i = 0; !rc && source.kind != ELCL_SOURCE_TOKENS && i < pool->n_workers; i++) {
        const struct elcl_arch *other = &pool->workers[i].engine->model->arch;
        if (other->d != arch->d || other->input_width != arch->input_width)
            rc = elcl_fail(err, ELCL_E_ARG,
                           "inputs and source_rows are for one model, but those of the pool have "
                           "different widths");
    }
    if (rc)
        return rc;
    return elcl_pool_item_create(arch, request, &source, created, err);
}

int elcl_pool_submit(elcl_pool *pool, const elcl_request *request, uint64_t *id, elcl_error *err)
{
    if (!pool || !request)
        return elcl_fail(err, ELCL_E_ARG, "elcl_pool_submit: pool and request must not be NULL");
    if (pool->n_workers == 1)
        return elcl_engine_submit(pool->workers[0].engine, request, id, err);
    struct elcl_pool_item *item = NULL;
    const int rc = item_create(pool, request, &item, err);
    if (rc)
        return rc;
    pthread_mutex_lock(&pool->mutex);
    item->id = pool->next_id++;
    if (id)
        *id = item->id;
    elcl_pool_list_append(&pool->submitted, item);
    pool->pending++;
    pthread_cond_signal(&pool->news);
    pthread_mutex_unlock(&pool->mutex);
    return ELCL_OK;
}

void elcl_pool_cancel(elcl_pool *pool, uint64_t id)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->mutex);
    struct elcl_pool_item *item = elcl_pool_list_find(&pool->submitted, id);
    item = item ? item : elcl_pool_list_find(&pool->waiting, id);
    pool->has_cancelled = pool->has_cancelled || item;
    for (int i = 0; !item && i < pool->n_workers; i++)
        item = elcl_pool_list_find(&pool->workers[i].portion, id);
    if (item)
        item->cancelled = true;
    for (int i = 0; !item && i < pool->n_workers; i++)
        elcl_engine_cancel(pool->workers[i].engine, id);
    pthread_cond_signal(&pool->news);
    pthread_mutex_unlock(&pool->mutex);
}

static void deliver_events(const struct elcl_pool *pool, struct event *events)
{
    for (struct event *event = events, *next; event; event = next) {
        next = event->next;
        if (event->is_token)
            pool->params.on_token(pool->params.user, &event->token);
        else if (pool->params.on_result)
            pool->params.on_result(pool->params.user, &event->result);
        elcl_pool_item_destroy(event->item);
        elcl_free(event);
    }
}

/* Delivers the ends of requests that no engine had. */
static void deliver_cancelled(const struct elcl_pool *pool, struct elcl_pool_list *cancelled)
{
    for (struct elcl_pool_item *item; (item = elcl_pool_list_take(cancelled));) {
        elcl_result result = elcl_result_begin(item->id, item->request.user, item->request.n_source,
                                               item->submitted_ns);
        result.error = &elcl_cancelled;
        if (pool->params.on_result)
            pool->params.on_result(pool->params.user, &result);
        elcl_pool_item_destroy(item);
    }
}

/* Shows the workers what was submitted, and takes what was cancelled before an engine had it. */
static void share_submitted(struct elcl_pool *pool, struct elcl_pool_list *cancelled)
{
    if (pool->has_cancelled) {
        elcl_pool_list_take_cancelled(&pool->submitted, cancelled);
        elcl_pool_list_take_cancelled(&pool->waiting, cancelled);
        pool->has_cancelled = false;
    }
    if (pool->submitted.n)
        pthread_cond_broadcast(&pool->work);
    for (struct elcl_pool_item *item; (item = elcl_pool_list_take(&pool->submitted));)
        elcl_pool_list_append(&pool->waiting, item);
}

/* Waits until there is something to deliver, a worker has finished a step, or nothing is pending.
 * Returns the events. */
static struct event *next_events(struct elcl_pool *pool, struct elcl_pool_list *cancelled)
{
    const uint64_t before = pool->steps;
    for (;;) {
        share_submitted(pool, cancelled);
        if (!pool->pending || cancelled->n || pool->events || pool->steps != before ||
            pool->failure.code)
            break;
        pthread_cond_wait(&pool->news, &pool->mutex);
    }
    struct event *events = pool->events;
    pool->pending -= pool->n_results + cancelled->n;
    pool->n_results = 0;
    pool->events = NULL;
    pool->events_end = &pool->events;
    return events;
}

int elcl_pool_step(elcl_pool *pool, size_t *pending, elcl_error *err)
{
    if (!pool)
        return elcl_fail(err, ELCL_E_ARG, "elcl_pool_step: pool must not be NULL");
    if (pool->n_workers == 1)
        return elcl_engine_step(pool->workers[0].engine, pending, err);
    struct elcl_pool_list cancelled = {0};
    pthread_mutex_lock(&pool->mutex);
    struct event *events = next_events(pool, &cancelled);
    const elcl_error failure = pool->failure;
    pthread_mutex_unlock(&pool->mutex);
    deliver_cancelled(pool, &cancelled);
    deliver_events(pool, events);
    if (failure.code)
        return elcl_fail(err, failure.code, "%s", failure.msg);
    pthread_mutex_lock(&pool->mutex);
    if (pending)
        *pending = pool->pending;
    pthread_mutex_unlock(&pool->mutex);
    return ELCL_OK;
}

size_t elcl_pool_wait(elcl_pool *pool, double seconds)
{
    if (!pool)
        return 0;
    if (pool->n_workers == 1)
        return elcl_engine_wait(pool->workers[0].engine, seconds);
    const uint64_t end = elcl_clock_after(seconds);
    bool in_time = true;
    pthread_mutex_lock(&pool->mutex);
    while (in_time && !pool->woken && !pool->pending)
        in_time = elcl_condition_wait(&pool->news, &pool->mutex, end);
    pool->woken = false;
    const size_t pending = pool->pending;
    pthread_mutex_unlock(&pool->mutex);
    return pending;
}

void elcl_pool_wake(elcl_pool *pool)
{
    if (!pool)
        return;
    if (pool->n_workers == 1) {
        elcl_engine_wake(pool->workers[0].engine);
        return;
    }
    pthread_mutex_lock(&pool->mutex);
    pool->woken = true;
    pthread_cond_signal(&pool->news);
    pthread_mutex_unlock(&pool->mutex);
}

void elcl_pool_get_stats(elcl_pool *pool, int i, elcl_engine_stats *stats)
{
    elcl_engine_get_stats(pool->workers[i].engine, stats);
}

void elcl_pool_get_profile(elcl_pool *pool, int i, elcl_engine_profile *profile)
{
    pthread_mutex_lock(&pool->mutex);
    elcl_engine_get_profile(pool->workers[i].engine, profile);
    pthread_mutex_unlock(&pool->mutex);
}

int elcl_pool_run(elcl_pool *pool, elcl_error *err)
{
    size_t pending = 1;
    int rc = ELCL_OK;
    while (!rc && pending)
        rc = elcl_pool_step(pool, &pending, err);
    return rc;
}
