#include "serve/translate.h"

#include <stdio.h>
#include <string.h>

#include "common/json_write.h"
#include "serve/translate_job.h"

/* ---- languages of the models ----------------------------------------------------------------- */

static int add_model(struct cli_server *server, int number, elcl_error *err)
{
    const struct cli_served *served = &server->models.items[number];
    struct cli_languages *l = &server->languages;
    const size_t before = l->n_directions;
    const struct cli_language_model model = {.number = number,
                                             .name = served->name,
                                             .path = served->directory,
                                             .family = served->info.family,
                                             .decoder_only = served->info.decoder_only,
                                             .codes = served->languages,
                                             .pairs = server->options->pairs};
    const int rc = cli_languages_add(l, &model, err);
    if (!rc && l->n_directions == before && !strcmp(model.family, "marian") &&
        !server->options->common.quiet)
        cli_warn("%.100s: neither its files nor its name tell which languages it translates, so "
                 "/translate does not offer it: name them, as in --pairs %.100s=en-de",
                 model.name, model.name);
    return rc;
}

int cli_translate_open(struct cli_server *server, elcl_error *err)
{
    const struct cli_models *models = &server->models;
    const char **names = elcl_calloc(models->n, sizeof(*names));
    if (!names)
        return elcl_fail_nomem(err);
    for (size_t i = 0; i < models->n; i++)
        names[i] = models->items[i].name;
    int rc = cli_languages_check_pairs(server->options->pairs, names, models->n, err);
    elcl_free(names);
    for (size_t i = 0; i < models->n && !rc; i++)
        if (!models->items[i].info.input_width)
            rc = add_model(server, (int)i, err);
    return rc ? rc : cli_languages_ready(&server->languages, err);
}

/* ---- access ---------------------------------------------------------------------------------- */

/* Parses a request and checks its key, which clients send as a field. Returns false after an
 * answer. */
static bool take(const struct cli_server *server, struct cli_exchange *x,
                 struct cli_translate_request *r)
{
    const struct cli_exchange_request *http = cli_exchange_request(x);
    elcl_error err = {0};
    const int rc = cli_translate_parse(http->type, http->query, http->body, http->n_body, r, &err);
    if (rc) {
        cli_serve_error(x,
                        rc == ELCL_E_UNSUPPORTED ? 415
                        : rc == ELCL_E_FORMAT    ? 400
                                                 : 500,
                        err.msg);
        return false;
    }
    if (cli_server_key_is(server, http->key) || cli_server_key_is(server, r->api_key))
        return true;
    cli_serve_error(x, 403,
                    r->api_key || http->key ? "Invalid API key"
                                            : "expected an API key in the field api_key");
    cli_translate_request_finish(r);
    return false;
}

/* ---- translations ---------------------------------------------------------------------------- */

static void refuse(struct cli_exchange *x, const char *form, const char *word)
{
    char message[256];
    (void)snprintf(message, sizeof(message), form, word);
    cli_serve_error(x, 400, message);
}

/* Returns the name of a field that has no value and needs one, or NULL. */
static const char *find_missing(const struct cli_translate_request *r)
{
    if (!r->n_texts || (!r->is_list && !*r->texts[0]))
        return "q";
    if (!r->source || !*r->source)
        return "source";
    return !r->target || !*r->target ? "target" : NULL;
}

/* Finds the language of the source. Returns -1 after an answer. */
static int find_source(const struct cli_languages *l, struct cli_exchange *x, const char *spelling)
{
    const bool automatic = !strcmp(spelling, "auto");
    const int found = automatic ? cli_languages_only_source(l) : cli_languages_find(l, spelling);
    if (found < 0 && automatic)
        cli_serve_error(x, 400,
                        "source auto: this server does not detect languages, and its models "
                        "translate from several: name one of GET /languages");
    else if (found < 0)
        refuse(x, "%.60s is not supported", spelling);
    return found;
}

/* Finds the models. Returns false after an answer. */
static bool find_way(const struct cli_languages *l, struct cli_exchange *x,
                     const struct cli_translate_request *r, struct cli_translate_way *way)
{
    const int source = find_source(l, x, r->source);
    const int target = source < 0 ? -1 : cli_languages_find(l, r->target);
    if (source >= 0 && target < 0)
        refuse(x, "%.60s is not supported", r->target);
    if (target < 0)
        return false;
    way->n_hops = cli_languages_route(l, source, target, way->hops);
    way->found = strcmp(r->source, "auto") ? NULL : l->languages[source].code;
    if (way->n_hops >= 0)
        return true;
    char message[256];
    (void)snprintf(message, sizeof(message),
                   "%s (%s) is not available as a target language from %s (%s)",
                   l->languages[target].name, l->languages[target].code, l->languages[source].name,
                   l->languages[source].code);
    cli_serve_error(x, 400, message);
    return false;
}

void cli_translate(struct cli_server *server, struct cli_exchange *x)
{
    struct cli_translate_request r = {0};
    struct cli_translate_way way;
    if (!take(server, x, &r))
        return;
    const char *missing = find_missing(&r);
    if (missing)
        refuse(x, "Invalid request: missing %s parameter", missing);
    else if (r.format && strcmp(r.format, "text") != 0)
        refuse(x, "%.60s format is not supported: expected text", r.format);
    else if (find_way(&server->languages, x, &r, &way))
        cli_translate_start(server, x, &r, &way);
    cli_translate_request_finish(&r);
}

/* ---- what there is --------------------------------------------------------------------------- */

void cli_translate_languages(struct cli_server *server, struct cli_exchange *x)
{
    struct cli_translate_request r = {0};
    struct elcl_str body = {0};
    if (!take(server, x, &r))
        return;
    elcl_str_text(&body, server->languages.list.data);
    cli_exchange_reply(x, 200, "application/json", &body);
    cli_translate_request_finish(&r);
}

static void add_language(struct elcl_str *out, const struct cli_language *language)
{
    elcl_str_text(out, "{\"code\": ");
    cli_json_text(out, language ? language->code : "");
    elcl_str_text(out, ", \"name\": ");
    cli_json_text(out, language ? language->name : "");
    elcl_str_text(out, "}");
}

/* Clients ask before they have a key. */
void cli_translate_settings(struct cli_server *server, struct cli_exchange *x)
{
    const struct cli_languages *l = &server->languages;
    const struct cli_direction *first = l->n_directions ? &l->directions[0] : NULL;
    const char *keys = server->options->api_key ? "true" : "false";
    struct elcl_str body = {0};
    elcl_str_printf(&body,
                    "{\"apiKeys\": %s, \"keyRequired\": %s, \"charLimit\": -1, "
                    "\"frontendTimeout\": 500, \"suggestions\": false, "
                    "\"filesTranslation\": false, \"supportedFilesFormat\": [], "
                    "\"language\": {\"source\": ",
                    keys, keys);
    add_language(&body, first ? &l->languages[first->source] : NULL);
    elcl_str_text(&body, ", \"target\": ");
    add_language(&body, first ? &l->languages[first->target] : NULL);
    elcl_str_text(&body, "}}\n");
    cli_exchange_reply(x, 200, "application/json", &body);
}

void cli_translate_missing(struct cli_server *server, struct cli_exchange *x)
{
    const char *path = cli_exchange_request(x)->path;
    (void)server;
    cli_serve_error(x, 501,
                    !strcmp(path, "/detect")
                        ? "this server does not detect languages: name the source"
                    : !strcmp(path, "/suggest")
                        ? "this server takes no suggestions"
                        : "this server does not translate files: send their text to /translate");
}
