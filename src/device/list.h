/* The list of devices that elcl_device_list_create() returns. */
#ifndef ELCL_DEVICE_LIST_H
#define ELCL_DEVICE_LIST_H

#include "device/device.h"
#include "elcl/measure.h"

struct elcl_device_entry {
    cl_platform_id platform;
    cl_device_id id;
    elcl_device_desc desc;
    char *strings;                /* the memory of desc's strings */
    elcl_probe_verdict *verdicts; /* one allocation; NULL before elcl_device_list_probe() */
};

struct elcl_device_list {
    struct elcl_device_entry *entries;
    size_t n;
    size_t capacity;
};

/* Writes the position of the device that `which` names: an index, a part of a device's or a
 * platform's name in any case, "cpu" or "gpu", NULL for the default. The message of a failure lists
 * all devices. */
int elcl_device_list_choose(const elcl_device_list *list, const char *which, size_t *position,
                            elcl_error *err);

#endif
