/* Device models: rates from data sheets or measurements, for elcl plan --device-model. */
#ifndef CLI_DEVICE_MODEL_H
#define CLI_DEVICE_MODEL_H

#include "common/tool.h"
#include "elcl/plan.h"

struct cli_device_model {
    char name[64];
    char source[256]; /* origin of the values */
    elcl_device_rates rates;
    uint64_t memory_bytes;
};

/* A file of tools/device-models/, embedded at build time. */
struct cli_device_model_file {
    const char *name; /* "v100.json" */
    const unsigned char *text;
    size_t bytes;
};
/* All files; the last row has a NULL name. The build generates it. */
extern const struct cli_device_model_file cli_device_model_files[];

/* Measures the peak rates of a device in some seconds. 16-bit arithmetic gets the rate of f32. */
int cli_device_model_measure(const elcl_device_desc *device, struct cli_device_model *model,
                             elcl_error *err);
/* Finds a model by its name, or reads a JSON file with the keys in tools/device-models/README.md.
 */
int cli_device_model_find(const char *which, struct cli_device_model *model, elcl_error *err);

#endif
