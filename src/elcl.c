/* The public entry points that need no more than a check and a call. */
#include "elcl/elcl.h"

#include <string.h>

#include "base/util.h"
#include "engine/engine.h"
#include "search/rules.h"

const char *elcl_version(void)
{
    return ELCL_VERSION;
}

elcl_model_params elcl_model_params_default(void)
{
    return (elcl_model_params){.attention = ELCL_ATTN_AUTO,
                               .gemm = ELCL_GEMM_AUTO,
                               .kernels = ELCL_KERNELS_AUTO,
                               .weights = ELCL_F32,
                               .state = ELCL_F32};
}

void elcl_model_get_info(const elcl_model *model, elcl_model_info *info)
{
    const elcl_device_desc *device = &model->device->desc;
    *info = (elcl_model_info){.family = model->family->model_type,
                              .device = device->name,
                              .driver = device->driver,
                              .platform = device->platform,
                              .attention = model->attention,
                              .gemm = model->ops->gemm,
                              .kernels = model->ops->kernels,
                              .weights = model->ops->weights,
                              .state = model->ops->state,
                              .max_source = model->arch.max_positions,
                              .max_target = model->arch.max_positions,
                              .vocabulary = model->arch.vocabulary,
                              .has_tokenizer = model->tokenizer != NULL,
                              .decoder_only = model->arch.decoder_only,
                              .text_start = model->arch.decoder_only ? model->empty : -1,
                              .weight_bytes = model->weight_bytes};
}

void elcl_model_gen_defaults(const elcl_model *model, elcl_gen_options *options)
{
    *options = model->defaults;
}

static int require_tokenizer(const elcl_model *model, elcl_error *err)
{
    return model->tokenizer ? ELCL_OK
                            : elcl_fail(err, ELCL_E_UNSUPPORTED,
                                        "%s: the model directory has no tokenizer (vocab.json and "
                                        "merges.txt, or tokenizer.json); token ids can be used",
                                        model->config.path);
}

int elcl_encode(const elcl_model *model, const char *text, size_t n, int32_t **ids, size_t *n_ids,
                elcl_error *err)
{
    if (!model || (!text && n) || !ids || !n_ids)
        return elcl_fail(err, ELCL_E_ARG, "elcl_encode: arguments must not be NULL");
    int32_t *inner = NULL;
    size_t n_inner = 0;
    int rc = require_tokenizer(model, err);
    if (!rc)
        rc = elcl_tokenizer_encode(model->tokenizer, text ? text : "", n, &inner, &n_inner, err);
    if (rc)
        return rc;
    int32_t *all = elcl_calloc(n_inner + 3, sizeof(*all));
    if (!all) {
        elcl_free(inner);
        return elcl_fail_nomem(err);
    }
    size_t at = 0;
    if (model->bos >= 0)
        all[at++] = model->bos;
    if (!n_inner && model->empty >= 0)
        all[at++] = model->empty;
    if (n_inner)
        memcpy(all + at, inner, n_inner * sizeof(*all));
    at += n_inner;
    if (model->eos >= 0)
        all[at++] = model->eos;
    elcl_free(inner);
    *ids = all;
    *n_ids = at;
    return ELCL_OK;
}

int elcl_decode(const elcl_model *model, const int32_t *ids, size_t n_ids, char **text,
                elcl_error *err)
{
    if (!model || (!ids && n_ids) || !text)
        return elcl_fail(err, ELCL_E_ARG, "elcl_decode: arguments must not be NULL");
    const int rc = require_tokenizer(model, err);
    return rc ? rc : elcl_tokenizer_decode(model->tokenizer, ids, n_ids, true, text, err);
}

/* What elcl_generate()'s callback leaves behind. */
struct one_result {
    const elcl_model *model;
    char *text;
    int rc;
    elcl_error *err;
};

static void take_result(void *user, const elcl_result *result)
{
    struct one_result *one = user;
    one->rc = result->n_hypotheses
                  ? elcl_decode(one->model, result->hypotheses[0].ids, result->hypotheses[0].n_ids,
                                &one->text, one->err)
                  : elcl_fail(one->err, ELCL_E_INTERNAL, "the search found nothing");
}

int elcl_generate(elcl_model *model, const char *text, const elcl_gen_options *options, char **out,
                  elcl_error *err)
{
    if (!model || !text || !out)
        return elcl_fail(err, ELCL_E_ARG, "elcl_generate: arguments must not be NULL");
    struct one_result one = {.model = model, .err = err};
    elcl_request request = {.options = options ? *options : model->defaults};
    elcl_engine_params params = elcl_engine_params_default();
    elcl_engine *engine = NULL;
    int32_t *ids = NULL;
    int rc;
    ELCL_TRY(elcl_encode(model, text, strlen(text), &ids, &request.n_source, err));
    request.source = ids;
    params.batch_size = 1;
    params.max_beams = elcl_rules_most_rows(&request.options);
    params.on_result = take_result;
    params.user = &one;
    ELCL_TRY(elcl_engine_create(model, &params, &engine, err));
    ELCL_TRY(elcl_engine_submit(engine, &request, NULL, err));
    ELCL_TRY(elcl_engine_run(engine, err));
    ELCL_TRY(one.rc);
    *out = one.text;
    one.text = NULL;
fail:
    elcl_engine_destroy(&engine);
    elcl_free(ids);
    elcl_free(one.text);
    return rc;
}
