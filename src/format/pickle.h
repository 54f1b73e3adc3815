/* Reads the pickle inside a PyTorch file if it is a dictionary of tensors. Nothing that the pickle
 * names is ever called or looked up. Names outside a short list are refused, and so is every opcode
 * that torch.save does not write for such a dictionary. */
#ifndef ELCL_FORMAT_PICKLE_H
#define ELCL_FORMAT_PICKLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "format/tensors.h"

#define ELCL_PICKLE_MAX_BYTES ((size_t)32 << 20)

/* Types of elements: torch's storage classes. */
struct elcl_pickle_type {
    const char *name; /* "FloatStorage" */
    size_t bytes;     /* of one element */
};

/* One tensor of the dictionary. Strings point into the pickle and are not terminated. */
struct elcl_pickle_tensor {
    const char *name; /* UTF-8, without U+0000 */
    size_t n_name;
    const struct elcl_pickle_type *type;
    const char *key; /* names the storage */
    size_t n_key;
    int64_t n_storage;             /* elements of the storage */
    int64_t offset;                /* of the first element in the storage, >= 0 */
    int n_dims;                    /* if above ELCL_MAX_DIMS, shape and stride are incomplete */
    int64_t shape[ELCL_MAX_DIMS];  /* >= 0 */
    int64_t stride[ELCL_MAX_DIMS]; /* elements, >= 0 */
};

/* Reads the tensors of the outermost dictionary, in its order, and skips other values. The caller
 * checks that the numbers fit the storages. *tensors is freed with elcl_free(). */
int elcl_pickle_read(const void *pickle, size_t n, const char *file,
                     struct elcl_pickle_tensor **tensors, size_t *n_tensors, elcl_error *err);

#endif
