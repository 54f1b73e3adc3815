/* OPT: a decoder with learned positions from row 2 on, pre-norm or, as OPT-350M, post-norm without
 * a norm after the stack. Embeddings narrower than D are projected. */
#include <stdio.h>

#include "base/util.h"
#include "model/bart_like.h"
#include "model/gpt_like.h"

#define POSITION_OFFSET 2
#define NORM_EPS 1e-5f

static int read_norms(const struct elcl_config *config, struct elcl_arch *a, elcl_error *err)
{
    bool removed, affine, bias;
    int rc;
    ELCL_TRY(elcl_config_bool_or(config, "do_layer_norm_before", true, &a->pre_norm, err));
    ELCL_TRY(elcl_config_bool_or(config, "_remove_final_layer_norm", false, &removed, err));
    ELCL_TRY(elcl_config_bool_or(config, "layer_norm_elementwise_affine", true, &affine, err));
    ELCL_TRY(elcl_config_bool_or(config, "enable_bias", true, &bias, err));
    a->final_norm = a->pre_norm && !removed;
    a->plain_norms = !affine;
    a->no_bias = !bias;
    a->norm_eps = NORM_EPS;
fail:
    return rc;
}

static int read_arch(const struct elcl_family *family, const struct elcl_config *config,
                     struct elcl_arch *arch, elcl_error *err)
{
    (void)family;
    struct elcl_arch a = {
        .decoder_only = true, .embed_scale = 1, .position_offset = POSITION_OFFSET};
    int rc;
    ELCL_TRY(elcl_config_int(config, "hidden_size", 1, ELCL_MAX_WIDTH, &a.d, err));
    ELCL_TRY(elcl_config_int(config, "vocab_size", 1, 1 << 24, &a.vocabulary, err));
    a.source_vocabulary = a.vocabulary;
    ELCL_TRY(
        elcl_config_int(config, "num_hidden_layers", 1, ELCL_MAX_LAYERS, &a.decoder_layers, err));
    ELCL_TRY(elcl_config_int(config, "num_attention_heads", 1, 1024, &a.decoder_heads, err));
    ELCL_TRY(elcl_config_int(config, "ffn_dim", 1, 1 << 20, &a.decoder_ffn, err));
    ELCL_TRY(elcl_config_int_or(config, "max_position_embeddings", 2, 1 << 20, 2048,
                                &a.max_positions, err));
    ELCL_TRY(elcl_config_int_or(config, "word_embed_proj_dim", 1, ELCL_MAX_WIDTH, a.d,
                                &a.embed_width, err));
    ELCL_TRY(elcl_config_bool_or(config, "tie_word_embeddings", true, &a.tied, err));
    ELCL_TRY(elcl_read_activation(config, "activation_function", "relu", &a.act, err));
    ELCL_TRY(read_norms(config, &a, err));
    if (a.d % a.decoder_heads)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%s: hidden_size %d is not a multiple of num_attention_heads %d",
                         config->path, a.d, a.decoder_heads);
    *arch = a;
fail:
    return rc;
}

/* The prefix of the decoder's tensor names. */
static const char *find_base(const struct elcl_loader *loader)
{
    static const char *const bases[] = {"model.decoder.", "decoder."};
    for (size_t i = 0; loader->st && i < ELCL_COUNT(bases); i++) {
        char name[64];
        snprintf(name, sizeof(name), "%sembed_tokens.weight", bases[i]);
        if (elcl_tensors_find(loader->st, name) || elcl_tensors_refusal(loader->st, name))
            return bases[i];
    }
    return bases[0];
}

static int load_projections(struct elcl_loader *loader, const struct elcl_arch *arch,
                            struct elcl_weights *weights)
{
    const int d = arch->d, w = arch->embed_width;
    if (d == w)
        return ELCL_OK;
    loader->no_bias = true;
    int rc = elcl_load_linear(loader, "project_in", d, w, &weights->decoder.project_in);
    if (!rc)
        rc = elcl_load_linear(loader, "project_out", w, d, &weights->project_out);
    return rc;
}

static int load(const struct elcl_family *family, struct elcl_loader *loader,
                const struct elcl_arch *arch, struct elcl_weights *weights)
{
    (void)family;
    const struct elcl_gpt_tensors tensors = {.base = find_base(loader),
                                             .tokens = "embed_tokens.weight",
                                             .head = "lm_head.weight",
                                             .positions = "embed_positions.weight",
                                             .final_norm =
                                                 arch->final_norm ? "final_layer_norm" : NULL,
                                             .load_layer = elcl_bart_like_decoder_layer};
    loader->no_bias = arch->no_bias;
    loader->no_norm_weight = loader->no_norm_bias = arch->plain_norms;
    const int rc = elcl_gpt_like_load(&tensors, loader, arch, weights);
    return rc ? rc : load_projections(loader, arch, weights);
}

static const struct elcl_config_default defaults[] = {
    {"bos_token_id", 2},
    {"pad_token_id", 1},
    {"eos_token_id", 2},
    {NULL, 0},
};

const struct elcl_family elcl_family_opt = {
    .model_type = "opt",
    .defaults = defaults,
    .prompt_bos = true,
    .read_arch = read_arch,
    .load = load,
};
