/* Pegasus: pre-norm, sinusoidal positions, no norm after the embedding. */
#include "model/bart_like.h"

static const struct elcl_bart_like traits = {
    .model_type = "pegasus",
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

static int read_arch(const struct elcl_config *config, struct elcl_arch *arch, elcl_error *err)
{
    return elcl_bart_like_arch(&traits, config, arch, err);
}

static int load(struct elcl_loader *loader, const struct elcl_arch *arch,
                struct elcl_weights *weights)
{
    return elcl_bart_like_load(&traits, loader, arch, weights);
}

const struct elcl_family elcl_family_pegasus = {
    .model_type = "pegasus",
    .defaults = defaults,
    .read_arch = read_arch,
    .load = load,
};
