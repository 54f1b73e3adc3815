/* Inside ops/: GEMM by CLBlast. */
#ifndef ELCL_OPS_GEMM_CLBLAST_H
#define ELCL_OPS_GEMM_CLBLAST_H

#include "ops/ops.h"

/* Weights must be row-major (panel 0). */
int elcl_gemm_clblast(struct elcl_ops *ops, const struct elcl_gemm_args *args, elcl_error *err);
/* Multiplies one matrix with both back ends. Returns false and writes the reason to `why` if
 * CLBlast fails or its result differs. Takes seconds where CLBlast has to compile. */
bool elcl_gemm_clblast_agrees(struct elcl_ops *ops, elcl_error *why);

#endif
