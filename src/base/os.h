/* The operating system: files, clock, directories. POSIX is used in os.c only. */
#ifndef ELCL_BASE_OS_H
#define ELCL_BASE_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A whole file mapped read-only. */
struct elcl_mapping {
    const void *data; /* NULL when the file is empty */
    size_t bytes;
};
int elcl_map_file(const char *path, struct elcl_mapping *mapping, elcl_error *err);
void elcl_unmap_file(struct elcl_mapping *mapping);
/* Pages that were read leave the process's memory, and are mapped again when they are read again.
 */
void elcl_drop_pages(const struct elcl_mapping *mapping);

/* The whole file in memory and a NUL after it; *data is freed with elcl_free(). Refuses files
 * above max_bytes. */
int elcl_read_file(const char *path, size_t max_bytes, char **data, size_t *bytes, elcl_error *err);

/* Writes a temporary file beside `path` and renames it over `path`: readers see the old content
 * or the new, never a part. */
int elcl_write_file_atomic(const char *path, const void *data, size_t bytes, elcl_error *err);
/* The same of n parts, asked for one after another; a part need only live until the next is. */
typedef int (*elcl_part_fn)(void *user, size_t part, const void **data, size_t *bytes,
                            elcl_error *err);
int elcl_write_parts_atomic(const char *path, size_t n, elcl_part_fn part, void *user,
                            elcl_error *err);

bool elcl_is_file(const char *path);
bool elcl_is_directory(const char *path);

/* Makes `path` and its parents. */
int elcl_make_directories(const char *path, elcl_error *err);

/* The plain files of a directory, in no order; nothing is listed of a directory that cannot be
 * read. false when memory is short. */
struct elcl_file_info {
    char *name; /* without the directory */
    uint64_t bytes;
    uint64_t modified_ns; /* since 1970 */
};
bool elcl_list_files(const char *directory, struct elcl_file_info **files, size_t *n);
void elcl_free_files(struct elcl_file_info *files, size_t n);

/* Sets a file's time of modification to now. Failures do not matter. */
void elcl_touch_file(const char *path);
void elcl_remove_file(const char *path);

/* ELCL_CACHE_DIR, or XDG_CACHE_HOME/elcl, or HOME/.cache/elcl; NULL when none is set. Freed with
 * elcl_free(). */
char *elcl_cache_directory(void);

/* "directory/name", freed with elcl_free(); NULL when memory is short. */
char *elcl_path_join(const char *directory, const char *name);

/* Instruction sets of the processor that this runs on, which the system lets programs use. */
enum elcl_cpu_feature {
    ELCL_CPU_AVX2,
    ELCL_CPU_AVX512BW,
    ELCL_CPU_AVX512_VNNI,
    ELCL_CPU_AVX512_BF16
};
bool elcl_cpu_has(enum elcl_cpu_feature feature);

/* Nanoseconds of a clock that never goes back. */
uint64_t elcl_clock_ns(void);

#endif
