#include "serve/figures.h"

const double cli_bucket_seconds[CLI_N_BUCKETS] = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120};

void cli_histogram_add(struct cli_histogram *histogram, double seconds)
{
    size_t i = 0;
    while (i < CLI_N_BUCKETS && seconds > cli_bucket_seconds[i])
        i++;
    histogram->buckets[i]++;
    histogram->n++;
    histogram->sum += seconds;
}
