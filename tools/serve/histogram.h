/* Latencies counted in buckets, as Prometheus takes them. */
#ifndef CLI_SERVE_HISTOGRAM_H
#define CLI_SERVE_HISTOGRAM_H

#include <stdint.h>

#define CLI_HISTOGRAM_LIMITS 14

/* The upper limits of the buckets in seconds, ascending; a limit belongs to its bucket. */
extern const double cli_histogram_limits[CLI_HISTOGRAM_LIMITS];

/* Starts with {0}. Thread-safety: Unsafe. */
struct cli_histogram {
    uint64_t counts[CLI_HISTOGRAM_LIMITS + 1]; /* the last one: above all limits */
    double sum;                                /* seconds */
};

void cli_histogram_add(struct cli_histogram *h, double seconds);

#endif
