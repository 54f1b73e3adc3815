#include "base/parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/util.h"

struct loop {
    elcl_task_fn fn;
    void *user;
    int n;
    atomic_int next_task;
};

struct worker {
    struct loop *loop;
    int index;
    pthread_t thread;
};

static void *work(void *user)
{
    const struct worker *w = user;
    struct loop *loop = w->loop;
    for (int task; (task = atomic_fetch_add(&loop->next_task, 1)) < loop->n;)
        loop->fn(loop->user, task, w->index);
    return NULL;
}

int elcl_workers(void)
{
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > ELCL_MAX_WORKERS ? ELCL_MAX_WORKERS : (int)n;
}

void elcl_parallel(int n, elcl_task_fn fn, void *user)
{
    struct loop loop = {.fn = fn, .user = user, .n = n};
    struct worker workers[ELCL_MAX_WORKERS];
    const int wanted = elcl_min_int(elcl_workers(), n);
    int started = 1;
    for (; started < wanted; started++) {
        workers[started] = (struct worker){.loop = &loop, .index = started};
        if (pthread_create(&workers[started].thread, NULL, work, &workers[started]))
            break;
    }
    workers[0] = (struct worker){.loop = &loop};
    (void)work(&workers[0]);
    for (int i = 1; i < started; i++)
        pthread_join(workers[i].thread, NULL);
}
