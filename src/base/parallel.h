/* A loop on all processors, for work on the host that takes seconds otherwise. */
#ifndef ELCL_BASE_PARALLEL_H
#define ELCL_BASE_PARALLEL_H

#define ELCL_MAX_WORKERS 16

/* Task 0 .. n - 1 in any order, each once; `worker` tells those that run at the same time apart, 0
 * .. ELCL_MAX_WORKERS - 1. */
typedef void (*elcl_task_fn)(void *user, int task, int worker);

/* How many workers elcl_parallel() starts at most: one for each processor. */
int elcl_workers(void);

/* Runs n tasks and returns when all are done. The caller's thread is a worker; threads that cannot
 * be had leave their work to the others, so that it cannot fail. */
void elcl_parallel(int n, elcl_task_fn fn, void *user);

#endif
