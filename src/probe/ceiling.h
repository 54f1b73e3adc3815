/* What a device does at most, measured. */
#ifndef ELCL_PROBE_CEILING_H
#define ELCL_PROBE_CEILING_H

#include "elcl/measure.h"
#include "probe/probe.h"

/* Rates per second of processor time of this process, of CPU devices: they suffer less from what
 * else runs on the machine. */
struct elcl_core_ceilings {
    double read_gbs, mac_f32_gflops, mac_int8_gops, mac_bf16_gflops;
};

/* On the device's own queue, with kernels that suit its type whatever the kernel shape. Blocks.
 * `core` may be NULL. */
int elcl_ceiling_measure(struct elcl_device *device, const struct elcl_features *features,
                         elcl_ceilings *ceilings, struct elcl_core_ceilings *core, elcl_error *err);

#endif
