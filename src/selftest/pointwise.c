/*
 * Embedding, add + norm, scatter, gate.
 *
 * Tolerance of the norm: with m = max |v| of the row and s = sqrt(variance + eps), an element of
 * v - mean errs by at most about (4 + sqrt(D) / 8) U m (rounding of v and the mean, and the random
 * walk of a sum in at least 4 lanes), which the norm scales by |weight| / s. The factor 1 / s and
 * the product err by 8 U of the normalized value. A variance from E[v^2] - mean^2 fails this for
 * rows with a large mean, as it should. Equal elements make all roundings of a lane's sum go the
 * same way: D / 4 additions, on average of half the sum.
 */
#include <math.h>
#include <string.h>

#include "base/util.h"
#include "selftest/checks.h"
#include "selftest/gemm.h"

#define U ELCL_FIXTURE_U

enum rows { ROWS_NORMAL, ROWS_LARGE_MEAN, ROWS_EQUAL, ROWS_ZERO, ROWS_HUGE, ROWS_TINY, N_ROWS };

/* Makes a row of d normal elements one of a kind. */
static void change_row(struct elcl_fixture *fx, float *x, int d, enum rows kind)
{
    const float level = 1 + (float)elcl_fixture_int(fx, 0, 1 << 20) / (1 << 20);
    for (int i = 0; i < d; i++)
        x[i] = kind == ROWS_LARGE_MEAN ? 100 * level + x[i]
               : kind == ROWS_EQUAL    ? level
               : kind == ROWS_ZERO     ? 0
               : kind == ROWS_HUGE     ? (fx->ops->activations == ELCL_F16 ? 1e3f : 1e15f) * x[i]
               : kind == ROWS_TINY     ? 1e-15f * x[i]
                                       : x[i];
}

/* bound [d] of norm(v) for v = a + b in f32; see the top of the file. */
static void norm_bounds(double *bound, const double *v, const double *want,
                        const struct elcl_ref_norm *norm, int d)
{
    const double sums = 4 + sqrt(d) / 8 + (v[0] == v[d - 1] ? d / 8 : 0);
    double m = 0, mean = 0, variance = 0;
    for (int i = 0; i < d; i++) {
        m = fmax(m, fabs(v[i]));
        mean += norm->rms ? 0 : v[i] / d;
    }
    for (int i = 0; i < d; i++)
        variance += (v[i] - mean) * (v[i] - mean) / d;
    const double s = sqrt(variance + norm->eps);
    for (int i = 0; i < d; i++) {
        const double w = fabs((double)norm->weight[i]), normal = w * fabs(v[i] - mean) / s;
        bound[i] = w * sums * U * m / s + 8 * U * normal + U * fabs(want[i]) +
                   (norm->rms ? 0 : U * fabs((double)norm->bias[i]));
    }
}

struct norms {
    struct elcl_ref_norm ref;
    struct elcl_norm device;
};

/* Of d elements; for ELCL_NORM_NONE the weights are absent. */
static struct norms make_norm(struct elcl_fixture *fx, int d, enum elcl_norm_kind kind)
{
    struct norms n = {.ref.eps = (double)1e-5f, .device.eps = 1e-5f};
    n.ref.rms = n.device.rms = kind == ELCL_NORM_RMS;
    if (kind == ELCL_NORM_NONE)
        return n;
    n.ref.weight = elcl_fixture_normals(fx, ELCL_F32, (size_t)d, 1);
    n.device.weight = *elcl_fixture_upload(fx, n.ref.weight, (size_t)d);
    if (kind == ELCL_NORM_RMS)
        return n;
    n.ref.bias = elcl_fixture_normals(fx, ELCL_F32, (size_t)d, 1);
    n.device.bias = *elcl_fixture_upload(fx, n.ref.bias, (size_t)d);
    return n;
}

static const struct elcl_ref_norm *given(const struct norms *n)
{
    return n->ref.weight ? &n->ref : NULL;
}

/* A cache that an operation writes rows of n elements to, in parts. */
struct cache {
    const struct elcl_buffer *buffer;
    int rows, n, part;
};

static struct cache make_cache(struct elcl_fixture *fx, int rows, int n, int part)
{
    const size_t row_bytes = elcl_state_row_bytes(fx->ops->state, (size_t)n, (size_t)part);
    return (struct cache){elcl_fixture_output(fx, NULL, (size_t)rows * row_bytes), rows, n, part};
}

/* Compares the cache: row map[r] must hold x[r][x_at .. x_at + n), rounded, and the others nothing.
 */
static void compare_cache(struct elcl_fixture *fx, const struct cache *c, const int32_t *map,
                          const float *x, int r, int x_ld, int x_at)
{
    const void *got = elcl_fixture_read(fx, c->buffer);
    float *want = elcl_fixture_memory(fx, (size_t)c->rows * c->n, sizeof(*want));
    bool *written = elcl_fixture_memory(fx, (size_t)c->rows, sizeof(*written));
    if (!elcl_fixture_ok(fx))
        return;
    for (int i = 0; i < r; i++) {
        memcpy(want + (size_t)map[i] * c->n, x + (size_t)i * x_ld + x_at,
               (size_t)c->n * sizeof(*want));
        written[map[i]] = true;
    }
    elcl_fixture_compare_state(fx, got, want, written, (size_t)c->rows, (size_t)c->n,
                               (size_t)c->part);
}

/* Checks that the activations are the n numbers, rounded. */
static void compare_copy(struct elcl_fixture *fx, const struct elcl_buffer *h, const float *x,
                         size_t n)
{
    const size_t size = elcl_ref_bytes(fx->ops->activations);
    void *want = elcl_fixture_memory(fx, n, size);
    const void *got = elcl_fixture_read(fx, h);
    if (!elcl_fixture_ok(fx))
        return;
    elcl_ref_store(fx->ops->activations, x, want, n);
    elcl_fixture_equal(fx, "h", got, want, n, size);
}

/* post: x becomes the norm as well, and h is a copy of it. */
static void check_add_norm(struct elcl_fixture *fx, int r, int d, enum elcl_norm_kind kind,
                           bool with_state, bool post)
{
    const size_t n = (size_t)r * d, at = (size_t)elcl_fixture_int(fx, 0, 9);
    const int cache_rows = r + 3;
    const enum elcl_storage storage = fx->ops->activations;
    float *x = elcl_fixture_normals(fx, ELCL_F32, n, 1);
    float *y = elcl_fixture_normals(fx, ELCL_F32, n, 1);
    double *v = elcl_fixture_doubles(fx, n), *want = elcl_fixture_doubles(fx, n);
    double *sum_bound = elcl_fixture_doubles(fx, n), *bound = elcl_fixture_doubles(fx, n);
    for (int row = 0; elcl_fixture_ok(fx) && row < r; row++) {
        change_row(fx, x + (size_t)row * d, d, (enum rows)(row % N_ROWS));
        change_row(fx, y + (size_t)row * d, d, (enum rows)(row % N_ROWS));
    }
    const struct norms norm = make_norm(fx, d, kind);
    const int32_t *cache_row = elcl_fixture_permutation(fx, cache_rows);
    const int32_t *const fields[ELCL_ROW_INTS] = {[ELCL_ROW_CACHE_ROW] = cache_row};
    const struct cache cache = make_cache(fx, cache_rows, d, d);
    const struct elcl_add_norm_args args = {
        .h = elcl_fixture_output(fx, NULL, n * elcl_ref_bytes(storage)),
        .x = elcl_fixture_output(fx, x, n * sizeof(float)),
        .y = elcl_fixture_upload(fx, y, n),
        .state = with_state ? cache.buffer : NULL,
        .norm_x = post,
        .step = elcl_fixture_records(fx, at, r, fields),
        .rows_at = at,
        .norm = &norm.device,
        .r = r,
        .d = d};
    if (ELCL_FIXTURE_TRY(fx, elcl_op_add_norm(fx->ops, &args, &fx->err))) {
        elcl_ref_add_norm(want, x, y, given(&norm), r, d);
        for (size_t i = 0; i < n; i++) {
            v[i] = (double)x[i] + (double)y[i];
            sum_bound[i] = U * fabs(v[i]);
            bound[i] = U * fabs(want[i]);
        }
        for (size_t i = 0; given(&norm) && i < n; i += (size_t)d)
            norm_bounds(bound + i, v + i, want + i, &norm.ref, d);
        const float *got = elcl_fixture_read(fx, args.x);
        elcl_fixture_compare(fx, "x", got, post ? want : v, post ? bound : sum_bound, n);
        if (post) {
            compare_copy(fx, args.h, got, n);
        } else {
            elcl_storage_bounds(storage, want, bound, n);
            got = elcl_fixture_read_as(fx, storage, args.h);
            elcl_fixture_compare(fx, "h", got, want, bound, n);
        }
        if (post || storage == ELCL_F32)
            compare_cache(fx, &cache, cache_row, got, with_state ? r : 0, d, 0);
    }
    elcl_fixture_finish(fx);
}

void elcl_check_add_norm(struct elcl_fixture *fx, int r, int d, enum elcl_norm_kind kind,
                         bool with_state)
{
    check_add_norm(fx, r, d, kind, with_state, false);
    check_add_norm(fx, r, d, kind, with_state, true);
}

/* want and bound [R, D]; want comes with x where there are no tokens. */
static void embed_reference(struct elcl_fixture *fx, const struct elcl_ref_embed_args *ref,
                            double *want, double *bound)
{
    const size_t n = (size_t)ref->r * ref->d;
    double *v = elcl_fixture_doubles(fx, n);
    if (!v)
        return;
    struct elcl_ref_embed_args plain = *ref, normed = *ref;
    memcpy(v, want, n * sizeof(*v));
    plain.x = v;
    plain.norm = NULL;
    elcl_ref_embed(&plain);
    for (size_t i = 0; i < n; i++)
        bound[i] = 4 * U * (fabs(v[i]) + 4); /* scale E and P are a few units at most */
    normed.x = want;
    elcl_ref_embed(&normed);
    for (size_t i = 0; ref->norm && i < n; i += (size_t)ref->d)
        norm_bounds(bound + i, v + i, want + i, ref->norm, ref->d);
}

void elcl_check_embed(struct elcl_fixture *fx, const struct elcl_embed_shape *s)
{
    enum { POSITIONS = 9, OFFSET = 2, LAST = POSITIONS - OFFSET - 1 };
    const int cache_rows = s->r + 2, r = s->r, d = s->d;
    const size_t n = (size_t)r * d, at = (size_t)elcl_fixture_int(fx, 0, 9);
    int32_t *token = elcl_fixture_random_ints(fx, (size_t)r, 0, s->v - 1);
    int32_t *position = elcl_fixture_random_ints(fx, (size_t)r, 0, LAST);
    float *table = elcl_fixture_normals(fx, ELCL_F32, (size_t)s->v * d, 1);
    const float *places = elcl_fixture_normals(fx, ELCL_F32, (size_t)POSITIONS * d, 1);
    const float *x = elcl_fixture_normals(fx, ELCL_F32, n, 1);
    double *want = elcl_fixture_doubles(fx, n), *bound = elcl_fixture_doubles(fx, n);
    const int32_t *cache_row = elcl_fixture_permutation(fx, cache_rows);
    const struct norms norm = make_norm(fx, d, s->norm);
    if (elcl_fixture_ok(fx)) {
        token[0] = s->v - 1;
        position[0] = LAST;
    }
    for (size_t i = 0; elcl_fixture_ok(fx) && i < n; i++)
        want[i] = (double)x[i];
    const int32_t *const fields[ELCL_ROW_INTS] = {
        [ELCL_ROW_TOKEN] = token, [ELCL_ROW_POSITION] = position, [ELCL_ROW_CACHE_ROW] = cache_row};
    const struct cache cache = make_cache(fx, cache_rows, d, d);
    const struct elcl_embed_args args = {
        .x = elcl_fixture_output(fx, s->tokens ? NULL : x, n * sizeof(float)),
        .h = elcl_fixture_int(fx, 0, 1)
                 ? elcl_fixture_output(fx, NULL, n * elcl_ref_bytes(fx->ops->activations))
                 : NULL,
        .state = s->state ? cache.buffer : NULL,
        .step = elcl_fixture_records(fx, at, r, fields),
        .rows_at = at,
        .tokens = s->tokens ? elcl_fixture_table(fx, s->v, d, table) : NULL,
        .positions = s->positions ? elcl_fixture_upload(fx, places, (size_t)POSITIONS * d) : NULL,
        .offset = OFFSET,
        .scale = 1.75f,
        .norm = &norm.device,
        .r = r,
        .d = d};
    const struct elcl_ref_embed_args ref = {.token = token,
                                            .position = position,
                                            .tokens = s->tokens ? table : NULL,
                                            .positions = s->positions ? places : NULL,
                                            .norm = given(&norm),
                                            .scale = 1.75,
                                            .offset = OFFSET,
                                            .r = r,
                                            .d = d};
    if (ELCL_FIXTURE_TRY(fx, elcl_op_embed(fx->ops, &args, &fx->err))) {
        embed_reference(fx, &ref, want, bound);
        const float *got = elcl_fixture_read(fx, args.x);
        elcl_fixture_compare(fx, "x", got, want, bound, n);
        if (args.h)
            compare_copy(fx, args.h, got, n);
        compare_cache(fx, &cache, cache_row, got, s->state ? r : 0, d, 0);
    }
    elcl_fixture_finish(fx);
}

/* Sets every third value to an edge of the 16-bit formats: ties, overflow, subnormals, signed zero.
 */
static void set_edges(float *x, size_t n)
{
    static const float edges[] = {
        0.0f,           -0.0f,         1.0f,          65504.0f,    65519.0f,      65520.0f,
        -1e6f,          6.1035156e-5f, 5.9604645e-8f, 2.98e-8f,    2.9802322e-8f, 1.00048828125f,
        1.00146484375f, 3.0e38f,       -3.39e38f,     1.00390625f, 1.01171875f,   0.333333f};
    for (size_t i = 0; i < n; i += 3)
        x[i] = edges[i / 3 % ELCL_COUNT(edges)];
}

void elcl_check_scatter(struct elcl_fixture *fx, int r, int n, int part, int gap)
{
    const bool narrow = elcl_state_is_narrow(fx->ops->state);
    const int x_ld = n + 2 * gap, cache_rows = 2 * r + 1;
    const size_t n_x = (size_t)r * x_ld, at = (size_t)elcl_fixture_int(fx, 0, 9);
    float *x = elcl_fixture_normals(fx, ELCL_F32, n_x, 100);
    const int32_t *map = elcl_fixture_permutation(fx, cache_rows);
    const int32_t *fields[ELCL_ROW_INTS] = {0};
    const int field = gap ? ELCL_ROW_CACHE_ROW : ELCL_ROW_PARENT;
    fields[field] = map;
    if (x) {
        set_edges(x, narrow ? (size_t)x_ld : n_x); /* they make whole groups NaN */
        elcl_ref_round(fx->ops->activations, x, n_x);
    }
    const struct cache cache = make_cache(fx, cache_rows, n, part);
    const struct elcl_scatter_args args = {
        .cache = cache.buffer,
        .x = elcl_fixture_stored(fx, fx->ops->activations, x, n_x),
        .step = elcl_fixture_records(fx, at, r, fields),
        .rows_at = at,
        .field = field,
        .r = r,
        .n = n,
        .part = part,
        .x_ld = x_ld,
        .x_at = gap};
    if (ELCL_FIXTURE_TRY(fx, elcl_op_scatter(fx->ops, &args, &fx->err)))
        compare_cache(fx, &cache, map, x, r, x_ld, gap);
    elcl_fixture_finish(fx);
}

/* Both factors are exact, so that only the errors of the activation and of the product remain. The
 * second halves of the rows stay as they are. */
void elcl_check_gate(struct elcl_fixture *fx, int r, int f, enum elcl_activation act)
{
    const size_t half = (size_t)r * f, n = 2 * half, width = (size_t)f;
    const enum elcl_storage storage = fx->ops->activations;
    float *y = elcl_fixture_normals(fx, storage, n, 3);
    double *product = elcl_fixture_doubles(fx, half), *want = elcl_fixture_doubles(fx, n);
    double *bound = elcl_fixture_doubles(fx, n);
    void *bits = elcl_fixture_memory(fx, n, elcl_ref_bytes(storage));
    if (elcl_fixture_ok(fx))
        elcl_ref_store(storage, y, bits, n);
    const struct elcl_buffer *buffer = elcl_fixture_output(fx, bits, n * elcl_ref_bytes(storage));
    if (ELCL_FIXTURE_TRY(fx, elcl_op_gate(fx->ops, buffer, r, f, act, &fx->err))) {
        elcl_ref_gate(product, y, elcl_gemm_activations[act], r, f);
        for (size_t i = 0; i < n; i++) {
            const size_t row = i / (2 * width), j = i % (2 * width);
            want[i] = j < width ? product[row * width + j] : (double)y[i];
            if (j < width) {
                bound[i] = 8 * U * fabs((double)y[i] * (double)y[i + width]) + 1e-37;
                elcl_storage_bounds(storage, want + i, bound + i, 1);
            }
        }
        const float *got = elcl_fixture_read_as(fx, storage, buffer);
        elcl_fixture_compare(fx, "gate", got, want, bound, n);
    }
    elcl_fixture_finish(fx);
}
