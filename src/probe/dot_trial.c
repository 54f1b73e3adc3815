#include "probe/dot_trial.h"

#include <stdio.h>

#include "base/least.h"
#include "base/os.h"
#include "base/util.h"
#include "elcl/plan.h"

enum { ROUNDS = 5, MOST_ROUNDS = 12 };
#define PAYS 0.9

int elcl_dot_trial_build(struct elcl_dot_trial *t, const struct elcl_program_parts *parts,
                         const char *kernel, const size_t *bytes, int n)
{
    cl_int code;
    int rc;
    ELCL_TRY(elcl_program_build(t->device, parts, &t->program, NULL));
    t->kernel = clCreateKernel(t->program, kernel, &code);
    ELCL_TRY(elcl_cl_check(code, "clCreateKernel", kernel, NULL));
    for (int i = 0; i < n; i++) {
        struct elcl_buffer *buffer = &t->buffers[i];
        ELCL_TRY(elcl_buffer_create(t->device, "probe", bytes[i], buffer, NULL));
        code = clSetKernelArg(t->kernel, (cl_uint)i, sizeof(cl_mem), &buffer->mem);
        ELCL_TRY(elcl_cl_check(code, "clSetKernelArg", kernel, NULL));
    }
fail:
    return rc;
}

static void finish(struct elcl_dot_trial *t)
{
    for (size_t i = 0; i < ELCL_COUNT(t->buffers); i++)
        elcl_buffer_destroy(&t->buffers[i]);
    if (t->kernel)
        clReleaseKernel(t->kernel);
    if (t->program)
        clReleaseProgram(t->program);
}

double elcl_dot_trial_time(struct elcl_dot_trial *t, cl_int repeats)
{
    const size_t one = 1;
    const uint64_t start = elcl_clock_ns();
    if (clSetKernelArg(t->kernel, ELCL_DOT_TRIAL_ARGUMENTS, sizeof(repeats), &repeats) ||
        clEnqueueNDRangeKernel(t->device->queue, t->kernel, 1, NULL, &one, &one, 0, NULL, NULL) ||
        clFinish(t->device->queue))
        return -1;
    return (double)(elcl_clock_ns() - start);
}

static struct elcl_dot_trial trial_of(struct elcl_device *device, enum elcl_mac mac,
                                      enum elcl_dot dot, enum elcl_storage weights)
{
    return (struct elcl_dot_trial){.device = device,
                                   .mac = mac,
                                   .dot = dot,
                                   .weights = weights,
                                   .vector = elcl_cpu_vector_width(&device->desc)};
}

/* Returns the kind's time divided by that of f32, or 0 if it is not known. Each is the shortest of
 * several rounds that alternate; *sound: neither was disturbed. */
static double share_of_time(const struct elcl_dot_test *test, struct elcl_dot_trial *t, bool *sound)
{
    struct elcl_least least = {0}, least_f32 = {0};
    struct elcl_dot_trial f32 = trial_of(t->device, t->mac, ELCL_DOT_NONE, t->weights);
    bool ok = !test->begin(&f32);
    *sound = false;
    for (int i = 0; ok && i <= MOST_ROUNDS && (i <= ROUNDS || !*sound); i++) {
        const double ns = elcl_dot_trial_time(t, test->repeats),
                     ns_f32 = elcl_dot_trial_time(&f32, test->repeats);
        ok = ns > 0 && ns_f32 > 0;
        if (!ok || !i) /* the first round compiles */
            continue;
        elcl_least_add(&least, ns);
        elcl_least_add(&least_f32, ns_f32);
        *sound = elcl_least_agrees(&least) && elcl_least_agrees(&least_f32);
    }
    finish(&f32);
    *sound = *sound && ok;
    return ok ? least.first / t->rows / (least_f32.first / f32.rows) : 0;
}

void elcl_dot_test_run(const struct elcl_dot_test *test, struct elcl_device *device,
                       enum elcl_mac mac, enum elcl_storage weights, struct elcl_dot_choice *choice,
                       bool *unsure, char *why, size_t n)
{
    *choice = (struct elcl_dot_choice){elcl_dot_plain(weights), false};
    (void)snprintf(why, n, "known only on PoCL, on x86 with %s",
                   weights == ELCL_BF16 ? "AVX512_BF16" : "AVX2 or AVX-512");
    for (size_t i = 0; i < test->n_kinds; i++) {
        const enum elcl_dot dot = test->kinds[i];
        const char *name = elcl_dot_kinds[dot].name;
        struct elcl_dot_trial t = trial_of(device, mac, dot, weights);
        bool sound = true;
        if (!elcl_dot_may_run(device, dot, weights))
            continue;
        enum elcl_outcome outcome = elcl_outcome_of_build(test->begin(&t));
        if (outcome == ELCL_RIGHT)
            outcome = test->compare(&t);
        const double share = outcome == ELCL_RIGHT ? share_of_time(test, &t, &sound) : 0;
        finish(&t);
        *unsure |= outcome == ELCL_UNKNOWN || !sound;
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
