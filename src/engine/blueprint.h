/* A model's hyper-parameters without its weights and without a device. */
#ifndef ELCL_ENGINE_BLUEPRINT_H
#define ELCL_ENGINE_BLUEPRINT_H

#include "model/family.h"

struct elcl_blueprint {
    const struct elcl_family *family;
    struct elcl_config config;
    struct elcl_arch arch;
    elcl_gen_options defaults; /* their lists take room */
    uint64_t parameters;
};

/* Bytes of the weights on a device, by planning their loading. */
int elcl_blueprint_weight_bytes(const struct elcl_blueprint *blueprint,
                                enum elcl_attention attention, enum elcl_storage storage, int panel,
                                bool integers, uint64_t *bytes, elcl_error *err);

/* Checks a plan's parameters; 0 lengths become the model's limits. */
int elcl_blueprint_check(const struct elcl_blueprint *blueprint, elcl_plan_params *params,
                         elcl_error *err);

#endif
