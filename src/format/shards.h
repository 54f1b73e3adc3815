/* An index of several safetensors or PyTorch files: {"weight_map": {tensor name: file name}}. */
#ifndef ELCL_FORMAT_SHARDS_H
#define ELCL_FORMAT_SHARDS_H

#include <stdbool.h>

#include "base/error.h"

/* The functions of one kind of file. Files are numbered from 0 in the order of opening. */
struct elcl_shards_user {
    int (*open)(void *user, const char *path, elcl_error *err);
    /* Whether file i has the tensor, usable or not. */
    bool (*holds)(const void *user, const char *name, int i);
};

/* Opens each file of the index at path `index` once and checks that it has the listed tensors. */
int elcl_shards_open(const char *directory, const char *index,
                     const struct elcl_shards_user *functions, void *user, elcl_error *err);

#endif
