#include "ref/ref.h"

#include <string.h>

void elcl_ref_lineage(const struct elcl_ref_lineage_args *args)
{
    for (int r = 0; r < args->r; r++) {
        int32_t *next = args->next + (size_t)r * args->ld;
        const int32_t *previous = args->previous + (size_t)args->parent[r] * args->ld;
        for (int t = 0; t < args->length[r] - 1; t++)
            next[t] = previous[t];
        if (args->length[r])
            next[args->length[r] - 1] = args->cache_row[r];
        args->tokens[args->cache_row[r]] = args->token[r];
    }
}

void elcl_ref_reorder(void *next, const void *previous, const int32_t *map, int r, size_t ld,
                      size_t n, size_t bytes)
{
    for (int row = 0; row < r; row++)
        memcpy((unsigned char *)next + (size_t)row * ld * bytes,
               (const unsigned char *)previous + (size_t)map[row] * ld * bytes, n * bytes);
}
