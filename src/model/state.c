#include "model/state.h"

#include "base/state_row.h"
#include "model/attn.h"

size_t elcl_capacity_step(const struct elcl_capacity *c)
{
    return (size_t)elcl_capacity_rows(c) * ((size_t)c->lists + ELCL_STEP_INTS) +
           (size_t)c->sentences * (size_t)c->max_source;
}

int elcl_state_n_buffers(const struct elcl_arch *arch)
{
    return ELCL_B_LAYERS + 2 * arch->decoder_layers;
}

/* Returns a * b * c * d, or SIZE_MAX if it overflows. */
static size_t product(size_t a, size_t b, size_t c, size_t d)
{
    size_t n = a;
    const bool fits = elcl_mul_size(n, b, &n) && elcl_mul_size(n, c, &n) && elcl_mul_size(n, d, &n);
    return fits ? n : SIZE_MAX;
}

static void put(struct elcl_buffer_spec *specs, int at, const char *label,
                enum elcl_buffer_category category, size_t bytes)
{
    specs[at] = (struct elcl_buffer_spec){label, category, bytes};
}

static void state_buffers(const struct elcl_arch *arch, enum elcl_attention attention,
                          enum elcl_storage state_storage, const struct elcl_capacity *c,
                          struct elcl_buffer_spec *specs)
{
    const size_t d = (size_t)arch->d, b = (size_t)c->sentences, s = (size_t)c->max_source;
    const size_t inner = (size_t)elcl_arch_inner(arch, arch->decoder_heads);
    const size_t dh = (size_t)elcl_arch_dh(arch, arch->decoder_heads);
    const size_t r = (size_t)elcl_capacity_rows(c), t = (size_t)c->max_target;
    const bool el = attention == ELCL_ATTN_EL, beam = attention == ELCL_ATTN_MHA_BEAM;
    const bool only = arch->decoder_only;
    const size_t rows = beam ? r * (size_t)elcl_capacity_row_cache(arch, c)
                             : r * t + b * (size_t)elcl_capacity_prompt(arch, c);
    const size_t hidden = elcl_state_row_bytes(state_storage, d, d),
                 kv = elcl_state_row_bytes(state_storage, 2 * inner, dh);
    const size_t self = product(rows, el ? hidden : kv, 1, 1);
    const size_t cross = el || only ? 0 : product(beam ? r : b, s, kv, 1);
    if (el && !only)
        put(specs, ELCL_B_SOURCE, "encoder output", ELCL_BUFFERS_SOURCE, product(b, s, hidden, 1));
    if (beam) {
        put(specs, ELCL_B_SPARE_SELF, "spare self cache", ELCL_BUFFERS_WORKSPACE, self);
        put(specs, ELCL_B_SPARE_CROSS, "spare cross cache", ELCL_BUFFERS_WORKSPACE, cross);
    }
    for (int l = 0; l < arch->decoder_layers; l++) {
        put(specs, elcl_b_self(l), el ? "hidden states" : "self K/V cache", ELCL_BUFFERS_SELF,
            self);
        put(specs, elcl_b_cross(l), "cross K/V", ELCL_BUFFERS_SOURCE, cross);
    }
}

static int widest_heads(const struct elcl_arch *arch)
{
    const int decoder = elcl_arch_inner(arch, arch->decoder_heads);
    return arch->decoder_only ? decoder
                              : elcl_max_int(decoder, elcl_arch_inner(arch, arch->encoder_heads));
}

/* Returns the most terms of a sum of a layer's products. */
static int longest_sum(const struct elcl_arch *arch)
{
    const int ffn = elcl_max_int(arch->encoder_ffn, arch->decoder_ffn);
    const int front = arch->input_width ? 3 * elcl_max_int(arch->d, arch->input_width) : 0;
    return elcl_max_int(elcl_max_int(elcl_max_int(arch->d, widest_heads(arch)), front),
                        elcl_max_int(ffn, elcl_arch_embed_width(arch)));
}

/* Returns the most rows of queries that el expands at once. */
static int expanded_rows(const struct elcl_arch *arch, const struct elcl_capacity *c)
{
    const int r = elcl_capacity_rows(c);
    if (arch->decoder_only)
        return elcl_max_int(r, c->encode_rows);
    return c->score_block ? r : elcl_max_int(r, elcl_capacity_prefix(arch, ELCL_ATTN_EL, c));
}

/* Returns the bytes of the largest rounded GEMM input: of the widths of a layer, of the head, or of
 * all heads' contexts. */
static size_t rounded_bytes(const struct elcl_arch *arch, enum elcl_attention attention,
                            const struct elcl_capacity *c)
{
    const int r = elcl_capacity_rows(c), rows = elcl_max_int(r, c->encode_rows);
    const int heads = arch->decoder_heads;
    const size_t layer = elcl_rounded_bytes(1, rows, longest_sum(arch));
    if (attention != ELCL_ATTN_EL)
        return layer;
    const size_t contexts = elcl_rounded_bytes(heads, expanded_rows(arch, c),
                                               elcl_max_int(arch->d, elcl_arch_dh(arch, heads)));
    return contexts > layer ? contexts : layer;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Returns the bytes of the rounded queries of narrow state. */
static size_t rounded_queries(const struct elcl_arch *arch, const struct elcl_capacity *c)
{
    return elcl_attn_el_rounded_bytes(expanded_rows(arch, c), arch->decoder_heads, arch->d);
}

/* Makes room for the front in buffers that the layers fill later: its products come before them. */
static void front_buffers(const struct elcl_arch *arch, const struct elcl_capacity *c,
                          struct elcl_buffer_spec *specs)
{
    const size_t outputs = (size_t)c->encode_rows, windows = (size_t)elcl_capacity_windows(arch, c),
                 frames = elcl_front_room(outputs, windows), d = (size_t)arch->d,
                 width = (size_t)arch->input_width, a = elcl_storage_bytes(c->activations);
    const size_t first = elcl_rounded_bytes(1, (int)frames, 3 * arch->input_width);
    const size_t second = elcl_rounded_bytes(1, (int)(outputs + windows), 3 * arch->d);
    struct elcl_buffer_spec *y = &specs[ELCL_B_Y], *qkv = &specs[ELCL_B_QKV],
                            *ffn = &specs[ELCL_B_FFN], *rounded = &specs[ELCL_B_ROUNDED];
    y->bytes = larger(y->bytes, product(outputs + windows, d, sizeof(float), 1));
    qkv->bytes = larger(qkv->bytes, product(frames, d, a, 1));
    ffn->bytes = larger(ffn->bytes, product(frames, width, a, 1));
    if (c->rounds_inputs)
        rounded->bytes = larger(rounded->bytes, larger(first, second));
}

/* Returns the bytes of the GPU kernels' probabilities for rows with at most `keys` keys. */
static size_t some_probabilities(const struct elcl_arch *arch, int rows, int keys)
{
    return product((size_t)rows, (size_t)arch->decoder_heads, elcl_attn_el_probabilities_ld(keys),
                   sizeof(float));
}

/* Returns the most keys of a row in a teacher-forced pass. */
static int score_keys(const struct elcl_arch *arch, const struct elcl_capacity *c)
{
    return elcl_min_int(elcl_max_int(elcl_capacity_rows(c), c->encode_rows), arch->max_positions);
}

/* Returns the bytes for the rows of a step with the longest source or output (one after the other
 * in decoder-only models), or of a prompt. Teacher-forced passes have the rows of some targets: no
 * target and no source is longer than all rows. */
static size_t probability_bytes(const struct elcl_arch *arch, const struct elcl_capacity *c)
{
    const int r = elcl_capacity_rows(c);
    if (c->score_block)
        return some_probabilities(arch, r, score_keys(arch, c));
    if (!arch->decoder_only)
        return some_probabilities(arch, expanded_rows(arch, c),
                                  elcl_max_int(c->max_source, c->max_target));
    const size_t step = some_probabilities(arch, r, elcl_capacity_row_cache(arch, c));
    const size_t prompt = some_probabilities(arch, c->encode_rows, c->max_source);
    return step > prompt ? step : prompt;
}

/* Floats from one row of logits to the next. */
static size_t logits_ld(const struct elcl_arch *arch)
{
    return ELCL_LOGITS_LD((size_t)arch->vocabulary);
}

/* Returns the bytes of `rows` rows of logits, which have room for the alignments of a row with
 * `keys` keys. */
static size_t logits_bytes(const struct elcl_arch *arch, size_t rows, int keys)
{
    const size_t logits = product(rows, logits_ld(arch), sizeof(float), 1);
    const size_t aligned = arch->decoder_only ? 0 : product((size_t)keys, 2 * sizeof(float), 1, 1);
    return logits > aligned ? logits : aligned;
}

/* Returns the bytes of the parts that the GPU kernels of multi-head attention cut contexts into. */
static size_t part_bytes(const struct elcl_arch *arch, const struct elcl_capacity *c)
{
    const int keys = arch->decoder_only ? elcl_capacity_row_cache(arch, c)
                                        : elcl_max_int(c->max_source, c->max_target);
    const size_t parts = (size_t)elcl_attn_mha_parts(keys);
    const size_t dh = (size_t)elcl_arch_dh(arch, arch->decoder_heads);
    return parts == 1 ? 0
                      : product((size_t)elcl_capacity_rows(c) * (size_t)arch->decoder_heads, parts,
                                dh + 2, sizeof(float));
}

static void workspace_buffers(const struct elcl_arch *arch, enum elcl_attention attention,
                              const struct elcl_capacity *c, struct elcl_buffer_spec *specs)
{
    const enum elcl_buffer_category w = ELCL_BUFFERS_WORKSPACE;
    const size_t d = (size_t)arch->d, r = (size_t)elcl_capacity_rows(c);
    const size_t encode = (size_t)c->encode_rows, rows = r > encode ? r : encode;
    const size_t t = (size_t)c->max_target, f = sizeof(float), i = sizeof(int32_t);
    const size_t ffn = (size_t)elcl_max_int(arch->encoder_ffn, arch->decoder_ffn);
    const size_t widest = (size_t)elcl_max_int(arch->d, elcl_arch_embed_width(arch));
    const size_t inner = (size_t)widest_heads(arch), a = elcl_storage_bytes(c->activations);
    const size_t heads = attention == ELCL_ATTN_EL ? product((size_t)expanded_rows(arch, c),
                                                             (size_t)arch->decoder_heads, d, 1)
                                                   : 0;
    const bool narrow = c->activations != ELCL_F32,
               apart = elcl_arch_input(arch, c->activations) == ELCL_B_H;
    put(specs, ELCL_B_STEP, "step records", w, product(elcl_capacity_step(c), i, 1, 1));
    put(specs, ELCL_B_ENCODE, "encode records", w,
        product(encode, ELCL_ROW_INTS + ELCL_ROW_GROUP_INTS, i, 1));
    put(specs, ELCL_B_X, "x", w, product(rows, d, f, 1));
    put(specs, ELCL_B_Y, "y", w, product(rows, c->gpu && inner > widest ? inner : widest, f, 1));
    put(specs, ELCL_B_H, "h", w, apart ? product(rows, narrow ? widest : d, a, 1) : 0);
    put(specs, ELCL_B_QKV, "qkv", w, product(rows, 3 * inner, a, 1));
    put(specs, ELCL_B_O, "o", w, product(rows, inner, a, 1));
    put(specs, ELCL_B_FFN, "ffn", w, product(rows, arch->gated ? 2 * ffn : ffn, a, 1));
    put(specs, ELCL_B_E, "expanded queries", w, product(heads, f, 1, 1)); /* one plane or two */
    put(specs, ELCL_B_C, "contexts", w, product(heads, a, 1, 1));
    put(specs, ELCL_B_PROBABILITIES, "probabilities", w,
        attention == ELCL_ATTN_EL && c->gpu ? probability_bytes(arch, c) : 0);
    put(specs, ELCL_B_PARTS, "parts of contexts", w,
        attention != ELCL_ATTN_EL && c->gpu ? part_bytes(arch, c) : 0);
    put(specs, ELCL_B_LOGITS, "logits", w, logits_bytes(arch, r, c->max_source));
    put(specs, ELCL_B_CANDIDATES, "candidates", w, product(r, (size_t)c->width, 2 * i, 1));
    put(specs, ELCL_B_LINEAGE, "lineage", w, product(r, t, i, 1));
    put(specs, ELCL_B_LINEAGE_NEXT, "lineage", w, product(r, t, i, 1));
    put(specs, ELCL_B_ROUNDED, "rounded rows", w,
        larger(c->rounds_inputs ? rounded_bytes(arch, attention, c) : 0,
               c->rounds_queries && attention == ELCL_ATTN_EL ? rounded_queries(arch, c) : 0));
    put(specs, ELCL_B_SLICES, "slices of sums", w,
        c->gpu && narrow ? elcl_slices_bytes((int)rows, longest_sum(arch)) : 0);
    put(specs, ELCL_B_TOKENS, "tokens", w,
        product(r * t + (size_t)c->sentences * (size_t)elcl_capacity_prompt(arch, c), i, 1, 1));
}

/* Adjusts the buffers of teacher-forced passes: few rows of logits at once, no histories, nothing
 * to reorder, and in every model rows of hidden states apart from the residual stream. */
static void score_buffers(const struct elcl_arch *arch, const struct elcl_capacity *c,
                          struct elcl_buffer_spec *specs)
{
    static const int absent[] = {ELCL_B_PARTS,  ELCL_B_LINEAGE,    ELCL_B_LINEAGE_NEXT,
                                 ELCL_B_TOKENS, ELCL_B_SPARE_SELF, ELCL_B_SPARE_CROSS};
    const size_t rows = (size_t)elcl_capacity_rows(c), block = (size_t)c->score_block;
    for (size_t i = 0; i < ELCL_COUNT(absent); i++)
        specs[absent[i]].bytes = 0;
    put(specs, ELCL_B_LOGITS, "logits", ELCL_BUFFERS_WORKSPACE,
        logits_bytes(arch, block, score_keys(arch, c)));
    if (!specs[ELCL_B_H].bytes)
        put(specs, ELCL_B_H, "h", ELCL_BUFFERS_WORKSPACE,
            product(rows, (size_t)arch->d, elcl_storage_bytes(c->activations), 1));
}

bool elcl_state_buffers(const struct elcl_arch *arch, enum elcl_attention attention,
                        enum elcl_storage state_storage, const struct elcl_capacity *capacity,
                        struct elcl_buffer_spec *specs)
{
    const int n = elcl_state_n_buffers(arch);
    for (int i = 0; i < n; i++)
        specs[i] = (struct elcl_buffer_spec){"", ELCL_BUFFERS_WORKSPACE, 0};
    state_buffers(arch, attention, state_storage, capacity, specs);
    workspace_buffers(arch, attention, capacity, specs);
    if (arch->input_width)
        front_buffers(arch, capacity, specs);
    if (capacity->score_block)
        score_buffers(arch, capacity, specs);
    for (int i = 0; i < n; i++)
        if (specs[i].bytes == SIZE_MAX)
            return false;
    return true;
}

static int create_buffers(struct elcl_state *state, struct elcl_ops *ops,
                          const struct elcl_buffer_spec *specs, elcl_error *err)
{
    int rc = ELCL_OK;
    for (int i = 0; !rc && i < state->n_buffers; i++) {
        if (i == ELCL_B_ROUNDED)
            rc = elcl_ops_reserve_rounded(ops, specs[i].bytes, err);
        else if (i == ELCL_B_SLICES)
            rc = elcl_ops_reserve_slices(ops, specs[i].bytes, err);
        else if (specs[i].bytes)
            rc = elcl_buffer_create(ops->device, specs[i].label, specs[i].bytes, &state->buffers[i],
                                    err);
    }
    return rc;
}

int elcl_state_init(struct elcl_state *state, const struct elcl_arch *arch,
                    const struct elcl_weights *weights, enum elcl_attention attention,
                    const struct elcl_capacity *capacity, struct elcl_ops *ops, elcl_error *err)
{
    struct elcl_state r = {.arch = arch,
                           .weights = weights,
                           .variant = elcl_attention_variant(attention),
                           .capacity = *capacity,
                           .n_buffers = elcl_state_n_buffers(arch),
                           .h = elcl_arch_input(arch, ops->activations)};
    struct elcl_buffer_spec *specs = elcl_calloc((size_t)r.n_buffers, sizeof(*specs));
    r.buffers = elcl_calloc((size_t)r.n_buffers, sizeof(*r.buffers));
    int rc = specs && r.buffers ? ELCL_OK : elcl_fail_nomem(err);
    if (!rc && !elcl_state_buffers(arch, attention, ops->state, capacity, specs))
        rc = elcl_fail(err, ELCL_E_DEVICE_NOMEM,
                       "a batch of %d sentences with %d beams, %d source "
                       "and %d target tokens is too large",
                       capacity->sentences, capacity->beams, capacity->max_source,
                       capacity->max_target);
    if (!rc)
        rc = create_buffers(&r, ops, specs, err);
    elcl_free(specs);
    if (rc) {
        elcl_state_finish(&r);
        return rc;
    }
    r.ops = ops;
    *state = r;
    return ELCL_OK;
}

void elcl_state_finish(struct elcl_state *state)
{
    elcl_ops_destroy(&state->ops); /* waits: then nothing uses the buffers */
    for (int i = 0; state->buffers && i < state->n_buffers; i++)
        elcl_buffer_destroy(&state->buffers[i]);
    elcl_free(state->buffers);
    *state = (struct elcl_state){0};
}

const struct elcl_attention_variant *elcl_attention_variant(enum elcl_attention attention)
{
    static const struct elcl_attention_variant *const variants[] = {&elcl_attn_el, &elcl_attn_mha,
                                                                    &elcl_attn_mha_beam};
    for (size_t i = 0; i < ELCL_COUNT(variants); i++)
        if (variants[i]->id == attention)
            return variants[i];
    return NULL;
}
