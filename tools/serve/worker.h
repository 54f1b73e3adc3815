/* The engines of one model and the thread that steps them. Requests of all clients share the
 * engines' batches: they join between two steps and leave when they end. */
#ifndef CLI_WORKER_H
#define CLI_WORKER_H

#include "common/engines.h"
#include "serve/figures.h"

/* Codes beside the library's. */
enum cli_worker_status {
    CLI_WORKER_BUSY = -100,     /* the queue is full: try again later */
    CLI_WORKER_STOPPING = -101, /* no more jobs are taken, or the engines failed for good */
    CLI_WORKER_LATE = -102      /* the job's time is over */
};

/* Thread-safety: Safe, but for cli_worker_destroy(). */
struct cli_worker;

struct cli_worker_params {
    elcl_engine_params sizes; /* of each engine, all above 0; the worker sets the callbacks */
    int queue;                /* requests that may wait for a place in a batch */
    /* Called once, on the worker's thread, if the engines fail and new ones fail too: the worker
     * takes no more jobs. May be NULL. */
    void (*on_lost)(void *user, const elcl_error *why);
    void *user;
};

/* Requests that start together and end together. The caller owns the memory, zeroed at first, and
 * keeps it until on_end has returned; often it is the first member of something larger. */
struct cli_job {
    struct cli_worker *worker; /* set it before cli_job_cancel() may be called */
    size_t n;                  /* requests */
    double deadline;           /* by cli_sys_seconds(); 0: none */
    bool follows; /* goes on with what another job began: a worker that drains takes it */
    /* Callbacks run on the worker's thread, one at a time, and may begin before cli_worker_submit()
     * has returned. They must not wait: all clients of the model would. */
    void (*on_token)(struct cli_job *job, size_t i, const elcl_token *token); /* may be NULL */
    void (*on_result)(struct cli_job *job, size_t i, const elcl_result *result);
    /* The last call. `why`: NULL, or why the job lacks results: ELCL_E_INTERRUPTED after
     * cli_job_cancel(), CLI_WORKER_LATE, CLI_WORKER_STOPPING, or what the engines say. */
    void (*on_end)(struct cli_job *job, const elcl_error *why);
    /* The worker's own. */
    struct cli_order *order;
    bool cancelled;
};

/* Creates the engines' buffers, runs a few requests so that the kernels are compiled, and starts
 * the thread. The engines must be open, and outlive the worker.
 *
 * Fails as cli_engines_start() and elcl_pool_step(). */
int cli_worker_create(struct cli_engines *engines, const elcl_model_info *info,
                      const struct cli_worker_params *params, struct cli_worker **worker,
                      elcl_error *err);
/* Ends the jobs that are left with CLI_WORKER_STOPPING, then the thread. */
void cli_worker_destroy(struct cli_worker **worker);

/* The sizes of each of its engines. */
const elcl_engine_params *cli_worker_sizes(const struct cli_worker *worker);

/* Submits all requests of a job, or none: then no callback is called. Jobs take turns while the
 * batches are full.
 *
 * requests: [job->n], `user` is the worker's. They and what they point to must stay as they are
 *           until on_end.
 *
 * CLI_WORKER_BUSY:     see cli_worker_retry_seconds().
 * CLI_WORKER_STOPPING: the worker drains, is aborted or has lost its engines.
 * ELCL_E_ARG:          a request is outside the sizes, which the message names as options of the
 *                      server, or its options are not valid. What is not valid in a request that
 *                      has to wait is found later: then on_end says so. */
int cli_worker_submit(struct cli_worker *worker, struct cli_job *job, const elcl_request *requests,
                      elcl_error *err);
/* Ends a job soon; what has a result by then keeps it. Any thread may call this until on_end has
 * returned, also before cli_worker_submit(). */
void cli_job_cancel(struct cli_job *job);

/* When a job that was refused may come again, from how fast requests ended lately: 1 .. 60. */
int cli_worker_retry_seconds(struct cli_worker *worker);
void cli_worker_figures(struct cli_worker *worker, struct cli_figures *figures);

/* From now on no job is taken but those that follow others. */
void cli_worker_drain(struct cli_worker *worker);
/* Waits until there are no jobs, at most so many seconds (below 0: for ever). Returns whether there
 * are none. */
bool cli_worker_wait(struct cli_worker *worker, double seconds);
/* Drains, and ends all jobs soon with CLI_WORKER_STOPPING. */
void cli_worker_abort(struct cli_worker *worker);

#endif
