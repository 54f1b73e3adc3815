/* Attention variants of the decoder: one table of functions each. */
#ifndef ELCL_MODEL_ATTN_H
#define ELCL_MODEL_ATTN_H

#include "model/state.h"

struct elcl_attention_variant {
    const char *name;
    enum elcl_attention id;
    bool cache_by_row; /* caches and cross groups belong to rows (mha-beam), else to sentences */
    bool packs_rows;   /* packed records have a group for each row, in cross attention too */
    /* Converts the encoder output in buffer state->h [n_rows, D] to encoder-derived state; NULL:
     * that is the output itself, which the last norm stores in ELCL_B_SOURCE (el). */
    int (*admit)(struct elcl_state *state, const struct elcl_records *records, elcl_error *err);
    /* Moves caches before a step; NULL: nothing to move. */
    int (*reorder)(struct elcl_state *state, const struct elcl_records *records, elcl_error *err);
    /* Computes a sublayer's output from its input, rows [R, D]: elcl_state_from_input() to
     * elcl_state_to_output(). */
    int (*self)(struct elcl_state *state, const struct elcl_records *records, int layer,
                elcl_error *err);
    int (*cross)(struct elcl_state *state, const struct elcl_records *records, int layer,
                 elcl_error *err);
    /* The sublayer reads the cached row: embedding and norms write it too (el). */
    bool caches_h;
};

extern const struct elcl_attention_variant elcl_attn_el;
extern const struct elcl_attention_variant elcl_attn_mha;
extern const struct elcl_attention_variant elcl_attn_mha_beam;

const struct elcl_attention_variant *elcl_attention_variant(enum elcl_attention attention);

/* Computes Y = act(X W^T + bias) between buffers of the state, with the sizes of `linear`; x_ld is
 * the row stride of X. */
int elcl_state_linear(struct elcl_state *state, int y, enum elcl_gemm_out out, int x, int x_ld,
                      const struct elcl_linear *linear, int m, enum elcl_activation act,
                      elcl_error *err);
/* Computes Y = act(X W^T + bias) of the m rows of a sublayer's input, as activations. */
int elcl_state_from_input(struct elcl_state *state, int y, const struct elcl_linear *linear, int m,
                          enum elcl_activation act, elcl_error *err);
/* Computes a sublayer's output ELCL_B_Y = X W^T + bias, for elcl_state_add_norm(); with
 * state->folds it is added to the residual stream. */
int elcl_state_to_output(struct elcl_state *state, int x, int x_ld,
                         const struct elcl_linear *linear, int m, elcl_error *err);
/* Return the factor of the scores for `heads` heads; self attention of the decoder may differ by
 * layer. */
float elcl_attention_scale(const struct elcl_arch *arch, int heads);
float elcl_self_scale(const struct elcl_arch *arch, int layer);
float elcl_cross_scale(const struct elcl_arch *arch);
/* Returns the buffer, or NULL if it does not exist. */
static inline const struct elcl_buffer *elcl_buffer_or_none(const struct elcl_buffer *buffer)
{
    return buffer->mem ? buffer : NULL;
}
/* Returns the sublayers' input, or NULL if that is the residual stream itself. */
static inline const struct elcl_buffer *elcl_state_input(const struct elcl_state *state)
{
    return state->h == ELCL_B_H ? &state->buffers[ELCL_B_H] : NULL;
}
/* The records that an operation reads. */
struct elcl_step_place {
    int step; /* ELCL_B_STEP or ELCL_B_ENCODE */
    size_t rows_at;
    int n_rows;
    bool norm_x; /* the norm replaces ELCL_B_X in pre-norm models too */
};
/* After a sublayer: ELCL_B_X += y, then its norm into state->h and into `cache`. -1 for y or cache:
 * none. With state->folds elcl_state_from_input() does it next. */
int elcl_state_add_norm(struct elcl_state *state, const struct elcl_step_place *place, int y,
                        const struct elcl_norm *norm, int cache, elcl_error *err);
/* Returns the position bias of a layer's self attention; it may have no table. */
const struct elcl_position_bias *elcl_layer_bias(const struct elcl_stack_weights *stack, int layer);
/* Runs the feed-forward sublayer on m rows. */
int elcl_state_ffn(struct elcl_state *state, const struct elcl_layer_weights *layer, int m,
                   elcl_error *err);

#endif
