/* How beam search changes cached state: beams.cl. */
#include "ops/launch.h"

int elcl_op_lineage(struct elcl_ops *ops, const struct elcl_lineage_args *args, elcl_error *err)
{
    struct elcl_launch launch = elcl_launch_begin(ops, ELCL_K_LINEAGE, "lineage");
    elcl_launch_buffer(&launch, args->next);
    elcl_launch_buffer(&launch, args->tokens);
    elcl_launch_buffer(&launch, args->previous);
    elcl_launch_buffer(&launch, args->step);
    elcl_launch_ulong(&launch, args->rows_at);
    elcl_launch_int(&launch, args->ld);
    elcl_launch_count(&launch, 2 * sizeof(int32_t) * (uint64_t)args->r * args->max_length, 0);
    return elcl_launch_rows(&launch, args->r, 1, err);
}

int elcl_op_reorder(struct elcl_ops *ops, const struct elcl_reorder_args *args, elcl_error *err)
{
    struct elcl_launch launch = args->f32 ? elcl_launch_begin_f32(ops, ELCL_K_REORDER, "reorder")
                                          : elcl_launch_begin(ops, ELCL_K_REORDER, "reorder");
    elcl_launch_buffer(&launch, args->next);
    elcl_launch_buffer(&launch, args->previous);
    elcl_launch_buffer(&launch, args->step);
    elcl_launch_ulong(&launch, args->rows_at);
    elcl_launch_int(&launch, args->field);
    elcl_launch_ulong(&launch, args->ld);
    elcl_launch_ulong(&launch, args->n);
    const size_t element = elcl_storage_bytes(args->f32 ? ELCL_F32 : ops->state);
    elcl_launch_count(&launch, 2 * element * (uint64_t)args->r * args->n, 0);
    return elcl_launch_rows(&launch, args->r, 1, err);
}
