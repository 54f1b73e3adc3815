/* GEMM, one face: chooses the back end and counts the work. */
#include "ops/gemm.h"

#include "ops/launch.h"

void elcl_gemm_count(struct elcl_ops *ops, const char *name, const struct elcl_gemm_args *args)
{
    const struct elcl_matrix *w = args->w;
    const uint64_t outputs = (uint64_t)w->batch * args->m * w->n;
    const uint64_t inputs = (uint64_t)w->batch * args->m * w->k;
    elcl_ops_count(ops, name, w->buffer.bytes + (outputs + inputs) * sizeof(float),
                   2 * outputs * w->k);
}

int elcl_op_gemm(struct elcl_ops *ops, const struct elcl_gemm_args *args, elcl_error *err)
{
    if (!args->m)
        return ELCL_OK;
    if (ops->cost) {
        elcl_gemm_count(ops, "gemm", args);
        return ELCL_OK;
    }
    const bool clblast = ops->gemm == ELCL_GEMM_CLBLAST ||
                         (ops->gemm == ELCL_GEMM_AUTO && args->m >= ops->clblast_rows);
    return clblast ? elcl_gemm_clblast(ops, args, err) : elcl_gemm_native(ops, args, err);
}
