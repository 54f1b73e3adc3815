/* The HTTP server: sockets, limits, bodies, and answers that come later. It knows no path and no
 * model. Built without libmicrohttpd, cli_http_create() says so (http_none.c). */
#ifndef CLI_SERVE_HTTP_H
#define CLI_SERVE_HTTP_H

#include "serve/exchange.h"

struct cli_http;

/* An exchange that has ended. */
struct cli_http_done {
    const struct cli_exchange_request *request;
    const char *client; /* its address */
    int status;
    bool complete;    /* false: the client left before */
    uint64_t n_bytes; /* of the answer's body; a client that left may lack some */
    double seconds;   /* since the headers of the request */
};

/* Callbacks run on the server's threads, several at a time. They must not wait; handle() may take
 * its time over a large body. */
struct cli_http_params {
    const char *host;
    int port;
    int connections; /* at a time */
    size_t max_body_bytes;
    int request_seconds; /* in which a request must arrive whole */
    int idle_seconds;    /* after which a connection that does nothing is closed */
    /* Called with the headers, without the body. Returns 0, or the status that refuses the
     * request. */
    int (*check)(void *user, const struct cli_exchange_request *request);
    /* Answers with an error status, one of check() or 400 (the message is not UTF-8), 413 (the body
     * is too large) or 503 (memory is short). */
    void (*refuse)(void *user, struct cli_exchange *x, int status);
    /* Answers, now or later. */
    void (*handle)(void *user, struct cli_exchange *x);
    void (*done)(void *user, const struct cli_http_done *done);
    void *user;
};

/* Takes the port, but refuses clients so far. Copies `params`, but not its strings. */
int cli_http_create(const struct cli_http_params *params, struct cli_http **http, elcl_error *err);
/* Listens and serves. */
int cli_http_start(struct cli_http *http, elcl_error *err);
/* Returns where clients find it: http://127.0.0.1:8080 */
const char *cli_http_url(const struct cli_http *http);
/* From now on takes no connection, and closes those that it has after their next answer. */
void cli_http_drain(struct cli_http *http);
/* Waits until no request is on its way or waits for its answer. Returns false after `seconds`. */
bool cli_http_wait_idle(struct cli_http *http, double seconds);
/* Leaves all clients, and frees. Handlers that still hold an exchange may go on. Takes NULL. */
void cli_http_destroy(struct cli_http **http);

#endif
