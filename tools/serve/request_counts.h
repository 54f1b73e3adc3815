/* Requests over HTTP, counted by route and status. */
#ifndef CLI_SERVE_REQUEST_COUNTS_H
#define CLI_SERVE_REQUEST_COUNTS_H

#include <stddef.h>
#include <stdint.h>

#define CLI_MAX_ROUTES 32
#define CLI_NO_ROUTE CLI_MAX_ROUTES /* a request for something that is not there */

#define CLI_COUNTED_STATUSES 16

/* The statuses that are counted, ascending; the last one, 0, stands for all others. 499: the client
 * left before its answer was complete. */
extern const int cli_counted_statuses[CLI_COUNTED_STATUSES];

/* Starts with {0}. Thread-safety: Safe, after all routes are named. */
struct cli_request_counts {
    _Atomic uint64_t n[CLI_MAX_ROUTES + 1][CLI_COUNTED_STATUSES];
    const char *methods[CLI_MAX_ROUTES + 1], *paths[CLI_MAX_ROUTES + 1]; /* of the routes */
};

/* Names the route at a place in the table of routes. */
void cli_request_name(struct cli_request_counts *counts, size_t route, const char *method,
                      const char *path);
/* Counts an answer that is complete. route: its place in the table, or CLI_NO_ROUTE. */
void cli_request_count(struct cli_request_counts *counts, size_t route, int status);

#endif
