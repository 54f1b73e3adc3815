/* Files that people often give where a Hugging Face model is expected, and the remedy for each. */
#ifndef ELCL_FORMAT_FOREIGN_H
#define ELCL_FORMAT_FOREIGN_H

#include <stddef.h>

#include "base/os.h"

/* Refuses the content of a file that is a Git LFS pointer. */
int elcl_foreign_pointer(const void *data, size_t bytes, const char *file, elcl_error *err);

/* The same of a file that is open. */
int elcl_foreign_file(const struct elcl_file *file, elcl_error *err);

/* Refuses a directory that holds a PEFT adapter, a model for another program (ONNX) or a GGUF
 * file. For directories that lack a file which elcl needs. */
int elcl_foreign_directory(const char *directory, elcl_error *err);

#endif
