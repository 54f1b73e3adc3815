/* The encoder on packed rows: without padding, work is proportional to the sources' lengths. The
 * norm after a sublayer is its own in post-norm models and the next sublayer's in pre-norm models.
 */
#include "base/util.h"
#include "model/attn.h"

static int self_attention(struct elcl_state *state, const struct elcl_records *records, int l,
                          elcl_error *err)
{
    const struct elcl_layer_weights *layer = &state->weights->encoder.layers[l];
    struct elcl_buffer *b = state->buffers;
    const int d = state->arch->d, h = state->arch->encoder_heads, n = records->n_rows;
    const int inner = elcl_arch_inner(state->arch, h);
    int rc;
    ELCL_TRY(elcl_state_linear(state, ELCL_B_QKV, ELCL_OUT_ACT, state->h, d, &layer->self.qkv, n,
                               ELCL_ACT_NONE, err));
    const struct elcl_attn_mha_args args = {.o = &b[ELCL_B_O],
                                            .sums = &b[ELCL_B_Y],
                                            .q = &b[ELCL_B_QKV],
                                            .kv = &b[ELCL_B_QKV],
                                            .kv_act = true,
                                            .step = &b[ELCL_B_ENCODE],
                                            .groups_at = records->self_at,
                                            .bias = elcl_layer_bias(&state->weights->encoder, l),
                                            .rows_at = records->rows_at,
                                            .n_groups = n,
                                            .h = h,
                                            .dh = elcl_arch_dh(state->arch, h),
                                            .q_ld = 3 * inner,
                                            .kv_ld = 3 * inner,
                                            .k_at = inner,
                                            .v_at = 2 * inner,
                                            .scale = elcl_attention_scale(state->arch, h),
                                            .keys = records->self_keys};
    ELCL_TRY(elcl_op_attn_packed(state->ops, &args, err));
    ELCL_TRY(elcl_state_linear(state, ELCL_B_Y, ELCL_OUT_F32, ELCL_B_O, inner, &layer->self.out, n,
                               ELCL_ACT_NONE, err));
fail:
    return rc;
}

/* Returns the buffer where el keeps the encoder's output; -1: admit() makes its state of it. */
static int output_buffer(const struct elcl_state *state)
{
    return state->variant->admit ? -1 : (int)ELCL_B_SOURCE;
}

/* The rows of tokens or of the front's outputs, with positions. */
static int embed(struct elcl_state *state, const struct elcl_records *records, elcl_error *err)
{
    struct elcl_buffer *b = state->buffers;
    const struct elcl_stack_weights *w = &state->weights->encoder;
    const bool tokens = records->kind == ELCL_SOURCE_TOKENS;
    const struct elcl_embed_args args = {.x = &b[ELCL_B_X],
                                         .h =
                                             state->arch->pre_norm ? NULL : elcl_state_input(state),
                                         .step = &b[ELCL_B_ENCODE],
                                         .rows_at = records->rows_at,
                                         .tokens = tokens ? w->tokens : NULL,
                                         .positions = elcl_buffer_or_none(&w->positions),
                                         .offset = state->arch->position_offset,
                                         .scale = state->arch->embed_scale,
                                         .norm = &w->embedding_norm,
                                         .r = records->n_rows,
                                         .d = state->arch->d};
    int rc = ELCL_OK;
    if (!tokens)
        ELCL_TRY(elcl_front_run(state, records, err));
    ELCL_TRY(elcl_op_embed(state->ops, &args, err));
fail:
    return rc;
}

/* A caller who wants the output finds the last norm in ELCL_B_X in f32. */
static int layers(struct elcl_state *state, const struct elcl_records *records, elcl_error *err)
{
    const struct elcl_stack_weights *w = &state->weights->encoder;
    struct elcl_step_place place = {ELCL_B_ENCODE, records->rows_at, records->n_rows, false};
    const bool pre = state->arch->pre_norm;
    int rc = ELCL_OK;
    if (pre)
        ELCL_TRY(elcl_state_add_norm(state, &place, -1, &w->layers[0].self_norm, -1, err));
    for (int l = 0; l < w->n_layers; l++) {
        const struct elcl_layer_weights *layer = &w->layers[l], *next = layer + 1;
        const bool last = l + 1 == w->n_layers;
        const struct elcl_norm *end = !pre   ? &layer->ffn_norm
                                      : last ? &w->final_norm
                                             : &next->self_norm;
        ELCL_TRY(self_attention(state, records, l, err));
        ELCL_TRY(elcl_state_add_norm(state, &place, ELCL_B_Y,
                                     pre ? &layer->ffn_norm : &layer->self_norm, -1, err));
        ELCL_TRY(elcl_state_ffn(state, layer, records->n_rows, err));
        place.norm_x = last && records->keeps_rows;
        ELCL_TRY(elcl_state_add_norm(state, &place, ELCL_B_Y, end, last ? output_buffer(state) : -1,
                                     err));
    }
fail:
    return rc;
}

/* Puts given outputs where the last norm would have put them. */
static int take_given(struct elcl_state *state, const struct elcl_records *records, elcl_error *err)
{
    struct elcl_buffer *b = state->buffers;
    const int output = output_buffer(state);
    const struct elcl_norm no_norm = {.eps = 0};
    const struct elcl_embed_args args = {.x = &b[ELCL_B_X],
                                         .h = elcl_state_input(state),
                                         .state = output >= 0 ? &b[output] : NULL,
                                         .step = &b[ELCL_B_ENCODE],
                                         .rows_at = records->rows_at,
                                         .norm = &no_norm,
                                         .r = records->n_rows,
                                         .d = state->arch->d};
    const size_t numbers = (size_t)records->n_rows * (size_t)state->arch->d;
    int rc;
    ELCL_TRY(
        elcl_ops_upload(state->ops, &b[ELCL_B_X], records->given, numbers * sizeof(float), err));
    ELCL_TRY(elcl_op_embed(state->ops, &args, err));
fail:
    return rc;
}

int elcl_encoder_run(struct elcl_state *state, const struct elcl_records *records, elcl_error *err)
{
    int rc;
    ELCL_TRY(elcl_ops_upload(state->ops, &state->buffers[ELCL_B_ENCODE], records->data,
                             records->n * sizeof(*records->data), err));
    if (records->kind == ELCL_SOURCE_STORED) {
        ELCL_TRY(elcl_stored_rows_write(state, records, err));
    } else if (records->kind == ELCL_SOURCE_ROWS) {
        ELCL_TRY(take_given(state, records, err));
    } else {
        ELCL_TRY(embed(state, records, err));
        ELCL_TRY(layers(state, records, err));
    }
    if (state->variant->admit)
        ELCL_TRY(state->variant->admit(state, records, err));
fail:
    return rc;
}
