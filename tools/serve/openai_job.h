/* A request for completions on its way through a model's engines to its answer. */
#ifndef CLI_SERVE_OPENAI_JOB_H
#define CLI_SERVE_OPENAI_JOB_H

#include "serve/exchange.h"
#include "serve/models.h"
#include "serve/openai_request.h"

/* Plans and submits the request, which it takes: *request is empty afterwards. Answers at once if
 * the model or the worker refuses it; otherwise the worker's thread answers.
 *
 * deadline: by cli_sys_seconds(); 0: none */
void cli_openai_start(struct cli_exchange *x, const struct cli_served *served,
                      struct cli_openai_request *request, double deadline);

/* Answers with the error. param: "" : not known */
void cli_openai_refuse(struct cli_exchange *x, int status, const char *param, const char *code,
                       const char *message);
/* Returns the status for a code of the library or of the worker. */
int cli_openai_status(int code);
/* Says when to come again if the code is that of a worker with a full queue. Before the answer. */
void cli_openai_add_retry(struct cli_exchange *x, struct cli_worker *worker, int code);

#endif
