/*
 * Tensors by name, wherever they come from: safetensors files, PyTorch files, or made on request.
 * A source is a struct whose first member is `struct elcl_tensors`, with a table of functions.
 */
#ifndef ELCL_FORMAT_TENSORS_H
#define ELCL_FORMAT_TENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define ELCL_MAX_DIMS 4

struct elcl_tensor {
    const char *name;
    const char *file;        /* for messages */
    enum elcl_storage dtype; /* F32, F16 or BF16 */
    int n_dims;
    int64_t shape[ELCL_MAX_DIMS]; /* outermost first */
    size_t n;                     /* elements */
    const void *data; /* row-major, little-endian, not necessarily aligned; NULL: not loaded */
};

struct elcl_tensors;

/* What a source does. Tensors are owned by it. */
struct elcl_tensors_source {
    /* NULL when there is no such tensor, or when it is there but cannot be used. */
    const struct elcl_tensor *(*find)(const struct elcl_tensors *tensors, const char *name);
    /* Why a tensor that is there cannot be used ("has dtype I64, ..."), otherwise NULL. */
    const char *(*refusal)(const struct elcl_tensors *tensors, const char *name);
    /* Makes the data of a tensor that has none. NULL where data is always there. */
    int (*load)(struct elcl_tensors *tensors, const struct elcl_tensor *tensor, elcl_error *err);
    /* Frees what load made and lets go of pages of files. NULL where there is nothing to free. */
    void (*drop)(struct elcl_tensors *tensors);
    void (*close)(struct elcl_tensors *tensors);
};

struct elcl_tensors {
    const struct elcl_tensors_source *source;
    const char *path; /* file, index or description, for messages; owned by the source */
};

/* Opens the weights of a model's directory. */
int elcl_tensors_open(const char *directory, struct elcl_tensors **tensors, elcl_error *err);
void elcl_tensors_close(struct elcl_tensors **tensors); /* NULL is fine */

const struct elcl_tensor *elcl_tensors_find(const struct elcl_tensors *tensors, const char *name);
const char *elcl_tensors_refusal(const struct elcl_tensors *tensors, const char *name);
/* After it tensor->data is there until elcl_tensors_drop(). */
int elcl_tensors_load(struct elcl_tensors *tensors, const struct elcl_tensor *tensor,
                      elcl_error *err);
/* Data that was made is not needed any more. */
void elcl_tensors_drop(struct elcl_tensors *tensors);

#endif
