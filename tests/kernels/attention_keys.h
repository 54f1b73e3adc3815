/*
 * What the attention tests share: keys in pools, shared and by lineages, and what a result may err.
 *
 * Tolerance: a score errs by at most delta = (6 + 2 sqrt D) U scale max_j sum_d |e y_j| (see
 * test_gemm.c; the exponent's argument is rounded too). Scores that move by delta move the result
 * by at most expm1(2 delta) sum_j p_j |y_j - c|: nothing where one key dominates, much where huge
 * scores of opposite values compete. exp, the sums and the division add (16 + 2 sqrt S) U
 * sum_j p_j |y_j|; equal keys make all roundings of a sum go the same way, which adds S / 2 U.
 * Matrix instructions see numbers as the sum of two bf16: delta and the last term have SPLIT of
 * them more.
 */
#ifndef ELCL_TESTS_KERNELS_ATTENTION_KEYS_H
#define ELCL_TESTS_KERNELS_ATTENTION_KEYS_H

#include "common.h"

enum inputs { NORMAL, HUGE_SCORES, EQUAL_KEYS, ZERO_QUERY, LARGE_MEAN, RISING, N_INPUTS };
extern const char *const input_names[N_INPUTS];

/* Rows and keys of the groups of one call, up to 8. */
struct layout {
    const char *name;
    int n_groups;
    struct {
        int n_rows, n_shared, n_private;
    } group[8];
};

/* What the host knows of one run; the rows of y that no group names are NaN. */
struct keys {
    int n_rows; /* of e and c; rows between groups belong to none */
    int cache_rows, lineage_rows, lineage_ld;
    int32_t *lineage;
    struct elcl_row_group group[160];
    int n_groups, max_rows, max_keys;
    uint64_t total, reads; /* rows x keys, and keys, over groups */
    bool no_lineage;       /* no group has private keys, and the operation is told so */
    bool *in_use;          /* [cache_rows] */
    int max_distance;      /* of the position bias; 0: none */
    float *bias;           /* [heads, 2 max_distance + 1] */
    int32_t *position;     /* [n_rows] */
};

#define SPLIT 0x1p-15

/* Few distances, so that most keys lie beyond them. */
#define REACH 5

/* Some positions stand before the first key and some behind the last one. */
void give_bias(struct fixture *fx, struct keys *k, int heads);
struct keys make_keys(struct fixture *fx, const struct layout *l);
/* Of a row of group g. */
struct elcl_ref_keys ref_keys(const struct keys *k, int g, int row);
/* Pool rows [cache_rows, width], rounded to storage. */
float *make_pool(struct fixture *fx, const struct keys *k, int width, enum inputs inputs,
                 enum elcl_storage storage);
/* Queries [n]: scores of a few units, as e . y of d terms with scale 1 / sqrt d. */
float *make_queries(struct fixture *fx, size_t n, enum inputs inputs);
/* bound [d]: what scores and sums may err for one row and head; see the top. p: scratch for the
 * weights of all keys. A bias is a rounding more, of the largest score that it makes. split: of
 * matrix instructions. */
void attention_bounds(double *bound, double *p, const double *want, const float *q, const float *k,
                      const float *v, size_t ld, const struct elcl_ref_keys *all, int head, int d,
                      double scale, double split, enum inputs inputs);
/* The groups, and behind them the records of all rows. */
struct elcl_buffer *upload_groups(struct fixture *fx, const struct keys *k, size_t at);
struct elcl_position_bias upload_bias(struct fixture *fx, const struct keys *k, int heads);
struct elcl_buffer *upload_lineage(struct fixture *fx, const struct keys *k);

#endif
