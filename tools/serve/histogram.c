#include "serve/histogram.h"

const double cli_histogram_limits[CLI_HISTOGRAM_LIMITS] = {
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120};

void cli_histogram_add(struct cli_histogram *h, double seconds)
{
    int i = 0;
    while (i < CLI_HISTOGRAM_LIMITS && seconds > cli_histogram_limits[i])
        i++;
    h->counts[i]++;
    h->sum += seconds;
}
