/* Inside a worker: worker.c has the engines and the thread, worker_jobs.c what clients ask for. */
#ifndef CLI_WORKER_STATE_H
#define CLI_WORKER_STATE_H

#include <pthread.h>

#include "serve/rate.h"
#include "serve/worker.h"

/* One request of an order; the `user` of the pool's request. */
struct cli_slot {
    struct cli_order *order;
    uint64_t id; /* in the pool */
    bool ended;
    double held_seconds; /* before the pool had it */
};

/* What the worker keeps of a job until all its requests have ended. */
struct cli_order {
    struct cli_order *next, **link;
    struct cli_job *job;          /* NULL: its submission was refused halfway */
    double began, deadline;       /* by cli_sys_seconds(); deadline 0: none */
    bool streams;                 /* the job wants tokens */
    const elcl_request *requests; /* [n] */
    size_t n, n_pooled, n_left;   /* all; those that the pool has had; those that have not ended */
    size_t n_lacking;             /* ended without outputs */
    elcl_error why;               /* of the first one that lacks outputs */
    struct cli_order *next_held;  /* in a list of struct cli_worker */
    struct cli_slot slots[];      /* [n] */
};

/* How fast requests end while there are some. */
struct cli_pace {
    double began; /* of the window of time in which `n` requests ended */
    double last;  /* when the last one of them ended */
    uint64_t n;
    double per_second; /* in the window before; 0: there was none */
};

struct cli_worker {
    struct cli_engines *engines;
    elcl_model_info info;
    struct cli_worker_params params;
    pthread_t thread;
    bool has_thread;
    /* Protects all below, and the making of engines->pool. A pool's mutex may be taken inside,
     * never the other way. */
    pthread_mutex_t mutex;
    pthread_cond_t idle;
    struct cli_order *orders;
    size_t n_pending; /* requests that have not ended */
    size_t n_pooled;  /* of them in the pool: no more than keep its batches full */
    /* Jobs with requests that the pool has no room for, in the order of their turns: each gives one
     * request, so that a long text does not keep short ones waiting. */
    struct cli_order *held, **held_end;
    struct cli_order *dropped; /* jobs that only have to be ended */
    double next_deadline;      /* of the orders, or before it; INFINITY: none */
    bool broken;               /* the engines have failed and are made again */
    bool stopped;              /* takes no job, not even one that follows another */
    bool end;                  /* the thread ends when there are no orders */
    struct cli_pace pace;
    struct cli_rate tokens;
    elcl_engine_stats past;    /* of engines that failed */
    struct cli_figures totals; /* of the jobs; the rest is read when it is asked for */
};

/* Callbacks of the pool; `user` is the worker. Requests without a `user` are nobody's. */
void cli_worker_on_token(void *user, const elcl_token *token);
void cli_worker_on_result(void *user, const elcl_result *result);
/* Fills the pool with requests that wait, and ends the jobs that were dropped. */
void cli_worker_feed(struct cli_worker *w);
/* Cancels the jobs whose time is over. The mutex is held. */
void cli_worker_cancel_late(struct cli_worker *w);
/* Ends all jobs: their requests are lost with the engines. Takes no more until `broken` is false.
 */
void cli_worker_fail_jobs(struct cli_worker *w, const elcl_error *why);

#endif
