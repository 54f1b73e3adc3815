/* Tensors of a whisper.cpp file. Blocks of integers become f32 when they are loaded. */
#include <string.h>

#include "base/util.h"
#include "format/ggml.h"

struct tensors {
    struct elcl_tensors base;
    struct elcl_ggml ggml;
};

static const struct elcl_ggml_entry *entry_of(const struct tensors *ts, const char *name)
{
    const int32_t i = elcl_strmap_get(&ts->ggml.names, name, strlen(name));
    return i < 0 ? NULL : &ts->ggml.entries[i];
}

static const struct elcl_tensor *find(const struct elcl_tensors *tensors, const char *name)
{
    const struct elcl_ggml_entry *e = entry_of((const struct tensors *)tensors, name);
    return e ? &e->t : NULL;
}

/* All types that a file may have can be used. */
static const char *refusal(const struct elcl_tensors *tensors, const char *name)
{
    (void)tensors;
    (void)name;
    return NULL;
}

static const char *name_of(const struct elcl_tensors *tensors, size_t i)
{
    const struct tensors *ts = (const struct tensors *)tensors;
    return i < ts->ggml.n_entries ? ts->ggml.entries[i].t.name : NULL;
}

static int read_tensor(const struct elcl_tensors *tensors, const struct elcl_tensor *tensor,
                       size_t first, size_t n, void *to, elcl_error *err)
{
    const struct tensors *ts = (const struct tensors *)tensors;
    const struct elcl_ggml_entry *e = entry_of(ts, tensor->name);
    return elcl_ggml_read(&ts->ggml.file, e->at, e->type, first, n, to, err);
}

static void destroy(struct elcl_tensors *tensors)
{
    struct tensors *ts = (struct tensors *)tensors;
    elcl_tensors_finish(tensors);
    elcl_ggml_finish(&ts->ggml);
    elcl_free(ts);
}

/* data NULL: opens the file. */
static int open_tensors(const void *data, size_t bytes, const char *path,
                        struct elcl_tensors **tensors, elcl_error *err)
{
    static const struct elcl_tensors_source source = {
        .find = find, .refusal = refusal, .name = name_of, .read = read_tensor, .close = destroy};
    struct tensors *ts = elcl_calloc(1, sizeof(*ts));
    if (!ts)
        return elcl_fail_nomem(err);
    ts->base.source = &source;
    const int rc = data ? elcl_ggml_parse(data, bytes, path, &ts->ggml, err)
                        : elcl_ggml_open(path, true, &ts->ggml, err);
    ts->base.path = ts->ggml.path;
    if (rc)
        destroy(&ts->base);
    else
        *tensors = &ts->base;
    return rc;
}

int elcl_ggml_tensors_open(const char *path, struct elcl_tensors **tensors, elcl_error *err)
{
    return open_tensors(NULL, 0, path, tensors, err);
}

int elcl_ggml_tensors_open_memory(const void *data, size_t bytes, const char *path,
                                  struct elcl_tensors **tensors, elcl_error *err)
{
    return open_tensors(data, bytes, path, tensors, err);
}
