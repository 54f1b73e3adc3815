/* GPT-2: pre-norm decoder, learned positions from row 0 on, weights stored as [in, out]. The
 * buffers attn.bias and attn.masked_bias that some files hold are the causal mask. */
#include <stdio.h>

#include "base/util.h"
#include "model/family.h"

static int read_scales(const struct elcl_config *config, struct elcl_arch *arch, elcl_error *err)
{
    bool scaled, cross;
    int rc;
    ELCL_TRY(elcl_config_bool_or(config, "scale_attn_weights", true, &scaled, err));
    ELCL_TRY(elcl_config_bool_or(config, "scale_attn_by_inverse_layer_idx", false,
                                 &arch->scores_by_layer, err));
    ELCL_TRY(elcl_config_bool_or(config, "add_cross_attention", false, &cross, err));
    if (cross)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: add_cross_attention must be false for model_type gpt2", config->path);
    arch->unscaled_scores = !scaled;
fail:
    return rc;
}

static int read_arch(const struct elcl_family *family, const struct elcl_config *config,
                     struct elcl_arch *arch, elcl_error *err)
{
    (void)family;
    struct elcl_arch a = {.pre_norm = true, .decoder_only = true, .embed_scale = 1};
    int rc;
    ELCL_TRY(elcl_config_int(config, "n_embd", 1, ELCL_MAX_WIDTH, &a.d, err));
    ELCL_TRY(elcl_config_int(config, "vocab_size", 1, 1 << 24, &a.vocabulary, err));
    a.source_vocabulary = a.vocabulary;
    ELCL_TRY(elcl_config_int(config, "n_layer", 1, ELCL_MAX_LAYERS, &a.decoder_layers, err));
    ELCL_TRY(elcl_config_int(config, "n_head", 1, 1024, &a.decoder_heads, err));
    ELCL_TRY(elcl_config_int_or(config, "n_positions", 2, 1 << 20, 1024, &a.max_positions, err));
    ELCL_TRY(elcl_config_int_or(config, "n_inner", 1, 1 << 20, 4 * a.d, &a.decoder_ffn, err));
    ELCL_TRY(elcl_config_float_or(config, "layer_norm_epsilon", 0, 1, 1e-5, &a.norm_eps, err));
    ELCL_TRY(elcl_config_bool_or(config, "tie_word_embeddings", true, &a.tied, err));
    ELCL_TRY(elcl_read_activation(config, "activation_function", "gelu_new", &a.act, err));
    ELCL_TRY(read_scales(config, &a, err));
    if (a.d % a.decoder_heads)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: n_embd %d is not a multiple of n_head %d",
                         config->path, a.d, a.decoder_heads);
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
    const char *const tokens[] = {"wte.weight", arch->tied ? "lm_head.weight" : NULL, NULL};
    const char *const heads[] = {"lm_head.weight", arch->tied ? tokens[0] : NULL, NULL};
    struct elcl_stack_weights *decoder = &weights->decoder;
    const int v = arch->vocabulary, d = arch->d;
    int rc;
    loader->base = "transformer.";
    ELCL_TRY(elcl_load_embedding(loader, tokens, v, d, NULL, weights, &decoder->tokens));
    ELCL_TRY(elcl_load_embedding(loader, heads, v, d, arch->tied ? decoder->tokens : NULL, weights,
                                 &weights->head));
    ELCL_TRY(elcl_load_table(loader, "wpe.weight", arch->max_positions, d, &decoder->positions));
    ELCL_TRY(elcl_stack_create(decoder, arch->decoder_layers, loader->err));
    for (int i = 0; i < arch->decoder_layers; i++)
        ELCL_TRY(load_layer(loader, arch, i, &decoder->layers[i]));
    ELCL_TRY(elcl_load_norm(loader, "ln_f", d, arch->norm_eps, &decoder->final_norm));
fail:
    return rc;
}

const struct elcl_family elcl_family_gpt2 = {
    .model_type = "gpt2",
    .aliases = elcl_gpt2_aliases,
    .read_arch = read_arch,
    .load = load,
};
