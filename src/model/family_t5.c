/* T5, T5 v1.1 and Flan-T5, mT5 and umT5: pre-norm with RMS norms, no biases, heads of any width,
 * unscaled queries, no positions but a bias by distance; umT5 has one bias for each layer, the
 * others one for each stack. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "model/family.h"
#include "model/position_bias.h"

/* Positions have no limit in these models. An engine's default lengths, and a limit that keeps
 * sizes in range. */
#define DEFAULT_POSITIONS 512
#define MAX_POSITIONS 65536

/* ---- hyper-parameters ---- */

/* "relu" or "gated-silu"; "gated-gelu" means gelu_new. Newer files say the same in two more keys,
 * which the reference reads. */
static int read_feed_forward(const struct elcl_config *config, const char *fallback,
                             struct elcl_arch *a, elcl_error *err)
{
    static const char gated[] = "gated-";
    const char *name, *act;
    int rc;
    ELCL_TRY(elcl_config_string_or(config, "feed_forward_proj", fallback, &name, err));
    const bool has_prefix = !strncmp(name, gated, sizeof(gated) - 1);
    const char *of_name = has_prefix ? name + sizeof(gated) - 1 : name;
    if (!strcmp(name, "gated-gelu"))
        of_name = "gelu_new";
    ELCL_TRY(elcl_config_string_or(config, "dense_act_fn", of_name, &act, err));
    ELCL_TRY(elcl_config_bool_or(config, "is_gated_act", has_prefix, &a->gated, err));
    if (elcl_activation_named(act, &a->act))
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_UNSUPPORTED,
                     "%s: feed_forward_proj \"%s\" with activation \"%s\" is not supported; "
                     "supported: relu, gelu, gelu_new, silu, each with or without \"gated-\"",
                     config->path, name, act);
fail:
    return rc;
}

static struct elcl_position_buckets buckets_of(const struct elcl_arch *arch, bool decoder)
{
    return (struct elcl_position_buckets){arch->distance_buckets, arch->max_distance, !decoder};
}

static int read_distances(const struct elcl_config *config, struct elcl_arch *a, elcl_error *err)
{
    int rc;
    ELCL_TRY(elcl_config_int_or(config, "relative_attention_num_buckets", 1, 1 << 16, 32,
                                &a->distance_buckets, err));
    ELCL_TRY(elcl_config_int_or(config, "relative_attention_max_distance", 1, 1 << 16, 128,
                                &a->max_distance, err));
    for (int decoder = 0; decoder < 2; decoder++) {
        const struct elcl_position_buckets buckets = buckets_of(a, decoder);
        if (!elcl_position_buckets_valid(&buckets))
            return elcl_fail(err, ELCL_E_UNSUPPORTED,
                             "%s: relative_attention_max_distance %d is not beyond half of "
                             "relative_attention_num_buckets %d, or these are less than 4",
                             config->path, a->max_distance, a->distance_buckets);
    }
fail:
    return rc;
}

static int read_sizes(const struct elcl_config *config, struct elcl_arch *a, elcl_error *err)
{
    int rc;
    ELCL_TRY(elcl_config_int(config, "vocab_size", 1, 1 << 24, &a->vocabulary, err));
    a->source_vocabulary = a->vocabulary;
    ELCL_TRY(elcl_config_int(config, "d_model", 1, ELCL_MAX_WIDTH, &a->d, err));
    ELCL_TRY(elcl_config_int(config, "d_kv", 1, ELCL_MAX_WIDTH, &a->head_width, err));
    ELCL_TRY(elcl_config_int(config, "num_heads", 1, 1024, &a->encoder_heads, err));
    a->decoder_heads = a->encoder_heads;
    ELCL_TRY(elcl_config_int(config, "d_ff", 1, 1 << 20, &a->encoder_ffn, err));
    a->decoder_ffn = a->encoder_ffn;
    ELCL_TRY(elcl_config_int(config, "num_layers", 1, ELCL_MAX_LAYERS, &a->encoder_layers, err));
    ELCL_TRY(elcl_config_int_or(config, "num_decoder_layers", 1, ELCL_MAX_LAYERS, a->encoder_layers,
                                &a->decoder_layers, err));
    ELCL_TRY(elcl_config_int_or(config, "n_positions", 2, MAX_POSITIONS, DEFAULT_POSITIONS,
                                &a->default_positions, err));
    if ((int64_t)a->encoder_heads * a->head_width > ELCL_MAX_WIDTH)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: num_heads %d times d_kv %d is above %d, which elcl does not support",
                         config->path, a->encoder_heads, a->head_width, ELCL_MAX_WIDTH);
fail:
    return rc;
}

/* Up to transformers 4, tie_word_embeddings said whether the output is scaled. Version 5 always
 * writes true there and has a key of its own; mT5 never scales. An output table of its own is used
 * if it is stored. Without files, those models whose output is not scaled are taken to have it. */
static int read_output_scale(const struct elcl_family *family, const struct elcl_config *config,
                             struct elcl_arch *a, elcl_error *err)
{
    bool tied;
    int rc;
    ELCL_TRY(elcl_config_bool_or(config, "tie_word_embeddings", true, &tied, err));
    ELCL_TRY(elcl_config_bool_or(config, "scale_decoder_outputs", tied, &a->scaled_output, err));
    a->scaled_output = a->scaled_output && family != &elcl_family_mt5;
    a->tied = a->scaled_output;
fail:
    return rc;
}

static int read_arch(const struct elcl_family *family, const struct elcl_config *config,
                     struct elcl_arch *arch, elcl_error *err)
{
    const char *feed_forward = family == &elcl_family_t5 ? "relu" : "gated-gelu";
    struct elcl_arch a = {.pre_norm = true,
                          .shared = true,
                          .unscaled_scores = true,
                          .embed_scale = 1,
                          .max_positions = MAX_POSITIONS};
    bool encoder_decoder;
    int rc;
    ELCL_TRY(elcl_config_bool_or(config, "is_encoder_decoder", true, &encoder_decoder, err));
    if (!encoder_decoder)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: is_encoder_decoder must be true for model_type %s", config->path,
                         config->model_type);
    ELCL_TRY(read_sizes(config, &a, err));
    ELCL_TRY(read_distances(config, &a, err));
    ELCL_TRY(read_feed_forward(config, feed_forward, &a, err));
    ELCL_TRY(elcl_config_float_or(config, "layer_norm_epsilon", 0, 1, 1e-6, &a.norm_eps, err));
    ELCL_TRY(read_output_scale(family, config, &a, err));
    *arch = a;
fail:
    return rc;
}

/* ---- tensors ---- */

/* Loads an RMS norm and multiplies its weight by `scale`. */
static int load_norm(struct elcl_loader *loader, const struct elcl_arch *arch, const char *prefix,
                     float scale, struct elcl_norm *norm)
{
    char name[128];
    float *values = NULL;
    snprintf(name, sizeof(name), "%s.weight", prefix);
    norm->eps = arch->norm_eps;
    norm->rms = true;
    int rc = elcl_load_values(loader, name, arch->d, 0, &values);
    for (int i = 0; values && i < arch->d; i++)
        values[i] *= scale;
    if (!rc)
        rc = elcl_load_computed(loader, "weight vector", values, (size_t)arch->d, &norm->weight);
    elcl_free(values);
    return rc;
}

static int load_feed_forward(struct elcl_loader *loader, const struct elcl_arch *arch,
                             const char *prefix, struct elcl_layer_weights *layer)
{
    char names[3][128];
    const char *const gated[] = {names[0], names[1]};
    const int d = arch->d, f = arch->encoder_ffn;
    snprintf(names[0], sizeof(names[0]), "%s.DenseReluDense.%s", prefix,
             arch->gated ? "wi_0" : "wi");
    snprintf(names[1], sizeof(names[1]), "%s.DenseReluDense.wi_1", prefix);
    snprintf(names[2], sizeof(names[2]), "%s.DenseReluDense.wo", prefix);
    const int rc = elcl_load_linears(loader, gated, arch->gated ? 2 : 1, f, d, &layer->fc1);
    return rc ? rc : elcl_load_linear(loader, names[2], d, f, &layer->fc2);
}

static int load_attention(struct elcl_loader *loader, const struct elcl_arch *arch,
                          const char *prefix, enum elcl_site site,
                          struct elcl_attention_weights *attention)
{
    static const char *const names[] = {".q", ".k", ".v", ".o"};
    return elcl_load_attention_named(loader, prefix, names, arch->encoder_heads, arch->head_width,
                                     arch->d, site, attention);
}

/* Sublayers are numbered: self attention, in decoders cross attention, feed-forward. */
static int load_layer(struct elcl_loader *loader, const struct elcl_arch *arch, const char *stack,
                      int i, bool decoder, bool own_bias, struct elcl_layer_weights *layer)
{
    const struct elcl_position_buckets buckets = buckets_of(arch, decoder);
    char name[96];
    int rc;
#define NAME(n, role)                                                                              \
    (snprintf(name, sizeof(name), "%s.block.%d.layer.%d%s", stack, i, n, role), name)
    if (own_bias)
        ELCL_TRY(elcl_load_position_bias(loader,
                                         NAME(0, ".SelfAttention.relative_attention_bias.weight"),
                                         &buckets, arch->encoder_heads, &layer->bias));
    ELCL_TRY(load_attention(loader, arch, NAME(0, ".SelfAttention"),
                            decoder ? ELCL_SITE_SELF : ELCL_SITE_ENCODER, &layer->self));
    ELCL_TRY(load_norm(loader, arch, NAME(0, ".layer_norm"), 1, &layer->self_norm));
    if (decoder) {
        ELCL_TRY(load_attention(loader, arch, NAME(1, ".EncDecAttention"), ELCL_SITE_CROSS,
                                &layer->cross));
        ELCL_TRY(load_norm(loader, arch, NAME(1, ".layer_norm"), 1, &layer->cross_norm));
    }
    const int last = decoder ? 2 : 1;
    ELCL_TRY(load_feed_forward(loader, arch, NAME(last, ""), layer));
    ELCL_TRY(load_norm(loader, arch, NAME(last, ".layer_norm"), 1, &layer->ffn_norm));
#undef NAME
fail:
    return rc;
}

/* A scaled output matrix takes hidden states divided by sqrt(D): the norm's weight is divided. */
static int load_stack(struct elcl_loader *loader, const struct elcl_arch *arch, bool decoder,
                      bool own_biases, struct elcl_stack_weights *out)
{
    const char *stack = decoder ? "decoder" : "encoder";
    const int n_layers = decoder ? arch->decoder_layers : arch->encoder_layers;
    const float scale = decoder && arch->scaled_output ? (float)(1 / sqrt((double)arch->d)) : 1;
    char name[96];
    int rc;
    ELCL_TRY(elcl_stack_create(out, n_layers, loader->err));
    for (int i = 0; i < n_layers; i++)
        ELCL_TRY(load_layer(loader, arch, stack, i, decoder, own_biases || !i, &out->layers[i]));
    snprintf(name, sizeof(name), "%s.final_layer_norm", stack);
    ELCL_TRY(load_norm(loader, arch, name, scale, &out->final_norm));
fail:
    return rc;
}

static int load(const struct elcl_family *family, struct elcl_loader *loader,
                const struct elcl_arch *arch, struct elcl_weights *weights)
{
    const bool own_biases = family == &elcl_family_umt5;
    static const char shared[] = "shared.weight", encoder[] = "encoder.embed_tokens.weight",
                      decoder[] = "decoder.embed_tokens.weight", head[] = "lm_head.weight";
    static const char *const encoders[] = {encoder, shared, decoder, head, NULL},
                             *const decoders[] = {decoder, shared, encoder, head, NULL},
                             *const heads[] = {head, shared, encoder, decoder, NULL};
    const int v = arch->vocabulary, d = arch->d;
    int rc;
    loader->no_bias = true;
    ELCL_TRY(elcl_load_embedding(loader, encoders, v, d, NULL, weights, &weights->encoder.tokens));
    ELCL_TRY(elcl_load_embedding(loader, decoders, v, d, weights->encoder.tokens, weights,
                                 &weights->decoder.tokens));
    ELCL_TRY(elcl_load_embedding(loader, heads, v, d, arch->tied ? weights->decoder.tokens : NULL,
                                 weights, &weights->head));
    ELCL_TRY(load_stack(loader, arch, false, own_biases, &weights->encoder));
    ELCL_TRY(load_stack(loader, arch, true, own_biases, &weights->decoder));
fail:
    return rc;
}

static const struct elcl_config_default defaults[] = {
    {"pad_token_id", 0},
    {"eos_token_id", 1},
    {"decoder_start_token_id", 0},
    {NULL, 0},
};

static const struct elcl_key_alias aliases[] = {
    {"hidden_size", "d_model"},
    {"num_attention_heads", "num_heads"},
    {"num_hidden_layers", "num_layers"},
    {"head_dim", "d_kv"},
    {NULL, NULL},
};

const struct elcl_family elcl_family_t5 = {
    .model_type = "t5",
    .aliases = aliases,
    .defaults = defaults,
    .read_arch = read_arch,
    .load = load,
};

const struct elcl_family elcl_family_mt5 = {
    .model_type = "mt5",
    .aliases = aliases,
    .defaults = defaults,
    .read_arch = read_arch,
    .load = load,
};

const struct elcl_family elcl_family_umt5 = {
    .model_type = "umt5",
    .aliases = aliases,
    .defaults = defaults,
    .read_arch = read_arch,
    .load = load,
};
