#include "attention_keys.h"

#include <math.h>
#include <string.h>

#include "base/util.h"

const char *const input_names[N_INPUTS] = {"normal",     "huge scores", "equal keys",
                                           "zero query", "large mean",  "rising scores"};

void give_bias(struct fixture *fx, struct keys *k, int heads)
{
    k->max_distance = REACH;
    k->bias = fixture_normals(fx, (size_t)heads * (2 * REACH + 1), 2);
    k->position = fixture_ints(fx, (size_t)k->n_rows);
    for (int g = 0; g < k->n_groups; g++) {
        const int keys = k->group[g].n_shared + k->group[g].n_private;
        for (int r = 0; r < k->group[g].n_rows; r++)
            k->position[k->group[g].row + r] = check_int(-2, keys + 2);
    }
}

struct keys make_keys(struct fixture *fx, const struct layout *l)
{
    struct keys k = {.n_groups = l->n_groups, .no_lineage = true};
    int shared = 0, private = 0;
    for (int g = 0; g < l->n_groups; g++) {
        shared += l->group[g].n_shared + 2;
        private += l->group[g].n_private;
        k.no_lineage &= !l->group[g].n_private;
        k.lineage_ld = elcl_max_int(k.lineage_ld, l->group[g].n_private + 1);
    }
    k.cache_rows = shared + private + 1;
    k.lineage_rows = l->n_groups + 1;
    const size_t n_lineage = (size_t)k.lineage_rows * k.lineage_ld;
    k.lineage = fixture_ints(fx, n_lineage); /* row 0 of the pool is NaN: not to be followed */
    k.in_use = fixture_memory(fx, (size_t)k.cache_rows, sizeof(bool));
    const int32_t *lineage_row = fixture_permutation(fx, k.lineage_rows);
    const int32_t *spread = fixture_permutation(fx, private); /* lineages jump through the pool */
    int start = 1, taken = 0;
    for (int g = 0; g < l->n_groups; g++) {
        const int n_shared = l->group[g].n_shared, n_private = l->group[g].n_private;
        k.group[g] = (struct elcl_row_group){.row = k.n_rows + 1,
                                             .n_rows = l->group[g].n_rows,
                                             .start = start,
                                             .n_shared = n_shared,
                                             .lineage_row = lineage_row[g],
                                             .n_private = n_private};
        k.n_rows += l->group[g].n_rows + 1;
        k.max_rows = elcl_max_int(k.max_rows, l->group[g].n_rows);
        k.max_keys = elcl_max_int(k.max_keys, n_shared + n_private);
        k.total += (uint64_t)l->group[g].n_rows * (n_shared + n_private);
        k.reads += (uint64_t)(n_shared + n_private);
        for (int s = 0; s < n_shared; s++)
            k.in_use[start + s] = true;
        for (int t = 0; t < n_private; t++) {
            const int row = shared + 1 + spread[taken++];
            k.lineage[(size_t)lineage_row[g] * k.lineage_ld + t] = row;
            k.in_use[row] = true;
        }
        start += n_shared + 2;
    }
    k.n_rows++;
    return k;
}

struct elcl_ref_keys ref_keys(const struct keys *k, int g, int row)
{
    const struct elcl_row_group *group = &k->group[g];
    return (struct elcl_ref_keys){.start = group->start,
                                  .n_shared = group->n_shared,
                                  .lineage =
                                      k->lineage + (size_t)group->lineage_row * k->lineage_ld,
                                  .n_private = group->n_private,
                                  .bias = k->bias,
                                  .max_distance = k->max_distance,
                                  .position = k->position ? k->position[row] : 0};
}

float *make_pool(struct fixture *fx, const struct keys *k, int width, enum inputs inputs,
                 enum elcl_storage storage)
{
    float *pool = fixture_normals(fx, (size_t)k->cache_rows * width, 1);
    for (int row = 0; row < k->cache_rows; row++)
        for (int i = 0; i < width; i++) {
            float *v = &pool[(size_t)row * width + i];
            if (inputs == EQUAL_KEYS && row > 0)
                *v = pool[i];
            else if (inputs == LARGE_MEAN)
                *v += 30;
            else if (inputs == RISING && i == 0)
                *v = (float)row; /* every block raises the maximum */
        }
    for (int row = 0; row < k->cache_rows; row++)
        for (int i = 0; i < width && !k->in_use[row]; i++)
            pool[(size_t)row * width + i] = NAN;
    elcl_ref_round(storage, pool, (size_t)k->cache_rows * width);
    return pool;
}

float *make_queries(struct fixture *fx, size_t n, enum inputs inputs)
{
    const double scale = inputs == HUGE_SCORES ? 1e5 : inputs == ZERO_QUERY ? 0 : 2;
    return fixture_normals(fx, n, scale);
}

void attention_bounds(double *bound, double *p, const double *want, const float *q, const float *k,
                      const float *v, size_t ld, const struct elcl_ref_keys *all, int head, int d,
                      double scale, double split, enum inputs inputs)
{
    struct elcl_ref_keys own = *all, *keys = &own;
    const int n = keys->n_shared + keys->n_private;
    if (own.bias)
        own.bias += (size_t)head * (2 * REACH + 1);
    const double sums =
        16 + 2 * sqrt(n) + (inputs == EQUAL_KEYS || inputs == ZERO_QUERY ? 0.5 * n : 0);
    double largest = 0;
    elcl_ref_attn_weights(p, q, k, ld, keys, d, scale);
    for (int j = 0; j < n; j++) {
        const int row = j < keys->n_shared ? keys->start + j : keys->lineage[j - keys->n_shared];
        double sum = 0;
        for (int i = 0; i < d; i++)
            sum += fabs((double)q[i] * (double)k[row * ld + i]);
        largest = fmax(largest, scale * sum);
    }
    double largest_bias = 0;
    for (int i = 0; keys->bias && i < 2 * REACH + 1; i++)
        largest_bias = fmax(largest_bias, fabs((double)keys->bias[i]));
    largest += largest_bias;
    const double moved = expm1(2 * ((6 + 2 * sqrt(d)) * U + split) * largest);
    for (int i = 0; i < d; i++) {
        double spread = 0, size = 0;
        for (int j = 0; j < n; j++) {
            const int row =
                j < keys->n_shared ? keys->start + j : keys->lineage[j - keys->n_shared];
            const double y = (double)v[row * ld + i];
            spread += p[j] * fabs(y - want[i]);
            size += p[j] * fabs(y);
        }
        bound[i] = moved * spread + (sums * U + split) * size + 1e-37;
    }
}

struct elcl_buffer *upload_groups(struct fixture *fx, const struct keys *k, size_t at)
{
    const size_t rows_at = at + (size_t)k->n_groups * ELCL_ROW_GROUP_INTS;
    const size_t n = rows_at + (size_t)k->n_rows * ELCL_ROW_INTS;
    int32_t *step = fixture_ints(fx, n);
    memset(step, 0xff, n * sizeof(*step));
    memcpy(step + at, k->group, (size_t)k->n_groups * sizeof(k->group[0]));
    for (int r = 0; k->position && r < k->n_rows; r++)
        step[rows_at + (size_t)r * ELCL_ROW_INTS + ELCL_ROW_POSITION] = k->position[r];
    return fixture_input(fx, step, n * sizeof(*step));
}

struct elcl_position_bias upload_bias(struct fixture *fx, const struct keys *k, int heads)
{
    if (!k->bias)
        return (struct elcl_position_bias){.max_distance = 0};
    const size_t n = (size_t)heads * (2 * REACH + 1);
    return (struct elcl_position_bias){*fixture_input(fx, k->bias, n * sizeof(float)),
                                       k->max_distance};
}

struct elcl_buffer *upload_lineage(struct fixture *fx, const struct keys *k)
{
    return fixture_input(fx, k->lineage,
                         (size_t)k->lineage_rows * k->lineage_ld * sizeof(*k->lineage));
}
