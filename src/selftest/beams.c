/* Lineage tables and the copying baseline: integers and bits, exact. */
#include "selftest/selftest.h"

#include <string.h>

#include "base/util.h"

/* Rows of different lengths continue random parents, several the same one. */
static void check_lineage(struct elcl_fixture *fx, const struct elcl_selftest_shape *s)
{
    const int r = 9, max_length = s->s, ld = max_length + 3, rows = r + 2, pool = 3 * r + 5;
    const size_t n = (size_t)rows * ld, bytes = n * sizeof(int32_t), at = 5;
    if (!elcl_fixture_begin(fx, "lineage", "%s R=%d T=%d", s->name, r, max_length))
        return;
    int32_t *v[6]; /* token, parent, length, previous, next, tokens */
    for (size_t i = 0; i < ELCL_COUNT(v); i++)
        v[i] = elcl_fixture_memory(fx, n, sizeof(int32_t));
    int32_t *slot = elcl_fixture_permutation(fx, pool), *tokens = v[5];
    if (!elcl_fixture_ok(fx)) {
        elcl_fixture_end(fx);
        return;
    }
    for (size_t i = 0; i < n; i++)
        v[3][i] = elcl_fixture_int(fx, 0, 1 << 20);
    for (int i = 0; i < r; i++) {
        v[0][i] = elcl_fixture_int(fx, 0, s->v - 1);
        v[1][i] = elcl_fixture_int(fx, 0, rows - 1);
        v[2][i] = i == 0 ? max_length : elcl_fixture_int(fx, 0, max_length);
    }
    memset(v[4], 0xff, bytes);
    memset(tokens, 0xff, bytes);
    const int32_t *const fields[ELCL_ROW_INTS] = {[ELCL_ROW_TOKEN] = v[0],
                                                  [ELCL_ROW_PARENT] = v[1],
                                                  [ELCL_ROW_CACHE_ROW] = slot,
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
        .next = elcl_fixture_output(fx, NULL, bytes),
        .previous = elcl_fixture_input(fx, v[3], bytes),
        .tokens = elcl_fixture_output(fx, NULL, (size_t)pool * sizeof(int32_t)),
        .step = elcl_fixture_records(fx, at, r, fields),
        .rows_at = at,
        .r = r,
        .ld = ld,
        .max_length = max_length};
    if (elcl_fixture_ok(fx) && elcl_fixture_try(fx, elcl_op_lineage(fx->ops, &args, &fx->err))) {
        const void *next = elcl_fixture_read(fx, args.next),
                   *got = elcl_fixture_read(fx, args.tokens);
        elcl_fixture_equal(fx, "next", next, v[4], n, sizeof(int32_t));
        elcl_fixture_equal(fx, "tokens", got, tokens, (size_t)pool, sizeof(int32_t));
    }
    elcl_fixture_end(fx);
}

static void check_reorder(struct elcl_fixture *fx, const struct elcl_selftest_shape *s)
{
    const int r = 7, rows = 10;
    const size_t ld = (size_t)s->d + 3, n = (size_t)s->d, at = 2, total = (size_t)rows * ld;
    const size_t size = elcl_ref_bytes(fx->ops->state);
    if (!elcl_fixture_begin(fx, "reorder", "%s R=%d N=%zu", s->name, r, n))
        return;
    const float *values = elcl_fixture_floats(fx, fx->ops->state, total, 1);
    int32_t *map = elcl_fixture_memory(fx, (size_t)r, sizeof(*map));
    unsigned char *previous = elcl_fixture_memory(fx, total, size);
    unsigned char *want = elcl_fixture_memory(fx, total, size);
    if (elcl_fixture_ok(fx)) {
        for (int i = 0; i < r; i++)
            map[i] = elcl_fixture_int(fx, 0, rows - 1);
        elcl_ref_store(fx->ops->state, values, previous, total);
        memset(want, 0xff, total * size);
        elcl_ref_reorder(want, previous, map, r, ld, n, size);
        const int32_t *const fields[ELCL_ROW_INTS] = {[ELCL_ROW_PARENT] = map};
        const struct elcl_reorder_args args = {.next = elcl_fixture_output(fx, NULL, total * size),
                                               .previous =
                                                   elcl_fixture_input(fx, previous, total * size),
                                               .step = elcl_fixture_records(fx, at, r, fields),
                                               .rows_at = at,
                                               .field = ELCL_ROW_PARENT,
                                               .r = r,
                                               .ld = ld,
                                               .n = n};
        if (elcl_fixture_ok(fx) && elcl_fixture_try(fx, elcl_op_reorder(fx->ops, &args, &fx->err)))
            elcl_fixture_equal(fx, "next", elcl_fixture_read(fx, args.next), want, total, size);
    }
    elcl_fixture_end(fx);
}

void elcl_selftest_beams(struct elcl_fixture *fx, const struct elcl_selftest_shape *shape)
{
    check_lineage(fx, shape);
    check_reorder(fx, shape);
}
