/* Tensors of a GGUF file under Hugging Face's names. Blocks of integers become f32 when they are
 * loaded. */
#include <string.h>

#include "base/util.h"
#include "format/ggml.h"
#include "format/gguf.h"

#define MAX_NAME 1200

struct item {
    struct elcl_tensor t; /* name owned */
    const struct elcl_gguf_tensor *stored;
    bool transposed; /* against what is stored */
    char *refusal;   /* why it cannot be used, or NULL */
};

struct tensors {
    struct elcl_tensors base;
    struct elcl_gguf gguf;
    struct item *items;       /* [gguf.n_tensors] */
    struct elcl_strmap names; /* -> item */
};

static const struct item *item_of(const struct tensors *ts, const char *name)
{
    const int32_t i = elcl_strmap_get(&ts->names, name, strlen(name));
    return i < 0 ? NULL : &ts->items[i];
}

static const struct elcl_tensor *find(const struct elcl_tensors *tensors, const char *name)
{
    const struct item *item = item_of((const struct tensors *)tensors, name);
    return item && !item->refusal ? &item->t : NULL;
}

static const char *refusal(const struct elcl_tensors *tensors, const char *name)
{
    const struct item *item = item_of((const struct tensors *)tensors, name);
    return item ? item->refusal : NULL;
}

static const char *name_of(const struct elcl_tensors *tensors, size_t i)
{
    const struct tensors *ts = (const struct tensors *)tensors;
    return i < ts->gguf.n_tensors ? ts->items[i].t.name : NULL;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Copies a matrix [rows, columns] of elements of `bytes` bytes as [columns, rows]. */
static void transpose(const char *from, size_t rows, size_t columns, size_t bytes, char *to)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            memcpy(to + (c * rows + r) * bytes, from + (r * columns + c) * bytes, bytes);
}

static int read_tensor(const struct elcl_tensors *tensors, const struct elcl_tensor *tensor,
                       size_t first, size_t n, void *to, elcl_error *err)
{
    const struct tensors *ts = (const struct tensors *)tensors;
    const struct item *item = item_of(ts, tensor->name);
    const struct elcl_gguf_tensor *s = item->stored;
    if (!item->transposed)
        return elcl_ggml_read(&ts->gguf.file, s->at, s->type, first, n, to, err);
    const size_t bytes = elcl_storage_bytes(item->t.dtype);
    char *stored = elcl_calloc(s->n, bytes);
    const int rc = stored ? elcl_ggml_read(&ts->gguf.file, s->at, s->type, 0, s->n, stored, err)
                          : elcl_fail_nomem(err);
    if (!rc)
        transpose(stored, (size_t)s->shape[0], (size_t)s->shape[1], bytes, to);
    elcl_free(stored);
    return rc;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int refuse_type(struct item *item, elcl_error *err)
{
    struct elcl_str text = {0};
    elcl_str_printf(&text,
                    "has elements of type %s; elcl reads " ELCL_GGML_TYPES
                    ": make the file again with one of these types",
                    elcl_ggml_type_name(item->stored->number));
    item->refusal = text.data;
    return text.failed ? elcl_fail_nomem(err) : ELCL_OK;
}

static int add_item(struct tensors *ts, size_t i, elcl_error *err)
{
    const struct elcl_gguf_tensor *s = &ts->gguf.tensors[i];
    struct item *item = &ts->items[i];
    char name[MAX_NAME];
    int32_t found = -1;
    elcl_gguf_name(&ts->gguf, s->name, name, sizeof(name), &item->transposed);
    item->stored = s;
    item->t = (struct elcl_tensor){
        .name = elcl_strdup(name), .file = ts->gguf.path, .n_dims = s->n_dims, .n = s->n};
    if (!item->t.name)
        return elcl_fail_nomem(err);
    memcpy(item->t.shape, s->shape, sizeof(item->t.shape));
    item->transposed = item->transposed && s->n_dims == 2;
    if (item->transposed) {
        item->t.shape[0] = s->shape[1];
        item->t.shape[1] = s->shape[0];
    }
    item->t.dtype = s->type ? s->type->dtype : ELCL_F32;
    item->t.in_parts = s->type && !s->type->expand && !item->transposed;
    int rc = s->type ? ELCL_OK : refuse_type(item, err);
    if (!rc)
        rc = elcl_strmap_add(&ts->names, name, strlen(name), (int32_t)i, &found, err);
    if (!rc && found != (int32_t)i)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: the tensors %.200s and %.200s are the same one",
                         ts->gguf.path, ts->gguf.tensors[found].name, s->name);
    return rc;
}

static void destroy(struct elcl_tensors *tensors)
{
    struct tensors *ts = (struct tensors *)tensors;
    elcl_tensors_finish(tensors);
    for (size_t i = 0; i < ts->gguf.n_tensors && ts->items; i++) {
        elcl_free((void *)(uintptr_t)ts->items[i].t.name);
        elcl_free(ts->items[i].refusal);
    }
    elcl_strmap_finish(&ts->names);
    elcl_free(ts->items);
    elcl_gguf_finish(&ts->gguf);
    elcl_free(ts);
}

/* data NULL: opens the file. */
static int open_tensors(const void *data, size_t bytes, const char *path,
                        struct elcl_tensors **tensors, elcl_error *err)
{
    static const struct elcl_tensors_source source = {
        .find = find, .refusal = refusal, .name = name_of, .read = read_tensor, .close = destroy};
    struct tensors *ts = elcl_calloc(1, sizeof(*ts));
    int rc;
    if (!ts)
        return elcl_fail_nomem(err);
    ts->base.source = &source;
    ELCL_TRY(data ? elcl_gguf_parse(data, bytes, path, &ts->gguf, err)
                  : elcl_gguf_open(path, &ts->gguf, err));
    ts->base.path = ts->gguf.path;
    ts->items = elcl_calloc(ts->gguf.n_tensors, sizeof(*ts->items));
    if (!ts->items) {
        rc = elcl_fail_nomem(err);
        goto fail;
    }
    for (size_t i = 0; i < ts->gguf.n_tensors; i++)
        ELCL_TRY(add_item(ts, i, err));
    *tensors = &ts->base;
    return ELCL_OK;
fail:
    destroy(&ts->base);
    return rc;
}

int elcl_gguf_tensors_open(const char *path, struct elcl_tensors **tensors, elcl_error *err)
{
    return open_tensors(NULL, 0, path, tensors, err);
}

int elcl_gguf_tensors_open_memory(const void *data, size_t bytes, const char *path,
                                  struct elcl_tensors **tensors, elcl_error *err)
{
    return open_tensors(data, bytes, path, tensors, err);
}
