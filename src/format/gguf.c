/* Reads the head of a GGUF file: the places of its values and tensors. Everything is checked before
 * it is used. */
#include "format/gguf.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "format/byte_reader.h"
#include "format/ggml.h"

#define FIRST_VERSION 2
#define LAST_VERSION 3
#define MAX_NAME 1024
#define MAX_EXTENT (INT64_C(1) << 40)
#define DEFAULT_ALIGNMENT 32
#define MAX_ALIGNMENT (1 << 20)
#define LEAST_VALUE_BYTES 13  /* an empty name and a byte */
#define LEAST_TENSOR_BYTES 32 /* an empty name and one dimension */

struct reader {
    struct elcl_gguf *gguf;
    struct elcl_byte_reader in;
    elcl_error *err;
};

static int damaged(const struct reader *r, const char *what)
{
    return elcl_byte_reader_damaged(&r->in, what, r->err);
}

/* ---- numbers and names ----------------------------------------------------------------------- */

static int read_number(struct reader *r, int bytes, uint64_t *value)
{
    const char *p = NULL;
    const int rc = elcl_byte_reader_take(&r->in, (size_t)bytes, &p, r->err);
    if (!rc)
        *value = elcl_read_le(p, bytes);
    return rc;
}

/* Writes a name and a NUL to `name` [MAX_NAME + 1]. */
static int read_name(struct reader *r, const char *what, char *name)
{
    const char *p = NULL;
    uint64_t n = 0;
    int rc = read_number(r, 8, &n);
    if (!rc && (!n || n > MAX_NAME))
        return elcl_fail(r->err, ELCL_E_FORMAT,
                         "%s: %s has a name of %" PRIu64 " bytes, expected 1 .. %d", r->gguf->path,
                         what, n, MAX_NAME);
    if (!rc)
        rc = elcl_byte_reader_take(&r->in, (size_t)n, &p, r->err);
    if (rc)
        return rc;
    memcpy(name, p, (size_t)n);
    name[n] = '\0';
    return strlen(name) == n ? ELCL_OK : damaged(r, "a name contains U+0000");
}

/* Stores the index of a name that must be new. */
static int add_name(struct reader *r, struct elcl_strmap *map, const char *what, const char *name,
                    size_t index)
{
    int32_t found = -1;
    const int rc = elcl_strmap_add(map, name, strlen(name), (int32_t)index, &found, r->err);
    if (rc || found == (int32_t)index)
        return rc;
    return elcl_fail(r->err, ELCL_E_FORMAT, "%s: the %s %.200s appears twice", r->gguf->path, what,
                     name);
}

/* ---- values ---------------------------------------------------------------------------------- */

static size_t kind_bytes(enum elcl_gguf_kind kind)
{
    static const uint8_t bytes[ELCL_GGUF_N_KINDS] = {
        [ELCL_GGUF_U8] = 1,  [ELCL_GGUF_I8] = 1,  [ELCL_GGUF_U16] = 2, [ELCL_GGUF_I16] = 2,
        [ELCL_GGUF_U32] = 4, [ELCL_GGUF_I32] = 4, [ELCL_GGUF_F32] = 4, [ELCL_GGUF_BOOL] = 1,
        [ELCL_GGUF_U64] = 8, [ELCL_GGUF_I64] = 8, [ELCL_GGUF_F64] = 8};
    return bytes[kind];
}

static int read_kind(struct reader *r, const char *key, enum elcl_gguf_kind *kind)
{
    uint64_t number = 0;
    const int rc = read_number(r, 4, &number);
    if (!rc && number >= ELCL_GGUF_N_KINDS)
        return elcl_fail(r->err, ELCL_E_FORMAT, "%s: key %.200s has the unknown type %" PRIu64,
                         r->gguf->path, key, number);
    *kind = (enum elcl_gguf_kind)number;
    return rc;
}

static int skip_strings(struct reader *r, size_t n)
{
    uint64_t length = 0;
    int rc = n > elcl_bytes_left(&r->in) / 8 ? damaged(r, "ends inside an array") : ELCL_OK;
    for (size_t i = 0; i < n && !rc; i++) {
        rc = read_number(r, 8, &length);
        if (!rc)
            rc = elcl_byte_reader_skip(&r->in, length, "ends inside a string", r->err);
    }
    return rc;
}

static int read_value(struct reader *r, const char *key, struct elcl_gguf_value *v)
{
    uint64_t n = 1;
    size_t bytes;
    int rc = read_kind(r, key, &v->kind);
    v->array = !rc && v->kind == ELCL_GGUF_ARRAY;
    if (v->array) {
        rc = read_kind(r, key, &v->kind);
        if (!rc && v->kind == ELCL_GGUF_ARRAY)
            return elcl_fail(r->err, ELCL_E_UNSUPPORTED,
                             "%s: key %.200s: arrays of arrays are not supported", r->gguf->path,
                             key);
        if (!rc)
            rc = read_number(r, 8, &n);
    }
    if (rc)
        return rc;
    v->n = n;
    v->at = r->in.at;
    if (v->kind == ELCL_GGUF_STRING)
        rc = skip_strings(r, v->n);
    else if (!elcl_mul_size(v->n, kind_bytes(v->kind), &bytes))
        rc = damaged(r, "an array is too large");
    else
        rc = elcl_byte_reader_skip(&r->in, bytes, "ends inside a value", r->err);
    v->bytes = r->in.at - v->at;
    return rc;
}

static int read_values(struct reader *r)
{
    struct elcl_gguf *g = r->gguf;
    char key[MAX_NAME + 1];
    int rc = ELCL_OK;
    g->values = elcl_calloc(g->n_values, sizeof(*g->values));
    if (!g->values)
        return elcl_fail_nomem(r->err);
    for (size_t i = 0; i < g->n_values && !rc; i++) {
        rc = read_name(r, "a key", key);
        if (!rc)
            rc = add_name(r, &g->keys, "key", key, i);
        if (!rc)
            rc = read_value(r, key, &g->values[i]);
    }
    return rc;
}

/* ---- tensors --------------------------------------------------------------------------------- */

static int bad_tensor(const struct reader *r, const struct elcl_gguf_tensor *t, const char *what)
{
    return elcl_fail(r->err, ELCL_E_FORMAT, "%s: tensor %.200s %s", r->gguf->path, t->name, what);
}

static int read_shape(struct reader *r, struct elcl_gguf_tensor *t)
{
    uint64_t n_dims = 0, extent = 0;
    int rc = read_number(r, 4, &n_dims);
    if (!rc && (!n_dims || n_dims > ELCL_MAX_DIMS))
        return bad_tensor(r, t, "has no dimensions, or more than 4");
    t->n_dims = (int)n_dims;
    t->n = 1;
    for (int i = t->n_dims - 1; i >= 0 && !rc; i--) {
        rc = read_number(r, 8, &extent);
        if (!rc && (!extent || extent > MAX_EXTENT || !elcl_mul_size(t->n, extent, &t->n)))
            return bad_tensor(r, t, "has no elements, or too many");
        t->shape[i] = (int64_t)extent;
    }
    return rc;
}

/* Reads type and offset, which counts from the elements of the first tensor on. */
static int read_place(struct reader *r, struct elcl_gguf_tensor *t)
{
    uint64_t number = 0, offset = 0;
    int rc = read_number(r, 4, &number);
    if (!rc)
        rc = read_number(r, 8, &offset);
    if (rc)
        return rc;
    t->number = (uint32_t)number;
    t->type = elcl_ggml_type_find(t->number);
    t->at = offset;
    return t->type ? elcl_ggml_bytes(&r->gguf->file, t->name, t->type,
                                     (size_t)t->shape[t->n_dims - 1], t->n, &t->bytes, r->err)
                   : ELCL_OK;
}

/* Makes offsets places in the file. */
static int place_tensors(struct reader *r)
{
    struct elcl_gguf *g = r->gguf;
    int alignment = 0;
    const int rc = elcl_gguf_int_or(g, "general.alignment", 1, MAX_ALIGNMENT, DEFAULT_ALIGNMENT,
                                    &alignment, r->err);
    if (rc)
        return rc;
    if (alignment & (alignment - 1))
        return elcl_fail(r->err, ELCL_E_FORMAT,
                         "%s: general.alignment: expected a power of two, found %d", g->path,
                         alignment);
    const size_t first = elcl_round_up(r->in.at, (size_t)alignment);
    for (size_t i = 0; i < g->n_tensors; i++) {
        struct elcl_gguf_tensor *t = &g->tensors[i];
        if (t->at % (size_t)alignment)
            return bad_tensor(r, t, "does not begin at a multiple of general.alignment");
        if (t->type && (first > g->file.bytes || t->at > g->file.bytes - first ||
                        t->bytes > g->file.bytes - first - t->at))
            return bad_tensor(r, t, "is cut off; is the file complete?");
        t->at = t->type ? first + t->at : 0;
    }
    return ELCL_OK;
}

static int read_tensors(struct reader *r)
{
    struct elcl_gguf *g = r->gguf;
    char name[MAX_NAME + 1];
    int rc = ELCL_OK;
    g->tensors = elcl_calloc(g->n_tensors, sizeof(*g->tensors));
    if (!g->tensors)
        return elcl_fail_nomem(r->err);
    for (size_t i = 0; i < g->n_tensors; i++) {
        struct elcl_gguf_tensor *t = &g->tensors[i];
        ELCL_TRY(read_name(r, "a tensor", name));
        ELCL_TRY(add_name(r, &g->names, "tensor", name, i));
        t->name = elcl_strdup(name);
        if (!t->name)
            return elcl_fail_nomem(r->err);
        ELCL_TRY(read_shape(r, t));
        ELCL_TRY(read_place(r, t));
    }
    rc = place_tensors(r);
fail:
    return rc;
}

/* ---- files ----------------------------------------------------------------------------------- */

static int check_version(struct reader *r)
{
    uint64_t version = 0;
    const int rc = read_number(r, 4, &version);
    if (rc || (version >= FIRST_VERSION && version <= LAST_VERSION))
        return rc;
    if (version && !(version & 0xffff))
        return elcl_fail(r->err, ELCL_E_UNSUPPORTED,
                         "%s: is a big-endian GGUF file; elcl reads little-endian ones "
                         "(gguf-convert-endian FILE little)",
                         r->gguf->path);
    return elcl_fail(r->err, ELCL_E_UNSUPPORTED,
                     "%s: expected a GGUF file of version %d or %d, found %" PRIu64, r->gguf->path,
                     FIRST_VERSION, LAST_VERSION, version);
}

static int read_head(struct reader *r)
{
    struct elcl_gguf *g = r->gguf;
    uint64_t magic = 0, n_tensors = 0, n_values = 0;
    int rc;
    ELCL_TRY(read_number(r, 4, &magic));
    if (magic != ELCL_GGUF_MAGIC)
        return elcl_fail(r->err, ELCL_E_FORMAT, "%s: is no GGUF file", g->path);
    ELCL_TRY(check_version(r));
    ELCL_TRY(read_number(r, 8, &n_tensors));
    ELCL_TRY(read_number(r, 8, &n_values));
    if (n_values > elcl_bytes_left(&r->in) / LEAST_VALUE_BYTES || n_values > INT32_MAX)
        return damaged(r, "has fewer keys than it says");
    if (n_tensors > elcl_bytes_left(&r->in) / LEAST_TENSOR_BYTES || n_tensors > INT32_MAX)
        return damaged(r, "has fewer tensors than it says");
    g->n_values = n_values;
    ELCL_TRY(read_values(r));
    g->n_tensors = n_tensors;
    ELCL_TRY(read_tensors(r));
    ELCL_TRY(elcl_gguf_text_or(g, "general.architecture", "", g->architecture,
                               sizeof(g->architecture), r->err));
fail:
    return rc;
}

static int read_file(struct elcl_gguf *gguf, elcl_error *err)
{
    struct reader r = {.gguf = gguf, .err = err};
    int rc = elcl_byte_reader_init(&r.in, &gguf->file, err);
    if (!rc)
        rc = read_head(&r);
    elcl_byte_reader_finish(&r.in);
    return rc;
}

int elcl_gguf_parse(const void *data, size_t bytes, const char *path, struct elcl_gguf *gguf,
                    elcl_error *err)
{
    gguf->path = elcl_strdup(path);
    if (!gguf->path)
        return elcl_fail_nomem(err);
    gguf->file = elcl_file_of(data, bytes, gguf->path);
    return read_file(gguf, err);
}

int elcl_gguf_open(const char *path, struct elcl_gguf *gguf, elcl_error *err)
{
    gguf->path = elcl_strdup(path);
    if (!gguf->path)
        return elcl_fail_nomem(err);
    const int rc = elcl_file_open(gguf->path, &gguf->file, err);
    return rc ? rc : read_file(gguf, err);
}

void elcl_gguf_finish(struct elcl_gguf *gguf)
{
    for (size_t i = 0; i < gguf->n_tensors && gguf->tensors; i++)
        elcl_free(gguf->tensors[i].name);
    elcl_file_close(&gguf->file);
    elcl_strmap_finish(&gguf->keys);
    elcl_strmap_finish(&gguf->names);
    elcl_free(gguf->values);
    elcl_free(gguf->tensors);
    elcl_free(gguf->path);
    *gguf = (struct elcl_gguf){0};
}

const struct elcl_gguf_tensor *elcl_gguf_tensor(const struct elcl_gguf *gguf, const char *name)
{
    const int32_t i = elcl_strmap_get(&gguf->names, name, strlen(name));
    return i < 0 ? NULL : &gguf->tensors[i];
}
