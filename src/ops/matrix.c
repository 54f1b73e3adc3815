/* Weights: from a host tensor to packed panels on the device. */
#include <math.h>
#include <string.h>

#include "base/half.h"
#include "base/parallel.h"
#include "base/util.h"
#include "cl/records.h"
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

void elcl_storage_load(enum elcl_storage storage, const void *from, size_t n, float *values)
{
    load_strided(storage, from, 1, n, values);
}

/* A column of a matrix: where its elements come from, and where they go to. */
struct column {
    const char *from; /* element k is k * step further */
    size_t step;
    enum elcl_storage dtype;
    char *panel;
    int column; /* in the panel */
};

/* values [n]: elements from k on. */
static void load_values(const struct column *c, size_t k, size_t n, float *values)
{
    const char *from = c->from + k * c->step * elcl_storage_bytes(c->dtype);
    if (c->step == 1) /* on its own, that compilers make vectors of it */
        elcl_storage_load(c->dtype, from, n, values);
    else
        load_strided(c->dtype, from, c->step, n, values);
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
    bool short_sums;
    bool pairs; /* a column of the first half beside one of the second */
};

static struct layout layout_of(const struct elcl_ops *ops, const struct elcl_matrix *m)
{
    if (m->storage == ELCL_INT4)
        return (struct layout){.storage = ELCL_INT4, .width = m->panel, .k = m->k};
    return (struct layout){m->storage,
                           m->panel,
                           m->k,
                           elcl_dot_kinds[ops->dot].k_pack,
                           ops->dot != ELCL_DOT_NONE,
                           elcl_dot_kinds[ops->dot].short_sums,
                           ops->weight_pairs};
}

/* K with zeros up to whole packs. */
static size_t packed_k(const struct layout *l)
{
    const int unit = !l->rounded ? 1 : elcl_max_int(l->k_pack, ELCL_ROUNDED_K);
    return elcl_round_up((size_t)l->k, (size_t)unit);
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

/* Returns the bytes of a group of int4 weights, with its scales. */
static size_t group_bytes(const struct layout *l)
{
    return (size_t)l->width * (ELCL_INT4_GROUP / 2 + sizeof(uint16_t));
}

/* GPU kernels read packs of 16 bytes at multiples of 16 bytes. */
static size_t panel_bytes(const struct layout *l)
{
    if (l->storage == ELCL_INT4)
        return elcl_div_up((size_t)l->k, ELCL_INT4_GROUP) * group_bytes(l);
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

#define CHUNK                                                                                      \
    64 /* elements of a column that are packed at once; a multiple of every k_pack and of          \
        * groups */

/* n elements of a column, from k on; the column begins at `k_begin`. */
static void pack_chunk(const struct layout *l, const struct column *c, size_t k_begin, size_t k,
                       size_t n)
{
    float values[CHUNK];
    const size_t k_pack = (size_t)l->k_pack, width = (size_t)l->width;
    const size_t at = column_start(l, c->column) + k * width;
    load_values(c, k - k_begin, n, values);
    if (k_pack == 1)
        store_values(c->panel, l->storage, at, width, n, values);
    for (size_t i = 0; k_pack > 1 && i < n; i += k_pack)
        store_values(c->panel, l->storage, at + i * width, 1, n - i < k_pack ? n - i : k_pack,
                     values + i);
}

/* The largest sum of weights of one sign that meet in 16 bits: of eight neighbors 0, 1, 4, 5 or 2,
 * 3, 6, 7. */
static float largest_short_sum(const float *values, size_t n)
{
    float largest = 0;
    for (size_t k = 0; k < n; k += 8) {
        float above[8] = {0}, below[8] = {0}, sums[4];
        for (size_t i = 0; i < 8 && k + i < n; i++) {
            above[i] = values[k + i] > 0 ? values[k + i] : 0;
            below[i] = values[k + i] < 0 ? -values[k + i] : 0;
        }
        for (size_t i = 0; i < 2; i++) {
            sums[i] = above[2 * i] + above[2 * i + 1] + above[2 * i + 4] + above[2 * i + 5];
            sums[2 + i] = below[2 * i] + below[2 * i + 1] + below[2 * i + 4] + below[2 * i + 5];
        }
        for (size_t i = 0; i < 4; i++)
            largest = sums[i] > largest ? sums[i] : largest;
    }
    return largest;
}

/* The factor that makes a column's largest whole number 127, or less, so that short sums fit: each
 * of their four numbers may be rounded up by half. What is not finite makes it NaN, and with it
 * every sum of the column. */
static float column_scale(const struct layout *l, const float *values, size_t n)
{
    uint32_t largest = 0; /* as bits, which order like the numbers, with NaN last */
    for (size_t k = 0; k < n; k++) {
        const uint32_t bits = elcl_f32_to_bits(values[k]) & 0x7fffffffu;
        largest = bits > largest ? bits : largest;
    }
    const float f = elcl_bits_to_f32(largest);
    const float sum = l->short_sums && isfinite(f) ? largest_short_sum(values, n) : 0;
    const float scale = f / 127, least = sum / (ELCL_SHORT_SUM - 2);
    return !isfinite(f) ? NAN : scale > least ? scale : least;
}

/* The nearest whole number, ties to even, of |value| <= 2^21: beside 3 * 2^22 f32 has no room for
 * more than the whole numbers, which then are the low bits. */
static int32_t nearest_whole(float value)
{
    return (int32_t)(elcl_f32_to_bits(value + 12582912.0f) - 0x4b400000u);
}

/* A column of int8; values [K] are for its own use. */
static void pack_int8_column(const struct layout *l, const struct column *c, float *values)
{
    const size_t k_pack = (size_t)l->k_pack, next = (size_t)l->width * k_pack, n = (size_t)l->k;
    load_values(c, 0, n, values);
    const float scale = column_scale(l, values, n);
    char *tail = c->panel + values_bytes(l) + (size_t)c->column * sizeof(scale);
    int8_t *to = (int8_t *)c->panel + column_start(l, c->column);
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

/* Returns the bits of the scale of a group of int4: in f16, -1/8 of the value of the largest
 * magnitude. What is not finite makes it NaN, and with it every sum of the group. */
static uint16_t group_scale(const float *values)
{
    uint32_t largest = 0; /* magnitude as bits, which order like the numbers, with NaN last */
    float value = 0;
    for (int k = 0; k < ELCL_INT4_GROUP; k++) {
        const uint32_t bits = elcl_f32_to_bits(values[k]) & 0x7fffffffu;
        value = bits > largest ? values[k] : value;
        largest = bits > largest ? bits : largest;
    }
    const uint16_t scale = elcl_f32_to_f16(value / -8);
    return isfinite(elcl_f16_to_f32(scale)) ? scale : elcl_f32_to_f16(NAN);
}

/* A group of a column. */
static void pack_int4_group(const float *values, size_t width, size_t column, char *group)
{
    const uint16_t bits = group_scale(values);
    const float scale = elcl_f16_to_f32(bits), divisor = scale < 0 || scale > 0 ? scale : 1;
    uint32_t words[ELCL_INT4_GROUP / 8] = {0};
    for (int k = 0; k < ELCL_INT4_GROUP; k++) {
        const float steps = (isnan(scale) ? 0 : values[k] / divisor) + 8.5f;
        const float q = steps < 0 ? 0 : steps > 15 ? 15 : steps; /* rounds down below */
        words[k / 8] |= (uint32_t)q << (k % 4 * 8 + k % 8 / 4 * 4);
    }
    for (size_t i = 0; i < ELCL_COUNT(words); i++)
        memcpy(group + (i * width + column) * sizeof(words[i]), &words[i], sizeof(words[i]));
    memcpy(group + ELCL_COUNT(words) * width * sizeof(words[0]) + column * sizeof(bits), &bits,
           sizeof(bits));
}

/* As pack_chunk(), in whole groups. */
static void pack_int4_chunk(const struct layout *l, const struct column *c, size_t k_begin,
                            size_t k, size_t n)
{
    float values[CHUNK] = {0};
    char *group = c->panel + k / ELCL_INT4_GROUP * group_bytes(l);
    load_values(c, k - k_begin, n, values);
    for (size_t i = 0; i < n; i += ELCL_INT4_GROUP, group += group_bytes(l))
        pack_int4_group(values + i, (size_t)l->width, (size_t)c->column, group);
}

/* A matrix on its way to panels. */
struct packing {
    struct layout layout;
    const struct elcl_matrix *m;
    const struct elcl_matrix_source *sources;
    char *packed;
    float *values; /* [workers, K], of int8 */
    /* Of sources that are read: */
    bool by_k;    /* n_stride is 1: tasks are ranges of k, otherwise of columns */
    char *staged; /* [workers, staged_bytes] what a task has read, or NULL */
    size_t staged_bytes;
    elcl_error *errors; /* [workers] */
};

/* What a task packs. */
struct block {
    int b, n_begin, n_end;
    size_t k_begin, k_end;
};

/* Weights of a task: enough to be worth a thread, and few enough for its cache. */
#define TASK_WEIGHTS 131072

/* Whole panels of CPU kernels. */
static int task_columns(int k)
{
    return (int)elcl_round_up(elcl_div_up(TASK_WEIGHTS, (size_t)k), 64);
}

static size_t task_k(int n)
{
    return elcl_round_up(elcl_div_up(TASK_WEIGHTS, (size_t)n), CHUNK);
}

static int tasks_of(const struct packing *p)
{
    return p->by_k ? (int)elcl_div_up((size_t)p->m->k, task_k(p->m->n))
                   : (int)elcl_div_up((size_t)p->m->n, (size_t)task_columns(p->m->k));
}

static struct block block_of(const struct packing *p, int task)
{
    const int tasks = tasks_of(p), i = task % tasks;
    struct block block = {.b = task / tasks, .n_end = p->m->n, .k_end = (size_t)p->m->k};
    if (p->by_k) {
        block.k_begin = (size_t)i * task_k(p->m->n);
        if (block.k_begin + task_k(p->m->n) < block.k_end)
            block.k_end = block.k_begin + task_k(p->m->n);
    } else {
        block.n_begin = i * task_columns(p->m->k);
        block.n_end = elcl_min_int(block.n_begin + task_columns(p->m->k), p->m->n);
    }
    return block;
}

/* The part of a source in a block, and where it is staged: columns one after another, or with by_k
 * its rows of k. */
struct part {
    int begin, end;           /* columns of the source */
    size_t first;             /* element of the source */
    size_t rows, row, stride; /* rows of `row` elements, `stride` apart in the source */
};

/* The columns of the source begin at column `at` of the matrix. */
static struct part part_of(const struct packing *p, const struct block *block,
                           const struct elcl_matrix_source *s, int at)
{
    struct part part = {.begin = elcl_max_int(block->n_begin - at, 0),
                        .end = elcl_min_int(block->n_end - at, s->n)};
    if (part.begin >= part.end)
        return (struct part){0};
    const size_t columns = (size_t)(part.end - part.begin), k = block->k_end - block->k_begin;
    part.first = (size_t)block->b * s->batch_stride + (size_t)part.begin * s->n_stride +
                 block->k_begin * s->k_stride;
    part.rows = p->by_k ? k : columns;
    part.row = p->by_k ? columns : k;
    part.stride = p->by_k ? s->k_stride : s->n_stride;
    return part;
}

static int read_part(const struct elcl_matrix_source *s, const struct part *part, char *to,
                     elcl_error *err)
{
    const size_t row_bytes = part->row * elcl_storage_bytes(s->dtype);
    int rc = ELCL_OK;
    if (part->stride == part->row)
        return s->read(s->user, part->first, part->rows * part->row, to, err);
    for (size_t i = 0; i < part->rows && !rc; i++)
        rc = s->read(s->user, part->first + i * part->stride, part->row, to + i * row_bytes, err);
    return rc;
}

/* Reads what a block needs. */
static int stage(const struct packing *p, const struct block *block, char *staged, elcl_error *err)
{
    const struct elcl_matrix_source *s = p->sources;
    int rc = ELCL_OK;
    for (int at = 0; at < block->n_end && !rc; at += s++->n) {
        const struct part part = part_of(p, block, s, at);
        if (part.rows && !s->data)
            rc = read_part(s, &part, staged, err);
        staged += part.rows * part.row * elcl_storage_bytes(s->dtype);
    }
    return rc;
}

static struct column find_column(const struct packing *p, const struct block *block,
                                 const char *staged, int n)
{
    const struct layout *l = &p->layout;
    const struct elcl_matrix_source *s = p->sources;
    struct column c = {.column = n % l->width};
    const size_t panel = (size_t)block->b * (size_t)p->m->panels + (size_t)(n / l->width);
    c.panel = p->packed + panel * panel_bytes(l);
    int at = 0;
    for (; n >= at + s->n; at += s++->n)
        if (staged) {
            const struct part part = part_of(p, block, s, at);
            staged += part.rows * part.row * elcl_storage_bytes(s->dtype);
        }
    const struct part part = part_of(p, block, s, at);
    const size_t bytes = elcl_storage_bytes(s->dtype), i = (size_t)(n - at - part.begin);
    c.dtype = s->dtype;
    if (s->data) {
        c.from = (const char *)s->data + (part.first + i * s->n_stride) * bytes;
        c.step = s->k_stride;
    } else {
        c.from = staged + i * (p->by_k ? 1 : part.row) * bytes;
        c.step = p->by_k ? part.row : 1;
    }
    return c;
}

static void pack_block(void *user, int task, int worker)
{
    const struct packing *p = user;
    const struct layout *l = &p->layout;
    const struct block block = block_of(p, task);
    char *staged = p->staged ? p->staged + (size_t)worker * p->staged_bytes : NULL;
    if (staged && (p->errors[worker].code || stage(p, &block, staged, &p->errors[worker])))
        return;
    const size_t step = l->storage == ELCL_INT8 ? (size_t)l->k : CHUNK;
    for (size_t k = block.k_begin; k < block.k_end; k += step)
        for (int n = block.n_begin; n < block.n_end; n++) {
            const struct column c = find_column(p, &block, staged, n);
            const size_t n_k = block.k_end - k < CHUNK ? block.k_end - k : CHUNK;
            if (l->storage == ELCL_INT8)
                pack_int8_column(l, &c, p->values + (size_t)worker * (size_t)l->k);
            else if (l->storage == ELCL_INT4)
                pack_int4_chunk(l, &c, block.k_begin, k, n_k);
            else
                pack_chunk(l, &c, block.k_begin, k, n_k);
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
        l->storage == ELCL_INT4 ||
        (size_t)l->k * (size_t)l->width * elcl_storage_bytes(l->storage) + tail_bytes(l) == bytes;
    p->packed = memory;
    for (size_t i = 0; i < (size_t)m->batch * (size_t)m->panels; i++)
        if (!whole_packs || (i % (size_t)m->panels == (size_t)m->panels - 1 && m->n % l->width))
            memset(p->packed + i * bytes, 0, bytes);
    elcl_parallel(m->batch * tasks_of(p), pack_block, p);
}

/* Columns of a panel; weight_width() of cl/storage.cl gives those of a whole one. */
static int panel_width(int panel, enum elcl_storage storage, int n)
{
    const bool rounded = storage == ELCL_F16 || storage == ELCL_BF16 || storage == ELCL_INT4;
    return panel ? panel : rounded ? (int)elcl_round_up((size_t)n, 8) : n;
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

/* Allocates what the workers need. */
static int begin_packing(struct packing *p, int n_sources, elcl_error *err)
{
    const struct elcl_matrix *m = p->m;
    const size_t workers = (size_t)elcl_workers();
    bool reads = false;
    for (int i = 0; i < n_sources; i++) {
        reads = reads || !p->sources[i].data;
        p->by_k = p->by_k || (!p->sources[i].data && p->sources[i].k_stride != 1);
    }
    const size_t columns = (size_t)elcl_min_int(task_columns(m->k), m->n);
    p->staged_bytes =
        sizeof(float) * (p->by_k ? task_k(m->n) * (size_t)m->n : columns * (size_t)m->k);
    p->values = elcl_calloc(workers * (size_t)m->k, sizeof(float));
    p->errors = elcl_calloc(workers, sizeof(*p->errors));
    p->staged = reads ? elcl_calloc(workers, p->staged_bytes) : NULL;
    return p->values && p->errors && (p->staged || !reads) ? ELCL_OK : elcl_fail_nomem(err);
}

/* Returns the first error of the workers. */
static int end_packing(struct packing *p, int rc, elcl_error *err)
{
    for (int i = 0; i < elcl_workers() && p->errors && !rc; i++)
        if (p->errors[i].code)
            rc = elcl_fail(err, p->errors[i].code, "%s", p->errors[i].msg);
    elcl_free(p->values);
    elcl_free(p->errors);
    elcl_free(p->staged);
    return rc;
}

int elcl_matrix_create(struct elcl_ops *ops, const char *label, enum elcl_storage storage,
                       int batch, int k, const struct elcl_matrix_source *sources, int n_sources,
                       struct elcl_matrix *matrix, elcl_error *err)
{
    struct elcl_matrix m = {.storage = storage, .batch = batch, .k = k};
    for (int i = 0; i < n_sources; i++)
        m.n += sources[i].n;
    m.panel = panel_width(ops->panel, storage, m.n);
    m.panels = (int)elcl_div_up((size_t)m.n, (size_t)m.panel);
    if (ops->dot && storage == ELCL_INT8 && k > MAX_K_OF_INTEGERS)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "integer products of %d inputs might overflow, expected at most %d: use "
                         "--compute f32",
                         k, MAX_K_OF_INTEGERS);
    const size_t bytes = elcl_matrix_bytes(ops->panel, ops->dot, storage, batch, m.n, k);
    struct packing p = {.layout = layout_of(ops, &m), .m = &m, .sources = sources};
    int rc = begin_packing(&p, n_sources, err);
    if (!rc)
        rc = elcl_buffer_create_computed(ops->device, label, bytes, pack, &p, &m.buffer, err);
    rc = end_packing(&p, rc, err);
    if (rc)
        elcl_buffer_destroy(&m.buffer);
    else
        *matrix = m;
    return rc;
}
