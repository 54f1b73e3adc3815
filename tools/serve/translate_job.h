/* A translation on its way through one model, or two in a row, to its answer. */
#ifndef CLI_SERVE_TRANSLATE_JOB_H
#define CLI_SERVE_TRANSLATE_JOB_H

#include "serve/server.h"
#include "serve/translate_request.h"

/* How a request is translated. */
struct cli_translate_way {
    const struct cli_direction *hops[CLI_MAX_HOPS]; /* [n_hops] */
    int n_hops;
    const char *found; /* code of the source's language if the request left that open, or NULL */
};

/* Answers, now or later, and takes the request: *request is empty afterwards. */
void cli_translate_start(const struct cli_server *server, struct cli_exchange *x,
                         struct cli_translate_request *request,
                         const struct cli_translate_way *way);

#endif
