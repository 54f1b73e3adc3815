/* elcl plan: options, the table and its forms. */
#ifndef CLI_PLAN_H
#define CLI_PLAN_H

#include <stdlib.h>

#include "common/args.h"
#include "elcl/plan.h"
#include "plan/device_model.h"

struct cli_plan_options {
    struct cli_common_options common; /* format: enum cli_format */
    const char *model, *synthetic;    /* one of them */
    const char *device, *device_model;
    struct cli_opt_list attention, weights, state, batch_size, num_beams, source_length,
        target_length;
    uint64_t memory_limit_bytes;
    int compute;                   /* enum elcl_compute */
    char device_name[128];         /* "": none */
    struct cli_device_model sheet; /* the device model, or the device's stored rates */
};

struct cli_plan_row {
    elcl_plan_params params; /* as given: lengths may be 0 */
    elcl_memory_plan plan;
    elcl_prediction prediction; /* by the device model */
};

struct cli_plan_table {
    const char *model;
    const char *device;                   /* name or "" */
    const struct cli_device_model *sheet; /* NULL: nothing is predicted */
    elcl_blueprint_info info;
    elcl_plan_params limits;   /* memory and buffers */
    struct cli_plan_row *rows; /* [n] */
    size_t n;
    elcl_memory_plan automatic; /* the last row with the variant that auto takes */
};

/* Appends the table in a form. */
int cli_plan_format(const struct cli_plan_table *table, enum cli_format format,
                    struct elcl_str *out, elcl_error *err);

#endif
