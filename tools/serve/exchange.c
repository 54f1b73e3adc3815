#include "serve/exchange.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct cli_exchange {
    struct cli_exchange_request request; /* owns its strings */
    struct elcl_str request_body;
    atomic_int n_holders;
    void (*wake)(void *transport);
    void *transport;
    pthread_mutex_t mutex; /* for all below */
    pthread_cond_t returned;
    struct cli_exchange_answer answer;
    struct cli_exchange_header *headers;
    size_t headers_capacity;
    struct elcl_str body; /* the whole answer, or what of a stream waits */
    size_t n_read;        /* bytes of `body` that the transport has */
    void (*left)(void *user);
    void *left_user;
    bool answered, ended; /* the answer has begun, is complete */
    bool asleep;          /* the transport waits for wake() */
    bool has_left;        /* the client */
    bool closed;          /* by the transport */
    bool leaving;         /* left() runs */
};

static char *copy(const char *text, bool *failed)
{
    char *copied = text ? elcl_strdup(text) : NULL;
    *failed |= text && !copied;
    return copied;
}

/* elcl_strdup() is for free(). */
static void destroy(struct cli_exchange *x)
{
    free((char *)x->request.method);
    free((char *)x->request.path);
    free((char *)x->request.query);
    free((char *)x->request.type);
    free((char *)x->request.boundary);
    free((char *)x->request.key);
    free((char *)x->request.origin);
    free((char *)x->request.fetch_site);
    free((char *)x->request.host);
    elcl_str_finish(&x->request_body);
    for (size_t i = 0; i < x->answer.n_headers; i++) {
        free(x->headers[i].name);
        free(x->headers[i].value);
    }
    free(x->headers);
    elcl_str_finish(&x->body);
    (void)pthread_cond_destroy(&x->returned);
    (void)pthread_mutex_destroy(&x->mutex);
    free(x);
}

struct cli_exchange *cli_exchange_create(const struct cli_exchange_request *request,
                                         void (*wake)(void *transport), void *transport)
{
    struct cli_exchange *x = elcl_calloc(1, sizeof(*x));
    bool failed = false;
    if (!x)
        return NULL;
    x->request.method = copy(request->method, &failed);
    x->request.path = copy(request->path, &failed);
    x->request.query = copy(request->query, &failed);
    x->request.type = copy(request->type, &failed);
    x->request.boundary = copy(request->boundary, &failed);
    x->request.key = copy(request->key, &failed);
    x->request.origin = copy(request->origin, &failed);
    x->request.fetch_site = copy(request->fetch_site, &failed);
    x->request.host = copy(request->host, &failed);
    x->request.body = "";
    x->wake = wake;
    x->transport = transport;
    atomic_init(&x->n_holders, 1);
    (void)pthread_mutex_init(&x->mutex, NULL);
    (void)pthread_cond_init(&x->returned, NULL);
    if (failed) {
        destroy(x);
        return NULL;
    }
    return x;
}

const struct cli_exchange_request *cli_exchange_request(const struct cli_exchange *x)
{
    return &x->request;
}

void cli_exchange_keep(struct cli_exchange *x)
{
    (void)atomic_fetch_add(&x->n_holders, 1);
}

void cli_exchange_drop(struct cli_exchange *x)
{
    if (x && atomic_fetch_sub(&x->n_holders, 1) == 1)
        destroy(x);
}

bool cli_exchange_take_body(struct cli_exchange *x, const void *bytes, size_t n)
{
    elcl_str_append(&x->request_body, bytes, n);
    if (x->request_body.failed)
        return false;
    x->request.body = x->request_body.data;
    x->request.n_body = x->request_body.n;
    return true;
}

void cli_exchange_drop_body(struct cli_exchange *x)
{
    elcl_str_finish(&x->request_body);
    x->request.body = "";
    x->request.n_body = 0;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void lock(struct cli_exchange *x)
{
    (void)pthread_mutex_lock(&x->mutex);
}

static void unlock(struct cli_exchange *x)
{
    (void)pthread_mutex_unlock(&x->mutex);
}

static void wake(struct cli_exchange *x)
{
    if (!x->asleep)
        return;
    x->asleep = false;
    x->wake(x->transport);
}

void cli_exchange_reply(struct cli_exchange *x, int status, const char *type, struct elcl_str *body)
{
    lock(x);
    x->answer.status = body->failed ? 500 : status;
    x->answer.type = type;
    x->answered = x->ended = true;
    x->body = *body;
    *body = (struct elcl_str){0};
    if (x->body.failed)
        elcl_str_finish(&x->body);
    wake(x);
    unlock(x);
}

int cli_exchange_header(struct cli_exchange *x, const char *name, const char *value,
                        elcl_error *err)
{
    bool failed = false;
    struct cli_exchange_header header = {.name = copy(name, &failed),
                                         .value = copy(value, &failed)};
    lock(x);
    failed = failed || !elcl_grow((void **)&x->headers, &x->headers_capacity,
                                  x->answer.n_headers + 1, sizeof(header));
    if (!failed)
        x->headers[x->answer.n_headers++] = header;
    x->answer.headers = x->headers;
    unlock(x);
    if (!failed)
        return ELCL_OK;
    free(header.name);
    free(header.value);
    return elcl_fail_nomem(err);
}

void cli_exchange_begin(struct cli_exchange *x, int status, const char *type)
{
    lock(x);
    x->answer.status = status;
    x->answer.type = type;
    x->answer.streamed = true;
    x->answered = true;
    wake(x);
    unlock(x);
}

void cli_exchange_add(struct cli_exchange *x, const void *bytes, size_t n)
{
    lock(x);
    if (!x->closed && !x->has_left && n) {
        elcl_str_append(&x->body, bytes, n);
        wake(x);
    }
    unlock(x);
}

void cli_exchange_end(struct cli_exchange *x)
{
    lock(x);
    x->ended = true;
    wake(x);
    unlock(x);
}

/* ---- a client that leaves -------------------------------------------------------------------- */

/* Calls without the lock, which is held before and afterwards. */
static void call_left(struct cli_exchange *x)
{
    void (*left)(void *user) = x->left;
    void *user = x->left_user;
    if (!left || x->ended)
        return;
    x->left = NULL;
    x->leaving = true;
    unlock(x);
    left(user);
    lock(x);
    x->leaving = false;
    (void)pthread_cond_broadcast(&x->returned);
}

void cli_exchange_on_leave(struct cli_exchange *x, void (*left)(void *user), void *user)
{
    lock(x);
    while (x->leaving)
        (void)pthread_cond_wait(&x->returned, &x->mutex);
    x->left = left;
    x->left_user = user;
    if (x->closed)
        call_left(x);
    unlock(x);
}

void cli_exchange_leave(struct cli_exchange *x)
{
    lock(x);
    x->has_left = true;
    wake(x);
    unlock(x);
}

void cli_exchange_close(struct cli_exchange *x)
{
    lock(x);
    x->closed = true;
    x->asleep = false;
    call_left(x);
    unlock(x);
}

/* ---- what the transport sends ---------------------------------------------------------------- */

static enum cli_exchange_state go_to_sleep(struct cli_exchange *x, void (*sleep)(void *transport))
{
    if (x->has_left)
        return CLI_EXCHANGE_BROKEN;
    sleep(x->transport);
    x->asleep = true;
    return CLI_EXCHANGE_ASLEEP;
}

enum cli_exchange_state cli_exchange_wait(struct cli_exchange *x, void (*sleep)(void *transport))
{
    lock(x);
    const enum cli_exchange_state state = x->answered ? CLI_EXCHANGE_READY : go_to_sleep(x, sleep);
    unlock(x);
    return state;
}

struct cli_exchange_answer cli_exchange_answer(struct cli_exchange *x)
{
    lock(x);
    const struct cli_exchange_answer answer = x->answer;
    unlock(x);
    return answer;
}

void cli_exchange_whole(struct cli_exchange *x, struct elcl_str *body)
{
    lock(x);
    *body = x->body;
    x->body = (struct elcl_str){0};
    unlock(x);
}

enum cli_exchange_state cli_exchange_read(struct cli_exchange *x, void *bytes, size_t max,
                                          size_t *n, void (*sleep)(void *transport))
{
    enum cli_exchange_state state = CLI_EXCHANGE_READY;
    lock(x);
    const size_t left = x->body.n - x->n_read;
    *n = left < max ? left : max;
    if (x->body.failed) {
        state = CLI_EXCHANGE_BROKEN;
    } else if (*n) {
        memcpy(bytes, x->body.data + x->n_read, *n);
        x->n_read += *n;
        if (x->n_read == x->body.n)
            x->body.n = x->n_read = 0; /* keeps the memory */
    } else {
        state = x->ended ? CLI_EXCHANGE_ENDED : go_to_sleep(x, sleep);
    }
    unlock(x);
    return state;
}
