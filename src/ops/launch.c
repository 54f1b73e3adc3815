/* Launching kernels, copying to and from the device, and counting what operations need. */
#include "ops/launch.h"

#define WORK_GROUP_ITEMS 128 /* GPU kernels: items per row, WG of the kernels */

int elcl_ops_finish(struct elcl_ops *ops, elcl_error *err)
{
    const int rc = elcl_cl_check(clFinish(ops->queue), "clFinish", ops->device->desc.name, err);
    ops->in_flight = ops->in_flight && rc;
    return rc;
}

void *elcl_ops_host_memory(struct elcl_ops *ops, size_t n, size_t size)
{
    return elcl_staging_alloc(&ops->staging, n, size);
}

int elcl_ops_settle(struct elcl_ops *ops, elcl_error *err)
{
    return ops->in_flight ? elcl_ops_finish(ops, err) : ELCL_OK;
}

static int check_range(const char *what, const struct elcl_buffer *buffer, size_t at, size_t bytes,
                       elcl_error *err)
{
    return at > buffer->bytes || bytes > buffer->bytes - at
               ? elcl_fail(err, ELCL_E_INTERNAL, "%s: %s of %zu bytes at %zu, it has %zu",
                           buffer->label, what, bytes, at, buffer->bytes)
               : ELCL_OK;
}

int elcl_ops_upload_at(struct elcl_ops *ops, const struct elcl_buffer *buffer, size_t at,
                       const void *data, size_t bytes, elcl_error *err)
{
    if (ops->cost)
        return ELCL_OK;
    const int rc = check_range("upload", buffer, at, bytes, err);
    if (rc)
        return rc;
    ops->in_flight = true;
    return elcl_cl_check(
        clEnqueueWriteBuffer(ops->queue, buffer->mem, CL_FALSE, at, bytes, data, 0, NULL, NULL),
        "clEnqueueWriteBuffer", buffer->label, err);
}

int elcl_ops_upload(struct elcl_ops *ops, const struct elcl_buffer *buffer, const void *data,
                    size_t bytes, elcl_error *err)
{
    return elcl_ops_upload_at(ops, buffer, 0, data, bytes, err);
}

int elcl_ops_zero(struct elcl_ops *ops, const struct elcl_buffer *buffer, size_t at, size_t bytes,
                  elcl_error *err)
{
    const cl_ushort zero = 0; /* the smallest element */
    if (ops->cost)
        return ELCL_OK;
    return elcl_cl_check(
        clEnqueueFillBuffer(ops->queue, buffer->mem, &zero, sizeof(zero), at, bytes, 0, NULL, NULL),
        "clEnqueueFillBuffer", buffer->label, err);
}

static int download(struct elcl_ops *ops, const struct elcl_buffer *buffer, size_t at, void *data,
                    size_t bytes, bool wait, elcl_error *err)
{
    int rc = check_range("download", buffer, at, bytes, err);
    if (rc)
        return rc;
    ops->in_flight = true;
    rc = elcl_cl_check(clEnqueueReadBuffer(ops->queue, buffer->mem, wait ? CL_TRUE : CL_FALSE, at,
                                           bytes, data, 0, NULL, NULL),
                       "clEnqueueReadBuffer", buffer->label, err);
    ops->in_flight = rc || !wait;
    return rc;
}

int elcl_ops_download(struct elcl_ops *ops, const struct elcl_buffer *buffer, void *data,
                      size_t bytes, elcl_error *err)
{
    return download(ops, buffer, 0, data, bytes, true, err);
}

int elcl_ops_download_at(struct elcl_ops *ops, const struct elcl_buffer *buffer, size_t at,
                         void *data, size_t bytes, elcl_error *err)
{
    return download(ops, buffer, at, data, bytes, false, err);
}

void elcl_ops_count(struct elcl_ops *ops, const char *name, enum elcl_op_class op_class,
                    uint64_t bytes, uint64_t flop)
{
    elcl_profile_count(ops->profile, name, op_class, bytes, flop);
    ops->bytes_moved += bytes;
    ops->flop += flop;
    if (ops->cost)
        elcl_cost_add(ops->cost, op_class, (double)bytes, (double)flop);
}

void elcl_launch_count(const struct elcl_launch *launch, uint64_t bytes, uint64_t flop)
{
    elcl_ops_count(launch->ops, launch->name, launch->op_class, bytes, flop);
}

size_t elcl_work_group_items(const struct elcl_ops *ops)
{
    if (ops->kernels == ELCL_KERNELS_CPU)
        return 1;
    size_t n = WORK_GROUP_ITEMS;
    while (n > 1 && n > ops->device->desc.max_work_group)
        n /= 2;
    return n;
}

/* ---- launches ---- */

const struct elcl_kernel_kind elcl_kernel_table[ELCL_N_KERNELS] = {
    [ELCL_K_EMBED] = {"embed", ELCL_OP_OTHER, ELCL_KERNELS_AUTO},
    [ELCL_K_ADD_NORM] = {"add_norm", ELCL_OP_OTHER, ELCL_KERNELS_AUTO},
    [ELCL_K_GEMM] = {"gemm", ELCL_OP_GEMM, ELCL_KERNELS_AUTO},
    [ELCL_K_GEMM_ROWS] = {"gemm_rows", ELCL_OP_GEMM, ELCL_KERNELS_GPU},
    [ELCL_K_GEMM_WIDE] = {"gemm_wide", ELCL_OP_GEMM, ELCL_KERNELS_GPU},
    [ELCL_K_GEMM_WIDE_64] = {"gemm_wide_64", ELCL_OP_GEMM, ELCL_KERNELS_GPU},
    [ELCL_K_GEMM_WIDE_32] = {"gemm_wide_32", ELCL_OP_GEMM, ELCL_KERNELS_GPU},
    [ELCL_K_GEMM_ROWS_WIDE] = {"gemm_rows_wide", ELCL_OP_GEMM, ELCL_KERNELS_GPU},
    [ELCL_K_GEMM_ROWS_WIDE_64] = {"gemm_rows_wide_64", ELCL_OP_GEMM, ELCL_KERNELS_GPU},
    [ELCL_K_GEMM_ROWS_NORM] = {"gemm_rows_norm", ELCL_OP_GEMM, ELCL_KERNELS_GPU},
    [ELCL_K_GEMM_ROWS_NORM_64] = {"gemm_rows_norm_64", ELCL_OP_GEMM, ELCL_KERNELS_GPU},
    [ELCL_K_GEMM_JOIN] = {"gemm_join", ELCL_OP_OTHER, ELCL_KERNELS_GPU},
    [ELCL_K_EPILOGUE] = {"epilogue", ELCL_OP_OTHER, ELCL_KERNELS_AUTO},
    [ELCL_K_GATE] = {"gate", ELCL_OP_OTHER, ELCL_KERNELS_AUTO},
    [ELCL_K_WIDEN] = {"widen", ELCL_OP_OTHER, ELCL_KERNELS_AUTO},
    [ELCL_K_QUANTIZE] = {"quantize", ELCL_OP_OTHER, ELCL_KERNELS_AUTO},
    [ELCL_K_ATTN_EL] = {"attn_el", ELCL_OP_ATTENTION, ELCL_KERNELS_CPU},
    [ELCL_K_ATTN_EL_SCORES] = {"attn_el_scores", ELCL_OP_ATTENTION, ELCL_KERNELS_GPU},
    [ELCL_K_ATTN_EL_CONTEXT] = {"attn_el_context", ELCL_OP_ATTENTION, ELCL_KERNELS_GPU},
    [ELCL_K_ATTN_EL_WIDE_SCORES] = {"attn_el_wide_scores", ELCL_OP_ATTENTION, ELCL_KERNELS_GPU},
    [ELCL_K_ATTN_EL_WIDE_CONTEXT] = {"attn_el_wide_context", ELCL_OP_ATTENTION, ELCL_KERNELS_GPU},
    [ELCL_K_ATTN_EL_WIDE_SCORES_32] = {"attn_el_wide_scores_32", ELCL_OP_ATTENTION,
                                       ELCL_KERNELS_GPU},
    [ELCL_K_ATTN_EL_WIDE_CONTEXT_32] = {"attn_el_wide_context_32", ELCL_OP_ATTENTION,
                                        ELCL_KERNELS_GPU},
    [ELCL_K_ATTN_MHA] = {"attn_mha", ELCL_OP_ATTENTION, ELCL_KERNELS_AUTO},
    [ELCL_K_ATTN_MHA_1] = {"attn_mha_1", ELCL_OP_ATTENTION, ELCL_KERNELS_GPU},
    [ELCL_K_ATTN_MHA_4] = {"attn_mha_4", ELCL_OP_ATTENTION, ELCL_KERNELS_GPU},
    [ELCL_K_ATTN_MHA_8] = {"attn_mha_8", ELCL_OP_ATTENTION, ELCL_KERNELS_GPU},
    [ELCL_K_ATTN_MHA_JOIN] = {"attn_mha_join", ELCL_OP_ATTENTION, ELCL_KERNELS_GPU},
    [ELCL_K_ATTN_PACKED] = {"attn_packed", ELCL_OP_ATTENTION, ELCL_KERNELS_AUTO},
    [ELCL_K_ATTN_PACKED_WIDE_64] = {"attn_packed_wide_64", ELCL_OP_ATTENTION, ELCL_KERNELS_GPU},
    [ELCL_K_ATTN_PACKED_WIDE_128] = {"attn_packed_wide_128", ELCL_OP_ATTENTION, ELCL_KERNELS_GPU},
    [ELCL_K_SCATTER] = {"scatter", ELCL_OP_OTHER, ELCL_KERNELS_AUTO},
    [ELCL_K_REORDER] = {"reorder", ELCL_OP_OTHER, ELCL_KERNELS_AUTO},
    [ELCL_K_LINEAGE] = {"lineage", ELCL_OP_OTHER, ELCL_KERNELS_AUTO},
    [ELCL_K_SELECT] = {"select_best", ELCL_OP_OTHER, ELCL_KERNELS_AUTO},
    [ELCL_K_RENORMALIZE] = {"renormalize", ELCL_OP_OTHER, ELCL_KERNELS_AUTO},
    [ELCL_K_SAMPLE] = {"sample_token", ELCL_OP_OTHER, ELCL_KERNELS_AUTO},
    [ELCL_K_SAMPLE_BEAMS] = {"sample_beams", ELCL_OP_OTHER, ELCL_KERNELS_AUTO},
    [ELCL_K_LOG_PROB] = {"log_prob", ELCL_OP_OTHER, ELCL_KERNELS_AUTO},
    [ELCL_K_ALIGN_EL] = {"align_el", ELCL_OP_OTHER, ELCL_KERNELS_AUTO},
    [ELCL_K_ALIGN_MHA] = {"align_mha", ELCL_OP_OTHER, ELCL_KERNELS_AUTO},
};

/* A matrix instruction has a rate of its own; multi-head attention of few rows uses none. */
static enum elcl_op_class class_of(const struct elcl_ops *ops, enum elcl_kernel_id id)
{
    const enum elcl_op_class op_class = elcl_kernel_table[id].op_class;
    const bool mha = id >= ELCL_K_ATTN_MHA && id <= ELCL_K_ATTN_MHA_JOIN;
    const enum elcl_mma attn_mma = id == ELCL_K_ATTN_PACKED ? ops->gemm_mma : ops->attn_mma;
    if (op_class == ELCL_OP_GEMM && ops->gemm_mma)
        return ELCL_OP_GEMM_MATRIX;
    if (op_class == ELCL_OP_ATTENTION && attn_mma && !mha)
        return ELCL_OP_ATTENTION_MATRIX;
    return op_class;
}

static struct elcl_launch begin(struct elcl_ops *ops, const struct elcl_kernel_set *set,
                                enum elcl_kernel_id id, const char *name)
{
    return (struct elcl_launch){
        .ops = ops, .kernel = set->kernel[id], .name = name, .op_class = class_of(ops, id)};
}

struct elcl_launch elcl_launch_begin(struct elcl_ops *ops, enum elcl_kernel_id id, const char *name)
{
    return begin(ops, &ops->set, id, name);
}

struct elcl_launch elcl_launch_begin_act(struct elcl_ops *ops, enum elcl_kernel_id id,
                                         const char *name)
{
    return begin(ops, ops->state == ops->activations ? &ops->set : &ops->set_act, id, name);
}

struct elcl_launch elcl_launch_begin_matrix(struct elcl_ops *ops, const struct elcl_matrix *w,
                                            enum elcl_kernel_id id, const char *name)
{
    return begin(ops, w->storage == ELCL_INT4 ? &ops->set_int4 : &ops->set, id, name);
}

static void set_argument(struct elcl_launch *launch, size_t bytes, const void *value)
{
    if (launch->ops->cost)
        return;
    const cl_int code = clSetKernelArg(launch->kernel, launch->n++, bytes, value);
    if (!launch->code)
        launch->code = code;
}

void elcl_launch_buffer(struct elcl_launch *launch, const struct elcl_buffer *buffer)
{
    const cl_mem mem = buffer && buffer->mem ? buffer->mem : launch->ops->dummy.mem;
    set_argument(launch, sizeof(mem), &mem);
}

void elcl_launch_int(struct elcl_launch *launch, int value)
{
    const cl_int v = value;
    set_argument(launch, sizeof(v), &v);
}

void elcl_launch_ulong(struct elcl_launch *launch, uint64_t value)
{
    const cl_ulong v = value;
    set_argument(launch, sizeof(v), &v);
}

void elcl_launch_local(struct elcl_launch *launch, size_t bytes)
{
    set_argument(launch, bytes, NULL);
}

void elcl_launch_float(struct elcl_launch *launch, float value)
{
    const cl_float v = value;
    set_argument(launch, sizeof(v), &v);
}

int elcl_launch_run(struct elcl_launch *launch, int dims, const size_t *global, const size_t *local,
                    elcl_error *err)
{
    struct elcl_ops *ops = launch->ops;
    if (ops->cost)
        return ELCL_OK;
    int rc = elcl_cl_check(launch->code, "clSetKernelArg", launch->name, err);
    if (rc)
        return rc;
    for (int i = 0; i < dims; i++)
        if (!global[i])
            return ELCL_OK;
    cl_event event;
    const cl_int code =
        clEnqueueNDRangeKernel(ops->queue, launch->kernel, (cl_uint)dims, NULL, global, local, 0,
                               NULL, ops->profile ? &event : NULL);
    rc = elcl_cl_check(code, "clEnqueueNDRangeKernel", launch->name, err);
    if (!rc && ops->profile)
        elcl_profile_add(ops->profile, launch->name, event);
    return rc;
}

int elcl_launch_rows(struct elcl_launch *launch, int rows, int batch, elcl_error *err)
{
    const size_t items = elcl_work_group_items(launch->ops);
    const size_t global[] = {items * (size_t)rows, (size_t)batch}, local[] = {items, 1};
    return elcl_launch_run(launch, 2, global, local, err);
}
