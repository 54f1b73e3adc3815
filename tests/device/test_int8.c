/* Which integer dot products GPU kernels may use, and that each gives exact sums. */
#include "tests.h"

#include <string.h>

#include "device/buffer.h"

static void test_allowed(void)
{
    static const char nv[] = "NVIDIA Corporation", khr[] = "cl_khr_fp16 cl_khr_integer_dot_product";
    static const struct {
        struct elcl_int8_facts facts;
        enum elcl_dot want[2];
    } cases[] = {
        {{nv, "", 9, 0}, {ELCL_DOT_GPU_NVIDIA, ELCL_DOT_NONE}},
        {{nv, khr, 6, 1}, {ELCL_DOT_GPU_NVIDIA, ELCL_DOT_GPU_KHR}},
        {{nv, "", 6, 0}, {ELCL_DOT_NONE, ELCL_DOT_NONE}},
        {{nv, khr, 5, 2}, {ELCL_DOT_GPU_KHR, ELCL_DOT_NONE}},
        {{"Intel(R) Corporation", khr, 0, 0}, {ELCL_DOT_GPU_KHR, ELCL_DOT_NONE}},
        {{"AuthenticAMD", "cl_khr_integer_dot", 0, 0}, {ELCL_DOT_NONE, ELCL_DOT_NONE}},
    };
    if (!check_case("int8 dot products, what compilers may see"))
        return;
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        enum elcl_dot got[2];
        elcl_int8_allowed(&cases[i].facts, got);
        CHECK(got[0] == cases[i].want[0] && got[1] == cases[i].want[1], "case %zu: %d, %d", i,
              (int)got[0], (int)got[1]);
    }
}

enum { N = 64 };
static const char text[] = "__kernel void dots(__global int *y, __global const uint *x)\n"
                           "{\n"
                           "    const int i = get_global_id(0);\n"
                           "    y[i] = dot4(i - 7, x[i], x[i + 64]);\n"
                           "}\n";

/* Bytes from -127 to 127, whose ends are frequent. */
static uint32_t word(int i)
{
    uint32_t w = 0;
    for (int b = 0; b < 4; b++) {
        const int v = (i + b) % 5 == 0   ? 127
                      : (i + b) % 5 == 1 ? -127
                                         : (53 * i + 91 * b) % 255 - 127;
        w |= (uint32_t)(uint8_t)(int8_t)v << 8 * b;
    }
    return w;
}

static int32_t dot4(int32_t sum, uint32_t x, uint32_t w)
{
    for (int b = 0; b < 32; b += 8)
        sum += (int8_t)(x >> b) * (int8_t)(w >> b);
    return sum;
}

/* Sets y [N] to what the kernel gives. */
static bool run_dots(struct elcl_device *device, const struct elcl_program_parts *parts, int32_t *y)
{
    struct elcl_buffer out = {0}, in = {0};
    cl_program program = NULL;
    cl_kernel kernel = NULL;
    uint32_t x[2 * N];
    const size_t items = N;
    elcl_error err = {0};
    cl_int code = -1;
    for (int i = 0; i < 2 * N; i++)
        x[i] = word(i);
    if (!elcl_program_build(device, parts, &program, &err))
        kernel = clCreateKernel(program, "dots", &code);
    const bool ok =
        !code && !elcl_buffer_create(device, "test", sizeof(int32_t) * N, &out, &err) &&
        !elcl_buffer_create(device, "test", sizeof(x), &in, &err) &&
        !elcl_buffer_write(&in, 0, x, sizeof(x), &err) &&
        !clSetKernelArg(kernel, 0, sizeof(cl_mem), &out.mem) &&
        !clSetKernelArg(kernel, 1, sizeof(cl_mem), &in.mem) &&
        !clEnqueueNDRangeKernel(device->queue, kernel, 1, NULL, &items, NULL, 0, NULL, NULL) &&
        !elcl_buffer_read(&out, 0, y, sizeof(int32_t) * N, &err);
    CHECK(ok, "%s", err.msg);
    elcl_buffer_destroy(&out);
    elcl_buffer_destroy(&in);
    if (kernel)
        clReleaseKernel(kernel);
    if (program)
        clReleaseProgram(program);
    return ok;
}

/* dot4_khr.cl adds what the driver's function gives to the sum: here max() stands for it. */
static void test_numbers(struct elcl_device *device)
{
    int32_t y[N];
    if (!check_case("int8 dot products, numbers"))
        return;
    const struct elcl_program_parts plain = {.files = {"dot4_plain.cl"}, .text = text};
    const bool plain_ok = run_dots(device, &plain, y);
    for (int i = 0; plain_ok && i < N; i++)
        CHECK(y[i] == dot4(i - 7, word(i), word(i + N)), "plain: %d at %d", y[i], i);
    const struct elcl_program_parts khr = {
        .files = {"dot4_khr.cl"}, .options = "-Ddot_4x8packed_ss_int=max", .text = text};
    const bool ok = run_dots(device, &khr, y);
    for (int i = 0; ok && i < N; i++) {
        const uint32_t a = word(i), b = word(i + N);
        CHECK(y[i] == (int32_t)((uint32_t)(i - 7) + (a > b ? a : b)), "khr: %d at %d", y[i], i);
    }
}

/* gemm_int8_wide.cl on an emulated instruction. */
static void test_matrix(struct elcl_device *device)
{
    if (check_case("int8 matrix instructions, numbers"))
        CHECK(elcl_int8_mma_try(device, ELCL_MAC_PLAIN, ELCL_MMA_EMULATED_32) == ELCL_RIGHT &&
                  elcl_int8_mma_try(device, ELCL_MAC_PLAIN, ELCL_MMA_AMD_WMMA) == ELCL_WRONG &&
                  elcl_int8_mma_try(device, ELCL_MAC_PLAIN, ELCL_MMA_NONE) == ELCL_WRONG,
              "wrong sums, or a file without integers is taken");
}

void test_int8(struct elcl_device *device)
{
    test_matrix(device);
    test_allowed();
    test_numbers(device);
}
