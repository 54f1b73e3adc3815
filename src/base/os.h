/* Files, directories, the clock and waits. Only os.c and own_files.c use POSIX, except for
 * threads. */
#ifndef ELCL_BASE_OS_H
#define ELCL_BASE_OS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A regular file that is open for reading, or bytes in memory. Files are read and never mapped: a
 * mapped file that another program cuts short, or a disk that fails, ends the process. */
struct elcl_file {
    const char *path; /* for messages; not owned */
    const char *data; /* unless it is open */
    size_t bytes;
    int fd;
    bool open;
};
/* Opens a file. What is not a regular file is refused without waiting for a FIFO's writer. `path`
 * must outlive the file. */
int elcl_file_open(const char *path, struct elcl_file *file, elcl_error *err);
struct elcl_file elcl_file_of(const void *data, size_t bytes, const char *path);
void elcl_file_close(struct elcl_file *file); /* {0} is fine */
/* Reads n bytes from `at` on; a file that has become shorter is an error. Threads may share it. */
int elcl_file_read(const struct elcl_file *file, size_t at, void *to, size_t n, elcl_error *err);
/* The same into new memory with a NUL after it, freed with elcl_free(). */
int elcl_file_copy(const struct elcl_file *file, size_t at, size_t n, char **data, elcl_error *err);

/* Finds whether there is a file. Only a name that does not exist is absent; one that leads nowhere
 * (a symbolic link of a download that broke off), to a directory or to a device is an error: to go
 * on without the file would change results. */
int elcl_file_exists(const char *path, bool *there, elcl_error *err);

/* Reads a whole file and adds a NUL. The caller frees *data with elcl_free(). Refuses files above
 * max_bytes. */
int elcl_read_file(const char *path, size_t max_bytes, char **data, size_t *bytes, elcl_error *err);
/* The same; *data is NULL if the file does not exist. */
int elcl_read_optional_file(const char *path, size_t max_bytes, char **data, size_t *bytes,
                            elcl_error *err);

/* Writes a temporary file next to `path` and renames it to `path`: readers see the old content or
 * the new, never a part. */
int elcl_write_file_atomic(const char *path, const void *data, size_t bytes, elcl_error *err);
/* Writes n parts in the same way. Calls part() for one after another; a part must live until the
 * next call. */
typedef int (*elcl_part_fn)(void *user, size_t part, const void **data, size_t *bytes,
                            elcl_error *err);
int elcl_write_parts_atomic(const char *path, size_t n, elcl_part_fn part, void *user,
                            elcl_error *err);

/* For hints only: elcl_file_exists() decides what is read. */
bool elcl_is_file(const char *path);
bool elcl_is_directory(const char *path);
/* Fails, with the reason, unless there is a directory. */
int elcl_check_directory(const char *path, elcl_error *err);

/* Creates `path` and its parents with the mode, less the umask. */
int elcl_make_directories(const char *path, unsigned mode, elcl_error *err);

/* Lists the plain files of a directory in no order; an unreadable directory has none. Returns false
 * if memory is short. */
struct elcl_file_info {
    char *name; /* without the directory */
    uint64_t bytes;
    uint64_t modified_ns; /* since 1970 */
};
bool elcl_list_files(const char *directory, struct elcl_file_info **files, size_t *n);
/* Lists all names but those of directories; fails if the directory cannot be read. */
int elcl_list_names(const char *directory, struct elcl_file_info **files, size_t *n,
                    elcl_error *err);
/* Sorts files by their last change, the newest first. */
void elcl_sort_files(struct elcl_file_info *files, size_t n);
void elcl_free_files(struct elcl_file_info *files, size_t n);

/* Ignores failures. */
void elcl_remove_file(const char *path);

/* Returns ELCL_CACHE_DIR, XDG_CACHE_HOME/elcl or HOME/.cache/elcl, or NULL if none is set. Freed
 * with elcl_free(). */
char *elcl_cache_directory(void);

/* Call if no device is found: PoCL lists none if it cannot write its cache, and this says so. */
int elcl_check_pocl_cache(elcl_error *err);

/* Returns "directory/name", freed with elcl_free(), or NULL if memory is short. */
char *elcl_path_join(const char *directory, const char *name);
/* elcl_file_exists() of directory/name. */
int elcl_has_file(const char *directory, const char *name, bool *there, elcl_error *err);

/* Returns the nanoseconds of a monotonic clock. */
uint64_t elcl_clock_ns(void);
/* Returns what elcl_clock_ns() will be in so many seconds; UINT64_MAX if they are below 0 or a
 * century and more. */
uint64_t elcl_clock_after(double seconds);

/* A condition whose waits end at a time of elcl_clock_ns(); UINT64_MAX: never. */
void elcl_condition_init(pthread_cond_t *condition);
/* Returns false if the time has come. May return true for no reason, as pthread_cond_wait(). */
bool elcl_condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, uint64_t end_ns);

#endif
