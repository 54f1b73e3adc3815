#include "serve/request_counts.h"

const int cli_counted_statuses[CLI_COUNTED_STATUSES] = {200, 204, 400, 401, 403, 404, 405, 408,
                                                        413, 429, 431, 499, 500, 501, 503, 0};

static size_t place_of(size_t route)
{
    return route < CLI_MAX_ROUTES ? route : CLI_NO_ROUTE;
}

void cli_request_name(struct cli_request_counts *counts, size_t route, const char *method,
                      const char *path)
{
    counts->methods[place_of(route)] = method;
    counts->paths[place_of(route)] = path;
}

void cli_request_count(struct cli_request_counts *counts, size_t route, int status)
{
    int i = 0;
    while (i < CLI_COUNTED_STATUSES - 1 && cli_counted_statuses[i] != status)
        i++;
    counts->n[place_of(route)][i]++;
}
