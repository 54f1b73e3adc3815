/* Finds the integer arithmetic of GPU kernels that works here: runs the GEMMs that use it, and
 * compares their sums exactly. */
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "cl/records.h"
#include "device/buffer.h"
#include "probe/dot.h"
#include "probe/options.h"

/* One product: several tiles of each kernel, and a last step that is not whole. */
enum { M = 70, N = 133, K = 100, PACK = ELCL_DOT_GPU_PACK, CHUNKS = (K + PACK - 1) / PACK };

/* As gemm_int8.cl has them. All scales are 1. */
struct operands {
    struct {
        int8_t q[CHUNKS][PACK];
        float scale[ELCL_INT8_TAIL];
    } x[M];
    struct {
        int8_t q[CHUNKS][N][PACK];
        float scales[N];
        int32_t sums[N]; /* not read */
        int32_t rest[PACK];
    } w;
    float y[M][N];
};

static int value_x(int m, int k)
{
    return k % 7 == 0 ? (m % 2 ? 127 : -127) : (31 * m + 17 * k) % 255 - 127;
}

static int value_w(int n, int k)
{
    return k % 7 == 0 ? (n % 3 ? 127 : -127) : (13 * k + 29 * n) % 255 - 127;
}

static void fill(struct operands *o)
{
    for (int k = 0; k < K; k++) {
        for (int m = 0; m < M; m++)
            o->x[m].q[k / PACK][k % PACK] = (int8_t)value_x(m, k);
        for (int n = 0; n < N; n++)
            o->w.q[k / PACK][n][k % PACK] = (int8_t)value_w(n, k);
    }
    for (int m = 0; m < M; m++)
        o->x[m].scale[0] = 1;
    for (int n = 0; n < N; n++)
        o->w.scales[n] = 1;
}

static bool sums_are_right(const struct operands *o)
{
    for (int m = 0; m < M; m++)
        for (int n = 0; n < N; n++) {
            int sum = 0;
            for (int k = 0; k < K; k++)
                sum += value_x(m, k) * value_w(n, k);
            if (o->y[m][n] != (float)sum)
                return false;
        }
    return true;
}

/* A kernel with the arguments of gemm_int8.cl. */
struct int8_kernel {
    const char *name;
    size_t items, tile_m, tile_n, local_bytes;
};

static bool set_arguments(cl_kernel kernel, const struct elcl_buffer *buffers, size_t local_bytes)
{
    const cl_int ints[] = {M, N, K, CHUNKS + ELCL_INT8_TAIL * 4 / PACK, N};
    const cl_ulong zeros[] = {0, 0, 0}; /* x_batch, y_batch, y_low */
    const cl_int last[] = {0, ELCL_ACT_NONE};
    cl_uint n = 0;
    bool ok = true;
    for (int i = 0; i < 5; i++) /* y, x, w; bias and residual are not read */
        ok = ok && !clSetKernelArg(kernel, n++, sizeof(cl_mem), &buffers[i < 3 ? i : 0].mem);
    for (size_t i = 0; i < ELCL_COUNT(ints); i++)
        ok = ok && !clSetKernelArg(kernel, n++, sizeof(ints[i]), &ints[i]);
    for (size_t i = 0; i < ELCL_COUNT(zeros); i++)
        ok = ok && !clSetKernelArg(kernel, n++, sizeof(zeros[i]), &zeros[i]);
    for (size_t i = 0; i < ELCL_COUNT(last); i++)
        ok = ok && !clSetKernelArg(kernel, n++, sizeof(last[i]), &last[i]);
    return ok && !clSetKernelArg(kernel, n, local_bytes, NULL);
}

/* Runs the kernel on o->x and o->w and reads o->y. */
static bool run(struct elcl_device *device, cl_kernel kernel, const struct int8_kernel *k,
                struct operands *o)
{
    struct elcl_buffer buffers[3] = {{0}}; /* y, x, w */
    const size_t global[] = {k->items * elcl_div_up(N, k->tile_n), elcl_div_up(M, k->tile_m), 1};
    const size_t local[] = {k->items, 1, 1};
    const bool ok =
        !elcl_buffer_create(device, "probe", sizeof(o->y), &buffers[0], NULL) &&
        !elcl_buffer_create(device, "probe", sizeof(o->x), &buffers[1], NULL) &&
        !elcl_buffer_create(device, "probe", sizeof(o->w), &buffers[2], NULL) &&
        !elcl_buffer_write(&buffers[1], 0, o->x, sizeof(o->x), NULL) &&
        !elcl_buffer_write(&buffers[2], 0, &o->w, sizeof(o->w), NULL) &&
        set_arguments(kernel, buffers, k->local_bytes) &&
        !clEnqueueNDRangeKernel(device->queue, kernel, 3, NULL, global, local, 0, NULL, NULL) &&
        !clFinish(device->queue) && !elcl_buffer_read(&buffers[0], 0, o->y, sizeof(o->y), NULL);
    for (size_t i = 0; i < ELCL_COUNT(buffers); i++)
        elcl_buffer_destroy(&buffers[i]);
    return ok;
}

static enum elcl_outcome try_kernel(struct elcl_device *device, cl_program program,
                                    const struct int8_kernel *k)
{
    cl_int code;
    cl_kernel kernel = clCreateKernel(program, k->name, &code);
    struct operands *o = elcl_calloc(1, sizeof(*o));
    if (o)
        fill(o);
    const enum elcl_outcome outcome = code || !o || !run(device, kernel, k, o) ? ELCL_UNKNOWN
                                      : sums_are_right(o)                      ? ELCL_RIGHT
                                                                               : ELCL_WRONG;
    elcl_free(o);
    if (kernel)
        clReleaseKernel(kernel);
    return outcome;
}

/* ---- dot products ---------------------------------------------------------------------------- */

static struct elcl_program_parts program_parts(enum elcl_mac mac, enum elcl_dot dot)
{
    struct elcl_program_parts parts = {.files = {"storage.cl", "activation.cl", "tile.cl",
                                                 "swizzle.cl", "gemm_put.cl",
                                                 elcl_dot_kinds[dot].file, "gemm_int8.cl"},
                                       .mac = mac};
    elcl_kernel_options_write(
        &(struct elcl_kernel_options){
            .weights = ELCL_INT8, .dot = dot, .vector = 4, .items = ELCL_TILE_ITEMS},
        &parts);
    return parts;
}

static enum elcl_outcome try_dot(struct elcl_device *device, enum elcl_mac mac, enum elcl_dot dot)
{
    static const struct int8_kernel kernels[] = {
        {"gemm", ELCL_TILE_ITEMS, ELCL_TILE_SIZE, ELCL_TILE_SIZE, ELCL_INT8_TILE_BYTES},
        {"gemm_rows", ELCL_TILE_ITEMS, ELCL_INT8_ROWS_M, ELCL_INT8_ROWS_N, ELCL_INT8_ROWS_BYTES}};
    const struct elcl_program_parts parts = program_parts(mac, dot);
    cl_program program = NULL;
    enum elcl_outcome outcome =
        elcl_outcome_of_build(elcl_program_build(device, &parts, &program, NULL));
    for (size_t i = 0; outcome == ELCL_RIGHT && i < ELCL_COUNT(kernels); i++)
        outcome = try_kernel(device, program, &kernels[i]);
    if (program)
        clReleaseProgram(program);
    return outcome;
}

void elcl_int8_allowed(const struct elcl_int8_facts *facts, enum elcl_dot *kinds)
{
    const bool dp4a =
        strstr(facts->vendor, "NVIDIA") &&
        (facts->nvidia_major > 6 || (facts->nvidia_major == 6 && facts->nvidia_minor >= 1));
    int n = 0;
    kinds[0] = kinds[1] = ELCL_DOT_NONE;
    if (dp4a)
        kinds[n++] = ELCL_DOT_GPU_NVIDIA;
    if (elcl_has_word(facts->extensions, "cl_khr_integer_dot_product"))
        kinds[n] = ELCL_DOT_GPU_KHR;
}

/* ---- matrix instructions --------------------------------------------------------------------- */

static struct elcl_program_parts mma_program_parts(enum elcl_mac mac, enum elcl_mma mma)
{
    struct elcl_program_parts parts = {
        .files = {"storage.cl", "activation.cl", "tile.cl", "swizzle.cl", elcl_mma_kinds[mma].file,
                  "tile_mma.cl", "gemm_put.cl", "tile_wide.cl", "dot4_plain.cl", "gemm_int8.cl",
                  "gemm_int8_wide.cl"},
        .mac = mac};
    elcl_kernel_options_write(
        &(struct elcl_kernel_options){
            .weights = ELCL_INT8, .dot = ELCL_DOT_GPU_PLAIN, .vector = 4, .items = ELCL_TILE_ITEMS},
        &parts);
    const size_t used = strlen(parts.options);
    (void)snprintf(parts.options + used, sizeof(parts.options) - used, "%s",
                   elcl_mma_kinds[mma].options);
    return parts;
}

enum elcl_outcome elcl_int8_mma_try(struct elcl_device *device, enum elcl_mac mac,
                                    enum elcl_mma mma)
{
    const struct elcl_mma_kind *kind = &elcl_mma_kinds[mma];
    if (mma == ELCL_MMA_NONE || !kind->int8)
        return ELCL_WRONG;
    const struct elcl_program_parts parts = mma_program_parts(mac, mma);
    const int rows[] = {128, 64, ELCL_WIDE_LEAST(kind->subgroup)};
    static const char *const names[] = {"gemm_wide", "gemm_wide_64", "gemm_wide_32"};
    cl_program program = NULL;
    enum elcl_outcome outcome =
        elcl_outcome_of_build(elcl_program_build(device, &parts, &program, NULL));
    for (size_t i = 0; outcome == ELCL_RIGHT && i < ELCL_COUNT(rows); i++) {
        const int stages = kind->async ? ELCL_WIDE_ASYNC_STAGES(rows[i], 1) : 2;
        const struct int8_kernel k = {names[i], ELCL_WIDE_ITEMS, (size_t)rows[i], ELCL_WIDE_N,
                                      (size_t)ELCL_WIDE_BYTES(stages, rows[i], 1)};
        outcome = try_kernel(device, program, &k);
    }
    if (program)
        clReleaseProgram(program);
    return outcome;
}

/* ---- what a compiler may see ----------------------------------------------------------------- */

#define CL_COMPUTE_CAPABILITY_MAJOR_NV 0x4000 /* of cl_nv_device_attribute_query */
#define CL_COMPUTE_CAPABILITY_MINOR_NV 0x4001

static unsigned query(const struct elcl_device *device, cl_device_info what)
{
    cl_uint value = 0;
    return clGetDeviceInfo(device->id, what, sizeof(value), &value, NULL) ? 0 : value;
}

static void allowed(const struct elcl_device *device, enum elcl_dot *kinds)
{
    const elcl_device_desc *d = &device->desc;
    struct elcl_int8_facts facts = {.vendor = d->vendor, .extensions = d->extensions};
    if (elcl_has_word(d->extensions, "cl_nv_device_attribute_query")) {
        facts.nvidia_major = query(device, CL_COMPUTE_CAPABILITY_MAJOR_NV);
        facts.nvidia_minor = query(device, CL_COMPUTE_CAPABILITY_MINOR_NV);
    }
    kinds[0] = kinds[1] = ELCL_DOT_NONE;
    if (device->kernels == ELCL_KERNELS_GPU && !device->no_matrix_why)
        elcl_int8_allowed(&facts, kinds);
}

bool elcl_int8_may_run(const struct elcl_device *device, enum elcl_dot dot)
{
    enum elcl_dot kinds[2];
    allowed(device, kinds);
    return dot != ELCL_DOT_NONE && (dot == kinds[0] || dot == kinds[1]);
}

enum elcl_dot elcl_probe_int8(struct elcl_device *device, enum elcl_mac mac, bool *unsure,
                              char *why, size_t n)
{
    enum elcl_dot kinds[2];
    allowed(device, kinds);
    if (device->no_matrix_why)
        (void)snprintf(why, n, "turned off by %s", device->no_matrix_why);
    else
        (void)snprintf(why, n, "needs cl_khr_integer_dot_product or an NVIDIA GPU");
    for (size_t i = 0; i < ELCL_COUNT(kinds) && kinds[i]; i++) {
        const char *name = elcl_dot_kinds[kinds[i]].name;
        const enum elcl_outcome outcome = try_dot(device, mac, kinds[i]);
        *unsure |= outcome == ELCL_UNKNOWN;
        if (outcome == ELCL_RIGHT) {
            (void)snprintf(why, n, "%s, with --compute int8", name);
            return kinds[i];
        }
        (void)snprintf(why, n, "%s %s", name, elcl_outcome_text(outcome));
    }
    return ELCL_DOT_GPU_PLAIN;
}
