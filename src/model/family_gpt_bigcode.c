/* GPT-BigCode (SantaCoder, StarCoder): as GPT-2, but all heads may share one key and one value
 * (multi_query). EL-attention gains nothing there: its cache is then wider than keys and values. */
#include <stdio.h>

#include "base/util.h"
#include "model/gpt_like.h"

static int read_arch(const struct elcl_family *family, const struct elcl_config *config,
                     struct elcl_arch *arch, elcl_error *err)
{
    (void)family;
    struct elcl_arch a;
    int rc;
    ELCL_TRY(elcl_gpt2_arch(config, "gelu_pytorch_tanh", &a, err));
    ELCL_TRY(elcl_config_bool_or(config, "multi_query", true, &a.multi_query, err));
    *arch = a;
fail:
    return rc;
}

/* With multi_query: all queries, one key, one value. Otherwise each head has its three. */
static struct elcl_fused_rows rows_of(const struct elcl_arch *arch)
{
    const int d = arch->d, dh = d / arch->decoder_heads;
    return arch->multi_query ? (struct elcl_fused_rows){.rows = d + 2 * dh,
                                                        .q_stride = dh,
                                                        .k_at = d,
                                                        .v_at = d + dh}
                             : (struct elcl_fused_rows){.rows = 3 * d,
                                                        .q_stride = 3 * dh,
                                                        .k_at = dh,
                                                        .v_at = 2 * dh,
                                                        .kv_stride = 3 * dh};
}

static int load_layer(struct elcl_loader *loader, const struct elcl_arch *arch, int i,
                      struct elcl_layer_weights *layer)
{
    static const char *const names[] = {".c_attn", ".c_proj"};
    const struct elcl_fused_rows rows = rows_of(arch);
    const int d = arch->d, ffn = arch->decoder_ffn;
    char name[64];
    int rc;
#define NAME(role) (snprintf(name, sizeof(name), "h.%d.%s", i, role), name)
    ELCL_TRY(elcl_load_norm(loader, NAME("ln_1"), d, arch->norm_eps, &layer->self_norm));
    ELCL_TRY(elcl_load_attention_fused(loader, NAME("attn"), names, arch->decoder_heads, d, &rows,
                                       &layer->self));
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
    return elcl_gpt2_load(load_layer, loader, arch, weights);
}

static const struct elcl_config_default defaults[] = {
    {"bos_token_id", 50256},
    {"eos_token_id", 50256},
    {NULL, 0},
};

const struct elcl_family elcl_family_gpt_bigcode = {
    .model_type = "gpt_bigcode",
    .defaults = defaults,
    .read_arch = read_arch,
    .load = load,
};
