/*
 * Multi-head attention with cached keys and values, the baselines:
 *     mha       cross K/V once per sentence, shared by its beams; self K/V in cache rows that the
 *               lineage table finds
 *     mha-beam  K/V per beam, cross K/V too; every step copies all caches to the children of the
 *               beams (as fairseq 0.9.0 does)
 * A cache row is [K | V], 2 H Dh wide.
 */
#include "base/state_row.h"
#include "model/attn.h"

static int inner_width(const struct elcl_state *state)
{
    return elcl_arch_inner(state->arch, state->arch->decoder_heads);
}

/* Stores [K | V] of r rows of x, from column x_at on, in a layer's cache. */
static int put_rows(struct elcl_state *state, int cache, int step, size_t rows_at, int field, int r,
                    int x_ld, int x_at, elcl_error *err)
{
    const int heads = state->arch->decoder_heads;
    const struct elcl_scatter_args args = {.cache = &state->buffers[cache],
                                           .x = &state->buffers[ELCL_B_QKV],
                                           .step = &state->buffers[step],
                                           .rows_at = rows_at,
                                           .field = field,
                                           .r = r,
                                           .n = 2 * inner_width(state),
                                           .part = elcl_arch_dh(state->arch, heads),
                                           .x_ld = x_ld,
                                           .x_at = x_at};
    return elcl_op_scatter(state->ops, &args, err);
}

static int admit(struct elcl_state *state, const struct elcl_records *records, elcl_error *err)
{
    const int d = state->arch->d;
    int rc = ELCL_OK;
    for (int l = 0; l < state->arch->decoder_layers; l++) {
        const struct elcl_linear *kv = &state->weights->decoder.layers[l].cross.kv;
        ELCL_TRY(elcl_state_linear(state, ELCL_B_QKV, ELCL_OUT_ACT, state->h, d, kv,
                                   records->n_rows, ELCL_ACT_NONE, err));
        ELCL_TRY(put_rows(state, elcl_b_cross(l), ELCL_B_ENCODE, records->rows_at,
                          ELCL_ROW_CACHE_ROW, records->n_rows, 2 * inner_width(state), 0, err));
    }
fail:
    return rc;
}

static bool is_packed(const struct elcl_records *records)
{
    return records->packed || records->buffer == ELCL_B_ENCODE;
}

/* Runs attention over a layer's cache and the output projection; queries are in ELCL_B_QKV. The
 * caller fills cache, groups, keys, scale and bias of `args`. */
static int attend(struct elcl_state *state, const struct elcl_records *records,
                  const struct elcl_attention_weights *w, struct elcl_attn_mha_args args,
                  elcl_error *err)
{
    struct elcl_buffer *b = state->buffers;
    const int inner = inner_width(state);
    args.o = &b[ELCL_B_O];
    args.sums = &b[ELCL_B_Y];
    args.q = &b[ELCL_B_QKV];
    args.step = &b[records->buffer];
    args.lineage = &b[ELCL_B_LINEAGE];
    args.lineage_ld = state->capacity.max_target;
    args.parts = &b[ELCL_B_PARTS];
    args.h = state->arch->decoder_heads;
    args.dh = elcl_arch_dh(state->arch, args.h);
    args.kv_ld = 2 * inner;
    args.v_at = inner;
    int rc;
    ELCL_TRY(is_packed(records) ? elcl_op_attn_packed(state->ops, &args, err)
                                : elcl_op_attn_mha(state->ops, &args, err));
    ELCL_TRY(elcl_state_to_output(state, ELCL_B_O, inner, &w->out, records->n_rows, err));
fail:
    return rc;
}

static int self(struct elcl_state *state, const struct elcl_records *records, int layer,
                elcl_error *err)
{
    const struct elcl_attention_weights *w = &state->weights->decoder.layers[layer].self;
    const int inner = inner_width(state), r = records->n_rows;
    const int cache = elcl_b_self(layer);
    const bool stores = elcl_attn_mha_stores(state->ops) && !is_packed(records);
    const struct elcl_attn_mha_args args = {.kv = &state->buffers[cache],
                                            .groups_at = records->self_at,
                                            .n_groups = r,
                                            .max_rows = 1,
                                            .max_keys = records->max_keys,
                                            .bias =
                                                elcl_layer_bias(&state->weights->decoder, layer),
                                            .rows_at = records->rows_at,
                                            .q_ld = 3 * inner,
                                            .own_at = stores ? inner : 0,
                                            .scale = elcl_self_scale(state->arch, layer),
                                            .keys = records->self_keys,
                                            .reads = records->self_keys};
    int rc;
    ELCL_TRY(elcl_state_from_input(state, ELCL_B_QKV, &w->qkv, r, ELCL_ACT_NONE, err));
    if (!stores)
        ELCL_TRY(put_rows(state, cache, records->buffer, records->rows_at, ELCL_ROW_KV_ROW, r,
                          3 * inner, inner, err));
    ELCL_TRY(attend(state, records, w, args, err));
fail:
    return rc;
}

static int cross(struct elcl_state *state, const struct elcl_records *records, int layer,
                 elcl_error *err)
{
    const struct elcl_attention_weights *w = &state->weights->decoder.layers[layer].cross;
    const bool by_row = state->variant->cache_by_row;
    const struct elcl_attn_mha_args args = {.kv = &state->buffers[elcl_b_cross(layer)],
                                            .groups_at = records->cross_at,
                                            .n_groups = records->n_cross,
                                            .max_rows = by_row ? 1 : records->max_rows,
                                            .max_keys = records->max_source,
                                            .q_ld = inner_width(state),
                                            .scale = elcl_cross_scale(state->arch),
                                            .keys = records->cross_keys,
                                            .reads = records->cross_reads};
    int rc;
    ELCL_TRY(elcl_state_from_input(state, ELCL_B_QKV, &w->q, records->n_rows, ELCL_ACT_NONE, err));
    ELCL_TRY(attend(state, records, w, args, err));
fail:
    return rc;
}

/* Copies a layer's cache, the first bytes of each beam, into the spare buffer and swaps the two. */
static int reorder_cache(struct elcl_state *state, const struct elcl_records *records, int cache,
                         int spare, size_t ld_bytes, size_t bytes, elcl_error *err)
{
    struct elcl_buffer *b = state->buffers;
    const struct elcl_reorder_args args = {.next = &b[spare],
                                           .previous = &b[cache],
                                           .step = &b[ELCL_B_STEP],
                                           .rows_at = records->rows_at,
                                           .field = ELCL_ROW_PARENT,
                                           .r = records->n_rows,
                                           .ld_bytes = ld_bytes,
                                           .bytes = bytes};
    const int rc = elcl_op_reorder(state->ops, &args, err);
    const struct elcl_buffer old = b[cache];
    b[cache] = b[spare];
    b[spare] = old;
    return rc;
}

static int reorder(struct elcl_state *state, const struct elcl_records *records, elcl_error *err)
{
    const int heads = state->arch->decoder_heads;
    const size_t row = elcl_state_row_bytes(state->ops->state, 2 * (size_t)inner_width(state),
                                            (size_t)elcl_arch_dh(state->arch, heads));
    const size_t source = (size_t)state->capacity.max_source,
                 cache = (size_t)elcl_capacity_row_cache(state->arch, &state->capacity);
    int rc = ELCL_OK;
    for (int l = 0; l < state->arch->decoder_layers; l++) {
        ELCL_TRY(reorder_cache(state, records, elcl_b_self(l), ELCL_B_SPARE_SELF, cache * row,
                               (size_t)(records->max_keys - 1) * row, err));
        if (state->arch->decoder_only)
            continue;
        ELCL_TRY(reorder_cache(state, records, elcl_b_cross(l), ELCL_B_SPARE_CROSS, source * row,
                               (size_t)records->max_source * row, err));
    }
fail:
    return rc;
}

const struct elcl_attention_variant elcl_attn_mha = {.name = "mha",
                                                     .id = ELCL_ATTN_MHA,
                                                     .packs_rows = true,
                                                     .admit = admit,
                                                     .self = self,
                                                     .cross = cross};

const struct elcl_attention_variant elcl_attn_mha_beam = {.name = "mha-beam",
                                                          .id = ELCL_ATTN_MHA_BEAM,
                                                          .cache_by_row = true,
                                                          .packs_rows = true,
                                                          .admit = admit,
                                                          .reorder = reorder,
                                                          .self = self,
                                                          .cross = cross};
