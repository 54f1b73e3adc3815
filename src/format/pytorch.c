#include "format/pytorch.h"

#include <stdlib.h>
#include <string.h>

#include "base/strmap.h"
#include "base/util.h"
#include "format/foreign.h"
#include "format/open_files.h"
#include "format/pickle.h"
#include "format/pytorch_legacy.h"
#include "format/shards.h"
#include "format/zip.h"

#define TAR_NAME 257 /* where a tar archive has its name */
#define START (TAR_NAME + 5)

/* One tensor. A tensor that cannot be used has only a name and a reason. */
struct item {
    struct elcl_tensor t; /* name owned */
    char *refusal;
    size_t file, at;               /* the file's index, and the first element in it */
    int64_t stride[ELCL_MAX_DIMS]; /* elements */
    size_t bytes;                  /* of a stored element */
    size_t span;                   /* stored elements from the first to the last one in use */
};

/* What holds the storages of a file: one of both. */
struct archive {
    const struct elcl_zip *zip;
    const char *prefix; /* of the zip's entries */
    size_t n_prefix;
    const struct elcl_legacy *legacy;
};

struct pytorch {
    struct elcl_tensors base;
    char *path;
    struct elcl_open_files files;
    struct item *items; /* [n_items] */
    size_t n_items, max_items;
    struct elcl_strmap names; /* -> item */
};

/* ---- one tensor ---- */

static int bad_tensor(const char *file, const struct elcl_pickle_tensor *p, const char *what,
                      elcl_error *err)
{
    return elcl_fail(err, ELCL_E_FORMAT, "%s: tensor %.*s: %s", file,
                     p->n_name < 200 ? (int)p->n_name : 200, p->name, what);
}

/* Counts the elements of the shape, and the storage elements from the first to the last one that
 * the tensor uses (*span). Returns false on overflow. */
static bool measure(const struct elcl_pickle_tensor *p, size_t *n, size_t *span)
{
    bool empty = false;
    *n = *span = 1;
    for (int i = 0; i < p->n_dims; i++) {
        size_t distance;
        const size_t extent = (size_t)p->shape[i];
        empty = empty || !extent;
        if (!extent)
            continue;
        if (!elcl_mul_size(*n, extent, n) ||
            !elcl_mul_size(extent - 1, (size_t)p->stride[i], &distance) ||
            !elcl_add_size(*span, distance, span))
            return false;
    }
    if (empty)
        *n = *span = 0;
    return true;
}

static bool is_contiguous(const struct elcl_pickle_tensor *p)
{
    int64_t stride = 1;
    for (int i = p->n_dims - 1; i >= 0; i--) {
        if (p->shape[i] > 1 && p->stride[i] != stride)
            return false;
        if (p->shape[i] > 1)
            stride *= p->shape[i];
    }
    return true;
}

/* Finds the entry "PREFIX/FOLDER/name"; *entry is NULL if there is none. */
static int find_entry(const struct elcl_zip *zip, const char *prefix, size_t n_prefix,
                      const char *folder, const char *name, size_t n_name,
                      const struct elcl_zip_entry **entry, elcl_error *err)
{
    struct elcl_str path = {0};
    elcl_str_append(&path, prefix, n_prefix);
    elcl_str_append(&path, folder, strlen(folder));
    elcl_str_append(&path, name, n_name);
    *entry = path.failed ? NULL : elcl_zip_find(zip, path.data, path.n);
    const int rc = path.failed ? elcl_fail_nomem(err) : ELCL_OK;
    elcl_str_finish(&path);
    return rc;
}

/* Finds the first byte of the tensor's storage in the file. */
static int find_storage(const struct archive *archive, const char *file,
                        const struct elcl_pickle_tensor *p, size_t *at, elcl_error *err)
{
    const struct elcl_zip_entry *entry = NULL;
    size_t bytes = 0, wanted;
    bool found = false;
    if (archive->legacy) {
        found = elcl_legacy_find(archive->legacy, p->key, p->n_key, at, &bytes);
    } else {
        const int rc = find_entry(archive->zip, archive->prefix, archive->n_prefix, "data/", p->key,
                                  p->n_key, &entry, err);
        if (rc)
            return rc;
        found = entry != NULL;
        *at = entry ? entry->at : 0;
        bytes = entry ? entry->bytes : 0;
    }
    if (!found)
        return bad_tensor(file, p, "its storage is not in the file", err);
    if (!elcl_mul_size((size_t)p->n_storage, p->type->bytes, &wanted) || wanted > bytes)
        return bad_tensor(file, p, "its storage is shorter than the pickle says", err);
    return ELCL_OK;
}

/* Finds why the tensor cannot be used; *why is NULL if it can. */
static int judge(const struct elcl_pickle_tensor *p, size_t n, enum elcl_storage *dtype, char **why,
                 elcl_error *err)
{
    static const struct {
        const char *type;
        enum elcl_storage dtype;
    } usable[] = {{"FloatStorage", ELCL_F32},
                  {"HalfStorage", ELCL_F16},
                  {"BFloat16Storage", ELCL_BF16},
                  {"DoubleStorage", ELCL_F32}};
    bool known = false;
    for (size_t i = 0; i < ELCL_COUNT(usable); i++) {
        if (!strcmp(p->type->name, usable[i].type)) {
            *dtype = usable[i].dtype;
            known = true;
        }
    }
    struct elcl_str text = {0};
    if (p->n_dims > ELCL_MAX_DIMS)
        elcl_str_printf(&text, "has %d dimensions; expected at most %d", p->n_dims, ELCL_MAX_DIMS);
    else if (!known)
        elcl_str_printf(
            &text,
            "has elements of torch.%s; expected FloatStorage, HalfStorage, BFloat16Storage "
            "or DoubleStorage",
            p->type->name);
    else if (n > (size_t)p->n_storage)
        elcl_str_printf(&text, "is an expanded view: %zu elements of a storage of %lld", n,
                        (long long)p->n_storage);
    if (text.failed)
        return elcl_fail_nomem(err);
    *why = text.data;
    return ELCL_OK;
}

/* Describes a tensor; the caller sets item->t.name and file. */
static int describe(const struct archive *archive, const char *file,
                    const struct elcl_pickle_tensor *p, struct item *item, elcl_error *err)
{
    size_t at = 0, n = 0, span = 0, end;
    int rc = find_storage(archive, file, p, &at, err);
    if (rc)
        return rc;
    if (p->n_dims <= ELCL_MAX_DIMS) {
        if (!measure(p, &n, &span))
            return bad_tensor(file, p, "the shape's product overflows", err);
        if (!elcl_add_size((size_t)p->offset, span, &end) || (n && end > (size_t)p->n_storage))
            return bad_tensor(file, p, "offset, shape and strides exceed its storage", err);
    }
    rc = judge(p, n, &item->t.dtype, &item->refusal, err);
    if (rc || item->refusal)
        return rc;
    item->t.n_dims = p->n_dims;
    memcpy(item->t.shape, p->shape, sizeof(p->shape));
    memcpy(item->stride, p->stride, sizeof(p->stride));
    item->t.n = n;
    item->bytes = p->type->bytes;
    item->span = span;
    item->at = at + (n ? (size_t)p->offset * item->bytes : 0);
    item->t.in_parts = is_contiguous(p) && item->bytes == elcl_storage_bytes(item->t.dtype);
    return ELCL_OK;
}

static int add_tensor(struct pytorch *pt, const struct archive *archive, const char *file,
                      const struct elcl_pickle_tensor *p, elcl_error *err)
{
    struct item item = {.file = pt->files.n - 1};
    void *array = pt->items;
    int rc;
    ELCL_TRY(describe(archive, file, p, &item, err));
    char *name = elcl_strndup(p->name, p->n_name);
    item.t.name = name;
    item.t.file = file;
    if (!name || !elcl_grow(&array, &pt->max_items, pt->n_items + 1, sizeof(*pt->items))) {
        free(name);
        rc = elcl_fail_nomem(err);
        goto fail;
    }
    pt->items = array;
    pt->items[pt->n_items++] = item;
    int32_t found;
    rc = elcl_strmap_add(&pt->names, p->name, p->n_name, (int32_t)(pt->n_items - 1), &found, err);
    if (!rc && pt->names.n < pt->n_items)
        rc = bad_tensor(file, p, "appears twice", err);
    return rc;
fail:
    elcl_free(item.refusal);
    return rc;
}

/* ---- one file ---- */

/* The pickle's entry is "PREFIX/data.pkl"; *n_prefix counts the slash. */
static const struct elcl_zip_entry *find_pickle(const struct elcl_zip *zip, size_t *n_prefix)
{
    for (size_t i = 0; i < zip->n; i++) {
        if (elcl_ends_with(zip->entries[i].name, zip->entries[i].n_name, "/data.pkl")) {
            *n_prefix = zip->entries[i].n_name - strlen("data.pkl");
            return &zip->entries[i];
        }
    }
    return NULL;
}

static int check_byte_order(const struct elcl_zip *zip, const char *prefix, size_t n_prefix,
                            const struct elcl_file *file, elcl_error *err)
{
    const struct elcl_zip_entry *order = NULL;
    char word[6] = "";
    int rc = find_entry(zip, prefix, n_prefix, "byteorder", "", 0, &order, err);
    if (!rc && order && order->bytes == sizeof(word))
        rc = elcl_file_read(file, order->at, word, sizeof(word), err);
    if (rc)
        return rc;
    if (!order || !memcmp(word, "little", sizeof(word)))
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_UNSUPPORTED,
                     "%s: byteorder: expected little; save the file again on another machine, "
                     "or as safetensors",
                     file->path);
}

/* Refuses files that often replace the zip archive; `start` are the first n bytes. */
static int check_start(const char *start, size_t n, const char *file, elcl_error *err)
{
    static const char tar[] = "ustar";
    if (n >= TAR_NAME + 5 && !memcmp(start + TAR_NAME, tar, 5))
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: is a tar archive of torch before 0.1.10; load it with torch.load and "
                         "save it again with torch.save, or as safetensors",
                         file);
    return elcl_foreign_pointer(start, n, file, err);
}

static int add_tensors(struct pytorch *pt, const struct archive *archive, const char *file,
                       const struct elcl_pickle_tensor *tensors, size_t n, elcl_error *err)
{
    if (pt->n_items + n > INT32_MAX / 2)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: too many tensors", file);
    for (size_t i = 0; i < n; i++) {
        const int rc = add_tensor(pt, archive, file, &tensors[i], err);
        if (rc)
            return rc;
    }
    return ELCL_OK;
}

static int read_pickle(struct pytorch *pt, const struct elcl_zip *zip,
                       const struct elcl_zip_entry *pickle, size_t n_prefix, elcl_error *err)
{
    const struct elcl_file *file = elcl_open_files_last(&pt->files);
    const struct archive archive = {.zip = zip, .prefix = pickle->name, .n_prefix = n_prefix};
    struct elcl_pickle_tensor *tensors = NULL;
    char *text = NULL;
    size_t n = 0;
    int rc;
    if (pickle->bytes <= ELCL_PICKLE_MAX_BYTES)
        ELCL_TRY(elcl_file_copy(file, pickle->at, pickle->bytes, &text, err));
    ELCL_TRY(elcl_pickle_read(text, pickle->bytes, file->path, &tensors, &n, err));
    ELCL_TRY(add_tensors(pt, &archive, file->path, tensors, n, err));
fail:
    elcl_free(tensors);
    elcl_free(text);
    return rc;
}

static int add_zip(struct pytorch *pt, elcl_error *err)
{
    const struct elcl_file *file = elcl_open_files_last(&pt->files);
    struct elcl_zip zip = {0};
    size_t n_prefix = 0;
    int rc;
    ELCL_TRY(elcl_zip_open(file, &zip, err));
    const struct elcl_zip_entry *pickle = find_pickle(&zip, &n_prefix);
    if (!pickle) {
        rc = elcl_fail(err, ELCL_E_FORMAT,
                       "%s: a zip archive without data.pkl, which torch.save "
                       "writes",
                       file->path);
        goto fail;
    }
    ELCL_TRY(check_byte_order(&zip, pickle->name, n_prefix, file, err));
    ELCL_TRY(read_pickle(pt, &zip, pickle, n_prefix, err));
fail:
    elcl_zip_finish(&zip);
    return rc;
}

static int add_legacy(struct pytorch *pt, elcl_error *err)
{
    const struct elcl_file *file = elcl_open_files_last(&pt->files);
    struct elcl_legacy legacy = {0};
    const struct archive archive = {.legacy = &legacy};
    int rc = elcl_legacy_open(file, &legacy, err);
    if (!rc)
        rc = add_tensors(pt, &archive, file->path, legacy.tensors, legacy.n_tensors, err);
    elcl_legacy_finish(&legacy);
    return rc;
}

/* Adds the tensors of the last file. */
static int read_last(struct pytorch *pt, elcl_error *err)
{
    const struct elcl_file *file = elcl_open_files_last(&pt->files);
    char start[START];
    const size_t n = file->bytes < sizeof(start) ? file->bytes : sizeof(start);
    int rc = elcl_file_read(file, 0, start, n, err);
    if (!rc && elcl_legacy_is(start, n))
        return add_legacy(pt, err);
    if (!rc)
        rc = check_start(start, n, file->path, err);
    return rc ? rc : add_zip(pt, err);
}

static int add_file(void *user, const char *path, elcl_error *err)
{
    struct pytorch *pt = user;
    const int rc = elcl_open_files_add(&pt->files, path, err);
    return rc ? rc : read_last(pt, err);
}

static int add_memory(struct pytorch *pt, const void *data, size_t bytes, elcl_error *err)
{
    const int rc = elcl_open_files_add_memory(&pt->files, data, bytes, pt->path, err);
    return rc ? rc : read_last(pt, err);
}

/* ---- as a source ---- */

static struct item *item_of(const struct pytorch *pt, const char *name)
{
    const int32_t i = elcl_strmap_get(&pt->names, name, strlen(name));
    return i < 0 ? NULL : &pt->items[i];
}

static const struct elcl_tensor *find(const struct elcl_tensors *tensors, const char *name)
{
    const struct item *item = item_of((const struct pytorch *)tensors, name);
    return item && !item->refusal ? &item->t : NULL;
}

static const char *refusal(const struct elcl_tensors *tensors, const char *name)
{
    const struct item *item = item_of((const struct pytorch *)tensors, name);
    return item ? item->refusal : NULL;
}

static const char *name(const struct elcl_tensors *tensors, size_t i)
{
    const struct pytorch *pt = (const struct pytorch *)tensors;
    return i < pt->n_items ? pt->items[i].t.name : NULL;
}

/* Copies the stored elements in row-major order; 64-bit floats become 32-bit ones. */
static void copy(const struct item *item, const char *stored, char *out)
{
    const size_t bytes = elcl_storage_bytes(item->t.dtype);
    int64_t at[ELCL_MAX_DIMS] = {0}; /* indices of the element */
    int64_t place = 0;               /* its offset in the storage */
    for (size_t k = 0; k < item->t.n; k++, out += bytes) {
        const char *in = stored + (size_t)place * item->bytes;
        if (item->bytes == 8) {
            double wide;
            memcpy(&wide, in, sizeof(wide));
            const float single = (float)wide;
            memcpy(out, &single, sizeof(single));
        } else {
            memcpy(out, in, bytes);
        }
        for (int d = item->t.n_dims - 1; d >= 0; d--) {
            place += item->stride[d];
            if (++at[d] < item->t.shape[d])
                break;
            place -= at[d] * item->stride[d];
            at[d] = 0;
        }
    }
}

static int read_tensor(const struct elcl_tensors *tensors, const struct elcl_tensor *tensor,
                       size_t first, size_t n, void *to, elcl_error *err)
{
    const struct pytorch *pt = (const struct pytorch *)tensors;
    const struct item *item = item_of(pt, tensor->name);
    const struct elcl_file *file = &pt->files.items[item->file].file;
    char *stored = NULL;
    if (item->t.in_parts)
        return elcl_file_read(file, item->at + first * item->bytes, to, n * item->bytes, err);
    const int rc = elcl_file_copy(file, item->at, item->span * item->bytes, &stored, err);
    if (!rc)
        copy(item, stored, to);
    elcl_free(stored);
    return rc;
}

static void destroy(struct elcl_tensors *tensors)
{
    struct pytorch *pt = (struct pytorch *)tensors;
    elcl_tensors_finish(tensors);
    for (size_t i = 0; i < pt->n_items; i++) {
        free((void *)(uintptr_t)pt->items[i].t.name);
        elcl_free(pt->items[i].refusal);
    }
    elcl_open_files_finish(&pt->files);
    elcl_strmap_finish(&pt->names);
    elcl_free(pt->items);
    elcl_free(pt->path);
    elcl_free(pt);
}

/* ---- opening ---- */

/* Returns NULL when memory is short. */
static struct pytorch *create(const char *path, elcl_error *err)
{
    static const struct elcl_tensors_source source = {
        .find = find, .refusal = refusal, .name = name, .read = read_tensor, .close = destroy};
    struct pytorch *pt = elcl_calloc(1, sizeof(*pt));
    if (pt)
        pt->path = elcl_strndup(path, strlen(path));
    if (!pt || !pt->path) {
        elcl_fail_nomem(err);
        elcl_free(pt);
        return NULL;
    }
    pt->base = (struct elcl_tensors){.source = &source, .path = pt->path};
    return pt;
}

/* Returns pt in *tensors, or destroys it after a failure. */
static int finish_opening(struct pytorch *pt, int rc, struct elcl_tensors **tensors)
{
    if (rc)
        destroy(&pt->base);
    else
        *tensors = &pt->base;
    return rc;
}

int elcl_pytorch_open_file(const char *path, struct elcl_tensors **tensors, elcl_error *err)
{
    struct pytorch *pt = create(path, err);
    return pt ? finish_opening(pt, add_file(pt, path, err), tensors) : ELCL_E_NOMEM;
}

int elcl_pytorch_open_memory(const void *data, size_t bytes, const char *name,
                             struct elcl_tensors **tensors, elcl_error *err)
{
    struct pytorch *pt = create(name, err);
    return pt ? finish_opening(pt, add_memory(pt, data, bytes, err), tensors) : ELCL_E_NOMEM;
}

static bool shard_holds(const void *user, const char *name, int i)
{
    const struct item *item = item_of(user, name);
    return item && item->file == (size_t)i;
}

int elcl_pytorch_open_index(const char *directory, const char *index, struct elcl_tensors **tensors,
                            elcl_error *err)
{
    static const struct elcl_shards_user functions = {add_file, shard_holds};
    struct pytorch *pt = create(index, err);
    return pt ? finish_opening(pt, elcl_shards_open(directory, index, &functions, pt, err), tensors)
              : ELCL_E_NOMEM;
}
