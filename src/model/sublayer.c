/* What encoder, decoder and attention variants share: scales, biases, linear layers, norms. */
#include "model/attn.h"

#include <math.h>

#include "base/util.h"

float elcl_attention_scale(const struct elcl_arch *arch, int heads)
{
    return arch->unscaled_scores ? 1.0f : 1.0f / sqrtf((float)elcl_arch_dh(arch, heads));
}

float elcl_self_scale(const struct elcl_arch *arch, int layer)
{
    const float by_width = elcl_attention_scale(arch, arch->decoder_heads);
    return arch->scores_by_layer ? by_width / (float)(layer + 1) : by_width;
}

float elcl_cross_scale(const struct elcl_arch *arch)
{
    return elcl_attention_scale(arch, arch->decoder_heads);
}

const struct elcl_position_bias *elcl_layer_bias(const struct elcl_stack_weights *stack, int layer)
{
    const struct elcl_position_bias *own = &stack->layers[layer].bias;
    return own->table.mem ? own : &stack->layers[0].bias;
}

int elcl_state_linear(struct elcl_state *state, int y, enum elcl_gemm_out out, int x, int x_ld,
                      const struct elcl_linear *linear, int m, enum elcl_activation act,
                      elcl_error *err)
{
    const struct elcl_gemm_args args = {.y = &state->buffers[y],
                                        .x = &state->buffers[x],
                                        .bias = elcl_buffer_or_none(&linear->bias),
                                        .w = &linear->w,
                                        .m = m,
                                        .x_ld = x_ld,
                                        .y_ld = linear->w.n,
                                        .act = act,
                                        .out = out};
    return elcl_op_gemm(state->ops, &args, err);
}

/* The residual stream with a sublayer's output added, where products add it: a post-norm model
 * needs the stream until the next product has stored its norm there. */
static const struct elcl_buffer *sums(const struct elcl_state *state)
{
    return &state->buffers[state->arch->pre_norm ? ELCL_B_X : ELCL_B_Y];
}

int elcl_state_from_input(struct elcl_state *state, int y, const struct elcl_linear *linear, int m,
                          enum elcl_activation act, elcl_error *err)
{
    const bool takes_norm = state->input.norm != NULL;
    const struct elcl_gemm_args args = {.y = &state->buffers[y],
                                        .x = takes_norm ? sums(state) : &state->buffers[state->h],
                                        .bias = elcl_buffer_or_none(&linear->bias),
                                        .w = &linear->w,
                                        .m = m,
                                        .x_ld = state->arch->d,
                                        .y_ld = linear->w.n,
                                        .act = act,
                                        .out = ELCL_OUT_ACT,
                                        .norm = takes_norm ? &state->input : NULL};
    const int rc = elcl_op_gemm(state->ops, &args, err);
    state->input.norm = NULL;
    return rc;
}

int elcl_state_to_output(struct elcl_state *state, int x, int x_ld,
                         const struct elcl_linear *linear, int m, elcl_error *err)
{
    struct elcl_buffer *b = state->buffers;
    const struct elcl_gemm_args args = {.y = state->folds ? sums(state) : &b[ELCL_B_Y],
                                        .x = &b[x],
                                        .bias = elcl_buffer_or_none(&linear->bias),
                                        .residual = state->folds ? &b[ELCL_B_X] : NULL,
                                        .w = &linear->w,
                                        .m = m,
                                        .x_ld = x_ld,
                                        .y_ld = linear->w.n};
    return elcl_op_gemm(state->ops, &args, err);
}

int elcl_state_ffn(struct elcl_state *state, const struct elcl_layer_weights *layer, int m,
                   elcl_error *err)
{
    const enum elcl_activation act = state->arch->act;
    const bool gated = state->arch->gated;
    int rc;
    ELCL_TRY(
        elcl_state_from_input(state, ELCL_B_FFN, &layer->fc1, m, gated ? ELCL_ACT_NONE : act, err));
    if (gated)
        ELCL_TRY(
            elcl_op_gate(state->ops, &state->buffers[ELCL_B_FFN], m, layer->fc2.w.k, act, err));
    ELCL_TRY(elcl_state_to_output(state, ELCL_B_FFN, layer->fc1.w.n, &layer->fc2, m, err));
fail:
    return rc;
}

int elcl_state_add_norm(struct elcl_state *state, const struct elcl_step_place *place, int y,
                        const struct elcl_norm *norm, int cache, elcl_error *err)
{
    const bool norm_x = !state->arch->pre_norm || place->norm_x;
    if (state->folds) {
        state->input = (struct elcl_gemm_norm){.norm = norm,
                                               .x_norm = norm_x ? &state->buffers[ELCL_B_X] : NULL,
                                               .state = cache >= 0 ? &state->buffers[cache] : NULL,
                                               .step = &state->buffers[place->step],
                                               .rows_at = place->rows_at};
        return ELCL_OK;
    }
    const struct elcl_add_norm_args args = {.h = elcl_state_input(state),
                                            .norm_x = norm_x,
                                            .x = &state->buffers[ELCL_B_X],
                                            .y = y >= 0 ? &state->buffers[y] : NULL,
                                            .state = cache >= 0 ? &state->buffers[cache] : NULL,
                                            .step = &state->buffers[place->step],
                                            .rows_at = place->rows_at,
                                            .norm = norm,
                                            .r = place->n_rows,
                                            .d = state->arch->d};
    return elcl_op_add_norm(state->ops, &args, err);
}
