/*
 * Where the paths of a branch meet again: at the nearest block that every path from the branch to
 * the end of the kernel passes, its immediate post-dominator. A GPU's compiler joins the lanes of a
 * warp there, too.
 */
#include <stdlib.h>
#include <string.h>

#include "nvidia.h"

/* Blocks of instructions without a branch in the middle. Sets of blocks are bits. */
struct graph {
    size_t n, words;
    int32_t *first;            /* [n + 1] instructions */
    int32_t (*next)[2];        /* [n] blocks, or -1 */
    uint64_t *post_dominators; /* [n][words] */
};

static uint64_t *set_of(const struct graph *g, size_t block)
{
    return g->post_dominators + block * g->words;
}

static bool has(const uint64_t *set, size_t block)
{
    return set[block / 64] >> (block % 64) & 1;
}

static void find_blocks(struct graph *g, const struct kernel *k)
{
    bool *begins = calloc(k->n + 1, sizeof(*begins));
    int32_t *block = calloc(k->n + 1, sizeof(*block)); /* of an instruction */
    begins[0] = true;
    for (size_t i = 0; i < k->n; i++) {
        const struct instr *in = &k->code[i];
        if (in->run == run_branch)
            begins[in->target] = true;
        if (in->run == run_branch || in->run == run_return)
            begins[i + 1] = true;
    }
    g->first = calloc(k->n + 1, sizeof(*g->first));
    for (size_t i = 0; i < k->n; i++) {
        if (begins[i])
            g->first[g->n++] = (int32_t)i;
        block[i] = (int32_t)g->n - 1;
    }
    g->first[g->n] = (int32_t)k->n;
    g->next = calloc(g->n, sizeof(*g->next));
    for (size_t b = 0; b < g->n; b++) {
        const struct instr *last = &k->code[g->first[b + 1] - 1];
        const bool jumps = last->run == run_branch || last->run == run_return;
        g->next[b][0] = last->run == run_branch ? block[last->target] : -1;
        g->next[b][1] = (!jumps || last->guard) && b + 1 < g->n ? (int32_t)b + 1 : -1;
    }
    free(begins);
    free(block);
}

/* The blocks after b that every path to the end passes; false if nothing changed. */
static bool update(struct graph *g, size_t b, uint64_t *set)
{
    bool any = false;
    memset(set, 0, g->words * sizeof(*set));
    for (int e = 0; e < 2; e++) {
        if (g->next[b][e] < 0)
            continue;
        const uint64_t *other = set_of(g, (size_t)g->next[b][e]);
        for (size_t i = 0; i < g->words; i++)
            set[i] = any ? set[i] & other[i] : other[i];
        any = true;
    }
    set[b / 64] |= UINT64_C(1) << (b % 64);
    if (!memcmp(set, set_of(g, b), g->words * sizeof(*set)))
        return false;
    memcpy(set_of(g, b), set, g->words * sizeof(*set));
    return true;
}

static void find_post_dominators(struct graph *g)
{
    g->words = (g->n + 63) / 64;
    g->post_dominators = malloc(g->n * g->words * sizeof(uint64_t));
    memset(g->post_dominators, 0xff, g->n * g->words * sizeof(uint64_t));
    uint64_t *set = malloc(g->words * sizeof(*set));
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t b = g->n; b-- > 0;)
            changed |= update(g, b, set);
    }
    free(set);
}

static size_t count(const struct graph *g, size_t block)
{
    size_t n = 0;
    for (size_t i = 0; i < g->words; i++)
        n += (size_t)__builtin_popcountll(set_of(g, block)[i]);
    return n;
}

/* The nearest post-dominator is that with the most post-dominators of its own. */
static int32_t nearest(const struct graph *g, size_t block)
{
    int32_t best = -1;
    size_t most = 0;
    for (size_t b = 0; b < g->n; b++) {
        if (b == block || !has(set_of(g, block), b))
            continue;
        const size_t n = count(g, b);
        if (n > most) {
            most = n;
            best = (int32_t)b;
        }
    }
    return best;
}

void flow_find_joins(struct kernel *k)
{
    struct graph g = {0};
    find_blocks(&g, k);
    find_post_dominators(&g);
    for (size_t b = 0; b < g.n; b++) {
        struct instr *last = &k->code[g.first[b + 1] - 1];
        if (last->run != run_branch || !last->guard)
            continue;
        const int32_t join = nearest(&g, b);
        last->join = join < 0 ? -1 : g.first[join];
    }
    free(g.first);
    free(g.next);
    free(g.post_dominators);
}
