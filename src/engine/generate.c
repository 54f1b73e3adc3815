/* elcl_generate(): one text through an engine for one sentence. */
#include <string.h>

#include "base/util.h"
#include "model/model.h"
#include "search/options.h"

/* What the callback of elcl_generate() writes. */
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

/* Raises the default lengths for a long request that the model has positions for. */
static void fit_lengths(const elcl_model *model, const elcl_request *request,
                        elcl_engine_params *params)
{
    const int positions = elcl_arch_default_positions(&model->arch);
    const int target = elcl_options_max_length(&request->options);
    if (request->n_source > (size_t)positions &&
        request->n_source <= (size_t)model->arch.max_positions)
        params->max_source = (int)request->n_source;
    if (target > positions && target <= elcl_arch_max_target(&model->arch))
        params->max_target = target;
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
    fit_lengths(model, &request, &params);
    params.batch_size = 1;
    params.max_beams = elcl_options_max_rows(&request.options);
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
