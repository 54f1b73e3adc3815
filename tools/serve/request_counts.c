#include "serve/request_counts.h"

const int cli_counted_statuses[CLI_COUNTED_STATUSES] = {200, 204, 304, 400, 401, 404, 405, 408,
                                                        411, 413, 429, 431, 499, 500, 503, 0};

void cli_request_count(struct cli_request_counts *counts, size_t route, int status)
{
    int i = 0;
    while (i < CLI_COUNTED_STATUSES - 1 && cli_counted_statuses[i] != status)
        i++;
    counts->n[route < CLI_MAX_ROUTES ? route : CLI_NO_ROUTE][i]++;
}
