/* A model's hyper-parameters without its weights and without a device. */
#ifndef ELCL_ENGINE_BLUEPRINT_H
#define ELCL_ENGINE_BLUEPRINT_H

#include "elcl/plan.h"
#include "model/family.h"
#include "model/state.h"

#define ELCL_MAX_SENTENCES (1 << 20) /* the most that an engine takes */

struct elcl_blueprint {
    const struct elcl_family *family;
    struct elcl_config config;
    struct elcl_arch arch;
    elcl_gen_options defaults; /* their lists take room */
    uint64_t parameters;
};

/* Counts the bytes of the weights on a device by planning to load them. */
int elcl_blueprint_weight_bytes(const struct elcl_blueprint *blueprint,
                                enum elcl_attention attention, enum elcl_storage storage, int panel,
                                bool rounds_inputs, uint64_t *bytes, elcl_error *err);

/* Returns whether a plan counts buffers for int8 or bf16 compute. */
bool elcl_blueprint_rounds_inputs(const elcl_plan_params *params);
/* Returns the lengths, beams and lists of the parameters; the caller sets the sentences. */
struct elcl_capacity elcl_blueprint_capacity(const struct elcl_blueprint *blueprint,
                                             const elcl_plan_params *params,
                                             enum elcl_attention attention);
/* Returns the largest batch up to `max` within the limits in params, or 0 if not even one sentence
 * fits. The capacity is as elcl_plan_sentences() leaves it. */
int elcl_blueprint_batch(const struct elcl_blueprint *blueprint, const elcl_plan_params *params,
                         enum elcl_attention attention, uint64_t weight_bytes, int max,
                         struct elcl_capacity *capacity);

/* Refuses state that the attention cannot read. */
int elcl_check_state(enum elcl_storage state, enum elcl_attention attention, elcl_error *err);
/* Checks the parameters of a plan and replaces lengths of 0 by the model's limits. */
int elcl_blueprint_check(const struct elcl_blueprint *blueprint, elcl_plan_params *params,
                         elcl_error *err);

/* predict.c: elcl_predict() after its checks; params->attention is not AUTO. */
int elcl_predict_variant(const struct elcl_blueprint *blueprint, const elcl_plan_params *params,
                         const elcl_device_rates *rates, elcl_prediction *prediction,
                         elcl_error *err);

#endif
