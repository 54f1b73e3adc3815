/* Tensors by name, from any source: files of safetensors, PyTorch, CTranslate2, whisper.cpp or
 * llama.cpp, or computed on request. A source is a struct whose first member is `struct
 * elcl_tensors`, with a table of functions. */
#ifndef ELCL_FORMAT_TENSORS_H
#define ELCL_FORMAT_TENSORS_H

#include <stdbool.h>
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
    bool in_parts;                /* elcl_tensors_read() may read any part of it */
    const void *data;             /* row-major, little-endian; NULL: not loaded */
};

struct elcl_tensors;

/* The functions of a source, which owns its tensors. */
struct elcl_tensors_source {
    /* Returns NULL if the tensor does not exist or cannot be used. */
    const struct elcl_tensor *(*find)(const struct elcl_tensors *tensors, const char *name);
    /* Returns why an existing tensor cannot be used ("has dtype I64; ..."), otherwise NULL. */
    const char *(*refusal)(const struct elcl_tensors *tensors, const char *name);
    /* Returns the name of the i-th tensor, usable or not; NULL after the last. NULL if the source
     * itself refuses what nobody uses. */
    const char *(*name)(const struct elcl_tensors *tensors, size_t i);
    /* Writes n elements of a tensor from `first` on to aligned memory; all of them unless it is
     * in_parts. Threads may call it at the same time. */
    int (*read)(const struct elcl_tensors *tensors, const struct elcl_tensor *tensor, size_t first,
                size_t n, void *to, elcl_error *err);
    void (*close)(struct elcl_tensors *tensors);
};

struct elcl_tensors {
    const struct elcl_tensors_source *source;
    const char *path;            /* file, index or description, for messages; owned by the source */
    struct elcl_tensor **loaded; /* [n_loaded], whose data is to be freed */
    size_t n_loaded, max_loaded;
};

/* Opens the weights of a model directory, or of a model that is a file. */
int elcl_tensors_open(const char *directory, struct elcl_tensors **tensors, elcl_error *err);
void elcl_tensors_close(struct elcl_tensors **tensors); /* NULL is fine */

const struct elcl_tensor *elcl_tensors_find(const struct elcl_tensors *tensors, const char *name);
const char *elcl_tensors_refusal(const struct elcl_tensors *tensors, const char *name);
const char *elcl_tensors_name(const struct elcl_tensors *tensors, size_t i);
/* Sets tensor->data, which stays valid until elcl_tensors_drop(). */
int elcl_tensors_load(struct elcl_tensors *tensors, const struct elcl_tensor *tensor,
                      elcl_error *err);
/* Reads n elements from `first` on, of a tensor that is in_parts. Threads may share it. */
int elcl_tensors_read(const struct elcl_tensors *tensors, const struct elcl_tensor *tensor,
                      size_t first, size_t n, void *to, elcl_error *err);
/* Frees the data of all loaded tensors. */
void elcl_tensors_drop(struct elcl_tensors *tensors);
/* For sources that close: frees what elcl_tensors_load() has allocated. */
void elcl_tensors_finish(struct elcl_tensors *tensors);

#endif
