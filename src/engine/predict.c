/* The cost model: runs the step on operations that count and do nothing. */
#include "base/state_row.h"
#include "base/util.h"
#include "engine/blueprint.h"
#include "engine/plan.h"
#include "model/attn.h"
#include "model/state.h"

#define LOCAL_BYTES 49152 /* local memory of NVIDIA GPUs, the least of those with matrix units */

/* A state without memory. */
struct dry {
    struct elcl_device device; /* its description */
    struct elcl_ops ops;
    struct elcl_cost cost;
    struct elcl_weights weights;
    struct elcl_state state;
};

/* Fraction of a device's multiply-add rate that each kind of operation reaches:
 * docs/measurements/devices.md, "Predictions". Other operations compute exponentials and compare,
 * which count as few FLOP. The GPU kernels have not been timed on a GPU: predictions there are
 * bounds. */
struct efficiency {
    double gemm, attention, other;
    double launches; /* cost of a launch, relative to the one-item kernel of the measured rates */
};

static const struct efficiency cpu_kernels = {0.9, 0.6, 0.05, 1};
/* A CPU splits the items of a work-group at every barrier. */
static const struct efficiency gpu_kernels_on_cpu = {0.08, 0.1, 0.05, 5};
static const struct efficiency gpu_kernels = {1, 1, 1, 1};

/* AUTO rounds inputs if the device then computes faster, or nearly as fast, and to int8 only in CPU
 * kernels. F32 multiplies f32 inputs by matrix instructions of GPUs in two or three parts. */
static double gemm_rate(const elcl_plan_params *p, const elcl_device_rates *m,
                        enum elcl_kernels kernels)
{
    const bool integers = p->weights == ELCL_INT8 || p->weights == ELCL_INT4;
    const bool may = !integers || kernels == ELCL_KERNELS_CPU;
    const bool rounded = (p->compute == ELCL_COMPUTE_AUTO && may) ||
                         elcl_compute_rounds_inputs(p->compute, p->weights);
    if (rounded && integers && m->int8_gops > 0)
        return m->int8_gops;
    if (rounded && p->weights == ELCL_BF16 && m->bf16_gflops > 0)
        return m->bf16_gflops;
    if (p->weights != ELCL_F16 && p->weights != ELCL_BF16)
        return m->f32_gflops;
    if (p->compute != ELCL_COMPUTE_F32 || m->type == ELCL_DEVICE_CPU)
        return m->half_gflops;
    const double exact = m->half_gflops / (p->weights == ELCL_BF16 ? 2 : 3);
    return exact > m->f32_gflops ? exact : m->f32_gflops;
}

/* AUTO takes 16-bit activations if a GPU then computes faster. */
static enum elcl_storage activations_of(const elcl_plan_params *p, const elcl_device_rates *m,
                                        enum elcl_kernels kernels)
{
    const bool pays = p->compute == ELCL_COMPUTE_AUTO && m->type != ELCL_DEVICE_CPU &&
                      m->half_gflops > m->f32_gflops;
    const enum elcl_compute compute = !pays                     ? p->compute
                                      : p->weights == ELCL_BF16 ? ELCL_COMPUTE_BF16
                                                                : ELCL_COMPUTE_F16;
    return elcl_compute_activations(compute, p->weights, kernels);
}

/* Narrow state is multiplied as it is if CPU kernels are faster so. */
static double state_rate(const elcl_plan_params *p, const elcl_device_rates *m,
                         enum elcl_kernels kernels)
{
    if (!elcl_state_is_narrow(p->state))
        return p->state == ELCL_F32 ? m->f32_gflops : m->half_gflops;
    return kernels == ELCL_KERNELS_CPU && p->compute != ELCL_COMPUTE_F32 &&
                   m->state_gops > m->f32_gflops
               ? m->state_gops
               : m->f32_gflops;
}

static struct elcl_cost make_cost(const elcl_plan_params *p, const elcl_device_rates *m,
                                  enum elcl_kernels kernels, uint64_t weight_bytes)
{
    const bool cpu = m->type == ELCL_DEVICE_CPU;
    const struct efficiency *efficiency = !cpu                          ? &gpu_kernels
                                          : kernels == ELCL_KERNELS_CPU ? &cpu_kernels
                                                                        : &gpu_kernels_on_cpu;
    return (struct elcl_cost){
        .memory_bytes_per_ns = m->memory_gbs,
        .cache_bytes_per_ns = m->cache_bytes > 0 ? m->cache_gbs : m->memory_gbs,
        .cache_bytes = m->cache_bytes,
        .weights_in_cache = (double)weight_bytes <= m->cache_bytes,
        .overlap = !cpu,
        .gemm_flop_per_ns = efficiency->gemm * gemm_rate(p, m, kernels),
        .attention_flop_per_ns = efficiency->attention * state_rate(p, m, kernels),
        .other_flop_per_ns = efficiency->other * m->f32_gflops,
        .launch_ns = 1e3 * efficiency->launches * m->launch_us};
}

static int dry_run_init(struct dry *d, const struct elcl_blueprint *b, const elcl_plan_params *p,
                        const elcl_device_rates *m, elcl_error *err)
{
    const enum elcl_kernels kernels = m->kernels                   ? m->kernels
                                      : m->type == ELCL_DEVICE_CPU ? ELCL_KERNELS_CPU
                                                                   : ELCL_KERNELS_GPU;
    const enum elcl_storage activations = activations_of(p, m, kernels);
    struct elcl_loader loader = {
        .plan = true, .storage = p->weights, .attention = p->attention, .err = err};
    d->device.desc = (elcl_device_desc){.type = m->type, .compute_units = 1};
    d->ops = (struct elcl_ops){.cost = &d->cost,
                               .device = &d->device,
                               .kernels = kernels,
                               .weights = p->weights,
                               .state = p->state,
                               .activations = activations,
                               .norm_bytes = activations != ELCL_F32 ? LOCAL_BYTES : 0,
                               .vector_width = 8,
                               .tile_rows = 6};
    d->state = (struct elcl_state){.arch = &b->arch,
                                   .weights = &d->weights,
                                   .variant = elcl_attention_variant(p->attention),
                                   .ops = &d->ops,
                                   .h = elcl_arch_input(&b->arch, activations),
                                   .n_buffers = elcl_state_n_buffers(&b->arch)};
    d->state.capacity = (struct elcl_capacity){.sentences = p->batch_size,
                                               .beams = p->num_beams,
                                               .max_source = p->max_source,
                                               .max_target = p->max_target,
                                               .width = 2 * p->num_beams,
                                               .lists = elcl_plan_lists(&b->defaults)};
    const int most = elcl_plan_encode_most(&b->arch, p->attention, (uint32_t)p->compute_units);
    d->state.capacity.encode_rows = elcl_plan_encode_rows(p->batch_size, p->max_source, most);
    d->state.buffers = elcl_calloc((size_t)d->state.n_buffers, sizeof(*d->state.buffers));
    if (!d->state.buffers)
        return elcl_fail_nomem(err);
    const int rc = b->family->load(b->family, &loader, &b->arch, &d->weights);
    d->cost = make_cost(p, m, kernels, loader.bytes);
    return rc;
}

static void dry_run_finish(struct dry *d)
{
    elcl_free(d->state.buffers);
    elcl_weights_finish(&d->weights);
}

/* Predicts the encoding of the batch in ns, in passes of whole sources like those of the engine. */
static int encode(struct dry *d, double *ns, elcl_error *err)
{
    const struct elcl_capacity *c = &d->state.capacity;
    const bool only = d->state.arch->decoder_only;
    const int source = only ? c->max_source - 1 : c->max_source;
    const int at_once = source ? elcl_max_int(1, c->encode_rows / source) : c->sentences;
    int rc = ELCL_OK;
    d->cost.ns = 0;
    for (int left = source ? c->sentences : 0; !rc && left > 0; left -= at_once) {
        const uint64_t n = (uint64_t)elcl_min_int(left, at_once), s = (uint64_t)source;
        const struct elcl_front_frames frames = {
            .n_rows = (int)elcl_front_room((size_t)(n * s), (size_t)n)};
        const struct elcl_records records = {
            .kind = d->state.arch->input_width ? ELCL_SOURCE_INPUTS : ELCL_SOURCE_TOKENS,
            .frames = &frames,
            .buffer = ELCL_B_ENCODE,
            .n_rows = (int)(n * s),
            .n_self = (int)(n * s),
            .max_rows = 1,
            .max_keys = (int)s,
            .self_keys = only ? n * s * (s + 1) / 2 : n * s * s};
        rc = only ? elcl_decoder_prefill(&d->state, &records, err)
                  : elcl_encoder_run(&d->state, &records, err);
    }
    *ns = d->cost.ns;
    return rc;
}

/* Predicts one step of all rows after `length` tokens in ns. */
static int step(struct dry *d, int length, double *ns, elcl_error *err)
{
    const struct elcl_capacity *c = &d->state.capacity;
    const bool only = d->state.arch->decoder_only;
    const bool by_row = d->state.variant->cache_by_row;
    const int rows = elcl_capacity_rows(c);
    const int keys = length + (only ? c->max_source - 1 : 0);
    const uint64_t source = (uint64_t)c->max_source,
                   groups = (uint64_t)(by_row ? rows : c->sentences);
    const struct elcl_records records = {.buffer = ELCL_B_STEP,
                                         .n_rows = rows,
                                         .n_self = rows,
                                         .n_cross = only ? 0 : (int)groups,
                                         .max_rows = c->beams,
                                         .max_length = length,
                                         .max_keys = keys,
                                         .self_keys = (uint64_t)rows * (uint64_t)keys,
                                         .cross_keys = (uint64_t)rows * source,
                                         .cross_reads = groups * source,
                                         .max_source = c->max_source,
                                         .width = c->width};
    d->cost.ns = 0;
    int rc = elcl_decoder_begin(&d->state, &records, err);
    if (!rc)
        rc = elcl_decoder_step(&d->state, &records, err);
    *ns = d->cost.ns;
    return rc;
}

int elcl_predict_variant(const struct elcl_blueprint *blueprint, const elcl_plan_params *params,
                         const elcl_device_rates *rates, elcl_prediction *prediction,
                         elcl_error *err)
{
    if (!(rates->memory_gbs > 0) || !(rates->f32_gflops > 0) || !(rates->half_gflops > 0) ||
        !(rates->launch_us >= 0) || !(rates->wait_us >= 0) || !(rates->int8_gops >= 0) ||
        !(rates->bf16_gflops >= 0) || (rates->cache_bytes > 0 && !(rates->cache_gbs > 0)))
        return elcl_fail(err, ELCL_E_ARG,
                         "elcl_predict: rates must be above 0, times not below, and a cache "
                         "needs a bandwidth");
    elcl_plan_params p = *params;
    struct dry d = {.state = {0}};
    double encode_ns = 0, step_ns = 0;
    int rc;
    ELCL_TRY(elcl_blueprint_check(blueprint, &p, err));
    if (!p.batch_size || p.max_target < 2)
        return elcl_fail(err, ELCL_E_ARG,
                         "elcl_predict: batch_size is %d and max_target %d, expected at least 1 "
                         "and 2",
                         p.batch_size, p.max_target);
    ELCL_TRY(dry_run_init(&d, blueprint, &p, rates, err));
    ELCL_TRY(encode(&d, &encode_ns, err));
    ELCL_TRY(step(&d, elcl_max_int(1, p.max_target / 2), &step_ns, err));
    const int steps = p.max_target - 1;
    const double total = encode_ns + steps * (step_ns + 1e3 * rates->wait_us);
    *prediction = (elcl_prediction){.encode_ms = encode_ns / 1e6,
                                    .step_ms = step_ns / 1e6 + rates->wait_us / 1e3,
                                    .seconds = total / 1e9,
                                    .samples_per_second = 1e9 * p.batch_size / total};
fail:
    dry_run_finish(&d);
    return rc;
}
