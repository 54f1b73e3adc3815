/* Shared by safetensors.c and safetensors_index.c. */
#ifndef ELCL_FORMAT_SAFETENSORS_IMPL_H
#define ELCL_FORMAT_SAFETENSORS_IMPL_H

#include "base/strmap.h"
#include "format/open_files.h"
#include "format/safetensors.h"

/* A tensor, and where it begins. */
struct elcl_stored {
    struct elcl_tensor t; /* name owned */
    size_t file, at;
};

/* A tensor that exists but cannot be used. */
struct elcl_refused {
    char *name;
    char *why;
};

struct elcl_safetensors {
    struct elcl_tensors base;
    char *path;
    struct elcl_open_files files;
    struct elcl_stored *tensors; /* [n_tensors] */
    size_t n_tensors, max_tensors;
    struct elcl_refused *refused; /* [n_refused] */
    size_t n_refused, max_refused;
    struct elcl_strmap names; /* -> i in tensors, or INT32_MAX - i in refused */
};

int elcl_safetensors_create(const char *path, struct elcl_safetensors **st, elcl_error *err);

/* Adds the tensors of one file, which stays open. */
int elcl_safetensors_add(struct elcl_safetensors *st, const char *path, elcl_error *err);

#endif
