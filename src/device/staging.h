/*
 * Host memory that commands of a queue read or write. It must outlive them, even where a lost
 * device never says that they are over: the driver of such a device may still copy from it when
 * every call fails.
 */
#ifndef ELCL_DEVICE_STAGING_H
#define ELCL_DEVICE_STAGING_H

#include <stdbool.h>
#include <stddef.h>

struct elcl_staging_block;

/* The memory of one queue; {0} has none. */
struct elcl_staging {
    struct elcl_staging_block *blocks;
};

/* Returns n zeroed elements that live until elcl_staging_finish(), or NULL if memory is short. */
void *elcl_staging_alloc(struct elcl_staging *staging, size_t n, size_t size);

/* Frees everything if the queue is idle. If it is not, keeps it for the rest of the process. */
void elcl_staging_finish(struct elcl_staging *staging, bool idle);

#endif
