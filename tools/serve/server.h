/* What all handlers of the server share. */
#ifndef CLI_SERVE_SERVER_H
#define CLI_SERVE_SERVER_H

#include <stdatomic.h>

#include "serve/exchange.h"
#include "serve/languages.h"
#include "serve/models.h"
#include "serve/request_counts.h"
#include "serve/serve_options.h"

struct cJSON;
struct cli_http;

/* Thread-safety: constant once the server listens, but for the counts and the flag. */
struct cli_server {
    const struct cli_serve_options *options;
    struct cli_http *http;
    struct cli_models models;
    struct cli_languages languages; /* of the models */
    double start_time;              /* Unix seconds */
    struct cli_request_counts requests;
    atomic_bool draining; /* takes no more requests, and ends when all are answered */
    atomic_bool lost;     /* likewise, since the engines of a model have failed for good */
};

bool cli_server_draining(const struct cli_server *server);
/* Returns the deadline of a job that begins now. */
double cli_server_deadline(const struct cli_server *server);

/* Whether `key`, or NULL, opens the server. The time it takes says nothing about the right key. */
bool cli_server_key_is(const struct cli_server *server, const char *key);

/* Answers with an error in the form of the path's API: OpenAI's under /v1/, LibreTranslate's
 * elsewhere. */
void cli_serve_error(struct cli_exchange *x, int status, const char *message);

/* Answers with JSON, and frees it. NULL: memory was short. */
void cli_serve_json(struct cli_exchange *x, int status, struct cJSON *json);

#endif
