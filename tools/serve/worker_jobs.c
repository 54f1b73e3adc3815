/* Jobs: submitted, cancelled, and ended by the results of their requests. */
#include "serve/worker_state.h"

#include <math.h>
#include <stdlib.h>

#include "base/os.h"
#include "common/sys.h"
#include "serve/worker_limits.h"

/* Seconds of a window in which ended requests are counted. */
#define PACE_SECONDS 5
#define MAX_RETRY_SECONDS 60

/* ---- orders: the mutex is held --------------------------------------------------------------- */

static void link_order(struct cli_worker *w, struct cli_order *order)
{
    order->next = w->orders;
    order->link = &w->orders;
    if (order->next)
        order->next->link = &order->next;
    w->orders = order;
    if (order->deadline > 0 && order->deadline < w->next_deadline)
        w->next_deadline = order->deadline;
}

static void unlink_order(struct cli_worker *w, struct cli_order *order)
{
    *order->link = order->next;
    if (order->next)
        order->next->link = order->link;
    if (!w->orders)
        pthread_cond_broadcast(&w->idle);
}

static void hold_order(struct cli_worker *w, struct cli_order *order)
{
    order->next_held = NULL;
    *w->held_end = order;
    w->held_end = &order->next_held;
}

/* Takes the order off the list of those that wait for the pool. */
static void release_order(struct cli_worker *w, const struct cli_order *order)
{
    struct cli_order **at = &w->held;
    while (*at && *at != order)
        at = &(*at)->next_held;
    if (!*at)
        return;
    *at = order->next_held;
    if (!*at)
        w->held_end = at;
}

static bool is_cancel(int code)
{
    return code == ELCL_E_INTERRUPTED || code == CLI_WORKER_LATE || code == CLI_WORKER_STOPPING;
}

/* Ends the requests that the pool has not had. The worker's thread ends the job if these were the
 * last ones. */
static void drop_held(struct cli_worker *w, struct cli_order *order)
{
    const size_t n = order->n - order->n_pooled;
    if (!n)
        return;
    release_order(w, order);
    order->n = order->n_pooled;
    order->n_left -= n;
    order->n_lacking += n;
    w->n_pending -= n;
    *(is_cancel(order->why.code) ? &w->totals.cancelled : &w->totals.failed) += n;
    if (order->n_left)
        return;
    order->next_held = w->dropped;
    w->dropped = order;
    elcl_pool_wake(w->engines->pool);
}

/* Cancels what has not ended; the first reason stays. */
static void cancel_order(struct cli_worker *w, struct cli_order *order, int code, const char *why)
{
    elcl_fail(&order->why, code, "%s", why);
    for (size_t i = 0; i < order->n_pooled; i++)
        if (!order->slots[i].ended)
            elcl_pool_cancel(w->engines->pool, order->slots[i].id);
    drop_held(w, order);
}

static size_t whole_batch(const struct cli_worker *w)
{
    return (size_t)w->params.sizes.batch_size * (size_t)w->engines->n;
}

/* Engines that go on while others are fed find half a batch more. */
static bool has_room(const struct cli_worker *w)
{
    const size_t batch = whole_batch(w);
    return w->n_pooled < batch + elcl_div_up(batch, 2);
}

/* Passes the order's next request to the pool. */
static int pool_next(struct cli_worker *w, struct cli_order *order, elcl_error *err)
{
    struct cli_slot *slot = &order->slots[order->n_pooled];
    elcl_request request = order->requests[order->n_pooled];
    request.user = slot;
    slot->held_seconds = cli_sys_seconds() - order->began;
    const int rc = elcl_pool_submit(w->engines->pool, &request, &slot->id, err);
    order->n_pooled += !rc;
    w->n_pooled += !rc;
    return rc;
}

/* Each order that waits gives one request in turn. */
static void fill_pool(struct cli_worker *w)
{
    while (w->held && has_room(w)) {
        struct cli_order *order = w->held;
        elcl_error why = {0};
        if (pool_next(w, order, &why)) {
            cancel_order(w, order, why.code, why.msg);
            continue;
        }
        release_order(w, order);
        if (order->n_pooled < order->n)
            hold_order(w, order);
    }
}

void cli_worker_cancel_late(struct cli_worker *w)
{
    const double now = cli_sys_seconds();
    if (now < w->next_deadline)
        return;
    w->next_deadline = INFINITY;
    for (struct cli_order *order = w->orders; order; order = order->next) {
        if (order->deadline <= 0)
            continue;
        if (now < order->deadline) {
            w->next_deadline = fmin(w->next_deadline, order->deadline);
            continue;
        }
        order->deadline = 0;
        w->totals.late += order->job != NULL;
        cancel_order(w, order, CLI_WORKER_LATE,
                     "the request took longer than the server's --time-limit");
    }
}

/* Begins a window of time in which ended requests are counted. */
static void begin_pace(struct cli_worker *w)
{
    struct cli_pace *pace = &w->pace;
    if (pace->n)
        pace->per_second = (double)pace->n / fmax(pace->last - pace->began, 0.001);
    pace->began = cli_sys_seconds();
    pace->n = 0;
}

static void count_end(struct cli_worker *w, const elcl_result *result)
{
    struct cli_figures *f = &w->totals;
    w->pace.n++;
    w->pace.last = cli_sys_seconds();
    if (w->pace.last - w->pace.began > PACE_SECONDS)
        begin_pace(w);
    if (result->error) {
        *(is_cancel(result->error->code) ? &f->cancelled : &f->failed) += 1;
        return;
    }
    f->results++;
    f->source_tokens += result->n_source;
    uint64_t n = 0;
    for (int i = 0; i < result->n_hypotheses; i++)
        n += result->hypotheses[i].n_generated;
    f->output_tokens += n;
    cli_rate_add(&w->tokens, w->pace.last, n);
    cli_histogram_add(&f->queued, result->queued_seconds);
    cli_histogram_add(&f->first_token, result->first_token_seconds);
    cli_histogram_add(&f->total, result->total_seconds);
}

/* ---- on the worker's thread ------------------------------------------------------------------ */

static void end_job(struct cli_worker *w, struct cli_job *job, const elcl_error *why)
{
    if (!job)
        return;
    pthread_mutex_lock(&w->mutex);
    job->order = NULL; /* cli_job_cancel() does nothing from now on */
    pthread_mutex_unlock(&w->mutex);
    job->on_end(job, why);
}

static void end_order(struct cli_worker *w, struct cli_order *order)
{
    end_job(w, order->job, order->n_lacking ? &order->why : NULL);
    pthread_mutex_lock(&w->mutex);
    unlink_order(w, order);
    pthread_mutex_unlock(&w->mutex);
    free(order);
}

void cli_worker_feed(struct cli_worker *w)
{
    pthread_mutex_lock(&w->mutex);
    fill_pool(w);
    struct cli_order *dropped = w->dropped;
    w->dropped = NULL;
    pthread_mutex_unlock(&w->mutex);
    while (dropped) {
        struct cli_order *next = dropped->next_held;
        end_order(w, dropped);
        dropped = next;
    }
}

/* The callbacks wait for a submission that is going on, so that a job of which a request is refused
 * has seen none of them. */

void cli_worker_on_token(void *user, const elcl_token *token)
{
    struct cli_worker *w = user;
    const struct cli_slot *slot = token->user;
    if (!slot || !slot->order->streams) /* most tokens: without the lock */
        return;
    pthread_mutex_lock(&w->mutex);
    struct cli_job *job = slot->order->job;
    pthread_mutex_unlock(&w->mutex);
    if (job)
        job->on_token(job, (size_t)(slot - slot->order->slots), token);
}

/* The pool counts seconds since it has had the request. */
static elcl_result with_held(const elcl_result *result, double seconds)
{
    elcl_result whole = *result;
    whole.total_seconds += seconds;
    if (whole.first_token_seconds > 0) {
        whole.queued_seconds += seconds;
        whole.first_token_seconds += seconds;
    }
    return whole;
}

void cli_worker_on_result(void *user, const elcl_result *result)
{
    struct cli_worker *w = user;
    struct cli_slot *slot = result->user;
    if (!slot)
        return;
    struct cli_order *order = slot->order;
    const elcl_result whole = with_held(result, slot->held_seconds);
    pthread_mutex_lock(&w->mutex);
    slot->ended = true;
    w->n_pending--;
    w->n_pooled--;
    count_end(w, &whole);
    if (result->error) {
        elcl_fail(&order->why, result->error->code, "%s", result->error->msg);
        order->n_lacking++;
    }
    const bool last = !--order->n_left;
    pthread_mutex_unlock(&w->mutex);
    if (order->job && !result->error)
        order->job->on_result(order->job, (size_t)(slot - order->slots), &whole);
    if (last)
        end_order(w, order);
}

void cli_worker_fail_jobs(struct cli_worker *w, const elcl_error *why)
{
    pthread_mutex_lock(&w->mutex);
    struct cli_order *orders = w->orders;
    w->totals.failed += w->n_pending;
    w->totals.failures++;
    w->n_pending = w->n_pooled = 0;
    w->held = w->dropped = NULL;
    w->held_end = &w->held;
    w->broken = true;
    pthread_mutex_unlock(&w->mutex);
    while (orders) {
        struct cli_order *next = orders->next;
        end_job(w, orders->job, why);
        pthread_mutex_lock(&w->mutex);
        unlink_order(w, orders);
        pthread_mutex_unlock(&w->mutex);
        free(orders);
        orders = next;
    }
}

/* ---- on any thread --------------------------------------------------------------------------- */

static struct cli_order *create_order(struct cli_job *job, const elcl_request *requests)
{
    struct cli_order *order = calloc(1, sizeof(*order) + job->n * sizeof(struct cli_slot));
    if (!order)
        return NULL;
    order->job = job;
    order->requests = requests;
    order->n = order->n_left = job->n;
    order->began = cli_sys_seconds();
    order->deadline = job->deadline;
    order->streams = job->on_token != NULL;
    for (size_t i = 0; i < job->n; i++)
        order->slots[i].order = order;
    return order;
}

/* Whether the job may come in. The mutex is held. */
static int admit(struct cli_worker *w, const struct cli_job *job, elcl_error *err)
{
    const size_t n = job->n;
    const size_t room = whole_batch(w) + (size_t)w->params.queue;
    if (w->stopped || (w->totals.stopping && !job->follows))
        return elcl_fail(err, CLI_WORKER_STOPPING, "the server is stopping");
    if (n > room)
        return elcl_fail(
            err, ELCL_E_ARG,
            "expected at most %zu texts in a request, found %zu (the server's --queue)", room, n);
    if (!w->broken && w->n_pending + n <= room)
        return ELCL_OK;
    w->totals.busy++;
    return elcl_fail(err, CLI_WORKER_BUSY,
                     w->broken ? "the device failed and is starting again: try again later"
                               : "the server is busy: its queue is full");
}

/* Submits what the pool has room for; if a request is refused, cancels those before it. The mutex
 * is held. */
static int submit_order(struct cli_worker *w, struct cli_order *order, elcl_error *err)
{
    int rc = ELCL_OK;
    if (!w->n_pending)
        begin_pace(w);
    while (!rc && !w->held && has_room(w) && order->n_pooled < order->n)
        rc = pool_next(w, order, err);
    if (rc) {
        order->job = NULL;
        order->deadline = 0;
        order->n = order->n_left = order->n_pooled;
        cancel_order(w, order, ELCL_E_INTERRUPTED, "refused");
    }
    w->n_pending += order->n;
    if (order->n)
        link_order(w, order);
    if (order->n_pooled < order->n)
        hold_order(w, order);
    return rc;
}

int cli_worker_submit(struct cli_worker *worker, struct cli_job *job, const elcl_request *requests,
                      elcl_error *err)
{
    int rc = ELCL_OK;
    for (size_t i = 0; !rc && i < job->n; i++)
        rc = cli_worker_check(&worker->params.sizes, &worker->info, &requests[i], err);
    if (rc)
        return rc;
    struct cli_order *order = create_order(job, requests);
    if (!order)
        return elcl_fail_nomem(err);
    pthread_mutex_lock(&worker->mutex);
    rc = admit(worker, job, err);
    if (!rc)
        rc = submit_order(worker, order, err);
    if (!rc) {
        job->order = order;
        worker->totals.jobs++;
        worker->totals.requests += job->n;
        if (job->cancelled)
            cancel_order(worker, order, ELCL_E_INTERRUPTED, "the request was cancelled");
    }
    const bool kept = !rc || order->n_pooled > 0;
    pthread_mutex_unlock(&worker->mutex);
    if (!kept)
        free(order);
    return rc;
}

void cli_job_cancel(struct cli_job *job)
{
    struct cli_worker *w = job->worker;
    pthread_mutex_lock(&w->mutex);
    job->cancelled = true;
    if (job->order && !w->broken)
        cancel_order(w, job->order, ELCL_E_INTERRUPTED, "the request was cancelled");
    pthread_mutex_unlock(&w->mutex);
}

int cli_worker_retry_seconds(struct cli_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    const struct cli_pace *pace = &worker->pace;
    const double busy = fmax(cli_sys_seconds() - pace->began, 0.001);
    const double per_second = pace->per_second > 0 ? pace->per_second : (double)pace->n / busy;
    const double wait = per_second > 0 ? (double)worker->n_pending / per_second : busy;
    pthread_mutex_unlock(&worker->mutex);
    return wait < 1 ? 1 : wait < MAX_RETRY_SECONDS ? (int)ceil(wait) : MAX_RETRY_SECONDS;
}

void cli_worker_drain(struct cli_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    worker->totals.stopping = true;
    pthread_mutex_unlock(&worker->mutex);
}

bool cli_worker_wait(struct cli_worker *worker, double seconds)
{
    const uint64_t end = elcl_clock_after(seconds);
    bool in_time = true;
    pthread_mutex_lock(&worker->mutex);
    while (in_time && worker->orders)
        in_time = elcl_condition_wait(&worker->idle, &worker->mutex, end);
    const bool idle = !worker->orders;
    pthread_mutex_unlock(&worker->mutex);
    return idle;
}

void cli_worker_abort(struct cli_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    worker->totals.stopping = worker->stopped = true;
    for (struct cli_order *order = worker->orders; order && !worker->broken; order = order->next)
        cancel_order(worker, order, CLI_WORKER_STOPPING, "the server is stopping");
    pthread_mutex_unlock(&worker->mutex);
}
