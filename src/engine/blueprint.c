/* Blueprints: opening one, and what a plan or a prediction takes from it. */
#include "engine/blueprint.h"

#include "base/state_row.h"
#include "base/util.h"
#include "engine/plan.h"
#include "format/package.h"
#include "model/synthetic.h"

/* ---- life ---- */

/* directory NULL: the synthetic model of that name. */
static int open_blueprint(const char *directory, const char *synthetic, elcl_blueprint **blueprint,
                          elcl_error *err)
{
    struct elcl_synthetic tensors = {0};
    struct elcl_blueprint *b = elcl_calloc(1, sizeof(*b));
    if (!b)
        return elcl_fail_nomem(err);
    char *inner = NULL; /* of a package */
    int rc;
    if (directory)
        ELCL_TRY(elcl_package_open(directory, &inner, err));
    ELCL_TRY(inner ? elcl_config_load(inner, &b->config, err)
                   : elcl_synthetic_config(synthetic, &b->config, err));
    ELCL_TRY(elcl_family_read(&b->config, &b->family, &b->arch, &b->defaults, err));
    if (synthetic)
        ELCL_TRY(elcl_synthetic_model(&b->config, &b->arch, 0, &tensors, err));
    b->parameters = tensors.parameters;
    *blueprint = b;
    b = NULL;
fail:
    elcl_free(inner);
    elcl_synthetic_finish(&tensors);
    elcl_blueprint_close(&b);
    return rc;
}

int elcl_blueprint_open(const char *directory, elcl_blueprint **blueprint, elcl_error *err)
{
    if (!directory || !blueprint)
        return elcl_fail(err, ELCL_E_ARG,
                         "elcl_blueprint_open: directory and blueprint must not be NULL");
    return open_blueprint(directory, NULL, blueprint, err);
}

int elcl_blueprint_open_synthetic(const char *name, elcl_blueprint **blueprint, elcl_error *err)
{
    if (!name || !blueprint)
        return elcl_fail(err, ELCL_E_ARG,
                         "elcl_blueprint_open_synthetic: name and blueprint must not be NULL");
    return open_blueprint(NULL, name, blueprint, err);
}

void elcl_blueprint_close(elcl_blueprint **blueprint)
{
    if (!blueprint || !*blueprint)
        return;
    elcl_config_finish(&(*blueprint)->config);
    elcl_free(*blueprint);
    *blueprint = NULL;
}

void elcl_blueprint_get_info(const elcl_blueprint *blueprint, elcl_blueprint_info *info)
{
    const struct elcl_arch *a = &blueprint->arch;
    *info = (elcl_blueprint_info){.family = blueprint->family->model_type,
                                  .max_source = a->max_positions,
                                  .max_target = elcl_arch_max_target(a),
                                  .default_length = elcl_arch_default_positions(a),
                                  .vocabulary = a->vocabulary,
                                  .source_vocabulary = a->source_vocabulary,
                                  .decoder_only = a->decoder_only,
                                  .input_width = a->input_width,
                                  .d = a->d,
                                  .heads = a->decoder_heads,
                                  .encoder_layers = a->encoder_layers,
                                  .decoder_layers = a->decoder_layers,
                                  .parameters = blueprint->parameters};
}

/* ---- plans ---- */

elcl_plan_params elcl_plan_params_default(void)
{
    return (elcl_plan_params){.attention = ELCL_ATTN_AUTO,
                              .device_type = ELCL_DEVICE_GPU,
                              .weights = ELCL_F32,
                              .state = ELCL_F32,
                              .num_beams = 1};
}

int elcl_check_state(enum elcl_storage state, enum elcl_attention attention, elcl_error *err)
{
    if (state != ELCL_INT4 || attention == ELCL_ATTN_EL || attention == ELCL_ATTN_AUTO)
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_UNSUPPORTED,
                     "int4 state needs attention el (or auto): keys and values of %s have at least "
                     "8 bits",
                     attention == ELCL_ATTN_MHA ? "mha" : "mha-beam");
}

int elcl_blueprint_check(const struct elcl_blueprint *blueprint, elcl_plan_params *p,
                         elcl_error *err)
{
    const int max = blueprint->arch.max_positions;
    int rc;
    ELCL_TRY(elcl_check_int("batch_size", p->batch_size, 0, ELCL_MAX_SENTENCES, err));
    ELCL_TRY(elcl_check_int("num_beams", p->num_beams, 1, ELCL_MAX_BEAMS, err));
    ELCL_TRY(elcl_check_int("max_source", p->max_source, 0, max, err));
    ELCL_TRY(elcl_check_int("max_target", p->max_target, 0, elcl_arch_max_target(&blueprint->arch),
                            err));
    ELCL_TRY(elcl_check_int("compute_units", p->compute_units, 0, INT_MAX, err));
    ELCL_TRY(elcl_check_state(p->state, p->attention, err));
    if (p->vector_width && p->vector_width != 4 && p->vector_width != 8 && p->vector_width != 16)
        return elcl_fail(err, ELCL_E_ARG, "vector_width is %d, must be 0, 4, 8 or 16",
                         p->vector_width);
    if (!p->max_source)
        p->max_source = elcl_arch_default_positions(&blueprint->arch);
    if (!p->max_target)
        p->max_target = elcl_arch_default_target(&blueprint->arch);
fail:
    return rc;
}

int elcl_blueprint_weight_bytes(const struct elcl_blueprint *b, enum elcl_attention attention,
                                enum elcl_storage storage, int panel, bool rounds_inputs,
                                uint64_t *bytes, elcl_error *err)
{
    struct elcl_weights weights = {0};
    struct elcl_loader loader = {.plan = true,
                                 .panel = panel,
                                 .rounds_inputs = rounds_inputs,
                                 .storage = storage,
                                 .attention = attention,
                                 .err = err};
    const int rc = b->family->load(b->family, &loader, &b->arch, &weights);
    elcl_weights_finish(&weights);
    if (!rc)
        *bytes = loader.bytes;
    return rc;
}

bool elcl_blueprint_rounds_inputs(const elcl_plan_params *p)
{
    return elcl_compute_rounds_inputs(p->compute, p->weights) &&
           (p->vector_width || p->weights == ELCL_INT8);
}

struct elcl_capacity elcl_blueprint_capacity(const struct elcl_blueprint *b,
                                             const elcl_plan_params *p,
                                             enum elcl_attention attention)
{
    return (struct elcl_capacity){
        .beams = p->num_beams,
        .encode_most = elcl_plan_encode_most(&b->arch, attention, (uint32_t)p->compute_units),
        .max_source = p->max_source,
        .max_target = p->max_target,
        .width = elcl_plan_width(&b->arch, p->num_beams),
        .lists = elcl_plan_lists(&b->defaults),
        .rounds_inputs = elcl_blueprint_rounds_inputs(p),
        .rounds_queries =
            p->vector_width && elcl_state_is_narrow(p->state) && p->compute != ELCL_COMPUTE_F32,
        .gpu = !p->vector_width,
        .activations = elcl_compute_activations(
            p->compute, p->weights, p->vector_width ? ELCL_KERNELS_CPU : ELCL_KERNELS_GPU)};
}

int elcl_blueprint_batch(const struct elcl_blueprint *b, const elcl_plan_params *p,
                         enum elcl_attention attention, uint64_t weight_bytes, int max,
                         struct elcl_capacity *capacity)
{
    *capacity = elcl_blueprint_capacity(b, p, attention);
    return elcl_plan_sentences(&b->arch, attention, p->state, capacity, weight_bytes,
                               p->memory_limit_bytes ? p->memory_limit_bytes : UINT64_MAX,
                               p->max_alloc_bytes ? p->max_alloc_bytes : UINT64_MAX, max);
}
