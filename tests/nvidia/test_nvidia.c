/* The emulated NVIDIA device: its instructions against plain C, and that it finds mistakes. */
#define _POSIX_C_SOURCE 200809L
#define CL_TARGET_OPENCL_VERSION 120
#define CL_USE_DEPRECATED_OPENCL_1_1_APIS
#include <CL/cl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "tests/check.h"

enum { WORDS = 1024, ARGUMENTS = 4 };

static cl_context context;
static cl_command_queue queue;
static cl_device_id device;
static cl_program right, wrong;
static char log_path[512], counts_path[512];

/* ---- running a kernel ---------------------------------------------------------------------- */

static char *read_file(const char *path)
{
    static char text[1 << 18];
    FILE *f = fopen(path, "rb");
    text[f ? fread(text, 1, sizeof(text) - 1, f) : 0] = '\0';
    if (f)
        fclose(f);
    return text;
}

/* Complaints of the runs since the last call. */
static const char *complaints(void)
{
    const char *text = read_file(log_path);
    remove(log_path);
    return text;
}

static cl_program build(const char *options, cl_int *code)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/tests/nvidia/test_nvidia.cl", check_root());
    const char *sources[] = {"#line 1 \"test_nvidia.cl\"\n", read_file(path)};
    cl_program p = clCreateProgramWithSource(context, 2, sources, NULL, code);
    *code = clBuildProgram(p, 1, &device, options, NULL, NULL);
    return p;
}

/* What a kernel gets: out, then buffers of words, then local memory if there are bytes of it. */
struct run {
    const char *kernel;
    size_t items, groups;
    const uint32_t *in[ARGUMENTS];
    size_t words[ARGUMENTS];
    size_t local_bytes;
    uint32_t out[WORDS];
    size_t out_words;
};

/* Returns the code of the first call that fails. */
static cl_int run_kernel(cl_program program, struct run *r)
{
    cl_mem buffers[ARGUMENTS + 1] = {0};
    cl_int code, result;
    cl_uint n = 0;
    cl_kernel kernel = clCreateKernel(program, r->kernel, &result);
    if (result)
        return result;
    buffers[0] = clCreateBuffer(context, CL_MEM_READ_WRITE, 4 * r->out_words, NULL, &code);
    for (n = 0; n < ARGUMENTS && r->words[n]; n++)
        buffers[n + 1] = clCreateBuffer(context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR,
                                        4 * r->words[n], (void *)(uintptr_t)r->in[n], &code);
    for (cl_uint a = 0; a <= n && !result; a++)
        result = clSetKernelArg(kernel, a, sizeof(cl_mem), &buffers[a]);
    if (r->local_bytes && !result)
        result = clSetKernelArg(kernel, n + 1, r->local_bytes, NULL);
    const size_t global = r->items * r->groups;
    if (!result)
        result = clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &global, &r->items, 0, NULL, NULL);
    if (!result)
        result = clEnqueueReadBuffer(queue, buffers[0], CL_TRUE, 0, 4 * r->out_words, r->out, 0,
                                     NULL, NULL);
    for (cl_uint a = 0; a <= n; a++)
        clReleaseMemObject(buffers[a]);
    clReleaseKernel(kernel);
    return result;
}

/* Runs it without complaints. */
static bool runs(struct run *r)
{
    const cl_int code = run_kernel(right, r);
    const char *found = complaints();
    return CHECK(!code, "%s: code %d", r->kernel, code) &&
           CHECK(!*found, "%s: %s", r->kernel, found);
}

static void is(const struct run *r, const uint32_t *want)
{
    for (size_t i = 0; i < r->out_words; i++)
        if (!CHECK(r->out[i] == want[i], "%s: [%zu] = %08" PRIx32 ", want %08" PRIx32, r->kernel, i,
                   r->out[i], want[i]))
            return;
}

/* ---- instructions -------------------------------------------------------------------------- */

static uint32_t pair(float low, float high, bool bf16)
{
    return bf16 ? elcl_f32_to_bf16(low) | (uint32_t)elcl_f32_to_bf16(high) << 16
                : elcl_f32_to_f16(low) | (uint32_t)elcl_f32_to_f16(high) << 16;
}

/* Whole numbers, so that all sums are exact. */
struct product {
    float a[16][16], b[16][8], c[16][8];
    uint32_t a_words[128], b_columns[64], b_rows[64], c_words[128], want[128];
};

static void fill_product(struct product *p, bool bf16)
{
    for (int m = 0; m < 16; m++)
        for (int k = 0; k < 16; k++)
            p->a[m][k] = (float)check_int(-100, 100);
    for (int k = 0; k < 16; k++)
        for (int n = 0; n < 8; n++) {
            p->b[k][n] = (float)check_int(-100, 100);
            p->c[k][n] = (float)check_int(-1000, 1000);
        }
    for (int i = 0; i < 128; i++)
        p->a_words[i] = pair(p->a[i / 8][i % 8 * 2], p->a[i / 8][i % 8 * 2 + 1], bf16);
    for (int i = 0; i < 64; i++) {
        p->b_columns[i] = pair(p->b[i % 8 * 2][i / 8], p->b[i % 8 * 2 + 1][i / 8], bf16);
        p->b_rows[i] = pair(p->b[i / 4][i % 4 * 2], p->b[i / 4][i % 4 * 2 + 1], bf16);
    }
    for (int i = 0; i < 128; i++) {
        float sum = p->c[i / 8][i % 8];
        for (int k = 0; k < 16; k++)
            sum += p->a[i / 8][k] * p->b[k][i % 8];
        p->want[i] = elcl_f32_to_bits(sum);
        p->c_words[i] = elcl_f32_to_bits(p->c[i / 8][i % 8]);
    }
}

static struct run product_run(const struct product *p, const char *kernel)
{
    return (struct run){.kernel = kernel,
                        .items = 32,
                        .groups = 1,
                        .in = {p->a_words, p->b_columns, p->c_words},
                        .words = {128, 64, 128},
                        .out_words = 128};
}

static void test_products(void)
{
    struct product p;
    if (!check_case("mma of bf16 and f16"))
        return;
    fill_product(&p, false);
    struct run r = product_run(&p, "mma_f16");
    if (runs(&r))
        is(&r, p.want);
    fill_product(&p, true);
    r = product_run(&p, "mma_bf16");
    if (runs(&r))
        is(&r, p.want);
    r = product_run(&p, "mma_ldmatrix");
    r.in[1] = p.b_rows;
    r.local_bytes = 768;
    if (runs(&r))
        is(&r, p.want);
    r = product_run(&p, "mma_swapped");
    if (runs(&r))
        CHECK(memcmp(r.out, p.want, sizeof(p.want)), "exchanged fragments do not show");
}

static void test_integer_product(void)
{
    int8_t a[16][32], b[8][32];
    int32_t c[16][8];
    uint32_t want[128];
    if (!check_case("mma of s8"))
        return;
    for (int i = 0; i < 16 * 32; i++)
        a[i / 32][i % 32] = (int8_t)check_int(-128, 127);
    for (int i = 0; i < 8 * 32; i++)
        b[i / 32][i % 32] = (int8_t)check_int(-128, 127);
    for (int i = 0; i < 128; i++) {
        int32_t sum = c[i / 8][i % 8] = check_int(-100000, 100000);
        for (int k = 0; k < 32; k++)
            sum += a[i / 8][k] * b[i % 8][k];
        want[i] = (uint32_t)sum;
    }
    uint32_t a_words[128], b_words[64], c_words[128];
    memcpy(a_words, a, sizeof(a));
    memcpy(b_words, b, sizeof(b));
    memcpy(c_words, c, sizeof(c));
    struct run r = {.kernel = "mma_s8",
                    .items = 32,
                    .groups = 1,
                    .in = {a_words, b_words, c_words},
                    .words = {128, 64, 128},
                    .out_words = 128};
    if (runs(&r))
        is(&r, want);
}

static void fill_random(uint32_t *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        words[i] = (uint32_t)check_random();
}

static void test_ldmatrix(void)
{
    static const char *const kernels[] = {"ldmatrix_x1",  "ldmatrix_x2",  "ldmatrix_x4",
                                          "ldmatrix_x1t", "ldmatrix_x2t", "ldmatrix_x4t"};
    uint32_t words[128], want[128];
    uint16_t rows[32][8];
    if (!check_case("ldmatrix"))
        return;
    fill_random(words, 128);
    memcpy(rows, words, sizeof(rows));
    for (int v = 0; v < 6; v++) {
        struct run r = {.kernel = kernels[v],
                        .items = 32,
                        .groups = 1,
                        .in = {words},
                        .words = {128},
                        .local_bytes = 512,
                        .out_words = 128};
        for (int i = 0; i < 128; i++) {
            const int m = i / 32, line = i % 32 / 4, at = i % 4 * 2;
            const uint16_t low = v < 3 ? rows[8 * m + line][at] : rows[8 * m + at][line];
            const uint16_t high = v < 3 ? rows[8 * m + line][at + 1] : rows[8 * m + at + 1][line];
            want[i] = m < 1 << v % 3 ? low | (uint32_t)high << 16 : 0;
        }
        if (runs(&r))
            is(&r, want);
    }
}

static void test_copies(void)
{
    static const char *const kernels[] = {"copy_ca4", "copy_ca8", "copy_ca16", "copy_cg16"};
    static const int bytes[] = {4, 8, 16, 16};
    uint32_t words[512], size[64], want[512];
    if (!check_case("cp.async"))
        return;
    fill_random(words, 512);
    for (int v = 0; v < 4; v++) {
        struct run r = {.kernel = kernels[v],
                        .items = 64,
                        .groups = 1,
                        .in = {words, size},
                        .words = {256, 64},
                        .local_bytes = 1024,
                        .out_words = 256};
        for (int i = 0; i < 64; i++)
            size[i] = (uint32_t)check_int(0, bytes[v]);
        for (int i = 0; i < 64; i++) {
            const int from = i ^ 33;
            for (int w = 0; w < 4; w++)
                want[4 * i + w] = 4 * w < bytes[v] ? 0 : 7;
            memcpy(&want[4 * i], &words[4 * from], size[from]);
        }
        if (runs(&r))
            is(&r, want);
    }
    struct run r = {.kernel = "copy_groups",
                    .items = 64,
                    .groups = 1,
                    .in = {words},
                    .words = {512},
                    .local_bytes = 2048,
                    .out_words = 512};
    for (int i = 0; i < 128; i++)
        memcpy(&want[4 * i], &words[4 * (i < 64 ? 63 - i : 191 - i)], 16);
    if (runs(&r))
        is(&r, want);
}

static void test_shuffles(void)
{
    uint32_t words[32], want[320];
    if (!check_case("shfl.sync"))
        return;
    fill_random(words, 32);
    for (int l = 0; l < 32; l++) {
        const int from[] = {(37 - l) & 31, l - 3, l + 5, l ^ 6, l ^ 9};
        for (int s = 0; s < 5; s++) {
            const int group = s == 4 ? 8 : 32;
            /* bfly reads beyond its group only upwards. */
            const bool inside =
                s == 4 ? from[s] <= l / group * group + group - 1 : from[s] >= 0 && from[s] < 32;
            want[10 * l + 2 * s] = words[inside ? from[s] : l];
            want[10 * l + 2 * s + 1] = inside;
        }
    }
    struct run r = {.kernel = "shuffles",
                    .items = 32,
                    .groups = 1,
                    .in = {words},
                    .words = {32},
                    .out_words = 320};
    if (runs(&r))
        is(&r, want);
}

static uint32_t plain_prmt(uint32_t x, uint32_t y, uint32_t selector)
{
    uint8_t bytes[8], to[4];
    uint32_t result;
    memcpy(bytes, &x, 4);
    memcpy(bytes + 4, &y, 4);
    for (int i = 0; i < 4; i++) {
        const uint8_t byte = bytes[selector >> 4 * i & 7];
        to[i] = selector >> 4 * i & 8 ? (byte & 0x80 ? 0xff : 0) : byte;
    }
    memcpy(&result, to, 4);
    return result;
}

static void test_integers(void)
{
    uint32_t words[192], want[896];
    if (!check_case("integers"))
        return;
    fill_random(words, 192);
    for (int i = 0; i < 64; i++) {
        const uint32_t x = words[3 * i], y = words[3 * i + 1], z = words[3 * i + 2];
        uint32_t *to = &want[14 * i];
        int zeros = 0, ones = 0;
        to[0] = to[1] = z;
        for (int b = 0; b < 32; b += 8) {
            to[0] += (uint32_t)((int8_t)(x >> b) * (int8_t)(y >> b));
            to[1] += (x >> b & 255) * (y >> b & 255);
        }
        while (zeros < 32 && !(x >> (31 - zeros) & 1))
            zeros++;
        for (int b = 0; b < 32; b++)
            ones += x >> b & 1;
        to[2] = plain_prmt(x, y, z);
        to[3] = x >> 5 & 0x7ff;
        to[4] = (uint32_t)((int32_t)(x << 16) >> 21);
        to[5] = (uint32_t)((uint64_t)x * y >> 32);
        to[6] = (uint32_t)((int64_t)(int32_t)x * (int32_t)y >> 32);
        to[7] = x >> 31 ? UINT32_MAX : 0;
        to[8] = (uint32_t)zeros;
        to[9] = (uint32_t)ones;
        const uint16_t high = elcl_f32_to_bf16(elcl_bits_to_f32(x));
        const uint16_t low = elcl_f32_to_bf16(elcl_bits_to_f32(y));
        const bool nan_high = (high & 0x7fff) > 0x7f80, nan_low = (low & 0x7fff) > 0x7f80;
        to[10] = (uint32_t)(nan_high ? 0x7fff : high) << 16 | (nan_low ? 0x7fff : low);
        to[11] = (uint32_t)((int32_t)x / (int32_t)y);
        to[12] = 2;
        to[13] = x >> 5 | y << 27;
    }
    struct run r = {.kernel = "integers",
                    .items = 64,
                    .groups = 1,
                    .in = {words},
                    .words = {192},
                    .out_words = 896};
    if (runs(&r))
        is(&r, want);
}

static uint32_t plain_branches(uint32_t item, uint32_t n)
{
    uint32_t sum = 0;
    if (item % 16 == 5)
        return 5;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j <= i % 7 && (j ^ item) % 5 != 3; j++)
            sum += i * j + 1;
        if ((i + item) % 11 == 10)
            continue;
        sum ^= item % 3 ? i : 2 * i;
        if (sum > 5000)
            break;
    }
    return sum;
}

static void test_branches(void)
{
    uint32_t words[64], want[64];
    if (!check_case("branches"))
        return;
    for (uint32_t i = 0; i < 64; i++) {
        words[i] = (uint32_t)check_int(0, 300);
        want[i] = plain_branches(i, words[i]);
    }
    struct run r = {.kernel = "branches",
                    .items = 64,
                    .groups = 1,
                    .in = {words},
                    .words = {64},
                    .out_words = 64};
    if (runs(&r))
        is(&r, want);
}

/* ---- mistakes ------------------------------------------------------------------------------ */

static void test_mistakes(void)
{
    static const struct {
        const char *kernel, *complaint;
    } cases[] = {
        {"race_read", "reads what item 0 wrote since the last barrier"},
        {"race_write", "writes what item 1 read since the last barrier"},
        {"race_both", "writes what item 0 wrote since the last barrier"},
        {"race_bytes", "writes what item 0 wrote since the last barrier"},
        {"copy_without_wait", "reads what a cp.async of item 0 has yet to write"},
        {"copy_without_barrier", "reads what item 0 wrote since the last barrier"},
        {"copy_to_what_is_read", "read since the last barrier"},
        {"read_beyond", "reads 4 bytes at 256 of a buffer of 256"},
        {"write_beyond", "writes 4 bytes at -4 of a buffer of 256"},
        {"copy_beyond", "reads 16 bytes at 256 of a buffer of 256"},
        {"local_beyond", "writes 4 bytes at 4096 of 4096 bytes of local memory"},
        {"misaligned", "reads 8 bytes at an address that is 4 beyond a multiple"},
        {"local_misaligned", "writes 8 bytes at 4 of local memory"},
        {"barrier_of_lanes", "a barrier is met by 16 of 32 lanes"},
        {"barrier_of_warps", "a barrier is met after a part of the group has ended"},
        {"barrier_after_return", "a barrier is met by 31 of 32 lanes"},
        {"matrix_of_lanes", "an instruction of whole warps is met by 31 of 32 lanes"},
        {"never_written", "reads local memory that nothing wrote"},
    };
    uint32_t words[64];
    for (uint32_t i = 0; i < 64; i++)
        words[i] = i;
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        if (!check_case("mistake %s", cases[c].kernel))
            continue;
        struct run r = {.kernel = cases[c].kernel,
                        .items = 64,
                        .groups = 1,
                        .in = {words},
                        .words = {64},
                        .local_bytes = 4096,
                        .out_words = 64};
        runs(&r);
        const cl_int code = run_kernel(wrong, &r);
        const char *found = complaints();
        CHECK(!code && strstr(found, cases[c].complaint), "code %d: \"%s\"", code, found);
        CHECK(strstr(found, cases[c].kernel) && strstr(found, "test_nvidia.cl:"), "\"%s\"", found);
    }
}

static void is_refused(struct run *r, cl_int want, const char *complaint)
{
    const cl_int code = run_kernel(right, r);
    const char *found = complaints();
    CHECK(code == want && strstr(found, complaint), "code %d: \"%s\"", code, found);
}

static void test_launches(void)
{
    uint32_t words[64] = {0};
    const size_t global[] = {1, 65536}, local[] = {1, 1};
    cl_int code;
    if (!check_case("launches that are refused"))
        return;
    const struct run good = {.kernel = "read_beyond",
                             .items = 64,
                             .groups = 1,
                             .in = {words},
                             .words = {64},
                             .local_bytes = 48 << 10,
                             .out_words = 64};
    struct run r = good;
    runs(&r);
    r.local_bytes++;
    is_refused(&r, CL_OUT_OF_RESOURCES, "more than 49152 bytes of local memory");
    r = good;
    r.local_bytes = 0;
    is_refused(&r, CL_INVALID_KERNEL_ARGS, "argument 2 is not set");
    r = good;
    r.items = 1025;
    is_refused(&r, CL_INVALID_WORK_GROUP_SIZE, "of 1025 items");
    cl_kernel k = clCreateKernel(right, "integers", &code);
    code = clSetKernelArg(k, 0, 4, words);
    CHECK(code == CL_INVALID_ARG_SIZE, "code %d", code);
    CHECK(strstr(complaints(), "argument 0 has 4 bytes, the kernel wants 8"), "no complaint");
    code = clEnqueueNDRangeKernel(queue, k, 2, NULL, global, local, 0, NULL, NULL);
    CHECK(code == CL_INVALID_GLOBAL_WORK_SIZE, "code %d", code);
    CHECK(strstr(complaints(), "65536 work-groups in dimension 1"), "no complaint");
    clReleaseKernel(k);
}

static void test_unknown(void)
{
    char text[512] = "";
    cl_int code;
    if (!check_case("an unknown instruction"))
        return;
    cl_program p = build("-DUNKNOWN", &code);
    clGetProgramBuildInfo(p, device, CL_PROGRAM_BUILD_LOG, sizeof(text), text, NULL);
    CHECK(code == CL_BUILD_PROGRAM_FAILURE && strstr(text, "unknown instruction: brev.b32"),
          "code %d: %s", code, text);
    clReleaseProgram(p);
}

/* ---- counts -------------------------------------------------------------------------------- */

/* The ratio of cost and least in the row of a kernel and an instruction. */
static double ratio(const char *kernel, const char *instruction)
{
    char row[256] = "", name[64], op[64], unit[32];
    double requests, cost, least, value;
    FILE *f = fopen(counts_path, "r");
    while (f && fgets(row, sizeof(row), f))
        if (sscanf(row, "%63s %*s %*s %63s %31s %lf %lf %lf %lf", name, op, unit, &requests, &cost,
                   &least, &value) == 7 &&
            !strcmp(name, kernel) && !strcmp(op, instruction)) {
            fclose(f);
            return value;
        }
    if (f)
        fclose(f);
    return -1;
}

/* Runs the kernel in a program of its own, because counts are written when it is released. */
static void count(const char *options)
{
    uint32_t words[512] = {0};
    cl_int code;
    struct run r = {.kernel = "conflicts",
                    .items = 32,
                    .groups = 1,
                    .in = {words},
                    .words = {512},
                    .local_bytes = 8192,
                    .out_words = 64};
    remove(counts_path);
    cl_program p = build(options, &code);
    CHECK(!code && !run_kernel(p, &r), "%s does not run", r.kernel);
    clReleaseProgram(p);
}

static void test_counts(void)
{
    if (!check_case("counts of wavefronts and sectors"))
        return;
    count("");
    CHECK(ratio("conflicts", "st.shared.u32") == 1, "%g", ratio("conflicts", "st.shared.u32"));
    CHECK(ratio("conflicts", "ld.global.u32") == 1, "%g", ratio("conflicts", "ld.global.u32"));
    count("-DWRONG");
    CHECK(ratio("conflicts", "st.shared.u32") == 32, "%g", ratio("conflicts", "st.shared.u32"));
    CHECK(ratio("conflicts", "ld.global.u32") == 8, "%g", ratio("conflicts", "ld.global.u32"));
}

/* ---- the device ---------------------------------------------------------------------------- */

static bool open_device(void)
{
    cl_platform_id platform;
    char name[128] = "";
    cl_int code = clGetPlatformIDs(1, &platform, NULL);
    if (!code)
        code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_GPU, 1, &device, NULL);
    if (!code)
        code = clGetDeviceInfo(device, CL_DEVICE_NAME, sizeof(name), name, NULL);
    if (!CHECK(!code && strstr(name, "NVIDIA") && strstr(name, "emulated"), "code %d: %s", code,
               name))
        return false;
    context = clCreateContext(NULL, 1, &device, NULL, NULL, &code);
    queue = clCreateCommandQueue(context, device, 0, &code);
    right = build("", &code);
    if (CHECK(!code, "code %d", code))
        wrong = build("-DWRONG", &code);
    char text[1024] = "";
    clGetProgramBuildInfo(wrong ? wrong : right, device, CL_PROGRAM_BUILD_LOG, sizeof(text), text,
                          NULL);
    return CHECK(!code, "%s", text);
}

static bool has_tools(void)
{
    FILE *f = fopen("/usr/lib/clc/nvptx64--nvidiacl.bc", "r");
    if (f)
        fclose(f);
    return f && !system("command -v clang-15 >/dev/null");
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    const char *directory = check_temporary_directory();
    snprintf(log_path, sizeof(log_path), "%s/complaints", directory);
    snprintf(counts_path, sizeof(counts_path), "%s/counts", directory);
    setenv("ELCL_NVIDIA_LOG", log_path, 1);
    setenv("ELCL_NVIDIA_COUNTS", counts_path, 1);
    setenv("ELCL_NVIDIA_DIR", directory, 1);
    check_case("the device");
    if (!has_tools())
        check_skip("no clang-15 with libclc-15 here");
    else if (open_device()) {
        test_products();
        test_integer_product();
        test_ldmatrix();
        test_copies();
        test_shuffles();
        test_integers();
        test_branches();
        test_mistakes();
        test_launches();
        test_unknown();
        test_counts();
        clReleaseProgram(wrong);
        clReleaseProgram(right);
        clReleaseCommandQueue(queue);
        clReleaseContext(context);
    }
    return check_end();
}
