#include "device/staging.h"

#include <stdatomic.h>
#include <stddef.h>

#include "base/util.h"

struct elcl_staging_block {
    struct elcl_staging_block *next;
    max_align_t data[];
};

/* What lost devices may still use. Nothing reads the list: it keeps the memory reachable, so that
 * leak checkers know it from memory that was forgotten. */
static _Atomic(struct elcl_staging_block *) abandoned;

void *elcl_staging_alloc(struct elcl_staging *staging, size_t n, size_t size)
{
    size_t bytes;
    if (!elcl_mul_size(n, size, &bytes) ||
        !elcl_add_size(bytes, sizeof(struct elcl_staging_block), &bytes))
        return NULL;
    struct elcl_staging_block *block = elcl_calloc(bytes, 1);
    if (!block)
        return NULL;
    block->next = staging->blocks;
    staging->blocks = block;
    return block->data;
}

static void abandon(struct elcl_staging_block *blocks)
{
    struct elcl_staging_block *last = blocks;
    while (last->next)
        last = last->next;
    last->next = atomic_load(&abandoned);
    while (!atomic_compare_exchange_weak(&abandoned, &last->next, blocks)) {
    }
}

void elcl_staging_finish(struct elcl_staging *staging, bool idle)
{
    if (staging->blocks && !idle)
        abandon(staging->blocks);
    for (struct elcl_staging_block *b = idle ? staging->blocks : NULL, *next; b; b = next) {
        next = b->next;
        elcl_free(b);
    }
    staging->blocks = NULL;
}
