/* Inside elcl plan: its options, its table, and how that is printed. */
#ifndef ELCL_TOOLS_PLAN_H
#define ELCL_TOOLS_PLAN_H

#include <stdlib.h>

#include "args.h"
#include "machine.h"

enum elcl_plan_output { ELCL_PLAN_TEXT, ELCL_PLAN_CSV, ELCL_PLAN_JSON };

struct elcl_plan_options {
    const char *model, *synthetic; /* one of them */
    const char *device, *device_model;
    struct elcl_opt_list attention, weights, state, batch_size, num_beams, source_length,
        target_length;
    uint64_t memory_limit_bytes;
    int products; /* enum elcl_products */
    int output;   /* enum elcl_plan_output */
    int help;
    char device_name[128];             /* "": no device was looked at */
    struct elcl_machine_model machine; /* of the device model, or the device's stored rates */
};

struct elcl_plan_row {
    elcl_plan_params params; /* as asked for: lengths may be 0 */
    elcl_memory_plan plan;
    elcl_prediction prediction; /* of a device model */
};

struct elcl_plan_table {
    const char *model;
    const char *device;                        /* name, "" */
    const struct elcl_machine_model *model_of; /* NULL: nothing is predicted */
    elcl_blueprint_info info;
    elcl_plan_params limits;    /* memory and buffers */
    struct elcl_plan_row *rows; /* [n] */
    size_t n;
    elcl_memory_plan automatic; /* the last row's, with the variant that auto takes */
};

/* On standard output. */
int elcl_plan_print(const struct elcl_plan_table *table, enum elcl_plan_output output,
                    elcl_error *err);

#endif
