/* Trials of dot products in CPU kernels: whether a kind is right, and its time beside that of f32.
 */
#ifndef ELCL_PROBE_DOT_TRIAL_H
#define ELCL_PROBE_DOT_TRIAL_H

#include "device/buffer.h"
#include "probe/dot.h"
#include "probe/outcome.h"

enum { ELCL_DOT_TRIAL_ARGUMENTS = 4 };

/* One kind under test: a kernel of ELCL_DOT_TRIAL_ARGUMENTS arguments, of which the first are
 * buffers, and one more, an int: how often it repeats the products. */
struct elcl_dot_trial {
    struct elcl_device *device;
    enum elcl_mac mac;
    enum elcl_dot dot; /* NONE: f32 */
    enum elcl_storage weights;
    int vector; /* elcl_cpu_vector_width() */
    int rows;   /* kinds are compared by their times for one of these rows of products */
    cl_program program;
    cl_kernel kernel;
    struct elcl_buffer buffers[ELCL_DOT_TRIAL_ARGUMENTS];
};

/* A kernel for the kinds of dot products. */
struct elcl_dot_test {
    /* Sets t->rows, builds the kernel of t->dot, fills its buffers and sets all its arguments but
     * the last. What is created is destroyed by the caller, also after an error. */
    int (*begin)(struct elcl_dot_trial *t);
    enum elcl_outcome (*compare)(struct elcl_dot_trial *t); /* runs the kernel once */
    const enum elcl_dot *kinds;                             /* [n_kinds] in order of preference */
    size_t n_kinds;
    cl_int repeats; /* of a run that is timed */
};

/* For begin(): builds the kernel and creates its n buffers of so many bytes, its first arguments.
 */
int elcl_dot_trial_build(struct elcl_dot_trial *t, const struct elcl_program_parts *parts,
                         const char *kernel, const size_t *bytes, int n);
/* Runs the kernel. Returns nanoseconds, or a negative number if the driver refuses. */
double elcl_dot_trial_time(struct elcl_dot_trial *t, cl_int repeats);

/* Chooses the first kind that this processor and its compiler have and that gives right results;
 * that in plain OpenCL C if there is none. The rest is as for elcl_probe_dot(). */
void elcl_dot_test_run(const struct elcl_dot_test *test, struct elcl_device *device,
                       enum elcl_mac mac, enum elcl_storage weights, struct elcl_dot_choice *choice,
                       bool *unsure, char *why, size_t n);

#endif
