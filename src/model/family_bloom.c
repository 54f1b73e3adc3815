/* BLOOM: a pre-norm decoder with a norm after the embedding, and linear biases by distance (ALiBi)
 * instead of positions. */
#include <stdio.h>

#include "base/util.h"
#include "model/gpt_like.h"
#include "model/position_bias.h"

/* Positions have no limit in these models. An engine's default lengths, and a limit that keeps the
 * table of biases small. */
#define DEFAULT_POSITIONS 2048
#define MAX_POSITIONS 16384

static int read_arch(const struct elcl_family *family, const struct elcl_config *config,
                     struct elcl_arch *arch, elcl_error *err)
{
    (void)family;
    /* older files have the second names */
    const struct elcl_gpt_keys keys = {
        .width = elcl_config_has(config, "n_embed") ? "n_embed" : "hidden_size",
        .layers = elcl_config_has(config, "n_layer") ? "n_layer" : "num_hidden_layers",
        .heads = elcl_config_has(config, "n_head") ? "n_head" : "num_attention_heads",
        .activation = "activation_function",
        .default_activation = "gelu_new",
        .norm_eps = "layer_norm_epsilon"};
    struct elcl_arch a;
    bool after;
    int rc;
    ELCL_TRY(elcl_gpt_like_arch(config, &keys, &a, err));
    ELCL_TRY(elcl_config_bool_or(config, "apply_residual_connection_post_layernorm", false, &after,
                                 err));
    if (after)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: apply_residual_connection_post_layernorm must be false for "
                         "model_type bloom",
                         config->path);
    ELCL_TRY(elcl_config_int_or(config, "seq_length", 2, MAX_POSITIONS, DEFAULT_POSITIONS,
                                &a.default_positions, err));
    a.max_positions = MAX_POSITIONS;
    *arch = a;
fail:
    return rc;
}

static int load_layer(struct elcl_loader *loader, const struct elcl_arch *arch, int i,
                      struct elcl_layer_weights *layer)
{
    static const char *const names[] = {".query_key_value", ".dense"};
    const int d = arch->d, ffn = arch->decoder_ffn, dh = d / arch->decoder_heads;
    const struct elcl_fused_rows rows = {.rows = 3 * d, /* each head has its three */
                                         .q_stride = 3 * dh,
                                         .k_at = dh,
                                         .v_at = 2 * dh,
                                         .kv_stride = 3 * dh};
    char name[64];
    int rc;
#define NAME(role) (snprintf(name, sizeof(name), "h.%d.%s", i, role), name)
    ELCL_TRY(elcl_load_norm(loader, NAME("input_layernorm"), d, arch->norm_eps, &layer->self_norm));
    ELCL_TRY(elcl_load_attention_fused(loader, NAME("self_attention"), names, arch->decoder_heads,
                                       d, &rows, &layer->self));
    ELCL_TRY(elcl_load_norm(loader, NAME("post_attention_layernorm"), d, arch->norm_eps,
                            &layer->ffn_norm));
    ELCL_TRY(elcl_load_linear(loader, NAME("mlp.dense_h_to_4h"), ffn, d, &layer->fc1));
    ELCL_TRY(elcl_load_linear(loader, NAME("mlp.dense_4h_to_h"), d, ffn, &layer->fc2));
#undef NAME
fail:
    return rc;
}

static int load(const struct elcl_family *family, struct elcl_loader *loader,
                const struct elcl_arch *arch, struct elcl_weights *weights)
{
    (void)family;
    static const struct elcl_gpt_tensors tensors = {.base = "transformer.",
                                                    .tokens = "word_embeddings.weight",
                                                    .head = "lm_head.weight",
                                                    .embedding_norm = "word_embeddings_layernorm",
                                                    .final_norm = "ln_f",
                                                    .load_layer = load_layer};
    const int rc = elcl_gpt_like_load(&tensors, loader, arch, weights);
    return rc ? rc
              : elcl_load_alibi(loader, arch->decoder_heads, arch->max_positions,
                                &weights->decoder.layers[0].bias);
}

static const struct elcl_config_default defaults[] = {
    {"bos_token_id", 1},
    {"eos_token_id", 2},
    {NULL, 0},
};

const struct elcl_family elcl_family_bloom = {
    .model_type = "bloom",
    .defaults = defaults,
    .read_arch = read_arch,
    .load = load,
};
