/* PLBART: as BART; embeddings are scaled by default. */
#include "model/bart_like.h"

static const struct elcl_bart_like traits = {
    .embedding_norm = true,
    .positions = ELCL_POSITIONS_LEARNED,
    .position_offset = 2,
    .logits_bias = true,
    .max_positions = 1024,
    .scale_embedding = true,
    .activation = "gelu",
};

static const struct elcl_config_default defaults[] = {
    {"pad_token_id", 1},        {"bos_token_id", 0}, {"eos_token_id", 2},
    {"forced_eos_token_id", 2}, {NULL, 0},
};

const struct elcl_family elcl_family_plbart = {
    .model_type = "plbart",
    .defaults = defaults,
    .bart_like = &traits,
    .read_arch = elcl_bart_like_arch,
    .load = elcl_bart_like_load,
};
