/* The choice of the attention variant for AUTO: by predictions if there are rates, otherwise by the
 * type of device. */
#ifndef ELCL_ENGINE_CHOOSE_H
#define ELCL_ENGINE_CHOOSE_H

#include "engine/blueprint.h"

/* Returns `asked`, or for AUTO the variant that reads the state or suits the type of device.
 * *reason (may be NULL) becomes a literal that says why. */
enum elcl_attention elcl_choose_attention(enum elcl_device_type type, enum elcl_storage state,
                                          enum elcl_attention asked, const char **reason);

struct elcl_attention_choice {
    enum elcl_attention attention; /* resolved */
    char reason[256];              /* why AUTO chose it, one sentence; "" if the caller chose */
};

/*
 * Resolves params->attention. Call elcl_blueprint_check() on the params first. Their batch_size is
 * the wanted batch; 0 means enough to keep the device busy. Predicts each variant at that batch, or
 * at the largest that fits the limits in params. With rates (params->rates) it takes the fastest
 * variant. Without rates it takes the variant for the type of device, unless memory cannot hold the
 * wanted batch and another variant is faster at rates typical for the type.
 */
int elcl_choose_variant(const struct elcl_blueprint *blueprint, const elcl_plan_params *params,
                        struct elcl_attention_choice *choice, elcl_error *err);

#endif
