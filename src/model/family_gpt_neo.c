/* GPT-Neo: a pre-norm decoder, learned positions from row 0 on, unscaled scores, and in some layers
 * local attention: a window of the last keys. Queries, keys and values have no bias. */
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "format/json.h"
#include "model/gpt_like.h"
#include "model/position_bias.h"

static void set_local(struct elcl_arch *a, int layer)
{
    if (layer < ELCL_MAX_LAYERS)
        a->local[layer / 64] |= UINT64_C(1) << layer % 64;
}

static bool is_local(const struct elcl_arch *a, int layer)
{
    return a->local[layer / 64] >> layer % 64 & 1;
}

/* Adds [types, times]; returns false if it is something else. */
static bool read_types(const cJSON *pair, struct elcl_arch *a, int *n_layers)
{
    int64_t times;
    const cJSON *types = cJSON_GetArrayItem(pair, 0), *type;
    if (cJSON_GetArraySize(pair) != 2 || !cJSON_IsArray(types) ||
        !elcl_json_int(cJSON_GetArrayItem(pair, 1), 0, ELCL_MAX_LAYERS, &times))
        return false;
    for (int64_t i = 0; i < times; i++)
        cJSON_ArrayForEach(type, types)
        {
            const bool local = cJSON_IsString(type) && !strcmp(type->valuestring, "local");
            if (!local && (!cJSON_IsString(type) || strcmp(type->valuestring, "global")))
                return false;
            if (local)
                set_local(a, *n_layers);
            ++*n_layers;
        }
    return true;
}

/* [[["global", "local"], 12]] means 24 layers in turns; that is the default. */
static int read_layers(const struct elcl_config *config, struct elcl_arch *a, elcl_error *err)
{
    const cJSON *all = elcl_json_get(config->model, "attention_types"), *pair;
    int n = 0;
    if (!all || cJSON_IsNull(all)) {
        for (n = 0; n < 24; n++)
            if (n % 2)
                set_local(a, n);
    } else {
        cJSON_ArrayForEach(pair, all) if (!read_types(pair, a, &n)) return elcl_json_mismatch(
            config->path, "attention_types", "lists of \"global\" and \"local\" with a number each",
            all, err);
    }
    if (n != a->decoder_layers)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%s: attention_types is for %d layers, and num_layers is %d", config->path,
                         n, a->decoder_layers);
    return ELCL_OK;
}

static int read_arch(const struct elcl_family *family, const struct elcl_config *config,
                     struct elcl_arch *arch, elcl_error *err)
{
    (void)family;
    static const struct elcl_gpt_keys keys = {.width = "hidden_size",
                                              .layers = "num_layers",
                                              .heads = "num_heads",
                                              .inner = "intermediate_size",
                                              .positions = "max_position_embeddings",
                                              .max_positions = 2048,
                                              .activation = "activation_function",
                                              .default_activation = "gelu_new",
                                              .norm_eps = "layer_norm_epsilon"};
    struct elcl_arch a;
    int rc;
    ELCL_TRY(elcl_gpt_like_arch(config, &keys, &a, err));
    ELCL_TRY(read_layers(config, &a, err));
    ELCL_TRY(elcl_config_int_or(config, "window_size", 1, 1 << 20, 256, &a.window, err));
    a.unscaled_scores = true;
    *arch = a;
fail:
    return rc;
}

/* A window that holds all positions hides nothing. A layer without a bias would take the first
 * one's: a global layer gets its own if the first is local. */
static int load_window(struct elcl_loader *loader, const struct elcl_arch *arch, int i,
                       struct elcl_layer_weights *layer)
{
    if (arch->window >= arch->max_positions || (!is_local(arch, i) && !is_local(arch, 0)))
        return ELCL_OK;
    return elcl_load_window(loader, arch->decoder_heads, is_local(arch, i) ? arch->window : 0,
                            &layer->bias);
}

static int load_layer(struct elcl_loader *loader, const struct elcl_arch *arch, int i,
                      struct elcl_layer_weights *layer)
{
    const int d = arch->d, ffn = arch->decoder_ffn;
    char name[64];
    int rc;
#define NAME(role) (snprintf(name, sizeof(name), "h.%d.%s", i, role), name)
    ELCL_TRY(elcl_load_norm(loader, NAME("ln_1"), d, arch->norm_eps, &layer->self_norm));
    ELCL_TRY(elcl_load_attention(loader, NAME("attn.attention"), arch->decoder_heads, d,
                                 ELCL_SITE_SELF, &layer->self));
    ELCL_TRY(load_window(loader, arch, i, layer));
    ELCL_TRY(elcl_load_norm(loader, NAME("ln_2"), d, arch->norm_eps, &layer->ffn_norm));
    ELCL_TRY(elcl_load_linear(loader, NAME("mlp.c_fc"), ffn, d, &layer->fc1));
    ELCL_TRY(elcl_load_linear(loader, NAME("mlp.c_proj"), d, ffn, &layer->fc2));
#undef NAME
fail:
    return rc;
}

static int load(const struct elcl_family *family, struct elcl_loader *loader,
                const struct elcl_arch *arch, struct elcl_weights *weights)
{
    (void)family;
    loader->no_qkv_bias = true;
    return elcl_gpt2_load(load_layer, loader, arch, weights);
}

static const struct elcl_config_default defaults[] = {
    {"bos_token_id", 50256},
    {"eos_token_id", 50256},
    {NULL, 0},
};

const struct elcl_family elcl_family_gpt_neo = {
    .model_type = "gpt_neo",
    .defaults = defaults,
    .read_arch = read_arch,
    .load = load,
};
