/* The first GPT: a post-norm decoder without a norm after the embedding, learned positions from row
 * 0 on, weights stored as [in, out]. attn.bias in some files is the causal mask. */
#include <stdio.h>

#include "base/util.h"
#include "model/gpt_like.h"

static int read_arch(const struct elcl_family *family, const struct elcl_config *config,
                     struct elcl_arch *arch, elcl_error *err)
{
    (void)family;
    static const struct elcl_gpt_keys keys = {.width = "n_embd",
                                              .layers = "n_layer",
                                              .heads = "n_head",
                                              .positions = "n_positions",
                                              .max_positions = 512,
                                              .activation = "afn",
                                              .default_activation = "gelu",
                                              .norm_eps = "layer_norm_epsilon"};
    struct elcl_arch a;
    const int rc = elcl_gpt_like_arch(config, &keys, &a, err);
    if (rc)
        return rc;
    a.pre_norm = false;
    if (a.act == ELCL_ACT_GELU) /* the name means the approximation here */
        a.act = ELCL_ACT_GELU_TANH;
    *arch = a;
    return ELCL_OK;
}

static int load_layer(struct elcl_loader *loader, const struct elcl_arch *arch, int i,
                      struct elcl_layer_weights *layer)
{
    const int d = arch->d, ffn = arch->decoder_ffn;
    char name[64];
    int rc;
#define NAME(role) (snprintf(name, sizeof(name), "h.%d.%s", i, role), name)
    ELCL_TRY(
        elcl_load_attention_conv1d(loader, NAME("attn"), arch->decoder_heads, d, &layer->self));
    ELCL_TRY(elcl_load_norm(loader, NAME("ln_1"), d, arch->norm_eps, &layer->self_norm));
    ELCL_TRY(elcl_load_conv1d(loader, NAME("mlp.c_fc"), ffn, d, &layer->fc1));
    ELCL_TRY(elcl_load_conv1d(loader, NAME("mlp.c_proj"), d, ffn, &layer->fc2));
    ELCL_TRY(elcl_load_norm(loader, NAME("ln_2"), d, arch->norm_eps, &layer->ffn_norm));
#undef NAME
fail:
    return rc;
}

static int load(const struct elcl_family *family, struct elcl_loader *loader,
                const struct elcl_arch *arch, struct elcl_weights *weights)
{
    (void)family;
    static const struct elcl_gpt_tensors tensors = {.base = "transformer.",
                                                    .tokens = "tokens_embed.weight",
                                                    .head = "lm_head.weight",
                                                    .positions = "positions_embed.weight",
                                                    .load_layer = load_layer};
    return elcl_gpt_like_load(&tensors, loader, arch, weights);
}

const struct elcl_family elcl_family_openai_gpt = {
    .model_type = "openai-gpt",
    .aliases = elcl_gpt2_aliases,
    .read_arch = read_arch,
    .load = load,
};
