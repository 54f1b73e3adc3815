#include "text/unigram.h"

#include <stdlib.h>
#include <string.h>

#include "text/characters.h"

/* A character that no piece covers scores this much less than the worst piece. */
#define UNKNOWN_PENALTY 10.0

struct elcl_trie_node {
    uint32_t first; /* of the children, which are adjacent and sorted by byte */
    int32_t id;     /* -1: no piece ends here */
    uint16_t n;     /* children */
    uint8_t byte;   /* on the way from the parent */
};

/* Pieces low .. high-1 share the first `depth` bytes. */
struct range {
    size_t low, high, depth;
};

void elcl_unigram_finish(struct elcl_unigram *unigram)
{
    free(unigram->nodes);
    free(unigram->scores);
    *unigram = (struct elcl_unigram){0};
}

/* Keeps the first bytes in the piece itself, so that sorting and building follow few pointers. */
static uint64_t key_of(const char *s, uint32_t n)
{
    uint64_t key = 0;
    for (uint32_t i = 0; i < 8; i++)
        key = key << 8 | (i < n ? (uint8_t)s[i] : 0);
    return key;
}

static uint8_t byte_at(const struct elcl_unigram_piece *piece, size_t i)
{
    if (i < 8)
        return (uint8_t)(piece->key >> (56 - 8 * i));
    return (uint8_t)piece->s[i];
}

static int compare(const void *a, const void *b)
{
    const struct elcl_unigram_piece *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    const int order = memcmp(x->s, y->s, x->n < y->n ? x->n : y->n);
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

struct builder {
    struct elcl_unigram *unigram;
    const struct elcl_unigram_piece *pieces;
    struct range *ranges; /* of the nodes */
    size_t max_ranges;
};

static int add_node(struct builder *b, uint8_t byte, struct range range, elcl_error *err)
{
    struct elcl_unigram *u = b->unigram;
    void *nodes = u->nodes, *ranges = b->ranges;
    const bool ok = elcl_grow(&nodes, &u->max_nodes, u->n_nodes + 1, sizeof(*u->nodes)) &&
                    elcl_grow(&ranges, &b->max_ranges, u->n_nodes + 1, sizeof(*b->ranges));
    u->nodes = nodes;
    b->ranges = ranges;
    if (!ok || u->n_nodes >= UINT32_MAX)
        return elcl_fail_nomem(err);
    u->nodes[u->n_nodes] = (struct elcl_trie_node){.id = -1, .byte = byte};
    b->ranges[u->n_nodes++] = range;
    return ELCL_OK;
}

static int add_children(struct builder *b, size_t at, elcl_error *err)
{
    struct elcl_unigram *u = b->unigram;
    struct range r = b->ranges[at];
    u->nodes[at].first = (uint32_t)u->n_nodes;
    if (r.low < r.high && b->pieces[r.low].n == r.depth)
        u->nodes[at].id = b->pieces[r.low++].id;
    while (r.low < r.high) {
        const uint8_t byte = byte_at(&b->pieces[r.low], r.depth);
        size_t end = r.low;
        while (end < r.high && byte_at(&b->pieces[end], r.depth) == byte)
            end++;
        const int rc = add_node(b, byte, (struct range){r.low, end, r.depth + 1}, err);
        if (rc)
            return rc;
        u->nodes[at].n++;
        r.low = end;
    }
    return ELCL_OK;
}

int elcl_unigram_build(struct elcl_unigram *unigram, struct elcl_unigram_piece *pieces, size_t n,
                       size_t n_ids, elcl_error *err)
{
    struct builder b = {.unigram = unigram, .pieces = pieces};
    double lowest = 0;
    size_t empty = 0;
    int rc = ELCL_OK;
    unigram->scores = elcl_calloc(n_ids, sizeof(*unigram->scores));
    if (!unigram->scores)
        return elcl_fail_nomem(err);
    unigram->n_scores = n_ids;
    for (size_t i = 0; i < n; i++) {
        unigram->scores[pieces[i].id] = pieces[i].score;
        pieces[i].key = key_of(pieces[i].s, pieces[i].n);
        if (!i || pieces[i].score < lowest)
            lowest = pieces[i].score;
    }
    unigram->unknown_score = lowest - UNKNOWN_PENALTY;
    if (n)
        qsort(pieces, n, sizeof(*pieces), compare);
    while (empty < n && !pieces[empty].n)
        empty++;
    ELCL_TRY(add_node(&b, 0, (struct range){empty, n, 0}, err));
    for (size_t i = 0; i < unigram->n_nodes; i++)
        ELCL_TRY(add_children(&b, i, err));
fail:
    free(b.ranges);
    return rc;
}

/* ---- the best segmentation ----------------------------------------------------------------- */

/* The best way to a place in the text. */
struct elcl_unigram_step {
    double score;
    size_t begin; /* of its last piece */
    int32_t id;   /* of its last piece; -1: not reached */
};

void elcl_unigram_scratch_finish(struct elcl_unigram_scratch *scratch)
{
    free(scratch->best);
    free(scratch->spans);
    *scratch = (struct elcl_unigram_scratch){0};
}

static const struct elcl_trie_node *child_of(const struct elcl_unigram *u,
                                             const struct elcl_trie_node *node, uint8_t byte)
{
    const struct elcl_trie_node *low = u->nodes + node->first;
    size_t n = node->n;
    while (n) {
        const size_t half = n / 2;
        if (low[half].byte == byte)
            return low + half;
        if (low[half].byte < byte) {
            low += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return NULL;
}

static double rounded(const struct elcl_unigram *u, double score)
{
    return u->single ? (double)(float)score : score;
}

static void reach(const struct elcl_unigram *u, struct elcl_unigram_step *step, double score,
                  size_t begin, int32_t id)
{
    score = rounded(u, score);
    if (step->id < 0 || score > step->score)
        *step = (struct elcl_unigram_step){score, begin, id};
}

/* Tries all pieces that begin at `at`, and the unknown character if none is one character long. */
static size_t extend(const struct elcl_unigram *u, int32_t unknown, const char *s, size_t n,
                     size_t at, struct elcl_unigram_step *best)
{
    uint32_t code;
    const size_t character = elcl_character(s + at, n - at, &code);
    const double score = best[at].score;
    const struct elcl_trie_node *node = u->n_nodes ? u->nodes : NULL;
    bool single = false;
    for (size_t i = at; node && i < n; i++) {
        node = child_of(u, node, (uint8_t)s[i]);
        if (!node || node->id < 0)
            continue;
        reach(u, &best[i + 1], score + u->scores[node->id], at, node->id);
        single = single || i + 1 - at == character;
    }
    if (!single)
        reach(u, &best[at + character], score + u->unknown_score, at, unknown < 0 ? 0 : unknown);
    return character;
}

/* Collects the spans from the end on, then reverses them. */
static int collect(int32_t unknown, size_t n, struct elcl_unigram_scratch *scratch, elcl_error *err)
{
    int32_t after = -1; /* id of the next span */
    scratch->n_spans = 0;
    for (size_t end = n; end;) {
        const struct elcl_unigram_step *step = &scratch->best[end];
        if (unknown >= 0 && step->id == unknown && after == unknown) {
            scratch->spans[scratch->n_spans - 1].begin = step->begin;
        } else {
            void *spans = scratch->spans;
            const bool ok = elcl_grow(&spans, &scratch->max_spans, scratch->n_spans + 1,
                                      sizeof(*scratch->spans));
            scratch->spans = spans;
            if (!ok)
                return elcl_fail_nomem(err);
            scratch->spans[scratch->n_spans++] =
                (struct elcl_unigram_span){step->begin, end, step->id};
        }
        after = step->id;
        end = step->begin;
    }
    for (size_t i = 0; i < scratch->n_spans / 2; i++) {
        const struct elcl_unigram_span other = scratch->spans[i];
        scratch->spans[i] = scratch->spans[scratch->n_spans - 1 - i];
        scratch->spans[scratch->n_spans - 1 - i] = other;
    }
    return ELCL_OK;
}

int elcl_unigram_cut(const struct elcl_unigram *unigram, int32_t unknown, const char *s, size_t n,
                     struct elcl_unigram_scratch *scratch, elcl_error *err)
{
    void *best = scratch->best;
    const bool ok = elcl_grow(&best, &scratch->max_best, n + 1, sizeof(*scratch->best));
    scratch->best = best;
    if (!ok)
        return elcl_fail_nomem(err);
    for (size_t i = 0; i <= n; i++)
        scratch->best[i] = (struct elcl_unigram_step){.id = -1};
    for (size_t at = 0; at < n;)
        at += extend(unigram, unknown, s, n, at, scratch->best);
    return collect(unknown, n, scratch, err);
}
