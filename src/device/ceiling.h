/* What a device does at most, measured. */
#ifndef ELCL_DEVICE_CEILING_H
#define ELCL_DEVICE_CEILING_H

#include "device/device.h"

/* On the device's own queue, with kernels that suit its type whatever the kernel shape. Blocks. */
int elcl_ceiling_measure(struct elcl_device *device, elcl_ceilings *ceilings, elcl_error *err);

#endif
