/* Rules, log-softmax and the best tokens: logits.cl. */
#include "ops/launch.h"

static int renormalize(struct elcl_ops *ops, const struct elcl_select_args *args, elcl_error *err)
{
    struct elcl_launch launch = elcl_launch_begin(ops, ELCL_K_RENORMALIZE, "renormalize");
    elcl_launch_buffer(&launch, args->candidates);
    elcl_launch_buffer(&launch, args->logits);
    elcl_launch_buffer(&launch, args->step);
    elcl_launch_ulong(&launch, args->rules_at);
    elcl_launch_int(&launch, args->v);
    elcl_launch_int(&launch, args->width);
    const uint64_t elements = (uint64_t)args->r * args->v;
    elcl_ops_count(ops, sizeof(float) * elements, 4 * elements);
    return elcl_launch_rows(&launch, args->r, 1, err);
}

int elcl_op_select(struct elcl_ops *ops, const struct elcl_select_args *args, elcl_error *err)
{
    struct elcl_launch launch = elcl_launch_begin(ops, ELCL_K_SELECT, "select");
    elcl_launch_buffer(&launch, args->candidates);
    elcl_launch_buffer(&launch, args->logits);
    elcl_launch_buffer(&launch, args->step);
    elcl_launch_ulong(&launch, args->rows_at);
    elcl_launch_ulong(&launch, args->rules_at);
    elcl_launch_buffer(&launch, args->lineage);
    elcl_launch_buffer(&launch, args->tokens);
    elcl_launch_int(&launch, args->lineage_ld);
    elcl_launch_int(&launch, args->v);
    elcl_launch_int(&launch, args->width);
    const uint64_t elements = (uint64_t)args->r * args->v;
    elcl_ops_count(ops, sizeof(float) * elements, 4 * elements);
    const int rc = elcl_launch_rows(&launch, args->r, 1, err);
    return rc || !args->renormalize ? rc : renormalize(ops, args, err);
}
