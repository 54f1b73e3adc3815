#include "serve/rate.h"

enum { RING = CLI_RATE_SECONDS + 1 };

void cli_rate_add(struct cli_rate *r, double now, uint64_t n)
{
    const int64_t second = (int64_t)now;
    if (second - r->second >= RING)
        *r = (struct cli_rate){.second = second};
    while (r->second < second)
        r->counts[++r->second % RING] = 0;
    r->counts[second % RING] += n;
}

double cli_rate_get(const struct cli_rate *r, double now)
{
    const int64_t end = (int64_t)now;
    uint64_t n = 0;
    for (int64_t second = end - CLI_RATE_SECONDS; second < end; second++)
        if (second >= 0 && second <= r->second && second > r->second - RING)
            n += r->counts[second % RING];
    return (double)n / CLI_RATE_SECONDS;
}
