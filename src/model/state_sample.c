#include "model/state_sample.h"

#include <math.h>

#include "base/half.h"
#include "base/state_row.h"
#include "model/attn.h"

/* An element of a row, and the factor of its group. */
struct element {
    double value, factor;
};

static struct element read_element(enum elcl_storage storage, const unsigned char *row, size_t n,
                                   size_t part, size_t i)
{
    const size_t of = i / part, d = i % part, group = d / elcl_state_group(storage),
                 groups = elcl_div_up(part, elcl_state_group(storage));
    const unsigned char *values = row + of * elcl_state_part_bytes(storage, part);
    const unsigned char *pair =
        row + elcl_state_groups_at(storage, n, part) + (of * groups + group) * sizeof(uint32_t);
    const double factor = (double)elcl_f16_to_f32((uint16_t)elcl_read_le(pair, 2)),
                 offset = (double)elcl_f16_to_f32((uint16_t)elcl_read_le(pair + 2, 2));
    const int whole = storage == ELCL_INT8
                          ? values[d]
                          : values[d / 32 * 16 + d % 16] >> (d % 32 < 16 ? 0 : 4) & 15;
    return (struct element){factor * whole + offset, factor};
}

double elcl_state_loss(enum elcl_storage storage, const void *bits, size_t rows, size_t n,
                       size_t part)
{
    const size_t row_bytes = elcl_state_row_bytes(storage, n, part);
    double lost = 0;
    for (size_t i = 0; i < n; i++) {
        double error = 0, square = 0;
        for (size_t r = 0; r < rows; r++) {
            const unsigned char *row = (const unsigned char *)bits + r * row_bytes;
            const struct element e = read_element(storage, row, n, part, i);
            error += e.factor * e.factor / 12;
            square += e.value * e.value;
        }
        if (!isfinite(error))
            return 1;
        lost += error > square ? 1 : error > 0 ? error / square : 0;
    }
    return sqrt(lost / (double)n);
}

/* The state that an encoding or a prompt leaves in a layer. */
struct place {
    int n_buffers;
    bool self;
    int field; /* of the records: the cache row */
    size_t n, part;
};

static struct place place_of(const struct elcl_state *state)
{
    const struct elcl_arch *arch = state->arch;
    const bool el = state->variant->id == ELCL_ATTN_EL, only = arch->decoder_only;
    const size_t d = (size_t)arch->d, dh = (size_t)elcl_arch_dh(arch, arch->decoder_heads);
    const size_t kv = 2 * (size_t)elcl_arch_inner(arch, arch->decoder_heads);
    return (struct place){.n_buffers = el && !only ? 1 : arch->decoder_layers,
                          .self = only,
                          .field = only && !el ? ELCL_ROW_KV_ROW : ELCL_ROW_CACHE_ROW,
                          .n = el ? d : kv,
                          .part = el ? d : dh};
}

static int buffer_of(const struct elcl_state *state, const struct place *place, int layer)
{
    return place->self                          ? elcl_b_self(layer)
           : state->variant->id == ELCL_ATTN_EL ? (int)ELCL_B_SOURCE
                                                : elcl_b_cross(layer);
}

static int read_rows(struct elcl_state *state, const struct elcl_records *records,
                     const struct place *place, int layer, int rows, char *bits, elcl_error *err)
{
    const struct elcl_buffer *from = &state->buffers[buffer_of(state, place, layer)];
    const size_t row_bytes = elcl_state_row_bytes(state->ops->state, place->n, place->part);
    const int32_t *record = records->data + records->rows_at;
    int rc = ELCL_OK;
    for (int r = 0; !rc && r < rows; r++)
        rc = elcl_ops_download_at(state->ops, from,
                                  (size_t)record[r * ELCL_ROW_INTS + place->field] * row_bytes,
                                  bits + (size_t)r * row_bytes, row_bytes, err);
    return rc ? rc : elcl_ops_finish(state->ops, err);
}

static void report(const struct elcl_state *state, const struct place *place, int rows, double loss)
{
    const bool int8 = state->ops->state == ELCL_INT8, bad = loss > ELCL_STATE_LOSS;
    const char *advice = !bad ? ""
                         : int8
                             ? ": some channels are much larger than others; expect other results, "
                               "or use state in f16 or bf16"
                             : ": some channels are much larger than others; expect other results, "
                               "or use state in int8, f16 or bf16";
    elcl_device_log(state->ops->device, bad ? ELCL_LOG_WARNING : ELCL_LOG_INFO,
                    "%s state loses %.1f %% of this model's %s to rounding (%d rows measured)%s",
                    int8 ? "int8" : "int4", 100 * loss,
                    state->variant->id != ELCL_ATTN_EL ? "keys and values"
                    : place->self                      ? "hidden states"
                                                       : "encoder output",
                    rows, advice);
}

int elcl_state_sample(struct elcl_state *state, const struct elcl_records *records, bool *done,
                      elcl_error *err)
{
    const enum elcl_storage storage = state->ops->state;
    const struct place place = place_of(state);
    const int rows = elcl_min_int(records->n_rows, ELCL_STATE_SAMPLE_MAX);
    double loss = 0;
    if (!elcl_state_is_narrow(storage) || rows < ELCL_STATE_SAMPLE_MIN)
        return ELCL_OK;
    char *bits = elcl_ops_host_memory(state->ops, (size_t)rows,
                                      elcl_state_row_bytes(storage, place.n, place.part));
    if (!bits)
        return elcl_fail_nomem(err);
    for (int l = 0; l < place.n_buffers; l++) {
        const int rc = read_rows(state, records, &place, l, rows, bits, err);
        if (rc)
            return rc;
        loss = fmax(loss, elcl_state_loss(storage, bits, (size_t)rows, place.n, place.part));
    }
    report(state, &place, rows, loss);
    *done = true;
    return ELCL_OK;
}
