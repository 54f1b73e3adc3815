/* Measures a device once, for the choices of later runs. */
#include <stdarg.h>
#include <stdio.h>

#include "base/os.h"
#include "base/util.h"
#include "engine/tune_file.h"
#include "engine/tune_gemm.h"
#include "probe/rates.h"

#define MEASUREMENTS 3

struct tuning {
    const elcl_tune_params *params;
    struct elcl_device *device;
    struct elcl_features features;
    char *directory;
    struct elcl_tune_file file;
    bool stopped; /* report() asked to stop */
    bool left;    /* the budget left parts out */
    bool unsure;  /* a part is not stored, because it could not run or was disturbed */
    uint64_t start_ns;
};

/* ---- rates --------------------------------------------------------------------------------- */

/* Keeps the better of the stored and the new value, and how far the worse one falls short. */
static void keep(double *best, double now, bool lower_is_better, double *spread)
{
    const double high = *best > now ? *best : now, low = *best > now ? now : *best;
    if (*best > 0 && !lower_is_better && 1 - low / high > *spread)
        *spread = 1 - low / high;
    *best = *best > 0 && lower_is_better ? low : high;
}

static void keep_rates(struct elcl_tune_file *file, const elcl_device_rates *now)
{
    elcl_device_rates *m = &file->rates;
    m->type = now->type;
    m->kernels = now->kernels;
    m->cache_bytes = now->cache_bytes;
    keep(&m->memory_gbs, now->memory_gbs, false, &file->spread);
    keep(&m->cache_gbs, now->cache_gbs, false, &file->spread);
    keep(&m->f32_gflops, now->f32_gflops, false, &file->spread);
    keep(&m->half_gflops, now->half_gflops, false, &file->spread);
    keep(&m->int8_gops, now->int8_gops, false, &file->spread);
    keep(&m->bf16_gflops, now->bf16_gflops, false, &file->spread);
    keep(&m->matrix_gflops, now->matrix_gflops, false, &file->spread);
    keep(&m->state_gops, now->state_gops, false, &file->spread);
    keep(&m->launch_us, now->launch_us, true, &file->spread);
    keep(&m->wait_us, now->wait_us, true, &file->spread);
    file->has_rates = true;
}

/* Without matrix instructions 16-bit inputs are multiplied as f32, by a GEMM that falls short of
 * the device's rate. */
static int measure_rates(struct tuning *t, elcl_device_rates *rates, elcl_error *err)
{
    double half;
    int rc;
    ELCL_TRY(elcl_rates_measure(t->device, &t->features, rates, NULL, err));
    ELCL_TRY(elcl_tune_half_gemm(t->device, &t->features, rates->f32_gflops, &half, err));
    rates->half_gflops = half > rates->f32_gflops ? half : rates->f32_gflops;
fail:
    return rc;
}

static bool is_spent(const struct tuning *t, double part)
{
    const double seconds = (double)(elcl_clock_ns() - t->start_ns) / 1e9;
    return t->params->budget_seconds > 0 && seconds > part * t->params->budget_seconds;
}

/* ---- parts, each stored when it is done ---------------------------------------------------- */

static int finish_part(struct tuning *t, elcl_error *err, const char *fmt, ...) ELCL_PRINTF(3, 4);
static int finish_part(struct tuning *t, elcl_error *err, const char *fmt, ...)
{
    char line[256];
    va_list args;
    const int rc = elcl_tune_file_write(t->directory, &t->device->desc, &t->file, err);
    va_start(args, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (!rc && t->params->report)
        t->stopped = t->params->report(t->params->user, line) != 0;
    return rc;
}

static int tune_rates(struct tuning *t, elcl_error *err)
{
    int rc = ELCL_OK;
    t->file.spread = 0;
    for (int i = 0; i < MEASUREMENTS && !t->stopped; i++) {
        if (i && is_spent(t, 0.3))
            break;
        elcl_device_rates now;
        ELCL_TRY(measure_rates(t, &now, err));
        keep_rates(&t->file, &now);
        ELCL_TRY(finish_part(t, err, "rates, %d of %d: %.4g GB/s, %.4g GFLOP/s, %.4g with f16",
                             i + 1, MEASUREMENTS, now.memory_gbs, now.f32_gflops, now.half_gflops));
    }
fail:
    return rc;
}

/* ---- CLBlast ------------------------------------------------------------------------------- */

static int finish_trial(struct tuning *t, const struct elcl_tune_trial *trial,
                        const elcl_error *wrong, elcl_error *err)
{
    const char *weights = trial->weights == ELCL_F32 ? "f32" : "16-bit";
    if (t->file.n_trials == ELCL_TUNE_MAX_TRIALS)
        return elcl_fail(err, ELCL_E_INTERNAL, "tuning: too many trials");
    t->file.trials[t->file.n_trials++] = *trial;
    t->unsure |= trial->unsure;
    if (trial->unsure && trial->clblast_wrong)
        return finish_part(t, err, "%s weights, %d rows: CLBlast could not be run: %.120s", weights,
                           trial->rows, wrong->msg);
    if (trial->native_wrong || trial->clblast_wrong)
        return finish_part(t, err, "%s weights, %d rows: %s wrong and not used: %.120s", weights,
                           trial->rows,
                           !trial->native_wrong   ? "CLBlast is"
                           : trial->clblast_wrong ? "native and CLBlast are"
                                                  : "native is",
                           wrong->msg);
    return finish_part(t, err, "%s weights, %d rows: native %.3g ms, CLBlast %.3g ms", weights,
                       trial->rows, trial->native_ms, trial->clblast_ms);
}

/* Continues the trials of the file. With CPU kernels there is nothing to choose, and CLBlast has no
 * matrix instructions. */
static int tune_clblast(struct tuning *t, enum elcl_storage weights, elcl_error *err)
{
    const struct elcl_ops_params params = {
        .gemm = ELCL_GEMM_NATIVE, .weights = weights, .state = ELCL_F32};
    const bool mma = t->features.mma && (weights == ELCL_F16 || weights == ELCL_BF16);
    struct elcl_ops *ops = NULL;
    int rc = ELCL_OK, rows;
    while (t->device->kernels == ELCL_KERNELS_GPU && !mma && !t->stopped) {
        struct elcl_tune_trial trial;
        elcl_error wrong = {0};
        (void)elcl_tune_clblast_rows(&t->file, weights, &rows);
        t->left = t->left || (rows && is_spent(t, 1));
        if (!rows || t->left)
            break;
        if (!ops)
            ELCL_TRY(elcl_ops_create(t->device, &t->features, &params, &ops, err));
        ELCL_TRY(elcl_tune_try(ops, rows, &trial, &wrong, err));
        ELCL_TRY(finish_trial(t, &trial, &wrong, err));
    }
fail:
    elcl_ops_destroy(&ops);
    return rc;
}

/* ---- ways of wide tiles ---------------------------------------------------------------------- */

/* Continues the ways of the file. Those of f16 weights serve bf16, whose tiles are the same. */
static int tune_ways(struct tuning *t, elcl_error *err)
{
    const struct elcl_ops_params params = {
        .gemm = ELCL_GEMM_NATIVE, .weights = ELCL_F16, .state = ELCL_F32};
    struct elcl_tuned_ways *ways = &t->file.ways;
    struct elcl_tuned_way way;
    struct elcl_ops *ops = NULL;
    double ns[2];
    int rc = ELCL_OK;
    while (t->device->kernels == ELCL_KERNELS_GPU && t->features.mma && !t->stopped &&
           elcl_tune_next_way(ways, &way)) {
        t->left = t->left || is_spent(t, 1);
        if (t->left)
            break;
        if (!ops)
            ELCL_TRY(elcl_ops_create(t->device, &t->features, &params, &ops, err));
        if (!ops->wide)
            break;
        ELCL_TRY(elcl_tune_way(ops, &way, ns, err));
        ways->way[ways->n++] = way;
        t->unsure |= way.unsure;
        ELCL_TRY(finish_part(t, err, "16-bit weights, %d rows, N=%d K=%d: %s, %.3g us (auto %.3g)",
                             way.rows, way.n, way.k, elcl_tune_way_name(way.way), ns[1] / 1e3,
                             ns[0] / 1e3));
    }
fail:
    elcl_ops_destroy(&ops);
    return rc;
}

/* Returns the rows in the form of elcl_tuned. */
static int rows_emitted(const struct tuning *t, enum elcl_storage weights)
{
    const int rows = elcl_tune_clblast_rows(&t->file, weights, NULL);
    return rows == ELCL_CLBLAST_NEVER ? -1 : rows;
}

static int tuning_init(struct tuning *t, elcl_error *err)
{
    const struct elcl_device_params params = {.device = t->params->device,
                                              .kernels = t->params->kernels};
    t->directory = elcl_cache_directory();
    const int rc = elcl_device_open(&params, &t->device, err);
    if (!rc)
        elcl_probe_features(t->device, &t->features);
    if (!rc && !t->params->again) /* an unreadable file is replaced */
        (void)elcl_tune_file_read(t->directory, &t->device->desc, &t->file, NULL);
    return rc;
}

elcl_tune_params elcl_tune_params_default(void)
{
    return (elcl_tune_params){.budget_seconds = 60};
}

int elcl_tune(const elcl_tune_params *params, elcl_tuned *tuned, elcl_error *err)
{
    const elcl_tune_params defaults = elcl_tune_params_default();
    struct tuning t = {.params = params ? params : &defaults, .start_ns = elcl_clock_ns()};
    int rc;
    if (!tuned)
        return elcl_fail(err, ELCL_E_ARG, "elcl_tune: tuned must not be NULL");
    ELCL_TRY(tuning_init(&t, err));
    ELCL_TRY(tune_rates(&t, err));
    ELCL_TRY(tune_clblast(&t, ELCL_F32, err));
    ELCL_TRY(tune_clblast(&t, ELCL_F16, err));
    ELCL_TRY(tune_ways(&t, err));
    *tuned = (elcl_tuned){.rates = t.file.rates,
                          .spread = t.file.spread,
                          .clblast_rows_f32 = rows_emitted(&t, ELCL_F32),
                          .clblast_rows_half = rows_emitted(&t, ELCL_F16),
                          .complete = !t.stopped && !t.left && !t.unsure};
    if (t.stopped)
        rc =
            elcl_fail(err, ELCL_E_INTERRUPTED, "tuning was interrupted; finished parts are stored");
fail:
    elcl_device_close(&t.device);
    elcl_free(t.directory);
    return rc;
}

int elcl_measure_rates(const char *device, elcl_device_rates *rates, elcl_error *err)
{
    const struct elcl_device_params params = {.device = device};
    struct elcl_device *opened = NULL;
    if (!rates)
        return elcl_fail(err, ELCL_E_ARG, "elcl_measure_rates: rates must not be NULL");
    struct elcl_features features;
    int rc = elcl_device_open(&params, &opened, err);
    if (!rc) {
        elcl_probe_features(opened, &features);
        rc = elcl_rates_measure(opened, &features, rates, NULL, err);
    }
    elcl_device_close(&opened);
    return rc;
}
