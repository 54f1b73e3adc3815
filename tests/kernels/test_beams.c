/* Lineage tables and the copying baseline: integers and bits, exact. */
#include "common.h"

#include <string.h>

#include "base/util.h"

static struct elcl_buffer *upload_ints(struct bed *bed, const int32_t *values, size_t n)
{
    return bed_input(bed, values, n * sizeof(*values));
}

/* Rows of different lengths continue random parents, several rows the same one. */
static void check_lineage(struct bed *bed, int r, int max_length)
{
    elcl_error err = {0};
    bed_begin(bed);
    const int ld = max_length + check_int(0, 3), rows = r + 2, pool_rows = 3 * r + 5;
    const size_t n = (size_t)rows * ld, at = (size_t)check_int(0, 9);
    int32_t *previous = bed_ints(bed, n), *next = bed_ints(bed, n);
    int32_t *tokens = bed_ints(bed, (size_t)pool_rows);
    int32_t *fields[4];
    for (int i = 0; i < 4; i++)
        fields[i] = bed_ints(bed, (size_t)rows);
    int32_t *token = fields[0], *parent = fields[1], *length = fields[2];
    const int32_t *slot = bed_permutation(bed, pool_rows);
    for (size_t i = 0; i < n; i++)
        previous[i] = check_int(0, 1 << 20);
    memset(next, 0xff, n * sizeof(*next));
    memset(tokens, 0xff, (size_t)pool_rows * sizeof(*tokens));
    const size_t n_step = at + (size_t)r * ELCL_ROW_INTS;
    int32_t *step = bed_ints(bed, n_step);
    for (int i = 0; i < r; i++) {
        token[i] = check_int(0, 50264);
        parent[i] = check_int(0, rows - 1);
        length[i] = i == 0 ? max_length : check_int(0, max_length);
        int32_t *record = step + at + (size_t)i * ELCL_ROW_INTS;
        record[ELCL_ROW_TOKEN] = token[i];
        record[ELCL_ROW_PARENT] = parent[i];
        record[ELCL_ROW_SLOT] = slot[i];
        record[ELCL_ROW_LENGTH] = length[i];
    }
    const struct elcl_ref_lineage_args ref = {next, tokens, previous, token, parent,
                                              slot, length, r,        ld};
    const struct elcl_lineage_args args = {
        .next = bed_output(bed, NULL, n * sizeof(*next)),
        .previous = upload_ints(bed, previous, n),
        .tokens = bed_output(bed, NULL, (size_t)pool_rows * sizeof(*tokens)),
        .step = upload_ints(bed, step, n_step),
        .rows_at = at,
        .r = r,
        .ld = ld,
        .max_length = max_length};
    elcl_ref_lineage(&ref);
    CHECK(!elcl_op_lineage(bed->ops, &args, &err), "%s", err.msg);
    check_bytes("next", bed_read(bed, args.next), next, n, 4);
    check_bytes("tokens", bed_read(bed, args.tokens), tokens, (size_t)pool_rows, 4);
    bed_end(bed);
}

static void check_reorder(struct bed *bed, int r, size_t ld, size_t n)
{
    elcl_error err = {0};
    bed_begin(bed);
    const int rows = r + 1;
    const size_t all = (size_t)rows * ld, at = (size_t)check_int(0, 9);
    const size_t bytes = elcl_ref_bytes(bed->state);
    const int field = check_int(0, 1) ? ELCL_ROW_PARENT : ELCL_ROW_SLOT;
    void *previous = bed_memory(bed, all, bytes), *next = bed_memory(bed, all, bytes);
    elcl_ref_store(bed->state, bed_normals(bed, all, 1), previous, all);
    memset(next, 0xff, all * bytes);
    const size_t n_step = at + (size_t)r * ELCL_ROW_INTS;
    int32_t *map = bed_ints(bed, (size_t)r), *step = bed_ints(bed, n_step);
    for (int i = 0; i < r; i++) {
        map[i] = check_int(0, rows - 1);
        step[at + (size_t)i * ELCL_ROW_INTS + field] = map[i];
    }
    elcl_ref_reorder(next, previous, map, r, ld, n, bytes);
    const struct elcl_reorder_args args = {.next = bed_output(bed, NULL, all * bytes),
                                           .previous = bed_input(bed, previous, all * bytes),
                                           .step = upload_ints(bed, step, n_step),
                                           .rows_at = at,
                                           .field = field,
                                           .r = r,
                                           .ld = ld,
                                           .n = n};
    CHECK(!elcl_op_reorder(bed->ops, &args, &err), "%s", err.msg);
    check_bytes("next", bed_read(bed, args.next), next, all, bytes);
    bed_end(bed);
}

void test_beams(struct bed *bed)
{
    static const int rs[] = {3, 1, 16}, lengths[] = {1, 2, 33};
    const size_t n_r = bed->full ? ELCL_COUNT(rs) : 1;
    for (size_t i = 0; i < n_r; i++)
        for (size_t j = 0; j < ELCL_COUNT(lengths); j++)
            if (check_case("lineage %s R=%d T=%d", bed->name, rs[i], lengths[j]))
                check_lineage(bed, rs[i], lengths[j]);
    static const size_t sizes[][2] = {{5, 5}, {64, 37}, {1, 1}, {131, 130}};
    for (size_t i = 0; i < n_r; i++)
        for (size_t j = 0; j < ELCL_COUNT(sizes); j++)
            if (check_case("reorder %s R=%d ld=%zu n=%zu", bed->name, rs[i], sizes[j][0],
                           sizes[j][1]))
                check_reorder(bed, rs[i], sizes[j][0], sizes[j][1]);
}
