/* Attention over groups of rows: attn_el_*.cl, attn_mha_*.cl. */
#include "base/state_row.h"
#include "ops/launch.h"

#define EL_ITEMS_PER_CORE 8
#define MAX_VECTOR 16 /* floats */

#define MHA_ITEMS_PER_CORE 2

/* Work-items per row group for CPU kernels: `per_core` for each core altogether, so that the last
 * ones do not leave cores idle: a driver may hand out half of the rest at a time. */
static size_t items_per_group(const struct elcl_ops *ops, int n_groups, int per_core)
{
    return elcl_div_up((size_t)per_core * ops->device->desc.compute_units, (size_t)n_groups);
}

/* (row, head) pairs per work-item of CPU kernels: as many as fit, so that one read of Y serves
 * them. */
static int pairs_per_item(const struct elcl_ops *ops, int n_groups, int max_pairs)
{
    const size_t items = items_per_group(ops, n_groups, EL_ITEMS_PER_CORE);
    const int pairs = (int)elcl_round_up(elcl_div_up((size_t)max_pairs, items), ELCL_EL_TILE);
    return elcl_min_int(elcl_max_int(pairs, 2 * ELCL_EL_TILE), ELCL_EL_MAX_PAIRS);
}

/* The same with ops->state_dot: whole vectors of pairs, and as many in each item. */
static int int_pairs_per_item(const struct elcl_ops *ops, int n_groups, int max_pairs)
{
    const size_t least = elcl_div_up((size_t)max_pairs, ELCL_EL_INT_PAIRS);
    const size_t wanted = items_per_group(ops, n_groups, EL_ITEMS_PER_CORE);
    const size_t items = wanted > least ? wanted : least;
    return (int)elcl_round_up(elcl_div_up((size_t)max_pairs, items), (size_t)ops->vector_width);
}

/* Heads per work-item of CPU kernels: more heads make the runs of memory longer. */
static int heads_per_item(const struct elcl_ops *ops, int n_groups, int h)
{
    const int heads =
        (int)elcl_div_up((size_t)h, items_per_group(ops, n_groups, MHA_ITEMS_PER_CORE));
    return elcl_min_int(heads, ELCL_MHA_MAX_HEADS);
}

static bool has_bias(const struct elcl_position_bias *bias)
{
    return bias && bias->table.mem;
}

static void bias_arguments(struct elcl_launch *launch, const struct elcl_position_bias *bias,
                           size_t rows_at)
{
    const bool has = has_bias(bias);
    elcl_launch_buffer(launch, has ? &bias->table : NULL);
    elcl_launch_int(launch, has ? bias->max_distance : 0);
    elcl_launch_ulong(launch, has ? rows_at : 0);
}

/* Keys that a pair's row of attn_el_gpu.cl has room for. */
static size_t el_room(int max_keys)
{
    return elcl_round_up((size_t)max_keys, ELCL_TILE_SIZE);
}

/* The same for attn_el_wide.cl. */
static size_t el_wide_room(int max_keys)
{
    return elcl_round_up((size_t)max_keys, ELCL_EL_WIDE_PART);
}

size_t elcl_attn_el_probabilities_ld(int max_keys)
{
    const size_t floats = ELCL_EL_LD(el_room(max_keys));
    const size_t wide = ELCL_EL_WIDE_LD(el_wide_room(max_keys)) / 2;
    return wide > floats ? wide : floats;
}

static void el_keys(struct elcl_launch *launch, const struct elcl_attn_el_args *args)
{
    elcl_launch_buffer(launch, args->y);
    elcl_launch_buffer(launch, args->step);
    elcl_launch_ulong(launch, args->groups_at);
    elcl_launch_buffer(launch, args->lineage);
    elcl_launch_int(launch, args->lineage_ld);
}

/* The kernels of attn_el_gpu.cl or of attn_el_wide.cl, whose work-groups are tiles of `rows` pairs
 * x `columns`. */
struct el_kernels {
    enum elcl_kernel_id scores, context;
    size_t rows, columns, items;
    size_t room;        /* keys in a pair's row of probabilities */
    size_t probability; /* bytes */
    size_t scores_local, context_local;
};

static struct el_kernels el_tiles(const struct elcl_ops *ops, int max_keys)
{
    const size_t local = ELCL_TILE_BYTES(elcl_panel_bytes(ops->attn_mma), 4, ELCL_TILE_SIZE);
    return (struct el_kernels){.scores = ELCL_K_ATTN_EL_SCORES,
                               .context = ELCL_K_ATTN_EL_CONTEXT,
                               .rows = ELCL_TILE_SIZE,
                               .columns = ELCL_TILE_SIZE,
                               .items = ELCL_TILE_ITEMS,
                               .room = el_room(max_keys),
                               .probability = sizeof(float),
                               .scores_local = local,
                               .context_local = local};
}

/* Tiles of 32 pairs multiply at half the rate of those of 64: they pay where a group has no more
 * pairs, and where twice as many work-groups still find idle units. All give the same bits. */
static struct el_kernels el_wide_tiles(const struct elcl_ops *ops,
                                       const struct elcl_attn_el_args *args)
{
    const size_t pairs = (size_t)args->max_rows * (size_t)args->h;
    const size_t across = elcl_div_up((size_t)elcl_max_int(args->max_keys, args->d), ELCL_WIDE_N);
    const size_t groups = across * elcl_div_up(pairs, 64) * (size_t)args->n_groups;
    const bool few = pairs <= 32 || groups <= elcl_wide_busy(ops) / 2;
    const int rows = few ? ELCL_WIDE_LEAST(elcl_mma_kinds[ops->attn_mma].subgroup) : 64;
    const int stages = elcl_wide_stages(ops->attn_mma, rows, 2);
    return (struct el_kernels){
        .scores = few ? ELCL_K_ATTN_EL_WIDE_SCORES_32 : ELCL_K_ATTN_EL_WIDE_SCORES,
        .context = few ? ELCL_K_ATTN_EL_WIDE_CONTEXT_32 : ELCL_K_ATTN_EL_WIDE_CONTEXT,
        .rows = (size_t)rows,
        .columns = ELCL_WIDE_N,
        .items = ELCL_WIDE_ITEMS,
        .room = el_wide_room(args->max_keys),
        .probability = elcl_storage_bytes(elcl_ops_planes(ops)),
        .scores_local = (size_t)ELCL_EL_SCORES_BYTES(stages, rows),
        .context_local = (size_t)ELCL_EL_CONTEXT_BYTES(rows)};
}

static int launch_el_tiles(struct elcl_launch *launch, const struct elcl_attn_el_args *args,
                           const struct el_kernels *kernels, size_t columns, size_t local_bytes,
                           elcl_error *err)
{
    const size_t pairs = (size_t)args->max_rows * (size_t)args->h;
    const size_t global[] = {kernels->items * elcl_div_up(columns, kernels->columns),
                             elcl_div_up(pairs, kernels->rows), (size_t)args->n_groups};
    const size_t local[] = {kernels->items, 1, 1};
    elcl_launch_local(launch, local_bytes);
    return elcl_launch_run(launch, 3, global, local, err);
}

/* The bytes of a key. */
static size_t el_row_bytes(const struct elcl_ops *ops, const struct elcl_attn_el_args *args)
{
    return elcl_state_row_bytes(ops->state, (size_t)args->d, (size_t)args->d);
}

/* GPU kernels. Keys are counted once, as the operation needs them: the second launch finds them in
 * the cache as far as they fit. */
static int run_el_tiles(struct elcl_ops *ops, const struct elcl_attn_el_args *args, elcl_error *err)
{
    const struct el_kernels kernels =
        elcl_el_is_wide(ops, args->d) ? el_wide_tiles(ops, args) : el_tiles(ops, args->max_keys);
    const uint64_t flop = 2 * args->keys * (uint64_t)args->h * (uint64_t)args->d;
    const uint64_t probabilities = args->keys * (uint64_t)args->h * kernels.probability;
    const uint64_t keys = args->reads * el_row_bytes(ops, args);
    int rc;
    struct elcl_launch launch = elcl_launch_begin(ops, kernels.scores, "attn_el_scores");
    elcl_launch_count(&launch, keys + probabilities, flop);
    elcl_launch_buffer(&launch, args->probabilities);
    elcl_launch_buffer(&launch, args->e);
    el_keys(&launch, args);
    bias_arguments(&launch, args->bias, args->rows_at);
    elcl_launch_ulong(&launch, args->e_low);
    elcl_launch_int(&launch, args->h);
    elcl_launch_int(&launch, args->d);
    elcl_launch_int(&launch, (int)kernels.room);
    elcl_launch_float(&launch, args->scale);
    ELCL_TRY(launch_el_tiles(&launch, args, &kernels, kernels.room, kernels.scores_local, err));
    launch = elcl_launch_begin(ops, kernels.context, "attn_el_context");
    elcl_launch_count(&launch, probabilities, flop);
    elcl_launch_buffer(&launch, args->c);
    elcl_launch_buffer(&launch, args->probabilities);
    el_keys(&launch, args);
    elcl_launch_int(&launch, args->h);
    elcl_launch_int(&launch, args->d);
    elcl_launch_int(&launch, (int)kernels.room);
    ELCL_TRY(launch_el_tiles(&launch, args, &kernels, (size_t)args->d, kernels.context_local, err));
fail:
    return rc;
}

size_t elcl_attn_el_rounded_bytes(int rows, int h, int d)
{
    const size_t pairs = (size_t)rows * elcl_round_up((size_t)h, MAX_VECTOR);
    const size_t parts = elcl_div_up((size_t)d, ELCL_STATE_GROUP_INT8);
    return pairs * parts * ELCL_EL_INT_WORDS * sizeof(int32_t);
}

/* CPU kernels. */
static int launch_el(struct elcl_ops *ops, const struct elcl_attn_el_args *args, elcl_error *err)
{
    const int max_pairs = args->max_rows * args->h;
    const int pairs = ops->state_dot ? int_pairs_per_item(ops, args->n_groups, max_pairs)
                                     : pairs_per_item(ops, args->n_groups, max_pairs);
    if (ops->state_dot) {
        const size_t bytes = elcl_attn_el_rounded_bytes(args->rows, args->h, args->d);
        const int rc = elcl_ops_reserve_rounded(ops, bytes, err);
        if (rc)
            return rc;
    }
    struct elcl_launch launch = elcl_launch_begin(ops, ELCL_K_ATTN_EL, "attn_el");
    if (ops->state_dot)
        launch.op_class = ELCL_OP_ATTENTION_INT8;
    elcl_launch_count(&launch, args->reads * el_row_bytes(ops, args),
                      4 * args->keys * args->h * args->d);
    elcl_launch_buffer(&launch, args->c);
    elcl_launch_buffer(&launch, args->e);
    el_keys(&launch, args);
    bias_arguments(&launch, args->bias, args->rows_at);
    elcl_launch_int(&launch, args->h);
    elcl_launch_int(&launch, args->d);
    elcl_launch_int(&launch, pairs);
    elcl_launch_float(&launch, args->scale);
    if (ops->state_dot)
        elcl_launch_buffer(&launch, &ops->rounded);
    const size_t global[] = {elcl_div_up((size_t)max_pairs, (size_t)pairs), (size_t)args->n_groups};
    const size_t local[] = {1, 1};
    return elcl_launch_run(&launch, 2, global, local, err);
}

int elcl_op_attn_el(struct elcl_ops *ops, const struct elcl_attn_el_args *args, elcl_error *err)
{
    if (!args->n_groups)
        return ELCL_OK;
    return ops->kernels == ELCL_KERNELS_CPU ? launch_el(ops, args, err)
                                            : run_el_tiles(ops, args, err);
}

/* The buffers that both kernels of multi-head attention take. */
static void mha_buffers(struct elcl_launch *launch, const struct elcl_attn_mha_args *args)
{
    elcl_launch_buffer(launch, args->o);
    elcl_launch_buffer(launch, args->q);
    elcl_launch_buffer(launch, args->kv);
    elcl_launch_buffer(launch, args->step);
    elcl_launch_ulong(launch, args->groups_at);
}

/* Of the GPU kernels for groups. */
static void mha_lineage(struct elcl_launch *launch, const struct elcl_attn_mha_args *args)
{
    elcl_launch_buffer(launch, args->lineage);
    elcl_launch_int(launch, args->lineage_ld);
    elcl_launch_int(launch, args->own_at);
}

static void mha_sizes(struct elcl_launch *launch, const struct elcl_attn_mha_args *args)
{
    bias_arguments(launch, args->bias, args->rows_at);
    elcl_launch_int(launch, args->dh);
    elcl_launch_int(launch, args->q_ld);
    elcl_launch_int(launch, args->kv_ld);
    elcl_launch_int(launch, args->k_at);
    elcl_launch_int(launch, args->v_at);
    elcl_launch_float(launch, args->scale);
}

/* The bytes of a key and a value. */
static size_t kv_row_bytes(const struct elcl_ops *ops, const struct elcl_attn_mha_args *args)
{
    return elcl_state_row_bytes(args->kv_act ? ops->activations : ops->state,
                                2 * (size_t)args->h * (size_t)args->dh, (size_t)args->dh);
}

/* `reads`: how many rows of keys and values are read from memory. Rows also write their own. */
static void count_mha(const struct elcl_launch *launch, const struct elcl_attn_mha_args *args,
                      uint64_t reads)
{
    const struct elcl_ops *ops = launch->ops;
    const uint64_t width = (uint64_t)args->h * args->dh;
    const uint64_t own = args->own_at ? (uint64_t)args->n_groups : 0;
    elcl_launch_count(launch, (reads + own) * kv_row_bytes(ops, args), 4 * args->keys * width);
}

/* CPU kernel. */
static int launch_mha(struct elcl_ops *ops, const struct elcl_attn_mha_args *args, elcl_error *err)
{
    const int heads = heads_per_item(ops, args->n_groups, args->h);
    struct elcl_launch launch = elcl_launch_begin(ops, ELCL_K_ATTN_MHA, "attn_mha");
    mha_buffers(&launch, args);
    elcl_launch_buffer(&launch, args->lineage);
    elcl_launch_int(&launch, args->lineage_ld);
    elcl_launch_int(&launch, args->h);
    elcl_launch_int(&launch, heads);
    mha_sizes(&launch, args);
    count_mha(&launch, args, args->reads);
    const size_t global[] = {elcl_div_up((size_t)args->h, (size_t)heads), (size_t)args->n_groups};
    const size_t local[] = {1, 1};
    return elcl_launch_run(&launch, 2, global, local, err);
}

int elcl_attn_mha_parts(int max_keys)
{
    return elcl_max_int(1, (int)elcl_div_up((size_t)max_keys, ELCL_MHA_PART));
}

/* True if attn_mha_parts.cl can load the keys: in chunks of 16 bytes. Rows of narrow state begin at
 * multiples of those. */
static bool mha_has_chunks(const struct elcl_ops *ops, const struct elcl_attn_mha_args *args)
{
    const int chunk = 16 / (int)elcl_storage_bytes(ops->state);
    return (args->dh | args->kv_ld | args->k_at | args->v_at) % chunk == 0;
}

/* Local memory of a work-group for `rows` rows. */
static size_t mha_bytes(const struct elcl_ops *ops, const struct elcl_attn_mha_args *args, int rows)
{
    const size_t chunk = 16 / elcl_storage_bytes(ops->state), items = elcl_work_group_items(ops);
    return ELCL_MHA_BYTES((size_t)args->dh, chunk, items, (size_t)rows);
}

/* A kernel of attn_mha_parts.cl for `rows` rows per work-group: there are enough items, and wide
 * heads fit into local memory. */
static bool mha_fits(const struct elcl_ops *ops, const struct elcl_attn_mha_args *args, int rows)
{
    return elcl_work_group_items(ops) >= (size_t)rows &&
           mha_bytes(ops, args, rows) <= ops->device->desc.local_bytes;
}

static int join_mha_parts(struct elcl_ops *ops, const struct elcl_attn_mha_args *args, int parts,
                          elcl_error *err)
{
    const size_t items = elcl_work_group_items(ops), width = (size_t)args->h * (size_t)args->dh;
    struct elcl_launch launch = elcl_launch_begin(ops, ELCL_K_ATTN_MHA_JOIN, "attn_mha_join");
    elcl_launch_buffer(&launch, args->o);
    elcl_launch_buffer(&launch, args->parts);
    elcl_launch_buffer(&launch, args->step);
    elcl_launch_ulong(&launch, args->groups_at);
    elcl_launch_int(&launch, (int)width);
    elcl_launch_int(&launch, args->dh);
    elcl_launch_int(&launch, parts);
    const size_t global[] = {elcl_round_up(width, items), (size_t)args->n_groups,
                             (size_t)args->max_rows};
    const size_t local[] = {items, 1, 1};
    return elcl_launch_run(&launch, 3, global, local, err);
}

/* Launches attn_mha_*() with work-groups for `rows` rows of a group. */
static int launch_mha_parts(struct elcl_ops *ops, const struct elcl_attn_mha_args *args, int parts,
                            int rows, elcl_error *err)
{
    const enum elcl_kernel_id id = rows == 1   ? ELCL_K_ATTN_MHA_1
                                   : rows == 4 ? ELCL_K_ATTN_MHA_4
                                               : ELCL_K_ATTN_MHA_8;
    const size_t items = elcl_work_group_items(ops);
    struct elcl_launch launch = elcl_launch_begin(ops, id, "attn_mha");
    mha_buffers(&launch, args);
    mha_lineage(&launch, args);
    mha_sizes(&launch, args);
    elcl_launch_buffer(&launch, parts > 1 ? args->parts : NULL);
    elcl_launch_int(&launch, parts);
    elcl_launch_local(&launch, mha_bytes(ops, args, rows));
    count_mha(&launch, args, args->reads);
    const size_t global[] = {items * (size_t)args->h, (size_t)args->n_groups,
                             elcl_div_up((size_t)args->max_rows, (size_t)rows) * (size_t)parts};
    const size_t local[] = {items, 1, 1};
    return elcl_launch_run(&launch, 3, global, local, err);
}

static int run_mha_parts(struct elcl_ops *ops, const struct elcl_attn_mha_args *args,
                         elcl_error *err)
{
    const int parts = elcl_attn_mha_parts(args->max_keys);
    const int rows = args->max_rows > 4 && mha_fits(ops, args, 8)   ? 8
                     : args->max_rows > 1 && mha_fits(ops, args, 4) ? 4
                                                                    : 1;
    int rc;
    ELCL_TRY(launch_mha_parts(ops, args, parts, rows, err));
    if (parts > 1)
        ELCL_TRY(join_mha_parts(ops, args, parts, err));
fail:
    return rc;
}

/* attn_mha_gpu.cl */
static int launch_mha_rows(struct elcl_ops *ops, const struct elcl_attn_mha_args *args,
                           elcl_error *err)
{
    const size_t items = elcl_work_group_items(ops);
    struct elcl_launch launch = elcl_launch_begin(ops, ELCL_K_ATTN_MHA, "attn_mha");
    mha_buffers(&launch, args);
    mha_lineage(&launch, args);
    mha_sizes(&launch, args);
    elcl_launch_local(&launch, (size_t)args->dh * sizeof(float));
    count_mha(&launch, args, args->keys);
    const size_t global[] = {items * (size_t)args->h, (size_t)args->n_groups,
                             (size_t)args->max_rows};
    const size_t local[] = {items, 1, 1};
    return elcl_launch_run(&launch, 3, global, local, err);
}

int elcl_op_attn_mha(struct elcl_ops *ops, const struct elcl_attn_mha_args *args, elcl_error *err)
{
    if (!args->n_groups)
        return ELCL_OK;
    return ops->kernels == ELCL_KERNELS_CPU                      ? launch_mha(ops, args, err)
           : mha_has_chunks(ops, args) && mha_fits(ops, args, 1) ? run_mha_parts(ops, args, err)
                                                                 : launch_mha_rows(ops, args, err);
}

bool elcl_packed_is_wide(const struct elcl_ops *ops, const struct elcl_attn_mha_args *args)
{
    return ops->wide_packed && (args->kv_act || ops->state == ops->activations) &&
           args->dh <= 128 &&
           (args->dh | args->q_ld | args->kv_ld | args->k_at | args->v_at) % 8 == 0;
}

static int launch_packed_wide(struct elcl_ops *ops, const struct elcl_attn_mha_args *args,
                              elcl_error *err)
{
    const bool narrow = args->dh <= 64;
    const size_t items = 4 * (size_t)elcl_mma_kinds[ops->gemm_mma].subgroup;
    struct elcl_launch launch = elcl_launch_begin(
        ops, narrow ? ELCL_K_ATTN_PACKED_WIDE_64 : ELCL_K_ATTN_PACKED_WIDE_128, "attn_packed");
    mha_buffers(&launch, args);
    elcl_launch_int(&launch, args->n_groups);
    mha_sizes(&launch, args);
    elcl_launch_local(&launch, narrow ? ELCL_FLASH_BYTES(64) : ELCL_FLASH_BYTES(128));
    count_mha(&launch, args, elcl_div_up(args->keys, ELCL_FLASH_ROWS));
    const size_t global[] = {items * (size_t)args->h,
                             elcl_div_up((size_t)args->n_groups, ELCL_FLASH_ROWS)};
    const size_t local[] = {items, 1};
    return elcl_launch_run(&launch, 2, global, local, err);
}

int elcl_op_attn_packed(struct elcl_ops *ops, const struct elcl_attn_mha_args *args,
                        elcl_error *err)
{
    if (elcl_packed_is_wide(ops, args))
        return launch_packed_wide(ops, args, err);
    const bool cpu = ops->kernels == ELCL_KERNELS_CPU;
    const size_t rows = cpu ? ELCL_PACKED_ROWS : ELCL_TILE_SIZE, items = cpu ? 1 : ELCL_TILE_ITEMS;
    struct elcl_launch launch = args->kv_act
                                    ? elcl_launch_begin_act(ops, ELCL_K_ATTN_PACKED, "attn_packed")
                                    : elcl_launch_begin(ops, ELCL_K_ATTN_PACKED, "attn_packed");
    mha_buffers(&launch, args);
    elcl_launch_int(&launch, args->n_groups);
    mha_sizes(&launch, args);
    if (!cpu) {
        elcl_launch_buffer(&launch, args->sums);
        elcl_launch_local(&launch, ELCL_PACKED_BYTES(elcl_panel_bytes(ops->gemm_mma)));
    }
    count_mha(&launch, args, elcl_div_up(args->keys, rows));
    const size_t global[] = {items * (size_t)args->h, elcl_div_up((size_t)args->n_groups, rows)};
    const size_t local[] = {items, 1};
    return elcl_launch_run(&launch, 2, global, local, err);
}
