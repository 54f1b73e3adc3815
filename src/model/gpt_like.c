#include "model/gpt_like.h"

#include <math.h>

#include "base/util.h"

static int read_sizes(const struct elcl_config *config, const struct elcl_gpt_keys *keys,
                      struct elcl_arch *a, elcl_error *err)
{
    int rc;
    ELCL_TRY(elcl_config_int(config, keys->width, 1, ELCL_MAX_WIDTH, &a->d, err));
    ELCL_TRY(elcl_config_int(config, keys->layers, 1, ELCL_MAX_LAYERS, &a->decoder_layers, err));
    ELCL_TRY(elcl_config_int(config, keys->heads, 1, 1024, &a->decoder_heads, err));
    ELCL_TRY(elcl_config_int(config, "vocab_size", 1, 1 << 24, &a->vocabulary, err));
    a->source_vocabulary = a->vocabulary;
    a->decoder_ffn = 4 * a->d;
    if (keys->inner)
        ELCL_TRY(
            elcl_config_int_or(config, keys->inner, 1, 1 << 20, 4 * a->d, &a->decoder_ffn, err));
    if (keys->positions)
        ELCL_TRY(elcl_config_int_or(config, keys->positions, 2, 1 << 20, keys->max_positions,
                                    &a->max_positions, err));
    if (a->d % a->decoder_heads)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: %s %d is not a multiple of %s %d", config->path,
                         keys->width, a->d, keys->heads, a->decoder_heads);
fail:
    return rc;
}

int elcl_gpt_like_arch(const struct elcl_config *config, const struct elcl_gpt_keys *keys,
                       struct elcl_arch *arch, elcl_error *err)
{
    struct elcl_arch a = {
        .pre_norm = true, .decoder_only = true, .embed_scale = 1, .norm_eps = 1e-5f};
    bool cross;
    int rc;
    ELCL_TRY(read_sizes(config, keys, &a, err));
    ELCL_TRY(elcl_config_bool_or(config, "tie_word_embeddings", true, &a.tied, err));
    ELCL_TRY(elcl_config_bool_or(config, "add_cross_attention", false, &cross, err));
    ELCL_TRY(elcl_read_activation(config, keys->activation, keys->default_activation, &a.act, err));
    if (keys->norm_eps)
        ELCL_TRY(elcl_config_float_or(config, keys->norm_eps, 0, 1, 1e-5, &a.norm_eps, err));
    if (cross)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: add_cross_attention must be false for model_type %s", config->path,
                         config->model_type);
    *arch = a;
fail:
    return rc;
}

int elcl_gpt_like_scale(const struct elcl_config *config, struct elcl_arch *arch, elcl_error *err)
{
    bool scale;
    const int rc = elcl_config_bool_or(config, "scale_embedding", true, &scale, err);
    if (!rc && scale)
        arch->embed_scale = sqrtf((float)arch->d);
    return rc;
}

static int load_tables(const struct elcl_gpt_tensors *tensors, struct elcl_loader *loader,
                       const struct elcl_arch *arch, struct elcl_weights *weights)
{
    const char *const inputs[] = {tensors->tokens, arch->tied ? tensors->head : NULL, NULL};
    const char *const outputs[] = {tensors->head, arch->tied ? tensors->tokens : NULL, NULL};
    const int v = arch->vocabulary, w = elcl_arch_embed_width(arch);
    int rc;
    ELCL_TRY(elcl_load_embedding(loader, inputs, v, w, NULL, weights, &weights->decoder.tokens));
    ELCL_TRY(elcl_load_embedding(loader, outputs, v, w, arch->tied ? weights->decoder.tokens : NULL,
                                 weights, &weights->head));
fail:
    return rc;
}

int elcl_gpt_like_load(const struct elcl_gpt_tensors *tensors, struct elcl_loader *loader,
                       const struct elcl_arch *arch, struct elcl_weights *weights)
{
    struct elcl_stack_weights *decoder = &weights->decoder;
    const int d = arch->d;
    const float eps = arch->norm_eps;
    int rc;
    loader->base = tensors->base;
    ELCL_TRY(load_tables(tensors, loader, arch, weights));
    if (tensors->positions)
        ELCL_TRY(elcl_load_table(loader, tensors->positions,
                                 arch->max_positions + arch->position_offset, d,
                                 &decoder->positions));
    if (tensors->embedding_norm)
        ELCL_TRY(elcl_load_norm(loader, tensors->embedding_norm, d, eps, &decoder->embedding_norm));
    ELCL_TRY(elcl_stack_create(decoder, arch->decoder_layers, loader->err));
    for (int i = 0; i < arch->decoder_layers; i++)
        ELCL_TRY(tensors->load_layer(loader, arch, i, &decoder->layers[i]));
    if (tensors->final_norm)
        ELCL_TRY(elcl_load_norm(loader, tensors->final_norm, d, eps, &decoder->final_norm));
fail:
    return rc;
}

int elcl_gpt2_arch(const struct elcl_config *config, const char *default_activation,
                   struct elcl_arch *arch, elcl_error *err)
{
    const struct elcl_gpt_keys keys = {.width = "n_embd",
                                       .layers = "n_layer",
                                       .heads = "n_head",
                                       .inner = "n_inner",
                                       .positions = "n_positions",
                                       .max_positions = 1024,
                                       .activation = "activation_function",
                                       .default_activation = default_activation,
                                       .norm_eps = "layer_norm_epsilon"};
    struct elcl_arch a;
    bool scaled;
    int rc;
    ELCL_TRY(elcl_gpt_like_arch(config, &keys, &a, err));
    ELCL_TRY(elcl_config_bool_or(config, "scale_attn_weights", true, &scaled, err));
    a.unscaled_scores = !scaled;
    *arch = a;
fail:
    return rc;
}

int elcl_gpt2_load(elcl_load_layer_fn load_layer, struct elcl_loader *loader,
                   const struct elcl_arch *arch, struct elcl_weights *weights)
{
    const struct elcl_gpt_tensors tensors = {.base = "transformer.",
                                             .tokens = "wte.weight",
                                             .head = "lm_head.weight",
                                             .positions = "wpe.weight",
                                             .final_norm = "ln_f",
                                             .load_layer = load_layer};
    return elcl_gpt_like_load(&tensors, loader, arch, weights);
}
