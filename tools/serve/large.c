#include "serve/large.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define N_THREADS 2

struct waiting {
    struct waiting *next;
    struct cli_exchange *x;
};

struct cli_large {
    void (*handle)(void *user, struct cli_exchange *x);
    void *user;
    pthread_t threads[N_THREADS];
    int n_threads;
    pthread_mutex_t mutex; /* for all below */
    pthread_cond_t news;
    struct waiting *first, **end; /* in the order in which they came */
    bool stops;
};

static void *work(void *user)
{
    struct cli_large *large = user;
    (void)pthread_mutex_lock(&large->mutex);
    for (;;) {
        while (!large->first && !large->stops)
            (void)pthread_cond_wait(&large->news, &large->mutex);
        struct waiting *next = large->first;
        if (!next)
            break;
        large->first = next->next;
        if (!large->first)
            large->end = &large->first;
        (void)pthread_mutex_unlock(&large->mutex);
        large->handle(large->user, next->x);
        cli_exchange_drop(next->x);
        free(next);
        (void)pthread_mutex_lock(&large->mutex);
    }
    (void)pthread_mutex_unlock(&large->mutex);
    return NULL;
}

int cli_large_create(void (*handle)(void *user, struct cli_exchange *x), void *user,
                     struct cli_large **large, elcl_error *err)
{
    struct cli_large *l = elcl_calloc(1, sizeof(*l));
    int code = 0;
    if (!l)
        return elcl_fail_nomem(err);
    l->handle = handle;
    l->user = user;
    l->end = &l->first;
    (void)pthread_mutex_init(&l->mutex, NULL);
    (void)pthread_cond_init(&l->news, NULL);
    while (!code && l->n_threads < N_THREADS) {
        code = pthread_create(&l->threads[l->n_threads], NULL, work, l);
        l->n_threads += !code;
    }
    *large = l;
    if (!code)
        return ELCL_OK;
    cli_large_destroy(large);
    return elcl_fail(err, ELCL_E_NOMEM, "cannot start a thread for requests: %s", strerror(code));
}

void cli_large_destroy(struct cli_large **large)
{
    struct cli_large *l = *large;
    if (!l)
        return;
    (void)pthread_mutex_lock(&l->mutex);
    l->stops = true;
    (void)pthread_cond_broadcast(&l->news);
    (void)pthread_mutex_unlock(&l->mutex);
    for (int i = 0; i < l->n_threads; i++)
        (void)pthread_join(l->threads[i], NULL);
    (void)pthread_cond_destroy(&l->news);
    (void)pthread_mutex_destroy(&l->mutex);
    free(l);
    *large = NULL;
}

void cli_large_give(struct cli_large *large, struct cli_exchange *x)
{
    struct waiting *last = elcl_calloc(1, sizeof(*last));
    if (!last) {
        large->handle(large->user, x);
        return;
    }
    last->x = x;
    cli_exchange_keep(x);
    (void)pthread_mutex_lock(&large->mutex);
    *large->end = last;
    large->end = &last->next;
    (void)pthread_cond_signal(&large->news);
    (void)pthread_mutex_unlock(&large->mutex);
}

void cli_large_forget(struct cli_large *large, const struct cli_exchange *x)
{
    (void)pthread_mutex_lock(&large->mutex);
    struct waiting **at = &large->first;
    while (*at && (*at)->x != x)
        at = &(*at)->next;
    struct waiting *found = *at;
    if (found) {
        *at = found->next;
        if (!*at)
            large->end = at;
    }
    (void)pthread_mutex_unlock(&large->mutex);
    if (!found)
        return;
    cli_exchange_drop(found->x);
    free(found);
}
