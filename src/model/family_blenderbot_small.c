/* Blenderbot-small: as BART, with learned positions from row 0 on; the decoder adds them after the
 * embedding's norm. */
#include "model/bart_like.h"

static const struct elcl_bart_like traits = {
    .embedding_norm = true,
    .norm_before_positions = true,
    .positions = ELCL_POSITIONS_LEARNED,
    .logits_bias = true,
    .max_positions = 512,
    .activation = "gelu",
};

static const struct elcl_config_default defaults[] = {
    {"pad_token_id", 0},           {"bos_token_id", 1},        {"eos_token_id", 2},
    {"decoder_start_token_id", 1}, {"forced_eos_token_id", 2}, {NULL, 0},
};

const struct elcl_family elcl_family_blenderbot_small = {
    .model_type = "blenderbot-small",
    .defaults = defaults,
    .bart_like = &traits,
    .read_arch = elcl_bart_like_arch,
    .load = elcl_bart_like_load,
};
