/* M2M-100 and NLLB: pre-norm, sinusoidal positions counted from pad_token_id + 1. */
#include "model/bart_like.h"

static const struct elcl_bart_like traits = {
    .pre_norm = true,
    .positions = ELCL_POSITIONS_AFTER_PADDING,
    .max_positions = 1024,
    .scale_embedding = true,
    .activation = "relu",
};

static const struct elcl_config_default defaults[] = {
    {"pad_token_id", 1},           {"bos_token_id", 0}, {"eos_token_id", 2},
    {"decoder_start_token_id", 2}, {NULL, 0},
};

const struct elcl_family elcl_family_m2m_100 = {
    .model_type = "m2m_100",
    .defaults = defaults,
    .bart_like = &traits,
    .read_arch = elcl_bart_like_arch,
    .load = elcl_bart_like_load,
};
