/* elcl_selftest(): which kernels are opened and which cases run on them, in which order. */
#include "selftest/selftest.h"

#include <string.h>

#include "base/os.h"
#include "base/util.h"

/* Widths of the models that ship as presets, with a smaller vocabulary where a GEMM would take the
 * reference seconds; and ragged ones, which no kernel's blocks divide. */
static const struct elcl_selftest_shape shapes[] = {
    {"ragged", 60, 3, 133, 1009, 37, 37},
    {"bart-base", 768, 12, 3072, 50265, 130, 70},
    {"marian-base", 512, 8, 2048, 58101, 65, 33},
    {"bart-large", 1024, 16, 4096, 50265, 33, 17},
};
static const struct elcl_selftest_shape small_shapes[] = {
    {"tiny", 20, 2, 33, 101, 9, 5},
};

struct storages {
    enum elcl_storage weights, state;
    enum elcl_compute compute;
};

elcl_selftest_params elcl_selftest_params_default(void)
{
    return (elcl_selftest_params){.kernels = ELCL_KERNELS_AUTO};
}

/* ---- the kernels --------------------------------------------------------------------------- */

static void run_cases(struct elcl_selftest_state *st, bool gemm_only)
{
    const struct elcl_selftest_shape *all = st->params->small ? small_shapes : shapes;
    const bool f32 = st->fx.ops->weights == ELCL_F32 && st->fx.ops->state == ELCL_F32;
    size_t n = st->params->small ? ELCL_COUNT(small_shapes) : ELCL_COUNT(shapes);
    if (n > 2 && (gemm_only || !f32)) /* 16-bit types differ only in loads and stores */
        n = 2;
    for (size_t i = 0; i < n; i++) {
        elcl_selftest_gemms(st, &all[i]);
        elcl_selftest_convolutions(st, &all[i]);
        if (gemm_only || st->fx.ops->weights == ELCL_INT4) /* its tables are int8 */
            continue;
        elcl_selftest_pointwise(st, &all[i]);
        if (st->fx.ops->weights == ELCL_INT8 || st->fx.ops->dot) /* nothing else reads weights */
            continue;
        elcl_selftest_attention(st, &all[i]);
        elcl_selftest_beams(st, &all[i]);
        if (f32) /* they read logits, which are f32 in every storage */
            elcl_selftest_logits(st, &all[i]);
    }
}

/* The kernels of one storage and back end; a compiler that refuses them is a failed case. */
static void run_kernels(struct elcl_selftest_state *st, enum elcl_gemm gemm,
                        const struct storages *storages)
{
    const bool clblast = gemm == ELCL_GEMM_CLBLAST;
    const struct elcl_ops_params params = {.gemm = gemm,
                                           .weights = storages->weights,
                                           .state = storages->state,
                                           .compute = storages->compute,
                                           .act_keys = true,
                                           .build_options = st->params->build_options};
    st->result.weights = storages->weights;
    st->result.state = storages->state;
    if (!elcl_selftest_begin(st, "build", clblast ? "kernels beside CLBlast" : "kernels"))
        return;
    if (elcl_fixture_try(&st->fx, elcl_ops_create(st->fx.device, &st->fx.features, &params,
                                                  &st->fx.ops, &st->fx.err)))
        run_cases(st, clblast);
    else
        elcl_fixture_finish(&st->fx);
    elcl_selftest_end(st);
    elcl_ops_destroy(&st->fx.ops);
}

/* CLBlast compiles for seconds for each class of shapes, and aborts at times under Oclgrind. */
static void run_clblast(struct elcl_selftest_state *st)
{
    static const struct storages storages[] = {{ELCL_F32, ELCL_F32, ELCL_COMPUTE_F32},
                                               {ELCL_F16, ELCL_F32, ELCL_COMPUTE_F32}};
    for (size_t i = 0; i < ELCL_COUNT(storages); i++) {
        const char *reason = st->params->small ? "CLBlast compiles for too long for small shapes"
                             : st->fx.device->quirks.simulator
                                 ? "CLBlast aborts at times under Oclgrind"
                                 : NULL;
        st->result.weights = storages[i].weights;
        st->result.state = storages[i].state;
        if (reason)
            elcl_selftest_skip(st, "gemm clblast", "all", reason);
        else
            run_kernels(st, ELCL_GEMM_CLBLAST, &storages[i]);
    }
}

/* CPU kernels round inputs whatever the state is, so that f32 is enough. AUTO multiplies int8 state
 * as it is where that pays; int4 state is widened. */
static bool has_compute(enum elcl_kernels kernels, const struct storages *s)
{
    return s->compute == ELCL_COMPUTE_F32 || s->compute == ELCL_COMPUTE_AUTO ||
           (kernels == ELCL_KERNELS_CPU ? s->state == ELCL_F32
                                        : elcl_table_storage(s->weights) != ELCL_INT8);
}

int elcl_selftest(const elcl_selftest_params *params, elcl_selftest_summary *summary,
                  elcl_error *err)
{
    static const struct storages storages[] = {
        {ELCL_F32, ELCL_F32, ELCL_COMPUTE_F32},    {ELCL_F16, ELCL_BF16, ELCL_COMPUTE_F32},
        {ELCL_BF16, ELCL_F16, ELCL_COMPUTE_F32},   {ELCL_INT8, ELCL_F32, ELCL_COMPUTE_F32},
        {ELCL_INT8, ELCL_F32, ELCL_COMPUTE_INT8},  {ELCL_INT4, ELCL_F32, ELCL_COMPUTE_F32},
        {ELCL_INT4, ELCL_F32, ELCL_COMPUTE_INT8},  {ELCL_BF16, ELCL_F32, ELCL_COMPUTE_BF16},
        {ELCL_BF16, ELCL_BF16, ELCL_COMPUTE_BF16}, {ELCL_F16, ELCL_F16, ELCL_COMPUTE_F16},
        {ELCL_F32, ELCL_INT8, ELCL_COMPUTE_AUTO},  {ELCL_F32, ELCL_INT4, ELCL_COMPUTE_F32}};
    const elcl_selftest_params defaults = elcl_selftest_params_default();
    if (!summary)
        return elcl_fail(err, ELCL_E_ARG, "elcl_selftest: the summary must not be NULL");
    struct elcl_selftest_state *st = elcl_calloc(1, sizeof(*st));
    if (!st)
        return elcl_fail_nomem(err);
    int rc;
    st->params = params ? params : &defaults;
    st->begun_ns = elcl_clock_ns();
    st->fx.seed = st->params->seed;
    st->fx.on_failure = elcl_selftest_on_failure;
    st->fx.user = st;
    const struct elcl_device_params device = {.device = st->params->device,
                                              .kernels = st->params->kernels,
                                              .no_cache = st->params->no_cache,
                                              .no_matrix_instructions =
                                                  st->params->no_matrix_instructions != 0};
    ELCL_TRY(elcl_device_open(&device, &st->fx.device, err));
    elcl_probe_features(st->fx.device, &st->fx.features);
    for (size_t i = 0; i < ELCL_COUNT(storages); i++)
        if (has_compute(st->fx.device->kernels, &storages[i]))
            run_kernels(st, ELCL_GEMM_NATIVE, &storages[i]);
    run_clblast(st);
    if (st->nomem)
        ELCL_TRY(elcl_fail_nomem(err));
    st->summary.seconds = (double)(elcl_clock_ns() - st->begun_ns) * 1e-9;
    *summary = st->summary;
    rc = ELCL_OK;
fail:
    elcl_device_close(&st->fx.device);
    elcl_free(st);
    return rc;
}
