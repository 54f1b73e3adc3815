#include "model/family.h"

#include <string.h>

#include "base/util.h"

/* clang-format off */
static const struct elcl_family *const families[] = {
    &elcl_family_bart,
    &elcl_family_biogpt,
    &elcl_family_blenderbot,
    &elcl_family_blenderbot_small,
    &elcl_family_bloom,
    &elcl_family_ctranslate2,
    &elcl_family_fsmt,
    &elcl_family_gpt2,
    &elcl_family_gpt_bigcode,
    &elcl_family_gpt_neo,
    &elcl_family_led,
    &elcl_family_m2m_100,
    &elcl_family_marian,
    &elcl_family_mbart,
    &elcl_family_mpt,
    &elcl_family_mt5,
    &elcl_family_openai_gpt,
    &elcl_family_opt,
    &elcl_family_pegasus,
    &elcl_family_plbart,
    &elcl_family_t5,
    &elcl_family_umt5,
    &elcl_family_whisper,
    &elcl_family_xglm,
};
/* clang-format on */

/* Returns why a family cannot be supported, or NULL. */
static const char *refusal(const struct elcl_config *config)
{
    static const struct {
        const char *model_type, *why;
    } refused[] = {
        {"nllb-moe", "has mixtures of experts"},
        {"prophetnet", "predicts several tokens at once (n-gram attention)"},
        {"xlm-prophetnet", "predicts several tokens at once (n-gram attention)"},
    };
    for (size_t i = 0; i < ELCL_COUNT(refused); i++)
        if (!strcmp(config->model_type, refused[i].model_type))
            return refused[i].why;
    const bool rotary = elcl_config_has(config, "rope_theta") || /* 5: in rope_parameters */
                        elcl_config_has(config, "rope_parameters") ||
                        elcl_config_has(config, "rotary_dim") ||
                        elcl_config_has(config, "rotary_pct");
    return rotary ? "has rotary positions, which EL-attention cannot reorder" : NULL;
}

static int find(const struct elcl_config *config, const struct elcl_family **family,
                elcl_error *err)
{
    struct elcl_str known = {0};
    for (size_t i = 0; i < ELCL_COUNT(families); i++) {
        if (!strcmp(config->model_type, families[i]->model_type)) {
            *family = families[i];
            elcl_str_finish(&known);
            return ELCL_OK;
        }
        elcl_str_printf(&known, "%s%s", i ? ", " : "", families[i]->model_type);
    }
    const char *why = refusal(config);
    const int rc = elcl_fail(err, ELCL_E_UNSUPPORTED,
                             why ? "%s: model_type \"%s\" %s; supported: %s"
                                 : "%s: model_type \"%s\" is not supported%s; supported: %s",
                             config->path, config->model_type, why ? why : "", known.data);
    elcl_str_finish(&known);
    return rc;
}

/* ---- keys of all families ---- */

static const struct elcl_key_alias bart_aliases[] = {
    {"hidden_size", "d_model"},
    {"num_attention_heads", "encoder_attention_heads"},
    {"num_hidden_layers", "encoder_layers"},
    {NULL, NULL},
};

/* Distilled BART models keep num_hidden_layers of their teacher, which transformers 4 ignores. */
static int read_aliases(const struct elcl_family *family, struct elcl_config *config,
                        elcl_error *err)
{
    const bool bart = family->bart_like != NULL;
    const struct elcl_key_alias *a = bart ? bart_aliases : family->aliases;
    for (; a && a->key; a++) {
        const int rc = elcl_config_alias(config, a->other, a->key, bart, err);
        if (rc)
            return rc;
    }
    return ELCL_OK;
}

/* Refuses what changes the tensors of any family. */
static int refuse_keys(const struct elcl_config *config, elcl_error *err)
{
    static const struct {
        const char *key, *why;
    } refused[] = {
        {"quantization_config", "the weights are quantized by another program; elcl reads f32, f16 "
                                "and bf16, and rounds them itself (--weights int8)"},
        {"pruned_heads", "heads were removed, which elcl does not support"},
        {"tie_encoder_decoder", "encoder and decoder share their layers, which elcl does not "
                                "support"},
    };
    for (size_t i = 0; i < ELCL_COUNT(refused); i++)
        if (elcl_config_is_set(config, refused[i].key))
            return elcl_fail(err, ELCL_E_UNSUPPORTED, "%s: %s: %s", config->path, refused[i].key,
                             refused[i].why);
    return ELCL_OK;
}

int elcl_family_read(struct elcl_config *config, const struct elcl_family **family,
                     struct elcl_arch *arch, elcl_gen_options *options, elcl_error *err)
{
    int rc;
    ELCL_TRY(find(config, family, err));
    ELCL_TRY(refuse_keys(config, err));
    ELCL_TRY(read_aliases(*family, config, err));
    ELCL_TRY(elcl_config_add_defaults(config, (*family)->defaults, err));
    ELCL_TRY((*family)->read_arch(*family, config, arch, err));
    ELCL_TRY(elcl_config_gen_options(config, arch->vocabulary, options, err));
fail:
    return rc;
}
