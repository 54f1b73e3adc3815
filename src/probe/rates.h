/* What a device does at most, measured. */
#ifndef ELCL_PROBE_RATES_H
#define ELCL_PROBE_RATES_H

#include "elcl/measure.h"
#include "probe/probe.h"

/* On the device's own queue, with kernels that suit its type whatever the kernel shape; half_gflops
 * is f32_gflops. `core` may be NULL: of a CPU device the rates per second of processor time of this
 * process, which suffer less from what else runs on the machine; only rates of reading and of
 * multiply-adds. Blocks. */
int elcl_rates_measure(struct elcl_device *device, const struct elcl_features *features,
                       elcl_device_rates *rates, elcl_device_rates *core, elcl_error *err);

#endif
