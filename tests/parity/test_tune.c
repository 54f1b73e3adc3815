/* elcl_tune() on a device: what it keeps, replaces and goes on with. Times are not looked at. */
#define _POSIX_C_SOURCE 200809L

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "engine/tune_file.h"
#include "parity/common.h"

static struct elcl_tune_file stored(const elcl_device_desc *d)
{
    struct elcl_tune_file file = {0};
    elcl_error err = {0};
    char *directory = elcl_cache_directory();
    CHECK(!elcl_tune_file_read(directory, d, &file, &err), "%s", err.msg);
    elcl_free(directory);
    return file;
}

static void store(const elcl_device_desc *d, const struct elcl_tune_file *file)
{
    elcl_error err = {0};
    char *directory = elcl_cache_directory();
    CHECK(!elcl_tune_file_write(directory, d, file, &err), "%s", err.msg);
    elcl_free(directory);
}

/* Numbers in files have 15 digits at times. */
static bool same(double a, double b)
{
    return fabs(a - b) <= 1e-12 * fabs(b);
}

/* ---- tuning that ends after some parts ----------------------------------------------------- */

struct parts {
    int most, n;
    char last[256];
};

static int count_part(void *user, const char *line)
{
    struct parts *p = user;
    (void)snprintf(p->last, sizeof(p->last), "%s", line);
    return ++p->n >= p->most;
}

static elcl_tuned tune(elcl_tune_params params, struct parts *parts)
{
    elcl_tuned tuned = {.spread = -1};
    elcl_error err = {0};
    params.report = count_part;
    params.user = parts;
    CHECK(!elcl_tune(&params, &tuned, &err), "%s", err.msg);
    CHECK(parts->n <= parts->most, "%d parts after a stop at %d", parts->n, parts->most);
    return tuned;
}

static void test_rates(elcl_tune_params params, const elcl_device_desc *d)
{
    if (!check_case("tune, the better of old and new rates"))
        return;
    elcl_tuned t = tune(params, &(struct parts){.most = 1});
    CHECK(t.rates.memory_gbs > 0 && t.rates.f32_gflops > 0 && t.spread == 0, "nothing measured");
    CHECK(t.rates.half_gflops >= t.rates.f32_gflops, "16-bit inputs are slower");
    struct elcl_tune_file file = stored(d);
    CHECK(file.has_rates && same(file.rates.f32_gflops, t.rates.f32_gflops), "not stored");
    file.rates.memory_gbs = 1e8; /* better than what comes */
    file.rates.f32_gflops = 1e-3;
    file.rates.launch_us = 1e8;
    file.rates.wait_us = 1e-6;
    store(d, &file);
    t = tune(params, &(struct parts){.most = 1});
    CHECK(same(t.rates.memory_gbs, 1e8) && same(t.rates.wait_us, 1e-6),
          "worse rates replaced better ones");
    CHECK(t.rates.f32_gflops > 1e-3 && t.rates.launch_us < 1e8, "worse rates were kept");
    CHECK(t.spread > 0.9 && t.spread <= 1, "spread %g", t.spread);
    params.again = 1;
    t = tune(params, &(struct parts){.most = 1});
    CHECK(t.rates.memory_gbs < 1e8 && t.rates.wait_us > 1e-6, "again kept old rates");
    CHECK(same(stored(d).rates.memory_gbs, t.rates.memory_gbs), "again did not store");
}

int main(int argc, char **argv)
{
    const struct check_options *options = check_begin(argc, argv);
    setenv("ELCL_CACHE_DIR", check_temporary_directory(), 1);
    elcl_device_list *list = NULL;
    elcl_error err = {0};
    int i = 0;
    check_case("tune, the device");
    if (CHECK(!elcl_device_list_create(&list, &err) &&
                  !elcl_device_list_find(list, options->device, &i, &err),
              "%s", err.msg)) {
        elcl_tune_params params = elcl_tune_params_default();
        params.device = options->device;
        test_rates(params, elcl_device_list_get(list, i));
    }
    elcl_device_list_destroy(&list);
    return check_end();
}
