#include "serve/origins.h"

#include <string.h>
#include <strings.h>

/* Whether the list, separated by commas, has the origin. */
static bool is_listed(const char *list, const char *origin)
{
    const size_t n = strlen(origin);
    for (const char *at = list; at && *at;) {
        const size_t length = strcspn(at, ",");
        if ((length == n && !strncasecmp(at, origin, n)) || (length == 1 && *at == '*'))
            return true;
        at += length + (at[length] == ',');
    }
    return false;
}

/* Whether a host, perhaps with a port, is this machine by itself: an address, or localhost. Any
 * other name may be one that a stranger's name server lets point here. */
static bool is_own_machine(const char *host)
{
    const size_t n = strcspn(host, ":");
    return *host == '[' || strspn(host, "0123456789.") == n ||
           (n == strlen("localhost") && !strncasecmp(host, "localhost", n));
}

static bool is_loopback(const char *host)
{
    return !strcmp(host, "localhost") || !strncmp(host, "127.", 4) || !strcmp(host, "::1");
}

/* Whether the page came from this server. */
static bool is_own_page(const struct cli_serve_options *options,
                        const struct cli_exchange_request *request)
{
    const char *host = request->origin ? strstr(request->origin, "://") : NULL;
    if (request->fetch_site && strcmp(request->fetch_site, "same-origin") != 0 &&
        strcmp(request->fetch_site, "none") != 0)
        return false;
    if (!request->origin)
        return true;
    return host && request->host && !strcasecmp(host + 3, request->host) &&
           (!is_loopback(options->host) || is_own_machine(request->host));
}

/* GET changes nothing, and the answer stays hidden from the page. */
bool cli_origin_is_foreign(const struct cli_serve_options *options,
                           const struct cli_exchange_request *request)
{
    if (strcmp(request->method, "POST") != 0 || is_own_page(options, request))
        return false;
    return !request->origin || !is_listed(options->allow_origin, request->origin);
}

void cli_origin_allow(const struct cli_serve_options *options, struct cli_exchange *x)
{
    static const char *const headers[][2] = {
        {"Vary", "Origin"},
        {"Access-Control-Allow-Methods", "GET, POST"},
        {"Access-Control-Allow-Headers", "Authorization, Content-Type"},
        {"Access-Control-Max-Age", "600"},
    };
    const struct cli_exchange_request *request = cli_exchange_request(x);
    if (!request->origin || !is_listed(options->allow_origin, request->origin))
        return;
    (void)cli_exchange_header(x, "Access-Control-Allow-Origin", request->origin, NULL);
    for (size_t i = 0; i < ELCL_COUNT(headers); i++)
        if (!i || !strcmp(request->method, "OPTIONS"))
            (void)cli_exchange_header(x, headers[i][0], headers[i][1], NULL);
}
