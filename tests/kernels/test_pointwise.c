/*
 * Embedding, add + norm, scatter.
 *
 * Tolerance of the norm: with m = max |v| of the row and s = sqrt(variance + eps), an element of
 * v - mean errs by at most about (4 + sqrt(D) / 8) U m (rounding of v and the mean, and the random
 * walk of a sum in at least 4 lanes), which the norm scales by |weight| / s; the factor 1 / s and
 * the product err by 8 U of the normalized value. A variance from E[v^2] - mean^2 fails this for
 * rows with a large mean, as it should. Equal elements make all roundings of a lane's sum go the
 * same way: D / 4 additions, on average of half the sum.
 */
#include "common.h"

#include <math.h>
#include <string.h>

#include "base/util.h"

enum rows { ROWS_NORMAL, ROWS_LARGE_MEAN, ROWS_EQUAL, ROWS_ZERO, ROWS_HUGE, ROWS_TINY, N_ROWS };

/* One row of d elements. */
static void fill_row(float *x, int d, enum rows kind)
{
    const double level = check_uniform(1, 2);
    for (int i = 0; i < d; i++) {
        const double v = check_normal();
        x[i] = (float)(kind == ROWS_LARGE_MEAN ? 100 * level + v
                       : kind == ROWS_EQUAL    ? level
                       : kind == ROWS_ZERO     ? 0
                       : kind == ROWS_HUGE     ? 1e15 * v
                       : kind == ROWS_TINY     ? 1e-15 * v
                                               : v);
    }
}

/* bound [d] of norm(v) for v = a + b in f32; see the top of the file. */
static void norm_bounds(double *bound, const double *v, const double *want,
                        const struct elcl_ref_norm *norm, int d)
{
    for (int i = 0; !norm && i < d; i++)
        bound[i] = U * fabs(want[i]);
    if (!norm)
        return;
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

enum norm_kind { NORM_NONE, NORM_LAYER, NORM_RMS, N_NORMS };

struct norms {
    struct elcl_ref_norm ref;
    struct elcl_norm device;
    const struct elcl_ref_norm *given; /* ref, or NULL: none */
};

static void make_norm(struct fixture *fx, int d, enum norm_kind kind, struct norms *norms)
{
    const float eps = 1e-5f;
    const float *weight = fixture_normals(fx, (size_t)d, 1),
                *bias = fixture_normals(fx, (size_t)d, 1);
    const size_t bytes = (size_t)d * sizeof(float);
    *norms = (struct norms){0};
    if (kind == NORM_NONE)
        return;
    norms->ref = (struct elcl_ref_norm){weight, bias, (double)eps, false};
    norms->device.weight = *fixture_input(fx, weight, bytes);
    norms->device.eps = eps;
    norms->given = &norms->ref;
    norms->ref.rms = norms->device.rms = kind == NORM_RMS;
    if (kind == NORM_LAYER)
        norms->device.bias = *fixture_input(fx, bias, bytes);
    else
        norms->ref.bias = NULL;
}

/* The step buffer: `at` ints of junk, then a record per row with the given fields; NULL: junk. */
static struct elcl_buffer *make_records(struct fixture *fx, size_t at, int r,
                                        const int32_t *const fields[ELCL_ROW_INTS])
{
    const size_t n = at + (size_t)r * ELCL_ROW_INTS;
    int32_t *step = fixture_ints(fx, n);
    memset(step, 0xff, n * sizeof(*step));
    for (int row = 0; row < r; row++)
        for (int f = 0; f < ELCL_ROW_INTS; f++)
            if (fields[f])
                step[at + (size_t)row * ELCL_ROW_INTS + f] = fields[f][row];
    return fixture_input(fx, step, n * sizeof(*step));
}

/* A pool that the operation writes rows of: the state must be the row's own f32 result, rounded. */
static void check_state(struct fixture *fx, const struct elcl_buffer *pool, int cache_rows,
                        const float *rows, const int32_t *slot, int r, int d)
{
    const size_t bytes = elcl_ref_bytes(fx->state), n = (size_t)cache_rows * d;
    void *want = fixture_memory(fx, n, bytes);
    memset(want, 0xff, n * bytes);
    elcl_ref_scatter(fx->state, want, slot, rows, r, d, d, 0);
    check_bytes("state", fixture_read(fx, pool), want, n, bytes);
}

static void check_add_norm(struct fixture *fx, int r, int d, enum norm_kind kind, bool with_state)
{
    elcl_error err = {0};
    fixture_begin(fx);
    const size_t n = (size_t)r * d, at = (size_t)check_int(0, 9);
    const int cache_rows = r + 3;
    float *x = fixture_floats(fx, n), *y = fixture_floats(fx, n);
    double *want = fixture_doubles(fx, n), *bound = fixture_doubles(fx, n),
           *v = fixture_doubles(fx, n);
    for (int row = 0; row < r; row++) {
        fill_row(x + (size_t)row * d, d, (enum rows)(row % N_ROWS));
        fill_row(y + (size_t)row * d, d, (enum rows)(row % N_ROWS));
    }
    struct norms norm;
    make_norm(fx, d, kind, &norm);
    elcl_ref_add_norm(want, x, y, norm.given, r, d);
    for (size_t i = 0; i < n; i++)
        v[i] = (double)x[i] + (double)y[i];
    for (int row = 0; row < r; row++)
        norm_bounds(bound + (size_t)row * d, v + (size_t)row * d, want + (size_t)row * d,
                    norm.given, d);
    const int32_t *slot = fixture_permutation(fx, cache_rows);
    const int32_t *const fields[ELCL_ROW_INTS] = {[ELCL_ROW_CACHE_ROW] = slot};
    struct elcl_buffer *pool =
        fixture_output(fx, NULL, (size_t)cache_rows * d * elcl_ref_bytes(fx->state));
    const struct elcl_add_norm_args args = {.x = fixture_output(fx, x, n * sizeof(float)),
                                            .y = fixture_input(fx, y, n * sizeof(float)),
                                            .state = with_state ? pool : NULL,
                                            .step = make_records(fx, at, r, fields),
                                            .rows_at = at,
                                            .norm = &norm.device,
                                            .r = r,
                                            .d = d};
    CHECK(!elcl_op_add_norm(fx->ops, &args, &err), "%s", err.msg);
    const float *got = fixture_read(fx, args.x);
    check_bounded("x", got, want, bound, n);
    check_state(fx, pool, cache_rows, got, slot, with_state ? r : 0, d);
    fixture_end(fx);
}

struct embed_shape {
    int r, d, v;
    enum norm_kind norm;
    bool state, tokens, positions; /* without tokens x is given */
};

static void embed_reference(struct fixture *fx, const struct elcl_ref_embed_args *ref, double *want,
                            double *bound)
{
    const size_t n = (size_t)ref->r * ref->d;
    double *v = fixture_doubles(fx, n);
    struct elcl_ref_embed_args plain = *ref;
    memcpy(v, want, n * sizeof(*v));
    plain.x = v;
    plain.norm = NULL;
    elcl_ref_embed(&plain);
    for (size_t i = 0; i < n; i++)
        bound[i] = 4 * U * (fabs(v[i]) + 4); /* scale E and P are a few units at most */
    struct elcl_ref_embed_args normed = *ref;
    normed.x = want;
    elcl_ref_embed(&normed);
    for (int row = 0; ref->norm && row < ref->r; row++)
        norm_bounds(bound + (size_t)row * ref->d, v + (size_t)row * ref->d,
                    want + (size_t)row * ref->d, ref->norm, ref->d);
}

static void check_embed(struct fixture *fx, const struct embed_shape *s)
{
    elcl_error err = {0};
    fixture_begin(fx);
    const int n_positions = 9, offset = 2, cache_rows = s->r + 2;
    const size_t n = (size_t)s->r * s->d, at = (size_t)check_int(0, 9);
    int32_t *token = fixture_ints(fx, (size_t)s->r), *position = fixture_ints(fx, (size_t)s->r);
    for (int i = 0; i < s->r; i++) {
        token[i] = i == 0 ? s->v - 1 : check_int(0, s->v - 1);
        position[i] = i == 0 ? n_positions - offset - 1 : check_int(0, n_positions - offset - 1);
    }
    float *held;
    const float *table = fixture_weights(fx, (size_t)s->v, (size_t)s->d, &held);
    const float *positions = fixture_normals(fx, (size_t)n_positions * s->d, 1);
    const float *given = fixture_normals(fx, n, 1);
    struct norms norm;
    make_norm(fx, s->d, s->norm, &norm);
    double *want = fixture_doubles(fx, n), *bound = fixture_doubles(fx, n);
    const float scale = 1.75f;
    const struct elcl_ref_embed_args ref = {.token = token,
                                            .position = position,
                                            .tokens = s->tokens ? held : NULL,
                                            .positions = s->positions ? positions : NULL,
                                            .norm = norm.given,
                                            .scale = (double)scale,
                                            .offset = offset,
                                            .r = s->r,
                                            .d = s->d};
    for (size_t i = 0; i < n; i++)
        want[i] = (double)given[i];
    embed_reference(fx, &ref, want, bound);
    const int32_t *slot = fixture_permutation(fx, cache_rows);
    const int32_t *const fields[ELCL_ROW_INTS] = {
        [ELCL_ROW_TOKEN] = token, [ELCL_ROW_POSITION] = position, [ELCL_ROW_CACHE_ROW] = slot};
    struct elcl_buffer *pool =
        fixture_output(fx, NULL, (size_t)cache_rows * s->d * elcl_ref_bytes(fx->state));
    const struct elcl_embed_args args = {
        .x = fixture_output(fx, s->tokens ? NULL : given, n * sizeof(float)),
        .state = s->state ? pool : NULL,
        .step = make_records(fx, at, s->r, fields),
        .rows_at = at,
        .tokens = s->tokens ? fixture_matrix(fx, 1, s->v, s->d, table) : NULL,
        .positions = s->positions
                         ? fixture_input(fx, positions, (size_t)n_positions * s->d * sizeof(float))
                         : NULL,
        .offset = offset,
        .scale = scale,
        .norm = &norm.device,
        .r = s->r,
        .d = s->d};
    CHECK(!elcl_op_embed(fx->ops, &args, &err), "%s", err.msg);
    const float *got = fixture_read(fx, args.x);
    check_bounded("x", got, want, bound, n);
    check_state(fx, pool, cache_rows, got, slot, s->state ? s->r : 0, s->d);
    fixture_end(fx);
}

/* Values at the edges of the 16-bit formats: ties, overflow, subnormals, signed zero. */
static void fill_edges(float *x, size_t n)
{
    static const float edges[] = {
        0.0f,           -0.0f,         1.0f,          65504.0f,    65519.0f,      65520.0f,
        -1e6f,          6.1035156e-5f, 5.9604645e-8f, 2.98e-8f,    2.9802322e-8f, 1.00048828125f,
        1.00146484375f, 3.0e38f,       -3.39e38f,     1.00390625f, 1.01171875f,   0.333333f};
    for (size_t i = 0; i < n; i++)
        x[i] = i % 3 ? (float)(100 * check_normal()) : edges[i / 3 % ELCL_COUNT(edges)];
}

static void check_scatter(struct fixture *fx, int r, int n, int gap)
{
    elcl_error err = {0};
    fixture_begin(fx);
    const int x_ld = n + 2 * gap, cache_rows = 2 * r + 1, x_at = gap;
    const size_t at = (size_t)check_int(0, 9), bytes = elcl_ref_bytes(fx->state);
    const size_t n_cache = (size_t)cache_rows * n;
    float *x = fixture_floats(fx, (size_t)r * x_ld);
    fill_edges(x, (size_t)r * x_ld);
    const int32_t *map = fixture_permutation(fx, cache_rows);
    const int field = gap ? ELCL_ROW_CACHE_ROW : ELCL_ROW_PARENT;
    const int32_t *fields[ELCL_ROW_INTS] = {0};
    fields[field] = map;
    void *want = fixture_memory(fx, n_cache, bytes);
    memset(want, 0xff, n_cache * bytes);
    elcl_ref_scatter(fx->state, want, map, x, r, n, x_ld, x_at);
    const struct elcl_scatter_args args = {
        .pool = fixture_output(fx, NULL, n_cache * bytes),
        .x = fixture_input(fx, x, (size_t)r * x_ld * sizeof(float)),
        .step = make_records(fx, at, r, fields),
        .rows_at = at,
        .field = field,
        .r = r,
        .n = n,
        .x_ld = x_ld,
        .x_at = x_at};
    CHECK(!elcl_op_scatter(fx->ops, &args, &err), "%s", err.msg);
    check_bytes("pool", fixture_read(fx, args.pool), want, n_cache, bytes);
    fixture_end(fx);
}

void test_pointwise(struct fixture *fx)
{
    static const int ds[] = {37, 64, 1, 3, 20, 192, 1024};
    static const int rs[] = {6, 1, 13};
    const size_t n_d = fx->options->small ? 2 : ELCL_COUNT(ds);
    const size_t n_r = fx->full ? ELCL_COUNT(rs) : 1;
    for (size_t i = 0; i < n_d; i++)
        for (size_t j = 0; j < n_r; j++) {
            const int d = ds[i], r = rs[j];
            if (check_case("add_norm %s R=%d D=%d", fx->name, r, d))
                for (int k = 0; k < 2 * N_NORMS; k++)
                    check_add_norm(fx, r, d, (enum norm_kind)(k / 2), k & 1);
            if (check_case("embed %s R=%d D=%d", fx->name, r, d))
                for (int k = 0; k < 2 * N_NORMS; k++)
                    for (int terms = 1; terms < 4; terms++) {
                        const struct embed_shape s = {
                            r, d, 5 + 10 * k, (enum norm_kind)(k / 2), k & 1, terms & 1, terms & 2};
                        check_embed(fx, &s);
                    }
            if (check_case("scatter %s R=%d N=%d", fx->name, r, d))
                for (int gap = 0; gap < 6; gap += 5)
                    check_scatter(fx, r, d, gap);
        }
}
