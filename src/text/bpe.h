/*
 * Byte-pair encoding over symbols: a word is a list of numbers, and merges join neighbors, the
 * merge of lowest rank first. Symbols are token ids; pieces that are no tokens have symbols too
 * (numbers above the ids), because merges may pass through them.
 */
#ifndef ELCL_TEXT_BPE_H
#define ELCL_TEXT_BPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct elcl_merge {
    uint64_t pair; /* left symbol << 32 | right symbol */
    int32_t rank;  /* -1: an empty slot */
    int32_t result;
};

struct elcl_merges {
    struct elcl_merge *slots; /* [n_slots], open addressing */
    size_t n_slots;           /* a power of two, or 0 */
    size_t n;
};

/* {0} is a valid empty table. */
void elcl_merges_finish(struct elcl_merges *merges);
/* A later rank replaces an earlier one of the same pair. */
int elcl_merges_add(struct elcl_merges *merges, int32_t left, int32_t right, int32_t rank,
                    int32_t result, elcl_error *err);

/* Arrays that elcl_bpe_merge() reuses for each word; {0} is valid. */
struct elcl_bpe_scratch {
    struct elcl_bpe_node *nodes;
    uint64_t *heap;
    uint64_t *waiting;
    size_t max_nodes, max_heap, max_waiting;
    size_t n_heap, n_waiting;
};
void elcl_bpe_scratch_finish(struct elcl_bpe_scratch *scratch);

/*
 * Merges symbols[0 .. *n) in place in O(n log n); n < 2^31.
 *
 * by_rounds: all places of the best merge are joined before any other merge is looked at, as
 * transformers' Python tokenizers do; otherwise one place at a time, as the tokenizers library
 * does. They differ only where a merge makes a pair of lower rank than its own.
 */
int elcl_bpe_merge(const struct elcl_merges *merges, bool by_rounds, int32_t *symbols, size_t *n,
                   struct elcl_bpe_scratch *scratch, elcl_error *err);

#endif
