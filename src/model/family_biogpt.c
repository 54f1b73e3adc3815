/* BioGPT: a pre-norm decoder with scaled embeddings and learned positions from row 2 on. Its norms
 * do not read layer_norm_eps. */
#include "base/util.h"
#include "model/bart_like.h"
#include "model/gpt_like.h"

#define POSITION_OFFSET 2

static int read_arch(const struct elcl_family *family, const struct elcl_config *config,
                     struct elcl_arch *arch, elcl_error *err)
{
    (void)family;
    static const struct elcl_gpt_keys keys = {.width = "hidden_size",
                                              .layers = "num_hidden_layers",
                                              .heads = "num_attention_heads",
                                              .inner = "intermediate_size",
                                              .positions = "max_position_embeddings",
                                              .max_positions = 1024,
                                              .activation = "hidden_act",
                                              .default_activation = "gelu"};
    struct elcl_arch a;
    int rc;
    ELCL_TRY(elcl_gpt_like_arch(config, &keys, &a, err));
    ELCL_TRY(elcl_gpt_like_scale(config, &a, err));
    a.position_offset = POSITION_OFFSET;
    *arch = a;
fail:
    return rc;
}

static int load(const struct elcl_family *family, struct elcl_loader *loader,
                const struct elcl_arch *arch, struct elcl_weights *weights)
{
    (void)family;
    static const struct elcl_gpt_tensors tensors = {.base = "biogpt.",
                                                    .tokens = "embed_tokens.weight",
                                                    .head = "output_projection.weight",
                                                    .positions = "embed_positions.weight",
                                                    .final_norm = "layer_norm",
                                                    .load_layer = elcl_bart_like_decoder_layer};
    return elcl_gpt_like_load(&tensors, loader, arch, weights);
}

static const struct elcl_config_default defaults[] = {
    {"bos_token_id", 0},
    {"pad_token_id", 1},
    {"eos_token_id", 2},
    {NULL, 0},
};

const struct elcl_family elcl_family_biogpt = {
    .model_type = "biogpt",
    .defaults = defaults,
    .read_arch = read_arch,
    .load = load,
};
