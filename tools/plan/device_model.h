/* Devices by their data sheets, for elcl plan --device-model. */
#ifndef CLI_DEVICE_MODEL_H
#define CLI_DEVICE_MODEL_H

#include "common/tool.h"
#include "elcl/plan.h"

struct cli_device_model {
    char name[64];
    char source[256]; /* where the values come from */
    elcl_machine machine;
    uint64_t memory_bytes;
};

/* A file of tools/device-models/, embedded at build time. */
struct cli_device_model_file {
    const char *name; /* "v100.json" */
    const unsigned char *text;
    size_t bytes;
};
/* All of them; the last has a NULL name. Generated. */
extern const struct cli_device_model_file cli_device_model_files[];

/* What elcl_measure_ceilings() says of the device: some seconds. 16-bit arithmetic counts as f32.
 */
int cli_device_model_measure(const elcl_device_desc *device, struct cli_device_model *model,
                             elcl_error *err);
/* A model that is known by name, or a JSON file: tools/device-models/README.md has the keys. */
int cli_device_model_find(const char *which, struct cli_device_model *model, elcl_error *err);

#endif
