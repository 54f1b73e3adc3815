#include "model/cross_tap.h"

#include <stdio.h>

#include "base/util.h"
#include "model/attn.h"
#include "search/options.h"

#define MOST_HEADS 4096 /* in a list: more than any model has */

int elcl_cross_tap_check(const struct elcl_arch *arch, int layer, int head, elcl_error *err)
{
    const int rc = elcl_check_int("alignment_layer", layer, -1, arch->decoder_layers - 1, err);
    return rc ? rc : elcl_check_int("alignment_head", head, -1, arch->decoder_heads - 1, err);
}

int elcl_cross_tap_check_list(const struct elcl_arch *arch, const elcl_cross_head *heads,
                              unsigned n, elcl_error *err)
{
    if (n > MOST_HEADS || (n && !heads))
        return elcl_fail(err, ELCL_E_ARG,
                         "n_heads is %u: must be 0 .. %d, with that many entries in heads", n,
                         MOST_HEADS);
    for (unsigned i = 0; i < n; i++) {
        char name[48];
        snprintf(name, sizeof(name), "heads[%u].layer", i);
        int rc = elcl_check_int(name, heads[i].layer, -1, arch->decoder_layers - 1, err);
        snprintf(name, sizeof(name), "heads[%u].head", i);
        if (!rc)
            rc = elcl_check_int(name, heads[i].head, -1, arch->decoder_heads - 1, err);
        if (rc)
            return rc;
    }
    return ELCL_OK;
}

/* Makes room for n floats. What was there before lives until the queue's memory is freed. */
static int reserve(struct elcl_cross_tap *tap, struct elcl_ops *ops, size_t n, elcl_error *err)
{
    if (n <= tap->room)
        return ELCL_OK;
    const size_t room = n > 2 * tap->room ? n : 2 * tap->room;
    float *means = elcl_ops_host_memory(ops, room, sizeof(*means));
    if (!means)
        return elcl_fail_nomem(err);
    tap->means = means;
    tap->room = room;
    return ELCL_OK;
}

/* Where queries and keys of layer l are, in the groups of its cross attention; head -1: the mean of
 * all. */
static struct elcl_align_args arguments(const struct elcl_state *state,
                                        const struct elcl_records *records, int l, int head)
{
    const struct elcl_arch *arch = state->arch;
    const bool el = state->variant->id == ELCL_ATTN_EL;
    const int heads = arch->decoder_heads, dh = elcl_arch_dh(arch, heads);
    const int width = el ? arch->d : dh;
    return (struct elcl_align_args){
        .means = &state->buffers[ELCL_B_LOGITS],
        .q = &state->buffers[el ? ELCL_B_E : ELCL_B_QKV],
        .k = &state->buffers[el ? (int)ELCL_B_SOURCE : elcl_b_cross(l)],
        .step = &state->buffers[records->buffer],
        .groups_at = records->cross_at,
        .el = el,
        .q_low = (size_t)records->n_rows * (size_t)heads * (size_t)width,
        .n_groups = records->n_cross,
        .max_rows = state->variant->cache_by_row ? 1 : records->max_rows,
        .ld = records->max_source,
        .q_ld = heads * width,
        .k_ld = el ? arch->d : 2 * elcl_arch_inner(arch, heads),
        .k_head = el ? 0 : dh,
        .width = width,
        .first_head = elcl_max_int(head, 0),
        .n_heads = head < 0 ? heads : 1,
        .scale = elcl_cross_scale(arch),
        .keys = records->cross_keys};
}

/* Writes the means [n_rows, ld] of a head. */
static int run_head(struct elcl_state *state, const struct elcl_records *records, int l, int head,
                    float *to, elcl_error *err)
{
    const struct elcl_buffer *means = &state->buffers[ELCL_B_LOGITS];
    const size_t ld = (size_t)records->max_source, floats = means->bytes / sizeof(float);
    const int most = (int)(floats / (2 * ld)); /* rows that fit with their scratch, at least one */
    struct elcl_align_args args = arguments(state, records, l, head);
    int rc = ELCL_OK;
    for (int row = 0; row < records->n_rows; row += args.n_rows) {
        args.first_row = row;
        args.n_rows = elcl_min_int(most, records->n_rows - row);
        ELCL_TRY(elcl_op_align(state->ops, &args, err));
        ELCL_TRY(elcl_ops_download(state->ops, means, to + (size_t)row * ld,
                                   (size_t)args.n_rows * ld * sizeof(float), err));
    }
fail:
    return rc;
}

int elcl_cross_tap_run(struct elcl_cross_tap *tap, struct elcl_state *state,
                       const struct elcl_records *records, int l, elcl_error *err)
{
    const int last = state->arch->decoder_layers - 1;
    const size_t each = (size_t)records->n_rows * (size_t)records->max_source;
    int rc;
    ELCL_TRY(reserve(tap, state->ops, (size_t)tap->n_heads * each, err));
    tap->n_rows = records->n_rows;
    tap->ld = records->max_source;
    for (int i = 0; i < tap->n_heads; i++) {
        const elcl_cross_head *h = &tap->heads[i];
        if ((h->layer < 0 ? last : h->layer) == l)
            ELCL_TRY(run_head(state, records, l, h->head, tap->means + (size_t)i * each, err));
    }
fail:
    return rc;
}

void elcl_cross_tap_drop(struct elcl_cross_tap *tap)
{
    tap->means = NULL;
    tap->room = 0;
}
