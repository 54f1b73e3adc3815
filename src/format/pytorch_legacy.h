/* PyTorch files of torch 0.1.10 to 1.5: pickles one after another (a magic number, a version, facts
 * about the machine, the dictionary, the keys of the storages), then the storages. */
#ifndef ELCL_FORMAT_PYTORCH_LEGACY_H
#define ELCL_FORMAT_PYTORCH_LEGACY_H

#include <stdbool.h>

#include "base/os.h"
#include "base/strmap.h"
#include "format/pickle.h"

struct elcl_legacy_storage {
    const struct elcl_pickle_type *type;
    int64_t n; /* elements */
    size_t at; /* in the file; 0: not there */
};

struct elcl_legacy {
    struct elcl_pickle_tensor *tensors; /* [n_tensors] */
    size_t n_tensors;
    struct elcl_legacy_storage *storages;
    size_t n_storages;
    struct elcl_strmap keys; /* -> storage */
    char *pickles;           /* the begin of the file, which names point to */
};

/* Returns whether a file begins with the magic number; `data` has at least ELCL_LEGACY_START bytes
 * of it, or the whole file. */
#define ELCL_LEGACY_START 15
bool elcl_legacy_is(const void *data, size_t bytes);
/* Reads the pickles and finds the storages. */
int elcl_legacy_open(const struct elcl_file *file, struct elcl_legacy *legacy, elcl_error *err);
/* Finds the place of a storage in the file. Returns false if it is not there. */
bool elcl_legacy_find(const struct elcl_legacy *legacy, const char *key, size_t n, size_t *at,
                      size_t *bytes);
void elcl_legacy_finish(struct elcl_legacy *legacy); /* {0} is fine */

#endif
