/* Which integer products work here, and whether they pay: probe_dot.cl on each. */
#include "device/dot.h"

#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "device/buffer.h"
#include "device/program.h"

const struct elcl_dot_kind elcl_dot_kinds[] = {
    [ELCL_DOT_NONE] = {"mac_wide.cl", "f32 multiply-adds", 1, sizeof(float), 0},
    [ELCL_DOT_PLAIN] = {"mac_int8.cl", "plain integer arithmetic", 4, 1, 0},
    [ELCL_DOT_VPMADDWD] = {"mac_vpmaddwd.cl", "vpmaddwd", 2, 2, 0},
    [ELCL_DOT_VPDPBUSD] = {"mac_vpdpbusd.cl", "vpdpbusd", 4, 1, 128},
};

enum { K = 512, MOST_ROWS = 12, MOST_COLUMNS = 32, REPEATS = 400, ROUNDS = 5 };
#define PAYS 0.9

/* One kind, built. */
struct trial {
    struct elcl_device *device;
    enum elcl_dot dot;
    int vector, rows, columns;
    cl_program program;
    cl_kernel kernel;
    struct elcl_buffer out, x, w;
};

static int value_x(int row, int k)
{
    return k % 7 == 0 ? (row % 2 ? 127 : -127) : (31 * row + 17 * k) % 255 - 127;
}

static int value_w(int k, int column)
{
    return k % 7 == 0 ? (column % 3 ? 127 : -127) : (13 * k + 29 * column) % 255 - 127;
}

static void put_x(const struct trial *t, unsigned char *x, int row, int k)
{
    const size_t bytes = elcl_dot_kinds[t->dot].activation_bytes;
    const int value = value_x(row, k) + elcl_dot_kinds[t->dot].offset;
    const float f = (float)value;
    const int16_t word = (int16_t)value;
    const uint8_t byte = (uint8_t)value;
    const void *from = bytes == 4 ? (const void *)&f : bytes == 2 ? (const void *)&word : &byte;
    memcpy(x + ((size_t)row * K + (size_t)k) * bytes, from, bytes);
}

static int fill(struct trial *t)
{
    static const size_t most_x = sizeof(float) * MOST_ROWS * K, most_w = MOST_COLUMNS * K;
    const int group = elcl_dot_kinds[t->dot].group;
    unsigned char *x = elcl_calloc(most_x, 1), *w = elcl_calloc(most_w, 1);
    int rc = x && w ? ELCL_OK : ELCL_E_NOMEM;
    for (int k = 0; !rc && k < K; k++) {
        for (int row = 0; row < t->rows; row++)
            put_x(t, x, row, k);
        for (int n = 0; n < t->columns; n++)
            w[(k / group * t->columns + n) * group + k % group] = (unsigned char)value_w(k, n);
    }
    if (!rc)
        rc = elcl_buffer_write(&t->x, 0, x, most_x, NULL);
    if (!rc)
        rc = elcl_buffer_write(&t->w, 0, w, most_w, NULL);
    elcl_free(x);
    elcl_free(w);
    return rc;
}

static int trial_init(struct trial *t, struct elcl_device *device, enum elcl_dot dot)
{
    const char *const files[] = {"storage.cl", "activation.cl", elcl_dot_kinds[dot].file,
                                 "gemm_cpu.cl", "probe_dot.cl"};
    const uint32_t native = device->desc.vector_width;
    char options[128];
    cl_int code;
    int rc;
    *t = (struct trial){.device = device, .dot = dot};
    t->vector = native >= 16 ? 16 : native >= 8 ? 8 : 4; /* as in src/ops/ops.c */
    t->rows = t->vector == 16 ? MOST_ROWS : 6;
    t->columns = 2 * t->vector;
    (void)snprintf(options, sizeof(options),
                   "-DELCL_WEIGHT_INT8 -DVW=%d -DWG=1 -DGEMM_ROWS=%d -DWEIGHT_GROUP=%d", t->vector,
                   t->rows, elcl_dot_kinds[dot].group);
    ELCL_TRY(elcl_program_build(device, files, (int)ELCL_COUNT(files), options, &t->program, NULL));
    t->kernel = clCreateKernel(t->program, "probe_dot", &code);
    ELCL_TRY(elcl_cl_check(code, "clCreateKernel", "probe_dot", NULL));
    ELCL_TRY(elcl_buffer_create(device, "probe", MOST_ROWS * MOST_COLUMNS * 4, &t->out, NULL));
    ELCL_TRY(elcl_buffer_create(device, "probe", sizeof(float) * MOST_ROWS * K, &t->x, NULL));
    ELCL_TRY(elcl_buffer_create(device, "probe", MOST_COLUMNS * K, &t->w, NULL));
    ELCL_TRY(fill(t));
fail:
    return rc;
}

static void trial_finish(struct trial *t)
{
    elcl_buffer_destroy(&t->out);
    elcl_buffer_destroy(&t->x);
    elcl_buffer_destroy(&t->w);
    if (t->kernel)
        clReleaseKernel(t->kernel);
    if (t->program)
        clReleaseProgram(t->program);
}

/* Nanoseconds; negative when the driver refuses. */
static double run(struct trial *t, cl_int repeats)
{
    const cl_int steps = K / elcl_dot_kinds[t->dot].group;
    const size_t one = 1;
    const uint64_t start = elcl_clock_ns();
    if (clSetKernelArg(t->kernel, 0, sizeof(cl_mem), &t->out.mem) ||
        clSetKernelArg(t->kernel, 1, sizeof(cl_mem), &t->x.mem) ||
        clSetKernelArg(t->kernel, 2, sizeof(cl_mem), &t->w.mem) ||
        clSetKernelArg(t->kernel, 3, sizeof(steps), &steps) ||
        clSetKernelArg(t->kernel, 4, sizeof(repeats), &repeats) ||
        clEnqueueNDRangeKernel(t->device->queue, t->kernel, 1, NULL, &one, &one, 0, NULL, NULL) ||
        clFinish(t->device->queue))
        return -1;
    return (double)(elcl_clock_ns() - start);
}

/* Every sum, exactly. */
static bool is_right(struct trial *t)
{
    int32_t sums[MOST_ROWS * MOST_COLUMNS];
    if (run(t, 1) < 0 || elcl_buffer_read(&t->out, 0, sums, sizeof(sums), NULL))
        return false;
    for (int row = 0; row < t->rows; row++)
        for (int n = 0; n < t->columns; n++) {
            int32_t want = 0;
            for (int k = 0; k < K; k++)
                want += (value_x(row, k) + elcl_dot_kinds[t->dot].offset) * value_w(k, n);
            if (sums[row * t->columns + n] != want)
                return false;
        }
    return true;
}

/* Time of one kind by that of f32 products, each the least of some rounds, by turns; 0: unknown. */
static double share_of_time(struct trial *t)
{
    struct trial wide;
    double best = 0, best_wide = 0;
    const bool ok = !trial_init(&wide, t->device, ELCL_DOT_NONE);
    for (int i = 0; ok && i <= ROUNDS; i++) {
        const double ns = run(t, REPEATS), ns_wide = run(&wide, REPEATS);
        best = i < 2 || ns < best ? ns : best; /* the first round compiles */
        best_wide = i < 2 || ns_wide < best_wide ? ns_wide : best_wide;
    }
    trial_finish(&wide);
    return best > 0 && best_wide > 0 ? best / best_wide : 0;
}

/* Only PoCL compiles inline assembly rightly or drops it; other drivers crash on it. */
static bool may_have(const struct elcl_device *device, enum elcl_dot dot)
{
    const uint32_t vector = device->desc.vector_width;
    if (!device->is_pocl || device->desc.type != ELCL_DEVICE_CPU || vector < 8)
        return false;
    if (dot == ELCL_DOT_VPDPBUSD)
        return vector >= 16 && elcl_cpu_has(ELCL_CPU_AVX512_VNNI);
    return elcl_cpu_has(vector >= 16 ? ELCL_CPU_AVX512BW : ELCL_CPU_AVX2);
}

enum elcl_dot elcl_probe_dot(struct elcl_device *device, bool *pays, char *why, size_t n)
{
    static const enum elcl_dot kinds[] = {ELCL_DOT_VPDPBUSD, ELCL_DOT_VPMADDWD};
    *pays = false;
    (void)snprintf(why, n, "known on PoCL, on x86 with AVX2 or AVX-512 alone");
    for (size_t i = 0; i < ELCL_COUNT(kinds); i++) {
        struct trial t;
        if (!may_have(device, kinds[i]))
            continue;
        const bool right = !trial_init(&t, device, kinds[i]) && is_right(&t);
        const double share = right ? share_of_time(&t) : 0;
        trial_finish(&t);
        const char *name = elcl_dot_kinds[kinds[i]].name;
        (void)snprintf(why, n, "%s gave a wrong result or could not be run", name);
        if (!right)
            continue;
        *pays = share > 0 && share < PAYS;
        (void)snprintf(why, n, "%s takes %.2f of the time of f32 products%s", name, share,
                       *pays ? "" : ": too much");
        return kinds[i];
    }
    return ELCL_DOT_PLAIN;
}
