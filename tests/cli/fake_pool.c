/* The stand-in for the library (fake_elcl.c): pools of engines. */
#include <stdlib.h>

#include "fake_elcl.h"

struct elcl_pool {
    elcl_engine *engines[ELCL_MAX_ENGINES];
    int n;
    int woken;
    uint64_t n_submitted;
};

int elcl_pool_create(elcl_model *const *models, int n, const elcl_engine_params *params,
                     elcl_pool **pool, elcl_error *err)
{
    elcl_pool *p = calloc(1, sizeof(*p));
    int rc = p ? ELCL_OK : fail(err, ELCL_E_NOMEM, "out of memory");
    static int n_pools;
    const char *pools = getenv("FAKE_POOLS");
    if (!rc && pools && n_pools++ >= atoi(pools))
        rc = fail(err, ELCL_E_DEVICE, "the device is gone");
    for (int i = 0; !rc && i < n; i++) {
        rc = elcl_engine_create(models[i], params, &p->engines[i], err);
        if (rc)
            break;
        p->engines[i]->first_id = (uint64_t)i;
        p->engines[i]->id_stride = (uint64_t)n;
        p->n++;
    }
    if (rc)
        elcl_pool_destroy(&p);
    else
        *pool = p;
    return rc;
}

void elcl_pool_destroy(elcl_pool **pool)
{
    if (!pool || !*pool)
        return;
    for (int i = 0; i < (*pool)->n; i++)
        elcl_engine_destroy(&(*pool)->engines[i]);
    free(*pool);
    *pool = NULL;
}

/* Engines take turns. */
int elcl_pool_submit(elcl_pool *pool, const elcl_request *request, uint64_t *id, elcl_error *err)
{
    pthread_mutex_lock(&fake_mutex);
    const uint64_t i = pool->n_submitted++ % (uint64_t)pool->n;
    pthread_mutex_unlock(&fake_mutex);
    return elcl_engine_submit(pool->engines[i], request, id, err);
}

static void cancel(elcl_engine *engine, uint64_t id)
{
    for (struct job *job = engine->jobs; job; job = job->next)
        job->cancelled |= job->id == id;
}

void elcl_pool_cancel(elcl_pool *pool, uint64_t id)
{
    pthread_mutex_lock(&fake_mutex);
    for (int i = 0; i < pool->n; i++)
        cancel(pool->engines[i], id);
    pthread_mutex_unlock(&fake_mutex);
}

static size_t count_jobs(const elcl_pool *pool)
{
    size_t n = 0;
    for (int i = 0; i < pool->n; i++)
        for (const struct job *job = pool->engines[i]->jobs; job; job = job->next)
            n++;
    return n;
}

/* Only waits without a limit. */
size_t elcl_pool_wait(elcl_pool *pool, double seconds)
{
    (void)seconds;
    pthread_mutex_lock(&fake_mutex);
    while (!pool->woken && !count_jobs(pool))
        pthread_cond_wait(&fake_news, &fake_mutex);
    pool->woken = 0;
    const size_t n = count_jobs(pool);
    pthread_mutex_unlock(&fake_mutex);
    return n;
}

void elcl_pool_wake(elcl_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&fake_mutex);
    pool->woken = 1;
    pthread_cond_broadcast(&fake_news);
    pthread_mutex_unlock(&fake_mutex);
}

int elcl_pool_step(elcl_pool *pool, size_t *pending, elcl_error *err)
{
    int rc = ELCL_OK;
    size_t n = 0;
    for (int i = 0; !rc && i < pool->n; i++) {
        size_t more = 0;
        rc = elcl_engine_step(pool->engines[i], &more, err);
        n += more;
    }
    if (pending)
        *pending = n;
    return rc;
}

int elcl_pool_run(elcl_pool *pool, elcl_error *err)
{
    size_t pending = 1;
    int rc = ELCL_OK;
    while (!rc && pending)
        rc = elcl_pool_step(pool, &pending, err);
    return rc;
}

void elcl_pool_get_stats(elcl_pool *pool, int i, elcl_engine_stats *stats)
{
    elcl_engine_get_stats(pool->engines[i], stats);
}

void elcl_pool_get_profile(elcl_pool *pool, int i, elcl_engine_profile *profile)
{
    elcl_engine_get_profile(pool->engines[i], profile);
}
