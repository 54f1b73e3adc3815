/* Built without libmicrohttpd. */
#include "serve/http.h"

int cli_http_create(const struct cli_http_params *params, struct cli_http **http, elcl_error *err)
{
    (void)params;
    (void)http;
    return elcl_fail(err, ELCL_E_UNSUPPORTED,
                     "this elcl was built without its server: install libmicrohttpd (Debian: "
                     "libmicrohttpd-dev) and build elcl again; the server needs Linux");
}

int cli_http_start(struct cli_http *http, elcl_error *err)
{
    (void)http;
    (void)err;
    return ELCL_OK;
}

const char *cli_http_url(const struct cli_http *http)
{
    (void)http;
    return "";
}

void cli_http_drain(struct cli_http *http)
{
    (void)http;
}

bool cli_http_wait_idle(struct cli_http *http, double seconds)
{
    (void)http;
    (void)seconds;
    return true;
}

void cli_http_destroy(struct cli_http **http)
{
    (void)http;
}
