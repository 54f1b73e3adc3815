/*
 * A directory of small files: 64-bit key -> bytes. A file is magic, format version, key, size,
 * hash of the payload, payload; it is written under a temporary name and renamed. Anything wrong
 * with a file means "not there". The directory is kept under a size cap by removing the files
 * used least recently.
 */
#ifndef ELCL_DEVICE_PROGRAM_CACHE_H
#define ELCL_DEVICE_PROGRAM_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `directory` may be NULL: then nothing is found or stored. *data is freed with elcl_free(). */
bool elcl_cache_load(const char *directory, uint64_t key, void **data, size_t *bytes);
void elcl_cache_store(const char *directory, uint64_t key, const void *data, size_t bytes);
void elcl_cache_remove(const char *directory, uint64_t key);

/* The size cap that elcl_cache_store() keeps, and how: removes files of the cache, used least
 * recently first, until the rest has at most max_bytes. Other files are left alone. */
#define ELCL_CACHE_MAX_BYTES (UINT64_C(64) << 20)
void elcl_cache_trim(const char *directory, uint64_t max_bytes);

#endif
