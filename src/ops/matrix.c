/* Weights: from a host tensor to packed panels on the device. */
#include <math.h>
#include <string.h>

#include "base/half.h"
#include "base/util.h"
#include "device/dot.h"
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

/* How a panel lies in memory. */
struct layout {
    enum elcl_storage storage;
    int width, k;
    int group;   /* neighbours in k side by side */
    bool narrow; /* for products of int8 or of bf16 */
    bool pairs;  /* a column of the first half beside one of the second */
};

bool elcl_ops_weight_pairs(const struct elcl_ops *ops)
{
    return ops->panel && ops->weights == ELCL_BF16 && !ops->dot;
}

static struct layout layout_of(const struct elcl_ops *ops, const struct elcl_matrix *m)
{
    return (struct layout){ops->weights,
                           m->panel,
                           m->k,
                           elcl_dot_kinds[ops->dot].group,
                           ops->dot != ELCL_DOT_NONE,
                           elcl_ops_weight_pairs(ops)};
}

/* Bytes of a panel's values, and of the scales behind those of int8, which stand at a multiple of
 * 4, and with products of int8 of the sums behind these. */
static size_t values_bytes(const struct layout *l)
{
    const size_t k = l->narrow ? elcl_round_up((size_t)l->k, 4) : (size_t)l->k;
    const size_t bytes = (size_t)l->width * k * elcl_storage_bytes(l->storage);
    return l->storage == ELCL_INT8 ? elcl_round_up(bytes, sizeof(float)) : bytes;
}

static size_t panel_bytes(const struct layout *l)
{
    const size_t tail = l->storage != ELCL_INT8 ? 0
                        : l->narrow             ? sizeof(float) + sizeof(int32_t)
                                                : sizeof(float);
    return values_bytes(l) + (size_t)l->width * tail;
}

/* Where column `lane` begins in a panel. Its next elements stand behind it up to `group`, the next
 * groups a multiple of width * group further. */
static size_t column_start(const struct layout *l, int lane)
{
    if (l->pairs)
        lane = lane % (l->width / 2) * 2 + lane / (l->width / 2);
    return (size_t)lane * (size_t)l->group;
}

/* Column `lane` of a panel, the elements from `from` on of the source. Large models start as fast
 * as this loop runs, so that it divides nothing. */
static void pack_column(const struct layout *l, const struct elcl_matrix_source *source,
                        size_t from, char *panel, int lane)
{
    const size_t group = (size_t)l->group, next = (size_t)l->width * group, k = (size_t)l->k;
    size_t to = column_start(l, lane);
    for (size_t i = 0; i < k; i += group, to += next)
        for (size_t j = 0; j < group && i + j < k; j++)
            put_value(panel, l->storage, to + j,
                      source_value(source, from + (i + j) * source->k_stride));
}

/* The factor that makes a column's largest whole number 127. What is not finite makes it NaN, and
 * with it every sum of the column. */
static float column_scale(const float *values, size_t n)
{
    uint32_t largest = 0; /* as bits, which are in the order of the numbers, NaN behind all */
    for (size_t k = 0; k < n; k++) {
        const uint32_t bits = elcl_f32_to_bits(values[k]) & 0x7fffffffu;
        largest = bits > largest ? bits : largest;
    }
    const float f = elcl_bits_to_f32(largest);
    return isfinite(f) ? f / 127 : NAN;
}

/* The nearest whole number, ties to even, of |value| <= 2^21: beside 3 * 2^22 f32 has no room for
 * more than the whole numbers, which then are the low bits. */
static int32_t nearest_whole(float value)
{
    return (int32_t)(elcl_f32_to_bits(value + 12582912.0f) - 0x4b400000u);
}

/* pack_column() in int8; values [K] are for its own use. */
static void pack_int8_column(const struct layout *l, const struct elcl_matrix_source *source,
                             size_t from, char *panel, int lane, float *values)
{
    const size_t group = (size_t)l->group, next = (size_t)l->width * group, n = (size_t)l->k;
    for (size_t k = 0; k < n; k++)
        values[k] = source_value(source, from + k * source->k_stride);
    const float scale = column_scale(values, n);
    char *tail = panel + values_bytes(l) + (size_t)lane * sizeof(scale);
    int8_t *to = (int8_t *)panel + column_start(l, lane);
    int32_t sum = 0;
    for (size_t k = 0; scale > 0 && k < n; k += group, to += next)
        for (size_t j = 0; j < group && k + j < n; j++) {
            const float value = values[k + j] / scale;
            const int32_t whole = nearest_whole(value < -127 ? -127 : value > 127 ? 127 : value);
            to[j] = (int8_t)whole;
            sum += whole;
        }
    memcpy(tail, &scale, sizeof(scale));
    if (l->narrow)
        memcpy(tail + (size_t)l->width * sizeof(scale), &sum, sizeof(sum));
}

/* Column n of W goes to its panel and lane. */
static void put_column(const struct layout *l, const struct elcl_matrix *m, int b, int n,
                       const struct elcl_matrix_source *source, int source_n, char *packed,
                       float *values)
{
    const size_t panel = (size_t)b * m->panels + n / l->width;
    const size_t from = b * source->batch_stride + source_n * source->n_stride;
    char *to = packed + panel * panel_bytes(l);
    if (l->storage == ELCL_INT8)
        pack_int8_column(l, source, from, to, n % l->width, values);
    else
        pack_column(l, source, from, to, n % l->width);
}

size_t elcl_matrix_bytes(int panel, bool narrow, enum elcl_storage storage, int batch, int n, int k)
{
    const struct layout l = {storage, panel ? panel : n, k, 1, narrow, false};
    return (size_t)batch * elcl_div_up((size_t)n, (size_t)l.width) * panel_bytes(&l);
}

/* Sums of whole numbers, of which one of a row may be twice as large, stay within int. */
#define MOST_K_OF_INTEGERS 65536

int elcl_matrix_create(struct elcl_ops *ops, const char *label, int batch, int k,
                       const struct elcl_matrix_source *sources, int n_sources,
                       struct elcl_matrix *matrix, elcl_error *err)
{
    struct elcl_matrix m = {.batch = batch, .k = k};
    for (int i = 0; i < n_sources; i++)
        m.n += sources[i].n;
    m.panel = ops->panel ? ops->panel : m.n;
    m.panels = (int)elcl_div_up((size_t)m.n, (size_t)m.panel);
    if (ops->dot && ops->weights == ELCL_INT8 && k > MOST_K_OF_INTEGERS)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "integer products of %d inputs might overflow, expected at most %d: use "
                         "--products f32",
                         k, MOST_K_OF_INTEGERS);
    const struct layout layout = layout_of(ops, &m);
    const size_t bytes = elcl_matrix_bytes(ops->panel, ops->dot, ops->weights, batch, m.n, k);
    char *packed = elcl_calloc(bytes, 1);
    float *values = elcl_calloc((size_t)k, sizeof(*values));
    if (!packed || !values) {
        elcl_free(values);
        elcl_free(packed);
        return elcl_fail_nomem(err);
    }
    for (int b = 0; b < batch; b++)
        for (int i = 0, n = 0; i < n_sources; i++)
            for (int j = 0; j < sources[i].n; j++, n++)
                put_column(&layout, &m, b, n, &sources[i], j, packed, values);
    elcl_free(values);
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
