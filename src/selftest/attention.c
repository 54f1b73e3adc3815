/*
 * Tolerance: a score errs by at most delta = (6 + 2 sqrt D) U scale max_j sum_d |e y_j| (see
 * gemm.c; the exponent's argument is rounded too). Scores that move by delta move the result by at
 * most expm1(2 delta) sum_j p_j |y_j - c|: nothing where one key dominates, much where huge scores
 * of opposite values compete. exp, the sums and the division add (16 + 2 sqrt S) U sum_j p_j |y_j|.
 * Equal keys make all roundings of a sum go the same way, which adds S / 2 U. Matrix instructions
 * see numbers as the sum of two 16-bit ones: delta and the last term have SPLIT of them more. A
 * bias is one rounding more, of the largest score that it makes. Results of 16 bits are rounded to
 * their type.
 *
 * Wide tiles multiply the numbers themselves, with sums in f32 that matrix units may truncate: WIDE
 * instead of SPLIT. Their p are rounded to 16 bits and divided by the sum of the rounded ones,
 * which adds at most that unit of sum_j p_j |y_j - c|, and in f16 2^-25 of sum_j |y_j - c|.
 *
 * CPU kernels multiply narrow keys s k + z as s (q . k) + z sum(q), and values alike: their |y_j|
 * is |s k| + |z|, up to |y_j| + 2 |z|.
 *
 * Integer products of narrow state see e rounded to multiples of 1 / MOST of the largest one of a
 * part of D, and y as z + s q: a score errs by sum_d err_d (y_d - z), and the roundings go up or
 * down at random, so that SIGMAS standard deviations bound it (for up to 12 elements that is more
 * than all roundings together). p_j s_j is rounded in the same way for a block of keys, by p_j at
 * most where that is less: nothing random is left of it where most p_j become zero. In int4 y
 * itself is rounded once more, to 1 / 255 of the range of a part.
 */
#include "selftest/attention.h"

#include <math.h>
#include <string.h>

#include "base/state_row.h"

#define U ELCL_FIXTURE_U
#define SPLIT 0x1p-15
#define WIDE 0x1p-17
#define MOST ELCL_EL_INT_MOST
#define PART ELCL_STATE_GROUP_INT8
#define BLOCK ELCL_EL_INT_KEYS
#define SIGMAS 6
#define UNSURE 300 /* a score that errs by more may change which key dominates */

static const char *const input_names[ELCL_N_INPUTS] = {
    "normal",     "huge scores",   "equal keys",     "zero query",
    "large mean", "rising scores", "cancelling sums"};

/* Cancelling sums: three elements of a query are 1 + t, -1 and -t, and those of a key are all the
 * same multiple of 1 / (4 t), so that their products add up to 0. A query that is rounded once to
 * 16 bits loses the t of 1 + t, and the keys' scores move apart. */
static float least_part(const struct elcl_ops *ops)
{
    return elcl_ops_planes(ops) == ELCL_F16 ? 0x1p-12f : 0x1p-9f;
}

static enum elcl_storage cache_storage(const struct elcl_fixture *fx,
                                       const struct elcl_attn_case *a)
{
    return a->kv_act ? fx->ops->activations : fx->ops->state;
}

static size_t cache_row_bytes(const struct elcl_fixture *fx, const struct elcl_attn_case *a)
{
    return elcl_state_row_bytes(cache_storage(fx, a), (size_t)a->kv_ld, (size_t)a->dh);
}

/* Stores the cache and rounds kv to what is stored. */
static void *store_cache(struct elcl_fixture *fx, const struct elcl_attn_keys *k,
                         const struct elcl_attn_case *a, float *kv)
{
    const enum elcl_storage storage = cache_storage(fx, a);
    const size_t rows = (size_t)k->cache_rows, n = (size_t)a->kv_ld, part = (size_t)a->dh;
    void *bits = elcl_fixture_memory(fx, rows, cache_row_bytes(fx, a));
    if (elcl_fixture_ok(fx)) {
        elcl_ref_store_state(storage, kv, bits, rows, n, part);
        elcl_ref_load_state(storage, bits, kv, rows, n, part);
    }
    return bits;
}

/* Cache [cache_rows, width]; rows that no group names are NaN. */
static float *make_cache(struct elcl_fixture *fx, const struct elcl_attn_keys *k, int width,
                         enum elcl_attn_inputs inputs)
{
    float *cache = elcl_fixture_normals(fx, ELCL_F32, (size_t)k->cache_rows * width, 1);
    for (int row = k->cache_rows - 1; elcl_fixture_ok(fx) && row >= 0; row--)
        for (int i = 0; i < width; i++) {
            float *v = &cache[(size_t)row * width + i];
            if (inputs == ELCL_INPUTS_EQUAL_KEYS)
                *v = cache[i];
            else if (inputs == ELCL_INPUTS_LARGE_MEAN)
                *v += 30;
            else if (inputs == ELCL_INPUTS_RISING && i == 0)
                *v = (float)row; /* every block raises the maximum */
            else if (inputs == ELCL_INPUTS_CANCELLING && i < 3)
                *v = (float)(row % 20) / (4 * least_part(fx->ops));
            if (!k->in_use[row])
                *v = NAN;
        }
    return cache;
}

/* The planes of n queries, high and low, as numbers. */
static float *split_queries(struct elcl_fixture *fx, const float *q, size_t n)
{
    float *planes = elcl_fixture_memory(fx, 2 * n, sizeof(*planes));
    if (!elcl_fixture_ok(fx))
        return planes;
    memcpy(planes, q, n * sizeof(*q));
    elcl_ref_round(elcl_ops_planes(fx->ops), planes, n);
    for (size_t i = 0; i < n; i++)
        planes[n + i] = q[i] - planes[i];
    elcl_ref_round(elcl_ops_planes(fx->ops), planes + n, n);
    return planes;
}

/* n random queries: activations, or of EL-attention the sums of two planes. */
static float *make_queries(struct elcl_fixture *fx, bool el, size_t n, double scale)
{
    const bool planes = el && elcl_ops_planes(fx->ops) != ELCL_F32;
    float *q = elcl_fixture_normals(fx, el ? ELCL_F32 : fx->ops->activations, n, scale);
    const float *split = planes ? split_queries(fx, q, n) : NULL;
    for (size_t i = 0; split && i < n; i++)
        q[i] = split[i] + split[n + i];
    return q;
}

/* Changes the query of a head, q [dh]. */
static void make_cancelling(struct elcl_fixture *fx, float *q, int dh)
{
    const float least = least_part(fx->ops), three[] = {1 + least, -1, -least};
    for (int i = 0; i < elcl_min_int(dh, 3); i++)
        q[i] = three[i];
}

/* Half of the cases where it is possible. */
static bool brings_own(struct elcl_fixture *fx, enum elcl_attn_op op,
                       const struct elcl_attn_keys *k)
{
    return op == ELCL_ATTN_OP_MHA && k->max_rows == 1 && elcl_attn_mha_stores(fx->ops) &&
           elcl_fixture_int(fx, 0, 1);
}

/* Copies the last key and value of each group to its row of q, and stores there what the cache
 * will get. */
static void make_own(const struct elcl_ops *ops, const struct elcl_attn_keys *k,
                     const struct elcl_attn_case *a, float *q, float *kv)
{
    const size_t n = (size_t)(a->v_at - a->k_at) + (size_t)a->h * a->dh;
    for (int g = 0; g < k->n_groups; g++) {
        const int row = elcl_attn_last_key(k, g);
        float *own = q + (size_t)k->group[g].row * a->q_ld + a->own_at;
        float *cached = kv + (size_t)row * a->kv_ld + a->k_at;
        if (row < 0)
            continue;
        memcpy(own, cached, n * sizeof(*own));
        elcl_ref_round(ops->activations, own, n);
        memcpy(cached, own, n * sizeof(*own));
    }
}

struct elcl_attn_case elcl_attn_case(struct elcl_fixture *fx, enum elcl_attn_op op,
                                     const struct elcl_attn_keys *k, int h, int dh,
                                     enum elcl_attn_inputs inputs, bool kv_act)
{
    const bool el = op == ELCL_ATTN_OP_EL;
    const bool narrow = !kv_act && elcl_state_is_narrow(fx->ops->state); /* whole parts */
    const int width = h * dh, gap = el || narrow ? 0 : 3 * elcl_fixture_int(fx, 0, 1);
    const bool own = brings_own(fx, op, k);
    struct elcl_attn_case a = {.op = op,
                               .h = h,
                               .dh = dh,
                               .q_ld = (own ? 3 : 1) * (width + gap),
                               .kv_ld = el ? dh : 2 * width + 2 * gap,
                               .k_at = gap,
                               .v_at = el ? 0 : width + gap,
                               .own_at = own ? width + gap : 0,
                               .kv_act = kv_act,
                               .scale = (float)(1 / sqrt(dh))};
    const bool f16 = fx->ops->activations == ELCL_F16 || elcl_ops_planes(fx->ops) == ELCL_F16;
    const double scale = inputs == ELCL_INPUTS_HUGE_SCORES  ? f16 ? 1e4 : 1e5
                         : inputs == ELCL_INPUTS_ZERO_QUERY ? 0
                                                            : 2;
    float *q = make_queries(fx, el, (size_t)k->n_rows * a.q_ld, scale);
    const int heads = inputs == ELCL_INPUTS_CANCELLING ? k->n_rows * h : 0;
    for (int i = 0; elcl_fixture_ok(fx) && i < heads; i++)
        make_cancelling(fx, q + (size_t)(i / h) * a.q_ld + (size_t)(i % h) * dh, dh);
    if (elcl_fixture_ok(fx) && !el)
        elcl_ref_round(fx->ops->activations, q, (size_t)k->n_rows * a.q_ld);
    float *kv = make_cache(fx, k, a.kv_ld, inputs);
    if (own && elcl_fixture_ok(fx))
        make_own(fx->ops, k, &a, q, kv);
    a.q = q;
    a.kv = kv;
    a.cache = store_cache(fx, k, &a, kv);
    return a;
}

/* ---- the operation ------------------------------------------------------------------------- */

const struct elcl_buffer *elcl_attn_upload_groups(struct elcl_fixture *fx,
                                                  const struct elcl_attn_keys *k, size_t at)
{
    const size_t rows_at = at + (size_t)k->n_groups * ELCL_ROW_GROUP_INTS;
    const size_t n = rows_at + (size_t)k->n_rows * ELCL_ROW_INTS;
    int32_t *step = elcl_fixture_random_ints(fx, n, -1, -1);
    if (elcl_fixture_ok(fx))
        memcpy(step + at, k->group, (size_t)k->n_groups * sizeof(k->group[0]));
    for (int r = 0; elcl_fixture_ok(fx) && k->position && r < k->n_rows; r++)
        step[rows_at + (size_t)r * ELCL_ROW_INTS + ELCL_ROW_POSITION] = k->position[r];
    return elcl_fixture_input(fx, step, n * sizeof(*step));
}

/* Checks the totals of arithmetic and traffic as well. */
static void run_el(struct elcl_fixture *fx, const struct elcl_attn_case *a,
                   const struct elcl_attn_mha_args *m, const struct elcl_attn_keys *k)
{
    const size_t n = (size_t)k->n_rows * a->h * elcl_attn_el_probabilities_ld(k->max_keys);
    const struct elcl_attn_el_args args = {.c = m->o,
                                           .e = m->q,
                                           .e_low = (size_t)k->n_rows * a->q_ld,
                                           .y = m->kv,
                                           .step = m->step,
                                           .groups_at = m->groups_at,
                                           .lineage = k->no_lineage ? NULL : m->lineage,
                                           .lineage_ld = k->lineage_ld,
                                           .bias = m->bias,
                                           .rows_at = m->rows_at,
                                           .n_groups = k->n_groups,
                                           .max_rows = k->max_rows,
                                           .probabilities =
                                               elcl_fixture_output(fx, NULL, n * sizeof(float)),
                                           .max_keys = k->max_keys,
                                           .rows = k->n_rows,
                                           .h = a->h,
                                           .d = a->dh,
                                           .scale = a->scale,
                                           .keys = k->total,
                                           .reads = k->reads};
    const uint64_t flop = fx->ops->flop, bytes = fx->ops->bytes_moved;
    if (!ELCL_FIXTURE_TRY(fx, elcl_op_attn_el(fx->ops, &args, &fx->err)) || !k->n_groups)
        return;
    const uint64_t keys = k->reads * cache_row_bytes(fx, a);
    /* GPU kernels write probabilities and read them. */
    const uint64_t written = k->total * a->h * (elcl_el_is_wide(fx->ops, a->dh) ? 2 : 4);
    const uint64_t more = fx->ops->kernels == ELCL_KERNELS_GPU ? 2 * written : 0;
    elcl_fixture_check(fx, fx->ops->flop - flop == 4 * k->total * a->h * a->dh, "arithmetic");
    elcl_fixture_check(fx, fx->ops->bytes_moved - bytes == keys + more, "traffic");
}

/* Room for the parts that GPU kernels cut long groups into. */
static const struct elcl_buffer *mha_parts(struct elcl_fixture *fx, const struct elcl_attn_keys *k,
                                           const struct elcl_attn_case *a)
{
    const size_t parts = (size_t)elcl_attn_mha_parts(k->max_keys);
    const size_t n = (size_t)k->n_rows * a->h * parts * (a->dh + 2);
    return a->op == ELCL_ATTN_OP_MHA && parts > 1 ? elcl_fixture_output(fx, NULL, n * sizeof(float))
                                                  : NULL;
}

const struct elcl_buffer *elcl_attn_upload_queries(struct elcl_fixture *fx,
                                                   const struct elcl_attn_case *a, size_t n)
{
    const enum elcl_storage planes = elcl_ops_planes(fx->ops);
    if (a->op != ELCL_ATTN_OP_EL)
        return elcl_fixture_stored(fx, fx->ops->activations, a->q, n);
    return planes == ELCL_F32 ? elcl_fixture_upload(fx, a->q, n)
                              : elcl_fixture_stored(fx, planes, split_queries(fx, a->q, n), 2 * n);
}

const struct elcl_buffer *elcl_attn_upload_cache(struct elcl_fixture *fx,
                                                 const struct elcl_attn_keys *k,
                                                 const struct elcl_attn_case *a)
{
    return elcl_fixture_input(fx, a->cache, (size_t)k->cache_rows * cache_row_bytes(fx, a));
}

/* The cache, with NaN where the device is to store rows' own keys and values. */
static const struct elcl_buffer *upload_unfinished(struct elcl_fixture *fx,
                                                   const struct elcl_attn_keys *k,
                                                   const struct elcl_attn_case *a)
{
    const size_t size = elcl_ref_bytes(cache_storage(fx, a)), row_bytes = a->kv_ld * size;
    const size_t width = (size_t)a->h * a->dh * size;
    char *bits = elcl_fixture_memory(fx, (size_t)k->cache_rows, row_bytes);
    if (elcl_fixture_ok(fx))
        memcpy(bits, a->cache, k->cache_rows * row_bytes);
    for (int g = 0; elcl_fixture_ok(fx) && g < k->n_groups; g++) {
        const int row = elcl_attn_last_key(k, g);
        if (row < 0)
            continue;
        memset(bits + row * row_bytes + a->k_at * size, 0xff, width);
        memset(bits + row * row_bytes + a->v_at * size, 0xff, width);
    }
    return elcl_fixture_output(fx, bits, k->cache_rows * row_bytes);
}

/* Checks that the device stored them, and nothing else. */
static void check_cache(struct elcl_fixture *fx, const struct elcl_attn_keys *k,
                        const struct elcl_attn_case *a, const struct elcl_buffer *kv)
{
    const void *got = elcl_fixture_read(fx, kv);
    if (elcl_fixture_ok(fx))
        elcl_fixture_equal(fx, "cache", got, a->cache, (size_t)k->cache_rows * a->kv_ld,
                           elcl_ref_bytes(cache_storage(fx, a)));
}

float *elcl_attn_run(struct elcl_fixture *fx, const struct elcl_attn_keys *k,
                     const struct elcl_attn_case *a)
{
    const size_t at = (size_t)elcl_fixture_int(fx, 0, 9), n = (size_t)k->n_rows * a->h * a->dh;
    struct elcl_position_bias bias = {.max_distance = k->max_distance};
    if (k->bias)
        bias.table = *elcl_fixture_upload(fx, k->bias, (size_t)a->h * (2 * k->max_distance + 1));
    const struct elcl_attn_mha_args args = {
        .o = elcl_fixture_output(fx, NULL, n * elcl_ref_bytes(fx->ops->activations)),
        .sums =
            a->op == ELCL_ATTN_OP_PACKED ? elcl_fixture_output(fx, NULL, n * sizeof(float)) : NULL,
        .q = elcl_attn_upload_queries(fx, a, (size_t)k->n_rows * a->q_ld),
        .kv = a->own_at ? upload_unfinished(fx, k, a) : elcl_attn_upload_cache(fx, k, a),
        .kv_act = a->kv_act,
        .step = elcl_attn_upload_groups(fx, k, at),
        .groups_at = at,
        .lineage = elcl_fixture_input(
            fx, k->lineage, (size_t)k->lineage_rows * k->lineage_ld * sizeof(*k->lineage)),
        .lineage_ld = k->lineage_ld,
        .bias = &bias,
        .rows_at = at + (size_t)k->n_groups * ELCL_ROW_GROUP_INTS,
        .n_groups = k->n_groups,
        .max_rows = k->max_rows,
        .max_keys = k->max_keys,
        .parts = mha_parts(fx, k, a),
        .h = a->h,
        .dh = a->dh,
        .q_ld = a->q_ld,
        .kv_ld = a->kv_ld,
        .k_at = a->k_at,
        .v_at = a->v_at,
        .own_at = a->own_at,
        .scale = a->scale,
        .keys = k->total,
        .reads = k->reads};
    if (a->op == ELCL_ATTN_OP_EL)
        run_el(fx, a, &args, k);
    else
        (void)ELCL_FIXTURE_TRY(fx, a->op == ELCL_ATTN_OP_PACKED
                                       ? elcl_op_attn_packed(fx->ops, &args, &fx->err)
                                       : elcl_op_attn_mha(fx->ops, &args, &fx->err));
    if (a->own_at)
        check_cache(fx, k, a, args.kv);
    return elcl_fixture_read_as(fx, fx->ops->activations, args.o);
}

/* ---- the reference ------------------------------------------------------------------------- */

/* One row and head of an operation. */
struct head {
    const struct elcl_attn_case *a;
    struct elcl_ref_keys keys; /* with the bias of the head */
    const float *q, *k, *v;
    double sums, split;         /* see find_bounds() */
    bool in_parts;              /* narrow keys and values are multiplied as integers and offsets */
    enum elcl_storage weights;  /* of p on the device */
    enum elcl_storage products; /* narrow state that is multiplied as integers; otherwise F32 */
    double *p;                  /* scratch for the weights of all keys */
};

static size_t key_at(const struct head *head, int j)
{
    const struct elcl_ref_keys *keys = &head->keys;
    const int row = j < keys->n_shared ? keys->start + j : keys->lineage[j - keys->n_shared];
    return (size_t)row * head->a->kv_ld;
}

/* What the two parts of an element of row [dh] are larger than the element, at most, if they are
 * multiplied apart: twice the offset, which is no larger than the largest element. */
static double in_parts(const struct head *head, const float *row)
{
    double largest = 0;
    for (int i = 0; head->in_parts && i < head->a->dh; i++)
        largest = fmax(largest, fabs((double)row[i]));
    return 2 * largest;
}

/* max_j scale sum_d |q k_j|, and the largest bias. */
static double largest_score(const struct head *head, int n)
{
    double largest = 0, largest_bias = 0;
    for (int j = 0; j < n; j++) {
        const float *k = head->k + key_at(head, j);
        const double more = in_parts(head, k);
        double sum = 0;
        for (int i = 0; i < head->a->dh; i++)
            sum += fabs((double)head->q[i]) * (fabs((double)k[i]) + more);
        largest = fmax(largest, (double)head->a->scale * sum);
    }
    for (int i = 0; head->keys.bias && i < 2 * head->keys.max_distance + 1; i++)
        largest_bias = fmax(largest_bias, fabs((double)head->keys.bias[i]));
    return largest + largest_bias;
}

/* A part of a key of narrow state: the least element and their range, with what rounding to f16
 * adds to it. */
struct part {
    double low, range;
};

static struct part part_of(const float *y, int n)
{
    double low = (double)y[0], high = low;
    for (int i = 1; i < n; i++) {
        low = fmin(low, (double)y[i]);
        high = fmax(high, (double)y[i]);
    }
    return (struct part){low - fabs(low) * 0x1p-10, (high - low) * 1.01 + fabs(low) * 0x1p-9};
}

/* What integer products add to the error of a score, at most: the largest of n keys. */
static double product_scores(const struct head *head, int n)
{
    const int dh = head->a->dh;
    double largest = 0;
    for (int j = 0; j < n; j++) {
        double error = 0;
        for (int at = 0; at < dh; at += PART) {
            const float *y = head->k + key_at(head, j) + at, *e = head->q + at;
            const int size = elcl_min_int(PART, dh - at);
            const struct part part = part_of(y, size);
            double most = 0, keys = 0, queries = 0;
            for (int i = 0; i < size; i++) {
                const double v = (double)y[i] - part.low, x = (double)e[i];
                most = fmax(most, fabs(x));
                keys += v * v;
                queries += x * x;
            }
            error += most / MOST * sqrt(keys);
            if (head->products == ELCL_INT4)
                error += part.range / 255 * sqrt(queries);
        }
        largest = fmax(largest, error);
    }
    return (double)head->a->scale * SIGMAS / sqrt(12) * largest;
}

/* And to elements at .. at + size - 1 of the context, of one part: adds it to error [dh], for up to
 * BLOCK keys from `first` on. */
static void add_product_block(const struct head *head, int at, int size, int first, int n,
                              double *error)
{
    struct part parts[BLOCK];
    double most = 0;
    for (int j = 0; j < n; j++) {
        parts[j] = part_of(head->v + key_at(head, first + j) + at, size);
        most = fmax(most, head->p[first + j] * parts[j].range);
    }
    for (int j = 0; j < n; j++) {
        const float *y = head->v + key_at(head, first + j);
        const double p = head->p[first + j], range = parts[j].range;
        const double unit = range > 0 ? most / range / MOST : 0;
        const double same = 1e-24 * range + (head->products == ELCL_INT4 ? p * range / 255 / 2 : 0);
        for (int i = at; i < at + size; i++)
            error[i] += fmin(p, 0.5 * unit) * ((double)y[i] - parts[j].low) + same;
    }
}

static void add_product_contexts(const struct head *head, int n, double *error)
{
    const int dh = head->a->dh;
    for (int at = 0; at < dh; at += PART)
        for (int first = 0; first < n; first += BLOCK)
            add_product_block(head, at, elcl_min_int(PART, dh - at), first,
                              elcl_min_int(BLOCK, n - first), error);
}

/* bound [dh]: what scores and sums may err, see the top of the file. */
static void find_bounds(const struct head *head, const double *want, double *bound)
{
    const int n = head->keys.n_shared + head->keys.n_private, dh = head->a->dh;
    elcl_ref_attn_weights(head->p, head->q, head->k, (size_t)head->a->kv_ld, &head->keys, dh,
                          (double)head->a->scale);
    const bool products = head->products != ELCL_F32;
    const double delta = ((6 + 2 * sqrt(dh)) * U + head->split) * largest_score(head, n) +
                         (products ? product_scores(head, n) : 0);
    const double moved = delta < UNSURE ? expm1(2 * delta) : 0;
    const double sums = (16 + 2 * sqrt(n) + head->sums * n) * U;
    const double unit = head->weights == ELCL_F32 ? 0 : 1.01 * elcl_storage_unit(head->weights);
    const double tiny = head->weights == ELCL_F16 ? 0x1p-25 : 0;
    double more = 0;
    for (int j = 0; j < n; j++)
        more += head->p[j] * in_parts(head, head->v + key_at(head, j));
    for (int i = 0; i < dh; i++) {
        double spread = 0, size = more, all = 0;
        for (int j = 0; j < n; j++) {
            const double y = (double)head->v[key_at(head, j) + i];
            spread += head->p[j] * fabs(y - want[i]);
            size += head->p[j] * fabs(y);
            all += fabs(y - want[i]);
        }
        bound[i] = (delta < UNSURE ? 0 : all) + (moved + unit) * spread + tiny * all +
                   (sums + head->split) * size + 1e-37;
    }
    if (products)
        add_product_contexts(head, n, bound);
}

/* want and bound [H, Dh] of row r of a group. */
static void row_reference(struct head *head, const struct elcl_attn_keys *k, int g, int r,
                          double *want, double *bound)
{
    const struct elcl_attn_case *a = head->a;
    const struct elcl_row_group *group = &k->group[g];
    const struct elcl_ref_keys keys = {.start = group->start,
                                       .n_shared = group->n_shared,
                                       .lineage =
                                           k->lineage + (size_t)group->lineage_row * k->lineage_ld,
                                       .n_private = group->n_private,
                                       .bias = k->bias,
                                       .max_distance = k->max_distance,
                                       .position = k->position ? k->position[r] : 0};
    const float *q = a->q + (size_t)r * a->q_ld;
    if (a->op == ELCL_ATTN_OP_EL)
        elcl_ref_attn_el(want, q, a->kv, &keys, a->h, a->dh, (double)a->scale);
    else
        elcl_ref_attn_mha(want, q, a->kv, &keys, a->h, a->dh, (size_t)a->kv_ld, (size_t)a->k_at,
                          (size_t)a->v_at, (double)a->scale);
    for (int i = 0; i < a->h; i++) {
        const size_t at = (size_t)i * a->dh, kv_at = a->op == ELCL_ATTN_OP_EL ? 0 : at;
        head->keys = keys;
        if (k->bias)
            head->keys.bias += i * (2 * k->max_distance + 1);
        head->q = q + at;
        head->k = a->kv + a->k_at + kv_at;
        head->v = a->kv + a->v_at + kv_at;
        find_bounds(head, want + at, bound + at);
    }
}

/* Checks that the bounds find queries of EL-attention that were rounded once: otherwise nothing
 * tests their second plane. */
static void check_one_rounding(struct elcl_fixture *fx, struct head *head,
                               const struct elcl_attn_keys *k, const double *want,
                               const double *bound)
{
    const size_t width = (size_t)head->a->h * head->a->dh, n = k->n_rows * width;
    struct elcl_attn_case rounded = *head->a;
    float *q = elcl_fixture_memory(fx, n, sizeof(*q));
    double *other = elcl_fixture_doubles(fx, n), *unused = elcl_fixture_doubles(fx, n);
    bool found = false;
    if (!elcl_fixture_ok(fx))
        return;
    memcpy(q, rounded.q, n * sizeof(*q));
    elcl_ref_round(elcl_ops_planes(fx->ops), q, n);
    rounded.q = q;
    head->a = &rounded;
    for (int g = 0; g < k->n_groups; g++)
        for (int r = k->group[g].row; r < k->group[g].row + k->group[g].n_rows; r++)
            row_reference(head, k, g, r, other + r * width, unused + r * width);
    for (size_t i = 0; i < n; i++)
        found = found || fabs(other[i] - want[i]) > bound[i]; /* not where want is NaN */
    elcl_fixture_check(fx, found, "queries of one plane would pass");
}

static bool packed_is_wide(const struct elcl_ops *ops, const struct elcl_attn_case *a)
{
    const struct elcl_attn_mha_args args = {.kv_act = a->kv_act,
                                            .dh = a->dh,
                                            .q_ld = a->q_ld,
                                            .kv_ld = a->kv_ld,
                                            .k_at = a->k_at,
                                            .v_at = a->v_at};
    return elcl_packed_is_wide(ops, &args);
}

void elcl_check_attention(struct elcl_fixture *fx, enum elcl_attn_op op,
                          const struct elcl_attn_layout *l, int h, int dh,
                          enum elcl_attn_inputs inputs, bool kv_act, bool bias)
{
    struct elcl_attn_keys k = elcl_attn_keys(fx, op, l);
    if (bias)
        elcl_attn_give_bias(fx, &k, h);
    const struct elcl_attn_case a = elcl_attn_case(fx, op, &k, h, dh, inputs, kv_act);
    const enum elcl_mma mma = op == ELCL_ATTN_OP_EL       ? fx->ops->attn_mma
                              : op == ELCL_ATTN_OP_PACKED ? fx->ops->gemm_mma
                                                          : ELCL_MMA_NONE;
    const bool equal = inputs == ELCL_INPUTS_EQUAL_KEYS || inputs == ELCL_INPUTS_ZERO_QUERY;
    const size_t width = (size_t)h * dh, n = k.n_rows * width;
    double *want = elcl_fixture_unwritten(fx, n), *bound = elcl_fixture_unwritten(fx, n);
    const bool wide_el = op == ELCL_ATTN_OP_EL && elcl_el_is_wide(fx->ops, dh);
    const bool wide_packed = op == ELCL_ATTN_OP_PACKED && packed_is_wide(fx->ops, &a);
    struct head head = {.a = &a,
                        .sums = equal ? 0.5 : 0,
                        .in_parts = op == ELCL_ATTN_OP_MHA &&
                                    fx->ops->kernels == ELCL_KERNELS_CPU &&
                                    elcl_state_is_narrow(fx->ops->state),
                        .split = wide_el || wide_packed ? WIDE
                                 : mma                  ? SPLIT
                                                        : 0,
                        .weights = wide_el       ? elcl_ops_planes(fx->ops)
                                   : wide_packed ? fx->ops->activations
                                                 : ELCL_F32};
    head.products = op == ELCL_ATTN_OP_EL && fx->ops->state_dot ? fx->ops->state : ELCL_F32;
    head.p = elcl_fixture_doubles(fx, (size_t)k.cache_rows); /* keys are different rows of it */
    const float *got = elcl_attn_run(fx, &k, &a);
    for (int g = 0; got && g < k.n_groups; g++)
        for (int r = k.group[g].row; r < k.group[g].row + k.group[g].n_rows; r++)
            row_reference(&head, &k, g, r, want + r * width, bound + r * width);
    if (got)
        elcl_storage_bounds(fx->ops->activations, want, bound, n);
    elcl_fixture_compare(fx, input_names[inputs], got, want, bound, n);
    const bool planes = op == ELCL_ATTN_OP_EL && elcl_ops_planes(fx->ops) != ELCL_F32;
    const bool differ = dh >= 3 && k.max_keys >= 20; /* the keys do, by what is rounded */
    if (got && planes && inputs == ELCL_INPUTS_CANCELLING && differ && !mma)
        check_one_rounding(fx, &head, &k, want, bound);
    elcl_fixture_finish(fx);
}
