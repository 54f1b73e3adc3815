/* Measures how fast a device is. */
#ifndef ELCL_PROBE_RATES_H
#define ELCL_PROBE_RATES_H

#include "elcl/measure.h"
#include "probe/probe.h"

/* Measures on the device's queue, with kernels that suit the device's type, and blocks. half_gflops
 * is the larger of f32_gflops and matrix_gflops. If `core` is not NULL, it gets memory_gbs and the
 * multiply-adds per second of this process's processor time: for CPU devices, where other programs
 * disturb it less. */
int elcl_rates_measure(struct elcl_device *device, const struct elcl_features *features,
                       elcl_device_rates *rates, elcl_device_rates *core, elcl_error *err);

#endif
