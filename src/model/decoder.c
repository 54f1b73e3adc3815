/* One decoding step of all live rows, the prompts of decoder-only models, and teacher forcing. */
#include "base/util.h"
#include "model/attn.h"
#include "model/cross_tap.h"

/* Updates the lineage and swaps its tables: ELCL_B_LINEAGE is the current one. */
static int continue_lineage(struct elcl_state *state, const struct elcl_records *records,
                            elcl_error *err)
{
    struct elcl_buffer *b = state->buffers;
    const struct elcl_lineage_args args = {.next = &b[ELCL_B_LINEAGE_NEXT],
                                           .previous = &b[ELCL_B_LINEAGE],
                                           .tokens = &b[ELCL_B_TOKENS],
                                           .step = &b[ELCL_B_STEP],
                                           .rows_at = records->rows_at,
                                           .r = records->n_rows,
                                           .ld = state->capacity.max_target,
                                           .max_length = records->max_length};
    const int rc = elcl_op_lineage(state->ops, &args, err);
    const struct elcl_buffer previous = b[ELCL_B_LINEAGE];
    b[ELCL_B_LINEAGE] = b[ELCL_B_LINEAGE_NEXT];
    b[ELCL_B_LINEAGE_NEXT] = previous;
    return rc;
}

int elcl_decoder_begin(struct elcl_state *state, const struct elcl_records *records,
                       elcl_error *err)
{
    int rc;
    ELCL_TRY(elcl_ops_upload(state->ops, &state->buffers[ELCL_B_STEP], records->data,
                             records->n * sizeof(*records->data), err));
    if (state->variant->reorder)
        ELCL_TRY(state->variant->reorder(state, records, err));
fail:
    return rc;
}

/* Computes the logits of m rows of last hidden states in buffer x. */
static int head(struct elcl_state *state, int x, int m, elcl_error *err)
{
    struct elcl_buffer *b = state->buffers;
    const struct elcl_linear *project = &state->weights->project_out;
    const bool projected = project->w.buffer.mem != NULL;
    const struct elcl_gemm_args args = {.y = &b[ELCL_B_LOGITS],
                                        .x = &b[projected ? (int)ELCL_B_Y : x],
                                        .bias = elcl_buffer_or_none(&state->weights->head_bias),
                                        .w = state->weights->head,
                                        .m = m,
                                        .x_ld = elcl_arch_embed_width(state->arch),
                                        .y_ld = ELCL_LOGITS_LD(state->arch->vocabulary)};
    int rc = ELCL_OK;
    if (projected)
        ELCL_TRY(elcl_state_linear(state, ELCL_B_Y, ELCL_OUT_ACT, x, state->arch->d, project, m,
                                   ELCL_ACT_NONE, err));
    ELCL_TRY(elcl_op_gemm(state->ops, &args, err));
fail:
    return rc;
}

/* Computes logits, applies the rules, selects the best tokens, draws. */
static int candidates(struct elcl_state *state, const struct elcl_records *records, elcl_error *err)
{
    struct elcl_buffer *b = state->buffers;
    const struct elcl_select_args select = {.candidates = &b[ELCL_B_CANDIDATES],
                                            .logits = &b[ELCL_B_LOGITS],
                                            .step = &b[ELCL_B_STEP],
                                            .rows_at = records->rows_at,
                                            .rules_at = records->rules_at,
                                            .lineage = &b[ELCL_B_LINEAGE],
                                            .lineage_ld = state->capacity.max_target,
                                            .tokens = &b[ELCL_B_TOKENS],
                                            .r = records->n_rows,
                                            .v = state->arch->vocabulary,
                                            .width = records->width,
                                            .renormalize = records->renormalize};
    int rc;
    ELCL_TRY(head(state, state->h, records->n_rows, err));
    ELCL_TRY(elcl_op_select(state->ops, &select, err));
    if (records->n_draws)
        ELCL_TRY(elcl_op_sample(state->ops, &select, records->draws_at, records->n_draws, err));
    if (records->n_beam_draws)
        ELCL_TRY(elcl_op_sample_beams(state->ops, &select,
                                      records->draws_at + (size_t)records->n_draws * ELCL_DRAW_INTS,
                                      records->n_beam_draws, err));
fail:
    return rc;
}

/* Projects token embeddings whose width is not D into ELCL_B_X. The product reads activations:
 * ELCL_B_Y itself, or a copy in ELCL_B_H. */
static int embed_projected(struct elcl_state *state, const struct elcl_records *records,
                           elcl_error *err)
{
    const struct elcl_stack_weights *w = &state->weights->decoder;
    const struct elcl_norm no_norm = {.eps = 0};
    const int width = elcl_arch_embed_width(state->arch);
    const int embedded = state->ops->activations == ELCL_F32 ? ELCL_B_Y : ELCL_B_H;
    const struct elcl_embed_args args = {.x = &state->buffers[ELCL_B_Y],
                                         .h = embedded == ELCL_B_H ? &state->buffers[ELCL_B_H]
                                                                   : NULL,
                                         .step = &state->buffers[records->buffer],
                                         .rows_at = records->rows_at,
                                         .tokens = w->tokens,
                                         .scale = state->arch->embed_scale,
                                         .norm = &no_norm,
                                         .r = records->n_rows,
                                         .d = width};
    const int rc = elcl_op_embed(state->ops, &args, err);
    return rc ? rc
              : elcl_state_linear(state, ELCL_B_X, ELCL_OUT_F32, embedded, width, &w->project_in,
                                  records->n_rows, ELCL_ACT_NONE, err);
}

/* Writes the norms of token embeddings to ELCL_B_X. */
static int embed_normed(struct elcl_state *state, const struct elcl_records *records,
                        elcl_error *err)
{
    const struct elcl_stack_weights *w = &state->weights->decoder;
    const struct elcl_embed_args args = {.x = &state->buffers[ELCL_B_X],
                                         .step = &state->buffers[records->buffer],
                                         .rows_at = records->rows_at,
                                         .tokens = w->tokens,
                                         .scale = state->arch->embed_scale,
                                         .norm = &w->embedding_norm,
                                         .r = records->n_rows,
                                         .d = state->arch->d};
    return elcl_op_embed(state->ops, &args, err);
}

static int embed(struct elcl_state *state, const struct elcl_records *records, int cache,
                 elcl_error *err)
{
    const struct elcl_norm no_norm = {.eps = 0};
    const bool normed = state->arch->norm_before_positions;
    struct elcl_buffer *b = state->buffers;
    const struct elcl_stack_weights *w = &state->weights->decoder;
    const bool projected = w->project_in.w.buffer.mem != NULL;
    const struct elcl_embed_args args = {.x = &b[ELCL_B_X],
                                         .h =
                                             state->arch->pre_norm ? NULL : elcl_state_input(state),
                                         .state = cache >= 0 ? &b[cache] : NULL,
                                         .step = &b[records->buffer],
                                         .rows_at = records->rows_at,
                                         .tokens = projected || normed ? NULL : w->tokens,
                                         .positions = elcl_buffer_or_none(&w->positions),
                                         .offset = state->arch->position_offset,
                                         .scale = state->arch->embed_scale,
                                         .norm = normed ? &no_norm : &w->embedding_norm,
                                         .r = records->n_rows,
                                         .d = state->arch->d};
    const int rc = projected ? embed_projected(state, records, err)
                   : normed  ? embed_normed(state, records, err)
                             : ELCL_OK;
    return rc ? rc : elcl_op_embed(state->ops, &args, err);
}

/* Runs cross attention and the norm after it. */
static int cross(struct elcl_state *state, const struct elcl_records *records,
                 const struct elcl_step_place *place, int l, elcl_error *err)
{
    const struct elcl_layer_weights *layer = &state->weights->decoder.layers[l];
    const struct elcl_norm *norm = state->arch->pre_norm ? &layer->ffn_norm : &layer->cross_norm;
    int rc = state->variant->cross(state, records, l, err);
    if (!rc && state->tap)
        rc = elcl_cross_tap_run(state->tap, state, records, l, err);
    return rc ? rc : elcl_state_add_norm(state, place, ELCL_B_Y, norm, -1, err);
}

/* Runs all layers. A prompt only needs the states: the last layer stops after self attention. */
static int layers(struct elcl_state *state, const struct elcl_records *records, bool prompt,
                  elcl_error *err)
{
    const struct elcl_stack_weights *w = &state->weights->decoder;
    const struct elcl_attention_variant *variant = state->variant;
    const struct elcl_step_place place = {records->buffer, records->rows_at, records->n_rows,
                                          false};
    const bool pre = state->arch->pre_norm, only = state->arch->decoder_only;
    const int first = variant->caches_h ? elcl_b_self(0) : -1;
    int rc;
    state->folds = elcl_gemm_takes_norm(state->ops, records->n_rows, state->arch->d);
    ELCL_TRY(embed(state, records, pre ? -1 : first, err));
    if (pre)
        ELCL_TRY(elcl_state_add_norm(state, &place, -1, &w->layers[0].self_norm, first, err));
    for (int l = 0; l < w->n_layers; l++) {
        const struct elcl_layer_weights *layer = &w->layers[l], *next = layer + 1;
        const bool last = l + 1 == w->n_layers;
        const struct elcl_norm *end = last ? &w->final_norm : &next->self_norm;
        const struct elcl_norm *follows = only ? &layer->ffn_norm : &layer->cross_norm;
        const int cache = variant->caches_h && !last ? elcl_b_self(l + 1) : -1;
        ELCL_TRY(variant->self(state, records, l, err));
        if (last && prompt)
            break;
        ELCL_TRY(elcl_state_add_norm(state, &place, ELCL_B_Y, pre ? follows : &layer->self_norm, -1,
                                     err));
        if (!only)
            ELCL_TRY(cross(state, records, &place, l, err));
        state->folds = state->folds && !last; /* the head reads buffer h */
        ELCL_TRY(elcl_state_ffn(state, layer, records->n_rows, err));
        ELCL_TRY(
            elcl_state_add_norm(state, &place, ELCL_B_Y, pre ? end : &layer->ffn_norm, cache, err));
    }
fail:
    state->folds = false;
    state->input.norm = NULL;
    return rc;
}

int elcl_decoder_prefill(struct elcl_state *state, const struct elcl_records *records,
                         elcl_error *err)
{
    struct elcl_buffer *b = state->buffers;
    const struct elcl_lineage_args tokens = {.next = &b[ELCL_B_LINEAGE_NEXT],
                                             .previous = &b[ELCL_B_LINEAGE],
                                             .tokens = &b[ELCL_B_TOKENS],
                                             .step = &b[records->buffer],
                                             .rows_at = records->rows_at,
                                             .r = records->n_rows,
                                             .ld = state->capacity.max_target,
                                             .max_length = 1};
    int rc;
    ELCL_TRY(elcl_ops_upload(state->ops, &b[records->buffer], records->data,
                             records->n * sizeof(*records->data), err));
    ELCL_TRY(elcl_op_lineage(state->ops, &tokens, err));
    ELCL_TRY(layers(state, records, true, err));
fail:
    return rc;
}

int elcl_decoder_step(struct elcl_state *state, const struct elcl_records *records, elcl_error *err)
{
    int rc;
    ELCL_TRY(continue_lineage(state, records, err));
    ELCL_TRY(layers(state, records, false, err));
    ELCL_TRY(candidates(state, records, err));
fail:
    return rc;
}

/* Computes the log-probabilities of m scored tokens from `at` on. Gathers the hidden states before
 * them, because given tokens are not scored. */
static int score_block(struct elcl_state *state, const struct elcl_records *records, int at, int m,
                       elcl_error *err)
{
    struct elcl_buffer *b = state->buffers;
    const int gathered = state->h == ELCL_B_H ? ELCL_B_X : ELCL_B_H; /* both are free by now */
    const size_t rows_at = records->scored_at + (size_t)at * ELCL_ROW_INTS;
    const size_t row_bytes = (size_t)state->arch->d * elcl_storage_bytes(state->ops->activations);
    const struct elcl_reorder_args gather = {.next = &b[gathered],
                                             .previous = &b[state->h],
                                             .step = &b[records->buffer],
                                             .rows_at = rows_at,
                                             .field = ELCL_ROW_PARENT,
                                             .r = m,
                                             .ld_bytes = row_bytes,
                                             .bytes = row_bytes};
    const struct elcl_log_prob_args log_prob = {.out = &b[ELCL_B_CANDIDATES],
                                                .logits = &b[ELCL_B_LOGITS],
                                                .step = &b[records->buffer],
                                                .rows_at = rows_at,
                                                .out_at = (size_t)at,
                                                .r = m,
                                                .v = state->arch->vocabulary,
                                                .among = records->among};
    int rc;
    ELCL_TRY(elcl_op_reorder(state->ops, &gather, err));
    ELCL_TRY(head(state, gathered, m, err));
    ELCL_TRY(elcl_op_log_prob(state->ops, &log_prob, err));
fail:
    return rc;
}

int elcl_decoder_score(struct elcl_state *state, const struct elcl_records *records,
                       elcl_error *err)
{
    const int block = state->capacity.score_block;
    int rc;
    ELCL_TRY(elcl_ops_upload(state->ops, &state->buffers[records->buffer], records->data,
                             records->n * sizeof(*records->data), err));
    ELCL_TRY(layers(state, records, false, err));
    for (int at = 0; at < records->n_scored; at += block)
        ELCL_TRY(score_block(state, records, at, elcl_min_int(block, records->n_scored - at), err));
fail:
    return rc;
}
