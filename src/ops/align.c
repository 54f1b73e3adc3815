/* What rows attend to: align.cl. */
#include "base/state_row.h"
#include "ops/launch.h"

int elcl_op_align(struct elcl_ops *ops, const struct elcl_align_args *args, elcl_error *err)
{
    const size_t items = elcl_work_group_items(ops), row_bytes = (size_t)args->ld * sizeof(float);
    const uint64_t rows = args->keys * (uint64_t)args->n_heads, width = (uint64_t)args->width;
    struct elcl_launch launch =
        elcl_launch_begin(ops, args->el ? ELCL_K_ALIGN_EL : ELCL_K_ALIGN_MHA, "align");
    elcl_launch_buffer(&launch, args->means);
    elcl_launch_buffer(&launch, args->q);
    elcl_launch_buffer(&launch, args->k);
    elcl_launch_buffer(&launch, args->step);
    elcl_launch_ulong(&launch, args->groups_at);
    elcl_launch_int(&launch, args->first_row);
    elcl_launch_int(&launch, args->n_rows);
    elcl_launch_int(&launch, args->ld);
    elcl_launch_int(&launch, args->q_ld);
    elcl_launch_int(&launch, args->k_ld);
    elcl_launch_int(&launch, args->k_at);
    elcl_launch_int(&launch, args->k_head);
    elcl_launch_int(&launch, args->width);
    elcl_launch_int(&launch, args->first_head);
    elcl_launch_int(&launch, args->n_heads);
    elcl_launch_float(&launch, args->scale);
    if (args->el)
        elcl_launch_ulong(&launch, args->q_low);
    elcl_launch_local(&launch, items * sizeof(float));
    elcl_launch_count(&launch,
                      (uint64_t)args->n_rows * row_bytes +
                          rows * elcl_state_row_bytes(ops->state, width, width),
                      2 * rows * width);
    const size_t global[] = {items * (size_t)args->max_rows, (size_t)args->n_groups};
    const size_t local[] = {items, 1};
    return elcl_launch_run(&launch, 2, global, local, err);
}
