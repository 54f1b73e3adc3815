/*
 * A directory of small files that maps 64-bit keys to bytes. A file has magic, format version, key,
 * size, hash of the payload and payload; it is written under a temporary name and renamed. A
 * damaged file counts as missing, and so does everything in a directory that others may write to
 * (base/own_files.h): programs are run and verdicts are believed. If the directory exceeds its size
 * cap, the least recently used files are removed.
 */
#ifndef ELCL_DEVICE_PROGRAM_CACHE_H
#define ELCL_DEVICE_PROGRAM_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With a NULL directory nothing is found or stored. The caller frees *data with elcl_free(). */
bool elcl_cache_load(const char *directory, uint64_t key, void **data, size_t *bytes);
void elcl_cache_store(const char *directory, uint64_t key, const void *data, size_t bytes);
void elcl_cache_remove(const char *directory, uint64_t key);

/* Removes the least recently used files of the cache until the rest has at most max_bytes. Does not
 * touch other files. elcl_cache_store() calls it with the size cap. */
#define ELCL_CACHE_MAX_BYTES (UINT64_C(64) << 20)
void elcl_cache_trim(const char *directory, uint64_t max_bytes);

#endif
