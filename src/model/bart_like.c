#include "model/bart_like.h"

#include <math.h>
#include <stdio.h>

#include "base/util.h"
#include "model/position_bias.h"

/* ---- hyper-parameters ---- */

/* Keys with which older files tell BART-like models apart. model_type does that now; a value that
 * contradicts it would change the result. */
static int refuse_variations(const struct elcl_bart_like *traits, const struct elcl_config *config,
                             elcl_error *err)
{
    const bool sinusoidal = traits->positions != ELCL_POSITIONS_LEARNED;
    const struct {
        const char *key;
        bool want;
    } keys[] = {
        {"normalize_before", traits->pre_norm},
        {"add_final_layer_norm", traits->pre_norm},
        {"static_position_embeddings", sinusoidal},
        {"normalize_embedding", traits->embedding_norm},
        {"is_encoder_decoder", true},
    };
    for (size_t i = 0; i < ELCL_COUNT(keys); i++) {
        bool value;
        const int rc = elcl_config_bool_or(config, keys[i].key, keys[i].want, &value, err);
        if (rc)
            return rc;
        if (value != keys[i].want)
            return elcl_fail(err, ELCL_E_UNSUPPORTED, "%s: %s must be %s for model_type %s",
                             config->path, keys[i].key, keys[i].want ? "true" : "false",
                             config->model_type);
    }
    return ELCL_OK;
}

static int read_vocabularies(const struct elcl_bart_like *traits, const struct elcl_config *config,
                             struct elcl_arch *a, elcl_error *err)
{
    int rc;
    ELCL_TRY(elcl_config_int(config, "vocab_size", 1, 1 << 24, &a->source_vocabulary, err));
    a->vocabulary = a->source_vocabulary;
    a->shared = true;
    ELCL_TRY(elcl_config_bool_or(config, "tie_word_embeddings", true, &a->tied, err));
    if (!traits->vocabularies)
        return ELCL_OK;
    ELCL_TRY(
        elcl_config_bool_or(config, "share_encoder_decoder_embeddings", true, &a->shared, err));
    if (!a->shared)
        ELCL_TRY(elcl_config_int_or(config, "decoder_vocab_size", 1, 1 << 24, a->source_vocabulary,
                                    &a->vocabulary, err));
fail:
    return rc;
}

static int read_fairseq_vocabularies(const struct elcl_config *config, struct elcl_arch *a,
                                     elcl_error *err)
{
    int rc;
    ELCL_TRY(elcl_config_int(config, "src_vocab_size", 1, 1 << 24, &a->source_vocabulary, err));
    ELCL_TRY(elcl_config_int(config, "tgt_vocab_size", 1, 1 << 24, &a->vocabulary, err));
    ELCL_TRY(elcl_config_bool_or(config, "tie_word_embeddings", false, &a->shared, err));
    ELCL_TRY(elcl_config_bool_or(config, "share_decoder_input_output_embed", true, &a->tied, err));
    if (a->shared && a->source_vocabulary != a->vocabulary)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%s: tie_word_embeddings is true, but src_vocab_size is %d and "
                         "tgt_vocab_size %d",
                         config->path, a->source_vocabulary, a->vocabulary);
fail:
    return rc;
}

static int read_positions(const struct elcl_bart_like *traits, const struct elcl_config *config,
                          struct elcl_arch *a, elcl_error *err)
{
    const char *key = traits->encoder_positions_key;
    int rc;
    ELCL_TRY(elcl_config_int_or(config, key ? key : "max_position_embeddings", 2, 1 << 20,
                                traits->max_positions, &a->max_positions, err));
    if (traits->decoder_positions_key) {
        ELCL_TRY(elcl_config_int_or(config, traits->decoder_positions_key, 2, 1 << 20,
                                    traits->target_positions, &a->target_positions, err));
        a->default_positions = elcl_min_int(a->max_positions, a->target_positions);
    }
    a->position_offset = traits->position_offset;
    if (traits->positions == ELCL_POSITIONS_AFTER_PADDING) {
        int pad;
        ELCL_TRY(
            elcl_config_int_or(config, "pad_token_id", 0, a->source_vocabulary - 1, 1, &pad, err));
        a->position_offset = pad + 1;
        if (a->d < 4)
            return elcl_fail(err, ELCL_E_UNSUPPORTED,
                             "%s: d_model %d: sinusoidal positions of "
                             "model_type %s need 4 or more",
                             config->path, a->d, config->model_type);
    }
fail:
    return rc;
}

int elcl_bart_like_arch(const struct elcl_family *family, const struct elcl_config *config,
                        struct elcl_arch *arch, elcl_error *err)
{
    const struct elcl_bart_like *traits = family->bart_like;
    struct elcl_arch a = {.pre_norm = traits->pre_norm,
                          .norm_before_positions = traits->norm_before_positions,
                          .norm_eps = 1e-5f};
    bool scale;
    int rc;
    ELCL_TRY(refuse_variations(traits, config, err));
    ELCL_TRY(elcl_config_int(config, "d_model", 1, ELCL_MAX_WIDTH, &a.d, err));
    ELCL_TRY(elcl_config_int(config, "encoder_layers", 1, ELCL_MAX_LAYERS, &a.encoder_layers, err));
    ELCL_TRY(elcl_config_int(config, "decoder_layers", 1, ELCL_MAX_LAYERS, &a.decoder_layers, err));
    ELCL_TRY(elcl_config_int(config, "encoder_attention_heads", 1, 1024, &a.encoder_heads, err));
    ELCL_TRY(elcl_config_int(config, "decoder_attention_heads", 1, 1024, &a.decoder_heads, err));
    ELCL_TRY(elcl_config_int(config, "encoder_ffn_dim", 1, 1 << 20, &a.encoder_ffn, err));
    ELCL_TRY(elcl_config_int(config, "decoder_ffn_dim", 1, 1 << 20, &a.decoder_ffn, err));
    ELCL_TRY(elcl_config_bool_or(config, "scale_embedding", traits->scale_embedding, &scale, err));
    ELCL_TRY(traits->fairseq_keys ? read_fairseq_vocabularies(config, &a, err)
                                  : read_vocabularies(traits, config, &a, err));
    ELCL_TRY(read_positions(traits, config, &a, err));
    ELCL_TRY(elcl_read_activation(config, "activation_function", traits->activation, &a.act, err));
    if (a.d % a.encoder_heads || a.d % a.decoder_heads)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%s: d_model %d is not a multiple of the attention heads (%d and %d)",
                         config->path, a.d, a.encoder_heads, a.decoder_heads);
    a.embed_scale = scale ? sqrtf((float)a.d) : 1.0f;
    *arch = a;
fail:
    return rc;
}

/* ---- positions ---- */

/* The sines come first; if D is odd they have one column more. */
static void sinusoidal_row(float *row, int position, int d)
{
    const int n_sin = (d + 1) / 2;
    for (int i = 0; i < d; i++) {
        const int pair = i < n_sin ? i : i - n_sin;
        const double angle = position / pow(10000.0, 2.0 * pair / d);
        row[i] = (float)(i < n_sin ? sin(angle) : cos(angle));
    }
}

/* Rounds angles to float, as in the tables that such models were trained with: at position 1000
 * that moves them by 6e-5. If D is odd the last column is 0. */
void elcl_after_padding_row(float *row, int position, int d)
{
    const int half = d / 2;
    const float step = (float)-(log(10000.0) / (half - 1));
    row[d - 1] = 0;
    for (int i = 0; i < half; i++) {
        const float frequency = (float)exp((double)((float)i * step));
        const float angle = (float)position * frequency;
        row[i] = (float)sin((double)angle);
        row[half + i] = (float)cos((double)angle);
    }
}

static int load_positions(const struct elcl_bart_like *traits, struct elcl_loader *loader,
                          const struct elcl_arch *arch, bool decoder, struct elcl_buffer *positions)
{
    const int all = decoder ? elcl_arch_target_positions(arch) : arch->max_positions;
    const int rows = all + arch->position_offset;
    char name[64];
    snprintf(name, sizeof(name), "%s.embed_positions.weight", decoder ? "decoder" : "encoder");
    if (traits->positions == ELCL_POSITIONS_AFTER_PADDING)
        return elcl_load_computed_table(loader, elcl_after_padding_row, rows, arch->d, positions);
    if (traits->positions == ELCL_POSITIONS_SINUSOIDAL && !loader->plan &&
        !elcl_load_find(loader, name))
        return elcl_load_computed_table(loader, sinusoidal_row, rows, arch->d, positions);
    return elcl_load_table(loader, name, rows, arch->d, positions);
}

/* ---- tensors ---- */

int elcl_bart_like_layer(struct elcl_loader *loader, const struct elcl_arch *arch,
                         const char *prefix, const char *const *self, bool decoder,
                         struct elcl_layer_weights *layer)
{
    static const char *const same_names[] = {".q_proj", ".k_proj", ".v_proj", ".out_proj"};
    const int d = arch->d, ffn = decoder ? arch->decoder_ffn : arch->encoder_ffn;
    const int heads = decoder ? arch->decoder_heads : arch->encoder_heads;
    char name[128];
    int rc;
#define NAME(role) (snprintf(name, sizeof(name), "%s.%s", prefix, role), name)
    ELCL_TRY(elcl_load_attention_named(loader, NAME("self_attn"), self ? self : same_names, heads,
                                       d / heads, d, decoder ? ELCL_SITE_SELF : ELCL_SITE_ENCODER,
                                       &layer->self));
    ELCL_TRY(
        elcl_load_norm(loader, NAME("self_attn_layer_norm"), d, arch->norm_eps, &layer->self_norm));
    if (decoder && !arch->decoder_only) {
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

int elcl_bart_like_decoder_layer(struct elcl_loader *loader, const struct elcl_arch *arch, int i,
                                 struct elcl_layer_weights *layer)
{
    char name[64];
    snprintf(name, sizeof(name), "layers.%d", i);
    return elcl_bart_like_layer(loader, arch, name, NULL, true, layer);
}

static int load_stack(const struct elcl_bart_like *traits, struct elcl_loader *loader,
                      const struct elcl_arch *arch, bool decoder, struct elcl_stack_weights *out)
{
    const char *stack = decoder ? "decoder" : "encoder";
    const int n_layers = decoder ? arch->decoder_layers : arch->encoder_layers;
    char name[64];
    int rc;
    const char *const *self = decoder ? NULL : traits->encoder_attention;
    ELCL_TRY(load_positions(traits, loader, arch, decoder, &out->positions));
    snprintf(name, sizeof(name), "%s.layernorm_embedding", stack);
    if (traits->embedding_norm)
        ELCL_TRY(elcl_load_norm(loader, name, arch->d, arch->norm_eps, &out->embedding_norm));
    snprintf(name, sizeof(name), "%s.layer_norm", stack);
    if (traits->pre_norm)
        ELCL_TRY(elcl_load_norm(loader, name, arch->d, arch->norm_eps, &out->final_norm));
    ELCL_TRY(elcl_stack_create(out, n_layers, loader->err));
    for (int i = 0; i < n_layers; i++) {
        snprintf(name, sizeof(name), "%s.layers.%d", stack, i);
        ELCL_TRY(elcl_bart_like_layer(loader, arch, name, self, decoder, &out->layers[i]));
    }
    if (arch->window && !decoder)
        ELCL_TRY(elcl_load_window(loader, arch->encoder_heads, arch->window, &out->layers[0].bias));
fail:
    return rc;
}

#define ENCODER_TABLE "encoder.embed_tokens.weight"
#define DECODER_TABLE "decoder.embed_tokens.weight"
#define SHARED_TABLE "shared.weight"

/* Encoder and decoder have separate vocabularies, and so two tables. */
static int load_separate_tables(struct elcl_loader *loader, const struct elcl_arch *arch,
                                const char *head, struct elcl_weights *weights)
{
    const char *const encoders[] = {ENCODER_TABLE, NULL};
    const char *const decoders[] = {DECODER_TABLE, arch->tied ? head : NULL, NULL};
    const char *const heads[] = {head, arch->tied ? DECODER_TABLE : NULL, NULL};
    const int v = arch->vocabulary, d = arch->d;
    int rc;
    ELCL_TRY(elcl_load_embedding(loader, encoders, arch->source_vocabulary, d, NULL, weights,
                                 &weights->encoder.tokens));
    ELCL_TRY(elcl_load_embedding(loader, decoders, v, d, NULL, weights, &weights->decoder.tokens));
    ELCL_TRY(elcl_load_embedding(loader, heads, v, d, arch->tied ? weights->decoder.tokens : NULL,
                                 weights, &weights->head));
fail:
    return rc;
}

/* Each use takes its own table if that is stored, otherwise the shared one; if that is not stored
 * either, the output's or the decoder's is the shared one, as in transformers 5. With
 * tie_word_embeddings false the output's table must be stored, and is of no other use. */
static int load_shared_tables(struct elcl_loader *loader, const struct elcl_arch *arch,
                              const char *head, struct elcl_weights *weights)
{
    const char *const of_output = arch->tied ? head : DECODER_TABLE;
    const char *const encoders[] = {ENCODER_TABLE, SHARED_TABLE, of_output, DECODER_TABLE, NULL};
    const char *const decoders[] = {DECODER_TABLE, SHARED_TABLE, of_output, ENCODER_TABLE, NULL};
    const char *const heads[] = {head, arch->tied ? SHARED_TABLE : NULL, DECODER_TABLE,
                                 ENCODER_TABLE, NULL};
    const int v = arch->vocabulary, d = arch->d;
    int rc;
    ELCL_TRY(elcl_load_embedding(loader, encoders, v, d, NULL, weights, &weights->encoder.tokens));
    ELCL_TRY(elcl_load_embedding(loader, decoders, v, d, weights->encoder.tokens, weights,
                                 &weights->decoder.tokens));
    ELCL_TRY(elcl_load_embedding(loader, heads, v, d, arch->tied ? weights->decoder.tokens : NULL,
                                 weights, &weights->head));
fail:
    return rc;
}

int elcl_bart_like_stacks(const struct elcl_family *family, struct elcl_loader *loader,
                          const struct elcl_arch *arch, struct elcl_weights *weights)
{
    int rc;
    ELCL_TRY(load_stack(family->bart_like, loader, arch, false, &weights->encoder));
    ELCL_TRY(load_stack(family->bart_like, loader, arch, true, &weights->decoder));
fail:
    return rc;
}

int elcl_bart_like_load(const struct elcl_family *family, struct elcl_loader *loader,
                        const struct elcl_arch *arch, struct elcl_weights *weights)
{
    const struct elcl_bart_like *traits = family->bart_like;
    int rc;
    const char *const head = traits->head ? traits->head : "lm_head.weight";
    if (traits->base)
        loader->base = traits->base;
    ELCL_TRY(arch->shared ? load_shared_tables(loader, arch, head, weights)
                          : load_separate_tables(loader, arch, head, weights));
    ELCL_TRY(elcl_bart_like_stacks(family, loader, arch, weights));
    if (traits->logits_bias && (!loader->st || elcl_load_find(loader, "final_logits_bias")))
        ELCL_TRY(
            elcl_load_vector(loader, "final_logits_bias", arch->vocabulary, &weights->head_bias));
fail:
    return rc;
}
