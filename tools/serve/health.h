/* GET /health: whether the server takes requests. */
#ifndef CLI_SERVE_HEALTH_H
#define CLI_SERVE_HEALTH_H

#include "serve/server.h"

void cli_serve_health(struct cli_server *server, struct cli_exchange *x);

#endif
