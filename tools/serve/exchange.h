/* One request over HTTP and its answer. The transport (http.c) makes it and sends what handlers
 * put into it; handlers and workers see only the first half of this file. Thread-safe: any thread
 * may call any function at any time. */
#ifndef CLI_SERVE_EXCHANGE_H
#define CLI_SERVE_EXCHANGE_H

#include "common/tool.h"

/* Counted: every holder drops it once. */
struct cli_exchange;

/* Constant once a handler sees it. */
struct cli_exchange_request {
    const char *method;
    const char *path;     /* as the client sent it, not decoded, without the query */
    const char *query;    /* what follows the ?, still percent-encoded but for +; or "" */
    const char *type;     /* media type in lower case without parameters, or "" */
    const char *boundary; /* of multipart/form-data, or NULL */
    const char *key;      /* of "Authorization: Bearer KEY", or NULL */
    /* The headers Origin and Sec-Fetch-Site, which browsers send, and with one of them Host; or
     * NULL. */
    const char *origin, *fetch_site, *host;
    const char *body; /* valid UTF-8 unless there is a boundary, with a NUL after n_body bytes */
    size_t n_body;
};

const struct cli_exchange_request *cli_exchange_request(const struct cli_exchange *x);
void cli_exchange_keep(struct cli_exchange *x);
void cli_exchange_drop(struct cli_exchange *x);

/* Answers whole, once. `type` is a string constant. Takes the text: *body is empty afterwards. A
 * body that ran out of memory becomes status 500 without a body. */
void cli_exchange_reply(struct cli_exchange *x, int status, const char *type,
                        struct elcl_str *body);
/* Adds a header to the answer; before reply or begin. Copies both strings. */
int cli_exchange_header(struct cli_exchange *x, const char *name, const char *value,
                        elcl_error *err);

/* A streamed answer: begin once, add any number of times, end once. Bytes queue in memory, so a
 * slow reader stalls nobody. If memory is short the stream breaks off, which the client sees. */
void cli_exchange_begin(struct cli_exchange *x, int status, const char *type);
void cli_exchange_add(struct cli_exchange *x, const void *bytes, size_t n);
void cli_exchange_end(struct cli_exchange *x);

/* Calls left(user) once if the client leaves before the answer is complete: on a thread of the
 * transport, or at once on this one if the client has left already. NULL takes it back and waits
 * for a call that runs, so do not call this inside left(), or with a lock that left() takes. */
void cli_exchange_on_leave(struct cli_exchange *x, void (*left)(void *user), void *user);

/* ---- the transport's side -------------------------------------------------------------------- */

/* Copies the strings of `request`, whose body is empty. wake(transport) is called once after each
 * call below that has put the exchange to sleep. Returns NULL if memory is short. */
struct cli_exchange *cli_exchange_create(const struct cli_exchange_request *request,
                                         void (*wake)(void *transport), void *transport);
/* Adds to the body of the request. Returns false if memory is short. */
bool cli_exchange_take_body(struct cli_exchange *x, const void *bytes, size_t n);
void cli_exchange_drop_body(struct cli_exchange *x);

enum cli_exchange_state {
    CLI_EXCHANGE_READY,  /* there is an answer, or there are bytes of it */
    CLI_EXCHANGE_ASLEEP, /* nothing yet: sleep(transport) was called, and wake() will be */
    CLI_EXCHANGE_ENDED,  /* the stream has ended */
    CLI_EXCHANGE_BROKEN, /* the client has left, or the stream lacked memory */
};

/* Once READY, cli_exchange_answer() is constant. */
enum cli_exchange_state cli_exchange_wait(struct cli_exchange *x, void (*sleep)(void *transport));

struct cli_exchange_header {
    char *name, *value;
};

struct cli_exchange_answer {
    int status;
    const char *type;
    const struct cli_exchange_header *headers; /* [n_headers] */
    size_t n_headers;
    bool streamed;
};

struct cli_exchange_answer cli_exchange_answer(struct cli_exchange *x);
/* Moves the text of a whole answer into *body. */
void cli_exchange_whole(struct cli_exchange *x, struct elcl_str *body);
/* Moves at most `max` bytes of a stream into `bytes`. READY: *n of them, at least one. */
enum cli_exchange_state cli_exchange_read(struct cli_exchange *x, void *bytes, size_t max,
                                          size_t *n, void (*sleep)(void *transport));

/* The client has left: an exchange that sleeps, or would, is BROKEN. */
void cli_exchange_leave(struct cli_exchange *x);
/* The transport is done: there will be no wake(). Calls left() if the answer is not complete. */
void cli_exchange_close(struct cli_exchange *x);

#endif
