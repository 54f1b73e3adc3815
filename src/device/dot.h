/* How the CPU kernel shape multiplies whole numbers: one file cl/mac_*.cl each. */
#ifndef ELCL_DEVICE_DOT_H
#define ELCL_DEVICE_DOT_H

#include "device/device.h"

struct elcl_dot_kind {
    const char *file;        /* "mac_int8.cl" */
    const char *name;        /* of the instruction, for people */
    int group;               /* neighbours in k that are multiplied at once */
    size_t activation_bytes; /* of a whole number of a row */
    int offset;              /* MAC_OFFSET */
};

/* By enum elcl_dot; that of ELCL_DOT_NONE multiplies f32. */
extern const struct elcl_dot_kind elcl_dot_kinds[];

/* The best kind that this processor and its compiler have and multiply right with: PLAIN where
 * there is none. *pays: it takes less than 0.9 of the time of NONE. `why` [n] says how it was
 * judged. */
enum elcl_dot elcl_probe_dot(struct elcl_device *device, bool *pays, char *why, size_t n);

#endif
