/* A unigram vocabulary: finds the segmentation of a text with the highest sum of scores. */
#ifndef ELCL_TEXT_UNIGRAM_H
#define ELCL_TEXT_UNIGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct elcl_unigram_piece {
    const char *s; /* [n] bytes */
    uint32_t n;
    int32_t id;
    double score;
    uint64_t key; /* set by elcl_unigram_build(): the first eight bytes */
};

struct elcl_unigram {
    struct elcl_trie_node *nodes; /* level by level; node 0 is the root */
    size_t n_nodes, max_nodes;
    double *scores; /* [n_scores], of the ids */
    size_t n_scores;
    double unknown_score; /* the score of a character without a piece */
    bool single;          /* sums are rounded to f32, as SentencePiece does */
};

/* {0} is a valid empty vocabulary. */
void elcl_unigram_finish(struct elcl_unigram *unigram);

/* Sorts `pieces`, which may be freed afterwards. Skips empty ones; ids are below n_ids. */
int elcl_unigram_build(struct elcl_unigram *unigram, struct elcl_unigram_piece *pieces, size_t n,
                       size_t n_ids, elcl_error *err);

/* The cuts of the best segmentation; reused for each text, {0} is valid. */
struct elcl_unigram_scratch {
    struct elcl_unigram_step *best;
    size_t max_best;
    struct elcl_unigram_span {
        size_t begin, end;
        int32_t id;
    } * spans;
    size_t max_spans, n_spans;
};
void elcl_unigram_scratch_finish(struct elcl_unigram_scratch *scratch);

/* Writes the pieces of n bytes of valid UTF-8 to scratch->spans; the first of equal segmentations
 * wins. With unknown >= 0 neighbors of that id become one span. Time and memory are linear in n. */
int elcl_unigram_cut(const struct elcl_unigram *unigram, int32_t unknown, const char *s, size_t n,
                     struct elcl_unigram_scratch *scratch, elcl_error *err);

#endif
