/* What the server counts: rates, and requests by route and status. */
#include "check.h"
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

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_rate();
    test_requests();
    return check_end();
}
