/* Predictions: the cost of an operation by hand, and how speed follows the measured rates. */
#include <math.h>
#include <string.h>

#include "base/util.h"
#include "check.h"
#include "elcl/plan.h"
#include "ops/cost.h"

static const struct elcl_cost base = {.memory_bytes_per_ns = 10,
                                      .cache_bytes_per_ns = 100,
                                      .cache_bytes = 1000,
                                      .gemm_flop_per_ns = 50,
                                      .attention_flop_per_ns = 20,
                                      .other_flop_per_ns = 2,
                                      .launch_ns = 7};

static double cost_ns(struct elcl_cost cost, enum elcl_op_class op_class, double bytes, double flop)
{
    elcl_cost_add(&cost, op_class, bytes, flop);
    return cost.ns;
}

static void test_operations(void)
{
    if (!check_case("predict: cost of operations"))
        return;
    struct elcl_cost gpu = base, cached = base, unknown = base;
    gpu.overlap = cached.weights_in_cache = true;
    unknown.cache_bytes = 0;
    unknown.cache_bytes_per_ns = unknown.memory_bytes_per_ns;
    const struct {
        double got, want;
    } cases[] = {
        {cost_ns(base, ELCL_OP_GEMM, 500, 1000), 50 + 20 + 7},
        {cost_ns(base, ELCL_OP_GEMM_INT8, 500, 1000), 50 + 20 + 7},
        {cost_ns(cached, ELCL_OP_GEMM, 5000, 1000), 50 + 20 + 7},
        {cost_ns(gpu, ELCL_OP_GEMM, 500, 1000), 50 + 7},
        {cost_ns(gpu, ELCL_OP_GEMM, 500, 10000), 200 + 7},
        {cost_ns(base, ELCL_OP_ATTENTION, 1000, 40), 10 + 2 + 7},
        {cost_ns(base, ELCL_OP_ATTENTION, 1001, 40), 100.1 + 2 + 7},
        {cost_ns(base, ELCL_OP_OTHER, 200, 40), 2 + 20 + 7},
        {cost_ns(unknown, ELCL_OP_OTHER, 0, 0), 7},
        {cost_ns(unknown, ELCL_OP_OTHER, 20, 0), 2 + 7},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++)
        CHECK(fabs(cases[i].got - cases[i].want) < 1e-9, "case %zu: %g ns, expected %g", i,
              cases[i].got, cases[i].want);
    struct elcl_cost sum = base;
    elcl_cost_add(&sum, ELCL_OP_GEMM, 500, 1000);
    elcl_cost_add(&sum, ELCL_OP_OTHER, 200, 40);
    CHECK(fabs(sum.ns - 106) < 1e-9, "running total %g", sum.ns);
}

/* Returns the samples/s of GPT-2 or BART-base on a device. */
static double speed(const char *name, const elcl_device_rates *rates, enum elcl_attention attention,
                    enum elcl_storage weights)
{
    elcl_blueprint *blueprint = NULL;
    elcl_plan_params p = elcl_plan_params_default();
    elcl_prediction prediction = {.samples_per_second = 0};
    elcl_error err = {0};
    p.device_type = rates->type;
    p.attention = attention;
    p.weights = weights;
    p.batch_size = 2;
    p.num_beams = 2;
    p.max_source = 30;
    p.max_target = 20;
    CHECK(!elcl_blueprint_open_synthetic(name, &blueprint, &err) &&
              !elcl_predict(blueprint, &p, rates, &prediction, &err),
          "%s", err.msg);
    CHECK(fabs(prediction.seconds * prediction.samples_per_second - 2) < 1e-9 &&
              fabs(prediction.encode_ms + 19 * prediction.step_ms - 1e3 * prediction.seconds) <
                  1e-6,
          "times of %s do not add up", name);
    elcl_blueprint_close(&blueprint);
    return prediction.samples_per_second;
}

static void test_measured_rates(void)
{
    static const char *const names[] = {"bart-base", "gpt2"};
    const elcl_device_rates rates = {.type = ELCL_DEVICE_CPU,
                                     .memory_gbs = 20,
                                     .f32_gflops = 200,
                                     .half_gflops = 200,
                                     .launch_us = 3,
                                     .wait_us = 20};
    for (size_t i = 0; i < ELCL_COUNT(names); i++) {
        if (!check_case("predict: measured rates, %s", names[i]))
            continue;
        const double before = speed(names[i], &rates, ELCL_ATTN_EL, ELCL_F32);
        elcl_device_rates m = rates;
        m.type = ELCL_DEVICE_GPU;
        CHECK(speed(names[i], &m, ELCL_ATTN_EL, ELCL_F32) > before, "overlap is no faster");
        m = rates;
        m.kernels = ELCL_KERNELS_GPU;
        CHECK(speed(names[i], &m, ELCL_ATTN_EL, ELCL_F32) < before, "GPU kernels on a CPU");
        m = rates;
        m.memory_gbs *= 2;
        CHECK(speed(names[i], &m, ELCL_ATTN_EL, ELCL_F32) > 1.2 * before, "memory counts little");
        m = rates;
        m.cache_bytes = 1e10;
        m.cache_gbs = 2000;
        CHECK(speed(names[i], &m, ELCL_ATTN_EL, ELCL_F32) > 1.5 * before,
              "the cache counts little");
        m = rates;
        m.launch_us = 1000;
        CHECK(speed(names[i], &m, ELCL_ATTN_EL, ELCL_F32) < before / 2, "launches count little");
        CHECK(speed(names[i], &rates, ELCL_ATTN_EL, ELCL_INT8) > 1.5 * before,
              "int8 weights are read as if they were f32");
        m = rates;
        m.int8_gops = 800;
        CHECK(speed(names[i], &m, ELCL_ATTN_EL, ELCL_INT8) >
                  1.05 * speed(names[i], &rates, ELCL_ATTN_EL, ELCL_INT8),
              "int8 compute counts little");
        m = rates;
        m.bf16_gflops = 2 * m.half_gflops;
        CHECK(speed(names[i], &m, ELCL_ATTN_EL, ELCL_BF16) >
                  1.02 * speed(names[i], &rates, ELCL_ATTN_EL, ELCL_BF16),
              "bf16 compute counts little");
        CHECK(speed(names[i], &m, ELCL_ATTN_EL, ELCL_F32) == before,
              "f32 weights at the rate of integers");
    }
}

/* The prediction of a batch of 8 on a GPU. */
static elcl_prediction on_gpu(const char *name, const elcl_device_rates *rates,
                              enum elcl_attention attention, enum elcl_storage weights,
                              enum elcl_compute compute)
{
    elcl_blueprint *blueprint = NULL;
    elcl_plan_params p = elcl_plan_params_default();
    elcl_prediction prediction = {.step_ms = 0};
    elcl_error err = {0};
    p.attention = attention;
    p.weights = weights;
    p.compute = compute;
    p.batch_size = 8;
    p.max_source = 100;
    p.max_target = 100;
    CHECK(!elcl_blueprint_open_synthetic(name, &blueprint, &err) &&
              !elcl_predict(blueprint, &p, rates, &prediction, &err),
          "%s", err.msg);
    elcl_blueprint_close(&blueprint);
    return prediction;
}

/* Where only launches take time, a prediction counts them: those of a decoder layer are what 12
 * layers have more than 6. A launch costs a GPU some microseconds whatever it does, so for few rows
 * their number decides. Products of 16-bit activations of few rows take the three norms. */
static void test_launches(void)
{
    static const struct {
        enum elcl_attention attention;
        enum elcl_storage weights;
        enum elcl_compute compute;
        int launches;
    } cases[] = {{ELCL_ATTN_EL, ELCL_F16, ELCL_COMPUTE_F32, 17},
                 {ELCL_ATTN_MHA, ELCL_F16, ELCL_COMPUTE_F32, 11},
                 {ELCL_ATTN_MHA_BEAM, ELCL_F16, ELCL_COMPUTE_F32, 13},
                 {ELCL_ATTN_EL, ELCL_F16, ELCL_COMPUTE_F16, 14},
                 {ELCL_ATTN_MHA, ELCL_BF16, ELCL_COMPUTE_BF16, 8},
                 {ELCL_ATTN_MHA_BEAM, ELCL_F16, ELCL_COMPUTE_F16, 10}};
    const elcl_device_rates rates = {.type = ELCL_DEVICE_GPU,
                                     .memory_gbs = 1e15,
                                     .f32_gflops = 1e15,
                                     .half_gflops = 1e15,
                                     .launch_us = 1000};
    if (!check_case("predict: launches of a decoder layer"))
        return;
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        const enum elcl_attention a = cases[i].attention;
        const enum elcl_storage w = cases[i].weights;
        const double large = on_gpu("bart-large", &rates, a, w, cases[i].compute).step_ms;
        const double small = on_gpu("bart-base", &rates, a, w, cases[i].compute).step_ms;
        const double launches = (large - small) / 6;
        CHECK(fabs(launches - cases[i].launches) < 1e-3, "variant %d: %g launches, want %d", a,
              launches, cases[i].launches);
    }
}

/* A matrix instruction multiplies f32 inputs by 16-bit weights in two or three parts. */
static void test_parts(void)
{
    const elcl_device_rates rates = {.type = ELCL_DEVICE_GPU,
                                     .memory_gbs = 1e6,
                                     .f32_gflops = 100,
                                     .half_gflops = 1200,
                                     .launch_us = 0};
    if (!check_case("predict: f32 inputs of matrix instructions"))
        return;
    for (int bf16 = 0; bf16 < 2; bf16++) {
        const enum elcl_storage weights = bf16 ? ELCL_BF16 : ELCL_F16;
        const double rounded =
            on_gpu("bart-base", &rates, ELCL_ATTN_MHA, weights, ELCL_COMPUTE_AUTO).encode_ms;
        const double exact =
            on_gpu("bart-base", &rates, ELCL_ATTN_MHA, weights, ELCL_COMPUTE_F32).encode_ms;
        const double parts = bf16 ? 2 : 3;
        CHECK(exact > 0.8 * parts * rounded && exact < 1.001 * parts * rounded,
              "%g ms exact, %g ms rounded", exact, rounded);
    }
}

static void test_refusals(void)
{
    if (!check_case("predict: what is refused"))
        return;
    const elcl_device_rates good = {.memory_gbs = 20, .f32_gflops = 200, .half_gflops = 200};
    elcl_device_rates bad[] = {good, good, good, good};
    bad[0].memory_gbs = 0;
    bad[1].f32_gflops = NAN;
    bad[2].wait_us = -1;
    bad[3].cache_bytes = 1;
    elcl_blueprint *blueprint = NULL;
    elcl_plan_params p = elcl_plan_params_default();
    elcl_prediction prediction;
    p.batch_size = 1;
    CHECK(!elcl_blueprint_open_synthetic("gpt2", &blueprint, NULL), "opens");
    for (size_t i = 0; i < ELCL_COUNT(bad); i++) {
        elcl_error err = {0};
        CHECK(elcl_predict(blueprint, &p, &bad[i], &prediction, &err) == ELCL_E_ARG &&
                  strstr(err.msg, "rates must be above 0"),
              "rates %zu: %s", i, err.msg);
    }
    p.batch_size = 0;
    CHECK(elcl_predict(blueprint, &p, &good, &prediction, NULL) == ELCL_E_ARG, "no batch");
    elcl_blueprint_close(&blueprint);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_operations();
    test_measured_rates();
    test_launches();
    test_parts();
    test_refusals();
    return check_end();
}
