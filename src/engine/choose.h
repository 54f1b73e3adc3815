/* Which attention variant AUTO takes: by predictions where it can, by the type of device where not.
 */
#ifndef ELCL_ENGINE_CHOOSE_H
#define ELCL_ENGINE_CHOOSE_H

#include "engine/blueprint.h"

/* The variant asked for. AUTO takes one by the type of device only, and *reason (may be NULL)
 * says why, a literal. */
enum elcl_attention elcl_choose_attention(enum elcl_device_type type, enum elcl_attention asked,
                                          const char **reason);

struct elcl_attention_choice {
    enum elcl_attention attention; /* resolved */
    char reason[256];              /* of AUTO's choice, one sentence; "" where it was asked for */
};

/*
 * Resolves params->attention. `params` as elcl_blueprint_check() leaves them; their batch_size is
 * the batch that is wanted, 0: what keeps the device busy. Every variant is predicted at as much of
 * that as the limits in params leave it. With rates (params->rates) the fastest is taken; without
 * any, that of the device's type, unless memory leaves it less than the wanted batch and another is
 * faster with rates that are usual for the type.
 */
int elcl_choose_variant(const struct elcl_blueprint *blueprint, const elcl_plan_params *params,
                        struct elcl_attention_choice *choice, elcl_error *err);

#endif
