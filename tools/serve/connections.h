/* The open connections: a thread watches which clients have left, and which are late with their
 * request. The HTTP library does not look at a connection that waits for its answer, and its time
 * limit counts from the last byte, so one byte now and then would hold a connection forever.
 * Thread-safe. */
#ifndef CLI_SERVE_CONNECTIONS_H
#define CLI_SERVE_CONNECTIONS_H

#include "serve/exchange.h"

struct cli_connections;
struct cli_connection;

/* At most `max` at a time. A request must arrive whole within `request_seconds` after the client
 * connected or, on a connection that is used again, after its headers; these must arrive within
 * idle_seconds + request_seconds after the last answer. After the client has closed its side of the
 * connection, all of these are short. */
int cli_connections_create(int max, double request_seconds, double idle_seconds,
                           struct cli_connections **connections, elcl_error *err);
/* Takes NULL. No connection may be left. */
void cli_connections_destroy(struct cli_connections **connections);

/* Returns NULL if there are too many. */
struct cli_connection *cli_connections_add(struct cli_connections *all, int fd);
/* Call before the socket is closed: its number may come again at once. */
void cli_connections_remove(struct cli_connections *all, struct cli_connection *c);

/* The headers of a request have arrived. */
void cli_connection_begins(struct cli_connections *all, struct cli_connection *c,
                           struct cli_exchange *x);
/* The request has arrived whole. */
void cli_connection_waits(struct cli_connections *all, struct cli_connection *c);
/* The answer is sent, or cannot be. */
void cli_connection_ends(struct cli_connections *all, struct cli_connection *c);

/* Waits until no request is on its way or waits for its answer. Returns false after `seconds`. */
bool cli_connections_wait_idle(struct cli_connections *all, double seconds);
/* Takes every client as one that has left, also those that come later. */
void cli_connections_leave(struct cli_connections *all);

#endif
