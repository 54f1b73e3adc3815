#include "text/added_tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

void elcl_added_finish(struct elcl_added_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i].content);
    free(list->items);
    *list = (struct elcl_added_list){0};
}

int elcl_added_append(struct elcl_added_list *list, const struct elcl_added *added, elcl_error *err)
{
    void *items = list->items;
    char *content = elcl_strndup(added->content, added->n);
    if (!content || !elcl_grow(&items, &list->max, list->n + 1, sizeof(*list->items))) {
        free(content);
        return elcl_fail_nomem(err);
    }
    list->items = items;
    list->items[list->n] = *added;
    list->items[list->n++].content = content;
    return ELCL_OK;
}

/* Compares as bytes; a token that begins another comes before it. */
static int compare(const void *a, const void *b)
{
    return strcmp(((const struct elcl_added *)a)->content, ((const struct elcl_added *)b)->content);
}

void elcl_added_sort(struct elcl_added_list *list)
{
    if (list->n)
        qsort(list->items, list->n, sizeof(*list->items), compare);
    for (size_t i = 0; i < list->n; i++)
        list->first[(unsigned char)list->items[i].content[0]] = true;
}

/* Returns the first item of [low, high) whose byte at `depth` is at least `byte`. Items that end
 * there have the byte 0. */
static size_t lower_bound(const struct elcl_added_list *list, size_t low, size_t high, size_t depth,
                          int byte)
{
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if ((unsigned char)list->items[middle].content[depth] < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Narrows the range of items that begin with s[0 .. depth) byte by byte. */
const struct elcl_added *elcl_added_match(const struct elcl_added_list *list, const char *s,
                                          size_t n)
{
    if (!n || !list->first[(unsigned char)*s])
        return NULL;
    const struct elcl_added *best = NULL;
    size_t low = 0, high = list->n;
    for (size_t depth = 0; depth < n && s[depth]; depth++) {
        const int byte = (unsigned char)s[depth];
        low = lower_bound(list, low, high, depth, byte);
        high = lower_bound(list, low, high, depth, byte + 1);
        if (low == high)
            break;
        if (list->items[low].n == depth + 1)
            best = &list->items[low];
    }
    return best;
}
