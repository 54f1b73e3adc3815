/* safetensors: an 8-byte little-endian header length, a JSON header of name -> {dtype, shape,
 * data_offsets}, then the raw tensors. Files stay open, and a tensor is read when it is loaded.
 * Every offset, size and shape is checked against the file before a tensor is returned. */
#ifndef ELCL_FORMAT_SAFETENSORS_H
#define ELCL_FORMAT_SAFETENSORS_H

#include <stddef.h>

#include "format/tensors.h"

#define ELCL_SAFETENSORS_FILE "model.safetensors"
#define ELCL_SAFETENSORS_INDEX "model.safetensors.index.json"

struct elcl_safetensors;

/* Opens directory/model.safetensors, or all files of directory/model.safetensors.index.json. */
int elcl_safetensors_open(const char *directory, struct elcl_safetensors **st, elcl_error *err);
/* Opens one file. */
int elcl_safetensors_open_file(const char *path, struct elcl_safetensors **st, elcl_error *err);
void elcl_safetensors_close(struct elcl_safetensors **st); /* NULL is fine */

/* Opens one file in memory (for fuzzing); `data` must outlive the result. */
int elcl_safetensors_open_memory(const void *data, size_t bytes, const char *name,
                                 struct elcl_safetensors **st, elcl_error *err);

/* Returns a tensor owned by st, or NULL if it does not exist or cannot be used. */
const struct elcl_tensor *elcl_safetensors_find(const struct elcl_safetensors *st,
                                                const char *name);
/* Returns why an existing tensor cannot be used, for messages: "has dtype I64; expected F32, F16 or
 * BF16". NULL if it does not exist or can be used. Owned by st. */
const char *elcl_safetensors_refusal(const struct elcl_safetensors *st, const char *name);
/* The usable tensors, in no particular order. */
size_t elcl_safetensors_count(const struct elcl_safetensors *st);
const struct elcl_tensor *elcl_safetensors_at(const struct elcl_safetensors *st, size_t i);
/* Returns st as a source; closing either one closes both. */
struct elcl_tensors *elcl_safetensors_tensors(struct elcl_safetensors *st);
/* Returns the path of the file or index that was opened, for messages. */
const char *elcl_safetensors_path(const struct elcl_safetensors *st);

#endif
