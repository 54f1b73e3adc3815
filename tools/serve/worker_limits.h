/* What a request may ask of engines of given sizes. */
#ifndef CLI_WORKER_LIMITS_H
#define CLI_WORKER_LIMITS_H

#include "common/tool.h"

/* Fails with ELCL_E_ARG if the request needs larger engines; the message names the option of the
 * server that makes them larger. */
int cli_worker_check(const elcl_engine_params *sizes, const elcl_model_info *info,
                     const elcl_request *request, elcl_error *err);

/* Lowers the length of an output, which nobody gave, to what the engines have room for. */
void cli_worker_fit(const elcl_engine_params *sizes, const elcl_model_info *info,
                    elcl_request *request);

#endif
