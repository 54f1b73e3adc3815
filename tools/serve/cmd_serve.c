/* elcl serve: answers HTTP requests with models. */
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "common/sys.h"
#include "serve/http.h"
#include "serve/routes.h"
#include "serve/translate.h"

/* How often the main thread looks for a signal. */
#define WAIT_SECONDS 0.1

/* After --drain-seconds: for the answers to what was cut short. */
#define ABORT_SECONDS 2

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
        if (*c < ' ' || *c > '~')
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

static void name_routes(struct cli_request_counts *requests)
{
    const struct cli_route *route;
    for (size_t i = 0; (route = cli_route_at(i)); i++)
        cli_request_name(requests, i, route->method, route->path);
}

static int create_http(struct cli_server *server, elcl_error *err)
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
    return cli_http_create(&params, &server->http, err);
}

/* ---- models ---------------------------------------------------------------------------------- */

/* Called by several threads at once. */
static void log_line(void *user, enum elcl_log_level level, const char *line)
{
    const struct cli_server *server = user;
    if (cli_logs(&server->options->common, level))
        cli_log(level, line);
}

/* Called on the thread of a worker. */
static void note_lost(void *user, const elcl_error *why)
{
    struct cli_server *server = user;
    (void)cli_error(CLI_EXIT_FAILURE, "%s; the server ends because new engines failed too",
                    why->msg);
    atomic_store(&server->lost, true);
}

static int open_models(struct cli_server *server, elcl_error *err)
{
    const struct cli_serve_options *o = server->options;
    const struct cli_models_params params = {.options = &o->model,
                                             .sizes = o->sizes,
                                             .n_engines = o->n_engines,
                                             .queue = o->queue,
                                             .log = log_line,
                                             .log_user = server,
                                             .on_lost = note_lost,
                                             .user = server};
    int rc;
    ELCL_TRY(cli_models_open(&server->models, o->args.words, o->args.n_words, &params, err));
    ELCL_TRY(cli_translate_open(server, err));
    ELCL_TRY(cli_models_start(&server->models, &params, err));
fail:
    return rc;
}

/* ---- from the first request to the last ------------------------------------------------------ */

static void print_ready(const struct cli_server *server)
{
    struct elcl_str line = {0};
    elcl_str_text(&line, "elcl: serving");
    for (size_t i = 0; i < server->models.n; i++)
        elcl_str_printf(&line, "%s %s", i ? "," : "", server->models.items[i].name);
    elcl_str_printf(&line, " on %s\n", cli_http_url(server->http));
    if (!line.failed && !server->options->common.quiet)
        fputs(line.data, stderr);
    elcl_str_finish(&line);
}

/* Answers what has arrived, but nothing new. */
static void drain(struct cli_server *server)
{
    const int seconds = server->options->drain_seconds;
    atomic_store(&server->draining, true);
    cli_http_drain(server->http);
    for (size_t i = 0; i < server->models.n; i++)
        cli_served_drain(&server->models.items[i]);
    if (cli_http_wait_idle(server->http, seconds))
        return;
    if (!server->options->common.quiet)
        cli_warn("some requests were not answered within %d seconds (--drain-seconds)", seconds);
    for (size_t i = 0; i < server->models.n; i++)
        cli_served_abort(&server->models.items[i]);
    (void)cli_http_wait_idle(server->http, ABORT_SECONDS);
}

static int run(struct cli_server *server, elcl_error *err)
{
    int rc;
    ELCL_TRY(create_http(server, err));
    cli_sys_stop_in_time(true);
    ELCL_TRY(open_models(server, err));
    cli_sys_stop_in_time(false);
    if (cli_sys_interrupted())
        goto fail; /* nobody has been served yet */
    ELCL_TRY(cli_http_start(server->http, err));
    print_ready(server);
    while (!cli_sys_interrupted() && !atomic_load(&server->lost))
        cli_sys_sleep(WAIT_SECONDS);
    drain(server);
fail:
    cli_http_destroy(&server->http);
    cli_models_close(&server->models);
    cli_languages_finish(&server->languages);
    return rc;
}

static int serve(const struct cli_serve_options *options)
{
    struct cli_server server = {.options = options, .start_time = (double)time(NULL)};
    elcl_error err = {0};
    name_routes(&server.requests);
    const int rc = run(&server, &err);
    cli_args_name_option(&options->args, &err);
    if (rc)
        return cli_error(rc == ELCL_E_ARG ? CLI_EXIT_USAGE : CLI_EXIT_FAILURE, "%s", err.msg);
    return atomic_load(&server.lost) ? CLI_EXIT_FAILURE : CLI_EXIT_OK;
}

int cli_cmd_serve(int argc, char **argv)
{
    struct cli_serve_options options;
    int exit_code;
    return cli_serve_parse(&options, argc, argv, &exit_code) ? serve(&options) : exit_code;
}
