/* SentencePiece's byte-pair encoding: any two neighbors that spell a piece may be joined, whatever
 * pieces they are; bpe.c has the merges of pairs that other tokenizers list. */
#include <stdlib.h>

#include "text/characters.h"
#include "text/spm_model.h"

/* A part of the text in a doubly linked list; a join keeps the left one. */
struct part {
    uint32_t begin, length; /* length 0: joined to one before it */
    int32_t previous, next; /* -1: none */
    bool is_symbol;         /* never joined */
};

/* Two neighbors that spell a piece. It is stale if their lengths have changed since. */
struct candidate {
    float score;
    int32_t left;
    uint32_t length; /* of both */
};

struct bpe {
    const struct elcl_spm *spm;
    const char *s;
    struct part *parts;     /* [n_parts] */
    struct candidate *heap; /* [n_heap]: the best first */
    size_t n_heap;
    /* [pieces] of unused ones: the length of the left part of the last candidate; or NULL */
    uint32_t *splits;
};

static bool is_better(const struct candidate *a, const struct candidate *b)
{
    return a->score != b->score ? a->score > b->score : a->left < b->left;
}

static void push(struct bpe *b, struct candidate candidate)
{
    size_t i = b->n_heap++;
    for (; i && is_better(&candidate, &b->heap[(i - 1) / 2]); i = (i - 1) / 2)
        b->heap[i] = b->heap[(i - 1) / 2];
    b->heap[i] = candidate;
}

static struct candidate pop(struct bpe *b)
{
    const struct candidate top = b->heap[0], last = b->heap[--b->n_heap];
    size_t i = 0;
    for (size_t child = 1; child < b->n_heap; child = 2 * i + 1) {
        if (child + 1 < b->n_heap && is_better(&b->heap[child + 1], &b->heap[child]))
            child++;
        if (!is_better(&b->heap[child], &last))
            break;
        b->heap[i] = b->heap[child];
        i = child;
    }
    b->heap[i] = last;
    return top;
}

static void consider(struct bpe *b, int32_t left, int32_t right)
{
    if (left < 0 || right < 0 || b->parts[left].is_symbol || b->parts[right].is_symbol)
        return;
    const uint32_t length = b->parts[left].length + b->parts[right].length;
    if (length > b->spm->longest)
        return;
    const int32_t id = elcl_strmap_get(&b->spm->ordinary, b->s + b->parts[left].begin, length);
    if (id < 0)
        return;
    push(b, (struct candidate){b->spm->pieces[id].score, left, length});
    if (b->splits && b->spm->pieces[id].type == ELCL_SPM_UNUSED)
        b->splits[id] = b->parts[left].length;
}

static void join(struct bpe *b, struct candidate best)
{
    struct part *left = &b->parts[best.left];
    if (!left->length || left->next < 0 ||
        left->length + b->parts[left->next].length != best.length)
        return;
    b->parts[left->next].length = 0;
    left->length = best.length;
    left->next = b->parts[left->next].next;
    if (left->next >= 0)
        b->parts[left->next].previous = best.left;
    consider(b, left->previous, best.left);
    consider(b, best.left, left->next);
}

/* There are at most n - 1 pairs at the start, and each of at most n - 1 joins adds two. */
static int start(struct bpe *b, size_t n, elcl_error *err)
{
    int32_t n_parts = 0;
    b->parts = elcl_calloc(n, sizeof(*b->parts));
    b->heap = elcl_calloc(3 * n, sizeof(*b->heap));
    b->splits = b->spm->has_unused ? elcl_calloc(b->spm->n, sizeof(*b->splits)) : NULL;
    if (!b->parts || !b->heap || (b->spm->has_unused && !b->splits))
        return elcl_fail_nomem(err);
    for (size_t i = 0; i < n; n_parts++) {
        struct part *part = &b->parts[n_parts];
        const size_t length = elcl_spm_symbol(&b->spm->symbols, b->s + i, n - i, &part->is_symbol);
        part->begin = (uint32_t)i;
        part->length = (uint32_t)length;
        part->previous = n_parts - 1;
        i += length;
        part->next = i < n ? n_parts + 1 : -1;
    }
    for (int32_t i = 1; i < n_parts; i++)
        consider(b, i - 1, i);
    return ELCL_OK;
}

/* Passes on a part; an unused piece falls apart again, into what it was joined from. `ends` are the
 * ends of what is still to come. */
static int give(const struct bpe *b, const struct part *part, elcl_spm_take take, void *user,
                elcl_error *err)
{
    size_t *ends = NULL, n_ends = 0, max_ends = 0;
    size_t begin = part->begin, end = part->begin + part->length;
    int rc = ELCL_OK;
    while (!rc) {
        const int32_t id = elcl_spm_ordinary_id(b->spm, b->s + begin, end - begin);
        if (b->splits && b->splits[id]) {
            void *grown = ends;
            if (!elcl_grow(&grown, &max_ends, n_ends + 1, sizeof(*ends))) {
                rc = elcl_fail_nomem(err);
                break;
            }
            ends = grown;
            ends[n_ends++] = end;
            end = begin + b->splits[id];
            continue;
        }
        rc = take(user, b->s + begin, end - begin, id, err);
        if (!n_ends)
            break;
        begin = end;
        end = ends[--n_ends];
    }
    free(ends);
    return rc;
}

int elcl_spm_cut_bpe(const struct elcl_spm *spm, const char *s, size_t n, elcl_spm_take take,
                     void *user, elcl_error *err)
{
    struct bpe b = {.spm = spm, .s = s};
    int rc = start(&b, n, err);
    while (!rc && b.n_heap)
        join(&b, pop(&b));
    for (int32_t i = 0; !rc && i >= 0; i = b.parts[i].next)
        rc = give(&b, &b.parts[i], take, user, err);
    free(b.parts);
    free(b.heap);
    free(b.splits);
    return rc;
}
