/*
 * Small files in a directory that only the user can write to, such as a cache. What other users
 * could have written is never read: a directory or file is refused if it has another owner or if
 * others may write to it. Nothing here waits for a FIFO or follows another user's link.
 */
#ifndef ELCL_BASE_OWN_FILES_H
#define ELCL_BASE_OWN_FILES_H

#include <stddef.h>

#include "base/os.h"

/* Creates the directory with mode 0700 if it is missing. ELCL_E_IO: it cannot be created, or it is
 * refused; the message has the remedy. */
int elcl_own_directory(const char *directory, elcl_error *err);

/* Reads directory/name and adds a NUL. *data is NULL if there is no such file; otherwise free it
 * with elcl_free(). Refuses files of more than max_bytes. */
int elcl_own_read(const char *directory, const char *name, size_t max_bytes, char **data,
                  size_t *bytes, elcl_error *err);

/* Opens directory/name for elcl_file_read(); file->open is false if there is no such file. The
 * file's path is `name`. */
int elcl_own_open(const char *directory, const char *name, struct elcl_file *file, elcl_error *err);

/* Creates or replaces directory/name, and the directory: readers see the old content or the new. */
int elcl_own_write(const char *directory, const char *name, const void *data, size_t bytes,
                   elcl_error *err);

/* Sets the modification time to now. Ignores failures, and so does the next one. */
void elcl_own_touch(const char *directory, const char *name);
void elcl_own_remove(const char *directory, const char *name);

#endif
