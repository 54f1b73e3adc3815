/* GEMM, one face: chooses the back end. */
#include "ops/gemm_clblast.h"
#include "ops/gemm_native.h"

int elcl_op_gemm(struct elcl_ops *ops, const struct elcl_gemm_args *args, elcl_error *err)
{
    if (!args->m)
        return ELCL_OK;
    if (ops->cost) {
        elcl_gemm_count(ops, "gemm", ELCL_OP_GEMM, args);
        return ELCL_OK;
    }
    const bool clblast = ops->gemm == ELCL_GEMM_CLBLAST ||
                         (ops->gemm == ELCL_GEMM_AUTO && args->m >= ops->clblast_rows);
    return clblast ? elcl_gemm_clblast(ops, args, err) : elcl_gemm_native(ops, args, err);
}
