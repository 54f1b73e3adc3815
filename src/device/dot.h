/* How the CPU kernel shape multiplies narrow weights: one file cl/dot_*.cl each. */
#ifndef ELCL_DEVICE_DOT_H
#define ELCL_DEVICE_DOT_H

#include "device/device.h"

struct elcl_dot_kind {
    const char *file;          /* "dot_int8.cl" */
    const char *name;          /* of the instruction, for people */
    enum elcl_storage weights; /* INT8 or BF16: that rows are rounded to, too */
    int group;                 /* neighbors in k that are multiplied at once */
    size_t activation_bytes;   /* of an element of a row */
    int offset;                /* DOT_OFFSET */
};

/* By enum elcl_dot; that of ELCL_DOT_NONE multiplies f32. */
extern const struct elcl_dot_kind elcl_dot_kinds[];

/* It is one instruction, not plain OpenCL C. */
bool elcl_dot_is_instruction(enum elcl_dot dot);
/* The best kind for INT8 or BF16 weights that this processor and its compiler have and multiply
 * right with: a PLAIN one where there is none. choice->pays: it takes less than 0.9 of the time of
 * NONE. `why` [n] says how it was judged. */
void elcl_probe_dot(struct elcl_device *device, enum elcl_storage weights,
                    struct elcl_dot_choice *choice, char *why, size_t n);

#endif
