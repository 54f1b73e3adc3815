/* Trials of the dot products of weights: probe_dot.cl. */
#include "probe/dot.h"

#include <string.h>

#include "base/half.h"
#include "base/util.h"
#include "cl/records.h"
#include "probe/dot_trial.h"
#include "probe/options.h"

enum { K = 512, MAX_ROWS = 12, MAX_COLUMNS = 32 };
#define MAX_X (sizeof(float) * MAX_ROWS * K)
#define MAX_W (sizeof(uint16_t) * MAX_COLUMNS * K)

enum { OUT, X, W, N_BUFFERS };

static int columns_of(const struct elcl_dot_trial *t)
{
    return 2 * t->vector;
}

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
static void fill_int4_weights(const struct elcl_dot_trial *t, unsigned char *w)
{
    const size_t columns = (size_t)columns_of(t);
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
static void fill_int4_rows(const struct elcl_dot_trial *t, unsigned char *x)
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

static int fill(struct elcl_dot_trial *t)
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
        for (int n = 0; n < columns_of(t) && !int4; n++)
            put(w, (size_t)((k / k_pack * columns_of(t) + n) * k_pack + k % k_pack), t->weights,
                t->weights == ELCL_INT8 ? sizeof(int8_t) : sizeof(uint16_t), value_w(t->dot, k, n));
    }
    if (!rc && int4)
        fill_int4_weights(t, w);
    if (!rc && kind->weights == ELCL_INT4)
        fill_int4_rows(t, x);
    if (!rc)
        rc = elcl_buffer_write(&t->buffers[X], 0, x, MAX_X, NULL);
    if (!rc)
        rc = elcl_buffer_write(&t->buffers[W], 0, w, MAX_W, NULL);
    elcl_free(x);
    elcl_free(w);
    return rc;
}

static struct elcl_program_parts program_parts(const struct elcl_dot_trial *t)
{
    const struct elcl_kernel_options options = {.weights = t->weights,
                                                .dot = t->dot,
                                                .weight_pairs = t->weights == ELCL_BF16 && !t->dot,
                                                .vector = t->vector,
                                                .items = 1};
    struct elcl_program_parts parts = {
        .files = {"storage.cl", "activation.cl", elcl_dot_kinds[t->dot].file}, .mac = t->mac};
    int n = 3;
    if (t->weights == ELCL_INT4)
        parts.files[n++] = "gemm_int4_cpu.cl";
    parts.files[n++] = "gemm_cpu.cl";
    parts.files[n] = "probe_dot.cl";
    elcl_kernel_options_write(&options, &parts);
    return parts;
}

static int begin(struct elcl_dot_trial *t)
{
    static const size_t bytes[N_BUFFERS] = {MAX_ROWS * MAX_COLUMNS * 4, MAX_X, MAX_W};
    const struct elcl_program_parts parts = program_parts(t);
    const cl_int steps = K / elcl_dot_kinds[t->dot].k_step;
    int rc;
    t->rows = elcl_cpu_tile_rows(t->vector, t->dot);
    ELCL_TRY(elcl_dot_trial_build(t, &parts, "probe_dot", bytes, N_BUFFERS));
    ELCL_TRY(elcl_cl_check(clSetKernelArg(t->kernel, N_BUFFERS, sizeof(steps), &steps),
                           "clSetKernelArg", "probe_dot", NULL));
    ELCL_TRY(fill(t));
fail:
    return rc;
}

/* Compares every sum exactly. */
static enum elcl_outcome compare(struct elcl_dot_trial *t)
{
    union {
        int32_t ints[MAX_ROWS * MAX_COLUMNS];
        float floats[MAX_ROWS * MAX_COLUMNS];
    } sums;
    if (elcl_dot_trial_time(t, 1) < 0 ||
        elcl_buffer_read(&t->buffers[OUT], 0, &sums, sizeof(sums), NULL))
        return ELCL_UNKNOWN;
    for (int row = 0; row < t->rows; row++)
        for (int n = 0; n < columns_of(t); n++) {
            int32_t want = 0;
            for (int k = 0; k < K; k++)
                want +=
                    t->weights == ELCL_INT4
                        ? value_x(row, k) * value_int4(k, n) * scale_int4(k, n)
                        : (value_x(row, k) + elcl_dot_kinds[t->dot].offset) * value_w(t->dot, k, n);
            const int at = row * columns_of(t) + n;
            if (t->weights == ELCL_INT8 ? sums.ints[at] != want : sums.floats[at] != (float)want)
                return ELCL_WRONG;
        }
    return ELCL_RIGHT;
}

/* In order of preference. */
static const enum elcl_dot instructions[] = {ELCL_DOT_VPDPBUSD, ELCL_DOT_VPMADDUBSW,
                                             ELCL_DOT_VDPBF16PS, ELCL_DOT_INT4_VPDPBUSD,
                                             ELCL_DOT_INT4_VPMADDUBSW};

void elcl_probe_dot(struct elcl_device *device, enum elcl_mac mac, enum elcl_storage weights,
                    struct elcl_dot_choice *choice, bool *unsure, char *why, size_t n)
{
    static const struct elcl_dot_test test = {.begin = begin,
                                              .compare = compare,
                                              .kinds = instructions,
                                              .n_kinds = ELCL_COUNT(instructions),
                                              .repeats = 400};
    elcl_dot_test_run(&test, device, mac, weights, choice, unsure, why, n);
}
