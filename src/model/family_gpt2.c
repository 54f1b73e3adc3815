/* GPT-2: pre-norm decoder, learned positions from row 0 on, weights stored as [in, out]. The
 * buffers attn.bias and attn.masked_bias that some files hold are the causal mask. */
#include <stdio.h>

#include "base/util.h"
#include "model/gpt_like.h"

static int read_arch(const struct elcl_family *family, const struct elcl_config *config,
                     struct elcl_arch *arch, elcl_error *err)
{
    (void)family;
    struct elcl_arch a;
    int rc;
    ELCL_TRY(elcl_gpt2_arch(config, "gelu_new", &a, err));
    ELCL_TRY(elcl_config_bool_or(config, "scale_attn_by_inverse_layer_idx", false,
                                 &a.scores_by_layer, err));
    *arch = a;
fail:
    return rc;
}

static int load_layer(struct elcl_loader *loader, const struct elcl_arch *arch, int i,
                      struct elcl_layer_weights *layer)
{
    const int d = arch->d, ffn = arch->decoder_ffn;
    char name[64];
    int rc;
#define NAME(role) (snprintf(name, sizeof(name), "h.%d.%s", i, role), name)
    ELCL_TRY(elcl_load_norm(loader, NAME("ln_1"), d, arch->norm_eps, &layer->self_norm));
    ELCL_TRY(
        elcl_load_attention_conv1d(loader, NAME("attn"), arch->decoder_heads, d, &layer->self));
    ELCL_TRY(elcl_load_norm(loader, NAME("ln_2"), d, arch->norm_eps, &layer->ffn_norm));
    ELCL_TRY(elcl_load_conv1d(loader, NAME("mlp.c_fc"), ffn, d, &layer->fc1));
    ELCL_TRY(elcl_load_conv1d(loader, NAME("mlp.c_proj"), d, ffn, &layer->fc2));
#undef NAME
fail:
    return rc;
}

static int load(const struct elcl_family *family, struct elcl_loader *loader,
                const struct elcl_arch *arch, struct elcl_weights *weights)
{
    (void)family;
    return elcl_gpt2_load(load_layer, loader, arch, weights);
}

const struct elcl_family elcl_family_gpt2 = {
    .model_type = "gpt2",
    .aliases = elcl_gpt2_aliases,
    .read_arch = read_arch,
    .load = load,
};
