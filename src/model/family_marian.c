/* Marian (Opus-MT): post-norm, sinusoidal positions, no norm after the embedding; the decoder
 * starts with the padding token; source and target may have separate vocabularies. */
#include "model/bart_like.h"

static const struct elcl_bart_like traits = {
    .positions = ELCL_POSITIONS_SINUSOIDAL,
    .logits_bias = true,
    .vocabularies = true,
    .max_positions = 1024,
    .activation = "gelu",
};

static const struct elcl_config_default defaults[] = {
    {"pad_token_id", 58100},    {"eos_token_id", 0}, {"decoder_start_token_id", 58100},
    {"forced_eos_token_id", 0}, {NULL, 0},
};

const struct elcl_family elcl_family_marian = {
    .model_type = "marian",
    .defaults = defaults,
    .bart_like = &traits,
    .read_arch = elcl_bart_like_arch,
    .load = elcl_bart_like_load,
};
