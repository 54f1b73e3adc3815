/* The encoder on packed tokens: no padding, work follows real tokens. */
#include <math.h>

#include "base/util.h"
#include "model/attn.h"

static int self_attention(struct elcl_run *run, const struct elcl_records *records,
                          const struct elcl_layer_weights *layer, elcl_error *err)
{
    struct elcl_buffer *b = run->buffers;
    const int d = run->arch->d, h = run->arch->encoder_heads, n = records->n_rows;
    int rc;
    ELCL_TRY(
        elcl_run_linear(run, ELCL_B_QKV, ELCL_B_X, d, &layer->self.qkv, n, ELCL_ACT_NONE, err));
    const struct elcl_attn_mha_args args = {.o = &b[ELCL_B_O],
                                            .q = &b[ELCL_B_QKV],
                                            .kv = &b[ELCL_B_QKV],
                                            .kv_f32 = true,
                                            .step = &b[ELCL_B_ENCODE],
                                            .groups_at = records->self_at,
                                            .n_groups = n,
                                            .h = h,
                                            .dh = elcl_arch_dh(d, h),
                                            .q_ld = 3 * d,
                                            .kv_ld = 3 * d,
                                            .k_at = d,
                                            .v_at = 2 * d,
                                            .scale = 1.0f / sqrtf((float)elcl_arch_dh(d, h)),
                                            .keys = records->self_keys};
    ELCL_TRY(elcl_op_attn_mha(run->ops, &args, err));
    ELCL_TRY(elcl_run_linear(run, ELCL_B_Y, ELCL_B_O, d, &layer->self.out, n, ELCL_ACT_NONE, err));
fail:
    return rc;
}

int elcl_encoder_run(struct elcl_run *run, const struct elcl_records *records, elcl_error *err)
{
    struct elcl_buffer *b = run->buffers;
    const struct elcl_stack_weights *w = &run->weights->encoder;
    const int d = run->arch->d, n = records->n_rows;
    int rc;
    ELCL_TRY(elcl_ops_upload(run->ops, &b[ELCL_B_ENCODE], records->data,
                             records->n * sizeof(*records->data), err));
    const struct elcl_embed_args embed = {.x = &b[ELCL_B_X],
                                          .step = &b[ELCL_B_ENCODE],
                                          .rows_at = records->rows_at,
                                          .tokens = w->tokens,
                                          .positions = &w->positions,
                                          .offset = run->arch->position_offset,
                                          .scale = run->arch->embed_scale,
                                          .norm = &w->embedding_norm,
                                          .r = n,
                                          .d = d};
    ELCL_TRY(elcl_op_embed(run->ops, &embed, err));
    struct elcl_add_norm_args add_norm = {
        .x = &b[ELCL_B_X], .y = &b[ELCL_B_Y], .step = &b[ELCL_B_ENCODE], .r = n, .d = d};
    for (int l = 0; l < w->n_layers; l++) {
        const struct elcl_layer_weights *layer = &w->layers[l];
        ELCL_TRY(self_attention(run, records, layer, err));
        add_norm.norm = &layer->self_norm;
        ELCL_TRY(elcl_op_add_norm(run->ops, &add_norm, err));
        ELCL_TRY(elcl_run_ffn(run, layer, n, err));
        add_norm.norm = &layer->ffn_norm;
        ELCL_TRY(elcl_op_add_norm(run->ops, &add_norm, err));
    }
    ELCL_TRY(run->variant->admit(run, records, err));
fail:
    return rc;
}
