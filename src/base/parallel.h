/* Runs a loop on all processors, for host work that would take seconds. */
#ifndef ELCL_BASE_PARALLEL_H
#define ELCL_BASE_PARALLEL_H

#define ELCL_MAX_WORKERS 16

/* Runs one task, 0 .. n - 1. Tasks that run at the same time have different workers,
 * 0 .. ELCL_MAX_WORKERS - 1. */
typedef void (*elcl_task_fn)(void *user, int task, int worker);

/* Returns how many workers elcl_parallel() uses at most: one per processor. */
int elcl_workers(void);

/* Runs n tasks, each once, in any order, and waits for all. The caller's thread is a worker. Cannot
 * fail: if threads cannot be started, the others do their work. */
void elcl_parallel(int n, elcl_task_fn fn, void *user);

#endif
