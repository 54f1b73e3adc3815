/* Reads what a driver says about a device. */
#ifndef ELCL_DEVICE_DESCRIBE_H
#define ELCL_DEVICE_DESCRIBE_H

#include "device/device.h"

/* Fills all fields but index and is_default. A property that the driver refuses reads as "" or 0.
 * The strings of `desc` point into *strings, which the caller frees with elcl_free(). */
int elcl_device_describe(cl_platform_id platform, cl_device_id id, elcl_device_desc *desc,
                         char **strings, elcl_error *err);

#endif
