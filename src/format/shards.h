/* An index of several files: {"weight_map": {tensor name: file name}}, of safetensors and PyTorch
 * files alike. */
#ifndef ELCL_FORMAT_SHARDS_H
#define ELCL_FORMAT_SHARDS_H

#include <stdbool.h>

#include "base/error.h"

/* What one kind of file does. Files are numbered from 0 in the order in which they are opened. */
struct elcl_shards_user {
    int (*open)(void *user, const char *path, elcl_error *err);
    /* Whether file i has the tensor, usable or not. */
    bool (*holds)(const void *user, const char *name, int i);
};

/* Opens each file of directory/`index` once and checks that every tensor is where it should be.
 * `index` is a path. */
int elcl_shards_open(const char *directory, const char *index,
                     const struct elcl_shards_user *functions, void *user, elcl_error *err);

#endif
