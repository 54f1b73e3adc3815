/* Models of CTranslate2: OpenNMT's Transformer (pre-norm, positions from 1), what its converters
 * make of Marian and of BART's kind, and decoders like GPT-2 and OPT. Sizes and traits come from
 * format/ctranslate2_config.c, tensors under BART's names from format/ctranslate2_tensors.c. */
#include <math.h>
#include <stdio.h>

#include "base/util.h"
#include "model/bart_like.h"

#define DEFAULT_POSITIONS 512

/* ---- hyper-parameters ---- */

static int read_stack(const struct elcl_config *config, const char *stack, int *layers, int *heads,
                      int *ffn, elcl_error *err)
{
    char key[64];
    int rc;
#define KEY(name) (snprintf(key, sizeof(key), "%s_%s", stack, name), key)
    ELCL_TRY(elcl_config_int(config, KEY("layers"), 1, ELCL_MAX_LAYERS, layers, err));
    ELCL_TRY(elcl_config_int(config, KEY("attention_heads"), 1, 1024, heads, err));
    ELCL_TRY(elcl_config_int(config, KEY("ffn_dim"), 1, 1 << 20, ffn, err));
#undef KEY
fail:
    return rc;
}

static int read_traits(const struct elcl_config *config, struct elcl_arch *a, elcl_error *err)
{
    bool stored;
    int rc;
    ELCL_TRY(elcl_config_bool_or(config, "pre_norm", true, &a->pre_norm, err));
    ELCL_TRY(elcl_config_bool_or(config, "final_norm", true, &a->final_norm, err));
    ELCL_TRY(elcl_config_bool_or(config, "embedding_norm", false, &a->embedding_norm, err));
    ELCL_TRY(elcl_config_bool_or(config, "head_bias", false, &a->head_bias, err));
    ELCL_TRY(elcl_config_bool_or(config, "shared_table", false, &a->shared, err));
    ELCL_TRY(elcl_config_bool_or(config, "tied_table", false, &a->tied, err));
    ELCL_TRY(elcl_config_bool_or(config, "stored_positions", true, &stored, err));
    ELCL_TRY(elcl_config_float_or(config, "embed_scale", 0, 1e6, 1, &a->embed_scale, err));
    ELCL_TRY(elcl_config_float_or(config, "layer_norm_epsilon", 0, 1, 1e-5, &a->norm_eps, err));
    ELCL_TRY(elcl_read_activation(config, "activation_function", "relu", &a->act, err));
    a->position_offset = stored ? 0 : 1;
    if (!stored && a->d < 4)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: sinusoidal positions need a width of 4 or more, found %d",
                         config->path, a->d);
fail:
    return rc;
}

static int read_arch(const struct elcl_family *family, const struct elcl_config *config,
                     struct elcl_arch *arch, elcl_error *err)
{
    (void)family;
    struct elcl_arch a = {0};
    int rc;
    ELCL_TRY(elcl_config_bool_or(config, "decoder_only", false, &a.decoder_only, err));
    ELCL_TRY(elcl_config_int(config, "d_model", 1, ELCL_MAX_WIDTH, &a.d, err));
    ELCL_TRY(elcl_config_int(config, "embed_dim", 1, ELCL_MAX_WIDTH, &a.embed_width, err));
    ELCL_TRY(elcl_config_int(config, "vocab_size", 1, 1 << 24, &a.vocabulary, err));
    ELCL_TRY(elcl_config_int(config, "source_vocab_size", 1, 1 << 24, &a.source_vocabulary, err));
    ELCL_TRY(elcl_config_int(config, "max_position_embeddings", 2, 1 << 20, &a.max_positions, err));
    if (!a.decoder_only)
        ELCL_TRY(read_stack(config, "encoder", &a.encoder_layers, &a.encoder_heads, &a.encoder_ffn,
                            err));
    ELCL_TRY(
        read_stack(config, "decoder", &a.decoder_layers, &a.decoder_heads, &a.decoder_ffn, err));
    ELCL_TRY(read_traits(config, &a, err));
    if (a.d % a.decoder_heads || (!a.decoder_only && a.d % a.encoder_heads))
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: the width %d is not a multiple of the attention heads", config->path,
                         a.d);
    if (a.embed_width != a.d && !a.decoder_only)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: embeddings have the width %d, the layers %d; both must be equal in a "
                         "model with an encoder",
                         config->path, a.embed_width, a.d);
    a.default_positions = elcl_min_int(DEFAULT_POSITIONS, a.max_positions);
    *arch = a;
fail:
    return rc;
}

/* ---- tensors ---- */

/* Counts from 1 and has the exponents i / (D/2 - 1): sin in the first half of a row, cos in the
 * second. */
static void positions_row(float *row, int position, int d)
{
    const int half = d / 2;
    const float step = -logf(10000.0f) / (float)(half - 1);
    row[d - 1] = 0;
    for (int i = 0; i < half; i++) {
        const float angle = (float)position * expf((float)i * step);
        row[i] = sinf(angle);
        row[half + i] = cosf(angle);
    }
}

static int load_stack(struct elcl_loader *loader, const struct elcl_arch *arch, bool decoder,
                      struct elcl_stack_weights *out)
{
    const char *stack = decoder ? "decoder" : "encoder";
    const int n_layers = decoder ? arch->decoder_layers : arch->encoder_layers;
    char name[64];
    int rc;
    snprintf(name, sizeof(name), "%s.embed_positions.weight", stack);
    ELCL_TRY(arch->position_offset
                 ? elcl_load_computed_table(loader, positions_row,
                                            arch->max_positions + arch->position_offset, arch->d,
                                            &out->positions)
                 : elcl_load_table(loader, name, arch->max_positions, arch->d, &out->positions));
    snprintf(name, sizeof(name), "%s.layernorm_embedding", stack);
    if (arch->embedding_norm)
        ELCL_TRY(elcl_load_norm(loader, name, arch->d, arch->norm_eps, &out->embedding_norm));
    snprintf(name, sizeof(name), "%s.layer_norm", stack);
    if (arch->final_norm)
        ELCL_TRY(elcl_load_norm(loader, name, arch->d, arch->norm_eps, &out->final_norm));
    ELCL_TRY(elcl_stack_create(out, n_layers, loader->err));
    for (int i = 0; i < n_layers; i++) {
        snprintf(name, sizeof(name), "%s.layers.%d", stack, i);
        ELCL_TRY(elcl_bart_like_layer(loader, arch, name, NULL, decoder, &out->layers[i]));
    }
fail:
    return rc;
}

static int load_tables(struct elcl_loader *loader, const struct elcl_arch *arch,
                       struct elcl_weights *weights)
{
    static const char *const encoder[] = {"encoder.embed_tokens.weight", NULL};
    static const char *const decoder[] = {"decoder.embed_tokens.weight", NULL};
    static const char *const head[] = {"lm_head.weight", NULL};
    const int v = arch->vocabulary, w = arch->embed_width;
    int rc;
    ELCL_TRY(elcl_load_embedding(loader, decoder, v, w, NULL, weights, &weights->decoder.tokens));
    weights->encoder.tokens = weights->head = weights->decoder.tokens;
    if (!arch->decoder_only && !arch->shared)
        ELCL_TRY(elcl_load_embedding(loader, encoder, arch->source_vocabulary, w, NULL, weights,
                                     &weights->encoder.tokens));
    if (!arch->tied)
        ELCL_TRY(elcl_load_embedding(loader, head, v, w, NULL, weights, &weights->head));
    if (arch->head_bias)
        ELCL_TRY(elcl_load_vector(loader, "final_logits_bias", v, &weights->head_bias));
    if (arch->d != w) {
        ELCL_TRY(elcl_load_linear(loader, "project_in", arch->d, w, &weights->decoder.project_in));
        ELCL_TRY(elcl_load_linear(loader, "project_out", w, arch->d, &weights->project_out));
    }
fail:
    return rc;
}

static int load(const struct elcl_family *family, struct elcl_loader *loader,
                const struct elcl_arch *arch, struct elcl_weights *weights)
{
    (void)family;
    int rc;
    ELCL_TRY(load_tables(loader, arch, weights));
    if (!arch->decoder_only)
        ELCL_TRY(load_stack(loader, arch, false, &weights->encoder));
    ELCL_TRY(load_stack(loader, arch, true, &weights->decoder));
fail:
    return rc;
}

const struct elcl_family elcl_family_ctranslate2 = {
    .model_type = "ctranslate2",
    .read_arch = read_arch,
    .load = load,
};
