/* Opening a model. model/ reads and loads it; the choice of the attention variant comes in between
 * and is made here, because it needs plans. */
#include <string.h>

#include "base/util.h"
#include "device/describe.h"
#include "engine/choose.h"
#include "engine/tune_file.h"
#include "engine/tune_gemm.h"
#include "format/package.h"
#include "model/encoder_cache.h"
#include "model/model.h"
#include "model/synthetic.h"
#include "search/options.h"

static int cut(int value, int fallback, int min, int max)
{
    return elcl_min_int(elcl_max_int(value > 0 ? value : fallback, min), max);
}

/* Returns what AUTO assumes: the caller's hints, or the model's own options. */
static elcl_plan_params expected_use(const struct elcl_model *m, const elcl_model_params *params)
{
    const elcl_gen_options *o = &m->defaults;
    const int max = m->arch.max_positions;
    const int target = o->max_new_tokens > 0 ? o->max_new_tokens + 1 : o->max_length;
    const bool panels = m->device->kernels == ELCL_KERNELS_CPU && params->gemm != ELCL_GEMM_CLBLAST;
    return (elcl_plan_params){
        .attention = params->attention,
        .device_type = m->device->desc.type,
        .vector_width = panels ? elcl_cpu_vector_width(&m->device->desc) : 0,
        .weights = params->weights,
        .state = params->state,
        .compute = params->compute,
        .compute_units =
            m->device->kernels == ELCL_KERNELS_GPU ? (int)m->device->desc.compute_units : 0,
        .batch_size = cut(params->expected_batch, 0, 0, ELCL_MAX_SENTENCES),
        .num_beams = cut(params->expected_beams, elcl_options_max_rows(o), 1, ELCL_MAX_BEAMS),
        .max_source = cut(params->expected_source, elcl_arch_default_positions(&m->arch), 1, max),
        .max_target = cut(params->expected_target, target, 2, elcl_arch_max_target(&m->arch)),
        .memory_limit_bytes = m->device->plan_limit_bytes,
        .max_alloc_bytes = m->device->desc.max_alloc_bytes};
}

static int choose(struct elcl_model *m, const elcl_model_params *params,
                  const struct elcl_tune_file *tuned, elcl_error *err)
{
    const struct elcl_blueprint b = {
        .family = m->family, .config = m->config, .arch = m->arch, .defaults = m->defaults};
    elcl_plan_params p = expected_use(m, params);
    struct elcl_attention_choice choice;
    elcl_device_rates rates = tuned->rates;
    rates.kernels = m->device->kernels;
    if (m->device->no_matrix_why) {
        rates.half_gflops = rates.f32_gflops;
        rates.matrix_gflops = 0;
    }
    if (tuned->has_rates)
        p.rates = &rates;
    const int rc = elcl_choose_variant(&b, &p, &choice, err);
    if (rc)
        return rc;
    m->attention = choice.attention;
    memcpy(m->attention_reason, choice.reason, sizeof(m->attention_reason));
    if (*choice.reason)
        elcl_device_log(m->device, ELCL_LOG_INFO, "auto attention: %s", choice.reason);
    return ELCL_OK;
}

/* Returns the stored measurements of the device, or nothing if they cannot be read. */
static struct elcl_tune_file read_tuned(const struct elcl_device *device)
{
    struct elcl_tune_file tuned = {0};
    elcl_error why = {0};
    if (elcl_tune_file_read(device->cache_directory, &device->desc, &tuned, &why))
        elcl_device_log(device, ELCL_LOG_INFO, "%s: not used", why.msg);
    return tuned;
}

static int complete(struct elcl_model *m, const elcl_model_params *params,
                    struct elcl_tensors *tensors, elcl_error *err)
{
    const struct elcl_tune_file tuned = read_tuned(m->device);
    const int rc = choose(m, params, &tuned, err);
    m->clblast_rows = elcl_tune_clblast_rows(&tuned, params->weights, NULL);
    m->ways = tuned.ways;
    return rc ? rc : elcl_model_load(m, params, tensors, err);
}

/* directory NULL: the synthetic model of that name and seed. */
static int open_model(const char *directory, const char *synthetic, uint64_t seed,
                      const elcl_model_params *params, elcl_model **model, elcl_error *err)
{
    const elcl_model_params defaults = elcl_model_params_default();
    struct elcl_tensors *stored = NULL;
    struct elcl_synthetic random = {0};
    struct elcl_model *m = NULL;
    char *inner = NULL; /* of a package */
    if (!params)
        params = &defaults;
    int rc;
    if (directory)
        ELCL_TRY(elcl_package_open(directory, &inner, err));
    ELCL_TRY(elcl_check_state(params->state, params->attention, err));
    ELCL_TRY(elcl_encoder_cache_check(params, err));
    ELCL_TRY(elcl_model_begin(inner, synthetic, seed, params, &random, &m, err));
    if (inner)
        ELCL_TRY(elcl_tensors_open(inner, &stored, err));
    ELCL_TRY(complete(m, params, inner ? stored : &random.base, err));
    *model = m;
    m = NULL;
fail:
    elcl_tensors_close(&stored);
    elcl_free(inner);
    elcl_synthetic_finish(&random);
    elcl_model_close(&m);
    return rc;
}

int elcl_model_open(const char *directory, const elcl_model_params *params, elcl_model **model,
                    elcl_error *err)
{
    if (!directory || !model)
        return elcl_fail(err, ELCL_E_ARG, "elcl_model_open: directory and model must not be NULL");
    return open_model(directory, NULL, 0, params, model, err);
}

int elcl_model_open_synthetic(const char *name, uint64_t seed, const elcl_model_params *params,
                              elcl_model **model, elcl_error *err)
{
    if (!name || !model)
        return elcl_fail(err, ELCL_E_ARG,
                         "elcl_model_open_synthetic: name and model must not be NULL");
    return open_model(NULL, name, seed, params, model, err);
}
