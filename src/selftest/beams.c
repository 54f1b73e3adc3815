#include "selftest/checks.h"

void elcl_check_lineage(struct elcl_fixture *fx, int r, int max_length)
{
    const int ld = max_length + elcl_fixture_int(fx, 0, 3), rows = r + 2, cache_rows = 3 * r + 5;
    const size_t n = (size_t)rows * ld, at = (size_t)elcl_fixture_int(fx, 0, 9);
    const size_t n_tokens = (size_t)cache_rows, n_rows = (size_t)r, size = sizeof(int32_t);
    const int32_t *previous = elcl_fixture_random_ints(fx, n, 0, 1 << 20);
    const int32_t *token = elcl_fixture_random_ints(fx, n_rows, 0, 50264);
    const int32_t *parent = elcl_fixture_random_ints(fx, n_rows, 0, rows - 1);
    int32_t *length = elcl_fixture_random_ints(fx, n_rows, 0, max_length);
    const int32_t *cache_row = elcl_fixture_permutation(fx, cache_rows);
    int32_t *next = elcl_fixture_random_ints(fx, n, -1, -1);
    int32_t *tokens = elcl_fixture_random_ints(fx, n_tokens, -1, -1);
    if (length)
        length[0] = max_length;
    const int32_t *const fields[ELCL_ROW_INTS] = {[ELCL_ROW_TOKEN] = token,
                                                  [ELCL_ROW_PARENT] = parent,
                                                  [ELCL_ROW_CACHE_ROW] = cache_row,
                                                  [ELCL_ROW_LENGTH] = length};
    const struct elcl_ref_lineage_args ref = {next,      tokens, previous, token, parent,
                                              cache_row, length, r,        ld};
    const struct elcl_lineage_args args = {.next = elcl_fixture_output(fx, NULL, n * size),
                                           .previous = elcl_fixture_input(fx, previous, n * size),
                                           .tokens = elcl_fixture_output(fx, NULL, n_tokens * size),
                                           .step = elcl_fixture_records(fx, at, r, fields),
                                           .rows_at = at,
                                           .r = r,
                                           .ld = ld,
                                           .max_length = max_length};
    if (ELCL_FIXTURE_TRY(fx, elcl_op_lineage(fx->ops, &args, &fx->err))) {
        elcl_ref_lineage(&ref);
        elcl_fixture_equal(fx, "next", elcl_fixture_read(fx, args.next), next, n, size);
        elcl_fixture_equal(fx, "tokens", elcl_fixture_read(fx, args.tokens), tokens, n_tokens,
                           size);
    }
    elcl_fixture_finish(fx);
}

void elcl_check_reorder(struct elcl_fixture *fx, int r, size_t ld, size_t n)
{
    const int rows = r + 1,
              field = elcl_fixture_int(fx, 0, 1) ? ELCL_ROW_PARENT : ELCL_ROW_CACHE_ROW;
    const size_t all = (size_t)rows * ld, at = (size_t)elcl_fixture_int(fx, 0, 9);
    const size_t size = sizeof(int16_t), words = (all + 1) / 2;
    const int32_t *previous = elcl_fixture_random_ints(fx, words, INT_MIN, INT_MAX);
    const int32_t *map = elcl_fixture_random_ints(fx, (size_t)r, 0, rows - 1);
    int32_t *next = elcl_fixture_random_ints(fx, words, -1, -1);
    const int32_t *fields[ELCL_ROW_INTS] = {0};
    fields[field] = map;
    const struct elcl_reorder_args args = {.next = elcl_fixture_output(fx, NULL, all * size),
                                           .previous = elcl_fixture_input(fx, previous, all * size),
                                           .step = elcl_fixture_records(fx, at, r, fields),
                                           .rows_at = at,
                                           .field = field,
                                           .r = r,
                                           .ld_bytes = ld * size,
                                           .bytes = n * size};
    if (ELCL_FIXTURE_TRY(fx, elcl_op_reorder(fx->ops, &args, &fx->err))) {
        elcl_ref_reorder(next, previous, map, r, ld, n, size);
        elcl_fixture_equal(fx, "next", elcl_fixture_read(fx, args.next), next, all, size);
    }
    elcl_fixture_finish(fx);
}
