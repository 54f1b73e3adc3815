/* Runs probe_el.cl with each kind of products that may work here. */
#include "probe/state_dot.h"

#include <stdio.h>
#include <string.h>

#include "base/least.h"
#include "base/os.h"
#include "base/state_row.h"
#include "base/util.h"
#include "cl/records.h"
#include "device/buffer.h"
#include "elcl/plan.h"
#include "probe/options.h"

enum {
    D = ELCL_STATE_GROUP_INT8,
    KEYS = 4,
    MAX_VW = 16,
    MOST = ELCL_EL_INT_MOST,
    REPEATS = 2000,
    ROUNDS = 5,
    MOST_ROUNDS = 12
};
#define PAYS 0.9
#define HALF_ONE 0x3c00

const char *elcl_state_dot_file(enum elcl_dot dot)
{
    return dot == ELCL_DOT_PLAIN_INT8 ? "el_plain.cl"
           : dot == ELCL_DOT_VPMADDWD ? "el_vpmaddwd.cl"
           : dot == ELCL_DOT_VPDPBUSD ? "el_vpdpbusd.cl"
                                      : NULL;
}

int elcl_state_dot_products(enum elcl_dot dot)
{
    return dot == ELCL_DOT_VPDPBUSD ? 2 : 1;
}

/* One kind under test; NONE: f32. */
struct trial {
    struct elcl_device *device;
    int vector;
    cl_program program;
    cl_kernel kernel;
    struct elcl_buffer out, e, y, rounded;
};

/* Whole numbers, so that factors are the elements themselves: each row has one of MOST. */
static int value_e(int pair, int d)
{
    return d == 7 * pair ? (pair % 2 ? MOST : -MOST) : (4099 * pair + 1237 * d) % (2 * MOST) - MOST;
}

static int value_y(int key, int d)
{
    return d % 5 == 0 ? 255 : (37 * key + 29 * d) % 256;
}

static int fill(struct trial *t)
{
    const size_t row = elcl_state_row_bytes(ELCL_INT8, D, D);
    const uint16_t group[] = {HALF_ONE, 0}; /* scale and least */
    float e[MAX_VW * D];
    unsigned char *y = elcl_calloc(KEYS, row);
    if (!y)
        return ELCL_E_NOMEM;
    for (int i = 0; i < t->vector * D; i++)
        e[i] = (float)value_e(i / D, i % D);
    for (int key = 0; key < KEYS; key++) {
        for (int d = 0; d < D; d++)
            y[(size_t)key * row + (size_t)d] = (unsigned char)value_y(key, d);
        memcpy(y + (size_t)key * row + elcl_state_groups_at(ELCL_INT8, D, D), group, sizeof(group));
    }
    int rc = elcl_buffer_write(&t->e, 0, e, (size_t)t->vector * D * sizeof(e[0]), NULL);
    if (!rc)
        rc = elcl_buffer_write(&t->y, 0, y, KEYS * row, NULL);
    elcl_free(y);
    return rc;
}

static struct elcl_program_parts program_parts(const struct trial *t, enum elcl_mac mac,
                                               enum elcl_dot dot)
{
    struct elcl_program_parts parts = {
        .files = {"storage.cl", "reduce.cl", "attn_el_cpu.cl", "probe_el.cl"}, .mac = mac};
    const char *const files[] = {"storage.cl",  "reduce.cl",          elcl_state_dot_file(dot),
                                 "el_bytes.cl", "attn_el_int_cpu.cl", "probe_el.cl"};
    for (size_t i = 0; dot && i < ELCL_COUNT(files); i++)
        parts.files[i] = files[i];
    elcl_kernel_options_write(
        &(struct elcl_kernel_options){.state = ELCL_INT8, .vector = t->vector, .items = 1}, &parts);
    return parts;
}

static int trial_init(struct trial *t, struct elcl_device *device, enum elcl_mac mac,
                      enum elcl_dot dot)
{
    const size_t vector = (size_t)elcl_cpu_vector_width(&device->desc);
    cl_int code;
    int rc;
    *t = (struct trial){.device = device, .vector = (int)vector};
    const struct elcl_program_parts parts = program_parts(t, mac, dot);
    ELCL_TRY(elcl_program_build(device, &parts, &t->program, NULL));
    t->kernel = clCreateKernel(t->program, "probe_el", &code);
    ELCL_TRY(elcl_cl_check(code, "clCreateKernel", "probe_el", NULL));
    ELCL_TRY(
        elcl_buffer_create(device, "probe", (KEYS + 1) * MAX_VW * sizeof(float), &t->out, NULL));
    ELCL_TRY(elcl_buffer_create(device, "probe", vector * D * sizeof(float), &t->e, NULL));
    ELCL_TRY(elcl_buffer_create(device, "probe", KEYS * elcl_state_row_bytes(ELCL_INT8, D, D),
                                &t->y, NULL));
    ELCL_TRY(elcl_buffer_create(device, "probe", vector * ELCL_EL_INT_WORDS * sizeof(cl_int),
                                &t->rounded, NULL));
    ELCL_TRY(fill(t));
fail:
    return rc;
}

static void trial_finish(struct trial *t)
{
    elcl_buffer_destroy(&t->out);
    elcl_buffer_destroy(&t->e);
    elcl_buffer_destroy(&t->y);
    elcl_buffer_destroy(&t->rounded);
    if (t->kernel)
        clReleaseKernel(t->kernel);
    if (t->program)
        clReleaseProgram(t->program);
}

/* Returns nanoseconds, or a negative number if the driver refuses. */
static double run(struct trial *t, cl_int repeats)
{
    const size_t one = 1;
    const uint64_t start = elcl_clock_ns();
    if (clSetKernelArg(t->kernel, 0, sizeof(cl_mem), &t->out.mem) ||
        clSetKernelArg(t->kernel, 1, sizeof(cl_mem), &t->e.mem) ||
        clSetKernelArg(t->kernel, 2, sizeof(cl_mem), &t->y.mem) ||
        clSetKernelArg(t->kernel, 3, sizeof(cl_mem), &t->rounded.mem) ||
        clSetKernelArg(t->kernel, 4, sizeof(repeats), &repeats) ||
        clEnqueueNDRangeKernel(t->device->queue, t->kernel, 1, NULL, &one, &one, 0, NULL, NULL) ||
        clFinish(t->device->queue))
        return -1;
    return (double)(elcl_clock_ns() - start);
}

/* Compares every sum, which has one rounding to f32, and what el_lookup() finds. */
static enum elcl_outcome compare(struct trial *t)
{
    union {
        float sums[(KEYS + 1) * MAX_VW];
        unsigned char bytes[(KEYS + 1) * MAX_VW * sizeof(float)];
    } out;
    const int found = KEYS * t->vector * (int)sizeof(float);
    if (run(t, 1) < 0 || elcl_buffer_read(&t->out, 0, &out, sizeof(out), NULL))
        return ELCL_UNKNOWN;
    for (int key = 0; key < KEYS; key++)
        for (int pair = 0; pair < t->vector; pair++) {
            int32_t want = 0;
            for (int d = 0; d < D; d++)
                want += value_e(pair, d) * value_y(key, d);
            if (out.sums[key * t->vector + pair] != (float)want)
                return ELCL_WRONG;
        }
    for (int i = 0; i < 4 * t->vector; i++)
        if (out.bytes[found + i] != value_y(0, value_y(0, i) % 16))
            return ELCL_WRONG;
    return ELCL_RIGHT;
}

/* Returns the kind's time for a product divided by that of f32, or 0 if it is not known. Each is
 * the shortest of several rounds that alternate; *sound: neither was disturbed. */
static double share_of_time(struct trial *t, enum elcl_mac mac, bool *sound)
{
    struct elcl_least least = {0}, least_f32 = {0};
    struct trial f32;
    bool ok = !trial_init(&f32, t->device, mac, ELCL_DOT_NONE);
    *sound = false;
    for (int i = 0; ok && i <= MOST_ROUNDS && (i <= ROUNDS || !*sound); i++) {
        const double ns = run(t, REPEATS) / t->vector, ns_f32 = run(&f32, REPEATS) / ELCL_EL_TILE;
        ok = ns > 0 && ns_f32 > 0;
        if (!ok || !i) /* the first round compiles */
            continue;
        elcl_least_add(&least, ns);
        elcl_least_add(&least_f32, ns_f32);
        *sound = elcl_least_agrees(&least) && elcl_least_agrees(&least_f32);
    }
    trial_finish(&f32);
    *sound = *sound && ok;
    return ok ? least.first / least_f32.first : 0;
}

void elcl_probe_state_dot(struct elcl_device *device, enum elcl_mac mac,
                          struct elcl_dot_choice *choice, bool *unsure, char *why, size_t n)
{
    static const enum elcl_dot kinds[] = {ELCL_DOT_VPDPBUSD, ELCL_DOT_VPMADDWD};
    *choice = (struct elcl_dot_choice){ELCL_DOT_PLAIN_INT8, false};
    (void)snprintf(why, n, "known only on PoCL, on x86 with AVX2 or AVX-512");
    for (size_t i = 0; i < ELCL_COUNT(kinds); i++) {
        const enum elcl_dot dot = kinds[i];
        const char *name = elcl_dot_kinds[dot].name;
        struct trial t;
        bool sound = true;
        if (!elcl_dot_may_run(device, dot, ELCL_INT8))
            continue;
        enum elcl_outcome outcome = elcl_outcome_of_build(trial_init(&t, device, mac, dot));
        if (outcome == ELCL_RIGHT)
            outcome = compare(&t);
        const double share = outcome == ELCL_RIGHT ? share_of_time(&t, mac, &sound) : 0;
        trial_finish(&t);
        *unsure |= outcome == ELCL_UNKNOWN || !sound || (outcome == ELCL_RIGHT && !(share > 0));
        (void)snprintf(why, n, "%s %s", name,
                       elcl_outcome_text(outcome == ELCL_RIGHT ? ELCL_UNKNOWN : outcome));
        if (outcome != ELCL_RIGHT)
            continue;
        *choice = (struct elcl_dot_choice){dot, share > 0 && share < PAYS};
        if (share > 0)
            (void)snprintf(why, n, "%s takes %.2f of the time of f32%s%s", name, share,
                           choice->pays ? "" : ": too slow",
                           sound ? "" : "; to be measured again, for other programs ran");
        return;
    }
}
