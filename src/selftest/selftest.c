/* elcl_selftest(): which kernels are opened and which cases run on them, in which order. */
#include "selftest/selftest.h"

#include <string.h>

#include "base/os.h"
#include "base/util.h"

/* Widths of the models that ship as presets, of which only the vocabulary is cut where a product
 * would take the reference seconds; and ragged ones, which no kernel's blocks divide. */
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

static void run_cases(struct elcl_fixture *fx, bool gemm_alone)
{
    const struct elcl_selftest_shape *all = fx->params->small ? small_shapes : shapes;
    const bool f32 = fx->ops->weights == ELCL_F32 && fx->ops->state == ELCL_F32;
    size_t n = fx->params->small ? ELCL_COUNT(small_shapes) : ELCL_COUNT(shapes);
    if (n > 2 && (gemm_alone || !f32)) /* narrower types differ in loads and stores alone */
        n = 2;
    for (size_t i = 0; i < n; i++) {
        elcl_selftest_gemm(fx, &all[i]);
        if (gemm_alone)
            continue;
        elcl_selftest_pointwise(fx, &all[i]);
        if (fx->ops->weights == ELCL_INT8 || fx->ops->dot) /* nothing else reads weights */
            continue;
        elcl_selftest_attention(fx, &all[i]);
        elcl_selftest_beams(fx, &all[i]);
        if (f32) /* they read logits, which are f32 in every storage */
            elcl_selftest_select(fx, &all[i]);
    }
}

/* The kernels of one storage and back end; a compiler that refuses them is a failed case. */
static void run_kernels(struct elcl_fixture *fx, enum elcl_gemm gemm,
                        const struct storages *storages)
{
    const bool clblast = gemm == ELCL_GEMM_CLBLAST;
    const struct elcl_ops_params params = {.gemm = gemm,
                                           .weights = storages->weights,
                                           .state = storages->state,
                                           .compute = storages->compute,
                                           .build_options = fx->params->build_options};
    fx->result.weights = storages->weights;
    fx->result.state = storages->state;
    if (!elcl_fixture_begin(fx, "build", clblast ? "kernels beside CLBlast" : "kernels"))
        return;
    if (elcl_fixture_try(fx,
                         elcl_ops_create(fx->device, &fx->features, &params, &fx->ops, &fx->err))) {
        elcl_fixture_end(fx);
        run_cases(fx, clblast);
    } else {
        elcl_fixture_end(fx);
    }
    elcl_ops_destroy(&fx->ops);
}

/* CLBlast compiles for seconds for each class of shapes, and aborts at times under Oclgrind. */
static void run_clblast(struct elcl_fixture *fx)
{
    static const struct storages storages[] = {{ELCL_F32, ELCL_F32, ELCL_COMPUTE_F32},
                                               {ELCL_F16, ELCL_F32, ELCL_COMPUTE_F32}};
    for (size_t i = 0; i < ELCL_COUNT(storages); i++) {
        const char *reason = fx->params->small ? "CLBlast compiles for too long for small shapes"
                             : !strcmp(fx->device->desc.platform, "Oclgrind")
                                 ? "CLBlast aborts at times under Oclgrind"
                                 : NULL;
        fx->result.weights = storages[i].weights;
        fx->result.state = storages[i].state;
        if (reason)
            elcl_fixture_skip(fx, "gemm clblast", "all", reason);
        else
            run_kernels(fx, ELCL_GEMM_CLBLAST, &storages[i]);
    }
}

int elcl_selftest(const elcl_selftest_params *params, elcl_selftest_summary *summary,
                  elcl_error *err)
{
    static const struct storages storages[] = {
        {ELCL_F32, ELCL_F32, ELCL_COMPUTE_F32},   {ELCL_F16, ELCL_BF16, ELCL_COMPUTE_F32},
        {ELCL_BF16, ELCL_F16, ELCL_COMPUTE_F32},  {ELCL_INT8, ELCL_F32, ELCL_COMPUTE_F32},
        {ELCL_INT8, ELCL_F32, ELCL_COMPUTE_INT8}, {ELCL_BF16, ELCL_F32, ELCL_COMPUTE_BF16}};
    const elcl_selftest_params defaults = elcl_selftest_params_default();
    if (!summary)
        return elcl_fail(err, ELCL_E_ARG, "elcl_selftest: the summary must not be NULL");
    struct elcl_fixture *fx = elcl_calloc(1, sizeof(*fx));
    if (!fx)
        return elcl_fail_nomem(err);
    int rc;
    fx->params = params ? params : &defaults;
    fx->begun_ns = elcl_clock_ns();
    const struct elcl_device_params device = {.device = fx->params->device,
                                              .kernels = fx->params->kernels,
                                              .no_cache = fx->params->no_cache};
    ELCL_TRY(elcl_device_open(&device, &fx->device, err));
    elcl_probe_features(fx->device, &fx->features);
    for (size_t i = 0; i < ELCL_COUNT(storages); i++)
        if (storages[i].compute == ELCL_COMPUTE_F32 ||
            fx->device->kernels == ELCL_KERNELS_CPU) /* GPU kernels have none */
            run_kernels(fx, ELCL_GEMM_NATIVE, &storages[i]);
    run_clblast(fx);
    if (fx->fatal)
        ELCL_TRY(elcl_fail_nomem(err));
    fx->summary.seconds = (double)(elcl_clock_ns() - fx->begun_ns) * 1e-9;
    *summary = fx->summary;
    rc = ELCL_OK;
fail:
    elcl_device_close(&fx->device);
    elcl_free(fx);
    return rc;
}
