/* Creates operations: chooses the kernels and their sizes for a device, and builds the program. */
#include "ops/ops.h"

#include <stdio.h>
#include <string.h>

#include "base/state_row.h"
#include "elcl/plan.h"
#include "ops/gemm_clblast.h"
#include "ops/launch.h"
#include "probe/options.h"

#define CLBLAST_ROWS 128 /* unmeasured: below, the native kernel's one launch is faster */

static const char *const cpu_files[] = {
    "storage.cl", "state_place.cl", "reduce.cl", "state_put.cl",    "activation.cl",
    "norm.cl",    "widen.cl",       "beams.cl",  "attn_mha_cpu.cl", "attn_packed_cpu.cl",
    "logits.cl",  "sample.cl",      "score.cl",  "align.cl",
};
/* Follow the files above and one dot_*.cl. Only rounded inputs need more than the first. */
static const char *const cpu_gemm_files[] = {"gemm_cpu.cl", "quantize_row.cl", "quantize.cl"};
static const char *const gpu_files[] = {
    "storage.cl", "state_place.cl", "reduce.cl", "state_put.cl",    "activation.cl",
    "norm.cl",    "widen.cl",       "beams.cl",  "logits.cl",       "sample.cl",
    "score.cl",   "align.cl",       "tile.cl",   "attn_mha_gpu.cl", "attn_mha_parts.cl",
};
/* Of products of int4 matrices; a dot_*.cl follows the first two. */
static const char *const cpu_int4_files[] = {"storage.cl", "activation.cl", "widen.cl",
                                             "gemm_int4_cpu.cl", "gemm_cpu.cl"};
/* Follow one dot4_*.cl. */
static const char *const int8_files[] = {"gemm_int8.cl", "quantize_row.cl", "quantize_gpu.cl"};
static const char *const gpu_int4_files[] = {"storage.cl",  "activation.cl", "widen.cl",
                                             "tile.cl",     "tile_plain.cl", "gemm_put.cl",
                                             "gemm_gpu.cl", "gemm_rows.cl"};
/* Follow the tiles by a matrix instruction. */
static const char *const wide_files[] = {"tile_wide.cl", "gemm_wide.cl", "gemm_rows_wide.cl"};
/* Follow those and attn_el_gpu.cl. */
static const char *const wide_el_files[] = {"narrow_wide.cl", "attn_el_wide_keys.cl",
                                            "attn_el_wide.cl"};

/* Adds a file that is not there yet. */
static void add_file(struct elcl_program_parts *parts, const char *file)
{
    size_t at = 0;
    while (parts->files[at] && strcmp(parts->files[at], file))
        at++;
    if (at < ELCL_MAX_PROGRAM_FILES)
        parts->files[at] = file;
}

static void add_files(struct elcl_program_parts *parts, const char *const *files, size_t n)
{
    for (size_t i = 0; i < n; i++)
        add_file(parts, files[i]);
}

/* Adds the tile files for the following kernels. */
static void add_tiles(struct elcl_program_parts *parts, enum elcl_mma mma)
{
    if (mma) {
        add_file(parts, "swizzle.cl");
        add_file(parts, elcl_mma_kinds[mma].file);
    }
    add_file(parts, mma ? "tile_mma.cl" : "tile_plain.cl");
}

/* Matrix instructions multiply f16 and bf16 storage. */
static enum elcl_mma mma_of(enum elcl_mma mma, enum elcl_storage storage)
{
    return storage == ELCL_F16 || storage == ELCL_BF16 ? mma : ELCL_MMA_NONE;
}

static void add_gemm_files(struct elcl_program_parts *parts, const struct elcl_ops *ops)
{
    if (ops->dot) {
        add_file(parts, "swizzle.cl");
        add_file(parts, elcl_dot_kinds[ops->dot].file);
        add_files(parts, int8_files, ELCL_COUNT(int8_files));
        return;
    }
    add_file(parts, "gemm_gpu.cl");
    add_file(parts, ops->gemm_mma ? "gemm_rows_mma.cl" : "gemm_rows.cl");
}

static void add_gpu_files(struct elcl_program_parts *parts, const struct elcl_ops *ops)
{
    add_files(parts, gpu_files, ELCL_COUNT(gpu_files));
    add_tiles(parts, ops->gemm_mma);
    add_file(parts, "gemm_put.cl");
    add_gemm_files(parts, ops);
    if (ops->wide)
        add_files(parts, wide_files, ELCL_COUNT(wide_files));
    if (ops->wide_packed)
        add_file(parts, "attn_packed_wide.cl");
    add_file(parts, "attn_packed_gpu.cl");
    if (ops->attn_mma != ops->gemm_mma)
        add_tiles(parts, ops->attn_mma);
    add_file(parts, "attn_el_gpu.cl");
    if (ops->wide_el)
        add_files(parts, wide_el_files, ELCL_COUNT(wide_el_files));
    if (ops->int8_mma) {
        add_tiles(parts, ops->int8_mma);
        add_file(parts, "tile_wide.cl");
        add_file(parts, "gemm_int8_wide.cl");
    }
}

static void add_el_files(struct elcl_program_parts *parts, const struct elcl_ops *ops)
{
    if (ops->state_dot) {
        add_file(parts, elcl_state_dot_file(ops->state_dot));
        add_file(parts, "el_bytes.cl");
    }
    add_file(parts, ops->state_dot ? "attn_el_int_cpu.cl" : "attn_el_cpu.cl");
}

static void add_options(struct elcl_program_parts *parts, const struct elcl_ops *ops,
                        enum elcl_storage weights, enum elcl_storage state)
{
    const enum elcl_mma mma = ops->gemm_mma   ? ops->gemm_mma
                              : ops->attn_mma ? ops->attn_mma
                                              : ops->int8_mma;
    elcl_kernel_options_write(&(struct elcl_kernel_options){.weights = weights,
                                                            .state = state,
                                                            .activations = ops->activations,
                                                            .dot = elcl_ops_dot(ops, weights),
                                                            .weight_pairs = ops->weight_pairs,
                                                            .vector = ops->vector_width,
                                                            .items = elcl_work_group_items(ops)},
                              parts);
    const size_t used = strlen(parts->options);
    snprintf(parts->options + used, sizeof(parts->options) - used, "%s%s",
             mma ? elcl_mma_kinds[mma].options : "", ops->build_options);
}

static struct elcl_program_parts program_parts(const struct elcl_ops *ops)
{
    struct elcl_program_parts parts = {.mac = ops->mac};
    if (ops->kernels == ELCL_KERNELS_CPU) {
        add_files(&parts, cpu_files, ELCL_COUNT(cpu_files));
        add_el_files(&parts, ops);
        add_file(&parts, elcl_dot_kinds[ops->dot].file);
        add_files(&parts, cpu_gemm_files, ops->dot ? ELCL_COUNT(cpu_gemm_files) : 1);
    } else {
        add_gpu_files(&parts, ops);
    }
    add_options(&parts, ops, elcl_table_storage(ops->weights), ops->state);
    return parts;
}

/* Only attn_packed: compilers take seconds for all kernels. */
static struct elcl_program_parts act_program_parts(const struct elcl_ops *ops)
{
    struct elcl_program_parts parts = {.mac = ops->mac,
                                       .files = {"storage.cl", "state_place.cl", "reduce.cl"}};
    if (ops->kernels == ELCL_KERNELS_CPU) {
        add_file(&parts, "attn_packed_cpu.cl");
    } else {
        add_file(&parts, "tile.cl");
        add_tiles(&parts, ops->gemm_mma);
        add_file(&parts, "attn_packed_gpu.cl");
    }
    add_options(&parts, ops, elcl_table_storage(ops->weights), ops->activations);
    return parts;
}

/* GEMMs of int4 matrices. */
static struct elcl_program_parts int4_program_parts(const struct elcl_ops *ops)
{
    struct elcl_program_parts parts = {.mac = ops->mac};
    const char *dot = elcl_dot_kinds[ops->dot_int4].file;
    if (ops->kernels == ELCL_KERNELS_CPU) {
        add_files(&parts, cpu_int4_files, 3);
        add_file(&parts, dot);
        add_files(&parts, cpu_int4_files, ELCL_COUNT(cpu_int4_files));
        if (ops->dot_int4)
            add_files(&parts, cpu_gemm_files, ELCL_COUNT(cpu_gemm_files));
    } else {
        add_files(&parts, gpu_int4_files, ELCL_COUNT(gpu_int4_files));
    }
    add_options(&parts, ops, ELCL_INT4, ops->state);
    return parts;
}

static void kernel_set_finish(struct elcl_kernel_set *set)
{
    for (int i = 0; i < ELCL_N_KERNELS; i++)
        if (set->kernel[i])
            clReleaseKernel(set->kernel[i]);
    if (set->program)
        clReleaseProgram(set->program);
    *set = (struct elcl_kernel_set){0};
}

static bool has_kernel(const struct elcl_ops *ops, int id)
{
    const enum elcl_kernels kernels = elcl_kernel_table[id].kernels;
    if (kernels != ELCL_KERNELS_AUTO && kernels != ops->kernels)
        return false;
    if (id == ELCL_K_QUANTIZE)
        return ops->dot != ELCL_DOT_NONE; /* dot_int4 as well, on CPUs */
    if (ops->int8_mma && id >= ELCL_K_GEMM_WIDE && id <= ELCL_K_GEMM_WIDE_32)
        return true;
    if (id >= ELCL_K_GEMM_WIDE && id <= ELCL_K_GEMM_JOIN)
        return ops->wide;
    if (id >= ELCL_K_ATTN_EL_WIDE_SCORES && id <= ELCL_K_ATTN_EL_WIDE_CONTEXT_32)
        return ops->wide_el;
    if (id == ELCL_K_ATTN_PACKED_WIDE_64 || id == ELCL_K_ATTN_PACKED_WIDE_128)
        return ops->wide_packed;
    return true;
}

static int create_kernel(struct elcl_kernel_set *set, int id, elcl_error *err)
{
    cl_int code;
    set->kernel[id] = clCreateKernel(set->program, elcl_kernel_table[id].name, &code);
    return elcl_cl_check(code, "clCreateKernel", elcl_kernel_table[id].name, err);
}

static const enum elcl_kernel_id int4_kernels[] = {ELCL_K_GEMM, ELCL_K_GEMM_ROWS, ELCL_K_WIDEN,
                                                   ELCL_K_QUANTIZE};

/* Kernels of the programs. */
static int create_kernels(struct elcl_ops *ops, elcl_error *err)
{
    int rc = ELCL_OK;
    for (int i = 0; !rc && i < ELCL_N_KERNELS; i++)
        if (has_kernel(ops, i))
            rc = create_kernel(&ops->set, i, err);
    if (!rc && ops->set_act.program)
        rc = create_kernel(&ops->set_act, ELCL_K_ATTN_PACKED, err);
    for (size_t i = 0; !rc && ops->set_int4.program && i < ELCL_COUNT(int4_kernels); i++)
        if (has_kernel(ops, int4_kernels[i]))
            rc = create_kernel(&ops->set_int4, int4_kernels[i], err);
    return rc;
}

static int build_programs(struct elcl_ops *ops, bool act_keys, elcl_error *err)
{
    const struct elcl_program_parts parts = program_parts(ops);
    const struct elcl_program_parts act_parts = act_program_parts(ops);
    const struct elcl_program_parts int4_parts = int4_program_parts(ops);
    int rc = elcl_program_build(ops->device, &parts, &ops->set.program, err);
    if (!rc && act_keys && ops->state != ops->activations)
        rc = elcl_program_build(ops->device, &act_parts, &ops->set_act.program, err);
    if (!rc && ops->weights == ELCL_INT4)
        rc = elcl_program_build(ops->device, &int4_parts, &ops->set_int4.program, err);
    return rc;
}

static int share_program(const struct elcl_kernel_set *other, struct elcl_kernel_set *set,
                         elcl_error *err)
{
    const int rc = !other->program ? ELCL_OK
                                   : elcl_cl_check(clRetainProgram(other->program),
                                                   "clRetainProgram", "kernels", err);
    if (!rc)
        set->program = other->program;
    return rc;
}

static void choose_shape(struct elcl_ops *ops)
{
    const bool cpu = ops->kernels == ELCL_KERNELS_CPU;
    ops->vector_width = cpu ? elcl_cpu_vector_width(&ops->device->desc) : 4;
    ops->tile_rows = elcl_cpu_tile_rows(ops->vector_width, ops->dot);
    ops->busy_groups = ops->device->desc.compute_units;
    ops->panel = cpu && ops->gemm != ELCL_GEMM_CLBLAST ? 2 * ops->vector_width : 0;
    ops->weight_pairs = ops->panel && ops->weights == ELCL_BF16 && !ops->dot;
}

/* AUTO: in the type of the weights with a matrix instruction, because plain multiply-adds are not
 * faster. CLBlast reads and writes f32. */
static enum elcl_storage choose_activations(const struct elcl_ops *ops,
                                            const struct elcl_ops_params *params)
{
    const enum elcl_compute compute = params->compute != ELCL_COMPUTE_AUTO ? params->compute
                                      : !ops->gemm_mma                     ? ELCL_COMPUTE_F32
                                      : ops->weights == ELCL_F16           ? ELCL_COMPUTE_F16
                                                                           : ELCL_COMPUTE_BF16;
    return params->gemm == ELCL_GEMM_CLBLAST
               ? ELCL_F32
               : elcl_compute_activations(compute, ops->weights, ops->kernels);
}

/* Whether the device can run attn_packed_wide.cl. An item of a small sub-group, or one with outputs
 * in many rows, would need more registers than there are: on gfx1100 1.5 KiB of scratch memory. */
static bool choose_wide_packed(const struct elcl_ops *ops)
{
    const struct elcl_mma_kind *kind = &elcl_mma_kinds[ops->gemm_mma];
    return ops->wide && kind->subgroup >= 32 && kind->row_items &&
           ops->device->desc.max_work_group >= 4 * (uint64_t)kind->subgroup &&
           ops->device->desc.local_bytes >= (uint64_t)ELCL_FLASH_BYTES(128);
}

/* CLBlast multiplies row-major matrices, CPU kernels have panels. Without a measurement it counts
 * as faster only on GPUs. Matrix instructions are always faster, and it
 * reads and writes f32. */
static enum elcl_gemm choose_gemm(const struct elcl_ops *ops, const struct elcl_ops_params *params)
{
    const bool pays = params->clblast_rows ? params->clblast_rows != ELCL_CLBLAST_NEVER
                                           : ops->device->desc.type != ELCL_DEVICE_CPU;
    if (params->gemm != ELCL_GEMM_AUTO)
        return params->gemm;
    if (ops->kernels == ELCL_KERNELS_CPU || ops->gemm_mma || ops->activations != ELCL_F32 ||
        ops->dot || !pays)
        return ELCL_GEMM_NATIVE;
    return ELCL_GEMM_AUTO;
}

static void choose_mma(struct elcl_ops *ops, const struct elcl_features *features,
                       enum elcl_mma asked)
{
    const enum elcl_mma mma = ops->kernels == ELCL_KERNELS_CPU ? ELCL_MMA_NONE
                              : asked                          ? asked
                                                               : features->mma;
    ops->gemm_mma = mma_of(mma, ops->weights);
    /* Narrow state is widened on its way to the tiles. */
    ops->attn_mma = elcl_state_is_narrow(ops->state) ? mma : mma_of(mma, ops->state);
}

/* GPU kernels multiply integers only when asked: nothing has measured that they are faster so. */
static enum elcl_dot choose_gpu_dot(const struct elcl_ops *ops,
                                    const struct elcl_features *features,
                                    const struct elcl_ops_params *params)
{
    if (ops->weights != ELCL_INT8 || params->compute != ELCL_COMPUTE_INT8)
        return ELCL_DOT_NONE;
    return params->plain_dot ? ELCL_DOT_GPU_PLAIN : features->int8_dot.kind;
}

/* All matrices of a program are multiplied in one way: their panels are packed for it. */
static enum elcl_dot choose_dot(const struct elcl_ops *ops, const struct elcl_features *features,
                                const struct elcl_ops_params *params)
{
    const bool int8 = elcl_table_storage(ops->weights) == ELCL_INT8;
    const struct elcl_dot_choice *dot = int8 ? &features->int8_dot : &features->bf16_dot;
    const bool pays = ops->weights == ELCL_INT4 ? features->int4_dot.pays : dot->pays;
    const bool wanted = params->compute == ELCL_COMPUTE_AUTO
                            ? pays
                            : elcl_compute_rounds_inputs(params->compute, ops->weights);
    if (params->gemm == ELCL_GEMM_CLBLAST)
        return ELCL_DOT_NONE;
    if (ops->kernels != ELCL_KERNELS_CPU)
        return choose_gpu_dot(ops, features, params);
    if (!wanted || (!int8 && ops->weights != ELCL_BF16))
        return ELCL_DOT_NONE;
    return params->plain_dot ? elcl_dot_plain(elcl_table_storage(ops->weights)) : dot->kind;
}

/* Explicit int8 compute takes any kind, as for weights. */
static enum elcl_dot choose_state_dot(const struct elcl_ops *ops,
                                      const struct elcl_features *features,
                                      const struct elcl_ops_params *params)
{
    const struct elcl_dot_choice *dot = &features->state_dot;
    const bool wanted = params->compute == ELCL_COMPUTE_INT8 || params->plain_dot ||
                        (params->compute != ELCL_COMPUTE_F32 && dot->pays);
    if (ops->kernels != ELCL_KERNELS_CPU || !elcl_state_is_narrow(ops->state) || !wanted)
        return ELCL_DOT_NONE;
    return params->plain_dot ? ELCL_DOT_PLAIN_INT8 : dot->kind;
}

/* Int4 matrices are multiplied like the int8 ones beside them. */
static enum elcl_dot choose_int4_dot(const struct elcl_ops *ops,
                                     const struct elcl_features *features,
                                     const struct elcl_ops_params *params)
{
    if (ops->weights != ELCL_INT4 || !ops->dot || ops->kernels != ELCL_KERNELS_CPU)
        return ELCL_DOT_NONE;
    return params->plain_dot ? ELCL_DOT_PLAIN_INT4 : features->int4_dot.kind;
}

/* Whether the device can run tile_wide.cl. */
static bool has_room_for_wide(const struct elcl_ops *ops, enum elcl_mma mma)
{
    const elcl_device_desc *d = &ops->device->desc;
    const int stages = elcl_wide_stages(mma, 128, 1);
    return d->max_work_group >= ELCL_WIDE_ITEMS &&
           d->local_bytes >= (uint64_t)ELCL_WIDE_BYTES(stages, 128, 1);
}

static bool choose_wide(const struct elcl_ops *ops)
{
    return ops->activations != ELCL_F32 && ops->gemm_mma != ELCL_MMA_NONE &&
           has_room_for_wide(ops, ops->gemm_mma);
}

static enum elcl_mma choose_int8_mma(const struct elcl_ops *ops,
                                     const struct elcl_features *features, enum elcl_mma asked)
{
    const enum elcl_mma mma = asked ? asked : features->int8_mma ? features->mma : ELCL_MMA_NONE;
    const bool suits = elcl_dot_kinds[ops->dot].gpu && mma && elcl_mma_kinds[mma].int8;
    return suits && has_room_for_wide(ops, mma) ? mma : ELCL_MMA_NONE;
}

/* Whether it can run attn_el_wide.cl. */
static bool choose_wide_el(const struct elcl_ops *ops)
{
    const int stages = elcl_wide_stages(ops->attn_mma, 64, 2);
    return ops->wide && ops->attn_mma == ops->gemm_mma &&
           ops->device->desc.local_bytes >= (uint64_t)ELCL_EL_SCORES_BYTES(stages, 64);
}

/* Unless it is requested, CLBlast is used only if its result agrees with our kernel: some of its
 * versions were wrong on some GPUs. */
static void distrust_clblast(struct elcl_ops *ops)
{
    elcl_error why = {0};
    if (ops->gemm != ELCL_GEMM_AUTO || elcl_gemm_clblast_agrees(ops, &why))
        return;
    elcl_device_log(ops->device, ELCL_LOG_WARNING, "CLBlast is not used: %s", why.msg);
    ops->gemm = ELCL_GEMM_NATIVE;
}

/* Says why the type that was asked for cannot be had. */
static void warn_of_compute(const struct elcl_ops *ops, enum elcl_compute asked)
{
    static const char *const needs[] = {
        [ELCL_COMPUTE_INT8] = "int8 compute needs int8 or int4 weights",
        [ELCL_COMPUTE_BF16] = "bf16 compute needs bf16 weights",
        [ELCL_COMPUTE_F16] = "f16 compute needs f16 weights and GPU kernels",
    };
    if (asked > ELCL_COMPUTE_F32 && asked != elcl_ops_compute(ops))
        elcl_device_log(ops->device, ELCL_LOG_WARNING,
                        "%s, and does not go with CLBlast: products are computed in f32",
                        needs[asked]);
}

/* Queue, profile and dummy buffer; the program comes after. */
static int create_base(struct elcl_ops *o, bool profile, elcl_error *err)
{
    cl_int code;
    o->queue = clCreateCommandQueue(o->device->context, o->device->id,
                                    profile ? CL_QUEUE_PROFILING_ENABLE : 0, &code);
    const int rc = elcl_cl_check(code, "clCreateCommandQueue", o->device->desc.name, err);
    if (rc)
        return rc;
    if (profile && !(o->profile = elcl_profile_create()))
        return elcl_fail_nomem(err);
    return elcl_buffer_create(o->device, "dummy", ELCL_OPS_BYTES, &o->dummy, err);
}

static int take_options(struct elcl_ops *ops, const char *options, elcl_error *err)
{
    const size_t n = strlen(options);
    if (n + 2 > sizeof(ops->build_options))
        return elcl_fail(err, ELCL_E_ARG, "build options: at most %zu bytes, found %zu",
                         sizeof(ops->build_options) - 2, n);
    snprintf(ops->build_options, sizeof(ops->build_options), " %s", options);
    return ELCL_OK;
}

/* Everything that follows from the description of the device. */
static int choose(struct elcl_ops *o, struct elcl_device *device,
                  const struct elcl_features *features, const struct elcl_ops_params *params,
                  elcl_error *err)
{
    o->device = device;
    o->mac = features->mac;
    o->kernels = device->kernels;
    o->weights = params->weights;
    o->state = params->state;
    choose_mma(o, features, params->mma);
    o->activations = choose_activations(o, params);
    o->wide = choose_wide(o);
    o->wide_el = choose_wide_el(o);
    o->norm_bytes = o->wide ? (size_t)device->desc.local_bytes : 0;
    o->wide_packed = choose_wide_packed(o);
    o->dot = choose_dot(o, features, params);
    o->dot_int4 = choose_int4_dot(o, features, params);
    o->state_dot = choose_state_dot(o, features, params);
    o->int8_mma = choose_int8_mma(o, features, params->mma);
    o->gemm = choose_gemm(o, params);
    o->ways = params->ways ? *params->ways : (struct elcl_tuned_ways){0};
    o->clblast_rows = params->clblast_rows ? params->clblast_rows : CLBLAST_ROWS;
    choose_shape(o);
    return params->build_options ? take_options(o, params->build_options, err) : ELCL_OK;
}

int elcl_ops_program_text(struct elcl_device *device, const struct elcl_features *features,
                          const struct elcl_ops_params *params, struct elcl_str *source,
                          struct elcl_str *options, elcl_error *err)
{
    struct elcl_ops o = {0};
    const int rc = choose(&o, device, features, params, err);
    if (rc)
        return rc;
    const struct elcl_program_parts parts =
        o.weights == ELCL_INT4 ? int4_program_parts(&o) : program_parts(&o);
    return elcl_program_text(device, &parts, source, options, err);
}

int elcl_ops_create(struct elcl_device *device, const struct elcl_features *features,
                    const struct elcl_ops_params *params, struct elcl_ops **ops, elcl_error *err)
{
    struct elcl_ops *o = elcl_calloc(1, sizeof(*o));
    if (!o)
        return elcl_fail_nomem(err);
    int rc;
    ELCL_TRY(choose(o, device, features, params, err));
    ELCL_TRY(create_base(o, params->profile, err));
    ELCL_TRY(build_programs(o, params->act_keys, err));
    ELCL_TRY(create_kernels(o, err));
    distrust_clblast(o);
    warn_of_compute(o, params->compute);
    *ops = o;
    return ELCL_OK;
fail:
    elcl_ops_destroy(&o);
    return rc;
}

int elcl_ops_clone(const struct elcl_ops *other, bool profile, struct elcl_ops **ops,
                   elcl_error *err)
{
    struct elcl_ops *o = elcl_calloc(1, sizeof(*o));
    if (!o)
        return elcl_fail_nomem(err);
    int rc;
    *o = (struct elcl_ops){.device = other->device,
                           .mac = other->mac,
                           .kernels = other->kernels,
                           .gemm = other->gemm,
                           .clblast_rows = other->clblast_rows,
                           .ways = other->ways,
                           .weights = other->weights,
                           .state = other->state,
                           .activations = other->activations,
                           .gemm_mma = other->gemm_mma,
                           .attn_mma = other->attn_mma,
                           .wide = other->wide,
                           .wide_el = other->wide_el,
                           .wide_packed = other->wide_packed,
                           .busy_groups = other->busy_groups,
                           .dot = other->dot,
                           .dot_int4 = other->dot_int4,
                           .state_dot = other->state_dot,
                           .int8_mma = other->int8_mma,
                           .vector_width = other->vector_width,
                           .panel = other->panel,
                           .weight_pairs = other->weight_pairs,
                           .tile_rows = other->tile_rows,
                           .stored = other->stored};
    memcpy(o->build_options, other->build_options, sizeof(o->build_options));
    ELCL_TRY(create_base(o, profile || other->profile, err));
    ELCL_TRY(share_program(&other->set, &o->set, err));
    ELCL_TRY(share_program(&other->set_act, &o->set_act, err));
    ELCL_TRY(share_program(&other->set_int4, &o->set_int4, err));
    ELCL_TRY(create_kernels(o, err));
    *ops = o;
    return ELCL_OK;
fail:
    elcl_ops_destroy(&o);
    return rc;
}

void elcl_ops_destroy(struct elcl_ops **ops)
{
    struct elcl_ops *o = *ops;
    if (!o)
        return;
    const bool idle = !o->queue || !clFinish(o->queue) || !o->in_flight;
    if (!idle)
        elcl_device_log(o->device, ELCL_LOG_WARNING,
                        "%s does not answer: memory that it may still use is not freed",
                        o->device->desc.name);
    kernel_set_finish(&o->set);
    kernel_set_finish(&o->set_act);
    kernel_set_finish(&o->set_int4);
    elcl_buffer_destroy(&o->dummy);
    elcl_buffer_destroy(&o->widened);
    elcl_buffer_destroy(&o->rounded);
    elcl_buffer_destroy(&o->slices);
    elcl_profile_destroy(&o->profile);
    if (o->queue)
        clReleaseCommandQueue(o->queue);
    elcl_staging_finish(&o->staging, idle);
    elcl_free(o);
    *ops = NULL;
}

void elcl_ops_store_program(struct elcl_ops *ops)
{
    if (ops->stored)
        return;
    ops->stored = true;
    const struct elcl_program_parts parts = program_parts(ops), act_parts = act_program_parts(ops),
                                    int4_parts = int4_program_parts(ops);
    elcl_program_store(ops->device, &parts, ops->set.program);
    if (ops->set_act.program)
        elcl_program_store(ops->device, &act_parts, ops->set_act.program);
    if (ops->set_int4.program)
        elcl_program_store(ops->device, &int4_parts, ops->set_int4.program);
}
