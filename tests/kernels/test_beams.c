/* Lineage tables and the copying baseline: integers and bits, exact. */
#include "common.h"

#include <string.h>

#include "base/util.h"

static struct elcl_buffer *upload_ints(struct fixture *fx, const int32_t *values, size_t n)
{
    return fixture_input(fx, values, n * sizeof(*values));
}

/* Rows of different lengths continue random parents, several rows the same one. */
static void check_lineage(struct fixture *fx, int r, int max_length)
{
    elcl_error err = {0};
    fixture_begin(fx);
    const int ld = max_length + check_int(0, 3), rows = r + 2, cache_rows = 3 * r + 5;
    const size_t n = (size_t)rows * ld, at = (size_t)check_int(0, 9);
    int32_t *previous = fixture_ints(fx, n), *next = fixture_ints(fx, n);
    int32_t *tokens = fixture_ints(fx, (size_t)cache_rows);
    int32_t *fields[4];
    for (int i = 0; i < 4; i++)
        fields[i] = fixture_ints(fx, (size_t)rows);
    int32_t *token = fields[0], *parent = fields[1], *length = fields[2];
    const int32_t *slot = fixture_permutation(fx, cache_rows);
    for (size_t i = 0; i < n; i++)
        previous[i] = check_int(0, 1 << 20);
    memset(next, 0xff, n * sizeof(*next));
    memset(tokens, 0xff, (size_t)cache_rows * sizeof(*tokens));
    const size_t n_step = at + (size_t)r * ELCL_ROW_INTS;
    int32_t *step = fixture_ints(fx, n_step);
    for (int i = 0; i < r; i++) {
        token[i] = check_int(0, 50264);
        parent[i] = check_int(0, rows - 1);
        length[i] = i == 0 ? max_length : check_int(0, max_length);
        int32_t *record = step + at + (size_t)i * ELCL_ROW_INTS;
        record[ELCL_ROW_TOKEN] = token[i];
        record[ELCL_ROW_PARENT] = parent[i];
        record[ELCL_ROW_CACHE_ROW] = slot[i];
        record[ELCL_ROW_LENGTH] = length[i];
    }
    const struct elcl_ref_lineage_args ref = {next, tokens, previous, token, parent,
                                              slot, length, r,        ld};
    const struct elcl_lineage_args args = {
        .next = fixture_output(fx, NULL, n * sizeof(*next)),
        .previous = upload_ints(fx, previous, n),
        .tokens = fixture_output(fx, NULL, (size_t)cache_rows * sizeof(*tokens)),
        .step = upload_ints(fx, step, n_step),
        .rows_at = at,
        .r = r,
        .ld = ld,
        .max_length = max_length};
    elcl_ref_lineage(&ref);
    CHECK(!elcl_op_lineage(fx->ops, &args, &err), "%s", err.msg);
    check_bytes("next", fixture_read(fx, args.next), next, n, 4);
    check_bytes("tokens", fixture_read(fx, args.tokens), tokens, (size_t)cache_rows, 4);
    fixture_end(fx);
}

static void check_reorder(struct fixture *fx, int r, size_t ld, size_t n)
{
    elcl_error err = {0};
    fixture_begin(fx);
    const int rows = r + 1;
    const size_t all = (size_t)rows * ld, at = (size_t)check_int(0, 9);
    const size_t bytes = elcl_ref_bytes(fx->state);
    const int field = check_int(0, 1) ? ELCL_ROW_PARENT : ELCL_ROW_CACHE_ROW;
    void *previous = fixture_memory(fx, all, bytes), *next = fixture_memory(fx, all, bytes);
    elcl_ref_store(fx->state, fixture_normals(fx, all, 1), previous, all);
    memset(next, 0xff, all * bytes);
    const size_t n_step = at + (size_t)r * ELCL_ROW_INTS;
    int32_t *map = fixture_ints(fx, (size_t)r), *step = fixture_ints(fx, n_step);
    for (int i = 0; i < r; i++) {
        map[i] = check_int(0, rows - 1);
        step[at + (size_t)i * ELCL_ROW_INTS + field] = map[i];
    }
    elcl_ref_reorder(next, previous, map, r, ld, n, bytes);
    const struct elcl_reorder_args args = {.next = fixture_output(fx, NULL, all * bytes),
                                           .previous = fixture_input(fx, previous, all * bytes),
                                           .step = upload_ints(fx, step, n_step),
                                           .rows_at = at,
                                           .field = field,
                                           .r = r,
                                           .ld = ld,
                                           .n = n};
    CHECK(!elcl_op_reorder(fx->ops, &args, &err), "%s", err.msg);
    check_bytes("next", fixture_read(fx, args.next), next, all, bytes);
    fixture_end(fx);
}

void test_beams(struct fixture *fx)
{
    static const int rs[] = {3, 1, 16}, lengths[] = {1, 2, 33};
    const size_t n_r = fx->full ? ELCL_COUNT(rs) : 1;
    for (size_t i = 0; i < n_r; i++)
        for (size_t j = 0; j < ELCL_COUNT(lengths); j++)
            if (check_case("lineage %s R=%d T=%d", fx->name, rs[i], lengths[j]))
                check_lineage(fx, rs[i], lengths[j]);
    static const size_t sizes[][2] = {{5, 5}, {64, 37}, {1, 1}, {131, 130}};
    for (size_t i = 0; i < n_r; i++)
        for (size_t j = 0; j < ELCL_COUNT(sizes); j++)
            if (check_case("reorder %s R=%d ld=%zu n=%zu", fx->name, rs[i], sizes[j][0],
                           sizes[j][1]))
                check_reorder(fx, rs[i], sizes[j][0], sizes[j][1]);
}
