#include "serve/server.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "common/json_write.h"
#include "common/sys.h"
#include "serve/openai_answer.h"

bool cli_server_draining(const struct cli_server *server)
{
    return atomic_load(&server->draining);
}

double cli_server_deadline(const struct cli_server *server)
{
    const int limit = server->options->time_limit;
    return limit ? cli_sys_seconds() + limit : 0;
}

bool cli_server_key_is(const struct cli_server *server, const char *key)
{
    const char *right = server->options->api_key;
    if (!right || !key)
        return !right;
    const size_t n = strlen(key), n_right = strlen(right);
    unsigned char differ = n != n_right;
    for (size_t i = 0; i < n; i++)
        differ |= (unsigned char)(key[i] ^ right[i % n_right]);
    return !differ;
}

void cli_serve_json(struct cli_exchange *x, int status, cJSON *json)
{
    struct elcl_str body = {0};
    if (!json || !cli_json_print(&body, json, true))
        body.failed = true;
    elcl_str_text(&body, "\n");
    cJSON_Delete(json);
    cli_exchange_reply(x, status, "application/json", &body);
}

void cli_serve_error(struct cli_exchange *x, int status, const char *message)
{
    struct elcl_str body = {0};
    if (!strncmp(cli_exchange_request(x)->path, "/v1/", 4)) {
        cli_openai_add_error(&body, status, NULL, NULL, message);
        elcl_str_text(&body, "\n");
        cli_exchange_reply(x, status, "application/json", &body);
        return;
    }
    elcl_str_text(&body, "{\"error\": ");
    cli_json_text(&body, message); /* may end within a character of what it quotes */
    elcl_str_text(&body, "}\n");
    cli_exchange_reply(x, status, "application/json", &body);
}
