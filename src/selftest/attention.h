/* EL-attention, multi-head attention and its packed form on the fixture, whole and in parts. */
#ifndef ELCL_SELFTEST_ATTENTION_H
#define ELCL_SELFTEST_ATTENTION_H

#include "selftest/fixture.h"

enum elcl_attn_op { ELCL_ATTN_OP_EL, ELCL_ATTN_OP_MHA, ELCL_ATTN_OP_PACKED };

enum elcl_attn_inputs {
    ELCL_INPUTS_NORMAL,
    ELCL_INPUTS_HUGE_SCORES,
    ELCL_INPUTS_EQUAL_KEYS,
    ELCL_INPUTS_ZERO_QUERY,
    ELCL_INPUTS_LARGE_MEAN,
    ELCL_INPUTS_RISING,
    ELCL_INPUTS_CANCELLING, /* large products that cancel each other in a score */
    ELCL_N_INPUTS
};

/* The groups of one call, up to 8: n_rows rows that see shared and private keys. Of a packed call
 * sentences: n_rows rows that see n_shared keys, or with `causal` a prompt, where a row sees the
 * keys up to its own place. */
struct elcl_attn_layout {
    const char *name;
    int n;
    struct {
        int n_rows, n_shared, n_private;
        bool causal;
    } group[8];
};

/* The host's side of the keys of one call. */
struct elcl_attn_keys {
    int n_rows; /* of queries and results; rows between groups belong to none */
    int cache_rows, lineage_rows, lineage_ld;
    int32_t *lineage;
    struct elcl_row_group group[288];
    int n_groups, max_rows, max_keys;
    uint64_t total, reads; /* rows x keys, and keys, over groups */
    bool no_lineage;       /* no group has private keys, and EL-attention gets no lineage */
    bool *in_use;          /* [cache_rows]; the other rows are NaN */
    int max_distance;      /* of the position bias; 0: none */
    float *bias;           /* [heads, 2 max_distance + 1] */
    int32_t *position;     /* [n_rows] */
};

/* One operation on such keys. */
struct elcl_attn_case {
    enum elcl_attn_op op;
    int h, dh;       /* el: Dh is D */
    int q_ld, kv_ld; /* el: H D and D */
    int k_at, v_at;  /* el: 0 */
    int own_at;      /* > 0: rows bring their own keys and values, see elcl_attn_mha_args */
    bool kv_act;     /* the storage of activations, otherwise of state */
    float scale;
    const float *q, *kv;
    const void *cache; /* kv as it is stored: rows in parts of Dh elements */
};

struct elcl_attn_keys elcl_attn_keys(struct elcl_fixture *fx, enum elcl_attn_op op,
                                     const struct elcl_attn_layout *l);
/* Adds a position bias. Some positions stand before the first key and some after the last one. */
void elcl_attn_give_bias(struct elcl_fixture *fx, struct elcl_attn_keys *k, int heads);
/* Returns the cache row of the last key of group g, or -1 if it has none. */
int elcl_attn_last_key(const struct elcl_attn_keys *k, int g);
/* Random queries and cache, with gaps at random as in a packed [Q K V] and a cache of [K V]. */
struct elcl_attn_case elcl_attn_case(struct elcl_fixture *fx, enum elcl_attn_op op,
                                     const struct elcl_attn_keys *k, int h, int dh,
                                     enum elcl_attn_inputs inputs, bool kv_act);
/* Uploads the groups after `at` ints, and after them the records of all rows; n queries; the
 * cache. */
const struct elcl_buffer *elcl_attn_upload_groups(struct elcl_fixture *fx,
                                                  const struct elcl_attn_keys *k, size_t at);
const struct elcl_buffer *elcl_attn_upload_queries(struct elcl_fixture *fx,
                                                   const struct elcl_attn_case *a, size_t n);
const struct elcl_buffer *elcl_attn_upload_cache(struct elcl_fixture *fx,
                                                 const struct elcl_attn_keys *k,
                                                 const struct elcl_attn_case *a);
/* Runs it; the result [n_rows, H, Dh] as elcl_fixture_read() returns it. */
float *elcl_attn_run(struct elcl_fixture *fx, const struct elcl_attn_keys *k,
                     const struct elcl_attn_case *a);
/* All of it, compared with the reference; ends the run. */
void elcl_check_attention(struct elcl_fixture *fx, enum elcl_attn_op op,
                          const struct elcl_attn_layout *l, int h, int dh,
                          enum elcl_attn_inputs inputs, bool kv_act, bool bias);

/* ---- align.c ------------------------------------------------------------------------------- */

/* Alignments of a layout without private keys, of some of its rows and heads, with the queries and
 * keys of EL-attention or of multi-head attention. */
void elcl_check_align(struct elcl_fixture *fx, enum elcl_attn_op op,
                      const struct elcl_attn_layout *l, int h, int dh,
                      enum elcl_attn_inputs inputs);

#endif
