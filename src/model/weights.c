/* Loads weights by the names of their tensors: vectors, tables, norms, linear maps, convolutions
 * and token embeddings. */
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "model/weights_impl.h"

#define MAX_NAME 256

/* ---- finding and checking ---- */

static void with_base(const struct elcl_loader *loader, const char *name, char out[MAX_NAME])
{
    snprintf(out, MAX_NAME, "%s%s", loader->base ? loader->base : "model.", name);
}

const struct elcl_tensor *elcl_load_find(const struct elcl_loader *loader, const char *name)
{
    const struct elcl_tensor *tensor = elcl_tensors_find(loader->st, name);
    if (tensor)
        return tensor;
    char prefixed[MAX_NAME];
    with_base(loader, name, prefixed);
    return elcl_tensors_find(loader->st, prefixed);
}

/* Reports a tensor that is missing or has an unusable form. */
static int missing(const struct elcl_loader *loader, const char *name)
{
    const char *path = loader->st->path;
    char prefixed[MAX_NAME];
    with_base(loader, name, prefixed);
    const char *why = elcl_tensors_refusal(loader->st, name);
    if (!why)
        why = elcl_tensors_refusal(loader->st, prefixed);
    if (why)
        return elcl_fail(loader->err, ELCL_E_FORMAT, "%s: tensor %s %s", path, name, why);
    return elcl_fail(loader->err, ELCL_E_FORMAT, "%s: tensor %s is missing", path, name);
}

static int mark_used(const struct elcl_loader *loader, const struct elcl_tensor *t)
{
    int32_t found;
    const size_t n = strlen(t->name);
    if (!loader->used || elcl_strmap_get(loader->used, t->name, n) >= 0)
        return ELCL_OK;
    const int rc = loader->content ? elcl_load_content(loader, t) : ELCL_OK;
    return rc ? rc : elcl_strmap_add(loader->used, t->name, n, 0, &found, loader->err);
}

/* Finds a tensor and checks its shape; ignores leading dimensions of 1. */
static int find_dims(const struct elcl_loader *loader, const char *name, const int *dims,
                     int n_dims, const struct elcl_tensor **tensor)
{
    const struct elcl_tensor *t = elcl_load_find(loader, name);
    if (!t)
        return missing(loader, name);
    int skip = 0;
    while (t->n_dims - skip > n_dims && t->shape[skip] == 1)
        skip++;
    bool fits = t->n_dims - skip == n_dims;
    for (int i = 0; fits && i < n_dims; i++)
        fits = t->shape[skip + i] == dims[i];
    if (!fits) {
        char found[96] = "", expected[48] = "";
        for (int i = 0, n = 0; i < t->n_dims && n < 64; i++)
            n += snprintf(found + n, sizeof(found) - (size_t)n, "%s%lld", i ? "," : "",
                          (long long)t->shape[i]);
        for (int i = 0, n = 0; i < n_dims; i++)
            n +=
                snprintf(expected + n, sizeof(expected) - (size_t)n, "%s%d", i ? "," : "", dims[i]);
        return elcl_fail(loader->err, ELCL_E_FORMAT,
                         "%s: tensor %s: expected shape [%s], found [%s]", t->file, t->name,
                         expected, found);
    }
    *tensor = t;
    return mark_used(loader, t);
}

/* The same for rows x columns. columns 0: one dimension. */
static int find_shaped(const struct elcl_loader *loader, const char *name, int rows, int columns,
                       const struct elcl_tensor **tensor)
{
    const int dims[] = {rows, columns};
    return find_dims(loader, name, dims, columns ? 2 : 1, tensor);
}

/* The same, and loads it. */
static int require(const struct elcl_loader *loader, const char *name, int rows, int columns,
                   const struct elcl_tensor **tensor)
{
    const int rc = find_shaped(loader, name, rows, columns, tensor);
    return rc ? rc : elcl_tensors_load(loader->st, *tensor, loader->err);
}

int elcl_load_done(const struct elcl_loader *loader, int rc)
{
    if (!loader->plan)
        elcl_tensors_drop(loader->st);
    return rc;
}

void elcl_load_f32_part(const struct elcl_tensor *t, size_t at, size_t n, float *out)
{
    elcl_storage_load(t->dtype, (const char *)t->data + at * elcl_storage_bytes(t->dtype), n, out);
}

/* ---- device buffers ---- */

int elcl_load_upload(struct elcl_loader *loader, const char *label, const float *values, size_t n,
                     struct elcl_buffer *buffer)
{
    const int rc =
        elcl_buffer_create(loader->ops->device, label, n * sizeof(float), buffer, loader->err);
    return rc ? rc : elcl_buffer_write(buffer, 0, values, n * sizeof(float), loader->err);
}

int elcl_load_values(struct elcl_loader *loader, const char *name, int rows, int columns,
                     float **values)
{
    const size_t n = (size_t)rows * (size_t)(columns ? columns : 1);
    *values = NULL;
    if (loader->plan)
        return ELCL_OK;
    const struct elcl_tensor *tensor;
    const int rc = require(loader, name, rows, columns, &tensor);
    if (rc)
        return rc;
    *values = elcl_calloc(n, sizeof(float));
    if (!*values)
        return elcl_fail_nomem(loader->err);
    elcl_load_f32_part(tensor, 0, tensor->n, *values);
    return elcl_load_done(loader, ELCL_OK);
}

int elcl_load_computed(struct elcl_loader *loader, const char *label, const float *values, size_t n,
                       struct elcl_buffer *buffer)
{
    loader->bytes += n * sizeof(float);
    return loader->plan ? ELCL_OK : elcl_load_upload(loader, label, values, n, buffer);
}

static int load_f32(struct elcl_loader *loader, const char *label, const char *name, int rows,
                    int columns, struct elcl_buffer *buffer)
{
    float *values;
    int rc = elcl_load_values(loader, name, rows, columns, &values);
    if (!rc)
        rc = elcl_load_computed(loader, label, values,
                                (size_t)rows * (size_t)(columns ? columns : 1), buffer);
    elcl_free(values);
    return rc;
}

int elcl_load_vector(struct elcl_loader *loader, const char *name, int n,
                     struct elcl_buffer *vector)
{
    return load_f32(loader, "weight vector", name, n, 0, vector);
}

int elcl_load_table(struct elcl_loader *loader, const char *name, int rows, int d,
                    struct elcl_buffer *table)
{
    return load_f32(loader, "position table", name, rows, d, table);
}

int elcl_load_computed_table(struct elcl_loader *loader,
                             void (*row)(float *values, int position, int d), int rows, int d,
                             struct elcl_buffer *table)
{
    const size_t n = (size_t)rows * (size_t)d;
    loader->bytes += n * sizeof(float);
    if (loader->plan)
        return ELCL_OK;
    float *values = elcl_calloc(n, sizeof(float));
    if (!values)
        return elcl_fail_nomem(loader->err);
    for (int i = 0; i < rows; i++)
        row(values + (size_t)i * (size_t)d, i, d);
    const int rc = elcl_load_upload(loader, "position table", values, n, table);
    elcl_free(values);
    return rc;
}

static int load_constant(struct elcl_loader *loader, float value, int n, struct elcl_buffer *vector)
{
    float *values = elcl_calloc((size_t)n, sizeof(*values));
    if (!values)
        return elcl_fail_nomem(loader->err);
    for (int i = 0; i < n; i++)
        values[i] = value;
    const int rc = elcl_load_computed(loader, "weight vector", values, (size_t)n, vector);
    elcl_free(values);
    return rc;
}

int elcl_load_norm(struct elcl_loader *loader, const char *prefix, int d, float eps,
                   struct elcl_norm *norm)
{
    char name[MAX_NAME];
    norm->eps = eps;
    snprintf(name, sizeof(name), "%s.weight", prefix);
    const int rc = loader->no_norm_weight ? load_constant(loader, 1, d, &norm->weight)
                                          : elcl_load_vector(loader, name, d, &norm->weight);
    snprintf(name, sizeof(name), "%s.bias", prefix);
    if (rc)
        return rc;
    return loader->no_norm_bias ? load_constant(loader, 0, d, &norm->bias)
                                : elcl_load_vector(loader, name, d, &norm->bias);
}

static int load_matrix_as(struct elcl_loader *loader, enum elcl_storage storage, const char *label,
                          int batch, int n, int k, const struct elcl_matrix_source *sources,
                          int n_sources, struct elcl_matrix *matrix)
{
    const size_t bytes =
        elcl_matrix_bytes(loader->panel, loader->rounds_inputs, storage, batch, n, k);
    loader->bytes += bytes;
    if (!loader->plan)
        return elcl_matrix_create(loader->ops, label, storage, batch, k, sources, n_sources, matrix,
                                  loader->err);
    *matrix = (struct elcl_matrix){.buffer.bytes = bytes,
                                   .storage = storage,
                                   .batch = batch,
                                   .n = n,
                                   .k = k,
                                   .panel = n,
                                   .panels = 1};
    return ELCL_OK;
}

int elcl_load_matrix(struct elcl_loader *loader, const char *label, int batch, int n, int k,
                     const struct elcl_matrix_source *sources, int n_sources,
                     struct elcl_matrix *matrix)
{
    return load_matrix_as(loader, loader->storage, label, batch, n, k, sources, n_sources, matrix);
}

/* ---- projections ---- */

static int read_weight(const void *user, size_t first, size_t n, void *to, elcl_error *err)
{
    const struct elcl_projection *p = user;
    return elcl_tensors_read(p->tensors, p->weight, p->at + first, n, to, err);
}

struct elcl_matrix_source elcl_projection_source(const struct elcl_projection *p)
{
    struct elcl_matrix_source source = {.n = p->n,
                                        .n_stride = p->n_stride,
                                        .k_stride = p->k_stride,
                                        .read = read_weight,
                                        .user = p};
    if (p->weight)
        source.dtype = p->weight->dtype;
    if (p->weight && p->weight->data)
        source.data = (const char *)p->weight->data + p->at * elcl_storage_bytes(p->weight->dtype);
    return source;
}

int elcl_projection_load_weight(const struct elcl_loader *loader, const struct elcl_projection *p)
{
    return p->weight ? elcl_tensors_load(loader->st, p->weight, loader->err) : ELCL_OK;
}

/* Finds `prefix``role`.weight as rows x columns, and reads .bias. */
static int find_named(const struct elcl_loader *loader, const char *prefix, const char *role,
                      int rows, int columns, int n_bias, struct elcl_projection *p)
{
    *p = (struct elcl_projection){.tensors = loader->st, .has_bias = !loader->no_bias};
    if (loader->plan)
        return ELCL_OK;
    char name[MAX_NAME];
    snprintf(name, sizeof(name), "%s%s.weight", prefix, role);
    int rc = find_shaped(loader, name, rows, columns, &p->weight);
    if (!rc && !p->weight->in_parts)
        rc = elcl_projection_load_weight(loader, p);
    if (rc || !p->has_bias)
        return rc;
    snprintf(name, sizeof(name), "%s%s.bias", prefix, role);
    return require(loader, name, n_bias, 0, &p->bias);
}

int elcl_projection_find(const struct elcl_loader *loader, const char *prefix, const char *role,
                         int n, int k, struct elcl_projection *p)
{
    const int rc = find_named(loader, prefix, role, n, k, n, p);
    p->n = n;
    p->k = k;
    p->n_stride = (size_t)k;
    p->k_stride = 1;
    return rc;
}

int elcl_projections_load(struct elcl_loader *loader, const struct elcl_projection *parts,
                          int n_parts, struct elcl_linear *linear)
{
    struct elcl_matrix_source sources[3] = {{0}};
    bool has_bias = false; /* a part without one gets zeros */
    int n = 0;
    for (int i = 0; i < n_parts; i++) {
        sources[i] = elcl_projection_source(&parts[i]);
        n += parts[i].n;
        has_bias = has_bias || parts[i].has_bias;
    }
    int rc =
        elcl_load_matrix(loader, "weight matrix", 1, n, parts[0].k, sources, n_parts, &linear->w);
    if (rc || !has_bias)
        return rc;
    loader->bytes += (size_t)n * sizeof(float);
    if (loader->plan)
        return ELCL_OK;
    float *bias = elcl_calloc((size_t)n, sizeof(float));
    if (!bias)
        return elcl_fail_nomem(loader->err);
    for (int i = 0, at = 0; i < n_parts; at += parts[i++].n)
        if (parts[i].has_bias)
            elcl_load_f32_part(parts[i].bias, parts[i].at, (size_t)parts[i].n, bias + at);
    rc = elcl_load_upload(loader, "bias", bias, (size_t)n, &linear->bias);
    elcl_free(bias);
    return rc;
}

int elcl_load_linear(struct elcl_loader *loader, const char *prefix, int n, int k,
                     struct elcl_linear *linear)
{
    return elcl_load_linears(loader, &prefix, 1, n, k, linear);
}

int elcl_load_linears(struct elcl_loader *loader, const char *const *prefixes, int n_prefixes,
                      int n, int k, struct elcl_linear *linear)
{
    struct elcl_projection parts[3];
    int rc = ELCL_OK;
    for (int i = 0; !rc && i < n_prefixes; i++)
        rc = elcl_projection_find(loader, prefixes[i], "", n, k, &parts[i]);
    return elcl_load_done(loader,
                          rc ? rc : elcl_projections_load(loader, parts, n_prefixes, linear));
}

/* A part of the columns is in many places of the file, and int8 needs whole columns: then the
 * weight is loaded. */
int elcl_projection_find_conv1d(const struct elcl_loader *loader, const char *prefix,
                                const char *role, int columns, int at, int n, int k,
                                struct elcl_projection *p)
{
    int rc = find_named(loader, prefix, role, k, columns, columns, p);
    if (!rc && (n < columns || loader->storage == ELCL_INT8))
        rc = elcl_projection_load_weight(loader, p);
    p->n = n;
    p->k = k;
    p->at = (size_t)at;
    p->n_stride = 1;
    p->k_stride = (size_t)columns;
    return rc;
}

int elcl_load_conv1d(struct elcl_loader *loader, const char *prefix, int n, int k,
                     struct elcl_linear *linear)
{
    struct elcl_projection p;
    const int rc = elcl_projection_find_conv1d(loader, prefix, "", n, 0, n, k, &p);
    return elcl_load_done(loader, rc ? rc : elcl_projections_load(loader, &p, 1, linear));
}

#define TAPS 3 /* of a convolution */

/* Copies a weight [n, c, taps] as [n, taps, c]; *memory is the copy. */
static int order_taps(const struct elcl_loader *loader, const struct elcl_tensor *from, int n,
                      int c, struct elcl_tensor *to, char **memory)
{
    const size_t element = elcl_storage_bytes(from->dtype), channels = (size_t)c;
    *to = *from;
    to->data = *memory = elcl_calloc(from->n, element);
    if (!*memory)
        return elcl_fail_nomem(loader->err);
    for (size_t row = 0; row < (size_t)n; row++)
        for (size_t i = 0; i < TAPS * channels; i++)
            memcpy(*memory + (row * TAPS * channels + i % TAPS * channels + i / TAPS) * element,
                   (const char *)from->data + (row * TAPS * channels + i) * element, element);
    return ELCL_OK;
}

int elcl_load_convolution(struct elcl_loader *loader, const char *prefix, int n, int c,
                          struct elcl_linear *linear)
{
    const int dims[] = {n, c, TAPS};
    const size_t k = TAPS * (size_t)c;
    char name[MAX_NAME], *memory = NULL;
    struct elcl_projection p = {.tensors = loader->st, .has_bias = true, .n = n, .k = (int)k};
    struct elcl_tensor ordered;
    const enum elcl_storage storage = loader->storage;
    int rc = ELCL_OK;
    loader->storage = elcl_table_storage(storage);
    p.n_stride = k;
    p.k_stride = 1;
    if (!loader->plan) {
        snprintf(name, sizeof(name), "%s.weight", prefix);
        ELCL_TRY(find_dims(loader, name, dims, TAPS, &p.weight));
        ELCL_TRY(elcl_projection_load_weight(loader, &p));
        ELCL_TRY(order_taps(loader, p.weight, n, c, &ordered, &memory));
        p.weight = &ordered;
        snprintf(name, sizeof(name), "%s.bias", prefix);
        ELCL_TRY(require(loader, name, n, 0, &p.bias));
    }
    ELCL_TRY(elcl_projections_load(loader, &p, 1, linear));
fail:
    loader->storage = storage;
    elcl_free(memory);
    return elcl_load_done(loader, rc);
}

/* ---- token embeddings ---- */

static bool same_content(const struct elcl_tensor *a, const struct elcl_tensor *b)
{
    return a->dtype == b->dtype && a->n == b->n &&
           (a->data == b->data || !memcmp(a->data, b->data, a->n * elcl_storage_bytes(a->dtype)));
}

/* Reports that no name of a table is stored, or that one has an unusable form. */
static int missing_table(const struct elcl_loader *loader, const char *const *names)
{
    if (!names[1])
        return missing(loader, names[0]);
    struct elcl_str all = {0};
    for (int i = 0; names[i]; i++) {
        char prefixed[MAX_NAME];
        with_base(loader, names[i], prefixed);
        if (elcl_tensors_refusal(loader->st, names[i]) ||
            elcl_tensors_refusal(loader->st, prefixed)) {
            elcl_str_finish(&all);
            return missing(loader, names[i]);
        }
        elcl_str_printf(&all, "%s%s", i ? ", " : "", names[i]);
    }
    const int rc =
        all.failed ? elcl_fail_nomem(loader->err)
                   : elcl_fail(loader->err, ELCL_E_FORMAT, "%s: tensor missing: expected one of %s",
                               loader->st->path, all.data);
    elcl_str_finish(&all);
    return rc;
}

/* Finds the first stored name; the others are its copies, or the reference does not use them. */
static int find_table(const struct elcl_loader *loader, const char *const *names, int v, int d,
                      const struct elcl_tensor **table)
{
    const struct elcl_tensor *first = NULL;
    for (int i = 0; names[i]; i++) {
        const struct elcl_tensor *t = elcl_load_find(loader, names[i]);
        const int rc = t ? mark_used(loader, t) : ELCL_OK;
        if (rc)
            return rc;
        if (!first)
            first = t;
    }
    return first ? find_shaped(loader, first->name, v, d, table) : missing_table(loader, names);
}

/* Finds a loaded table with the same content. */
static int find_loaded(struct elcl_loader *loader, const struct elcl_tensor *tensor, int v, int d,
                       struct elcl_weights *weights, const struct elcl_matrix **table)
{
    for (int i = 0; i < weights->n_embeddings; i++) {
        const struct elcl_tensor *other = loader->tables[i];
        if (weights->embeddings[i].n != v || weights->embeddings[i].k != d)
            continue;
        int rc = elcl_tensors_load(loader->st, other, loader->err);
        if (!rc)
            rc = elcl_tensors_load(loader->st, tensor, loader->err);
        if (rc)
            return rc;
        if (same_content(tensor, other)) {
            *table = &weights->embeddings[i];
            return ELCL_OK;
        }
    }
    return ELCL_OK;
}

int elcl_load_embedding(struct elcl_loader *loader, const char *const *names, int v, int d,
                        const struct elcl_matrix *planned, struct elcl_weights *weights,
                        const struct elcl_matrix **table)
{
    const struct elcl_tensor *tensor = NULL;
    const struct elcl_matrix *loaded = loader->plan ? planned : NULL;
    int rc = ELCL_OK;
    if (!loader->plan)
        rc = find_table(loader, names, v, d, &tensor);
    if (!rc && tensor)
        rc = find_loaded(loader, tensor, v, d, weights, &loaded);
    if (rc || loaded) {
        *table = loaded;
        return elcl_load_done(loader, rc);
    }
    const int at = weights->n_embeddings;
    if (at == ELCL_MAX_TABLES)
        return elcl_fail(loader->err, ELCL_E_INTERNAL, "too many embedding tables");
    struct elcl_projection p = {
        .tensors = loader->st, .weight = tensor, .n = v, .n_stride = (size_t)d, .k_stride = 1};
    if (tensor && !tensor->in_parts)
        rc = elcl_projection_load_weight(loader, &p);
    if (rc)
        return rc;
    const struct elcl_matrix_source source = elcl_projection_source(&p);
    rc = load_matrix_as(loader, elcl_table_storage(loader->storage), "token embedding", 1, v, d,
                        &source, 1, &weights->embeddings[at]);
    if (rc)
        return rc;
    loader->tables[at] = tensor;
    *table = &weights->embeddings[at];
    weights->n_embeddings++;
    return elcl_load_done(loader, ELCL_OK);
}
