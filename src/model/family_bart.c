/* BART: post-norm encoder-decoder, learned positions from row 2 on, a norm behind the embedding. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "model/family.h"

#define MAX_LAYERS 256
#define MAX_WIDTH 65536

static int read_activation(const struct elcl_config *config, enum elcl_activation *act,
                           elcl_error *err)
{
    static const struct {
        const char *name;
        enum elcl_activation act;
    } known[] = {
        {"gelu", ELCL_ACT_GELU},          {"relu", ELCL_ACT_RELU},
        {"gelu_new", ELCL_ACT_GELU_TANH}, {"gelu_pytorch_tanh", ELCL_ACT_GELU_TANH},
        {"silu", ELCL_ACT_SILU},          {"swish", ELCL_ACT_SILU},
    };
    const char *name;
    const int rc = elcl_config_string_or(config, "activation_function", "gelu", &name, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < ELCL_COUNT(known); i++) {
        if (!strcmp(name, known[i].name)) {
            *act = known[i].act;
            return ELCL_OK;
        }
    }
    return elcl_fail(err, ELCL_E_UNSUPPORTED,
                     "%s: activation_function \"%s\" is not supported; supported: gelu, gelu_new, "
                     "relu, silu",
                     config->path, name);
}

/* Keys of BART's kin that would change the result. */
static int refuse_variations(const struct elcl_config *config, elcl_error *err)
{
    static const char *const must_be_false[] = {"normalize_before", "add_final_layer_norm",
                                                "static_position_embeddings"};
    static const char *const must_be_true[] = {"normalize_embedding", "is_encoder_decoder"};
    for (size_t i = 0; i < ELCL_COUNT(must_be_false) + ELCL_COUNT(must_be_true); i++) {
        const bool want = i >= ELCL_COUNT(must_be_false);
        const char *key = want ? must_be_true[i - ELCL_COUNT(must_be_false)] : must_be_false[i];
        bool value;
        const int rc = elcl_config_bool_or(config, key, want, &value, err);
        if (rc)
            return rc;
        if (value != want)
            return elcl_fail(err, ELCL_E_UNSUPPORTED, "%s: %s must be %s for model_type bart",
                             config->path, key, want ? "true" : "false");
    }
    return ELCL_OK;
}

static int read_arch(const struct elcl_config *config, struct elcl_arch *arch, elcl_error *err)
{
    struct elcl_arch a = {.position_offset = 2, .norm_eps = 1e-5f};
    bool scale;
    int rc;
    ELCL_TRY(refuse_variations(config, err));
    ELCL_TRY(elcl_config_int(config, "d_model", 1, MAX_WIDTH, &a.d, err));
    ELCL_TRY(elcl_config_int(config, "vocab_size", 1, 1 << 24, &a.vocabulary, err));
    ELCL_TRY(elcl_config_int(config, "encoder_layers", 1, MAX_LAYERS, &a.encoder_layers, err));
    ELCL_TRY(elcl_config_int(config, "decoder_layers", 1, MAX_LAYERS, &a.decoder_layers, err));
    ELCL_TRY(elcl_config_int(config, "encoder_attention_heads", 1, 1024, &a.encoder_heads, err));
    ELCL_TRY(elcl_config_int(config, "decoder_attention_heads", 1, 1024, &a.decoder_heads, err));
    ELCL_TRY(elcl_config_int(config, "encoder_ffn_dim", 1, 1 << 20, &a.encoder_ffn, err));
    ELCL_TRY(elcl_config_int(config, "decoder_ffn_dim", 1, 1 << 20, &a.decoder_ffn, err));
    ELCL_TRY(elcl_config_int_or(config, "max_position_embeddings", 2, 1 << 20, 1024,
                                &a.max_positions, err));
    ELCL_TRY(elcl_config_bool_or(config, "scale_embedding", false, &scale, err));
    ELCL_TRY(elcl_config_bool_or(config, "tie_word_embeddings", true, &a.tied, err));
    ELCL_TRY(read_activation(config, &a.act, err));
    if (a.d % a.encoder_heads || a.d % a.decoder_heads)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%s: d_model %d is not a multiple of the attention heads (%d and %d)",
                         config->path, a.d, a.encoder_heads, a.decoder_heads);
    a.embed_scale = scale ? sqrtf((float)a.d) : 1.0f;
    *arch = a;
fail:
    return rc;
}

static int load_layer(struct elcl_loader *loader, const struct elcl_arch *arch, const char *stack,
                      int i, bool decoder, struct elcl_layer_weights *layer)
{
    const int d = arch->d, ffn = decoder ? arch->decoder_ffn : arch->encoder_ffn;
    const int heads = decoder ? arch->decoder_heads : arch->encoder_heads;
    char name[128];
    int rc;
#define NAME(role) (snprintf(name, sizeof(name), "%s.layers.%d.%s", stack, i, role), name)
    ELCL_TRY(elcl_load_attention(loader, NAME("self_attn"), heads, d,
                                 decoder ? ELCL_SITE_SELF : ELCL_SITE_ENCODER, &layer->self));
    ELCL_TRY(
        elcl_load_norm(loader, NAME("self_attn_layer_norm"), d, arch->norm_eps, &layer->self_norm));
    if (decoder) {
        ELCL_TRY(elcl_load_attention(loader, NAME("encoder_attn"), heads, d, ELCL_SITE_CROSS,
                                     &layer->cross));
        ELCL_TRY(elcl_load_norm(loader, NAME("encoder_attn_layer_norm"), d, arch->norm_eps,
                                &layer->cross_norm));
    }
    ELCL_TRY(elcl_load_linear(loader, NAME("fc1"), ffn, d, &layer->fc1));
    ELCL_TRY(elcl_load_linear(loader, NAME("fc2"), d, ffn, &layer->fc2));
    ELCL_TRY(elcl_load_norm(loader, NAME("final_layer_norm"), d, arch->norm_eps, &layer->ffn_norm));
#undef NAME
fail:
    return rc;
}

static int load_stack(struct elcl_loader *loader, const struct elcl_arch *arch, const char *stack,
                      bool decoder, struct elcl_stack_weights *out)
{
    const int n_layers = decoder ? arch->decoder_layers : arch->encoder_layers;
    char name[64];
    int rc;
    snprintf(name, sizeof(name), "%s.embed_positions.weight", stack);
    ELCL_TRY(elcl_load_table(loader, name, arch->max_positions + arch->position_offset, arch->d,
                             &out->positions));
    snprintf(name, sizeof(name), "%s.layernorm_embedding", stack);
    ELCL_TRY(elcl_load_norm(loader, name, arch->d, arch->norm_eps, &out->embedding_norm));
    ELCL_TRY(elcl_stack_create(out, n_layers, loader->err));
    for (int i = 0; i < n_layers; i++)
        ELCL_TRY(load_layer(loader, arch, stack, i, decoder, &out->layers[i]));
fail:
    return rc;
}

/* Tied models store the one table under any of its names; with tie_word_embeddings false the
 * output has its own, and encoder and decoder may have theirs. */
static int load_embeddings(struct elcl_loader *loader, const struct elcl_arch *arch,
                           struct elcl_weights *weights)
{
    static const char *const shared[] = {"shared.weight", "encoder.embed_tokens.weight",
                                         "decoder.embed_tokens.weight", "lm_head.weight", NULL};
    static const char *const encoder[] = {"encoder.embed_tokens.weight", "shared.weight",
                                          "decoder.embed_tokens.weight", NULL};
    static const char *const decoder[] = {"decoder.embed_tokens.weight", NULL};
    static const char *const head[] = {"lm_head.weight", NULL};
    const int v = arch->vocabulary, d = arch->d;
    int rc;
    ELCL_TRY(elcl_load_embedding(loader, arch->tied ? shared : encoder, v, d, weights,
                                 &weights->encoder.tokens));
    weights->decoder.tokens = weights->head = weights->encoder.tokens;
    if (arch->tied)
        return ELCL_OK;
    if (loader->st && elcl_load_find(loader, encoder[0]) && elcl_load_find(loader, decoder[0]))
        ELCL_TRY(elcl_load_embedding(loader, decoder, v, d, weights, &weights->decoder.tokens));
    ELCL_TRY(elcl_load_embedding(loader, head, v, d, weights, &weights->head));
fail:
    return rc;
}

static int load(struct elcl_loader *loader, const struct elcl_arch *arch,
                struct elcl_weights *weights)
{
    int rc;
    ELCL_TRY(load_embeddings(loader, arch, weights));
    ELCL_TRY(load_stack(loader, arch, "encoder", false, &weights->encoder));
    ELCL_TRY(load_stack(loader, arch, "decoder", true, &weights->decoder));
    if (!loader->st || elcl_load_find(loader, "final_logits_bias"))
        ELCL_TRY(
            elcl_load_vector(loader, "final_logits_bias", arch->vocabulary, &weights->head_bias));
fail:
    return rc;
}

const struct elcl_family elcl_family_bart = {
    .model_type = "bart",
    .read_arch = read_arch,
    .load = load,
};
