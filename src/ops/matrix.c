/* Weights: from a host tensor to packed panels on the device. */
#include <math.h>
#include <string.h>

#include "base/half.h"
#include "base/util.h"
#include "ops/ops.h"

static float source_value(const struct elcl_matrix_source *source, size_t at)
{
    const char *p = (const char *)source->data + at * elcl_storage_bytes(source->dtype);
    if (source->dtype == ELCL_F32) {
        float f;
        memcpy(&f, p, sizeof(f));
        return f;
    }
    uint16_t h;
    memcpy(&h, p, sizeof(h));
    return source->dtype == ELCL_F16 ? elcl_f16_to_f32(h) : elcl_bf16_to_f32(h);
}

static void put_value(void *packed, enum elcl_storage storage, size_t at, float value)
{
    if (storage == ELCL_F32)
        ((float *)packed)[at] = value;
    else
        ((uint16_t *)packed)[at] =
            storage == ELCL_F16 ? elcl_f32_to_f16(value) : elcl_f32_to_bf16(value);
}

/* Bytes of a panel's values, and of the scales behind them, which stand at a multiple of 4. */
static size_t values_bytes(enum elcl_storage storage, int width, int k)
{
    const size_t bytes = (size_t)width * (size_t)k * elcl_storage_bytes(storage);
    return storage == ELCL_INT8 ? elcl_round_up(bytes, sizeof(float)) : bytes;
}

static size_t panel_bytes(enum elcl_storage storage, int width, int k)
{
    return values_bytes(storage, width, k) +
           (storage == ELCL_INT8 ? (size_t)width * sizeof(float) : 0);
}

/* Column `lane` of a panel, the elements from `from` on of the source. */
static void pack_column(const struct elcl_matrix *m, enum elcl_storage storage,
                        const struct elcl_matrix_source *source, size_t from, char *panel, int lane)
{
    for (int k = 0; k < m->k; k++)
        put_value(panel, storage, (size_t)k * m->panel + lane,
                  source_value(source, from + k * source->k_stride));
}

/* The same in int8: the scale makes the largest 127. What is not finite makes the scale NaN, and
 * with it every sum of the column. */
static void pack_int8_column(const struct elcl_matrix *m, const struct elcl_matrix_source *source,
                             size_t from, char *panel, int lane)
{
    float largest = 0, scale;
    bool finite = true;
    for (int k = 0; k < m->k; k++) {
        const float value = fabsf(source_value(source, from + k * source->k_stride));
        finite = finite && isfinite(value);
        largest = value > largest ? value : largest;
    }
    scale = finite ? largest / 127 : NAN;
    memcpy(panel + values_bytes(ELCL_INT8, m->panel, m->k) + lane * sizeof(scale), &scale,
           sizeof(scale));
    if (!(scale > 0))
        return;
    for (int k = 0; k < m->k; k++) {
        const float value = source_value(source, from + k * source->k_stride) / scale;
        ((int8_t *)panel)[(size_t)k * m->panel + lane] =
            (int8_t)lrintf(fmaxf(-127, fminf(value, 127)));
    }
}

/* Column n of W goes to its panel and lane. */
static void put_column(const struct elcl_matrix *m, enum elcl_storage storage, int b, int n,
                       const struct elcl_matrix_source *source, int source_n, char *packed)
{
    const size_t panel = (size_t)b * m->panels + n / m->panel;
    const size_t from = b * source->batch_stride + source_n * source->n_stride;
    char *to = packed + panel * panel_bytes(storage, m->panel, m->k);
    if (storage == ELCL_INT8)
        pack_int8_column(m, source, from, to, n % m->panel);
    else
        pack_column(m, storage, source, from, to, n % m->panel);
}

size_t elcl_matrix_bytes(int panel, enum elcl_storage storage, int batch, int n, int k)
{
    const size_t width = panel ? (size_t)panel : (size_t)n;
    return (size_t)batch * elcl_div_up((size_t)n, width) * panel_bytes(storage, (int)width, k);
}

int elcl_matrix_create(struct elcl_ops *ops, const char *label, int batch, int k,
                       const struct elcl_matrix_source *sources, int n_sources,
                       struct elcl_matrix *matrix, elcl_error *err)
{
    struct elcl_matrix m = {.batch = batch, .k = k};
    for (int i = 0; i < n_sources; i++)
        m.n += sources[i].n;
    m.panel = ops->panel ? ops->panel : m.n;
    m.panels = (int)elcl_div_up((size_t)m.n, (size_t)m.panel);
    const size_t bytes = elcl_matrix_bytes(ops->panel, ops->weights, batch, m.n, k);
    char *packed = elcl_calloc(bytes, 1);
    if (!packed)
        return elcl_fail_nomem(err);
    for (int b = 0; b < batch; b++)
        for (int i = 0, n = 0; i < n_sources; i++)
            for (int j = 0; j < sources[i].n; j++, n++)
                put_column(&m, ops->weights, b, n, &sources[i], j, packed);
    int rc = elcl_buffer_create(ops->device, label, bytes, &m.buffer, err);
    if (!rc)
        rc = elcl_buffer_write(&m.buffer, 0, packed, bytes, err);
    elcl_free(packed);
    if (rc)
        elcl_buffer_destroy(&m.buffer);
    else
        *matrix = m;
    return rc;
}
