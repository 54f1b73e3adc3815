#define _POSIX_C_SOURCE 200809L

#include "serve/connections.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/os.h"
#include "common/sys.h"

/* How often the thread looks for late requests. */
#define WATCH_MS 200

/* What a client has sent before it closed its side is here soon. libmicrohttpd may wait for more:
 * it does not see an end that arrives together with bytes. */
#define HANG_UP_SECONDS 1

struct cli_connection {
    int fd;              /* -1: the slot is free */
    uint32_t generation; /* of the slot: an event may be older than the connection */
    int next_free;
    struct cli_exchange *x; /* the request on its way, or NULL */
    double deadline;        /* of cli_sys_seconds(); 0: the request is whole */
    bool hung_up;           /* the client has closed its side */
};

struct cli_connections {
    double request_seconds, idle_seconds;
    pthread_mutex_t mutex; /* for all below */
    pthread_cond_t idle;
    struct cli_connection *slots; /* [max] */
    int max;
    int first_free; /* -1: none */
    int n_open, n_busy;
    bool stops;
    bool left; /* cli_connections_leave(): nobody stays */
    int epoll_fd;
    pthread_t watcher;
};

static void lock(struct cli_connections *all)
{
    (void)pthread_mutex_lock(&all->mutex);
}

static void unlock(struct cli_connections *all)
{
    (void)pthread_mutex_unlock(&all->mutex);
}

/* The request that comes next, or the rest of one, must be here by then. The mutex is held. */
static void set_deadline(struct cli_connection *c, double seconds)
{
    const double deadline = cli_sys_seconds() + (c->hung_up ? HANG_UP_SECONDS : seconds);
    if (c->deadline <= 0 || deadline < c->deadline)
        c->deadline = deadline;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void note_hang_up(struct cli_connections *all, uint64_t id)
{
    struct cli_connection *c = &all->slots[id & UINT32_MAX];
    if (c->fd < 0 || c->generation != (uint32_t)(id >> 32))
        return;
    c->hung_up = true;
    if (c->deadline > 0)
        set_deadline(c, HANG_UP_SECONDS);
    if (c->x)
        cli_exchange_leave(c->x);
}

/* Ends what is late: the HTTP library sees the end of the input. */
static void end_late(struct cli_connections *all)
{
    const double now = cli_sys_seconds();
    for (int i = 0; i < all->max && all->n_open; i++) {
        struct cli_connection *c = &all->slots[i];
        if (c->fd >= 0 && c->deadline > 0 && c->deadline < now)
            (void)shutdown(c->fd, SHUT_RDWR);
    }
}

static void *watch(void *user)
{
    struct cli_connections *all = user;
    struct epoll_event events[64];
    double next = 0;
    for (bool stops = false; !stops;) {
        const int n = epoll_wait(all->epoll_fd, events, ELCL_COUNT(events), WATCH_MS);
        lock(all);
        for (int i = 0; i < n; i++)
            note_hang_up(all, events[i].data.u64);
        if (cli_sys_seconds() >= next) {
            end_late(all);
            next = cli_sys_seconds() + WATCH_MS * 1e-3;
        }
        stops = all->stops;
        unlock(all);
    }
    return NULL;
}

/* ---- all connections ------------------------------------------------------------------------- */

static void destroy(struct cli_connections *all)
{
    if (all->epoll_fd >= 0)
        (void)close(all->epoll_fd);
    (void)pthread_cond_destroy(&all->idle);
    (void)pthread_mutex_destroy(&all->mutex);
    free(all->slots);
    free(all);
}

int cli_connections_create(int max, double request_seconds, double idle_seconds,
                           struct cli_connections **connections, elcl_error *err)
{
    struct cli_connections *all = elcl_calloc(1, sizeof(*all));
    if (!all)
        return elcl_fail_nomem(err);
    (void)pthread_mutex_init(&all->mutex, NULL);
    elcl_condition_init(&all->idle);
    all->request_seconds = request_seconds;
    all->idle_seconds = idle_seconds;
    all->max = max;
    all->slots = elcl_calloc((size_t)max, sizeof(*all->slots));
    for (int i = 0; all->slots && i < max; i++) {
        all->slots[i].fd = -1;
        all->slots[i].next_free = i + 1 < max ? i + 1 : -1;
    }
    all->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int code = all->epoll_fd < 0 ? errno : 0;
    if (!code && all->slots)
        code = pthread_create(&all->watcher, NULL, watch, all);
    if (!all->slots || code) {
        const bool nomem = !all->slots;
        destroy(all);
        return nomem ? elcl_fail_nomem(err)
                     : elcl_fail(err, ELCL_E_IO, "cannot watch connections: %s", strerror(code));
    }
    *connections = all;
    return ELCL_OK;
}

void cli_connections_destroy(struct cli_connections **connections)
{
    struct cli_connections *all = *connections;
    if (!all)
        return;
    lock(all);
    all->stops = true;
    unlock(all);
    (void)pthread_join(all->watcher, NULL);
    destroy(all);
    *connections = NULL;
}

bool cli_connections_wait_idle(struct cli_connections *all, double seconds)
{
    const uint64_t end = elcl_clock_after(seconds);
    bool in_time = true;
    lock(all);
    while (all->n_busy && in_time)
        in_time = elcl_condition_wait(&all->idle, &all->mutex, end);
    const bool idle = !all->n_busy;
    unlock(all);
    return idle;
}

void cli_connections_leave(struct cli_connections *all)
{
    lock(all);
    all->left = true;
    for (int i = 0; i < all->max; i++) {
        struct cli_connection *c = &all->slots[i];
        if (c->fd < 0)
            continue;
        c->hung_up = true;
        (void)shutdown(c->fd, SHUT_RDWR);
        if (c->x)
            cli_exchange_leave(c->x);
    }
    unlock(all);
}

/* ---- one connection -------------------------------------------------------------------------- */

struct cli_connection *cli_connections_add(struct cli_connections *all, int fd)
{
    struct cli_connection *c = NULL;
    lock(all);
    if (all->first_free >= 0) {
        const uint32_t slot = (uint32_t)all->first_free;
        c = &all->slots[slot];
        all->first_free = c->next_free;
        all->n_open++;
        *c = (struct cli_connection){
            .fd = fd, .generation = c->generation + 1, .hung_up = all->left};
        set_deadline(c, all->request_seconds);
        /* Once is enough, and the kernel forgets the socket when it is closed. */
        struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT,
                                    .data.u64 = (uint64_t)c->generation << 32 | slot};
        (void)epoll_ctl(all->epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
    unlock(all);
    return c;
}

void cli_connections_remove(struct cli_connections *all, struct cli_connection *c)
{
    lock(all);
    c->fd = -1;
    c->next_free = all->first_free;
    all->first_free = (int)(c - all->slots);
    all->n_open--;
    unlock(all);
}

void cli_connection_begins(struct cli_connections *all, struct cli_connection *c,
                           struct cli_exchange *x)
{
    lock(all);
    c->x = x;
    set_deadline(c, all->request_seconds);
    all->n_busy++;
    if (c->hung_up)
        cli_exchange_leave(x);
    unlock(all);
}

void cli_connection_waits(struct cli_connections *all, struct cli_connection *c)
{
    lock(all);
    c->deadline = 0;
    unlock(all);
}

void cli_connection_ends(struct cli_connections *all, struct cli_connection *c)
{
    lock(all);
    c->x = NULL;
    c->deadline = 0;
    set_deadline(c, all->idle_seconds + all->request_seconds);
    if (!--all->n_busy)
        (void)pthread_cond_broadcast(&all->idle);
    unlock(all);
}
