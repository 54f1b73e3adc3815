/* Rates: they are plausible, stay within the memory limit, and free all buffers. */
#include "tests.h"

#include <math.h>

#include "probe/rates.h"

static void check_dot(const char *type, double rate, enum elcl_dot dot)
{
    CHECK(elcl_dot_is_instruction(dot) ? rate > 0.1 && rate < 1e6 : rate == 0, "%g GOP/s of %s",
          rate, type);
}

/* An emulated instruction shows that the kernel and the count of its work are right. */
static void test_matrix_rate(struct elcl_device *device, const struct elcl_features *features)
{
    elcl_error err = {0};
    elcl_device_rates c = {0};
    struct elcl_features emulated = *features;
    emulated.mma = ELCL_MMA_EMULATED_32;
    if (!check_case("rates: of a matrix instruction"))
        return;
    if (!CHECK(!elcl_rates_measure(device, &emulated, &c, NULL, &err), "%s", err.msg))
        return;
    CHECK(c.matrix_gflops > 1e-3 && c.matrix_gflops < 2 * c.f32_gflops,
          "%g GFLOP/s of an emulation by multiply-adds with %g", c.matrix_gflops, c.f32_gflops);
    CHECK(c.half_gflops == fmax(c.f32_gflops, c.matrix_gflops), "16-bit: %g", c.half_gflops);
}

void test_rates(struct elcl_device *device, const struct elcl_features *features)
{
    test_matrix_rate(device, features);
    if (!check_case("rates: plausible, within a limit of 16 MiB"))
        return;
    elcl_error err = {0};
    elcl_device_rates c = {0};
    const uint64_t limit = device->memory_limit_bytes, room = 16u << 20;
    const uint64_t live = atomic_load(&device->live_bytes);
    atomic_store(&device->peak_bytes, live);
    device->memory_limit_bytes = live + room;
    if (CHECK(!elcl_rates_measure(device, features, &c, NULL, &err), "%s", err.msg)) {
        CHECK(c.copy_gbs > 0.01 && c.copy_gbs < 1e5, "copy %g GB/s", c.copy_gbs);
        CHECK(c.memory_gbs > 0.01 && c.memory_gbs < 1e5, "read %g GB/s", c.memory_gbs);
        CHECK(c.cache_gbs > 0.01 && c.cache_gbs < 1e6, "copy of 1 MiB %g GB/s", c.cache_gbs);
        CHECK(c.f32_gflops > 0.1 && c.f32_gflops < 1e6, "%g GFLOP/s", c.f32_gflops);
        check_dot("int8", c.int8_gops, features->int8_dot.kind);
        check_dot("bf16", c.bf16_gflops, features->bf16_dot.kind);
        check_dot("state", c.state_gops, features->state_dot.kind);
        CHECK((c.matrix_gflops > 0) == (features->mma != ELCL_MMA_NONE), "matrix %g GFLOP/s",
              c.matrix_gflops);
        CHECK(c.launch_us > 0 && c.launch_us < 1e6, "launch %g us", c.launch_us);
        CHECK(c.wait_us > c.launch_us / 2, "launch %g us, with a wait %g us", c.launch_us,
              c.wait_us);
    }
    CHECK(atomic_load(&device->live_bytes) == live, "a buffer is left");
    CHECK(atomic_load(&device->peak_bytes) <= live + room, "peak");
    device->memory_limit_bytes = live + 1024;
    CHECK(elcl_rates_measure(device, features, &c, NULL, &err) == ELCL_E_DEVICE_NOMEM,
          "without memory: %d", err.code);
    CHECK(atomic_load(&device->live_bytes) == live, "a buffer is left after a failure");
    device->memory_limit_bytes = limit;
}
