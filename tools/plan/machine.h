/* Devices by their data sheets, for elcl plan --device-model. */
#ifndef CLI_MACHINE_H
#define CLI_MACHINE_H

#include "common/tool.h"
#include "elcl/plan.h"

struct cli_machine_model {
    char name[64];
    char source[256]; /* where the values come from */
    elcl_machine machine;
    uint64_t memory_bytes;
};

/* A file of tools/machines/, embedded at build time. */
struct cli_machine_file {
    const char *name; /* "v100.json" */
    const unsigned char *text;
    size_t bytes;
};
/* All of them; the last has a NULL name. Generated. */
extern const struct cli_machine_file cli_machine_files[];

/* What elcl_measure_ceilings() says of the device: some seconds. 16-bit arithmetic counts as f32.
 */
int cli_machine_measure(const elcl_device_desc *device, struct cli_machine_model *model,
                        elcl_error *err);
/* A model that is known by name, or a JSON file: tools/machines/README.md has the keys. */
int cli_machine_find(const char *which, struct cli_machine_model *model, elcl_error *err);

#endif
