/*
 * EL-attention (arXiv 2105.04779): the query is expanded per head; hidden states serve as both keys
 * and values.
 *     q = x Wq + bq,  e_h = q_h Wk_h,  p_h = softmax(s e_h Y^T),  c_h = p_h Y,  o_h = c_h Wv_h^T,
 *     out = o Wo + (bo + Wo bv)
 * bk adds the same number to every score of a query, and softmax drops it. Cross attention: Y is
 * the encoder output, one buffer for all layers, heads and beams. Self attention: Y is the layer's
 * own input rows, found through the lineage table.
 */
#include "base/util.h"
#include "model/attn.h"

/* Runs the GEMMs around the attention; the caller fills y, groups, keys and scale of `attn`. */
static int attend(struct elcl_state *state, const struct elcl_records *records,
                  const struct elcl_attention_weights *w, struct elcl_attn_el_args attn,
                  elcl_error *err)
{
    struct elcl_buffer *b = state->buffers;
    const int d = state->arch->d, h = state->arch->decoder_heads, dh = elcl_arch_dh(state->arch, h);
    const int r = records->n_rows;
    const struct elcl_gemm_args expand = {.y = &b[ELCL_B_E],
                                          .x = &b[ELCL_B_QKV],
                                          .w = &w->expand,
                                          .m = r,
                                          .x_ld = h * dh,
                                          .y_ld = h * d,
                                          .x_batch = (size_t)dh,
                                          .y_batch = (size_t)d,
                                          .out = ELCL_OUT_PLANES,
                                          .y_low = (size_t)r * h * d};
    const struct elcl_gemm_args contract = {.y = &b[ELCL_B_O],
                                            .x = &b[ELCL_B_C],
                                            .w = &w->contract,
                                            .m = r,
                                            .x_ld = h * d,
                                            .y_ld = h * dh,
                                            .x_batch = (size_t)d,
                                            .y_batch = (size_t)dh,
                                            .out = ELCL_OUT_ACT};
    attn.c = &b[ELCL_B_C];
    attn.e = &b[ELCL_B_E];
    attn.e_low = expand.y_low;
    attn.probabilities = &b[ELCL_B_PROBABILITIES];
    attn.step = &b[records->buffer];
    attn.rows = r;
    attn.h = h;
    attn.d = d;
    int rc;
    ELCL_TRY(elcl_state_from_input(state, ELCL_B_QKV, &w->q, r, ELCL_ACT_NONE, err));
    ELCL_TRY(elcl_op_gemm(state->ops, &expand, err));
    ELCL_TRY(elcl_op_attn_el(state->ops, &attn, err));
    ELCL_TRY(elcl_op_gemm(state->ops, &contract, err));
    ELCL_TRY(elcl_state_to_output(state, ELCL_B_O, h * dh, &w->out, r, err));
fail:
    return rc;
}

static int self(struct elcl_state *state, const struct elcl_records *records, int layer,
                elcl_error *err)
{
    const struct elcl_attn_el_args attn = {.y = &state->buffers[elcl_b_self(layer)],
                                           .groups_at = records->self_at,
                                           .bias = elcl_layer_bias(&state->weights->decoder, layer),
                                           .rows_at = records->rows_at,
                                           .lineage = &state->buffers[ELCL_B_LINEAGE],
                                           .lineage_ld = state->capacity.max_target,
                                           .n_groups = records->n_self,
                                           .max_rows = 1,
                                           .max_keys = records->max_keys,
                                           .scale = elcl_self_scale(state->arch, layer),
                                           .keys = records->self_keys,
                                           .reads = records->self_keys};
    return attend(state, records, &state->weights->decoder.layers[layer].self, attn, err);
}

static int cross(struct elcl_state *state, const struct elcl_records *records, int layer,
                 elcl_error *err)
{
    const struct elcl_attn_el_args attn = {.y = &state->buffers[ELCL_B_SOURCE],
                                           .groups_at = records->cross_at,
                                           .n_groups = records->n_cross,
                                           .max_rows = records->max_rows,
                                           .max_keys = records->max_source,
                                           .scale = elcl_cross_scale(state->arch),
                                           .keys = records->cross_keys,
                                           .reads = records->cross_reads};
    return attend(state, records, &state->weights->decoder.layers[layer].cross, attn, err);
}

const struct elcl_attention_variant elcl_attn_el = {
    .name = "el", .id = ELCL_ATTN_EL, .self = self, .cross = cross, .caches_h = true};
