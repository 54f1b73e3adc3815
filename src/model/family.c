#include "model/family.h"

#include <string.h>

#include "base/util.h"

/* clang-format off */
static const struct elcl_family *const families[] = {
    &elcl_family_bart,
    &elcl_family_biogpt,
    &elcl_family_blenderbot,
    &elcl_family_bloom,
    &elcl_family_ctranslate2,
    &elcl_family_fsmt,
    &elcl_family_gpt2,
    &elcl_family_gpt_bigcode,
    &elcl_family_gpt_neo,
    &elcl_family_m2m_100,
    &elcl_family_marian,
    &elcl_family_mbart,
    &elcl_family_mpt,
    &elcl_family_mt5,
    &elcl_family_openai_gpt,
    &elcl_family_opt,
    &elcl_family_pegasus,
    &elcl_family_t5,
    &elcl_family_umt5,
    &elcl_family_xglm,
};
/* clang-format on */

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
    const bool rotary = elcl_config_has(config, "rope_theta") ||
                        elcl_config_has(config, "rotary_dim") ||
                        elcl_config_has(config, "rotary_pct");
    const int rc =
        rotary ? elcl_fail(err, ELCL_E_UNSUPPORTED,
                           "%s: model_type \"%s\" has rotary positions, which EL-attention cannot "
                           "reorder; supported: %s",
                           config->path, config->model_type, known.data)
               : elcl_fail(err, ELCL_E_UNSUPPORTED,
                           "%s: model_type \"%s\" is not supported; supported: %s", config->path,
                           config->model_type, known.data);
    elcl_str_finish(&known);
    return rc;
}

int elcl_family_read(struct elcl_config *config, const struct elcl_family **family,
                     struct elcl_arch *arch, elcl_gen_options *options, elcl_error *err)
{
    int rc;
    ELCL_TRY(find(config, family, err));
    ELCL_TRY(elcl_config_add_defaults(config, (*family)->defaults, err));
    ELCL_TRY((*family)->read_arch(*family, config, arch, err));
    ELCL_TRY(elcl_config_gen_options(config, arch->vocabulary, options, err));
fail:
    return rc;
}
