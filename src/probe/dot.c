/* Finds which dot products work here and whether they pay: runs probe_dot.cl with each kind. */
#include "probe/dot.h"

#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "base/half.h"
#include "base/least.h"
#include "base/os.h"
#include "base/util.h"
#include "cl/records.h"
#include "device/buffer.h"
#include "elcl/plan.h"
#include "probe/options.h"

enum { K = 512, MAX_ROWS = 12, MAX_COLUMNS = 32, REPEATS = 400, ROUNDS = 5, MOST_ROUNDS = 12 };
#define MAX_X (sizeof(float) * MAX_ROWS * K)
#define MAX_W (sizeof(uint16_t) * MAX_COLUMNS * K)
#define PAYS 0.9

/* One kind under test. */
struct trial {
    struct elcl_device *device;
    enum elcl_mac mac;
    enum elcl_dot dot;
    enum elcl_storage weights;
    int rows, columns;
    cl_program program;
    cl_kernel kernel;
    struct elcl_buffer out, x, w;
};

/* Whole numbers: bf16 holds them exactly, and f32 their sums. Runs of 8 are as large as can be. */
static int value_x(int row, int k)
{
    return k / 8 % 7 == 0 ? (row % 2 ? 127 : -127) : (31 * row + 17 * k) % 255 - 127;
}

static int value_w(enum elcl_dot dot, int k, int column)
{
    const int most = elcl_dot_kinds[dot].short_sums ? ELCL_SHORT_SUM / 4 : 127;
    return k / 8 % 7 == 0 ? (column % 3 ? most : -most)
                          : (13 * k + 29 * column) % (2 * most + 1) - most;
}

#define GROUPS (K / ELCL_INT4_GROUP)
#define GROUP_BYTES (ELCL_INT4_GROUP + sizeof(int32_t)) /* of a row of x for int4 weights */

static int value_int4(int k, int column)
{
    return (13 * k + 29 * column) % 16 - 8;
}

static int scale_int4(int k, int column)
{
    return 1 + (k / ELCL_INT4_GROUP + column) % 2;
}

/* Writes element `at` of x or w, in a type of `bytes` bytes. */
static void put(unsigned char *to, size_t at, enum elcl_storage type, size_t bytes, int value)
{
    const float f = (float)value;
    const uint16_t bf16 = elcl_f32_to_bf16(f);
    const int16_t word = (int16_t)value;
    const uint8_t byte = (uint8_t)value;
    const void *from = type == ELCL_F32    ? (const void *)&f
                       : type == ELCL_BF16 ? (const void *)&bf16
                       : bytes == 2        ? (const void *)&word
                                           : &byte;
    memcpy(to + at * bytes, from, bytes);
}

/* A panel as struct elcl_matrix says. */
static void fill_int4_weights(const struct trial *t, unsigned char *w)
{
    const size_t columns = (size_t)t->columns;
    for (int k = 0; k < K; k++)
        for (size_t n = 0; n < columns; n++) {
            unsigned char *group = w + (size_t)(k / ELCL_INT4_GROUP) * columns * 18;
            const int row = k % ELCL_INT4_GROUP / 8, scale = scale_int4(k, (int)n);
            const uint16_t bits = elcl_f32_to_f16((float)scale);
            group[((size_t)row * columns + n) * 4 + (size_t)(k % 4)] |=
                (unsigned char)((value_int4(k, (int)n) + 8) << k % 8 / 4 * 4);
            memcpy(group + 16 * columns + 2 * n, &bits, sizeof(bits));
        }
}

/* Rows as quantize.cl writes them for int4 weights, without their scales. */
static void fill_int4_rows(const struct trial *t, unsigned char *x)
{
    for (int row = 0; row < t->rows; row++)
        for (int g = 0; g < GROUPS; g++) {
            unsigned char *to = x + (size_t)(row * GROUPS + g) * GROUP_BYTES;
            int32_t sum = 0;
            for (int k = 0; k < ELCL_INT4_GROUP; k++) {
                const int value = value_x(row, g * ELCL_INT4_GROUP + k);
                to[k] = (uint8_t)value;
                sum -= 8 * value;
            }
            memcpy(to + ELCL_INT4_GROUP, &sum, sizeof(sum));
        }
}

static int fill(struct trial *t)
{
    const struct elcl_dot_kind *kind = &elcl_dot_kinds[t->dot];
    const bool int4 = t->weights == ELCL_INT4;
    const int k_pack = kind->k_pack;
    unsigned char *x = elcl_calloc(MAX_X, 1), *w = elcl_calloc(MAX_W, 1);
    int rc = x && w ? ELCL_OK : ELCL_E_NOMEM;
    for (int k = 0; !rc && k < K; k++) {
        for (int row = 0; row < t->rows && kind->weights != ELCL_INT4; row++)
            put(x, (size_t)(row * K + k), kind->weights, kind->activation_bytes,
                value_x(row, k) + kind->offset);
        for (int n = 0; n < t->columns && !int4; n++)
            put(w, (size_t)((k / k_pack * t->columns + n) * k_pack + k % k_pack), t->weights,
                t->weights == ELCL_INT8 ? sizeof(int8_t) : sizeof(uint16_t), value_w(t->dot, k, n));
    }
    if (!rc && int4)
        fill_int4_weights(t, w);
    if (!rc && kind->weights == ELCL_INT4)
        fill_int4_rows(t, x);
    if (!rc)
        rc = elcl_buffer_write(&t->x, 0, x, MAX_X, NULL);
    if (!rc)
        rc = elcl_buffer_write(&t->w, 0, w, MAX_W, NULL);
    elcl_free(x);
    elcl_free(w);
    return rc;
}

static struct elcl_program_parts program_parts(const struct elcl_device *device, enum elcl_mac mac,
                                               enum elcl_dot dot, enum elcl_storage weights)
{
    const struct elcl_kernel_options options = {.weights = weights,
                                                .dot = dot,
                                                .weight_pairs = weights == ELCL_BF16 && !dot,
                                                .vector = elcl_cpu_vector_width(&device->desc),
                                                .items = 1};
    struct elcl_program_parts parts = {
        .files = {"storage.cl", "activation.cl", elcl_dot_kinds[dot].file}, .mac = mac};
    int n = 3;
    if (weights == ELCL_INT4)
        parts.files[n++] = "gemm_int4_cpu.cl";
    parts.files[n++] = "gemm_cpu.cl";
    parts.files[n] = "probe_dot.cl";
    elcl_kernel_options_write(&options, &parts);
    return parts;
}

static int trial_init(struct trial *t, struct elcl_device *device, enum elcl_mac mac,
                      enum elcl_dot dot, enum elcl_storage weights)
{
    const struct elcl_program_parts parts = program_parts(device, mac, dot, weights);
    const int vector = elcl_cpu_vector_width(&device->desc);
    cl_int code;
    int rc;
    *t = (struct trial){.device = device,
                        .mac = mac,
                        .dot = dot,
                        .weights = weights,
                        .rows = elcl_cpu_tile_rows(vector, dot),
                        .columns = 2 * vector};
    ELCL_TRY(elcl_program_build(device, &parts, &t->program, NULL));
    t->kernel = clCreateKernel(t->program, "probe_dot", &code);
    ELCL_TRY(elcl_cl_check(code, "clCreateKernel", "probe_dot", NULL));
    ELCL_TRY(elcl_buffer_create(device, "probe", MAX_ROWS * MAX_COLUMNS * 4, &t->out, NULL));
    ELCL_TRY(elcl_buffer_create(device, "probe", MAX_X, &t->x, NULL));
    ELCL_TRY(elcl_buffer_create(device, "probe", MAX_W, &t->w, NULL));
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

/* Returns nanoseconds, or a negative number if the driver refuses. */
static double run(struct trial *t, cl_int repeats)
{
    const cl_int steps = K / elcl_dot_kinds[t->dot].k_step;
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

/* Compares every sum exactly. */
static enum elcl_outcome compare(struct trial *t)
{
    union {
        int32_t ints[MAX_ROWS * MAX_COLUMNS];
        float floats[MAX_ROWS * MAX_COLUMNS];
    } sums;
    if (run(t, 1) < 0 || elcl_buffer_read(&t->out, 0, &sums, sizeof(sums), NULL))
        return ELCL_UNKNOWN;
    for (int row = 0; row < t->rows; row++)
        for (int n = 0; n < t->columns; n++) {
            int32_t want = 0;
            for (int k = 0; k < K; k++)
                want +=
                    t->weights == ELCL_INT4
                        ? value_x(row, k) * value_int4(k, n) * scale_int4(k, n)
                        : (value_x(row, k) + elcl_dot_kinds[t->dot].offset) * value_w(t->dot, k, n);
            const int at = row * t->columns + n;
            if (t->weights == ELCL_INT8 ? sums.ints[at] != want : sums.floats[at] != (float)want)
                return ELCL_WRONG;
        }
    return ELCL_RIGHT;
}

/* Returns the kind's time divided by the time of f32, or 0 if it is not known. Each is the shortest
 * of several rounds that alternate; *sound: neither was disturbed. */
static double share_of_time(struct trial *t, bool *sound)
{
    struct elcl_least least = {0}, least_f32 = {0};
    struct trial f32;
    bool ok = !trial_init(&f32, t->device, t->mac, ELCL_DOT_NONE, t->weights);
    *sound = false;
    for (int i = 0; ok && i <= MOST_ROUNDS && (i <= ROUNDS || !*sound); i++) {
        const double ns = run(t, REPEATS), ns_f32 = run(&f32, REPEATS);
        ok = ns > 0 && ns_f32 > 0;
        if (!ok || !i) /* the first round compiles */
            continue;
        elcl_least_add(&least, ns);
        elcl_least_add(&least_f32, ns_f32);
        *sound = elcl_least_agrees(&least) && elcl_least_agrees(&least_f32);
    }
    trial_finish(&f32);
    *sound = *sound && ok;
    return ok ? least.first / t->rows / (least_f32.first / f32.rows) : 0;
}

bool elcl_dot_may_run(const struct elcl_device *device, enum elcl_dot dot,
                      enum elcl_storage weights)
{
    const uint32_t vector = device->desc.vector_width;
    if (elcl_dot_kinds[dot].weights != weights || !device->quirks.inline_assembly ||
        device->desc.type != ELCL_DEVICE_CPU || vector < 8)
        return false;
    if (dot == ELCL_DOT_VPDPBUSD || dot == ELCL_DOT_INT4_VPDPBUSD)
        return vector >= 16 && elcl_cpu_has(ELCL_CPU_AVX512_VNNI);
    if (dot == ELCL_DOT_VDPBF16PS)
        return vector >= 16 && elcl_cpu_has(ELCL_CPU_AVX512_BF16);
    return elcl_cpu_has(vector >= 16 ? ELCL_CPU_AVX512BW : ELCL_CPU_AVX2);
}

bool elcl_dot_is_instruction(enum elcl_dot dot)
{
    return dot != ELCL_DOT_NONE && !elcl_dot_kinds[dot].gpu &&
           dot != elcl_dot_plain(elcl_dot_kinds[dot].weights);
}

/* In order of preference. */
static const enum elcl_dot instructions[] = {ELCL_DOT_VPDPBUSD, ELCL_DOT_VPMADDUBSW,
                                             ELCL_DOT_VDPBF16PS, ELCL_DOT_INT4_VPDPBUSD,
                                             ELCL_DOT_INT4_VPMADDUBSW};

static enum elcl_outcome try_dot(struct trial *t, struct elcl_device *device, enum elcl_mac mac,
                                 enum elcl_dot dot, enum elcl_storage weights)
{
    const enum elcl_outcome built = elcl_outcome_of_build(trial_init(t, device, mac, dot, weights));
    return built == ELCL_RIGHT ? compare(t) : built;
}

void elcl_probe_dot(struct elcl_device *device, enum elcl_mac mac, enum elcl_storage weights,
                    struct elcl_dot_choice *choice, bool *unsure, char *why, size_t n)
{
    *choice = (struct elcl_dot_choice){elcl_dot_plain(weights), false};
    (void)snprintf(why, n, "known only on PoCL, on x86 with %s",
                   weights == ELCL_BF16 ? "AVX512_BF16" : "AVX2 or AVX-512");
    for (size_t i = 0; i < ELCL_COUNT(instructions); i++) {
        const enum elcl_dot dot = instructions[i];
        const char *name = elcl_dot_kinds[dot].name;
        struct trial t;
        bool sound = true;
        if (!elcl_dot_may_run(device, dot, weights))
            continue;
        const enum elcl_outcome outcome = try_dot(&t, device, mac, dot, weights);
        const double share = outcome == ELCL_RIGHT ? share_of_time(&t, &sound) : 0;
        trial_finish(&t);
        *unsure |= outcome == ELCL_UNKNOWN || !sound;
        (void)snprintf(why, n, "%s %s", name, elcl_outcome_text(outcome));
        if (outcome != ELCL_RIGHT)
            continue;
        *choice = (struct elcl_dot_choice){dot, share > 0 && share < PAYS};
        if (share > 0)
            (void)snprintf(why, n, "%s takes %.2f of the time of f32%s%s", name, share,
                           choice->pays ? "" : ": too slow",
                           sound ? "" : "; to be measured again, for other programs ran");
        else
            (void)snprintf(why, n, "%s %s", name, elcl_outcome_text(ELCL_UNKNOWN));
        return;
    }
}
