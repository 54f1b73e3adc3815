/* Threads of their own for requests with large bodies: to parse and to encode megabytes takes
 * seconds, in which the threads of the HTTP library have other clients to serve. */
#ifndef CLI_SERVE_LARGE_H
#define CLI_SERVE_LARGE_H

#include "serve/exchange.h"

struct cli_large;

/* handle() runs on these threads. */
int cli_large_create(void (*handle)(void *user, struct cli_exchange *x), void *user,
                     struct cli_large **large, elcl_error *err);
/* Handles all that was given, then frees. Takes NULL. */
void cli_large_destroy(struct cli_large **large);

/* Has the exchange handled soon; if memory is short, before this returns. Keeps it until then. */
void cli_large_give(struct cli_large *large, struct cli_exchange *x);
/* Drops the exchange if no thread has begun with it: nobody waits for its answer. */
void cli_large_forget(struct cli_large *large, const struct cli_exchange *x);

#endif
