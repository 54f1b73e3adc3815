/*
 * A directory that maps 128-bit keys to bytes, for millions of small entries and for large ones:
 * entries are gathered in memory and written as packs (base/pack.h), so that there are few files.
 * Later writers join small packs. If the files exceed their size, the least recently used packs are
 * removed. Nothing here fails a run: what cannot be read counts as missing, a damaged file is
 * removed, and if the disk is full a warning says that no more is stored.
 *
 * Processes may share a directory. Each sees what others have written when it opens the cache, and
 * when it writes itself. Threads may share a cache.
 */
#ifndef ELCL_BASE_DISK_CACHE_H
#define ELCL_BASE_DISK_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/pack.h"

#define ELCL_DISK_CACHE_LEAST (UINT64_C(1) << 20) /* the smallest size */

struct elcl_disk_cache_params {
    const char *directory;
    uint64_t max_bytes; /* of all files, from ELCL_DISK_CACHE_LEAST on */
    uint64_t context;   /* entries of another context are not seen */
    elcl_log_fn log;    /* receives warnings; may be NULL */
    void *log_user;
};

struct elcl_disk_cache_stats {
    uint64_t found, added; /* entries */
    uint64_t stored_bytes; /* written to files */
};

struct elcl_disk_cache;

/* ELCL_E_IO: the directory cannot be created, or is refused (base/own_files.h). */
int elcl_disk_cache_open(const struct elcl_disk_cache_params *params,
                         struct elcl_disk_cache **cache, elcl_error *err);
/* Writes what is in memory. */
void elcl_disk_cache_close(struct elcl_disk_cache **cache);

/* Returns whether there is an entry of so many bytes; it may turn out to be damaged. */
bool elcl_disk_cache_has(struct elcl_disk_cache *cache, const struct elcl_pack_key *key,
                         size_t bytes);
/* Reads such an entry; `to` is undefined if that fails. */
bool elcl_disk_cache_read(struct elcl_disk_cache *cache, const struct elcl_pack_key *key, void *to,
                          size_t bytes);
/* Adds an entry unless it is there. */
void elcl_disk_cache_put(struct elcl_disk_cache *cache, const struct elcl_pack_key *key,
                         const void *data, size_t bytes);
/* Returns whether elcl_disk_cache_put() still adds entries: after a warning it no longer does. */
bool elcl_disk_cache_stores(struct elcl_disk_cache *cache);
/* Writes what is in memory. */
void elcl_disk_cache_flush(struct elcl_disk_cache *cache);

void elcl_disk_cache_get_stats(struct elcl_disk_cache *cache, struct elcl_disk_cache_stats *stats);

#endif
