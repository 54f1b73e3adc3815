/*
 * EL-attention, multi-head attention and its packed form.
 *
 * Tolerance: a score errs by at most delta = (6 + 2 sqrt D) U scale max_j sum_d |q k_j|, which
 * moves a result by at most expm1(2 delta) sum_j p_j |v_j - o|; exp, sums and division add (16 + 2
 * sqrt S) U sum_j p_j |v_j|. Matrix instructions see numbers as the sum of two 16-bit ones and lose
 * 2^-15 of their products.
 */
#include "selftest/selftest.h"

#include <math.h>
#include <string.h>

#include "base/util.h"

#define MAX_GROUPS 128
#define BEAMS 4
#define GAP 3 /* unused elements between what lies interleaved */

struct keys {
    struct elcl_row_group group[MAX_GROUPS];
    int n_groups, n_rows, max_rows, max_keys;
    int cache_rows, lineage_ld;
    int32_t *lineage; /* [n_groups, lineage_ld] */
    bool no_lineage;  /* no private keys, and the operation is told so */
    uint64_t total;   /* rows x keys */
};

/* One operation: `el`, or multi-head. */
struct attention {
    bool el, packed, kv_f32;
    int h, dh;       /* el: Dh is D */
    int q_ld, kv_ld; /* el: H * D and D */
    int k_at, v_at;  /* el: 0 and 0 */
    float scale;
    double split; /* what the operation loses where it takes numbers apart */
    float *q, *kv;
};

static void add_group(struct keys *k, int n_rows, int start, int n_shared, int n_private)
{
    if (k->n_groups == MAX_GROUPS)
        return;
    k->group[k->n_groups] = (struct elcl_row_group){.row = k->n_rows,
                                                    .n_rows = n_rows,
                                                    .start = start,
                                                    .n_shared = n_shared,
                                                    .lineage_row = k->n_groups,
                                                    .n_private = n_private};
    k->n_groups++;
    k->n_rows += n_rows;
    k->max_rows = elcl_max_int(k->max_rows, n_rows);
    k->max_keys = elcl_max_int(k->max_keys, n_shared + n_private);
    k->total += (uint64_t)n_rows * (n_shared + n_private);
    k->lineage_ld = elcl_max_int(k->lineage_ld, n_private);
}

/* Sentences of 1, a few and s keys with BEAMS rows each; one without keys; a row alone. */
static void cross_keys(struct keys *k, int s)
{
    const int lengths[] = {s, 1, 7, 0};
    int start = 1;
    for (size_t i = 0; i < ELCL_COUNT(lengths); i++) {
        add_group(k, BEAMS, start, lengths[i], 0);
        start += lengths[i];
    }
    add_group(k, 1, 1, s, 0);
    k->cache_rows = start + 1;
    k->no_lineage = true;
}

/* Hypotheses with a history of their own, some behind a prompt. */
static void self_keys(struct keys *k, int s)
{
    add_group(k, 1, 1, 0, 1);
    add_group(k, 1, 1, 5, s);
    add_group(k, 1, 1, 5, elcl_max_int(s / 2, 1));
    add_group(k, 1, 2, 0, s);
    k->cache_rows = s + 9;
}

/* Every row of a sentence sees all of it. */
static void packed_keys(struct keys *k, int s)
{
    const int lengths[] = {elcl_min_int(s, 67), 1, 18};
    int start = 1;
    for (size_t i = 0; i < ELCL_COUNT(lengths); i++) {
        for (int row = 0; row < lengths[i]; row++)
            add_group(k, 1, start, lengths[i], 0);
        start += lengths[i];
    }
    k->cache_rows = start + 1;
}

static void make_lineage(struct elcl_fixture *fx, struct keys *k)
{
    k->lineage_ld++;
    const size_t n = (size_t)k->n_groups * k->lineage_ld;
    k->lineage = elcl_fixture_memory(fx, n, sizeof(*k->lineage));
    for (size_t i = 0; k->lineage && i < n; i++)
        k->lineage[i] = elcl_fixture_int(fx, 1, k->cache_rows - 1);
}

static int key_row(const struct elcl_ref_keys *keys, int j)
{
    return j < keys->n_shared ? keys->start + j : keys->lineage[j - keys->n_shared];
}

/* bound [dh] of one row and head; p is scratch for the weights of all keys. */
static void make_bounds(const struct attention *a, const struct elcl_ref_keys *keys, int head,
                        const float *q, const double *want, double *p, double *bound)
{
    const size_t at = a->el ? 0 : (size_t)head * a->dh;
    const float *k = a->kv + a->k_at + at, *v = a->kv + a->v_at + at;
    const int n = keys->n_shared + keys->n_private;
    double largest = 0;
    elcl_ref_attn_weights(p, q, k, (size_t)a->kv_ld, keys, a->dh, (double)a->scale);
    for (int j = 0; j < n; j++) {
        const size_t row = (size_t)key_row(keys, j) * a->kv_ld;
        double sum = 0;
        for (int i = 0; i < a->dh; i++)
            sum += fabs((double)q[i] * (double)k[row + i]);
        largest = fmax(largest, (double)a->scale * sum);
    }
    const double moved = expm1(2 * ((6 + 2 * sqrt(a->dh)) * ELCL_FIXTURE_U + a->split) * largest);
    for (int i = 0; i < a->dh; i++) {
        double spread = 0, size = 0;
        for (int j = 0; j < n; j++) {
            const double y = (double)v[(size_t)key_row(keys, j) * a->kv_ld + i];
            spread += p[j] * fabs(y - want[i]);
            size += p[j] * fabs(y);
        }
        bound[i] = moved * spread + ((16 + 2 * sqrt(n)) * ELCL_FIXTURE_U + a->split) * size + 1e-37;
    }
}

/* want and bound [rows, H, Dh]. */
static void reference(const struct attention *a, const struct keys *k, double *p, double *want,
                      double *bound)
{
    for (int g = 0; g < k->n_groups; g++) {
        const struct elcl_row_group *group = &k->group[g];
        const struct elcl_ref_keys keys = {.start = group->start,
                                           .n_shared = group->n_shared,
                                           .lineage = k->lineage + (size_t)g * k->lineage_ld,
                                           .n_private = group->n_private};
        for (int r = group->row; r < group->row + group->n_rows; r++) {
            const size_t at = (size_t)r * a->h * a->dh;
            const float *q = a->q + (size_t)r * a->q_ld;
            if (a->el)
                elcl_ref_attn_el(want + at, q, a->kv, &keys, a->h, a->dh, (double)a->scale);
            else
                elcl_ref_attn_mha(want + at, q, a->kv, &keys, a->h, a->dh, (size_t)a->kv_ld,
                                  (size_t)a->k_at, (size_t)a->v_at, (double)a->scale);
            for (int i = 0; i < a->h; i++) {
                const size_t head = (size_t)i * a->dh;
                make_bounds(a, &keys, i, q + head, want + at + head, p, bound + at + head);
            }
        }
    }
}

static const struct elcl_buffer *upload_groups(struct elcl_fixture *fx, const struct keys *k,
                                               size_t at)
{
    const size_t n = at + (size_t)k->n_groups * ELCL_ROW_GROUP_INTS;
    int32_t *step = elcl_fixture_memory(fx, n, sizeof(*step));
    if (step)
        memcpy(step + at, k->group, (size_t)k->n_groups * sizeof(k->group[0]));
    return elcl_fixture_input(fx, step, n * sizeof(*step));
}

/* The operation's scratch, or NULL where it needs none. */
static const struct elcl_buffer *make_probabilities(struct elcl_fixture *fx,
                                                    const struct attention *a, const struct keys *k)
{
    const size_t n = (size_t)k->n_rows * a->h * elcl_attn_el_probabilities_ld(k->max_keys);
    return a->el && n ? elcl_fixture_output(fx, NULL, n * sizeof(float)) : NULL;
}

/* Enqueues; the result's buffer, or NULL. */
static const struct elcl_buffer *run(struct elcl_fixture *fx, const struct attention *a,
                                     const struct keys *k)
{
    const size_t at = 7, n = (size_t)k->n_rows * a->h * a->dh;
    const struct elcl_buffer *o = elcl_fixture_output(fx, NULL, n * sizeof(float));
    const struct elcl_buffer *q =
        elcl_fixture_input(fx, a->q, (size_t)k->n_rows * a->q_ld * sizeof(float));
    const struct elcl_buffer *kv = elcl_fixture_stored(fx, a->kv_f32 ? ELCL_F32 : fx->ops->state,
                                                       a->kv, (size_t)k->cache_rows * a->kv_ld);
    const struct elcl_buffer *step = upload_groups(fx, k, at);
    const struct elcl_buffer *lineage =
        k->no_lineage && a->el
            ? NULL
            : elcl_fixture_input(fx, k->lineage,
                                 (size_t)k->n_groups * k->lineage_ld * sizeof(*k->lineage));
    const struct elcl_attn_el_args el = {.c = o,
                                         .e = q,
                                         .y = kv,
                                         .step = step,
                                         .groups_at = at,
                                         .lineage = lineage,
                                         .lineage_ld = k->lineage_ld,
                                         .n_groups = k->n_groups,
                                         .max_rows = k->max_rows,
                                         .probabilities = make_probabilities(fx, a, k),
                                         .max_keys = k->max_keys,
                                         .h = a->h,
                                         .d = a->dh,
                                         .scale = a->scale,
                                         .keys = k->total,
                                         .reads = k->total};
    const struct elcl_attn_mha_args mha = {.o = o,
                                           .q = q,
                                           .kv = kv,
                                           .kv_f32 = a->kv_f32,
                                           .step = step,
                                           .groups_at = at,
                                           .lineage = lineage,
                                           .lineage_ld = k->lineage_ld,
                                           .n_groups = k->n_groups,
                                           .max_rows = k->max_rows,
                                           .h = a->h,
                                           .dh = a->dh,
                                           .q_ld = a->q_ld,
                                           .kv_ld = a->kv_ld,
                                           .k_at = a->k_at,
                                           .v_at = a->v_at,
                                           .scale = a->scale,
                                           .keys = k->total,
                                           .reads = k->total};
    if (!elcl_fixture_ok(fx))
        return NULL;
    const int rc = a->el       ? elcl_op_attn_el(fx->ops, &el, &fx->err)
                   : a->packed ? elcl_op_attn_packed(fx->ops, &mha, &fx->err)
                               : elcl_op_attn_mha(fx->ops, &mha, &fx->err);
    return elcl_fixture_try(fx, rc) ? o : NULL;
}

/* Runs and compares, and ends the case. */
static void check(struct elcl_fixture *fx, struct attention *a, struct keys *k)
{
    const size_t n = (size_t)k->n_rows * a->h * a->dh;
    make_lineage(fx, k);
    a->scale = (float)(1 / sqrt(a->dh));
    a->q = elcl_fixture_floats(fx, ELCL_F32, (size_t)k->n_rows * a->q_ld, 2);
    a->kv = elcl_fixture_floats(fx, a->kv_f32 ? ELCL_F32 : fx->ops->state,
                                (size_t)k->cache_rows * a->kv_ld, 1);
    for (int i = 0; a->kv && i < a->kv_ld; i++)
        a->kv[i] = NAN; /* cache row 0 is nobody's key */
    double *want = elcl_fixture_memory(fx, n, sizeof(*want));
    double *bound = elcl_fixture_memory(fx, n, sizeof(*bound));
    double *p = elcl_fixture_memory(fx, (size_t)k->cache_rows + (size_t)k->lineage_ld, sizeof(*p));
    const struct elcl_buffer *o = elcl_fixture_ok(fx) ? run(fx, a, k) : NULL;
    const float *got = o ? elcl_fixture_read(fx, o) : NULL;
    if (got) {
        reference(a, k, p, want, bound);
        elcl_fixture_compare(fx, a->el ? "c" : "o", got, want, bound, n);
    }
    elcl_fixture_end(fx);
}

static struct attention multi_head(const struct elcl_selftest_shape *s)
{
    return (struct attention){.h = s->h,
                              .dh = s->d / s->h,
                              .q_ld = s->d + GAP,
                              .kv_ld = 2 * s->d + 2 * GAP,
                              .k_at = GAP,
                              .v_at = s->d + GAP};
}

static double split(const struct elcl_fixture *fx)
{
    return fx->ops->gemm_mma || fx->ops->attn_mma ? 0x1p-15 : 0;
}

static void check_el(struct elcl_fixture *fx, const struct elcl_selftest_shape *s, bool self)
{
    struct keys k = {0};
    struct attention a = {.el = true, .h = s->h, .dh = s->d, .q_ld = s->h * s->d, .kv_ld = s->d};
    if (!elcl_fixture_begin(fx, "attn_el", "%s %s H=%d D=%d S=%d", s->name, self ? "self" : "cross",
                            s->h, s->d, s->s))
        return;
    if (self)
        self_keys(&k, s->s);
    else
        cross_keys(&k, s->s);
    a.split = split(fx);
    check(fx, &a, &k);
}

static void check_mha(struct elcl_fixture *fx, const struct elcl_selftest_shape *s, bool self)
{
    struct keys k = {0};
    struct attention a = multi_head(s);
    if (!elcl_fixture_begin(fx, "attn_mha", "%s %s H=%d Dh=%d S=%d", s->name,
                            self ? "self" : "cross", a.h, a.dh, s->s))
        return;
    if (self)
        self_keys(&k, s->s);
    else
        cross_keys(&k, s->s);
    check(fx, &a, &k);
}

static void check_packed(struct elcl_fixture *fx, const struct elcl_selftest_shape *s)
{
    struct keys k = {0};
    struct attention a = multi_head(s);
    a.packed = a.kv_f32 = true;
    a.split = split(fx);
    packed_keys(&k, s->s);
    if (!elcl_fixture_begin(fx, "attn_packed", "%s H=%d Dh=%d rows=%d", s->name, a.h, a.dh,
                            k.n_rows))
        return;
    check(fx, &a, &k);
}

void elcl_selftest_attention(struct elcl_fixture *fx, const struct elcl_selftest_shape *shape)
{
    for (int self = 0; self < 2; self++) {
        check_el(fx, shape, self);
        check_mha(fx, shape, self);
    }
    check_packed(fx, shape);
}
