/* elcl_tune() on a device: what it keeps, replaces and continues. Times are not checked. */
#define _POSIX_C_SOURCE 200809L

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/os.h"
#include "base/util.h"
#include "engine/tune_gemm.h"
#include "model/model.h"
#include "ops/gemm_clblast.h"
#include "ops/gemm_native.h"
#include "parity/common.h"
#include "wrap.h"

/* ---- back ends that are slow or wrong: the linker puts these in front of both (meson.build) ----
 */

static struct {
    const char *wrong, *slow; /* "native", "clblast" */
    bool no_clblast;          /* it fails */
    unsigned right_ways;      /* not 0: bits of the only right ways; AUTO is slow */
} act;

WRAPPED(elcl_gemm_native);
WRAPPED(elcl_gemm_clblast);

static bool is(const char *a, const char *b)
{
    return a && !strcmp(a, b);
}

/* Slow: a second longer than needed. Wrong: the last element of Y differs. */
static int play(const char *name, struct elcl_ops *ops, const struct elcl_gemm_args *args,
                elcl_error *err)
{
    const struct timespec second = {.tv_sec = 1}, moment = {.tv_nsec = 50000000};
    const size_t last = (size_t)args->m * (size_t)args->y_ld * sizeof(float) - sizeof(float);
    struct elcl_buffer y = *args->y;
    const float zero = 0;
    if (is(act.slow, name))
        (void)nanosleep(&second, NULL);
    if (act.right_ways && !ops->way)
        (void)nanosleep(&moment, NULL);
    if (act.right_ways ? act.right_ways >> ops->way & 1 : !is(act.wrong, name))
        return ELCL_OK;
    const int rc = elcl_ops_finish(ops, err);
    return rc ? rc : elcl_buffer_write(&y, last, &zero, sizeof(zero), err);
}

int __wrap_elcl_gemm_native(struct elcl_ops *ops, const struct elcl_gemm_args *args,
                            elcl_error *err)
{
    const int rc = __real_elcl_gemm_native(ops, args, err);
    return rc ? rc : play("native", ops, args, err);
}

int __wrap_elcl_gemm_clblast(struct elcl_ops *ops, const struct elcl_gemm_args *args,
                             elcl_error *err)
{
    if (act.no_clblast)
        return elcl_fail(err, ELCL_E_DEVICE_NOMEM, "no memory");
    const int rc = __real_elcl_gemm_clblast(ops, args, err);
    return rc ? rc : play("clblast", ops, args, err);
}

/* ---- the file -------------------------------------------------------------------------------- */

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

/* Numbers in files sometimes have 15 digits. */
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
    const int rc = elcl_tune(&params, &tuned, &err);
    CHECK(rc == (parts->n < parts->most ? ELCL_OK : ELCL_E_INTERRUPTED), "%d: %s", rc, err.msg);
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
    file.rates.memory_gbs = 1e8; /* better than any measurement */
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

/* Runs parts of tuning for GPU kernels without a budget; rates are three of them. */
static elcl_tuned tune_clblast(elcl_tune_params params, const char *wrong, const char *slow,
                               struct parts *parts)
{
    params.kernels = ELCL_KERNELS_GPU;
    params.budget_seconds = 0;
    act.wrong = wrong;
    act.slow = slow;
    const elcl_tuned t = tune(params, parts);
    act.wrong = act.slow = NULL;
    return t;
}

static void forget(const elcl_device_desc *d)
{
    store(d, &(struct elcl_tune_file){.has_rates = false});
}

static void test_clblast(elcl_tune_params params, const elcl_device_desc *d)
{
    if (!check_case("tune, CLBlast faster, and a second run"))
        return;
    forget(d);
    struct parts parts = {.most = 4};
    elcl_tuned t = tune_clblast(params, NULL, "native", &parts);
    CHECK(strstr(parts.last, "f32 weights, 512 rows: native "), "%s", parts.last);
    CHECK(t.clblast_rows_f32 == 512 && !t.complete, "from %d rows", t.clblast_rows_f32);
    CHECK(stored(d).n_trials == 1 && stored(d).has_rates, "the finished part is not stored");
    parts = (struct parts){.most = 4};
    t = tune_clblast(params, NULL, "clblast", &parts);
    CHECK(strstr(parts.last, "f32 weights, 256 rows: native "), "%s", parts.last);
    CHECK(t.clblast_rows_f32 == 512 && t.clblast_rows_half == 0, "from %d rows, %d",
          t.clblast_rows_f32, t.clblast_rows_half);
    int next;
    const struct elcl_tune_file file = stored(d);
    (void)elcl_tune_clblast_rows(&file, ELCL_F32, &next);
    CHECK(!next, "goes on at %d rows below where CLBlast is slower", next);
}

static void test_wrong(elcl_tune_params params, const elcl_device_desc *d)
{
    struct parts parts = {.most = 4};
    if (!check_case("tune, a wrong back end"))
        return;
    forget(d);
    elcl_tuned t = tune_clblast(params, "clblast", NULL, &parts);
    CHECK(strstr(parts.last, "CLBlast is wrong and not used: the product 512x1024x1024"), "%s",
          parts.last);
    CHECK(t.clblast_rows_f32 == -1, "from %d rows", t.clblast_rows_f32);
    CHECK(stored(d).n_trials == 1 && stored(d).trials[0].clblast_wrong, "not stored");
    forget(d);
    parts = (struct parts){.most = 4};
    t = tune_clblast(params, "native", NULL, &parts);
    CHECK(strstr(parts.last, "native is wrong and not used"), "%s", parts.last);
    CHECK(t.clblast_rows_f32 == 512, "from %d rows", t.clblast_rows_f32);
}

/* Without wide tiles all ways are the same product, but for what this test makes of them. */
static void expect_way(struct elcl_ops *ops, unsigned right, enum elcl_gemm_way want)
{
    struct elcl_tuned_way way = {.n = 40, .k = 2048, .rows = 18};
    elcl_error err = {0};
    double ns[2];
    act.right_ways = right;
    CHECK(!elcl_tune_way(ops, &way, ns, &err), "%s", err.msg);
    act.right_ways = 0;
    CHECK(way.way == want, "way %d, expected %d", (int)way.way, (int)want);
    CHECK(!ops->way, "the ops keep way %d", (int)ops->way);
}

/* What cannot run now may run another time. */
static void expect_unsure(struct elcl_ops *ops, const elcl_device_desc *d)
{
    struct elcl_tune_file file = {.n_trials = 1, .ways = {.n = 1, .way = {{.unsure = true}}}};
    elcl_error wrong = {0}, err = {0};
    act.no_clblast = true;
    CHECK(!elcl_tune_try(ops, 16, &file.trials[0], &wrong, &err), "%s", err.msg);
    act.no_clblast = false;
    CHECK(file.trials[0].clblast_wrong && file.trials[0].unsure && strstr(wrong.msg, "no memory"),
          "\"%s\"", wrong.msg);
    store(d, &file);
    CHECK(stored(d).n_trials == 0 && stored(d).ways.n == 0, "it is stored");
}

static void test_ways(const struct check_options *options)
{
    const struct elcl_device_params device_params = {.device = options->device,
                                                     .kernels = ELCL_KERNELS_GPU};
    const struct elcl_ops_params params = {
        .gemm = ELCL_GEMM_NATIVE, .weights = ELCL_F32, .state = ELCL_F32};
    struct elcl_device *device = NULL;
    struct elcl_ops *ops = NULL;
    struct elcl_features features;
    elcl_error err = {0};
    if (!check_case("tune, ways of wide tiles"))
        return;
    if (CHECK(!elcl_device_open(&device_params, &device, &err), "%s", err.msg)) {
        elcl_probe_features(device, &features);
        if (CHECK(!elcl_ops_create(device, &features, &params, &ops, &err), "%s", err.msg)) {
            expect_way(ops, 1 << ELCL_WAY_AUTO | 1 << ELCL_WAY_SPLIT_32, ELCL_WAY_SPLIT_32);
            expect_way(ops, 1 << ELCL_WAY_AUTO, ELCL_WAY_AUTO);
            expect_way(ops, 1 << ELCL_WAY_SPLIT_32, ELCL_WAY_AUTO);
            expect_unsure(ops, &device->desc);
        }
    }
    elcl_ops_destroy(&ops);
    elcl_device_close(&device);
}

static void test_budget(elcl_tune_params params, const elcl_device_desc *d)
{
    struct parts parts = {.most = 100};
    if (!check_case("tune, a budget that is spent"))
        return;
    forget(d);
    params.kernels = ELCL_KERNELS_GPU;
    params.budget_seconds = 1e-3;
    const elcl_tuned t = tune(params, &parts);
    CHECK(parts.n == 1 && !t.complete && t.clblast_rows_f32 == 0, "%d parts", parts.n);
    CHECK(stored(d).has_rates, "no rates");
}

/* ---- what generation makes of it ------------------------------------------------------------- */

static void expect_gemm(elcl_model_params params, enum elcl_gemm gemm, int rows)
{
    char directory[512];
    elcl_model *model = NULL;
    elcl_error err = {0};
    snprintf(directory, sizeof(directory), "%s/tests/golden/tiny-bart", check_root());
    if (CHECK(!elcl_model_open(directory, &params, &model, &err), "%s", err.msg))
        CHECK(model->ops->gemm == gemm && (!rows || model->ops->clblast_rows == rows),
              "gemm %d from %d rows", (int)model->ops->gemm, model->ops->clblast_rows);
    const struct elcl_tuned_ways *ways = model ? &model->ops->ways : NULL;
    CHECK(ways && ways->n == 1 && ways->way[0].n == 1024 && ways->way[0].k == 4096 &&
              ways->way[0].rows == 64 && ways->way[0].way == ELCL_WAY_SPLIT_128,
          "stored ways are not used");
    elcl_model_close(&model);
}

static void test_use(const struct check_options *options, const elcl_device_desc *d)
{
    struct elcl_tune_file file = {.trials = {{ELCL_F32, 512, 9, 5, false, false, false},
                                             {ELCL_F32, 256, 9, 5, false, false, false},
                                             {ELCL_F32, 128, 5, 9, false, false, false},
                                             {ELCL_F16, 512, 5, 5, false, false, false}},
                                  .n_trials = 4,
                                  .ways = {1, {{1024, 4096, 64, ELCL_WAY_SPLIT_128, false}}}};
    elcl_model_params params = elcl_model_params_default();
    if (!check_case("tune, the GEMM that AUTO takes"))
        return;
    params.device = options->device;
    params.kernels = ELCL_KERNELS_GPU;
    store(d, &file);
    expect_gemm(params, ELCL_GEMM_AUTO, 256);
    params.weights = ELCL_F16; /* no faster */
    expect_gemm(params, ELCL_GEMM_NATIVE, 0);
    params.weights = ELCL_F32;
    params.gemm = ELCL_GEMM_NATIVE;
    expect_gemm(params, ELCL_GEMM_NATIVE, 0);
    params.gemm = ELCL_GEMM_AUTO;
    params.kernels = ELCL_KERNELS_CPU;
    expect_gemm(params, ELCL_GEMM_NATIVE, 0);
    params.kernels = ELCL_KERNELS_GPU;
    file.trials[1].clblast_wrong = true; /* at some size: then at none */
    store(d, &file);
    expect_gemm(params, ELCL_GEMM_NATIVE, 0);
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
        const elcl_device_desc *d = elcl_device_list_get(list, i);
        test_rates(params, d);
        test_clblast(params, d);
        test_wrong(params, d);
        test_budget(params, d);
        test_ways(options);
        test_use(options, d);
    }
    elcl_device_list_destroy(&list);
    return check_end();
}
