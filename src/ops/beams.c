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
    const size_t word = sizeof(cl_ushort);
    struct elcl_launch launch = elcl_launch_begin(ops, ELCL_K_REORDER, "reorder");
    if (args->ld_bytes % word || args->bytes % word)
        return elcl_fail(err, ELCL_E_INTERNAL,
                         "reorder: rows of %zu bytes, %zu apart, are no words", args->bytes,
                         args->ld_bytes);
    elcl_launch_buffer(&launch, args->next);
    elcl_launch_buffer(&launch, args->previous);
    elcl_launch_buffer(&launch, args->step);
    elcl_launch_ulong(&launch, args->rows_at);
    elcl_launch_int(&launch, args->field);
    elcl_launch_ulong(&launch, args->ld_bytes / word);
    elcl_launch_ulong(&launch, args->bytes / word);
    elcl_launch_count(&launch, 2 * (uint64_t)args->r * args->bytes, 0);
    return elcl_launch_rows(&launch, args->r, 1, err);
}
