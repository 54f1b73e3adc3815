#include "text/bpe.h"

#include <stdlib.h>

#include "base/util.h"

/* ---- merges -------------------------------------------------------------------------------- */

static uint64_t pair_of(int32_t left, int32_t right)
{
    return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

static struct elcl_merge *slot_of(const struct elcl_merges *merges, uint64_t pair)
{
    const uint64_t hash = pair * UINT64_C(0x9e3779b97f4a7c15);
    size_t i = (size_t)(hash >> 32) & (merges->n_slots - 1);
    while (merges->slots[i].rank >= 0 && merges->slots[i].pair != pair)
        i = (i + 1) & (merges->n_slots - 1);
    return &merges->slots[i];
}

static const struct elcl_merge *find(const struct elcl_merges *merges, int32_t left, int32_t right)
{
    if (!merges->n_slots)
        return NULL;
    const struct elcl_merge *merge = slot_of(merges, pair_of(left, right));
    return merge->rank >= 0 ? merge : NULL;
}

void elcl_merges_finish(struct elcl_merges *merges)
{
    free(merges->slots);
    *merges = (struct elcl_merges){0};
}

static int make_room(struct elcl_merges *merges, elcl_error *err)
{
    if (merges->n < merges->n_slots / 2)
        return ELCL_OK;
    struct elcl_merges larger = {.n = merges->n};
    if (!merges->n_slots)
        larger.n_slots = 64;
    else if (!elcl_mul_size(merges->n_slots, 2, &larger.n_slots))
        return elcl_fail_nomem(err);
    larger.slots = elcl_calloc(larger.n_slots, sizeof(*larger.slots));
    if (!larger.slots)
        return elcl_fail_nomem(err);
    for (size_t i = 0; i < larger.n_slots; i++)
        larger.slots[i].rank = -1;
    for (size_t i = 0; i < merges->n_slots; i++) {
        if (merges->slots[i].rank >= 0)
            *slot_of(&larger, merges->slots[i].pair) = merges->slots[i];
    }
    free(merges->slots);
    *merges = larger;
    return ELCL_OK;
}

int elcl_merges_add(struct elcl_merges *merges, int32_t left, int32_t right, int32_t rank,
                    int32_t result, elcl_error *err)
{
    const int rc = make_room(merges, err);
    if (rc)
        return rc;
    const uint64_t pair = pair_of(left, right);
    struct elcl_merge *slot = slot_of(merges, pair);
    if (slot->rank < 0)
        merges->n++;
    *slot = (struct elcl_merge){pair, rank, result};
    return ELCL_OK;
}

/* ---- merging a word ------------------------------------------------------------------------ */

/* A doubly linked list in an array: a merge keeps the left node and unlinks the right one. */
struct elcl_bpe_node {
    int32_t symbol;
    int32_t previous, next; /* -1: none */
    int32_t rank;           /* of the merge with the next node, -1: none */
};

/* Heap entries are rank << 32 | position: lowest rank first, then leftmost. An entry is stale if
 * the node's rank has changed since it was pushed. */
static void heap_push(struct elcl_bpe_scratch *s, uint64_t entry)
{
    size_t i = s->n_heap++;
    for (; i && s->heap[(i - 1) / 2] > entry; i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = entry;
}

static uint64_t heap_pop(struct elcl_bpe_scratch *s)
{
    const uint64_t top = s->heap[0];
    const uint64_t entry = s->heap[--s->n_heap];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= s->n_heap)
            break;
        if (child + 1 < s->n_heap && s->heap[child + 1] < s->heap[child])
            child++;
        if (s->heap[child] >= entry)
            break;
        s->heap[i] = s->heap[child];
        i = child;
    }
    s->heap[i] = entry;
    return top;
}

/* Looks up the node's merge again; flush() pushes it. */
static void update(const struct elcl_merges *merges, struct elcl_bpe_scratch *s, int32_t at)
{
    struct elcl_bpe_node *node = &s->nodes[at];
    const struct elcl_merge *merge =
        node->next < 0 ? NULL : find(merges, node->symbol, s->nodes[node->next].symbol);
    node->rank = merge ? merge->rank : -1;
    if (merge)
        s->waiting[s->n_waiting++] = (uint64_t)(uint32_t)merge->rank << 32 | (uint32_t)at;
}

static void flush(struct elcl_bpe_scratch *s)
{
    for (size_t i = 0; i < s->n_waiting; i++)
        heap_push(s, s->waiting[i]);
    s->n_waiting = 0;
}

static void join(const struct elcl_merges *merges, struct elcl_bpe_scratch *s, int32_t at)
{
    struct elcl_bpe_node *left = &s->nodes[at];
    struct elcl_bpe_node *right = &s->nodes[left->next];
    left->symbol = find(merges, left->symbol, right->symbol)->result;
    left->next = right->next;
    right->rank = -1;
    if (left->next >= 0)
        s->nodes[left->next].previous = at;
    update(merges, s, at);
    if (left->previous >= 0)
        update(merges, s, left->previous);
}

/* There are n - 1 pairs at the start, and each of at most n - 1 joins adds two. */
static bool make_scratch(struct elcl_bpe_scratch *s, size_t n)
{
    size_t entries;
    void *nodes = s->nodes, *heap = s->heap, *waiting = s->waiting;
    const bool ok = elcl_mul_size(n, 3, &entries) &&
                    elcl_grow(&nodes, &s->max_nodes, n, sizeof(*s->nodes)) &&
                    elcl_grow(&heap, &s->max_heap, entries, sizeof(*s->heap)) &&
                    elcl_grow(&waiting, &s->max_waiting, entries, sizeof(*s->waiting));
    s->nodes = nodes;
    s->heap = heap;
    s->waiting = waiting;
    s->n_heap = s->n_waiting = 0;
    return ok;
}

void elcl_bpe_scratch_finish(struct elcl_bpe_scratch *scratch)
{
    free(scratch->nodes);
    free(scratch->heap);
    free(scratch->waiting);
    *scratch = (struct elcl_bpe_scratch){0};
}

int elcl_bpe_merge(const struct elcl_merges *merges, bool by_rounds, int32_t *symbols, size_t *n,
                   struct elcl_bpe_scratch *scratch, elcl_error *err)
{
    if (*n < 2)
        return ELCL_OK;
    struct elcl_bpe_scratch *s = scratch;
    if (!make_scratch(s, *n))
        return elcl_fail_nomem(err);
    const int32_t end = (int32_t)*n;
    for (int32_t i = 0; i < end; i++)
        s->nodes[i] = (struct elcl_bpe_node){symbols[i], i - 1, i + 1 < end ? i + 1 : -1, -1};
    for (int32_t i = 0; i < end; i++)
        update(merges, s, i);
    flush(s);
    uint64_t round = 0;
    while (s->n_heap || s->n_waiting) {
        if (!by_rounds || !s->n_heap || s->heap[0] >> 32 != round) {
            flush(s);
            round = s->heap[0] >> 32;
        }
        const uint64_t entry = heap_pop(s);
        const int32_t at = (int32_t)(entry & UINT32_MAX);
        if (s->nodes[at].rank == (int32_t)(entry >> 32))
            join(merges, s, at);
    }
    size_t count = 0;
    for (int32_t i = 0; i >= 0; i = s->nodes[i].next)
        symbols[count++] = s->nodes[i].symbol;
    *n = count;
    return ELCL_OK;
}
