/*
 * Every kernel against its double-precision reference, in the manner of checkasm: both kernel
 * shapes on whatever device there is, in all storages. --bench times them instead.
 */
#include "common.h"

#include <stdio.h>
#include <string.h>

#include "base/util.h"

struct storages {
    enum elcl_storage weights, state;
    bool full;
};

static void start_fixture(struct fixture *fx, const struct check_options *options,
                          struct elcl_device **device, enum elcl_kernels kernels,
                          enum elcl_gemm gemm, const struct storages *storages)
{
    *fx = (struct fixture){.options = options,
                           .kernels = kernels,
                           .gemm = gemm,
                           .weights = storages->weights,
                           .state = storages->state,
                           .compute = ELCL_COMPUTE_F32,
                           .full = storages->full && !options->small,
                           .device = device};
    snprintf(fx->name, sizeof(fx->name), "%s %s/%s", kernels == ELCL_KERNELS_CPU ? "cpu" : "gpu",
             storage_name(storages->weights), storage_name(storages->state));
}

static void check_shape(const struct check_options *options, struct elcl_device **device,
                        enum elcl_kernels kernels)
{
    static const struct storages storages[] = {{ELCL_F32, ELCL_F32, true},
                                               {ELCL_F16, ELCL_BF16, false},
                                               {ELCL_BF16, ELCL_F16, false},
                                               {ELCL_INT8, ELCL_F32, false}};
    struct fixture fx;
    for (size_t i = 0; i < ELCL_COUNT(storages); i++) {
        start_fixture(&fx, options, device, kernels, ELCL_GEMM_NATIVE, &storages[i]);
        test_gemm(&fx);
        test_pointwise(&fx);
        if (storages[i].weights == ELCL_INT8) { /* nothing else reads weights */
            fixture_close(&fx);
            continue;
        }
        test_attention(&fx);
        test_beams(&fx);
        test_select(&fx);
        if (i == 0) { /* they read logits, which are f32 in every storage */
            test_sample(&fx);
            test_sample_beams(&fx);
            test_score(&fx);
        }
        fixture_close(&fx);
    }
}

static void start_narrow(struct fixture *fx, const struct check_options *options,
                         struct elcl_device **device, enum elcl_storage weights, bool plain)
{
    const struct storages storages = {weights, ELCL_F32, true};
    const bool int8 = weights == ELCL_INT8;
    start_fixture(fx, options, device, ELCL_KERNELS_CPU, ELCL_GEMM_NATIVE, &storages);
    fx->compute = int8 ? ELCL_COMPUTE_INT8 : ELCL_COMPUTE_BF16;
    fx->plain_dot = plain;
    snprintf(fx->name, sizeof(fx->name), "%s %s", int8 ? "integers" : "bf16 products",
             plain ? "plain" : "of the device");
}

static const enum elcl_storage narrow[] = {ELCL_INT8, ELCL_BF16};

/* Rows in the type of the weights: in plain OpenCL C, and by the device's instruction where it has
 * one. */
static void check_narrow(const struct check_options *options, struct elcl_device **device)
{
    for (size_t i = 0; i < 2 * ELCL_COUNT(narrow); i++) {
        struct fixture fx;
        start_narrow(&fx, options, device, narrow[i / 2], i % 2 == 0);
        test_gemm(&fx);
        test_inputs(&fx);
        test_pointwise(&fx);
        fixture_close(&fx);
    }
}

/* The kernels on matrix instructions, which any device can emulate, of as many lanes as vendors'.
 */
static void check_mma(const struct check_options *options, struct elcl_device **device)
{
    static const struct {
        struct storages storages;
        enum elcl_mma mma;
        const char *name;
    } fixtures[] = {{{ELCL_F16, ELCL_BF16, true}, ELCL_MMA_EMULATED_32, "mma 32"},
                    {{ELCL_BF16, ELCL_F16, true}, ELCL_MMA_EMULATED_64, "mma 64"},
                    {{ELCL_F16, ELCL_F16, false}, ELCL_MMA_EMULATED_16, "mma 16"},
                    {{ELCL_BF16, ELCL_BF16, false}, ELCL_MMA_EMULATED_8, "mma 8"},
                    {{ELCL_F32, ELCL_BF16, false}, ELCL_MMA_EMULATED_32, "mma 32"}};
    struct fixture fx;
    for (size_t i = 0; i < ELCL_COUNT(fixtures); i++) {
        start_fixture(&fx, options, device, ELCL_KERNELS_GPU, ELCL_GEMM_NATIVE,
                      &fixtures[i].storages);
        fx.mma = fixtures[i].mma;
        snprintf(fx.name, sizeof(fx.name), "%s %s/%s", fixtures[i].name,
                 storage_name(fixtures[i].storages.weights),
                 storage_name(fixtures[i].storages.state));
        const bool gemm = fixtures[i].storages.weights != ELCL_F32;
        if (gemm)
            test_gemm(&fx);
        if (!gemm || !i || !options->small) /* what differs between the others is mma_emulated.cl */
            test_attention_tiles(&fx);
        fixture_close(&fx);
    }
}

/* Last, because CLBlast compiles for seconds. */
static void check_clblast(const struct check_options *options, struct elcl_device **device)
{
    static const struct storages storages[] = {
        {ELCL_F32, ELCL_F32, true}, {ELCL_F16, ELCL_F32, false}, {ELCL_INT8, ELCL_F32, false}};
    struct fixture fx;
    for (size_t i = 0; i < ELCL_COUNT(storages); i++) {
        start_fixture(&fx, options, device, ELCL_KERNELS_GPU, ELCL_GEMM_CLBLAST, &storages[i]);
        test_clblast(&fx);
        fixture_close(&fx);
    }
}

static void bench_shape(const struct check_options *options, struct elcl_device **device,
                        enum elcl_kernels kernels)
{
    static const struct storages storages[] = {{ELCL_F32, ELCL_F32, true},
                                               {ELCL_BF16, ELCL_BF16, false},
                                               {ELCL_F16, ELCL_F16, false},
                                               {ELCL_INT8, ELCL_F32, false}};
    struct fixture fx;
    for (size_t i = 0; i < ELCL_COUNT(storages); i++) {
        start_fixture(&fx, options, device, kernels, ELCL_GEMM_NATIVE, &storages[i]);
        bench(&fx);
        fixture_close(&fx);
    }
    for (size_t i = 0; kernels == ELCL_KERNELS_CPU && i < ELCL_COUNT(narrow); i++) {
        start_narrow(&fx, options, device, narrow[i], false);
        bench_gemms(&fx);
        fixture_close(&fx);
    }
}

/* Buffers left behind are leaks of the operations or of the device layer. */
static void close_device(struct elcl_device **device)
{
    if (*device &&
        check_case("no live buffers %s", (*device)->kernels == ELCL_KERNELS_CPU ? "cpu" : "gpu")) {
        const int live = atomic_load(&(*device)->live_buffers);
        CHECK(live == 0, "%d buffers at the end", live);
    }
    elcl_device_close(device);
}

/* false, as a skipped case, where a driver is known to crash on the shape and the device layer
 * refuses it for that. */
static bool has_shape(const struct check_options *options, enum elcl_kernels kernels)
{
    const struct elcl_device_params params = {.device = options->device, .kernels = kernels};
    struct elcl_device *device = NULL;
    elcl_error err = {0};
    const bool refused = elcl_device_open(&params, &device, &err) == ELCL_E_UNSUPPORTED;
    elcl_device_close(&device);
    if (refused && check_case("%s kernels", kernels == ELCL_KERNELS_CPU ? "cpu" : "gpu"))
        check_skip("%s", err.msg);
    return !refused;
}

int main(int argc, char **argv)
{
    const struct check_options *options = check_begin(argc, argv);
    static const enum elcl_kernels shapes[] = {ELCL_KERNELS_CPU, ELCL_KERNELS_GPU};
    struct elcl_device *devices[ELCL_COUNT(shapes)] = {0};
    if (!options->bench)
        test_ref();
    bool has[ELCL_COUNT(shapes)];
    for (size_t i = 0; i < ELCL_COUNT(shapes); i++) {
        has[i] = has_shape(options, shapes[i]);
        if (!has[i])
            continue;
        if (options->bench)
            bench_shape(options, &devices[i], shapes[i]);
        else
            check_shape(options, &devices[i], shapes[i]);
    }
    if (!options->bench && has[0])
        check_narrow(options, &devices[0]);
    if (!options->bench && has[1])
        check_mma(options, &devices[1]);
    if (!options->bench && has[1])
        check_clblast(options, &devices[1]);
    for (size_t i = 0; i < ELCL_COUNT(shapes); i++)
        close_device(&devices[i]);
    return check_end();
}
