/* Devices by their data sheets, for elcl plan --device-model. */
#ifndef ELCL_TOOLS_MACHINE_H
#define ELCL_TOOLS_MACHINE_H

#include "tool.h"

struct elcl_machine_model {
    char name[64];
    char source[256]; /* where the values come from */
    elcl_machine machine;
    uint64_t memory_bytes;
};

/* A model that is known by name (v100, h100, mi300x, a770, adreno740), or a JSON file of the keys
 * name, source, type (cpu or gpu), memory_gbs, f32_gflops, half_gflops, launch_us, wait_us and
 * memory_bytes. */
int elcl_machine_find(const char *which, struct elcl_machine_model *model, elcl_error *err);

#endif
