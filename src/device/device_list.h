/* The list of devices behind the public face: what device.c opens and program text names. */
#ifndef ELCL_DEVICE_DEVICE_LIST_H
#define ELCL_DEVICE_DEVICE_LIST_H

#include "device/device.h"
#include "device/probe.h"

struct elcl_device_entry {
    cl_platform_id platform;
    cl_device_id id;
    elcl_device_desc desc;
    char *strings;              /* the memory of desc's strings */
    struct elcl_probes *probes; /* NULL until asked for */
};

struct elcl_device_list {
    struct elcl_device_entry *entries;
    size_t n;
    size_t capacity;
};

/* The position of the device that `which` means: an index, part of a name or of a platform's
 * name in any case, "cpu" or "gpu", NULL for the default. The message of a failure lists the
 * devices there are. */
int elcl_device_list_choose(const elcl_device_list *list, const char *which, size_t *position,
                            elcl_error *err);

/* Mesa's llvmpipe calls itself a CPU, but is compiled and scheduled like a GPU. */
bool elcl_device_is_llvmpipe(const elcl_device_desc *desc);

/* rusticl 25.0 on llvmpipe (Debian 13) reads a null pointer of its own when embed or select_best of
 * the GPU shape are first run; the CPU shape works there, and 22.3 runs both. */
bool elcl_device_gpu_shape_crashes(const elcl_device_desc *desc);

#endif
