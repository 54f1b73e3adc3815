#include "serve/routes.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "serve/audio.h"
#include "serve/health.h"
#include "serve/metrics.h"
#include "serve/openai.h"
#include "serve/origins.h"
#include "serve/page.h"
#include "serve/translate.h"

/* A path that ends with a slash stands for all that have something after it. */
static const struct cli_route routes[] = {
    {"GET", "/", CLI_ACCESS_PUBLIC, cli_serve_page, false},
    {"GET", "/page.css", CLI_ACCESS_PUBLIC, cli_serve_page, false},
    {"GET", "/page.js", CLI_ACCESS_PUBLIC, cli_serve_page, false},
    {"GET", "/health", CLI_ACCESS_PUBLIC, cli_serve_health, false},
    {"GET", "/metrics", CLI_ACCESS_KEY, cli_serve_metrics, false},
    {"GET", "/v1/models", CLI_ACCESS_KEY, cli_openai_models, false},
    {"GET", "/v1/models/", CLI_ACCESS_KEY, cli_openai_model, false},
    {"POST", "/v1/completions", CLI_ACCESS_KEY, cli_openai_completions, false},
    {"POST", "/v1/audio/transcriptions", CLI_ACCESS_KEY, cli_audio_transcriptions, true},
    {"POST", "/v1/audio/translations", CLI_ACCESS_KEY, cli_audio_translations, true},
    {"POST", "/translate", CLI_ACCESS_OWN, cli_translate, false},
    {"GET", "/languages", CLI_ACCESS_OWN, cli_translate_languages, false},
    {"POST", "/languages", CLI_ACCESS_OWN, cli_translate_languages, false},
    {"GET", "/frontend/settings", CLI_ACCESS_PUBLIC, cli_translate_settings, false},
    {"POST", "/detect", CLI_ACCESS_PUBLIC, cli_translate_missing, false},
    {"POST", "/suggest", CLI_ACCESS_PUBLIC, cli_translate_missing, false},
    {"POST", "/translate_file", CLI_ACCESS_PUBLIC, cli_translate_missing, false},
};

_Static_assert(ELCL_COUNT(routes) <= CLI_MAX_ROUTES, "raise CLI_MAX_ROUTES");

const struct cli_route *cli_route_at(size_t place)
{
    return place < ELCL_COUNT(routes) ? &routes[place] : NULL;
}

static bool is_path(const char *path, const char *of_route)
{
    const size_t n = strlen(of_route);
    if (n > 1 && of_route[n - 1] == '/')
        return !strncmp(path, of_route, n) && path[n];
    return !strcmp(path, of_route);
}

size_t cli_route_find(const struct cli_exchange_request *request)
{
    const char *method = strcmp(request->method, "HEAD") ? request->method : "GET";
    for (size_t i = 0; i < ELCL_COUNT(routes); i++)
        if (is_path(request->path, routes[i].path) && !strcmp(routes[i].method, method))
            return i;
    return CLI_NO_ROUTE;
}

/* Writes the methods of a path, as in "GET, HEAD, OPTIONS". Returns false if there is no such path;
 * "*" is the whole server. */
static bool methods_of(const char *path, char *allow, size_t size)
{
    static const char *const methods[] = {"GET", "POST"};
    const bool all = !strcmp(path, "*");
    size_t n = 0;
    for (size_t m = 0; m < ELCL_COUNT(methods); m++) {
        bool found = false;
        for (size_t i = 0; i < ELCL_COUNT(routes); i++)
            found |=
                (all || is_path(path, routes[i].path)) && !strcmp(routes[i].method, methods[m]);
        if (found)
            n += (size_t)snprintf(allow + n, size - n, "%s, ", m ? methods[m] : "GET, HEAD");
    }
    (void)snprintf(allow + n, size - n, "OPTIONS");
    return n > 0;
}

static bool asks_options(const struct cli_exchange_request *request)
{
    return !strcmp(request->method, "OPTIONS");
}

int cli_routes_check(const struct cli_server *server, const struct cli_exchange_request *request)
{
    char allow[64];
    const struct cli_route *route = cli_route_at(cli_route_find(request));
    if (!route)
        return !methods_of(request->path, allow, sizeof(allow)) ? 404
               : asks_options(request)                          ? 0
                                                                : 405;
    if (cli_origin_is_foreign(server->options, request))
        return 403;
    return route->access == CLI_ACCESS_KEY && !cli_server_key_is(server, request->key) ? 401 : 0;
}

static void refuse_method(struct cli_exchange *x)
{
    const struct cli_exchange_request *request = cli_exchange_request(x);
    char allow[64], message[256];
    (void)methods_of(request->path, allow, sizeof(allow));
    (void)cli_exchange_header(x, "Allow", allow, NULL);
    (void)snprintf(message, sizeof(message), "%.100s: expected one of %s, found %.32s",
                   request->path, allow, request->method);
    cli_serve_error(x, 405, message);
}

void cli_routes_refuse(const struct cli_server *server, struct cli_exchange *x, int status)
{
    char message[128];
    cli_origin_allow(server->options, x);
    switch (status) {
    case 400:
        cli_serve_error(x, status, "expected UTF-8 in the path and the body");
        break;
    case 401:
        (void)cli_exchange_header(x, "WWW-Authenticate", "Bearer realm=\"elcl\"", NULL);
        cli_serve_error(x, status,
                        cli_exchange_request(x)->key
                            ? "the API key is wrong"
                            : "expected an API key, as in Authorization: Bearer KEY");
        break;
    case 403:
        cli_serve_error(x, status,
                        "a web page of another origin sent this request (the server's "
                        "--allow-origin can permit it)");
        break;
    case 404:
        cli_serve_error(x, status, "there is nothing at this path");
        break;
    case 405:
        refuse_method(x);
        break;
    case 413:
        (void)snprintf(message, sizeof(message),
                       "expected a body of at most %llu bytes (--max-body of the server)",
                       (unsigned long long)server->options->max_body_bytes);
        cli_serve_error(x, status, message);
        break;
    default:
        (void)cli_exchange_header(x, "Retry-After", "1", NULL);
        cli_serve_error(x, 503, "too many requests are arriving: try again later");
        break;
    }
}

void cli_routes_handle(struct cli_server *server, struct cli_exchange *x)
{
    const struct cli_exchange_request *request = cli_exchange_request(x);
    const struct cli_route *route = cli_route_at(cli_route_find(request));
    char allow[64];
    struct elcl_str nothing = {0};
    if (request->boundary && !(route && route->takes_forms) &&
        elcl_utf8_check(request->body, request->n_body) < request->n_body) {
        cli_routes_refuse(server, x, 400);
        return;
    }
    cli_origin_allow(server->options, x);
    if (route) {
        route->handler(server, x);
        return;
    }
    (void)methods_of(request->path, allow, sizeof(allow));
    (void)cli_exchange_header(x, "Allow", allow, NULL);
    cli_exchange_reply(x, 204, "", &nothing);
}
