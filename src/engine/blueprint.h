/* A model's hyper-parameters without its weights and without a device. */
#ifndef ELCL_ENGINE_BLUEPRINT_H
#define ELCL_ENGINE_BLUEPRINT_H

#include "elcl/plan.h"
#include "model/family.h"
#include "model/state.h"

#define ELCL_MAX_SENTENCES (1 << 20) /* as an engine takes */

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
                                bool rounds_inputs, uint64_t *bytes, elcl_error *err);

/* Whether a plan counts buffers of products of int8 or of bf16. */
bool elcl_blueprint_rounds_inputs(const elcl_plan_params *params);
/* Room for one sentence after another: lengths, beams and lists of the parameters. */
struct elcl_capacity elcl_blueprint_capacity(const struct elcl_blueprint *blueprint,
                                             const elcl_plan_params *params);
/* The largest batch up to `most` within the limits in params; 0 where not one sentence fits. */
int elcl_blueprint_batch(const struct elcl_blueprint *blueprint, const elcl_plan_params *params,
                         enum elcl_attention attention, uint64_t weight_bytes, int most);

/* Checks a plan's parameters; 0 lengths become the model's limits. */
int elcl_blueprint_check(const struct elcl_blueprint *blueprint, elcl_plan_params *params,
                         elcl_error *err);

/* predict.c: elcl_predict() for checked pointers and an attention that is not AUTO. */
int elcl_predict_variant(const struct elcl_blueprint *blueprint, const elcl_plan_params *params,
                         const elcl_device_rates *rates, elcl_prediction *prediction,
                         elcl_error *err);

#endif
