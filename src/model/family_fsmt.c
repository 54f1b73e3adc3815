/* FSMT (fairseq's Transformer): post-norm, sinusoidal positions counted from pad_token_id + 1, no
 * norm after the embedding; source and target have separate vocabularies; the decoder starts with
 * EOS. */
#include "model/bart_like.h"

static const struct elcl_bart_like traits = {
    .positions = ELCL_POSITIONS_AFTER_PADDING,
    .fairseq_keys = true,
    .head = "decoder.output_projection.weight",
    .max_positions = 1024,
    .scale_embedding = true,
    .activation = "relu",
};

static const struct elcl_config_default defaults[] = {
    {"pad_token_id", 1},        {"bos_token_id", 0},
    {"eos_token_id", 2},        {"decoder_start_token_id", 2},
    {"forced_eos_token_id", 2}, {"max_length", 200},
    {"num_beams", 5},           {NULL, 0},
};

const struct elcl_family elcl_family_fsmt = {
    .model_type = "fsmt",
    .defaults = defaults,
    .bart_like = &traits,
    .read_arch = elcl_bart_like_arch,
    .load = elcl_bart_like_load,
};
