/* How the CPU kernel shape multiplies whole numbers: one file cl/mac_*.cl each. */
#ifndef ELCL_DEVICE_DOT_H
#define ELCL_DEVICE_DOT_H

#include "device/device.h"

struct elcl_dot_kind {
    const char *file;        /* "mac_int8.cl" */
    const char *name;        /* of the instruction, for people */
    int group;               /* neighbours in k that are multiplied at once */
    size_t activation_bytes; /* of a whole number of a row */
};

/* By enum elcl_dot; that of ELCL_DOT_NONE multiplies f32. */
extern const struct elcl_dot_kind elcl_dot_kinds[];

#endif
