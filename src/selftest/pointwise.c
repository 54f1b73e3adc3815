/*
 * Embedding, add + layer norm, scatter. Tolerance of the norm: with m = max |v| of a row and
 * s = sqrt(variance + eps), an element of v - mean errs by about (4 + sqrt(D) / 8) U m, which the
 * norm scales by |weight| / s; 1 / s and the product err by 8 U of the normalized value.
 */
#include "selftest/selftest.h"

#include <math.h>
#include <string.h>

#include "base/util.h"

#define EPS 1e-5f

struct norms {
    struct elcl_ref_norm ref;
    struct elcl_norm device;
};

static struct norms make_norm(struct elcl_fixture *fx, int d)
{
    const size_t n = (size_t)d;
    const float *weight = elcl_fixture_floats(fx, ELCL_F32, n, 1);
    const float *bias = elcl_fixture_floats(fx, ELCL_F32, n, 1);
    return (struct norms){.ref = {.weight = weight, .bias = bias, .eps = (double)EPS},
                          .device = {.weight = *elcl_fixture_input(fx, weight, n * sizeof(float)),
                                     .bias = *elcl_fixture_input(fx, bias, n * sizeof(float)),
                                     .eps = EPS}};
}

/* bound [d] of LN(v); `slack` is what v itself may be off by. */
static void norm_bounds(double *bound, const double *v, const double *want,
                        const struct elcl_ref_norm *norm, int d, double slack)
{
    double m = 0, mean = 0, variance = 0;
    for (int i = 0; i < d; i++) {
        m = fmax(m, fabs(v[i]));
        mean += v[i] / d;
    }
    for (int i = 0; i < d; i++)
        variance += (v[i] - mean) * (v[i] - mean) / d;
    const double s = sqrt(variance + norm->eps);
    for (int i = 0; i < d; i++) {
        const double w = fabs((double)norm->weight[i]);
        bound[i] = w * ((4 + sqrt(d) / 8) * ELCL_FIXTURE_U * m + slack) / s +
                   ELCL_FIXTURE_U * (8 * w * fabs(v[i] - mean) / s + fabs(want[i]) +
                                     fabs((double)norm->bias[i]));
    }
}

/* The state must be the row's own f32 result, rounded. */
static void check_state(struct elcl_fixture *fx, const struct elcl_buffer *pool, int cache_rows,
                        const float *rows, const int32_t *slot, int r, int d)
{
    const size_t size = elcl_ref_bytes(fx->ops->state), n = (size_t)cache_rows * d;
    void *want = elcl_fixture_memory(fx, n, size);
    const void *got = elcl_fixture_read(fx, pool);
    if (!elcl_fixture_ok(fx))
        return;
    memset(want, 0xff, n * size);
    elcl_ref_scatter(fx->ops->state, want, slot, rows, r, d, d, 0);
    elcl_fixture_equal(fx, "state", got, want, n, size);
}

static const struct elcl_buffer *make_pool(struct elcl_fixture *fx, int rows, int d)
{
    return elcl_fixture_output(fx, NULL, (size_t)rows * d * elcl_ref_bytes(fx->ops->state));
}

static void check_add_norm(struct elcl_fixture *fx, const struct elcl_selftest_shape *s)
{
    const int r = 6, d = s->d, cache_rows = r + 3;
    const size_t n = (size_t)r * d, bytes = n * sizeof(float), at = 3;
    if (!elcl_fixture_begin(fx, "add_norm", "%s R=%d D=%d", s->name, r, d))
        return;
    float *x = elcl_fixture_floats(fx, ELCL_F32, n, 1),
          *y = elcl_fixture_floats(fx, ELCL_F32, n, 1);
    double *v[3]; /* x + y, want, bound */
    for (size_t i = 0; i < ELCL_COUNT(v); i++)
        v[i] = elcl_fixture_memory(fx, n, sizeof(double));
    for (int i = 0; x && i < d; i++)
        x[i] += 100; /* one row whose variance is lost to E[x^2] - mean^2 */
    const struct norms norm = make_norm(fx, d);
    const int32_t *slot = elcl_fixture_permutation(fx, cache_rows);
    const int32_t *const fields[ELCL_ROW_INTS] = {[ELCL_ROW_CACHE_ROW] = slot};
    const struct elcl_add_norm_args args = {.x = elcl_fixture_output(fx, x, bytes),
                                            .y = elcl_fixture_input(fx, y, bytes),
                                            .state = make_pool(fx, cache_rows, d),
                                            .step = elcl_fixture_records(fx, at, r, fields),
                                            .rows_at = at,
                                            .norm = &norm.device,
                                            .r = r,
                                            .d = d};
    if (elcl_fixture_ok(fx) && elcl_fixture_try(fx, elcl_op_add_norm(fx->ops, &args, &fx->err))) {
        elcl_ref_add_norm(v[1], x, y, &norm.ref, r, d);
        for (size_t i = 0; i < n; i++)
            v[0][i] = (double)x[i] + (double)y[i];
        for (size_t row = 0; row < (size_t)r; row++)
            norm_bounds(v[2] + row * d, v[0] + row * d, v[1] + row * d, &norm.ref, d, 0);
        const float *got = elcl_fixture_read(fx, args.x);
        elcl_fixture_compare(fx, "x", got, v[1], v[2], n);
        if (elcl_fixture_ok(fx))
            check_state(fx, args.state, cache_rows, got, slot, r, d);
    }
    elcl_fixture_end(fx);
}

/* want and bound [R, D] of an embedding with norm. */
static void embed_reference(const struct elcl_ref_embed_args *plain,
                            const struct elcl_ref_norm *norm, double *want, double *bound)
{
    struct elcl_ref_embed_args normed = *plain;
    normed.x = want;
    normed.norm = norm;
    elcl_ref_embed(plain);
    elcl_ref_embed(&normed);
    for (size_t row = 0; row < (size_t)plain->r; row++) {
        const size_t at = row * plain->d;
        norm_bounds(bound + at, plain->x + at, want + at, norm, plain->d, 16 * ELCL_FIXTURE_U);
    }
}

static void check_embed(struct elcl_fixture *fx, const struct elcl_selftest_shape *s)
{
    const int r = 5, d = s->d, v = 77, positions = 9, offset = 2, cache_rows = r + 2;
    const size_t n = (size_t)r * d, at = 4;
    if (!elcl_fixture_begin(fx, "embed", "%s R=%d D=%d", s->name, r, d))
        return;
    int32_t *token = elcl_fixture_memory(fx, (size_t)r, sizeof(*token));
    int32_t *position = elcl_fixture_memory(fx, (size_t)r, sizeof(*position));
    for (int i = 0; token && position && i < r; i++) {
        token[i] = i ? elcl_fixture_int(fx, 0, v - 1) : v - 1;
        position[i] = i ? elcl_fixture_int(fx, 0, positions - offset - 1) : positions - offset - 1;
    }
    float *table = elcl_fixture_floats(fx, ELCL_F32, (size_t)v * d, 1);
    const float *places = elcl_fixture_floats(fx, ELCL_F32, (size_t)positions * d, 1);
    double *x[3]; /* without norm, want, bound */
    for (size_t i = 0; i < ELCL_COUNT(x); i++)
        x[i] = elcl_fixture_memory(fx, n, sizeof(double));
    const struct norms norm = make_norm(fx, d);
    const int32_t *slot = elcl_fixture_permutation(fx, cache_rows);
    const int32_t *const fields[ELCL_ROW_INTS] = {
        [ELCL_ROW_TOKEN] = token, [ELCL_ROW_POSITION] = position, [ELCL_ROW_CACHE_ROW] = slot};
    struct elcl_matrix tokens;
    elcl_fixture_matrix(fx, 1, v, d, table, &tokens);
    const struct elcl_embed_args args = {
        .x = elcl_fixture_output(fx, NULL, n * sizeof(float)),
        .state = make_pool(fx, cache_rows, d),
        .step = elcl_fixture_records(fx, at, r, fields),
        .rows_at = at,
        .tokens = &tokens,
        .positions = elcl_fixture_input(fx, places, (size_t)positions * d * sizeof(float)),
        .offset = offset,
        .scale = 1.75f,
        .norm = &norm.device,
        .r = r,
        .d = d};
    if (elcl_fixture_ok(fx) && elcl_fixture_try(fx, elcl_op_embed(fx->ops, &args, &fx->err))) {
        const struct elcl_ref_embed_args ref = {.x = x[0],
                                                .token = token,
                                                .position = position,
                                                .tokens = table,
                                                .positions = places,
                                                .scale = 1.75,
                                                .offset = offset,
                                                .r = r,
                                                .d = d};
        embed_reference(&ref, &norm.ref, x[1], x[2]);
        const float *got = elcl_fixture_read(fx, args.x);
        elcl_fixture_compare(fx, "x", got, x[1], x[2], n);
        if (elcl_fixture_ok(fx))
            check_state(fx, args.state, cache_rows, got, slot, r, d);
    }
    elcl_fixture_end(fx);
}

/* Values at the edges of the 16-bit formats: ties, overflow, subnormals, signed zero. */
static void fill_edges(float *x, size_t n)
{
    static const float edges[] = {0.0f,     -0.0f,          65504.0f,      65519.0f,
                                  65520.0f, 6.1035156e-5f,  5.9604645e-8f, 2.9802322e-8f,
                                  -1e6f,    1.00048828125f, 3.0e38f,       1.00390625f};
    for (size_t i = 0; i < n; i += 3)
        x[i] = edges[i / 3 % ELCL_COUNT(edges)];
}

static void check_scatter(struct elcl_fixture *fx, const struct elcl_selftest_shape *s)
{
    const int r = 5, n = s->d, x_at = 5, x_ld = n + 2 * x_at, cache_rows = 2 * r + 1;
    const size_t n_x = (size_t)r * x_ld, n_cache = (size_t)cache_rows * n, at = 1;
    const size_t size = elcl_ref_bytes(fx->ops->state);
    if (!elcl_fixture_begin(fx, "scatter", "%s R=%d N=%d", s->name, r, n))
        return;
    float *x = elcl_fixture_floats(fx, ELCL_F32, n_x, 100);
    void *want = elcl_fixture_memory(fx, n_cache, size);
    const int32_t *map = elcl_fixture_permutation(fx, cache_rows);
    const int32_t *const fields[ELCL_ROW_INTS] = {[ELCL_ROW_CACHE_ROW] = map};
    if (elcl_fixture_ok(fx)) {
        fill_edges(x, n_x);
        memset(want, 0xff, n_cache * size);
        elcl_ref_scatter(fx->ops->state, want, map, x, r, n, x_ld, x_at);
        const struct elcl_scatter_args args = {.pool = make_pool(fx, cache_rows, n),
                                               .x = elcl_fixture_input(fx, x, n_x * sizeof(float)),
                                               .step = elcl_fixture_records(fx, at, r, fields),
                                               .rows_at = at,
                                               .field = ELCL_ROW_CACHE_ROW,
                                               .r = r,
                                               .n = n,
                                               .x_ld = x_ld,
                                               .x_at = x_at};
        if (elcl_fixture_ok(fx) && elcl_fixture_try(fx, elcl_op_scatter(fx->ops, &args, &fx->err)))
            elcl_fixture_equal(fx, "pool", elcl_fixture_read(fx, args.pool), want, n_cache, size);
    }
    elcl_fixture_end(fx);
}

void elcl_selftest_pointwise(struct elcl_fixture *fx, const struct elcl_selftest_shape *shape)
{
    check_embed(fx, shape);
    check_add_norm(fx, shape);
    check_scatter(fx, shape);
}
