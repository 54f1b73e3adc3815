/*
 * A load client for elcl serve: many clients on one thread, each with one connection that it keeps.
 *
 *     load_client [OPTION VALUE]... PORT REQUESTS [ANSWERS]
 *
 * REQUESTS has a JSON body a line. Each client sends the next one as soon as it has its answer.
 * Prints the figures as JSON and writes what became of each request to ANSWERS, in order.
 *
 *     --host IPV4     default 127.0.0.1
 *     --path PATH     default /v1/completions
 *     --key KEY       sent as Authorization: Bearer KEY
 *     --clients N     default 1
 *     --leave SHARE   this share of the requests is left midway: within a part of the request,
 *                     after a random delay, or (streams) at the first byte of the answer
 *     --delay MS      the longest of these delays, default 50
 *     --rate BYTES    each client reads so many bytes a second
 *     --retry N       after 429 or 503 waits for Retry-After and tries again, up to N times
 *     --seconds S     sends nothing new after S seconds
 *     --seed N        of what is random
 */
#define _GNU_SOURCE
#include "load_answer.h"
#include "load_report.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum state { AT_REST, CONNECTING, SENDING, READING, WAITING };

/* How a client leaves. */
enum leave { STAY, LEAVE_REQUEST, LEAVE_DELAY, LEAVE_FIRST_BYTE };

struct client {
    int fd; /* -1: no connection */
    enum state state;
    enum leave leave;
    bool refused;    /* connect() itself said so */
    unsigned events; /* that epoll watches */
    size_t request;
    struct elcl_str out; /* head and body */
    size_t n_sent;
    double wake; /* 0, or when to leave, to retry, or to read on */
    struct load_answer answer;
};

struct load {
    const char *host, *path, *key, *requests_path, *answers_path;
    int port, n_clients, rate, retry;
    double leave, delay, seconds;
    uint64_t seed;
    char *text; /* the file of requests */
    struct load_request *requests;
    size_t n, next;
    struct client *clients;
    int epoll, active;
    double start;
    struct load_figures figures;
};

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A number in 0 .. 1 that depends on the request and `use` only (splitmix64). */
static double chance(const struct load *l, size_t request, unsigned use)
{
    uint64_t z = (l->seed * 1000003 + request) * 8 + use;
    z = (z + UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "load_client: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* ---- one client ---------------------------------------------------------------------------- */

static void watch(struct load *l, struct client *c, unsigned events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (events != c->events && epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->fd, &event))
        die("epoll_ctl");
    c->events = events;
}

/* Half of those that leave say that they go, and the others reset the connection. */
static void disconnect(struct client *c, bool reset)
{
    const struct linger at_once = {.l_onoff = 1};
    if (c->fd < 0)
        return;
    if (reset)
        (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    (void)close(c->fd);
    c->fd = -1;
}

static void begin_next(struct load *l, struct client *c);

/* The request is over; the client turns to the next one. */
static void settle(struct load *l, struct client *c, enum load_outcome outcome)
{
    struct load_request *r = &l->requests[c->request];
    r->outcome = outcome;
    r->status = c->answer.status;
    r->seconds = now() - l->start - r->began;
    if (outcome != LOAD_ANSWERED || c->answer.closes)
        disconnect(c, outcome == LOAD_LEFT && c->request % 2);
    begin_next(l, c);
}

static void connect_client(struct load *l, struct client *c)
{
    const int one = 1;
    const int small = 4096;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)l->port)};
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = c};
    if (inet_pton(AF_INET, l->host, &address.sin_addr) != 1)
        die(l->host);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        die("socket");
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (l->rate)
        (void)setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    c->refused =
        connect(c->fd, (struct sockaddr *)&address, sizeof(address)) && errno != EINPROGRESS;
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &event))
        die("epoll_ctl");
    c->events = event.events;
    c->state = CONNECTING;
    l->figures.connections++;
}

/* Sends what the socket takes. */
static void send_more(struct load *l, struct client *c)
{
    const size_t end = c->leave == LEAVE_REQUEST ? c->out.n / 2 : c->out.n;
    while (c->n_sent < end) {
        const ssize_t n = send(c->fd, c->out.data + c->n_sent, end - c->n_sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            watch(l, c, EPOLLOUT);
            return;
        }
        if (n < 0) {
            settle(l, c, LOAD_DROPPED);
            return;
        }
        c->n_sent += (size_t)n;
    }
    if (c->leave == LEAVE_REQUEST) {
        settle(l, c, LOAD_LEFT);
        return;
    }
    c->state = READING;
    if (c->leave == LEAVE_DELAY)
        c->wake = now() + l->delay * chance(l, c->request, 1);
    if (l->rate)
        c->wake = now() + 1;
    watch(l, c, l->rate ? 0 : EPOLLIN);
}

/* Sends the client's request for the first time or again. */
static void try_request(struct load *l, struct client *c)
{
    struct load_request *r = &l->requests[c->request];
    r->began = now() - l->start;
    r->first_seconds = 0;
    r->tries++;
    r->answer.n = 0;
    load_answer_begin(&c->answer, &r->answer);
    c->n_sent = 0;
    c->wake = 0;
    c->state = SENDING;
    if (c->fd < 0)
        connect_client(l, c);
    else
        send_more(l, c);
}

static enum leave choose_leave(const struct load *l, size_t request)
{
    if (chance(l, request, 2) >= l->leave)
        return STAY;
    const double kind = chance(l, request, 3);
    if (kind < 0.2)
        return LEAVE_REQUEST;
    return l->requests[request].streams && kind < 0.6 ? LEAVE_FIRST_BYTE : LEAVE_DELAY;
}

static void begin_next(struct load *l, struct client *c)
{
    if (l->next == l->n || (l->seconds > 0 && now() - l->start > l->seconds)) {
        disconnect(c, false);
        c->state = AT_REST;
        c->wake = 0;
        l->active--;
        return;
    }
    c->request = l->next++;
    c->leave = choose_leave(l, c->request);
    const struct load_request *r = &l->requests[c->request];
    c->out.n = 0;
    elcl_str_printf(&c->out,
                    "POST %s HTTP/1.1\r\nHost: %s:%d\r\nContent-Type: application/json\r\n"
                    "Content-Length: %zu\r\n",
                    l->path, l->host, l->port, r->n_body);
    if (l->key)
        elcl_str_printf(&c->out, "Authorization: Bearer %s\r\n", l->key);
    elcl_str_text(&c->out, "\r\n");
    elcl_str_append(&c->out, r->body, r->n_body);
    if (c->out.failed)
        die("memory");
    try_request(l, c);
}

/* Returns whether the client asks again, later. */
static bool tries_again(struct load *l, struct client *c)
{
    const struct load_request *r = &l->requests[c->request];
    const int after = c->answer.retry_after;
    struct load_figures *f = &l->figures;
    if ((c->answer.status != 429 && c->answer.status != 503) || after < 0)
        return false;
    f->least_retry_after = after < f->least_retry_after ? after : f->least_retry_after;
    f->most_retry_after = after > f->most_retry_after ? after : f->most_retry_after;
    if (r->tries > l->retry)
        return false;
    f->retries++;
    if (c->answer.closes)
        disconnect(c, false);
    c->state = WAITING;
    c->wake = now() + after;
    return true;
}

/* After bytes or the end of the connection. */
static void look_at_answer(struct load *l, struct client *c)
{
    struct load_request *r = &l->requests[c->request];
    const bool began = c->answer.status || c->answer.line.n;
    if (r->answer.n && r->first_seconds <= 0)
        r->first_seconds = now() - l->start - r->began;
    if (c->answer.part == LOAD_BAD)
        settle(l, c, began ? LOAD_BROKEN : LOAD_DROPPED);
    else if (c->answer.part == LOAD_DONE && !tries_again(l, c))
        settle(l, c, LOAD_ANSWERED);
    else if (c->state == READING && c->leave == LEAVE_FIRST_BYTE && r->answer.n)
        settle(l, c, LOAD_LEFT);
}

static void read_more(struct load *l, struct client *c)
{
    static char bytes[1 << 16];
    const size_t room = l->rate && l->rate < (int)sizeof(bytes) ? (size_t)l->rate : sizeof(bytes);
    const ssize_t n = recv(c->fd, bytes, room, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n > 0)
        load_answer_take(&c->answer, bytes, (size_t)n);
    else
        load_answer_end(&c->answer);
    look_at_answer(l, c);
}

/* Events of a connection. */
static void turn(struct load *l, struct client *c, unsigned events)
{
    int error = 0;
    socklen_t n = sizeof(error);
    if (c->state == CONNECTING) {
        (void)getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n);
        if (error || c->refused) {
            settle(l, c, LOAD_REFUSED);
            return;
        }
        c->state = SENDING;
    }
    if (c->state == SENDING)
        send_more(l, c);
    else if (c->state == READING && (!l->rate || (events & (EPOLLERR | EPOLLHUP))))
        read_more(l, c);
    else if (c->state == WAITING)
        disconnect(c, false); /* the server ends an idle connection */
}

static void wake(struct load *l, struct client *c)
{
    if (c->state == WAITING) {
        try_request(l, c);
    } else if (c->state == READING && l->rate) {
        c->wake += 1;
        read_more(l, c);
    } else if (c->state == READING) {
        settle(l, c, LOAD_LEFT);
    }
}

/* ---- all of them --------------------------------------------------------------------------- */

/* Wakes the clients whose time has come. Returns the milliseconds until the next one, or -1. */
static int wake_all(struct load *l)
{
    double next = 0;
    const double t = now();
    for (int i = 0; i < l->n_clients; i++) {
        struct client *c = &l->clients[i];
        if (c->wake > 0 && c->wake <= t)
            wake(l, c);
        if (c->wake > 0 && (next <= 0 || c->wake < next))
            next = c->wake;
    }
    if (next <= 0)
        return -1;
    return next <= t ? 0 : (int)(1000 * (next - t)) + 1;
}

static void run(struct load *l)
{
    struct epoll_event events[256];
    l->start = now();
    l->active = l->n_clients;
    for (int i = 0; i < l->n_clients; i++)
        begin_next(l, &l->clients[i]);
    while (l->active) {
        const int wait = wake_all(l);
        const int n = l->active ? epoll_wait(l->epoll, events, ELCL_COUNT(events), wait) : 0;
        if (n < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < n; i++) {
            struct client *c = events[i].data.ptr;
            if (c->fd >= 0)
                turn(l, c, events[i].events);
        }
    }
    l->figures.seconds = now() - l->start;
}

/* Whether the body asks for a stream. */
static bool streams(const char *body, size_t n)
{
    static const char key[] = "\"stream\": true";
    return memmem(body, n, key, sizeof(key) - 1) != NULL;
}

static void read_requests(struct load *l)
{
    FILE *file = fopen(l->requests_path, "r");
    struct elcl_str text = {0};
    char bytes[4096];
    size_t n;
    if (!file)
        die(l->requests_path);
    while ((n = fread(bytes, 1, sizeof(bytes), file)))
        elcl_str_append(&text, bytes, n);
    (void)fclose(file);
    for (size_t i = 0; i < text.n; i++)
        l->n += text.data[i] == '\n';
    l->text = text.data;
    l->requests = calloc(l->n + 1, sizeof(*l->requests));
    if (!l->requests || text.failed)
        die("memory");
    const char *at = l->text;
    for (size_t i = 0; i < l->n; i++) {
        const char *end = strchr(at, '\n');
        n = (size_t)(end - at);
        l->requests[i] = (struct load_request){.body = at, .n_body = n, .streams = streams(at, n)};
        at = end + 1;
    }
}

static bool take_option(struct load *l, const char *name, const char *value)
{
    const struct {
        const char *name, **text;
        int *whole;
        double *number;
    } options[] = {
        {"--host", &l->host, NULL, NULL},       {"--path", &l->path, NULL, NULL},
        {"--key", &l->key, NULL, NULL},         {"--clients", NULL, &l->n_clients, NULL},
        {"--rate", NULL, &l->rate, NULL},       {"--retry", NULL, &l->retry, NULL},
        {"--leave", NULL, NULL, &l->leave},     {"--delay", NULL, NULL, &l->delay},
        {"--seconds", NULL, NULL, &l->seconds},
    };
    if (!strcmp(name, "--seed")) {
        l->seed = strtoull(value, NULL, 10);
        return true;
    }
    for (size_t i = 0; i < ELCL_COUNT(options); i++) {
        if (strcmp(name, options[i].name))
            continue;
        if (options[i].text)
            *options[i].text = value;
        else if (options[i].whole)
            *options[i].whole = atoi(value);
        else
            *options[i].number = atof(value);
        return true;
    }
    return false;
}

static bool take_options(struct load *l, int argc, char **argv)
{
    int i = 1;
    for (; i + 1 < argc && !strncmp(argv[i], "--", 2); i += 2)
        if (!take_option(l, argv[i], argv[i + 1]))
            return false;
    if (argc - i < 2 || argc - i > 3)
        return false;
    l->port = atoi(argv[i]);
    l->requests_path = argv[i + 1];
    l->answers_path = argv[i + 2];
    l->delay /= 1000;
    return l->port > 0 && l->n_clients > 0;
}

static void report(struct load *l)
{
    struct rusage usage;
    struct load_figures *f = &l->figures;
    (void)getrusage(RUSAGE_SELF, &usage);
    f->cpu_seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                     1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    f->requests = l->requests;
    f->n = l->n;
    f->clients = l->n_clients;
    load_print_figures(f, stdout);
    FILE *file = l->answers_path ? fopen(l->answers_path, "w") : NULL;
    if (l->answers_path && !file)
        die(l->answers_path);
    if (file)
        load_write_answers(l->requests, l->n, file);
    if (file && fclose(file))
        die(l->answers_path);
}

int main(int argc, char **argv)
{
    struct load l = {.host = "127.0.0.1",
                     .path = "/v1/completions",
                     .n_clients = 1,
                     .delay = 50,
                     .figures = {.least_retry_after = INT_MAX, .most_retry_after = -1}};
    if (!take_options(&l, argc, argv)) {
        (void)fprintf(stderr, "usage: load_client [OPTION VALUE]... PORT REQUESTS [ANSWERS]\n");
        return 2;
    }
    read_requests(&l);
    l.clients = calloc((size_t)l.n_clients, sizeof(*l.clients));
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!l.clients || l.epoll < 0)
        die("start");
    for (int i = 0; i < l.n_clients; i++)
        l.clients[i].fd = -1;
    run(&l);
    report(&l);
    for (int i = 0; i < l.n_clients; i++) {
        elcl_str_finish(&l.clients[i].out);
        load_answer_finish(&l.clients[i].answer);
    }
    for (size_t i = 0; i < l.n; i++)
        elcl_str_finish(&l.requests[i].answer);
    (void)close(l.epoll);
    free(l.clients);
    free(l.requests);
    elcl_free(l.text);
    return 0;
}
