/* Public entry points that need no more than a check and a call. */
#include "elcl/plan.h"

#include "engine/choose.h"
#include "model/model.h"

_Static_assert(10000 * ELCL_VERSION_MAJOR + 100 * ELCL_VERSION_MINOR + ELCL_VERSION_PATCH ==
                   ELCL_VERSION_NUMBER,
               "elcl.h and meson.build name different versions");

const char *elcl_version(void)
{
    return ELCL_VERSION;
}

int elcl_api_version(void)
{
    return ELCL_API_VERSION;
}

elcl_model_params elcl_model_params_default(void)
{
    return (elcl_model_params){.attention = ELCL_ATTN_AUTO,
                               .gemm = ELCL_GEMM_AUTO,
                               .kernels = ELCL_KERNELS_AUTO,
                               .weights = ELCL_F32,
                               .state = ELCL_F32,
                               .compute = ELCL_COMPUTE_AUTO};
}

void elcl_model_get_info(const elcl_model *model, elcl_model_info *info)
{
    const elcl_device_desc *device = &model->device->desc;
    *info = (elcl_model_info){.family = model->family->model_type,
                              .device = device->name,
                              .driver = device->driver,
                              .platform = device->platform,
                              .attention = model->attention,
                              .attention_reason = model->attention_reason,
                              .gemm = model->ops->gemm,
                              .kernels = model->ops->kernels,
                              .weights = model->ops->weights,
                              .state = model->ops->state,
                              .compute = elcl_ops_compute(model->ops),
                              .max_source = model->arch.max_positions,
                              .max_target = elcl_arch_max_target(&model->arch),
                              .default_length = elcl_arch_default_positions(&model->arch),
                              .input_width = model->arch.input_width,
                              .width = model->arch.d,
                              .vocabulary = model->arch.vocabulary,
                              .source_vocabulary = model->arch.source_vocabulary,
                              .has_tokenizer = model->tokenizer != NULL,
                              .source_end = elcl_model_source_end(model),
                              .decoder_only = model->arch.decoder_only,
                              .text_start = model->arch.decoder_only ? model->empty : -1,
                              .weight_bytes = model->weight_bytes};
}

void elcl_model_gen_defaults(const elcl_model *model, elcl_gen_options *options)
{
    *options = model->defaults;
}

int elcl_predict(const elcl_blueprint *blueprint, const elcl_plan_params *params,
                 const elcl_device_rates *rates, elcl_prediction *prediction, elcl_error *err)
{
    if (!blueprint || !params || !rates || !prediction)
        return elcl_fail(err, ELCL_E_ARG, "elcl_predict: arguments must not be NULL");
    elcl_plan_params p = *params;
    p.attention = elcl_choose_attention(p.device_type, p.state, p.attention, NULL);
    return elcl_predict_variant(blueprint, &p, rates, prediction, err);
}
