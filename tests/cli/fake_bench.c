/*
 * The fake library for plans and benches; fake_elcl.c has the rest. Sizes are simple: 1000 bytes of
 * weights, 10 for a source token, 3 for an output token of a beam, 7 of workspace; mha takes twice,
 * mha-beam four times that state. Synthetic models are "bart-base", and "scarce", which runs out of
 * memory above a batch of 2.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdlib.h>
#include <string.h>

#include "fake_elcl.h"

enum { MAX_N = 64 };

struct elcl_blueprint {
    int unused;
};

/* ---- devices ------------------------------------------------------------------------------- */

int elcl_device_list_find(const elcl_device_list *list, const char *device, int *i, elcl_error *err)
{
    if (!elcl_device_list_count(list))
        return fail(err, ELCL_E_DEVICE, "no OpenCL device was found");
    if (device && strcmp(device, "0") != 0 && strcmp(device, "gpu") != 0)
        return fail(err, ELCL_E_DEVICE, "no OpenCL device matches");
    *i = 0;
    return ELCL_OK;
}

int elcl_measure_rates(const char *device, elcl_device_rates *rates, elcl_error *err)
{
    (void)device;
    (void)err;
    *rates = (elcl_device_rates){.copy_gbs = 100,
                                 .memory_gbs = 100,
                                 .f32_gflops = 1000,
                                 .int8_gops = 2000,
                                 .bf16_gflops = 1000,
                                 .launch_us = 5,
                                 .wait_us = 30};
    return ELCL_OK;
}

/* ---- models -------------------------------------------------------------------------------- */

static int is_synthetic(const char *name)
{
    return !strcmp(name, "bart-base") || !strcmp(name, "scarce");
}

int elcl_model_open_synthetic(const char *name, uint64_t seed, const elcl_model_params *params,
                              elcl_model **model, elcl_error *err)
{
    (void)seed;
    if (!is_synthetic(name))
        return fail(err, ELCL_E_ARG, "no synthetic model has this name");
    return elcl_model_open(name, params, model, err);
}

const char *elcl_synthetic_name(int i)
{
    static const char *const names[] = {"bart-base", "scarce"};
    return i >= 0 && i < 2 ? names[i] : NULL;
}

int elcl_synthetic_export(const char *name, uint64_t seed, const char *directory, elcl_error *err)
{
    (void)name;
    (void)seed;
    return strcmp(directory, "/readonly") != 0 ? ELCL_OK
                                               : fail(err, ELCL_E_IO, "/readonly: cannot write");
}

void elcl_model_reset_peak(elcl_model *model)
{
    (void)model;
}

int elcl_blueprint_open(const char *directory, elcl_blueprint **blueprint, elcl_error *err)
{
    if (!strcmp(directory, "missing"))
        return fail(err, ELCL_E_IO, "missing/config.json: cannot open: No such file or directory");
    *blueprint = calloc(1, sizeof(**blueprint));
    return *blueprint ? ELCL_OK : fail(err, ELCL_E_NOMEM, "out of memory");
}

int elcl_blueprint_open_synthetic(const char *name, elcl_blueprint **blueprint, elcl_error *err)
{
    if (!is_synthetic(name))
        return fail(err, ELCL_E_ARG, "no synthetic model has this name");
    return elcl_blueprint_open(name, blueprint, err);
}

void elcl_blueprint_close(elcl_blueprint **blueprint)
{
    free(*blueprint);
    *blueprint = NULL;
}

void elcl_blueprint_get_info(const elcl_blueprint *blueprint, elcl_blueprint_info *info)
{
    (void)blueprint;
    *info = (elcl_blueprint_info){.family = "fake",
                                  .max_source = MAX_N,
                                  .max_target = MAX_N,
                                  .default_length = MAX_N,
                                  .vocabulary = 260,
                                  .source_vocabulary = 260,
                                  .d = 8,
                                  .heads = 2,
                                  .encoder_layers = 1,
                                  .decoder_layers = 2,
                                  .parameters = 12345678};
}

/* ---- plans --------------------------------------------------------------------------------- */

uint64_t elcl_planned_memory(const elcl_device_desc *device)
{
    return device->memory_bytes;
}

int elcl_cpu_vector_width(const elcl_device_desc *device)
{
    (void)device;
    return 8;
}

elcl_plan_params elcl_plan_params_default(void)
{
    return (elcl_plan_params){.device_type = ELCL_DEVICE_GPU, .num_beams = 1};
}

static void fill(elcl_memory_plan *plan, const elcl_plan_params *p, int batch)
{
    const uint64_t times = plan->attention == ELCL_ATTN_EL    ? 1
                           : plan->attention == ELCL_ATTN_MHA ? 2
                                                              : 4;
    const uint64_t b = (uint64_t)batch, s = (uint64_t)(p->max_source ? p->max_source : MAX_N);
    const uint64_t t = (uint64_t)(p->max_target ? p->max_target : MAX_N);
    plan->batch_size = batch;
    plan->weight_bytes = 1000;
    plan->source_state_bytes = 10 * b * s * times;
    plan->self_state_bytes = 3 * b * (uint64_t)p->num_beams * t * times;
    plan->workspace_bytes = 7;
    plan->total_bytes = 1007 + plan->source_state_bytes + plan->self_state_bytes;
    plan->largest_buffer_bytes = plan->source_state_bytes;
}

int elcl_plan_memory(const elcl_blueprint *blueprint, const elcl_plan_params *p,
                     elcl_memory_plan *plan, elcl_error *err)
{
    const uint64_t limit = p->memory_limit_bytes;
    (void)blueprint;
    if (p->max_source > MAX_N)
        return fail(err, ELCL_E_ARG, "max_source is above 64");
    *plan = (elcl_memory_plan){.attention =
                                   p->attention == ELCL_ATTN_AUTO ? ELCL_ATTN_EL : p->attention,
                               .reason = "the fake likes it",
                               .largest_batch = limit ? 0 : -1};
    for (int b = 1; limit && b <= 1000; b++) {
        fill(plan, p, b);
        if (plan->total_bytes <= limit)
            plan->largest_batch = b;
    }
    fill(plan, p,
         p->batch_size             ? p->batch_size
         : plan->largest_batch > 0 ? plan->largest_batch
                                   : 1);
    plan->fits = !limit || plan->total_bytes <= limit;
    return ELCL_OK;
}

void elcl_engine_get_plan(const elcl_engine *engine, elcl_memory_plan *plan)
{
    (void)engine;
    *plan = (elcl_memory_plan){.batch_size = 1,
                               .largest_batch = -1,
                               .fits = 1,
                               .weight_bytes = 1000,
                               .source_state_bytes = 200,
                               .self_state_bytes = 30,
                               .workspace_bytes = 4,
                               .total_bytes = 1234};
}

void elcl_engine_get_profile(elcl_engine *engine, elcl_engine_profile *profile)
{
    static const elcl_kernel_time times[] = {{"gemm", 3, 6000, 300000, 3000000, ELCL_OP_GEMM},
                                             {"attn_el", 1, 2000, 40000, 0, ELCL_OP_ATTENTION},
                                             {"idle", 0, 0, 0, 0, ELCL_OP_OTHER}};
    static const elcl_kernel_time no_time[] = {{"gemm", 3, 2, 300000, 3000000, ELCL_OP_GEMM}};
    static const elcl_kernel_span no_span[] = {
        {"gemm", 1000500, 1000502, 100000, 1000000, ELCL_PHASE_ENCODE, ELCL_OP_GEMM}};
    static const elcl_kernel_span spans[] = {
        {"gemm", 1000500, 1002500, 100000, 1000000, ELCL_PHASE_ENCODE, ELCL_OP_GEMM},
        {"attn_el", 1003000, 1005000, 40000, 0, ELCL_PHASE_STEP, ELCL_OP_ATTENTION}};
    (void)engine;
    *profile = getenv("FAKE_NO_TIME") ? (elcl_engine_profile){no_time, 1, no_span, 1}
                                      : (elcl_engine_profile){times, 3, spans, 2};
}

int elcl_predict(const elcl_blueprint *blueprint, const elcl_plan_params *params,
                 const elcl_device_rates *rates, elcl_prediction *prediction, elcl_error *err)
{
    (void)blueprint;
    (void)err;
    *prediction = (elcl_prediction){.encode_ms = 10,
                                    .step_ms = rates->launch_us,
                                    .seconds = 1,
                                    .samples_per_second = params->batch_size};
    return ELCL_OK;
}

int elcl_stored_rates(const elcl_device_desc *device, elcl_device_rates *rates)
{
    (void)device;
    (void)rates;
    return 0;
}

elcl_tune_params elcl_tune_params_default(void)
{
    return (elcl_tune_params){.budget_seconds = 60};
}

int elcl_tune(const elcl_tune_params *params, elcl_tuned *tuned, elcl_error *err)
{
    if (params->device && !strcmp(params->device, "gone"))
        return fail(err, ELCL_E_DEVICE, "there is no device gone");
    *tuned = (elcl_tuned){.rates = {.memory_gbs = 100, .f32_gflops = 1000, .half_gflops = 8000},
                          .clblast_rows_f32 = 128,
                          .clblast_rows_half = -1,
                          .complete = params->budget_seconds > 10,
                          .spread = params->again ? 0.25 : 0.5};
    if (params->report)
        (void)params->report(params->user, "a part is done");
    return ELCL_OK;
}
