/* Pegasus: pre-norm, sinusoidal positions, no norm after the embedding. */
#include "model/bart_like.h"

static const struct elcl_bart_like traits = {
    .pre_norm = true,
    .positions = ELCL_POSITIONS_SINUSOIDAL,
    .logits_bias = true,
    .max_positions = 1024,
    .activation = "gelu",
};

static const struct elcl_config_default defaults[] = {
    {"pad_token_id", 0},        {"eos_token_id", 1}, {"decoder_start_token_id", 0},
    {"forced_eos_token_id", 1}, {NULL, 0},
};

const struct elcl_family elcl_family_pegasus = {
    .model_type = "pegasus",
    .defaults = defaults,
    .bart_like = &traits,
    .read_arch = elcl_bart_like_arch,
    .load = elcl_bart_like_load,
};
