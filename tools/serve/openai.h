/* The API of OpenAI: /v1/models and /v1/completions. */
#ifndef CLI_SERVE_OPENAI_H
#define CLI_SERVE_OPENAI_H

#include "serve/server.h"

void cli_openai_models(struct cli_server *server, struct cli_exchange *x);
/* One model; its name is the end of the path. */
void cli_openai_model(struct cli_server *server, struct cli_exchange *x);
void cli_openai_completions(struct cli_server *server, struct cli_exchange *x);

/* Answers that there is no model of this name, or for NULL that the request names none of several.
 */
void cli_openai_refuse_model(const struct cli_server *server, struct cli_exchange *x,
                             const char *name);

#endif
