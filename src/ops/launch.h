/* Inside ops/: one kernel launch from arguments to record. */
#ifndef ELCL_OPS_LAUNCH_H
#define ELCL_OPS_LAUNCH_H

#include "ops/ops.h"

/* A kernel of cl/. */
struct elcl_kernel_kind {
    const char *name;
    enum elcl_op_class op_class;
    enum elcl_kernels kernels; /* AUTO: CPU and GPU kernels */
};
extern const struct elcl_kernel_kind elcl_kernel_table[ELCL_N_KERNELS];

/* A launch in preparation: arguments in the kernel's order, then elcl_launch_run(). The first
 * failure is kept until then. */
struct elcl_launch {
    struct elcl_ops *ops;
    cl_kernel kernel;
    const char *name; /* a literal: the operation, for errors and the profile */
    enum elcl_op_class op_class;
    cl_uint n; /* arguments so far */
    cl_int code;
};

struct elcl_launch elcl_launch_begin(struct elcl_ops *ops, enum elcl_kernel_id id,
                                     const char *name);
/* The same for state of the type of activations: attn_packed only. */
struct elcl_launch elcl_launch_begin_act(struct elcl_ops *ops, enum elcl_kernel_id id,
                                         const char *name);
/* The same for products of a matrix. */
struct elcl_launch elcl_launch_begin_matrix(struct elcl_ops *ops, const struct elcl_matrix *w,
                                            enum elcl_kernel_id id, const char *name);
/* NULL stands for a buffer that the kernel will not touch. */
void elcl_launch_buffer(struct elcl_launch *launch, const struct elcl_buffer *buffer);
void elcl_launch_int(struct elcl_launch *launch, int value);
void elcl_launch_ulong(struct elcl_launch *launch, uint64_t value);
/* Local memory of the work-group. */
void elcl_launch_local(struct elcl_launch *launch, size_t bytes);
void elcl_launch_float(struct elcl_launch *launch, float value);
/* Enqueues over `dims` dimensions. We always choose the local size: some drivers compile a kernel
 * again for every local size, and the size that they choose changes with the global one. A zero
 * global size launches nothing. */
int elcl_launch_run(struct elcl_launch *launch, int dims, const size_t *global, const size_t *local,
                    elcl_error *err);

/* Enqueues one work-group of elcl_work_group_items() per row and batch. */
int elcl_launch_rows(struct elcl_launch *launch, int rows, int batch, elcl_error *err);

/* Returns the items of a work-group that has a row for itself: 1 for CPU kernels. */
size_t elcl_work_group_items(const struct elcl_ops *ops);

static inline enum elcl_norm_kind elcl_norm_kind(const struct elcl_norm *norm)
{
    if (!norm->weight.mem)
        return ELCL_NORM_NONE;
    return norm->rms ? ELCL_NORM_RMS : ELCL_NORM_LAYER;
}

/* Local memory of a panel: of tile_mma.cl, or of tile_plain.cl without a matrix instruction. */
static inline size_t elcl_panel_bytes(enum elcl_mma mma)
{
    return mma ? ELCL_MMA_PANEL_BYTES : ELCL_PLAIN_PANEL_BYTES;
}

/* Stages of tile_wide.cl for tiles of bm x 128. */
static inline int elcl_wide_stages(enum elcl_mma mma, int bm, int parts)
{
    return elcl_mma_kinds[mma].async ? ELCL_WIDE_ASYNC_STAGES(bm, parts) : 2;
}

/* Returns how many work-groups of wide tiles keep the device busy. */
size_t elcl_wide_busy(const struct elcl_ops *ops);

/* Adds what the launch needs to the running totals and to the profile. */
void elcl_launch_count(const struct elcl_launch *launch, uint64_t bytes, uint64_t flop);
/* The same for an operation that is not a launch of ours. `name` is a literal. */
void elcl_ops_count(struct elcl_ops *ops, const char *name, enum elcl_op_class op_class,
                    uint64_t bytes, uint64_t flop);

#endif
