/* Weights: from a host tensor to packed panels on the device. */
#include <math.h>
#include <string.h>

#include "base/half.h"
#include "base/parallel.h"
#include "base/util.h"
#include "ops/ops.h"

/* Loads values [n]: elements 0, step, ... after `from`. Large models start as fast as these loops
 * run: they decide nothing inside. Tensors in files are not aligned. */
static inline void load_strided(enum elcl_storage dtype, const char *from, size_t step, size_t n,
                                float *values)
{
    uint16_t h;
    if (dtype == ELCL_F32)
        for (size_t i = 0; i < n; i++)
            memcpy(values + i, from + i * step * sizeof(*values), sizeof(*values));
    else if (dtype == ELCL_BF16)
        for (size_t i = 0; i < n; i++) {
            memcpy(&h, from + i * step * sizeof(h), sizeof(h));
            values[i] = elcl_bf16_to_f32(h);
        }
    else
        for (size_t i = 0; i < n; i++) {
            memcpy(&h, from + i * step * sizeof(h), sizeof(h));
            values[i] = elcl_f16_to_f32(h);
        }
}

/* values [n]: elements at, at + k_stride, ... of the source. */
static void load_values(const struct elcl_matrix_source *source, size_t at, size_t n, float *values)
{
    const char *from = (const char *)source->data + at * elcl_storage_bytes(source->dtype);
    if (source->k_stride == 1) /* on its own, that compilers make vectors of it */
        load_strided(source->dtype, from, 1, n, values);
    else
        load_strided(source->dtype, from, source->k_stride, n, values);
}

/* values [n] go to the elements at, at + step, ... of the panel. */
static void store_values(void *panel, enum elcl_storage storage, size_t at, size_t step, size_t n,
                         const float *values)
{
    float *wide = panel;
    uint16_t *half = panel;
    if (storage == ELCL_F32)
        for (size_t i = 0; i < n; i++)
            wide[at + i * step] = values[i];
    else if (storage == ELCL_BF16)
        for (size_t i = 0; i < n; i++)
            half[at + i * step] = elcl_f32_to_bf16(values[i]);
    else
        for (size_t i = 0; i < n; i++)
            half[at + i * step] = elcl_f32_to_f16(values[i]);
}

/* How a panel lies in memory. */
struct layout {
    enum elcl_storage storage;
    int width, k;
    int k_pack;   /* neighbors in k side by side */
    bool rounded; /* for products of int8 or of bf16 */
    bool pairs;   /* a column of the first half beside one of the second */
};

static struct layout layout_of(const struct elcl_ops *ops, const struct elcl_matrix *m)
{
    return (struct layout){ops->weights,
                           m->panel,
                           m->k,
                           elcl_dot_kinds[ops->dot].k_pack,
                           ops->dot != ELCL_DOT_NONE,
                           ops->weight_pairs};
}

/* K with zeros up to whole packs. */
static size_t packed_k(const struct layout *l)
{
    return !l->rounded ? (size_t)l->k : elcl_round_up((size_t)l->k, l->k_pack > 4 ? l->k_pack : 4);
}

/* Returns the bytes of a panel's values. In int8 the scales follow, at a multiple of 4, and with
 * int8 compute the sums follow the scales. */
static size_t values_bytes(const struct layout *l)
{
    const size_t bytes = (size_t)l->width * packed_k(l) * elcl_storage_bytes(l->storage);
    return l->storage == ELCL_INT8 ? elcl_round_up(bytes, sizeof(float)) : bytes;
}

/* Returns the bytes of scales and sums. */
static size_t tail_bytes(const struct layout *l)
{
    return (size_t)l->width * (l->storage != ELCL_INT8 ? 0
                               : l->rounded            ? sizeof(float) + sizeof(int32_t)
                                                       : sizeof(float));
}

/* GPU kernels read packs of 16 bytes at multiples of 16 bytes. */
static size_t panel_bytes(const struct layout *l)
{
    const size_t bytes = values_bytes(l) + tail_bytes(l);
    return l->k_pack == ELCL_DOT_GPU_PACK ? elcl_round_up(bytes, ELCL_DOT_GPU_PACK) : bytes;
}

/* Returns where a column begins in a panel. k_pack of its elements are neighbors; the next k_pack
 * are width * k_pack further. */
static size_t column_start(const struct layout *l, int column)
{
    if (l->pairs)
        column = column % (l->width / 2) * 2 + column / (l->width / 2);
    return (size_t)column * (size_t)l->k_pack;
}

#define CHUNK 64 /* elements of a column that are packed at once; a multiple of every k_pack */

/* n elements of column `column` of a panel, from k on; the first of them is element `from` of the
 * source. */
static void pack_chunk(const struct layout *l, const struct elcl_matrix_source *source, size_t from,
                       char *panel, int column, size_t k, size_t n)
{
    float values[CHUNK];
    const size_t k_pack = (size_t)l->k_pack, width = (size_t)l->width;
    const size_t at = column_start(l, column) + k * width;
    load_values(source, from, n, values);
    if (k_pack == 1)
        store_values(panel, l->storage, at, width, n, values);
    for (size_t i = 0; k_pack > 1 && i < n; i += k_pack)
        store_values(panel, l->storage, at + i * width, 1, n - i < k_pack ? n - i : k_pack,
                     values + i);
}

/* The factor that makes a column's largest whole number 127. What is not finite makes it NaN, and
 * with it every sum of the column. */
static float column_scale(const float *values, size_t n)
{
    uint32_t largest = 0; /* as bits, which order like the numbers, with NaN last */
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

/* A column of int8; values [K] are for its own use. */
static void pack_int8_column(const struct layout *l, const struct elcl_matrix_source *source,
                             size_t from, char *panel, int column, float *values)
{
    const size_t k_pack = (size_t)l->k_pack, next = (size_t)l->width * k_pack, n = (size_t)l->k;
    load_values(source, from, n, values);
    const float scale = column_scale(values, n);
    char *tail = panel + values_bytes(l) + (size_t)column * sizeof(scale);
    int8_t *to = (int8_t *)panel + column_start(l, column);
    int32_t sum = 0;
    const float divisor = scale > 0 ? scale : 1;
    if (!(scale > 0)) /* nothing to keep */
        memset(values, 0, n * sizeof(*values));
    for (size_t k = 0; k < n; k += k_pack, to += next)
        for (size_t j = 0; j < k_pack && k + j < n; j++) {
            const float value = values[k + j] / divisor;
            const int32_t whole = nearest_whole(value < -127 ? -127 : value > 127 ? 127 : value);
            to[j] = (int8_t)whole;
            sum += whole;
        }
    memcpy(tail, &scale, sizeof(scale));
    if (l->rounded)
        memcpy(tail + (size_t)l->width * sizeof(scale), &sum, sizeof(sum));
}

/* A matrix on its way to panels. */
struct packing {
    struct layout layout;
    const struct elcl_matrix *m;
    const struct elcl_matrix_source *sources;
    char *packed;
    float *values; /* [workers, K], of int8 */
};

/* Where a column comes from and goes to. */
struct column {
    const struct elcl_matrix_source *source;
    size_t from;
    char *panel;
    int column;
};

static struct column find_column(const struct packing *p, int b, int n)
{
    const struct layout *l = &p->layout;
    struct column c = {.source = p->sources, .column = n % l->width};
    const size_t panel = (size_t)b * p->m->panels + n / l->width;
    for (; n >= c.source->n; c.source++)
        n -= c.source->n;
    c.from = b * c.source->batch_stride + n * c.source->n_stride;
    c.panel = p->packed + panel * panel_bytes(l);
    return c;
}

/* Columns that a worker packs at once: enough to be worth a thread, and whole panels of CPU
 * kernels. */
#define TASK_WEIGHTS 131072
static int task_columns(int k)
{
    return (int)elcl_round_up(elcl_div_up(TASK_WEIGHTS, (size_t)k), 64);
}

static int tasks_of(const struct elcl_matrix *m)
{
    return (int)elcl_div_up((size_t)m->n, (size_t)task_columns(m->k));
}

static void pack_columns(void *user, int task, int worker)
{
    const struct packing *p = user;
    const struct layout *l = &p->layout;
    const int tasks = tasks_of(p->m), columns = task_columns(l->k), b = task / tasks;
    const int begin = task % tasks * columns, end = elcl_min_int(begin + columns, p->m->n);
    const size_t k_size = (size_t)l->k, step = l->storage == ELCL_INT8 ? k_size : CHUNK;
    for (size_t k = 0; k < k_size; k += step)
        for (int n = begin; n < end; n++) {
            const struct column c = find_column(p, b, n);
            if (l->storage == ELCL_INT8)
                pack_int8_column(l, c.source, c.from, c.panel, c.column,
                                 p->values + (size_t)worker * k_size);
            else
                pack_chunk(l, c.source, c.from + k * c.source->k_stride, c.panel, c.column, k,
                           k_size - k < CHUNK ? k_size - k : CHUNK);
        }
}

/* Places without a weight, in the last panel and after the last k, are zero. */
static void pack(void *user, void *memory)
{
    struct packing *p = user;
    const struct layout *l = &p->layout;
    const struct elcl_matrix *m = p->m;
    const size_t bytes = panel_bytes(l);
    const bool whole_packs =
        (size_t)l->k * (size_t)l->width * elcl_storage_bytes(l->storage) + tail_bytes(l) == bytes;
    p->packed = memory;
    for (size_t i = 0; i < (size_t)m->batch * (size_t)m->panels; i++)
        if (!whole_packs || (i % (size_t)m->panels == (size_t)m->panels - 1 && m->n % l->width))
            memset(p->packed + i * bytes, 0, bytes);
    elcl_parallel(m->batch * tasks_of(m), pack_columns, p);
}

/* Columns of a panel; weight_width() of cl/storage.cl gives those of a whole one. */
static int panel_width(int panel, enum elcl_storage storage, int n)
{
    const bool half = storage == ELCL_F16 || storage == ELCL_BF16;
    return panel ? panel : half ? (int)elcl_round_up((size_t)n, 8) : n;
}

size_t elcl_matrix_bytes(int panel, bool rounded, enum elcl_storage storage, int batch, int n,
                         int k)
{
    const bool gpu = !panel && rounded; /* CLBlast rounds nothing */
    const struct layout l = {.storage = storage,
                             .width = panel_width(panel, storage, n),
                             .k = k,
                             .k_pack = gpu ? ELCL_DOT_GPU_PACK : 1,
                             .rounded = rounded};
    return (size_t)batch * elcl_div_up((size_t)n, (size_t)l.width) * panel_bytes(&l);
}

/* Sums of whole numbers, of which one of a row may be twice as large, stay within int. */
#define MAX_K_OF_INTEGERS 65536

int elcl_matrix_create(struct elcl_ops *ops, const char *label, int batch, int k,
                       const struct elcl_matrix_source *sources, int n_sources,
                       struct elcl_matrix *matrix, elcl_error *err)
{
    struct elcl_matrix m = {.batch = batch, .k = k};
    for (int i = 0; i < n_sources; i++)
        m.n += sources[i].n;
    m.panel = panel_width(ops->panel, ops->weights, m.n);
    m.panels = (int)elcl_div_up((size_t)m.n, (size_t)m.panel);
    if (ops->dot && ops->weights == ELCL_INT8 && k > MAX_K_OF_INTEGERS)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "integer products of %d inputs might overflow, expected at most %d: use "
                         "--compute f32",
                         k, MAX_K_OF_INTEGERS);
    const size_t bytes = elcl_matrix_bytes(ops->panel, ops->dot, ops->weights, batch, m.n, k);
    struct packing p = {.layout = layout_of(ops, &m),
                        .m = &m,
                        .sources = sources,
                        .values = elcl_calloc((size_t)elcl_workers() * (size_t)k, sizeof(float))};
    if (!p.values)
        return elcl_fail_nomem(err);
    const int rc = elcl_buffer_create_computed(ops->device, label, bytes, pack, &p, &m.buffer, err);
    elcl_free(p.values);
    if (!rc)
        *matrix = m;
    return rc;
}
