#include "engine/choose.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/util.h"
#include "engine/plan.h"

/* Whether only EL-attention reads the state. */
static bool only_el_reads(enum elcl_storage state)
{
    return state == ELCL_INT4;
}

/* EL-attention if arithmetic is cheap compared with memory traffic: its scores and contexts take H
 * times the arithmetic of `mha`. */
enum elcl_attention elcl_choose_attention(enum elcl_device_type type, enum elcl_storage state,
                                          enum elcl_attention asked, const char **reason)
{
    const bool cpu = type == ELCL_DEVICE_CPU, only_el = only_el_reads(state);
    if (reason)
        *reason =
            only_el ? "only el reads state of this type"
            : cpu   ? "a CPU has little arithmetic for each byte of memory traffic, and el takes "
                      "H times the arithmetic of mha for scores and contexts"
                    : "a GPU has arithmetic to spare for each byte of memory traffic, and el reads "
                      "least and keeps the smallest state";
    if (asked != ELCL_ATTN_AUTO)
        return asked;
    return cpu && !only_el ? ELCL_ATTN_MHA : ELCL_ATTN_EL;
}

/* A variant at the largest useful batch that fits. */
struct candidate {
    enum elcl_attention attention;
    const char *name;
    int wanted, batch; /* batch 0: it does not fit */
    double samples_per_second;
};

#define N_CANDIDATES 3

/* Typical rates for a type of device: orders of magnitude, used only if memory is short. */
static elcl_device_rates default_rates(enum elcl_device_type type)
{
    if (type == ELCL_DEVICE_CPU)
        return (elcl_device_rates){.type = type,
                                   .memory_gbs = 25,
                                   .f32_gflops = 200,
                                   .half_gflops = 200,
                                   .launch_us = 5,
                                   .wait_us = 50};
    return (elcl_device_rates){.type = type,
                               .memory_gbs = 500,
                               .f32_gflops = 15000,
                               .half_gflops = 15000,
                               .launch_us = 8,
                               .wait_us = 30};
}

static int predict_candidate(const struct elcl_blueprint *b, const elcl_plan_params *params,
                             const elcl_device_rates *rates, struct candidate *c, elcl_error *err)
{
    const bool cpu = params->vector_width || params->device_type == ELCL_DEVICE_CPU;
    elcl_plan_params p = *params;
    elcl_prediction prediction;
    struct elcl_capacity capacity;
    uint64_t weight_bytes;
    int rc = elcl_blueprint_weight_bytes(b, c->attention, p.weights, 2 * p.vector_width,
                                         elcl_blueprint_rounds_inputs(&p), &weight_bytes, err);
    if (rc)
        return rc;
    const int rows =
        elcl_plan_useful_rows(cpu ? ELCL_KERNELS_CPU : ELCL_KERNELS_GPU, p.weights, weight_bytes);
    c->wanted = p.batch_size ? p.batch_size : elcl_max_int(1, rows / p.num_beams);
    c->batch = elcl_blueprint_batch(b, &p, c->attention, weight_bytes, c->wanted, &capacity);
    if (p.batch_size && c->batch < p.batch_size) /* it fits as a whole or not at all */
        c->batch = 0;
    if (!c->batch)
        return ELCL_OK;
    p.attention = c->attention;
    p.batch_size = c->batch;
    p.max_target = elcl_max_int(2, p.max_target);
    rc = elcl_predict_variant(b, &p, rates, &prediction, err);
    c->samples_per_second = rc ? 0 : prediction.samples_per_second;
    return rc;
}

static const struct candidate *fastest(const struct candidate *all, const struct candidate *first)
{
    const struct candidate *best = first;
    for (int i = 0; i < N_CANDIDATES; i++)
        if (all[i].samples_per_second > best->samples_per_second)
            best = &all[i];
    return best;
}

/* ---- the reason ---- */

static void say(struct elcl_attention_choice *choice, size_t *n, const char *fmt, ...)
    ELCL_PRINTF(3, 4);
static void say(struct elcl_attention_choice *choice, size_t *n, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const int wrote = vsnprintf(choice->reason + *n, sizeof(choice->reason) - *n, fmt, args);
    va_end(args);
    *n += wrote > 0 ? (size_t)wrote : 0;
    if (*n >= sizeof(choice->reason))
        *n = sizeof(choice->reason) - 1;
}

static void say_numbers(struct elcl_attention_choice *choice, const elcl_plan_params *p,
                        const elcl_device_rates *rates, const struct candidate *all)
{
    size_t n = 0;
    const char *type = p->device_type == ELCL_DEVICE_CPU ? "CPU" : "GPU";
    if (!p->rates)
        say(choice, &n, "memory is short, and typical rates of a %s", type);
    else
        say(choice, &n, "the device's rates");
    say(choice, &n, " (%.3g GB/s, %.3g GFLOP/s) predict", rates->memory_gbs,
        p->state == ELCL_F32 ? rates->f32_gflops : rates->half_gflops);
    for (int i = 0; i < N_CANDIDATES; i++) {
        const struct candidate *c = &all[i];
        say(choice, &n, "%s %s ", i ? "," : "", c->name);
        if (c->batch)
            say(choice, &n, "%.3g samples/s at batch %d", c->samples_per_second, c->batch);
        else
            say(choice, &n, "no batch that fits");
    }
}

int elcl_choose_variant(const struct elcl_blueprint *b, const elcl_plan_params *p,
                        struct elcl_attention_choice *choice, elcl_error *err)
{
    struct candidate all[N_CANDIDATES] = {{.attention = ELCL_ATTN_EL, .name = "el"},
                                          {.attention = ELCL_ATTN_MHA, .name = "mha"},
                                          {.attention = ELCL_ATTN_MHA_BEAM, .name = "mha-beam"}};
    const char *why;
    struct elcl_attention_choice chosen = {
        .attention = elcl_choose_attention(p->device_type, p->state, p->attention, &why)};
    const elcl_device_rates rates = p->rates ? *p->rates : default_rates(p->device_type);
    if (p->attention != ELCL_ATTN_AUTO) {
        *choice = chosen;
        return ELCL_OK;
    }
    const struct candidate *by_type = NULL;
    const bool predicts = b->arch.max_positions >= 2 && !only_el_reads(p->state);
    for (int i = 0; predicts && i < N_CANDIDATES; i++) {
        const int rc = predict_candidate(b, p, &rates, &all[i], err);
        if (rc)
            return rc;
        if (all[i].attention == chosen.attention)
            by_type = &all[i];
    }
    if (by_type && (p->rates || by_type->batch < by_type->wanted)) {
        chosen.attention = fastest(all, by_type)->attention;
        say_numbers(&chosen, p, &rates, all);
    } else {
        (void)snprintf(chosen.reason, sizeof(chosen.reason), "%s", why);
    }
    *choice = chosen;
    return ELCL_OK;
}
