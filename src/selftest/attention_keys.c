/* Keys of attention: shared ones in a row, private ones by lineages that jump through the cache. */
#include "selftest/attention.h"

#include "base/util.h"

#define MAX_DISTANCE 5 /* few distances, so that most keys lie beyond them */

void elcl_attn_give_bias(struct elcl_fixture *fx, struct elcl_attn_keys *k, int heads)
{
    k->max_distance = MAX_DISTANCE;
    k->bias = elcl_fixture_normals(fx, ELCL_F32, (size_t)heads * (2 * MAX_DISTANCE + 1), 2);
    k->position = elcl_fixture_ints(fx, (size_t)k->n_rows);
    for (int g = 0; k->position && g < k->n_groups; g++) {
        const int keys = k->group[g].n_shared + k->group[g].n_private;
        for (int r = 0; r < k->group[g].n_rows; r++)
            k->position[k->group[g].row + r] = elcl_fixture_int(fx, -2, keys + 2);
    }
}

static void add_group(struct elcl_attn_keys *k, const struct elcl_row_group *group)
{
    const int n_keys = group->n_shared + group->n_private;
    k->group[k->n_groups++] = *group;
    k->max_rows = elcl_max_int(k->max_rows, group->n_rows);
    k->max_keys = elcl_max_int(k->max_keys, n_keys);
    k->total += (uint64_t)group->n_rows * n_keys;
    k->reads += (uint64_t)n_keys;
    for (int s = 0; s < group->n_shared; s++)
        k->in_use[group->start + s] = true;
}

/* Every row is a group; sentences follow one another. */
static void add_sentences(struct elcl_attn_keys *k, const struct elcl_attn_layout *l)
{
    int start = 1;
    for (int i = 0; i < l->n; i++) {
        for (int s = 0; s < l->group[i].n_rows; s++) {
            const int n_keys = l->group[i].causal ? s + 1 : l->group[i].n_shared;
            add_group(k, &(struct elcl_row_group){k->n_rows++, 1, start, n_keys, 0, 0});
        }
        start += elcl_max_int(l->group[i].n_shared, l->group[i].n_rows) + 1;
    }
}

/* Rows that belong to no group stand before and after each group. */
static void add_groups(struct elcl_fixture *fx, struct elcl_attn_keys *k,
                       const struct elcl_attn_layout *l, int shared, int private)
{
    const int32_t *lineage_row = elcl_fixture_permutation(fx, k->lineage_rows);
    const int32_t *spread = elcl_fixture_permutation(fx, private);
    int start = 1, taken = 0;
    for (int g = 0; elcl_fixture_ok(fx) && g < l->n; g++) {
        const struct elcl_row_group group = {.row = k->n_rows + 1,
                                             .n_rows = l->group[g].n_rows,
                                             .start = start,
                                             .n_shared = l->group[g].n_shared,
                                             .lineage_row = lineage_row[g],
                                             .n_private = l->group[g].n_private};
        add_group(k, &group);
        k->n_rows += group.n_rows + 1;
        for (int t = 0; t < group.n_private; t++) {
            const int row = shared + 1 + spread[taken++];
            k->lineage[(size_t)group.lineage_row * k->lineage_ld + t] = row;
            k->in_use[row] = true;
        }
        start += group.n_shared + 2;
    }
    k->n_rows++;
}

struct elcl_attn_keys elcl_attn_keys(struct elcl_fixture *fx, enum elcl_attn_op op,
                                     const struct elcl_attn_layout *l)
{
    struct elcl_attn_keys k = {.no_lineage = true, .lineage_ld = 1, .lineage_rows = l->n + 1};
    int shared = 0, private = 0;
    for (int g = 0; g < l->n; g++) {
        shared += elcl_max_int(l->group[g].n_shared, l->group[g].n_rows) + 2;
        private += l->group[g].n_private;
        k.no_lineage &= !l->group[g].n_private;
        k.lineage_ld = elcl_max_int(k.lineage_ld, l->group[g].n_private + 1);
    }
    k.cache_rows = shared + private + 1;
    /* Row 0 of the cache is NaN: not to be followed. */
    k.lineage = elcl_fixture_ints(fx, (size_t)k.lineage_rows * k.lineage_ld);
    k.in_use = elcl_fixture_memory(fx, (size_t)k.cache_rows, sizeof(bool));
    if (!elcl_fixture_ok(fx))
        return k;
    if (op == ELCL_ATTN_OP_PACKED)
        add_sentences(&k, l);
    else
        add_groups(fx, &k, l, shared, private);
    return k;
}

int elcl_attn_last_key(const struct elcl_attn_keys *k, int g)
{
    const struct elcl_row_group *group = &k->group[g];
    if (group->n_private)
        return k->lineage[(size_t)group->lineage_row * k->lineage_ld + group->n_private - 1];
    return group->n_shared ? group->start + group->n_shared - 1 : -1;
}
