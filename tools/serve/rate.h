/* How many of something came per second in the last ten seconds. */
#ifndef CLI_SERVE_RATE_H
#define CLI_SERVE_RATE_H

#include <stdint.h>

#define CLI_RATE_SECONDS 10

/* Starts with {0}. Thread-safety: Unsafe. */
struct cli_rate {
    uint64_t counts[CLI_RATE_SECONDS + 1]; /* a ring by second, with the one that is not over */
    int64_t second;                        /* of the newest count */
};

/* Adds n at the time `now`, in seconds of a clock that never goes back. */
void cli_rate_add(struct cli_rate *r, double now, uint64_t n);
/* Returns the mean of the last ten whole seconds before `now`. */
double cli_rate_get(const struct cli_rate *r, double now);

#endif
