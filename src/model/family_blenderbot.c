/* Blenderbot: pre-norm, learned positions from row 0 on, no norm after the embedding. */
#include "model/bart_like.h"

static const struct elcl_bart_like traits = {
    .pre_norm = true,
    .positions = ELCL_POSITIONS_LEARNED,
    .logits_bias = true,
    .max_positions = 128,
    .activation = "gelu",
};

static const struct elcl_config_default defaults[] = {
    {"pad_token_id", 0},
    {"bos_token_id", 1},
    {"eos_token_id", 2},
    {"decoder_start_token_id", 1},
    {"forced_eos_token_id", 2},
    {"encoder_no_repeat_ngram_size", 3},
    {NULL, 0},
};

const struct elcl_family elcl_family_blenderbot = {
    .model_type = "blenderbot",
    .defaults = defaults,
    .bart_like = &traits,
    .read_arch = elcl_bart_like_arch,
    .load = elcl_bart_like_load,
};
