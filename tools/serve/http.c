/* libmicrohttpd's callbacks. Its threads parse requests, run handlers, and send answers; a
 * connection whose answer is not there yet is suspended. */
#define _POSIX_C_SOURCE 200809L

#include "serve/http.h"

#include <microhttpd.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/utf8.h"
#include "common/sys.h"
#include "serve/connections.h"
#include "serve/large.h"
#include "serve/listen.h"

#define MAX_THREADS 4

/* Open files beside the connections: of models, drivers and this program. */
#define OTHER_FILES 256

/* For the headers of a request. More is an error of 431, or 414. */
#define CONNECTION_BYTES 32768

/* The body of a request that is refused is read if it is so short: then the connection can go on,
 * and no reset overtakes the answer. */
#define READ_REFUSED_BYTES 65536

/* Larger bodies are handled by threads of their own. */
#define LARGE_BODY_BYTES 65536

/* All bodies in memory together may have so many times the bytes of the largest. */
#define BODIES 16

/* How often a stream asks for more, in bytes. */
#define STREAM_BYTES 16384

struct cli_http {
    struct cli_http_params params;
    struct cli_connections *connections;
    struct cli_large *large;
    struct MHD_Daemon *daemon;
    int fd;
    char url[CLI_URL_BYTES];
    atomic_bool drains;
    atomic_size_t body_bytes; /* in memory */
};

/* A request from its headers to the end of its answer. */
struct call {
    struct cli_http *http;
    struct MHD_Connection *mhd;
    struct cli_connection *connection;
    struct cli_exchange *x;
    size_t body_bytes; /* counted in the server's */
    bool begun;        /* the request is whole and has gone to its handler */
    int refusal;       /* a status, or 0 */
    int status;        /* of the answer, or 0 */
    uint64_t n_sent;
    double start;
};

static void suspend(void *transport)
{
    MHD_suspend_connection(((struct call *)transport)->mhd);
}

static void resume(void *transport)
{
    MHD_resume_connection(((struct call *)transport)->mhd);
}

/* ---- sending --------------------------------------------------------------------------------- */

static ssize_t read_stream(void *user, uint64_t at, char *bytes, size_t max)
{
    struct call *call = user;
    size_t n = 0;
    (void)at;
    switch (cli_exchange_read(call->x, bytes, max, &n, suspend)) {
    case CLI_EXCHANGE_READY:
        call->n_sent += n;
        return (ssize_t)n;
    case CLI_EXCHANGE_ASLEEP:
        return 0;
    case CLI_EXCHANGE_ENDED:
        return MHD_CONTENT_READER_END_OF_STREAM;
    default:
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
}

static struct MHD_Response *create_response(struct call *call,
                                            const struct cli_exchange_answer *answer)
{
    static char nothing[] = "";
    struct elcl_str body;
    if (answer->streamed)
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BYTES, read_stream, call,
                                                 NULL);
    cli_exchange_whole(call->x, &body);
    call->n_sent = body.n;
    if (!body.n) {
        elcl_str_finish(&body);
        return MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT);
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback(body.n, body.data, elcl_free);
    if (!response)
        elcl_str_finish(&body);
    return response;
}

static enum MHD_Result send_answer(struct call *call)
{
    const struct cli_exchange_answer answer = cli_exchange_answer(call->x);
    struct MHD_Response *response = create_response(call, &answer);
    enum MHD_Result ok = response ? MHD_YES : MHD_NO;
    if (ok && *answer.type)
        ok = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.type);
    for (size_t i = 0; ok && i < answer.n_headers; i++)
        ok = MHD_add_response_header(response, answer.headers[i].name, answer.headers[i].value);
    if (ok && atomic_load(&call->http->drains))
        ok = MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (ok)
        ok = MHD_queue_response(call->mhd, (unsigned)answer.status, response);
    call->status = answer.status;
    if (response)
        MHD_destroy_response(response);
    return ok;
}

/* Sends the answer if there is one, else suspends the connection. */
static enum MHD_Result send_or_suspend(struct call *call)
{
    switch (cli_exchange_wait(call->x, suspend)) {
    case CLI_EXCHANGE_READY:
        return send_answer(call);
    case CLI_EXCHANGE_ASLEEP:
        return MHD_YES;
    default:
        return MHD_NO; /* closes the connection */
    }
}

static enum MHD_Result refuse(struct call *call, int status)
{
    call->http->params.refuse(call->http->params.user, call->x, status);
    return send_or_suspend(call);
}

/* ---- receiving ------------------------------------------------------------------------------- */

static const char *header(const struct call *call, const char *name)
{
    return MHD_lookup_connection_value(call->mhd, MHD_HEADER_KIND, name);
}

/* Returns what the client says, or 0. The HTTP library has checked it. */
static uint64_t content_length(const struct call *call)
{
    const char *text = header(call, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return text ? strtoull(text, NULL, 10) : 0;
}

/* Of "Application/JSON; charset=utf-8": application/json. */
static void read_media_type(const struct call *call, char *type, size_t size)
{
    const char *text = header(call, MHD_HTTP_HEADER_CONTENT_TYPE);
    size_t n = 0;
    for (; text && n + 1 < size && text[n] && !strchr("; \t", text[n]); n++)
        type[n] = (char)(text[n] >= 'A' && text[n] <= 'Z' ? text[n] - 'A' + 'a' : text[n]);
    type[n] = '\0';
}

/* Of "multipart/form-data; boundary=abc": abc; "" if there is none. */
static void read_boundary(const struct call *call, const char *type, char *boundary, size_t size)
{
    const char *text = header(call, MHD_HTTP_HEADER_CONTENT_TYPE);
    size_t n = 0;
    *boundary = '\0';
    if (!text || strcmp(type, "multipart/form-data"))
        return;
    while ((text = strchr(text, ';')) != NULL) {
        text += 1 + strspn(text + 1, " \t");
        if (!strncasecmp(text, "boundary=", 9))
            break;
    }
    if (!text)
        return;
    text += 9 + (text[9] == '"');
    for (; n + 1 < size && text[n] && !strchr("\"; \t", text[n]); n++)
        boundary[n] = text[n];
    boundary[n] = '\0';
}

/* Puts the query together again. */
static enum MHD_Result add_argument(void *user, enum MHD_ValueKind kind, const char *key,
                                    const char *value)
{
    struct elcl_str *query = user;
    (void)kind;
    elcl_str_printf(query, "%s%s%s%s", query->n ? "&" : "", key, value ? "=" : "",
                    value ? value : "");
    return MHD_YES;
}

static const char *bearer(const struct call *call)
{
    const char *text = header(call, MHD_HTTP_HEADER_AUTHORIZATION);
    if (!text || strncasecmp(text, "Bearer ", 7))
        return NULL;
    return text + 7 + strspn(text + 7, " ");
}

static bool is_utf8(const char *text)
{
    const size_t n = strlen(text);
    return elcl_utf8_check(text, n) == n;
}

/* Returns 0, or the status that refuses the request for its headers. */
static int check_headers(struct call *call, const struct cli_exchange_request *request)
{
    struct cli_http *http = call->http;
    const size_t room = http->params.max_body_bytes * BODIES;
    const uint64_t length = content_length(call);
    if (length > http->params.max_body_bytes)
        return MHD_HTTP_CONTENT_TOO_LARGE;
    if (!is_utf8(request->path) || !is_utf8(request->query))
        return MHD_HTTP_BAD_REQUEST;
    const int refusal = http->params.check(http->params.user, request);
    if (refusal)
        return refusal;
    return length + atomic_load(&http->body_bytes) > room ? MHD_HTTP_SERVICE_UNAVAILABLE : 0;
}

/* Returns NULL if memory is short. */
static struct cli_exchange *create_exchange(struct call *call, const char *path, const char *method)
{
    char type[128], boundary[128];
    struct elcl_str query = {0};
    read_media_type(call, type, sizeof(type));
    read_boundary(call, type, boundary, sizeof(boundary));
    (void)MHD_get_connection_values(call->mhd, MHD_GET_ARGUMENT_KIND, add_argument, &query);
    struct cli_exchange_request request = {.method = method,
                                           .path = path,
                                           .query = query.n ? query.data : "",
                                           .type = type,
                                           .boundary = *boundary ? boundary : NULL,
                                           .key = bearer(call),
                                           .origin = header(call, MHD_HTTP_HEADER_ORIGIN),
                                           .fetch_site = header(call, "Sec-Fetch-Site")};
    if (request.origin || request.fetch_site)
        request.host = header(call, MHD_HTTP_HEADER_HOST);
    struct cli_exchange *x = query.failed ? NULL : cli_exchange_create(&request, resume, call);
    elcl_str_finish(&query);
    return x;
}

static enum MHD_Result on_headers(struct cli_http *http, struct MHD_Connection *mhd,
                                  const char *path, const char *method, void **state)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct call *call = info->socket_context ? elcl_calloc(1, sizeof(*call)) : NULL;
    if (!call)
        return MHD_NO;
    *call = (struct call){
        .http = http, .mhd = mhd, .connection = info->socket_context, .start = cli_sys_seconds()};
    call->x = create_exchange(call, path, method);
    if (!call->x) {
        free(call);
        return MHD_NO;
    }
    *state = call;
    cli_connection_begins(http->connections, call->connection, call->x);
    call->refusal = check_headers(call, cli_exchange_request(call->x));
    if (call->refusal && content_length(call) > READ_REFUSED_BYTES)
        return refuse(call, call->refusal);
    return MHD_YES;
}

static void on_body(struct call *call, const char *bytes, size_t n)
{
    struct cli_http *http = call->http;
    if (call->refusal)
        return;
    call->body_bytes += n;
    const size_t all = atomic_fetch_add(&http->body_bytes, n) + n;
    if (call->body_bytes > http->params.max_body_bytes)
        call->refusal = MHD_HTTP_CONTENT_TOO_LARGE; /* in chunks, so it was not known before */
    else if (all > http->params.max_body_bytes * BODIES ||
             !cli_exchange_take_body(call->x, bytes, n))
        call->refusal = MHD_HTTP_SERVICE_UNAVAILABLE;
    if (call->refusal)
        cli_exchange_drop_body(call->x);
}

static enum MHD_Result on_end(struct call *call)
{
    const struct cli_exchange_request *request = cli_exchange_request(call->x);
    call->begun = true;
    cli_connection_waits(call->http->connections, call->connection);
    if (!call->refusal && !request->boundary &&
        elcl_utf8_check(request->body, request->n_body) < request->n_body)
        call->refusal = MHD_HTTP_BAD_REQUEST;
    if (call->refusal)
        return refuse(call, call->refusal);
    if (request->n_body <= LARGE_BODY_BYTES) {
        call->http->params.handle(call->http->params.user, call->x);
        return send_or_suspend(call);
    }
    const enum MHD_Result ok = send_or_suspend(call);
    if (ok)
        cli_large_give(call->http->large, call->x);
    return ok;
}

/* Called with the headers, with each piece of the body, at the end of the request, and again
 * whenever the connection goes on. */
static enum MHD_Result on_request(void *user, struct MHD_Connection *mhd, const char *path,
                                  const char *method, const char *version, const char *bytes,
                                  size_t *n, void **state)
{
    struct call *call = *state;
    (void)version;
    if (!call)
        return on_headers(user, mhd, path, method, state);
    if (*n) {
        on_body(call, bytes, *n);
        *n = 0;
        return MHD_YES;
    }
    return call->begun ? send_or_suspend(call) : on_end(call);
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void tell_done(const struct call *call, bool complete)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(call->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    char client[64] = "";
    const struct sockaddr *address = info ? info->client_addr : NULL;
    if (address)
        (void)getnameinfo(address,
                          address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                         : sizeof(struct sockaddr_in),
                          client, sizeof(client), NULL, 0, NI_NUMERICHOST);
    const struct cli_http_done done = {.request = cli_exchange_request(call->x),
                                       .client = client,
                                       .status = call->status,
                                       .complete = complete,
                                       .n_bytes = call->n_sent,
                                       .seconds = cli_sys_seconds() - call->start};
    call->http->params.done(call->http->params.user, &done);
}

static void on_completed(void *user, struct MHD_Connection *mhd, void **state,
                         enum MHD_RequestTerminationCode why)
{
    struct cli_http *http = user;
    struct call *call = *state;
    (void)mhd;
    if (!call)
        return;
    *state = NULL;
    cli_exchange_close(call->x);
    if (call->body_bytes > LARGE_BODY_BYTES) /* else its bytes would wait without being counted */
        cli_large_forget(http->large, call->x);
    tell_done(call, why == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    (void)atomic_fetch_sub(&http->body_bytes, call->body_bytes);
    cli_connection_ends(http->connections, call->connection);
    cli_exchange_drop(call->x);
    free(call);
}

static void on_connection(void *user, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct cli_http *http = user;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*socket_context)
            cli_connections_remove(http->connections, *socket_context);
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    *socket_context = cli_connections_add(http->connections, info->connect_fd);
}

/* ---- the server ------------------------------------------------------------------------------ */

/* Paths stay as the client sent them: only those that are written as in the table are there. */
static size_t keep_escapes(void *user, struct MHD_Connection *mhd, char *text)
{
    (void)user;
    (void)mhd;
    return strlen(text);
}

static int start_daemon(struct cli_http *http, elcl_error *err)
{
    const unsigned flags =
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC;
    const struct cli_http_params *p = &http->params;
    const unsigned threads = p->connections < MAX_THREADS ? (unsigned)p->connections : MAX_THREADS;
    struct MHD_OptionItem pool[] = {
        /* A pool of one thread is none, and the library refuses it. */
        {threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)threads, NULL},
        {MHD_OPTION_END, 0, NULL}};
    http->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, http, MHD_OPTION_LISTEN_SOCKET, http->fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)p->connections, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)p->idle_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, http, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_ARRAY,
        pool, MHD_OPTION_END);
    return http->daemon
               ? ELCL_OK
               : elcl_fail(err, ELCL_E_IO, "libmicrohttpd %s cannot start", MHD_get_version());
}

/* Raises the limit of open files as far as the user may, if it is too low. */
static int allow_files(int connections, elcl_error *err)
{
    struct rlimit limit;
    const rlim_t need = (rlim_t)connections + OTHER_FILES;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= need)
        return ELCL_OK;
    const rlim_t most = limit.rlim_max;
    limit.rlim_cur = need;
    if (most < need || setrlimit(RLIMIT_NOFILE, &limit))
        return elcl_fail(err, ELCL_E_IO,
                         "--connections %d needs %llu open files, and at most %llu are allowed "
                         "(ulimit -n)",
                         connections, (unsigned long long)need, (unsigned long long)most);
    return ELCL_OK;
}

int cli_http_create(const struct cli_http_params *params, struct cli_http **http, elcl_error *err)
{
    struct cli_http *h = elcl_calloc(1, sizeof(*h));
    int rc = ELCL_OK;
    if (!h)
        return elcl_fail_nomem(err);
    h->params = *params;
    h->fd = -1;
    ELCL_TRY(allow_files(params->connections, err));
    ELCL_TRY(cli_listen_bind(params->host, params->port, &h->fd, h->url, err));
    ELCL_TRY(cli_connections_create(params->connections, params->request_seconds,
                                    params->idle_seconds, &h->connections, err));
    ELCL_TRY(cli_large_create(params->handle, params->user, &h->large, err));
    *http = h;
    return ELCL_OK;
fail:
    cli_http_destroy(&h);
    return rc;
}

int cli_http_start(struct cli_http *http, elcl_error *err)
{
    const int rc = cli_listen_start(http->fd, http->url, err);
    return rc ? rc : start_daemon(http, err);
}

const char *cli_http_url(const struct cli_http *http)
{
    return http->url;
}

void cli_http_drain(struct cli_http *http)
{
    if (!http->daemon || atomic_exchange(&http->drains, true))
        return;
    /* MHD_quiesce_daemon() aborts the process if a busy thread takes the socket off its epoll set
     * at the same time (libmicrohttpd 0.9.75). */
    cli_listen_stop(http->fd);
}

bool cli_http_wait_idle(struct cli_http *http, double seconds)
{
    return cli_connections_wait_idle(http->connections, seconds);
}

/* libmicrohttpd must have no suspended connection when it stops. */
static void leave_all(struct cli_http *http)
{
    cli_http_drain(http);
    do
        cli_connections_leave(http->connections);
    while (!cli_connections_wait_idle(http->connections, 0.1));
    MHD_stop_daemon(http->daemon);
    http->fd = -1; /* which it has closed */
}

void cli_http_destroy(struct cli_http **http)
{
    struct cli_http *h = *http;
    if (!h)
        return;
    if (h->daemon)
        leave_all(h);
    cli_large_destroy(&h->large);
    cli_connections_destroy(&h->connections);
    cli_listen_close(&h->fd);
    free(h);
    *http = NULL;
}
