#include "serve/openai.h"

#include <string.h>

#include "common/gen_json.h"
#include "common/json_write.h"
#include "serve/percent.h"
#include "common/words.h"
#include "serve/openai_job.h"

/* ---- models -------------------------------------------------------------------------------- */

/* Appends the model's own options. */
static void add_defaults(struct elcl_str *out, const elcl_gen_options *gen)
{
    const elcl_gen_option *option;
    elcl_str_text(out, "{");
    for (int i = 0; (option = elcl_gen_option_get(i)); i++) {
        char *value = NULL;
        if (elcl_gen_options_get(gen, option->name, &value, NULL)) {
            out->failed = true;
            return;
        }
        elcl_str_printf(out, "%s\"%s\": ", i ? ", " : "", option->name);
        cli_gen_json_write(option, value, out);
        elcl_free(value);
    }
    elcl_str_text(out, "}");
}

/* Appends what models of text have. */
static void add_sizes(struct elcl_str *out, const struct cli_served *served)
{
    const elcl_engine_params *sizes = cli_worker_sizes(served->worker);
    elcl_str_printf(out, "\"decoder_only\": %s, \"languages\": [",
                    served->info.decoder_only ? "true" : "false");
    cli_json_lines(out, served->languages);
    elcl_str_printf(out,
                    "], \"needs_languages\": %s, \"max_source\": %d, \"max_target\": %d, "
                    "\"max_beams\": %d, \"batch_size\": %d, \"defaults\": ",
                    *served->languages ? "true" : "false", sizes->max_source, sizes->max_target,
                    sizes->max_beams, sizes->batch_size * served->engines.n);
    add_defaults(out, &served->defaults);
    elcl_str_text(out, "}}");
}

static void add_model(struct elcl_str *out, const struct cli_server *server,
                      const struct cli_served *served)
{
    const elcl_model_info *info = &served->info;
    elcl_str_text(out, "{\"id\": ");
    cli_json_text(out, served->name);
    elcl_str_printf(out, ", \"object\": \"model\", \"created\": %.0f, \"owned_by\": \"elcl\", ",
                    server->start_time);
    elcl_str_text(out, "\"elcl\": {\"family\": ");
    cli_json_text(out, info->family);
    elcl_str_text(out, ", \"device\": ");
    cli_json_text(out, info->device);
    elcl_str_printf(out, ", \"attention\": \"%s\", ", cli_attention_word(info->attention));
    if (served->scribe)
        elcl_str_text(out, "\"speech\": true}}");
    else
        add_sizes(out, served);
}

void cli_openai_models(struct cli_server *server, struct cli_exchange *x)
{
    struct elcl_str body = {0};
    elcl_str_text(&body, "{\"object\": \"list\", \"data\": [");
    for (size_t i = 0; i < server->models.n; i++) {
        elcl_str_text(&body, i ? ", " : "");
        add_model(&body, server, &server->models.items[i]);
    }
    elcl_str_text(&body, "]}\n");
    cli_exchange_reply(x, 200, "application/json", &body);
}

/* Appends the names of all models. */
static void add_names(struct elcl_str *out, const struct cli_models *models)
{
    for (size_t i = 0; i < models->n; i++)
        elcl_str_printf(out, "%s%s", i ? ", " : "", models->items[i].name);
}

void cli_openai_refuse_model(const struct cli_server *server, struct cli_exchange *x,
                             const char *name)
{
    struct elcl_str message = {0};
    if (name)
        elcl_str_printf(&message, "there is no model \"%s\": expected one of ", name);
    else
        elcl_str_text(&message, "model: expected one of ");
    add_names(&message, &server->models);
    elcl_str_text(&message, name ? "" : ", found none");
    cli_openai_refuse(x, name ? 404 : 400, "model", name ? "model_not_found" : NULL,
                      message.failed ? "out of memory" : message.data);
    elcl_str_finish(&message);
}

void cli_openai_model(struct cli_server *server, struct cli_exchange *x)
{
    struct elcl_str body = {0};
    const char *escaped = cli_exchange_request(x)->path + strlen("/v1/models/");
    size_t n;
    char *name = cli_percent_decode(escaped, strlen(escaped), false, &n);
    if (!name) {
        cli_openai_refuse(x, 500, NULL, NULL, "out of memory");
        return;
    }
    const bool whole = strlen(name) == n; /* %00 ends no name */
    const struct cli_served *served = whole ? cli_models_find(&server->models, name) : NULL;
    if (served) {
        add_model(&body, server, served);
        elcl_str_text(&body, "\n");
        cli_exchange_reply(x, 200, "application/json", &body);
    } else {
        cli_openai_refuse_model(server, x, name);
    }
    elcl_free(name);
}

/* ---- completions --------------------------------------------------------------------------- */

void cli_openai_completions(struct cli_server *server, struct cli_exchange *x)
{
    const struct cli_exchange_request *http = cli_exchange_request(x);
    struct cli_openai_request request;
    elcl_error err = {0};
    char param[64];
    const int rc = cli_openai_parse(http->body, http->n_body, &request, param, &err);
    if (rc) {
        cli_openai_refuse(x, cli_openai_status(rc), param, NULL, err.msg);
        return;
    }
    const struct cli_served *served = cli_models_find(&server->models, request.model);
    if (served && served->scribe)
        cli_openai_refuse(x, 400, "model", NULL,
                          "the model reads sound, not text: expected /v1/audio/transcriptions");
    else if (served)
        cli_openai_start(x, served, &request, cli_server_deadline(server));
    else
        cli_openai_refuse_model(server, x, request.model);
    cli_openai_request_finish(&request);
}
