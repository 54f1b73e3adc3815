#include "format/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "format/foreign.h"
#include "format/json.h"
#include "format/safetensors_impl.h"

/* The limit of the reference implementation. */
#define MAX_HEADER_BYTES ((size_t)100 * 1000 * 1000)

static const struct {
    const char *name;
    int bytes;   /* of one element; 0: less than a whole byte */
    int storage; /* enum elcl_storage, or -1 */
} dtypes[] = {
    {"F32", 4, ELCL_F32}, {"F16", 2, ELCL_F16}, {"BF16", 2, ELCL_BF16}, {"BOOL", 1, -1},
    {"U8", 1, -1},        {"I8", 1, -1},        {"F8_E5M2", 1, -1},     {"F8_E4M3", 1, -1},
    {"F8_E8M0", 1, -1},   {"I16", 2, -1},       {"U16", 2, -1},         {"I32", 4, -1},
    {"U32", 4, -1},       {"I64", 8, -1},       {"U64", 8, -1},         {"F64", 8, -1},
    {"C64", 8, -1},       {"F4", 0, -1},        {"F6_E2M3", 0, -1},     {"F6_E3M2", 0, -1},
};

/* One file while its header is read. */
struct reader {
    struct elcl_safetensors *st;
    const char *file;
    size_t data_at, data_bytes; /* after the header */
    struct span *spans;         /* [n_spans] */
    size_t n_spans;
};

/* The part of the data that a tensor covers. */
struct span {
    size_t begin, end;
    const char *name;
};

/* ---- one tensor ---------------------------------------------------------------------------- */

static int bad_tensor(const struct reader *r, const char *name, const char *key, const char *what,
                      const cJSON *found, elcl_error *err)
{
    return elcl_fail(err, ELCL_E_FORMAT, "%s: tensor %.200s: %s: expected %s, found %s", r->file,
                     name, key, what, elcl_json_describe(found).s);
}

static int read_offsets(const struct reader *r, const cJSON *entry, size_t *begin, size_t *end,
                        elcl_error *err)
{
    const cJSON *pair = elcl_json_get(entry, "data_offsets");
    const cJSON *first = cJSON_IsArray(pair) ? pair->child : NULL;
    const cJSON *second = first ? first->next : NULL;
    int64_t b, e;
    if (!second || second->next || !elcl_json_int(first, 0, ELCL_JSON_MAX_INT, &b) ||
        !elcl_json_int(second, b, ELCL_JSON_MAX_INT, &e))
        return bad_tensor(r, entry->string, "data_offsets", "two integers, 0 <= begin <= end", pair,
                          err);
    if ((uint64_t)e > r->data_bytes)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%s: tensor %.200s: data ends at %" PRId64
                         ", but the file has %zu bytes after the header",
                         r->file, entry->string, e, r->data_bytes);
    *begin = (size_t)b;
    *end = (size_t)e;
    return ELCL_OK;
}

/* Dimensions above ELCL_MAX_DIMS are counted and multiplied, but not stored. */
static int read_shape(const struct reader *r, const cJSON *entry, struct elcl_tensor *t,
                      elcl_error *err)
{
    const cJSON *shape = elcl_json_get(entry, "shape");
    if (!cJSON_IsArray(shape))
        return bad_tensor(r, entry->string, "shape", "an array of integers", shape, err);
    bool empty = false;
    t->n = 1;
    for (const cJSON *item = shape->child; item; item = item->next) {
        int64_t dim;
        if (!elcl_json_int(item, 0, ELCL_JSON_MAX_INT, &dim))
            return bad_tensor(r, entry->string, "shape", "integers of 0 or more", item, err);
        if (t->n_dims < ELCL_MAX_DIMS)
            t->shape[t->n_dims] = dim;
        t->n_dims++;
        empty = empty || !dim;
        if (dim && !elcl_mul_size(t->n, (size_t)dim, &t->n))
            return elcl_fail(err, ELCL_E_FORMAT, "%s: tensor %.200s: the shape's product overflows",
                             r->file, entry->string);
    }
    if (empty)
        t->n = 0;
    return ELCL_OK;
}

/* Sets *storage to -1 for a type that cannot be used. */
static int check_dtype(const struct reader *r, const char *name, const char *dtype,
                       const struct elcl_tensor *t, size_t bytes, int *storage, elcl_error *err)
{
    *storage = -1;
    for (size_t i = 0; i < ELCL_COUNT(dtypes); i++) {
        if (strcmp(dtypes[i].name, dtype) != 0)
            continue;
        *storage = dtypes[i].storage;
        size_t need;
        if (!dtypes[i].bytes)
            return ELCL_OK;
        if (!elcl_mul_size(t->n, (size_t)dtypes[i].bytes, &need))
            return elcl_fail(err, ELCL_E_FORMAT, "%s: tensor %.200s: the shape's product overflows",
                             r->file, name);
        if (need != bytes)
            return elcl_fail(err, ELCL_E_FORMAT,
                             "%s: tensor %.200s: dtype and shape take %zu bytes, data_offsets "
                             "give %zu",
                             r->file, name, need, bytes);
        return ELCL_OK;
    }
    return ELCL_OK; /* a type from a later version of the format */
}

/* Takes ownership of *name. */
static int keep_refused(struct elcl_safetensors *st, char *name, const char *dtype, int n_dims,
                        elcl_error *err)
{
    struct elcl_str why = {0};
    if (n_dims > ELCL_MAX_DIMS)
        elcl_str_printf(&why, "has %d dimensions; expected at most %d", n_dims, ELCL_MAX_DIMS);
    else
        elcl_str_printf(&why, "has dtype %.32s; expected F32, F16 or BF16", dtype);
    void *array = st->refused;
    const bool ok =
        !why.failed && elcl_grow(&array, &st->max_refused, st->n_refused + 1, sizeof(*st->refused));
    st->refused = array;
    if (!ok) {
        elcl_str_finish(&why);
        free(name);
        return elcl_fail_nomem(err);
    }
    st->refused[st->n_refused++] = (struct elcl_refused){name, why.data};
    return ELCL_OK;
}

/* The tensor begins at `at` in the last file. */
static int keep_tensor(struct elcl_safetensors *st, const struct elcl_tensor *t, size_t at,
                       elcl_error *err)
{
    void *array = st->tensors;
    if (!elcl_grow(&array, &st->max_tensors, st->n_tensors + 1, sizeof(*st->tensors)))
        return elcl_fail_nomem(err);
    st->tensors = array;
    st->tensors[st->n_tensors++] = (struct elcl_stored){*t, st->files.n - 1, at};
    return ELCL_OK;
}

/* Numbers usable tensors from 0 up and refused ones from INT32_MAX down. */
static int add_name(const struct reader *r, const char *name, bool usable, elcl_error *err)
{
    struct elcl_safetensors *st = r->st;
    const size_t i = usable ? st->n_tensors : (size_t)INT32_MAX - st->n_refused;
    if (st->n_tensors + st->n_refused >= INT32_MAX / 2)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: too many tensors", r->file);
    int32_t found;
    const size_t before = st->names.n;
    const int rc = elcl_strmap_add(&st->names, name, strlen(name), (int32_t)i, &found, err);
    if (!rc && st->names.n == before)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: tensor %.200s appears twice", r->file, name);
    return rc;
}

static int read_tensor(struct reader *r, const cJSON *entry, elcl_error *err)
{
    const char *name = entry->string;
    if (!cJSON_IsObject(entry))
        return elcl_fail(err, ELCL_E_FORMAT, "%s: tensor %.200s: expected an object, found %s",
                         r->file, name, elcl_json_describe(entry).s);
    const cJSON *dtype = elcl_json_get(entry, "dtype");
    if (!cJSON_IsString(dtype))
        return bad_tensor(r, name, "dtype", "a string", dtype, err);
    struct elcl_tensor t = {.file = r->file};
    size_t begin = 0, end = 0;
    int storage = -1;
    int rc = elcl_json_unique_keys(entry, r->file, err);
    if (!rc)
        rc = read_offsets(r, entry, &begin, &end, err);
    if (!rc)
        rc = read_shape(r, entry, &t, err);
    if (!rc)
        rc = check_dtype(r, name, dtype->valuestring, &t, end - begin, &storage, err);
    const bool usable = storage >= 0 && t.n_dims <= ELCL_MAX_DIMS;
    if (!rc)
        rc = add_name(r, name, usable, err);
    if (rc)
        return rc;
    char *copy = elcl_strndup(name, strlen(name));
    if (!copy)
        return elcl_fail_nomem(err);
    r->spans[r->n_spans++] = (struct span){begin, end, copy};
    if (!usable)
        return keep_refused(r->st, copy, dtype->valuestring, t.n_dims, err);
    t.name = copy;
    t.dtype = (enum elcl_storage)storage;
    t.in_parts = true;
    rc = keep_tensor(r->st, &t, r->data_at + begin, err);
    if (rc)
        free(copy);
    return rc;
}

/* ---- one file ------------------------------------------------------------------------------ */

static int compare_spans(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* Checks that the tensors cover the data without overlap or holes. */
static int check_spans(const struct reader *r, elcl_error *err)
{
    qsort(r->spans, r->n_spans, sizeof(*r->spans), compare_spans);
    size_t covered = 0;
    for (size_t i = 0; i < r->n_spans; i++) {
        const struct span *s = &r->spans[i];
        if (s->begin != covered)
            return elcl_fail(err, ELCL_E_FORMAT,
                             "%s: tensor %.200s: data begins at %zu, %s the end %zu of the tensor "
                             "before it",
                             r->file, s->name, s->begin,
                             s->begin < covered ? "overlapping" : "leaving a hole after", covered);
        covered = s->end;
    }
    if (covered != r->data_bytes)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%s: the tensors take %zu bytes, the file has %zu after the header",
                         r->file, covered, r->data_bytes);
    return ELCL_OK;
}

static int read_header(struct reader *r, const cJSON *header, elcl_error *err)
{
    size_t n = 0;
    for (const cJSON *entry = header->child; entry; entry = entry->next)
        n++;
    r->spans = elcl_calloc(n, sizeof(*r->spans));
    if (!r->spans)
        return elcl_fail_nomem(err);
    int rc = ELCL_OK;
    for (const cJSON *entry = header->child; entry; entry = entry->next) {
        if (strcmp(entry->string, "__metadata__") != 0)
            ELCL_TRY(read_tensor(r, entry, err));
        else if (!cJSON_IsObject(entry))
            ELCL_TRY(elcl_json_mismatch(r->file, "__metadata__", "an object", entry, err));
    }
    rc = check_spans(r, err);
fail:
    free(r->spans);
    return rc;
}

/* Reads the 8 bytes of the header's length. */
static int read_length(const struct elcl_file *file, size_t *n, elcl_error *err)
{
    char p[8];
    if (file->bytes < sizeof(p))
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%s: %zu bytes, a safetensors file has at least 8 (the header's length)",
                         file->path, file->bytes);
    const int rc = elcl_file_read(file, 0, p, sizeof(p), err);
    if (rc)
        return rc;
    const uint64_t header_bytes = elcl_read_le(p, sizeof(p));
    if (header_bytes > file->bytes - 8 || header_bytes > MAX_HEADER_BYTES)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%s: the header's length is given as %" PRIu64
                         " bytes, the file has %zu after it and at most %zu are allowed",
                         file->path, header_bytes, file->bytes - 8, MAX_HEADER_BYTES);
    *n = (size_t)header_bytes;
    return ELCL_OK;
}

/* Adds the tensors of the last file. */
static int read_file(struct elcl_safetensors *st, elcl_error *err)
{
    const struct elcl_file *file = elcl_open_files_last(&st->files);
    char *text = NULL;
    cJSON *header = NULL;
    size_t n = 0;
    int rc;
    ELCL_TRY(elcl_foreign_file(file, err));
    ELCL_TRY(read_length(file, &n, err));
    ELCL_TRY(elcl_file_copy(file, 8, n, &text, err));
    ELCL_TRY(elcl_json_parse(text, n, file->path, &header, err));
    elcl_free(text);
    text = NULL;
    struct reader r = {
        .st = st, .file = file->path, .data_at = 8 + n, .data_bytes = file->bytes - 8 - n};
    rc = read_header(&r, header, err);
fail:
    elcl_free(text);
    cJSON_Delete(header);
    return rc;
}

int elcl_safetensors_add(struct elcl_safetensors *st, const char *path, elcl_error *err)
{
    const int rc = elcl_open_files_add(&st->files, path, err);
    return rc ? rc : read_file(st, err);
}

/* ---- as a source ----------------------------------------------------------------------------- */

static const struct elcl_tensor *source_find(const struct elcl_tensors *tensors, const char *name)
{
    return elcl_safetensors_find((const struct elcl_safetensors *)tensors, name);
}

static const char *source_refusal(const struct elcl_tensors *tensors, const char *name)
{
    return elcl_safetensors_refusal((const struct elcl_safetensors *)tensors, name);
}

static const char *source_name(const struct elcl_tensors *tensors, size_t i)
{
    const struct elcl_safetensors *st = (const struct elcl_safetensors *)tensors;
    if (i < st->n_tensors)
        return st->tensors[i].t.name;
    i -= st->n_tensors;
    return i < st->n_refused ? st->refused[i].name : NULL;
}

static int source_read(const struct elcl_tensors *tensors, const struct elcl_tensor *tensor,
                       size_t first, size_t n, void *to, elcl_error *err)
{
    const struct elcl_safetensors *st = (const struct elcl_safetensors *)tensors;
    const struct elcl_stored *stored = (const struct elcl_stored *)tensor;
    const size_t bytes = elcl_storage_bytes(tensor->dtype);
    return elcl_file_read(&st->files.items[stored->file].file, stored->at + first * bytes, to,
                          n * bytes, err);
}

static void source_close(struct elcl_tensors *tensors)
{
    struct elcl_safetensors *st = (struct elcl_safetensors *)tensors;
    elcl_safetensors_close(&st);
}

static const struct elcl_tensors_source source = {
    .find = source_find,
    .refusal = source_refusal,
    .name = source_name,
    .read = source_read,
    .close = source_close,
};

struct elcl_tensors *elcl_safetensors_tensors(struct elcl_safetensors *st)
{
    return &st->base;
}

/* ---- opening and asking -------------------------------------------------------------------- */

int elcl_safetensors_create(const char *path, struct elcl_safetensors **st, elcl_error *err)
{
    struct elcl_safetensors *s = elcl_calloc(1, sizeof(*s));
    if (s)
        s->path = elcl_strndup(path, strlen(path));
    if (!s || !s->path) {
        free(s);
        return elcl_fail_nomem(err);
    }
    s->base = (struct elcl_tensors){.source = &source, .path = s->path};
    *st = s;
    return ELCL_OK;
}

int elcl_safetensors_open_file(const char *path, struct elcl_safetensors **st, elcl_error *err)
{
    struct elcl_safetensors *s = NULL;
    int rc;
    ELCL_TRY(elcl_safetensors_create(path, &s, err));
    ELCL_TRY(elcl_safetensors_add(s, path, err));
    *st = s;
    return ELCL_OK;
fail:
    elcl_safetensors_close(&s);
    return rc;
}

int elcl_safetensors_open_memory(const void *data, size_t bytes, const char *name,
                                 struct elcl_safetensors **st, elcl_error *err)
{
    struct elcl_safetensors *s = NULL;
    int rc;
    ELCL_TRY(elcl_safetensors_create(name, &s, err));
    ELCL_TRY(elcl_open_files_add_memory(&s->files, data, bytes, name, err));
    ELCL_TRY(read_file(s, err));
    *st = s;
    return ELCL_OK;
fail:
    elcl_safetensors_close(&s);
    return rc;
}

void elcl_safetensors_close(struct elcl_safetensors **st)
{
    struct elcl_safetensors *s = *st;
    if (!s)
        return;
    elcl_tensors_finish(&s->base);
    for (size_t i = 0; i < s->n_tensors; i++)
        free((void *)(uintptr_t)s->tensors[i].t.name);
    for (size_t i = 0; i < s->n_refused; i++) {
        free(s->refused[i].name);
        free(s->refused[i].why);
    }
    elcl_open_files_finish(&s->files);
    elcl_strmap_finish(&s->names);
    free(s->tensors);
    free(s->refused);
    free(s->path);
    free(s);
    *st = NULL;
}

const struct elcl_tensor *elcl_safetensors_find(const struct elcl_safetensors *st, const char *name)
{
    const int32_t i = elcl_strmap_get(&st->names, name, strlen(name));
    return i >= 0 && (size_t)i < st->n_tensors ? &st->tensors[i].t : NULL;
}

const char *elcl_safetensors_refusal(const struct elcl_safetensors *st, const char *name)
{
    const int32_t i = elcl_strmap_get(&st->names, name, strlen(name));
    return i >= 0 && (size_t)i >= st->n_tensors ? st->refused[INT32_MAX - i].why : NULL;
}

size_t elcl_safetensors_count(const struct elcl_safetensors *st)
{
    return st->n_tensors;
}

const struct elcl_tensor *elcl_safetensors_at(const struct elcl_safetensors *st, size_t i)
{
    return i < st->n_tensors ? &st->tensors[i].t : NULL;
}

const char *elcl_safetensors_path(const struct elcl_safetensors *st)
{
    return st->path;
}
