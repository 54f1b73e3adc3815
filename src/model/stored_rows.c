/*
 * The encoder's output as bytes that the host keeps and gives back. With el they are rows of the
 * state, which cross attention reads; else rows of activations, of which the decoder's layers make
 * keys and values. Either way the bytes come back unchanged, whatever the type.
 */
#include "base/state_row.h"
#include "model/attn.h"

enum elcl_storage elcl_stored_type(enum elcl_attention attention, const struct elcl_ops *ops)
{
    return attention == ELCL_ATTN_EL ? ops->state : ops->activations;
}

size_t elcl_stored_row_bytes(const struct elcl_arch *arch, enum elcl_attention attention,
                             const struct elcl_ops *ops)
{
    const size_t d = (size_t)arch->d;
    return elcl_state_row_bytes(elcl_stored_type(attention, ops), d, d);
}

/* Returns how many rows from `first` on lie one after another in the state; *at is the first one's
 * place there. */
static int next_run(const struct elcl_records *records, int first, size_t *at)
{
    const int32_t *rows = records->data + records->rows_at;
    const int32_t place = rows[first * ELCL_ROW_INTS + ELCL_ROW_CACHE_ROW];
    int n = 1;
    while (first + n < records->n_rows &&
           rows[(first + n) * ELCL_ROW_INTS + ELCL_ROW_CACHE_ROW] == place + n)
        n++;
    *at = (size_t)place;
    return n;
}

/* Copies all rows between the host and ELCL_B_SOURCE. */
static int copy_runs(struct elcl_state *state, const struct elcl_records *records, char *to,
                     const char *from, elcl_error *err)
{
    const struct elcl_buffer *source = &state->buffers[ELCL_B_SOURCE];
    const size_t row = elcl_stored_row_bytes(state->arch, state->variant->id, state->ops);
    int rc = ELCL_OK;
    for (int first = 0, n; !rc && first < records->n_rows; first += n) {
        size_t place;
        n = next_run(records, first, &place);
        const size_t at = (size_t)first * row, bytes = (size_t)n * row;
        rc = to ? elcl_ops_download_at(state->ops, source, place * row, to + at, bytes, err)
                : elcl_ops_upload_at(state->ops, source, place * row, from + at, bytes, err);
    }
    return rc;
}

int elcl_stored_rows_read(struct elcl_state *state, const struct elcl_records *records, void *rows,
                          elcl_error *err)
{
    const enum elcl_attention attention = state->variant->id;
    const size_t row = elcl_stored_row_bytes(state->arch, attention, state->ops);
    if (elcl_stored_type(attention, state->ops) == state->ops->activations)
        return elcl_ops_download(state->ops, &state->buffers[state->h], rows,
                                 (size_t)records->n_rows * row, err);
    const int rc = copy_runs(state, records, rows, NULL, err);
    return rc ? rc : elcl_ops_finish(state->ops, err);
}

int elcl_stored_rows_write(struct elcl_state *state, const struct elcl_records *records,
                           elcl_error *err)
{
    const size_t row = elcl_stored_row_bytes(state->arch, state->variant->id, state->ops);
    return state->variant->admit
               ? elcl_ops_upload(state->ops, &state->buffers[state->h], records->stored,
                                 (size_t)records->n_rows * row, err)
               : copy_runs(state, records, NULL, records->stored, err);
}
