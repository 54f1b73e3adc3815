/* Matrix instructions of the GPU kernel shape. */
#ifndef ELCL_DEVICE_MMA_H
#define ELCL_DEVICE_MMA_H

#include "device/device.h"

/* Whether the matrix instruction of `mac_file`, one of cl/mac_*.cl, multiplies right. Not to be
 * called for a device whose compiler does not know the instruction: some crash. */
bool elcl_probe_mma(struct elcl_device *device, const char *mac_file);

#endif
