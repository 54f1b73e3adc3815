/* Lineage tables and the copying baseline: integers and bits, exact. */
#include "selftest/selftest.h"

#include <string.h>

#include "base/util.h"

/* Rows of different lengths continue random parents, several the same one. */
static void check_lineage(struct elcl_st *st, const struct elcl_st_shape *s)
{
    const int r = 9, max_length = s->s, ld = max_length + 3, rows = r + 2, pool = 3 * r + 5;
    const size_t n = (size_t)rows * ld, bytes = n * sizeof(int32_t), at = 5;
    if (!elcl_st_begin(st, "lineage", "%s R=%d T=%d", s->name, r, max_length))
        return;
    int32_t *v[6]; /* token, parent, length, previous, next, tokens */
    for (size_t i = 0; i < ELCL_COUNT(v); i++)
        v[i] = elcl_st_memory(st, n, sizeof(int32_t));
    int32_t *slot = elcl_st_permutation(st, pool), *tokens = v[5];
    if (!elcl_st_ok(st)) {
        elcl_st_end(st);
        return;
    }
    for (size_t i = 0; i < n; i++)
        v[3][i] = elcl_st_int(st, 0, 1 << 20);
    for (int i = 0; i < r; i++) {
        v[0][i] = elcl_st_int(st, 0, s->v - 1);
        v[1][i] = elcl_st_int(st, 0, rows - 1);
        v[2][i] = i == 0 ? max_length : elcl_st_int(st, 0, max_length);
    }
    memset(v[4], 0xff, bytes);
    memset(tokens, 0xff, bytes);
    const int32_t *const fields[ELCL_ROW_INTS] = {[ELCL_ROW_TOKEN] = v[0],
                                                  [ELCL_ROW_PARENT] = v[1],
                                                  [ELCL_ROW_SLOT] = slot,
                                                  [ELCL_ROW_LENGTH] = v[2]};
    const struct elcl_ref_lineage_args ref = {.next = v[4],
                                              .tokens = tokens,
                                              .previous = v[3],
                                              .token = v[0],
                                              .parent = v[1],
                                              .slot = slot,
                                              .length = v[2],
                                              .r = r,
                                              .ld = ld};
    elcl_ref_lineage(&ref);
    const struct elcl_lineage_args args = {
        .next = elcl_st_output(st, NULL, bytes),
        .previous = elcl_st_input(st, v[3], bytes),
        .tokens = elcl_st_output(st, NULL, (size_t)pool * sizeof(int32_t)),
        .step = elcl_st_records(st, at, r, fields),
        .rows_at = at,
        .r = r,
        .ld = ld,
        .max_length = max_length};
    if (elcl_st_ok(st) && elcl_st_try(st, elcl_op_lineage(st->ops, &args, &st->err))) {
        const void *next = elcl_st_read(st, args.next), *got = elcl_st_read(st, args.tokens);
        elcl_st_equal(st, "next", next, v[4], n, sizeof(int32_t));
        elcl_st_equal(st, "tokens", got, tokens, (size_t)pool, sizeof(int32_t));
    }
    elcl_st_end(st);
}

static void check_reorder(struct elcl_st *st, const struct elcl_st_shape *s)
{
    const int r = 7, rows = 10;
    const size_t ld = (size_t)s->d + 3, n = (size_t)s->d, at = 2, total = (size_t)rows * ld;
    const size_t size = elcl_ref_bytes(st->ops->state);
    if (!elcl_st_begin(st, "reorder", "%s R=%d N=%zu", s->name, r, n))
        return;
    const float *values = elcl_st_floats(st, st->ops->state, total, 1);
    int32_t *map = elcl_st_memory(st, (size_t)r, sizeof(*map));
    unsigned char *previous = elcl_st_memory(st, total, size);
    unsigned char *want = elcl_st_memory(st, total, size);
    if (elcl_st_ok(st)) {
        for (int i = 0; i < r; i++)
            map[i] = elcl_st_int(st, 0, rows - 1);
        elcl_ref_store(st->ops->state, values, previous, total);
        memset(want, 0xff, total * size);
        elcl_ref_reorder(want, previous, map, r, ld, n, size);
        const int32_t *const fields[ELCL_ROW_INTS] = {[ELCL_ROW_PARENT] = map};
        const struct elcl_reorder_args args = {.next = elcl_st_output(st, NULL, total * size),
                                               .previous =
                                                   elcl_st_input(st, previous, total * size),
                                               .step = elcl_st_records(st, at, r, fields),
                                               .rows_at = at,
                                               .field = ELCL_ROW_PARENT,
                                               .r = r,
                                               .ld = ld,
                                               .n = n};
        if (elcl_st_ok(st) && elcl_st_try(st, elcl_op_reorder(st->ops, &args, &st->err)))
            elcl_st_equal(st, "next", elcl_st_read(st, args.next), want, total, size);
    }
    elcl_st_end(st);
}

void elcl_st_beams(struct elcl_st *st, const struct elcl_st_shape *shape)
{
    check_lineage(st, shape);
    check_reorder(st, shape);
}
