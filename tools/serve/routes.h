/* Which handler answers which path. */
#ifndef CLI_SERVE_ROUTES_H
#define CLI_SERVE_ROUTES_H

#include "serve/server.h"

enum cli_access {
    CLI_ACCESS_PUBLIC,
    CLI_ACCESS_KEY, /* Authorization: Bearer KEY, checked before the body is read */
    CLI_ACCESS_OWN  /* the handler asks cli_server_key_is() */
};

/* Must see that the exchange is answered, now or later, and must not wait. Whoever needs it later
 * keeps it. */
typedef void (*cli_handler)(struct cli_server *server, struct cli_exchange *x);

struct cli_route {
    const char *method; /* GET answers HEAD too */
    const char *path;
    enum cli_access access;
    cli_handler handler;
    bool takes_forms; /* bodies of multipart/form-data, with any bytes */
};

/* Returns the place of the request's route in the table, or CLI_NO_ROUTE. */
size_t cli_route_find(const struct cli_exchange_request *request);
/* Returns the route at a place in the table, or NULL after the last one. */
const struct cli_route *cli_route_at(size_t place);

/* Returns 0, or the status that refuses the request for its headers. */
int cli_routes_check(const struct cli_server *server, const struct cli_exchange_request *request);
/* Answers with an error of cli_routes_check() or of the transport: 400, 413, 503. */
void cli_routes_refuse(const struct cli_server *server, struct cli_exchange *x, int status);
/* Answers what cli_routes_check() accepted. */
void cli_routes_handle(struct cli_server *server, struct cli_exchange *x);

#endif
