/* What the launches of all GEMM kernels share. */
#include "ops/gemm_native.h"

void elcl_gemm_count(struct elcl_ops *ops, const char *name, enum elcl_op_class op_class,
                     const struct elcl_gemm_args *args)
{
    const struct elcl_matrix *w = args->w;
    const uint64_t outputs = (uint64_t)w->batch * args->m * w->n;
    const uint64_t inputs = (uint64_t)w->batch * args->m * w->k;
    const size_t planes = args->out == ELCL_OUT_PLANES && elcl_ops_planes(ops) != ELCL_F32 ? 2 : 1;
    elcl_ops_count(ops, name, op_class,
                   w->buffer.bytes + inputs * elcl_storage_bytes(ops->activations) +
                       outputs * planes * elcl_storage_bytes(elcl_gemm_out_storage(ops, args->out)),
                   2 * outputs * w->k);
}

void elcl_gemm_arguments(struct elcl_launch *launch, const struct elcl_gemm_args *args)
{
    elcl_gemm_count(launch->ops, launch->name, launch->op_class, args);
    elcl_launch_buffer(launch, args->y);
    elcl_launch_buffer(launch, args->x);
    elcl_launch_buffer(launch, &args->w->buffer);
    elcl_launch_buffer(launch, args->bias);
    elcl_launch_buffer(launch, args->residual);
    elcl_launch_int(launch, args->m);
    elcl_launch_int(launch, args->w->n);
    elcl_launch_int(launch, args->w->k);
    elcl_launch_int(launch, args->x_ld);
    elcl_launch_int(launch, args->y_ld);
    elcl_launch_ulong(launch, args->x_batch);
    elcl_launch_ulong(launch, args->y_batch);
}

int elcl_gemm_gpu_flags(const struct elcl_gemm_args *args)
{
    return elcl_gemm_flags(args) | (args->out == ELCL_OUT_ACT      ? ELCL_GEMM_ACT
                                    : args->out == ELCL_OUT_PLANES ? ELCL_GEMM_PLANES
                                                                   : 0);
}
