/* Attention variants of the decoder, behind one table. */
#ifndef ELCL_MODEL_ATTN_H
#define ELCL_MODEL_ATTN_H

#include "model/state.h"

struct elcl_attention_variant {
    const char *name;
    enum elcl_attention id;
    bool cache_by_row; /* caches belong to rows (mha-beam), else to sentences; so do cross groups */
    bool packs_rows;   /* of packed records each row is a group, in cross too */
    /* Encoder output in buffer state->h [n_rows, D] -> encoder-derived state. */
    int (*admit)(struct elcl_state *state, const struct elcl_records *records, elcl_error *err);
    /* Moves caches before a step; NULL: nothing moves. */
    int (*reorder)(struct elcl_state *state, const struct elcl_records *records, elcl_error *err);
    /* Rows [R, D] in buffer state->h -> sublayer output in ELCL_B_Y, residual not added. */
    int (*self)(struct elcl_state *state, const struct elcl_records *records, int layer,
                elcl_error *err);
    int (*cross)(struct elcl_state *state, const struct elcl_records *records, int layer,
                 elcl_error *err);
    /* The cached row is what the sublayer reads: embedding and norms write it along (el). */
    bool caches_h;
};

extern const struct elcl_attention_variant elcl_attn_el;
extern const struct elcl_attention_variant elcl_attn_mha;
extern const struct elcl_attention_variant elcl_attn_mha_beam;

const struct elcl_attention_variant *elcl_attention_variant(enum elcl_attention attention);

/* Y = act(X W^T + bias) from buffer to buffer of the state, with the linear's own sizes; x_ld is
 * the row stride of X. */
int elcl_state_linear(struct elcl_state *state, int y, int x, int x_ld,
                      const struct elcl_linear *linear, int m, enum elcl_activation act,
                      elcl_error *err);
/* What scores of so many heads are multiplied by; self attention of the decoder may differ by
 * layer. */
float elcl_attention_scale(const struct elcl_arch *arch, int heads);
float elcl_self_scale(const struct elcl_arch *arch, int layer);
float elcl_cross_scale(const struct elcl_arch *arch);
/* The buffer, or NULL where there is none. */
static inline const struct elcl_buffer *elcl_buffer_or_none(const struct elcl_buffer *buffer)
{
    return buffer->mem ? buffer : NULL;
}
/* Which records an operation goes by. */
struct elcl_step_place {
    int step; /* ELCL_B_STEP or ELCL_B_ENCODE */
    size_t rows_at;
    int n_rows;
};
/* Behind a sublayer: ELCL_B_X += y, then its norm into state->h and into `cache`. y or
 * cache -1: none. */
int elcl_state_add_norm(struct elcl_state *state, const struct elcl_step_place *place, int y,
                        const struct elcl_norm *norm, int cache, elcl_error *err);
/* The position bias of a layer's self attention; its table may be absent. */
const struct elcl_position_bias *elcl_layer_bias(const struct elcl_stack_weights *stack, int layer);
/* Feed-forward sublayer of m rows: state->h -> ELCL_B_Y. */
int elcl_state_ffn(struct elcl_state *state, const struct elcl_layer_weights *layer, int m,
                   elcl_error *err);

#endif
