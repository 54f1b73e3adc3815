/* Known defects of drivers: the only place that names a driver to work around it. What a driver may
 * or may not support is probed instead, see probe/. */
#ifndef ELCL_DEVICE_QUIRKS_H
#define ELCL_DEVICE_QUIRKS_H

#include <stdbool.h>

#include "base/error.h"

struct elcl_quirks {
    bool gpu_like;          /* reports a CPU, but compiles and schedules like a GPU */
    bool gpu_kernels_crash; /* some GPU kernels end the process */
    bool caches_programs;   /* keeps compiled programs on disk itself, so we do not */
    bool queues_take_turns; /* two queues must not run at the same time */
    bool inline_assembly;   /* accepts x86 assembly in kernels; other drivers crash on it */
    bool simulator;         /* its times mean nothing, and its results are exact */
    const char *options;    /* of every program; NULL: none */
};

/* Around work on a device that ends with a wait for it. Where queues take turns, one thread of the
 * process at a time is between these calls. */
void elcl_quirks_begin_turn(const struct elcl_quirks *quirks);
void elcl_quirks_end_turn(const struct elcl_quirks *quirks);

/* Reads name, platform and driver of the description. */
struct elcl_quirks elcl_quirks_find(const elcl_device_desc *desc);

#endif
