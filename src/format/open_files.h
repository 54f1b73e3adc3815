/* The files that a source of tensors keeps open. */
#ifndef ELCL_FORMAT_OPEN_FILES_H
#define ELCL_FORMAT_OPEN_FILES_H

#include "base/os.h"

struct elcl_open_file {
    char *path;
    struct elcl_file file;
};

/* {0} is a valid empty list. */
struct elcl_open_files {
    struct elcl_open_file *items; /* [n] */
    size_t n, max;
};

/* Adds a file, which stays open until elcl_open_files_finish(). Pointers to items become invalid.
 */
int elcl_open_files_add(struct elcl_open_files *files, const char *path, elcl_error *err);
/* Adds bytes in memory, which must outlive the list; messages name `path`. */
int elcl_open_files_add_memory(struct elcl_open_files *files, const void *data, size_t bytes,
                               const char *path, elcl_error *err);
/* Returns the file that was added last, which exists. */
const struct elcl_file *elcl_open_files_last(const struct elcl_open_files *files);
void elcl_open_files_finish(struct elcl_open_files *files);

#endif
