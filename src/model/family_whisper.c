/* Whisper: speech to text. The encoder reads log-mel frames through two convolutions and adds
 * stored positions; then both stacks are Blenderbot's, except that keys have no bias. The reference
 * reads scale_embedding and does not use it. */
#include "base/util.h"
#include "model/bart_like.h"

static const struct elcl_bart_like traits = {
    .pre_norm = true,
    .positions = ELCL_POSITIONS_LEARNED,
    .encoder_positions_key = "max_source_positions",
    .decoder_positions_key = "max_target_positions",
    .max_positions = 1500,
    .target_positions = 448,
    .activation = "gelu",
};

static int read_arch(const struct elcl_family *family, const struct elcl_config *config,
                     struct elcl_arch *arch, elcl_error *err)
{
    struct elcl_arch a;
    int rc;
    ELCL_TRY(elcl_bart_like_arch(family, config, &a, err));
    ELCL_TRY(elcl_config_int_or(config, "num_mel_bins", 1, 4096, 80, &a.input_width, err));
    a.default_positions = 0;
    a.embed_scale = 1;
    *arch = a;
fail:
    return rc;
}

static int load(const struct elcl_family *family, struct elcl_loader *loader,
                const struct elcl_arch *arch, struct elcl_weights *weights)
{
    static const char table[] = "decoder.embed_tokens.weight", head[] = "proj_out.weight";
    const char *const tables[] = {table, arch->tied ? head : NULL, NULL};
    const char *const heads[] = {head, arch->tied ? table : NULL, NULL};
    const int v = arch->vocabulary, d = arch->d;
    int rc;
    loader->no_key_bias = true;
    ELCL_TRY(
        elcl_load_convolution(loader, "encoder.conv1", d, arch->input_width, &weights->front[0]));
    ELCL_TRY(elcl_load_convolution(loader, "encoder.conv2", d, d, &weights->front[1]));
    ELCL_TRY(elcl_load_embedding(loader, tables, v, d, NULL, weights, &weights->decoder.tokens));
    ELCL_TRY(elcl_load_embedding(loader, heads, v, d, arch->tied ? weights->decoder.tokens : NULL,
                                 weights, &weights->head));
    ELCL_TRY(elcl_bart_like_stacks(family, loader, arch, weights));
fail:
    return rc;
}

static const struct elcl_config_default defaults[] = {
    {"pad_token_id", 50256},
    {"bos_token_id", 50256},
    {"eos_token_id", 50256},
    {"decoder_start_token_id", 50257},
    {NULL, 0},
};

const struct elcl_family elcl_family_whisper = {
    .model_type = "whisper",
    .defaults = defaults,
    .bart_like = &traits,
    .read_arch = read_arch,
    .load = load,
};
