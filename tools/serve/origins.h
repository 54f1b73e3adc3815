/* Web pages of other sites: a browser sends their requests too, even to a server that only this
 * machine reaches. */
#ifndef CLI_SERVE_ORIGINS_H
#define CLI_SERVE_ORIGINS_H

#include "serve/server.h"

/* Whether the request is that of a page that may not send it: one from another place than this
 * server, which --allow-origin does not name. Programs that are no browsers send no origin. */
bool cli_origin_is_foreign(const struct cli_serve_options *options,
                           const struct cli_exchange_request *request);

/* Adds the headers with which a browser lets a page of --allow-origin read the answer. */
void cli_origin_allow(const struct cli_serve_options *options, struct cli_exchange *x);

#endif
