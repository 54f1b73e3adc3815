/* XGLM: a pre-norm decoder with scaled embeddings, and sinusoidal positions from row 2 of the table
 * on. */

#include "base/util.h"
#include "model/bart_like.h"
#include "model/gpt_like.h"

#define POSITION_OFFSET 2

static int read_arch(const struct elcl_family *family, const struct elcl_config *config,
                     struct elcl_arch *arch, elcl_error *err)
{
    (void)family;
    static const struct elcl_gpt_keys keys = {.width = "d_model",
                                              .layers = "num_layers",
                                              .heads = "attention_heads",
                                              .inner = "ffn_dim",
                                              .positions = "max_position_embeddings",
                                              .max_positions = 2048,
                                              .activation = "activation_function",
                                              .default_activation = "gelu"};
    struct elcl_arch a;
    int rc;
    ELCL_TRY(elcl_gpt_like_arch(config, &keys, &a, err));
    ELCL_TRY(elcl_gpt_like_scale(config, &a, err));
    a.position_offset = POSITION_OFFSET;
    if (a.d < 4)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: d_model %d: sinusoidal positions of model_type xglm need 4 or more",
                         config->path, a.d);
    *arch = a;
fail:
    return rc;
}

static int load(const struct elcl_family *family, struct elcl_loader *loader,
                const struct elcl_arch *arch, struct elcl_weights *weights)
{
    (void)family;
    static const struct elcl_gpt_tensors tensors = {.tokens = "embed_tokens.weight",
                                                    .head = "lm_head.weight",
                                                    .final_norm = "layer_norm",
                                                    .load_layer = elcl_bart_like_decoder_layer};
    const int rc = elcl_gpt_like_load(&tensors, loader, arch, weights);
    return rc ? rc
              : elcl_load_computed_table(loader, elcl_after_padding_row,
                                         arch->max_positions + POSITION_OFFSET, arch->d,
                                         &weights->decoder.positions);
}

static const struct elcl_config_default defaults[] = {
    {"bos_token_id", 0},
    {"pad_token_id", 1},
    {"eos_token_id", 2},
    {NULL, 0},
};

static const struct elcl_key_alias aliases[] = {
    {"hidden_size", "d_model"},
    {"num_attention_heads", "attention_heads"},
    {"num_hidden_layers", "num_layers"},
    {NULL, NULL},
};

const struct elcl_family elcl_family_xglm = {
    .model_type = "xglm",
    .aliases = aliases,
    .defaults = defaults,
    .read_arch = read_arch,
    .load = load,
};
