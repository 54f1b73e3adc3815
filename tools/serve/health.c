#include "serve/health.h"

#include <cjson/cJSON.h>

void cli_serve_health(struct cli_server *server, struct cli_exchange *x)
{
    const bool draining = cli_server_draining(server);
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "status", draining ? "draining" : "ok");
    cli_serve_json(x, draining ? 503 : 200, root);
}
