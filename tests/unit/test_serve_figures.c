/* What the server counts, and how /metrics prints it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "serve/metrics.h"
#include "serve/rate.h"
#include "serve/request_counts.h"

static void test_rate(void)
{
    struct cli_rate r = {0};
    if (!check_case("rate: ten whole seconds count, neither the present one nor older ones"))
        return;
    CHECK(cli_rate_get(&r, 0) == 0 && cli_rate_get(&r, 5000) == 0, "nothing came");
    cli_rate_add(&r, 100.5, 40);
    cli_rate_add(&r, 100.9, 10);
    CHECK(cli_rate_get(&r, 100.95) == 0, "%g", cli_rate_get(&r, 100.95));
    CHECK(cli_rate_get(&r, 101) == 5, "%g", cli_rate_get(&r, 101));
    CHECK(cli_rate_get(&r, 110.9) == 5, "%g", cli_rate_get(&r, 110.9));
    CHECK(cli_rate_get(&r, 111) == 0, "%g", cli_rate_get(&r, 111));
    cli_rate_add(&r, 108.1, 20);
    CHECK(cli_rate_get(&r, 109) == 7, "%g", cli_rate_get(&r, 109));
    CHECK(cli_rate_get(&r, 112) == 2, "%g", cli_rate_get(&r, 112));
    cli_rate_add(&r, 111.0, 30);
    CHECK(cli_rate_get(&r, 112) == 5, "the ring's old second is gone: %g", cli_rate_get(&r, 112));
    cli_rate_add(&r, 1e9, 1);
    CHECK(cli_rate_get(&r, 1e9) == 0, "a pause of years: %g", cli_rate_get(&r, 1e9));
    CHECK(cli_rate_get(&r, 1e9 + 1) == 0.1, "%g", cli_rate_get(&r, 1e9 + 1));
}

static void test_requests(void)
{
    static struct cli_request_counts c;
    if (!check_case("requests: what has no route or no status of its own is counted as well"))
        return;
    cli_request_count(&c, 3, 200);
    cli_request_count(&c, 3, 200);
    cli_request_count(&c, CLI_NO_ROUTE, 404);
    cli_request_count(&c, 1000, 418);
    CHECK(c.n[3][0] == 2, "%d", (int)c.n[3][0]);
    CHECK(c.n[CLI_NO_ROUTE][5] == 1 && cli_counted_statuses[5] == 404, "404 without a route");
    CHECK(c.n[CLI_NO_ROUTE][CLI_COUNTED_STATUSES - 1] == 1, "another status");
}

/* The value of a sample, or -1 unless it stands there once. */
static double sample(const struct elcl_str *text, const char *name)
{
    char line[128];
    const int n = snprintf(line, sizeof(line), "\n%s ", name);
    const char *at = strstr(text->data, line);
    return at && !strstr(at + n, line) ? strtod(at + n, NULL) : -1;
}

static void test_metrics(void)
{
    static struct cli_request_counts requests;
    struct cli_model_figures models[2] = {
        {.name = "a\"b\\c\nd", .figures = {.results = 3, .cancelled = 1, .batch_size = 32}},
        {.name = "e", .figures = {.step_seconds = 0.25, .waiting = UINT64_C(1) << 40}}};
    struct elcl_str text = {0};
    if (!check_case("metrics: labels are escaped, and buckets add up"))
        return;
    cli_histogram_add(&models[1].figures.total, 0.2);
    cli_histogram_add(&models[1].figures.total, 1e9);
    cli_request_name(&requests, 2, "GET", "/health");
    cli_request_count(&requests, 2, 200);
    cli_request_count(&requests, CLI_NO_ROUTE, 404);
    cli_metrics_print(&text, models, 2, &requests, 1234.5);
    elcl_str_append(&text, "", 1);
    if (CHECK(!text.failed, "memory")) {
        static const struct {
            const char *name;
            double value;
        } want[] = {
            {"process_start_time_seconds", 1234.5},
            {"elcl_requests_total{model=\"a\\\"b\\\\c\\nd\",outcome=\"finished\"}", 3},
            {"elcl_requests_total{model=\"a\\\"b\\\\c\\nd\",outcome=\"cancelled\"}", 1},
            {"elcl_requests_total{model=\"e\",outcome=\"finished\"}", 0},
            {"elcl_batch_size{model=\"a\\\"b\\\\c\\nd\"}", 32},
            {"elcl_step_seconds_total{model=\"e\"}", 0.25},
            {"elcl_requests_waiting{model=\"e\"}", 1099511627776.0},
            {"elcl_total_seconds_bucket{model=\"e\",le=\"0.1\"}", 0},
            {"elcl_total_seconds_bucket{model=\"e\",le=\"1\"}", 1},
            {"elcl_total_seconds_bucket{model=\"e\",le=\"+Inf\"}", 2},
            {"elcl_total_seconds_count{model=\"e\"}", 2},
            {"elcl_http_requests_total{method=\"GET\",path=\"/health\",status=\"200\"}", 1},
            {"elcl_http_requests_total{method=\"\",path=\"\",status=\"404\"}", 1},
        };
        for (size_t i = 0; i < ELCL_COUNT(want); i++)
            CHECK(sample(&text, want[i].name) == want[i].value, "%s: %g", want[i].name,
                  sample(&text, want[i].name));
    }
    elcl_str_finish(&text);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_rate();
    test_requests();
    test_metrics();
    return check_end();
}
