/*
 * Values: a byte b of Philox gives the odd number 2 b - 255, eight significant bits, times a power
 * of two; its standard deviation is 147.8. bf16 holds eight bits and f16 eleven, so rounding
 * changes nothing, and the mean is 0 exactly. Gains are 1 + n / 128 with n = -16 .. 15.
 */
#include "format/synthetic.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/half.h"
#include "base/os.h"
#include "base/rng.h"
#include "base/util.h"

#define DEVIATION 147.8
#define BLOCK 16 /* values of one Philox block */

struct elcl_synthetic_tensor {
    struct elcl_tensor tensor; /* name owned */
    enum elcl_synthetic_kind kind;
    int fan_in;
};

void elcl_synthetic_finish(struct elcl_synthetic *s)
{
    elcl_tensors_finish(&s->base);
    for (size_t i = 0; i < s->n; i++)
        elcl_free((void *)s->items[i].tensor.name);
    elcl_free(s->items);
    elcl_strmap_finish(&s->index);
    *s = (struct elcl_synthetic){0};
}

static int add(struct elcl_synthetic *s, const char *name, enum elcl_synthetic_kind kind,
               const int *shape, int n_dims, int fan_in, elcl_error *err)
{
    int32_t found;
    void *items = s->items;
    char *copy = elcl_strndup(name, strlen(name));
    if (!copy || !elcl_grow(&items, &s->capacity, s->n + 1, sizeof(*s->items))) {
        elcl_free(copy);
        return elcl_fail_nomem(err);
    }
    s->items = items;
    const int rc = elcl_strmap_add(&s->index, name, strlen(name), (int32_t)s->n, &found, err);
    if (rc) {
        elcl_free(copy);
        return rc;
    }
    struct elcl_synthetic_tensor *t = &s->items[s->n++];
    *t = (struct elcl_synthetic_tensor){.kind = kind, .fan_in = fan_in};
    t->tensor = (struct elcl_tensor){
        .name = copy, .file = "synthetic weights", .dtype = ELCL_BF16, .n_dims = n_dims, .n = 1};
    for (int i = 0; i < n_dims; i++) {
        t->tensor.shape[i] = shape[i];
        t->tensor.n *= (size_t)shape[i];
    }
    s->parameters += t->tensor.n;
    return ELCL_OK;
}

int elcl_synthetic_add(struct elcl_synthetic *s, const char *name, enum elcl_synthetic_kind kind,
                       int rows, int columns, int fan_in, elcl_error *err)
{
    const int shape[] = {rows, columns};
    return add(s, name, kind, shape, columns ? 2 : 1, fan_in, err);
}

int elcl_synthetic_add_convolution(struct elcl_synthetic *s, const char *name, int outputs,
                                   int inputs, int taps, elcl_error *err)
{
    const int shape[] = {outputs, inputs, taps};
    return add(s, name, ELCL_SYNTHETIC_WEIGHT, shape, 3, inputs * taps, err);
}

/* Fills in the 256 values from which a tensor's elements are drawn. */
static void make_levels(const struct elcl_synthetic_tensor *t, uint16_t levels[256])
{
    int exponent = -13;
    if (t->kind == ELCL_SYNTHETIC_WEIGHT) /* the deviation is near 1 / sqrt(inputs) */
        exponent = (int)lround(-log2(DEVIATION * sqrt((double)t->fan_in)));
    else if (t->kind == ELCL_SYNTHETIC_EMBEDDING)
        exponent = -11;
    for (int b = 0; b < 256; b++)
        levels[b] =
            elcl_f32_to_bf16(t->kind == ELCL_SYNTHETIC_GAIN ? 1.0f + (float)(b / 8 - 16) / 128
                                                            : (float)ldexp(2 * b - 255, exponent));
}

static void make_values(const struct elcl_synthetic *s, const struct elcl_synthetic_tensor *t,
                        uint16_t *values)
{
    uint16_t levels[256];
    const size_t n = t->tensor.n;
    make_levels(t, levels);
    const uint64_t name = elcl_hash(ELCL_HASH_INIT, t->tensor.name, strlen(t->tensor.name));
    const uint32_t key[2] = {(uint32_t)s->seed, (uint32_t)(s->seed >> 32)};
    for (size_t i = 0; i < n; i += BLOCK) {
        const size_t block = i / BLOCK;
        const uint32_t counter[4] = {(uint32_t)block, (uint32_t)((uint64_t)block >> 32),
                                     (uint32_t)name, (uint32_t)(name >> 32)};
        uint32_t words[4];
        elcl_philox(counter, key, words);
        for (size_t j = 0; j < BLOCK && i + j < n; j++)
            values[i + j] = levels[words[j / 4] >> j % 4 * 8 & 255];
    }
}

/* ---- as a source ---- */

static const struct elcl_tensor *find(const struct elcl_tensors *tensors, const char *name)
{
    const struct elcl_synthetic *s = (const struct elcl_synthetic *)tensors;
    const int32_t i = elcl_strmap_get(&s->index, name, strlen(name));
    return i < 0 ? NULL : &s->items[i].tensor;
}

static const char *refusal(const struct elcl_tensors *tensors, const char *name)
{
    (void)tensors;
    (void)name;
    return NULL;
}

static const char *name_at(const struct elcl_tensors *tensors, size_t i)
{
    const struct elcl_synthetic *s = (const struct elcl_synthetic *)tensors;
    return i < s->n ? s->items[i].tensor.name : NULL;
}

static int read_tensor(const struct elcl_tensors *tensors, const struct elcl_tensor *tensor,
                       size_t first, size_t n, void *to, elcl_error *err)
{
    const struct elcl_synthetic *s = (const struct elcl_synthetic *)tensors;
    const int32_t i = elcl_strmap_get(&s->index, tensor->name, strlen(tensor->name));
    (void)first;
    (void)n;
    (void)err;
    make_values(s, &s->items[i], to);
    return ELCL_OK;
}

static void close_source(struct elcl_tensors *tensors)
{
    elcl_synthetic_finish((struct elcl_synthetic *)tensors);
}

static const struct elcl_tensors_source source = {
    .find = find,
    .refusal = refusal,
    .name = name_at,
    .read = read_tensor,
    .close = close_source,
};

void elcl_synthetic_init(struct elcl_synthetic *s, uint64_t seed)
{
    *s = (struct elcl_synthetic){.base = {.source = &source, .path = "synthetic weights"},
                                 .seed = seed};
}

/* ---- as a file ---- */

/* The 8 bytes of length and the JSON header, padded to a multiple of 8. */
static void make_header(const struct elcl_synthetic *s, struct elcl_str *header)
{
    unsigned long long at = 0;
    elcl_str_printf(header, "12345678{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < s->n; i++) {
        const struct elcl_tensor *t = &s->items[i].tensor;
        const unsigned long long end = at + t->n * sizeof(uint16_t);
        elcl_str_printf(header, ",\"%s\":{\"dtype\":\"BF16\",\"shape\":[", t->name);
        for (int d = 0; d < t->n_dims; d++)
            elcl_str_printf(header, d ? ",%lld" : "%lld", (long long)t->shape[d]);
        elcl_str_printf(header, "],\"data_offsets\":[%llu,%llu]}", at, end);
        at = end;
    }
    elcl_str_printf(header, "}");
    while (header->n % 8 && !header->failed)
        elcl_str_printf(header, " ");
    for (int i = 0; i < 8 && !header->failed; i++)
        header->data[i] = (char)((uint64_t)(header->n - 8) >> 8 * i & 255);
}

struct writing {
    struct elcl_synthetic *s;
    struct elcl_str header;
};

/* Part 0 is the header, part 1 + i tensor i. */
static int write_part(void *user, size_t part, const void **data, size_t *bytes, elcl_error *err)
{
    struct writing *w = user;
    if (!part) {
        *data = w->header.data;
        *bytes = w->header.n;
        return ELCL_OK;
    }
    const struct elcl_tensor *t = &w->s->items[part - 1].tensor;
    elcl_tensors_drop(&w->s->base); /* the part before */
    const int rc = elcl_tensors_load(&w->s->base, t, err);
    *data = t->data; /* the format and all supported hosts are little-endian */
    *bytes = t->n * sizeof(uint16_t);
    return rc;
}

int elcl_synthetic_write(struct elcl_synthetic *s, const char *path, elcl_error *err)
{
    struct writing w = {.s = s};
    make_header(s, &w.header);
    const int rc = w.header.failed ? elcl_fail_nomem(err)
                                   : elcl_write_parts_atomic(path, s->n + 1, write_part, &w, err);
    elcl_str_finish(&w.header);
    elcl_tensors_drop(&s->base);
    return rc;
}
