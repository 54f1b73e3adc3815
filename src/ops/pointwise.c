/* Embedding, norms, gates and rows into the cache: norm.cl, activation.cl, beams.cl. */
#include "base/util.h"
#include "ops/launch.h"

_Static_assert((int)ELCL_GROUP_OF_INT8 == ELCL_STATE_GROUP_INT8 &&
                   (int)ELCL_GROUP_OF_INT4 == ELCL_STATE_GROUP_INT4,
               "the host's rows of state are not those of the kernels");

int elcl_op_embed(struct elcl_ops *ops, const struct elcl_embed_args *args, elcl_error *err)
{
    const int flags = (args->tokens ? ELCL_EMBED_TOKENS : 0) |
                      (args->positions ? ELCL_EMBED_POSITIONS : 0) |
                      (args->state ? ELCL_EMBED_STATE : 0) | (args->h ? ELCL_EMBED_H : 0);
    struct elcl_launch launch = elcl_launch_begin(ops, ELCL_K_EMBED, "embed");
    elcl_launch_buffer(&launch, args->h);
    elcl_launch_buffer(&launch, args->x);
    elcl_launch_buffer(&launch, args->state);
    elcl_launch_buffer(&launch, args->step);
    elcl_launch_ulong(&launch, args->rows_at);
    elcl_launch_buffer(&launch, args->tokens ? &args->tokens->buffer : NULL);
    elcl_launch_buffer(&launch, args->positions);
    elcl_launch_buffer(&launch, &args->norm->weight);
    elcl_launch_buffer(&launch, &args->norm->bias);
    elcl_launch_int(&launch, args->d);
    elcl_launch_int(&launch, args->tokens ? args->tokens->panel : 1);
    elcl_launch_int(&launch, args->offset);
    elcl_launch_float(&launch, args->scale);
    elcl_launch_float(&launch, args->norm->eps);
    elcl_launch_int(&launch, (int)elcl_norm_kind(args->norm));
    elcl_launch_int(&launch, flags);
    elcl_launch_count(&launch, 3u * sizeof(float) * (uint64_t)args->r * args->d, 0);
    return elcl_launch_rows(&launch, args->r, 1, err);
}

int elcl_op_add_norm(struct elcl_ops *ops, const struct elcl_add_norm_args *args, elcl_error *err)
{
    const int flags = (args->y ? ELCL_ADD_Y : 0) | (args->h ? ELCL_ADD_TO_H : 0) |
                      (args->norm_x ? ELCL_ADD_TO_X : 0) | (args->state ? ELCL_ADD_TO_STATE : 0);
    struct elcl_launch launch = elcl_launch_begin(ops, ELCL_K_ADD_NORM, "add_norm");
    elcl_launch_buffer(&launch, args->h);
    elcl_launch_buffer(&launch, args->x);
    elcl_launch_buffer(&launch, args->state);
    elcl_launch_buffer(&launch, args->y);
    elcl_launch_buffer(&launch, args->step);
    elcl_launch_ulong(&launch, args->rows_at);
    elcl_launch_buffer(&launch, &args->norm->weight);
    elcl_launch_buffer(&launch, &args->norm->bias);
    elcl_launch_int(&launch, args->d);
    elcl_launch_float(&launch, args->norm->eps);
    elcl_launch_int(&launch, (int)elcl_norm_kind(args->norm));
    elcl_launch_int(&launch, flags);
    const uint64_t elements = (uint64_t)args->r * args->d;
    elcl_launch_count(&launch, 3 * sizeof(float) * elements, 9 * elements);
    return elcl_launch_rows(&launch, args->r, 1, err);
}

int elcl_op_scatter(struct elcl_ops *ops, const struct elcl_scatter_args *args, elcl_error *err)
{
    struct elcl_launch launch = elcl_launch_begin(ops, ELCL_K_SCATTER, "scatter");
    elcl_launch_buffer(&launch, args->cache);
    elcl_launch_buffer(&launch, args->x);
    elcl_launch_buffer(&launch, args->step);
    elcl_launch_ulong(&launch, args->rows_at);
    elcl_launch_int(&launch, args->field);
    elcl_launch_int(&launch, args->n);
    elcl_launch_int(&launch, args->part);
    elcl_launch_int(&launch, args->x_ld);
    elcl_launch_int(&launch, args->x_at);
    const size_t n = (size_t)args->n,
                 row_bytes = elcl_state_row_bytes(ops->state, n, (size_t)args->part);
    elcl_launch_count(
        &launch, (uint64_t)args->r * (n * elcl_storage_bytes(ops->activations) + row_bytes), 0);
    return elcl_launch_rows(&launch, args->r, 1, err);
}

int elcl_op_gate(struct elcl_ops *ops, const struct elcl_buffer *y, int r, int f,
                 enum elcl_activation act, elcl_error *err)
{
    struct elcl_launch launch = elcl_launch_begin(ops, ELCL_K_GATE, "gate");
    elcl_launch_buffer(&launch, y);
    elcl_launch_int(&launch, f);
    elcl_launch_int(&launch, (int)act);
    const uint64_t elements = (uint64_t)r * f;
    elcl_launch_count(&launch, 3 * elcl_storage_bytes(ops->activations) * elements, elements);
    return elcl_launch_rows(&launch, r, 1, err);
}
