#include "serve/health.h"

#include <cjson/cJSON.h>
#include <time.h>

#include "common/words.h"

static void add_model(cJSON *list, const struct cli_served *served, const struct cli_figures *f)
{
    cJSON *m = cJSON_CreateObject();
    cJSON_AddStringToObject(m, "name", served->name);
    cJSON_AddStringToObject(m, "device", served->info.device);
    cJSON_AddStringToObject(m, "attention", cli_attention_word(served->info.attention));
    cJSON_AddNumberToObject(m, "engines", f->engines);
    cJSON_AddNumberToObject(m, "in_flight", (double)f->in_flight);
    cJSON_AddNumberToObject(m, "batch_size", f->batch_size);
    cJSON_AddNumberToObject(m, "waiting", (double)f->waiting);
    cJSON_AddNumberToObject(m, "queue_limit", f->queue);
    cJSON_AddNumberToObject(m, "tokens_per_second", f->tokens_per_second);
    cJSON_AddNumberToObject(m, "weight_bytes", (double)f->weight_bytes);
    cJSON_AddNumberToObject(m, "state_bytes", (double)f->state_bytes);
    cJSON_AddItemToArray(list, m);
}

void cli_serve_health(struct cli_server *server, struct cli_exchange *x)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *models = cJSON_CreateArray();
    const bool lost = atomic_load(&server->lost), draining = cli_server_draining(server);
    for (size_t i = 0; i < server->models.n; i++) {
        struct cli_figures f;
        cli_served_figures(&server->models.items[i], &f);
        add_model(models, &server->models.items[i], &f);
    }
    cJSON_AddStringToObject(root, "status", lost ? "failed" : draining ? "draining" : "ok");
    cJSON_AddStringToObject(root, "version", elcl_version());
    cJSON_AddNumberToObject(root, "uptime_seconds", (double)time(NULL) - server->start_time);
    cJSON_AddItemToObject(root, "models", models);
    cli_serve_json(x, lost || draining ? 503 : 200, root);
}
