/* Rules, log-softmax and the best tokens: logits.cl; sampling: sample.cl; given tokens: score.cl.
 */
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
    elcl_launch_count(&launch, sizeof(float) * elements, 4 * elements);
    return elcl_launch_rows(&launch, args->r, 1, err);
}

/* The arguments that both kernels begin with: candidates, logits, the records. */
static struct elcl_launch begin(struct elcl_ops *ops, enum elcl_kernel_id id, const char *name,
                                const struct elcl_select_args *args)
{
    struct elcl_launch launch = elcl_launch_begin(ops, id, name);
    elcl_launch_buffer(&launch, args->candidates);
    elcl_launch_buffer(&launch, args->logits);
    elcl_launch_buffer(&launch, args->step);
    elcl_launch_ulong(&launch, args->rows_at);
    elcl_launch_ulong(&launch, args->rules_at);
    return launch;
}

/* Those that they go on with. */
static void go_on(struct elcl_launch *launch, const struct elcl_select_args *args)
{
    elcl_launch_buffer(launch, args->lineage);
    elcl_launch_buffer(launch, args->tokens);
    elcl_launch_int(launch, args->lineage_ld);
    elcl_launch_int(launch, args->v);
    elcl_launch_int(launch, args->width);
}

static int run(struct elcl_launch *launch, const struct elcl_select_args *args, int rows,
               elcl_error *err)
{
    const uint64_t elements = (uint64_t)rows * args->v;
    elcl_launch_count(launch, sizeof(float) * elements, 4 * elements);
    return elcl_launch_rows(launch, rows, 1, err);
}

int elcl_op_select(struct elcl_ops *ops, const struct elcl_select_args *args, elcl_error *err)
{
    struct elcl_launch launch = begin(ops, ELCL_K_SELECT, "select", args);
    go_on(&launch, args);
    elcl_launch_local(&launch, ELCL_SELECT_BYTES(elcl_work_group_items(ops)));
    const int rc = run(&launch, args, args->r, err);
    return rc || !args->renormalize ? rc : renormalize(ops, args, err);
}

int elcl_op_sample(struct elcl_ops *ops, const struct elcl_select_args *args, size_t draws_at,
                   int n_draws, elcl_error *err)
{
    struct elcl_launch launch = begin(ops, ELCL_K_SAMPLE, "sample", args);
    elcl_launch_ulong(&launch, draws_at);
    go_on(&launch, args);
    elcl_launch_local(&launch, elcl_work_group_items(ops) * sizeof(float));
    return run(&launch, args, n_draws, err);
}

int elcl_op_sample_beams(struct elcl_ops *ops, const struct elcl_select_args *args, size_t draws_at,
                         int n_draws, elcl_error *err)
{
    struct elcl_launch launch = begin(ops, ELCL_K_SAMPLE_BEAMS, "sample_beams", args);
    elcl_launch_ulong(&launch, draws_at);
    go_on(&launch, args);
    elcl_launch_local(&launch, ELCL_SELECT_BYTES(elcl_work_group_items(ops)));
    return run(&launch, args, n_draws, err);
}

int elcl_op_log_prob(struct elcl_ops *ops, const struct elcl_log_prob_args *args, elcl_error *err)
{
    struct elcl_launch launch = elcl_launch_begin(ops, ELCL_K_LOG_PROB, "log_prob");
    elcl_launch_buffer(&launch, args->out);
    elcl_launch_buffer(&launch, args->logits);
    elcl_launch_buffer(&launch, args->step);
    elcl_launch_ulong(&launch, args->rows_at);
    elcl_launch_ulong(&launch, args->out_at);
    elcl_launch_int(&launch, args->v);
    elcl_launch_int(&launch, args->among);
    const uint64_t elements = (uint64_t)args->r * args->v;
    elcl_launch_count(&launch, sizeof(float) * elements, 4 * elements);
    return elcl_launch_rows(&launch, args->r, 1, err);
}
