/* Inside ops/: GEMM by our own kernels, and what every back end shares. */
#ifndef ELCL_OPS_GEMM_NATIVE_H
#define ELCL_OPS_GEMM_NATIVE_H

#include "ops/launch.h"

/* ELCL_GEMM_* of all kernels. */
static inline int elcl_gemm_flags(const struct elcl_gemm_args *args)
{
    return (args->bias ? ELCL_GEMM_BIAS : 0) | (args->residual ? ELCL_GEMM_RESIDUAL : 0);
}

/* Counts one multiplication by the back end whose name in the profile is `name`. */
void elcl_gemm_count(struct elcl_ops *ops, const char *name, enum elcl_op_class op_class,
                     const struct elcl_gemm_args *args);

/* Gives a launch the arguments that all kernels take first, and counts it. */
void elcl_gemm_arguments(struct elcl_launch *launch, const struct elcl_gemm_args *args);
/* ELCL_GEMM_* of GPU kernels. */
int elcl_gemm_gpu_flags(const struct elcl_gemm_args *args);

int elcl_gemm_native(struct elcl_ops *ops, const struct elcl_gemm_args *args, elcl_error *err);
/* GPU kernels: multiplies rows that quantize_gpu.cl rounded. x_ld and x_batch count its chunks of
 * 16 bytes. */
int elcl_gemm_int8(struct elcl_ops *ops, const struct elcl_gemm_args *args, elcl_error *err);

/* Returns how wide tiles compute the product; never AUTO. Of `ops` it reads no buffers. */
enum elcl_gemm_way elcl_gemm_choose_way(const struct elcl_ops *ops,
                                        const struct elcl_gemm_args *args);

#endif
