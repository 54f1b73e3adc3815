/* Inside elcl plan: its options, its table, and how that is printed. */
#ifndef CLI_PLAN_H
#define CLI_PLAN_H

#include <stdlib.h>

#include "common/args.h"
#include "elcl/plan.h"
#include "plan/device_model.h"

enum cli_plan_output { CLI_PLAN_TEXT, CLI_PLAN_CSV, CLI_PLAN_JSON };

struct cli_plan_options {
    struct cli_common_options common; /* format: enum cli_plan_output */
    const char *model, *synthetic;    /* one of them */
    const char *device, *device_model;
    struct cli_opt_list attention, weights, state, batch_size, num_beams, source_length,
        target_length;
    uint64_t memory_limit_bytes;
    int compute;                     /* enum elcl_compute */
    char device_name[128];           /* "": no device was looked at */
    struct cli_device_model machine; /* of the device model, or the device's stored rates */
};

struct cli_plan_row {
    elcl_plan_params params; /* as asked for: lengths may be 0 */
    elcl_memory_plan plan;
    elcl_prediction prediction; /* of a device model */
};

struct cli_plan_table {
    const char *model;
    const char *device;                      /* name, "" */
    const struct cli_device_model *model_of; /* NULL: nothing is predicted */
    elcl_blueprint_info info;
    elcl_plan_params limits;   /* memory and buffers */
    struct cli_plan_row *rows; /* [n] */
    size_t n;
    elcl_memory_plan automatic; /* the last row's, with the variant that auto takes */
};

/* On standard output. */
int cli_plan_print(const struct cli_plan_table *table, enum cli_plan_output output,
                   elcl_error *err);

#endif
