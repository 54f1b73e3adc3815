/* PyTorch files (torch.save of a state dictionary): since torch 1.6 a zip archive with a pickle,
 * which describes the tensors, and one stored entry per storage; before that, pickles and then the
 * storages (pytorch_legacy.h). Files stay open, and a tensor is read when it is loaded. Every
 * offset, size and stride is checked before a tensor is returned. Views become row-major, and
 * 64-bit floats become f32. */
#ifndef ELCL_FORMAT_PYTORCH_H
#define ELCL_FORMAT_PYTORCH_H

#include <stddef.h>

#include "format/tensors.h"

#define ELCL_PYTORCH_FILE "pytorch_model.bin"
#define ELCL_PYTORCH_INDEX "pytorch_model.bin.index.json"

/* Opens one file. The result is closed with elcl_tensors_close(). */
int elcl_pytorch_open_file(const char *path, struct elcl_tensors **tensors, elcl_error *err);
/* Opens all files of an index. */
int elcl_pytorch_open_index(const char *directory, const char *index, struct elcl_tensors **tensors,
                            elcl_error *err);
/* Opens one file in memory; `data` must outlive the result. */
int elcl_pytorch_open_memory(const void *data, size_t bytes, const char *name,
                             struct elcl_tensors **tensors, elcl_error *err);

#endif
