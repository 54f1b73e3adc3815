/* elcl serve: answers HTTP requests with models. */
#include <stdio.h>
#include <time.h>

#include "common/sys.h"
#include "serve/http.h"
#include "serve/routes.h"

/* How often the main thread looks for a signal. */
#define WAIT_SECONDS 0.1

/* The status in the counts of a request whose client left. */
#define STATUS_LEFT 499

static int check_request(void *user, const struct cli_exchange_request *request)
{
    return cli_routes_check(user, request);
}

static void refuse_request(void *user, struct cli_exchange *x, int status)
{
    cli_routes_refuse(user, x, status);
}

static void handle_request(void *user, struct cli_exchange *x)
{
    cli_routes_handle(user, x);
}

/* Any byte may be in a path: a line of the log stays one line, and no terminal obeys it. */
static void log_request(const struct cli_http_done *done)
{
    char line[512];
    (void)snprintf(line, sizeof(line), "%s \"%.16s %.300s\" %d%s, %llu bytes, %.3f s", done->client,
                   done->request->method, done->request->path, done->status,
                   done->complete ? "" : " (the client left)", (unsigned long long)done->n_bytes,
                   done->seconds);
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    cli_log(ELCL_LOG_INFO, line);
}

static void end_request(void *user, const struct cli_http_done *done)
{
    struct cli_server *server = user;
    cli_request_count(&server->requests, cli_route_find(done->request),
                      done->complete ? done->status : STATUS_LEFT);
    if (cli_logs(&server->options->common, ELCL_LOG_INFO))
        log_request(done);
}

static int listen_for_clients(struct cli_server *server, elcl_error *err)
{
    const struct cli_serve_options *o = server->options;
    const struct cli_http_params params = {.host = o->host,
                                           .port = o->port,
                                           .connections = o->connections,
                                           .max_body_bytes = (size_t)o->max_body_bytes,
                                           .request_seconds = o->request_seconds,
                                           .idle_seconds = o->idle_seconds,
                                           .check = check_request,
                                           .refuse = refuse_request,
                                           .handle = handle_request,
                                           .done = end_request,
                                           .user = server};
    const int rc = cli_http_start(&params, &server->http, err);
    if (!rc && !o->common.quiet)
        fprintf(stderr, "elcl: serving on %s\n", cli_http_url(server->http));
    return rc;
}

/* Answers what has arrived, but nothing new. */
static void drain(struct cli_server *server)
{
    const int seconds = server->options->drain_seconds;
    atomic_store(&server->draining, true);
    cli_http_drain(server->http);
    if (!cli_http_wait_idle(server->http, seconds) && !server->options->common.quiet)
        cli_warn("some requests had no answer after %d seconds (--drain-seconds)", seconds);
}

static int serve(const struct cli_serve_options *options)
{
    struct cli_server server = {.options = options, .start_time = (double)time(NULL)};
    elcl_error err = {0};
    int rc = listen_for_clients(&server, &err);
    if (rc)
        return cli_error(CLI_EXIT_FAILURE, "%s", err.msg);
    while (!cli_sys_interrupted())
        cli_sys_sleep(WAIT_SECONDS);
    drain(&server);
    cli_http_stop(&server.http);
    return CLI_EXIT_OK;
}

int cli_cmd_serve(int argc, char **argv)
{
    struct cli_serve_options options;
    int exit_code;
    return cli_serve_parse(&options, argc, argv, &exit_code) ? serve(&options) : exit_code;
}
