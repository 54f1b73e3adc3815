/* MPT: a pre-norm decoder without any bias, and linear biases by distance (ALiBi) instead of
 * positions. The reference reads clip_qkv and softmax_scale of attn_config and nothing else, and
 * takes 4 for expansion_ratio. */
#include <stdio.h>

#include "base/util.h"
#include "format/json.h"
#include "model/gpt_like.h"
#include "model/position_bias.h"

static int refuse_attention(const struct elcl_config *config, elcl_error *err)
{
    static const char *const refused[] = {"clip_qkv", "softmax_scale"};
    const cJSON *attention = elcl_json_get(config->model, "attn_config");
    for (size_t i = 0; i < ELCL_COUNT(refused); i++) {
        const cJSON *value = elcl_json_get(attention, refused[i]);
        if (value && !cJSON_IsNull(value))
            return elcl_fail(err, ELCL_E_UNSUPPORTED,
                             "%s: attn_config.%s must be null for model_type mpt, found %s",
                             config->path, refused[i], elcl_json_describe(value).s);
    }
    return ELCL_OK;
}

static int read_arch(const struct elcl_family *family, const struct elcl_config *config,
                     struct elcl_arch *arch, elcl_error *err)
{
    (void)family;
    static const struct elcl_gpt_keys keys = {.width = "d_model",
                                              .layers = "n_layers",
                                              .heads = "n_heads",
                                              .positions = "max_seq_len",
                                              .max_positions = 2048,
                                              .activation = "activation_function",
                                              .default_activation = "gelu",
                                              .norm_eps = "layer_norm_epsilon"};
    struct elcl_arch a;
    int rc;
    ELCL_TRY(elcl_gpt_like_arch(config, &keys, &a, err));
    ELCL_TRY(refuse_attention(config, err));
    *arch = a;
fail:
    return rc;
}

static int load_layer(struct elcl_loader *loader, const struct elcl_arch *arch, int i,
                      struct elcl_layer_weights *layer)
{
    static const char *const names[] = {".Wqkv", ".out_proj"};
    const int d = arch->d, ffn = arch->decoder_ffn, dh = d / arch->decoder_heads;
    const struct elcl_fused_rows rows = {
        .rows = 3 * d, .q_stride = dh, .k_at = d, .v_at = 2 * d, .kv_stride = dh};
    char name[64];
    int rc;
#define NAME(role) (snprintf(name, sizeof(name), "blocks.%d.%s", i, role), name)
    ELCL_TRY(elcl_load_norm(loader, NAME("norm_1"), d, arch->norm_eps, &layer->self_norm));
    ELCL_TRY(elcl_load_attention_fused(loader, NAME("attn"), names, arch->decoder_heads, d, &rows,
                                       &layer->self));
    ELCL_TRY(elcl_load_norm(loader, NAME("norm_2"), d, arch->norm_eps, &layer->ffn_norm));
    ELCL_TRY(elcl_load_linear(loader, NAME("ffn.up_proj"), ffn, d, &layer->fc1));
    ELCL_TRY(elcl_load_linear(loader, NAME("ffn.down_proj"), d, ffn, &layer->fc2));
#undef NAME
fail:
    return rc;
}

static int load(const struct elcl_family *family, struct elcl_loader *loader,
                const struct elcl_arch *arch, struct elcl_weights *weights)
{
    (void)family;
    static const struct elcl_gpt_tensors tensors = {.base = "transformer.",
                                                    .tokens = "wte.weight",
                                                    .head = "lm_head.weight",
                                                    .final_norm = "norm_f",
                                                    .load_layer = load_layer};
    loader->no_bias = loader->no_norm_bias = true;
    const int rc = elcl_gpt_like_load(&tensors, loader, arch, weights);
    return rc ? rc
              : elcl_load_alibi(loader, arch->decoder_heads, arch->max_positions,
                                &weights->decoder.layers[0].bias);
}

const struct elcl_family elcl_family_mpt = {
    .model_type = "mpt",
    .read_arch = read_arch,
    .load = load,
};
