/* Inside ops/: the GEMM back ends. */
#ifndef ELCL_OPS_GEMM_H
#define ELCL_OPS_GEMM_H

#include "ops/ops.h"

/* Flags of the gemm and epilogue kernels (activation.cl). */
enum { ELCL_GEMM_BIAS = 1, ELCL_GEMM_RESIDUAL = 2 };

static inline int elcl_gemm_flags(const struct elcl_gemm_args *args)
{
    return (args->bias ? ELCL_GEMM_BIAS : 0) | (args->residual ? ELCL_GEMM_RESIDUAL : 0);
}

/* Counts one multiplication by the back end that calls itself `name` in the profile. */
void elcl_gemm_count(struct elcl_ops *ops, const char *name, const struct elcl_gemm_args *args);

int elcl_gemm_native(struct elcl_ops *ops, const struct elcl_gemm_args *args, elcl_error *err);
/* Multiplies one matrix with both back ends; false, with the reason in why, when CLBlast fails or
 * differs. Takes seconds where CLBlast has to compile. Weights must be row-major (panel 0). */
bool elcl_gemm_clblast_agrees(struct elcl_ops *ops, elcl_error *why);
int elcl_gemm_clblast(struct elcl_ops *ops, const struct elcl_gemm_args *args, elcl_error *err);

#endif
