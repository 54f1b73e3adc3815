/*
 * GEMM and packed weights.
 *
 * Tolerance: a sum of K products in f32, in any order, errs by a random walk of K roundings, each
 * at most U times the partial sum, which is at most A = sum |x w| + |bias|: bound (4 + 2 sqrt K)
 * U A. (The certain bound K U A is 16 times looser at K = 1024, and a kernel that dropped or
 * doubled one product of typical size would pass it.) An activation stretches the error by at most
 * 1.13 and adds its own: with erf, tanh and exp right to a few units, 4 U |sum|. The residual adds
 * one rounding. Matrix instructions see x as the sum of two bf16: what is lost is less than SPLIT
 * of A. Products of bf16 see x rounded to that. Integer products see x rounded to whole numbers,
 * where an element near a tie may go either way: the bound has DOUBT = sum |doubt w| more. Their
 * sums are exact.
 */
#include "common.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/half.h"
#include "base/util.h"

enum residual { RESIDUAL_NONE, RESIDUAL_SEPARATE, RESIDUAL_IN_PLACE };

struct shape {
    int batch, m, n, k;
    int x_ld, y_ld;
    size_t x_batch, y_batch;
    enum elcl_activation act;
    bool bias;
    enum residual residual;
};

/* The host's side of one run. */
struct operands {
    size_t n_x, n_y;
    float *x, *w, *bias, *residual; /* NULL: none */
    float *given;                   /* w before it was packed */
    float *doubt;                   /* as x: of integer products */
};

static const elcl_ref_activation activations[] = {[ELCL_ACT_NONE] = NULL,
                                                  [ELCL_ACT_RELU] = elcl_ref_relu,
                                                  [ELCL_ACT_GELU] = elcl_ref_gelu,
                                                  [ELCL_ACT_GELU_TANH] = elcl_ref_gelu_tanh,
                                                  [ELCL_ACT_SILU] = elcl_ref_silu};

/* Elements that no operand owns (between k and x_ld, n and y_ld) hold NaN. */
static float *strided(struct fixture *fx, size_t n, const struct shape *s, int width,
                      size_t batch_at, int ld)
{
    float *values = fixture_floats(fx, n);
    memset(values, 0xff, n * sizeof(float));
    for (int b = 0; b < s->batch; b++)
        for (int m = 0; m < s->m; m++)
            for (int i = 0; i < width; i++)
                values[b * batch_at + (size_t)m * ld + i] = (float)check_normal();
    return values;
}

static struct operands make_operands(struct fixture *fx, const struct shape *s)
{
    struct operands o = {0};
    o.n_x = (s->batch - 1) * s->x_batch + (size_t)(s->m - 1) * s->x_ld + s->k;
    o.n_y = (s->batch - 1) * s->y_batch + (size_t)(s->m - 1) * s->y_ld + s->n;
    o.x = strided(fx, o.n_x, s, s->k, s->x_batch, s->x_ld);
    o.given = fixture_weights(fx, (size_t)s->batch * s->n, (size_t)s->k, &o.w);
    if (s->bias)
        o.bias = fixture_normals(fx, (size_t)s->batch * s->n, 1);
    if (s->residual != RESIDUAL_NONE)
        o.residual = strided(fx, o.n_y, s, s->n, s->y_batch, s->y_ld);
    return o;
}

static void reference(const struct shape *s, const struct operands *o, double *want,
                      elcl_ref_activation act)
{
    const struct elcl_ref_gemm_args args = {.y = want,
                                            .x = o->x,
                                            .w = o->w,
                                            .bias = o->bias,
                                            .residual = o->residual,
                                            .act = act,
                                            .batch = s->batch,
                                            .m = s->m,
                                            .n = s->n,
                                            .k = s->k,
                                            .x_ld = (size_t)s->x_ld,
                                            .y_ld = (size_t)s->y_ld,
                                            .x_batch = s->x_batch,
                                            .y_batch = s->y_batch};
    elcl_ref_gemm(&args);
}

static float *magnitudes(struct fixture *fx, const float *values, size_t n)
{
    float *a = values ? fixture_floats(fx, n) : NULL;
    for (size_t i = 0; a && i < n; i++)
        a[i] = fabsf(values[i]);
    return a;
}

/* x becomes what narrow products see of it. */
static void round_input(struct fixture *fx, const struct shape *s, struct operands *o)
{
    float *x = fixture_floats(fx, o->n_x);
    memcpy(x, o->x, o->n_x * sizeof(*x));
    o->x = x;
    o->doubt = fixture_floats(fx, o->n_x);
    for (int b = 0; b < s->batch; b++)
        for (int m = 0; m < s->m; m++) {
            const size_t at = b * s->x_batch + (size_t)m * s->x_ld;
            elcl_ref_round_input(fx->weights, o->x + at, o->doubt + at, (size_t)s->k);
        }
}

/* bound [n_y], see the top of the file. */
static double *bounds(struct fixture *fx, const struct shape *s, const struct operands *o,
                      const double *want)
{
    const size_t n_w = (size_t)s->batch * s->n * s->k;
    const struct operands a = {.n_x = o->n_x,
                               .n_y = o->n_y,
                               .x = magnitudes(fx, o->x, o->n_x),
                               .w = magnitudes(fx, o->w, n_w),
                               .bias = magnitudes(fx, o->bias, (size_t)s->batch * s->n)};
    double *bound = fixture_unwritten(fx, o->n_y);
    reference(s, &a, bound, NULL);
    double *doubt = fixture_doubles(fx, o->n_y);
    const struct operands d = {.n_x = o->n_x, .n_y = o->n_y, .x = o->doubt, .w = a.w};
    if (o->doubt)
        reference(s, &d, doubt, NULL);
    const double stretch = s->act == ELCL_ACT_NONE ? 1 : 1.13;
    const double own = s->act == ELCL_ACT_NONE ? 0 : 4;
    const double split = !fx->mma ? 0 : fx->weights == ELCL_F16 ? 0x1p-15 : 0x1p-16;
    for (size_t i = 0; i < o->n_y; i++)
        bound[i] = (((4 + 2 * sqrt(s->k)) * stretch + own) * U + split * stretch) * bound[i] +
                   stretch * doubt[i] + 2 * U * fabs(want[i]) +
                   (o->residual ? U * fabs((double)o->residual[i]) : 0) + 1e-37;
    return bound;
}

/* Enqueues the GEMM; the result as fixture_read() gives it. */
static float *run(struct fixture *fx, const struct shape *s, const struct operands *o,
                  const struct elcl_matrix *w)
{
    elcl_error err = {0};
    const size_t y_bytes = o->n_y * sizeof(float);
    const bool in_place = s->residual == RESIDUAL_IN_PLACE;
    struct elcl_buffer *y = fixture_output(fx, in_place ? o->residual : NULL, y_bytes);
    const struct elcl_gemm_args args = {
        .y = y,
        .x = fixture_input(fx, o->x, o->n_x * sizeof(float)),
        .bias =
            o->bias ? fixture_input(fx, o->bias, (size_t)s->batch * s->n * sizeof(float)) : NULL,
        .residual = in_place      ? y
                    : o->residual ? fixture_input(fx, o->residual, y_bytes)
                                  : NULL,
        .w = w,
        .m = s->m,
        .x_ld = s->x_ld,
        .y_ld = s->y_ld,
        .x_batch = s->x_batch,
        .y_batch = s->y_batch,
        .act = s->act};
    CHECK(!elcl_op_gemm(fx->ops, &args, &err), "%s", err.msg);
    return fixture_read(fx, y);
}

static void check_gemm(struct fixture *fx, const struct shape *s)
{
    fixture_begin(fx);
    struct operands o = make_operands(fx, s);
    double *want = fixture_unwritten(fx, o.n_y);
    const float *got = run(fx, s, &o, fixture_matrix(fx, s->batch, s->n, s->k, o.given));
    if (fx->ops->dot)
        round_input(fx, s, &o);
    reference(s, &o, want, activations[s->act]);
    char what[96];
    snprintf(what, sizeof(what), "y of M=%d, act %d, bias %d, residual %d", s->m, s->act, s->bias,
             s->residual);
    check_bounded(what, got, want, bounds(fx, s, &o, want), o.n_y);
    fixture_end(fx);
}

/* One matrix, dense or with gaps, with a random epilogue. */
static struct shape random_shape(int m, int n, int k)
{
    const bool gaps = check_int(0, 1);
    return (struct shape){.batch = 1,
                          .m = m,
                          .n = n,
                          .k = k,
                          .x_ld = k + (gaps ? check_int(1, 5) : 0),
                          .y_ld = n + (gaps ? check_int(1, 5) : 0),
                          .act = (enum elcl_activation)check_int(0, 4),
                          .bias = check_int(0, 1),
                          .residual = (enum residual)check_int(0, 2)};
}

static void test_sizes(struct fixture *fx)
{
    static const int ns[] = {17, 1, 33, 15, 16}, ks[] = {20, 1, 64, 3};
    static const int ms[] = {5, 1, 13, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 37};
    const size_t n_n = fx->full ? ELCL_COUNT(ns) : 3, n_k = fx->full ? ELCL_COUNT(ks) : 2;
    const size_t n_m = fx->full ? ELCL_COUNT(ms) : fx->options->small ? 2 : 3;
    for (size_t i = 0; i < n_n; i++)
        for (size_t j = 0; j < n_k; j++) {
            if (!check_case("gemm %s N=%d K=%d", fx->name, ns[i], ks[j]))
                continue;
            for (size_t l = 0; l < n_m; l++) {
                const struct shape s = random_shape(ms[l], ns[i], ks[j]);
                check_gemm(fx, &s);
            }
        }
}

/* Several tiles, panels, row blocks and slices of K, and work-items of several panels. */
static void test_large(struct fixture *fx)
{
    static const int sizes[][3] = {{70, 130, 300},  {3, 300, 1100}, {129, 64, 192},
                                   {215, 40, 2100}, {8, 700, 20},   {7, 20, 1030}};
    for (size_t i = 0; i < ELCL_COUNT(sizes) && !fx->options->small; i++) {
        const int *z = sizes[i];
        if (!check_case("gemm %s large M=%d N=%d K=%d", fx->name, z[0], z[1], z[2]))
            continue;
        const struct shape s = random_shape(z[0], z[1], z[2]);
        check_gemm(fx, &s);
    }
}

/* The per-head products of EL-attention: q [R, H, Dh] -> e [R, H, D] and c [R, H, D] ->
 * o [R, H, Dh]: batches interleave in x and y. */
static void test_heads(struct fixture *fx)
{
    static const int sizes[][4] = {
        {3, 4, 20, 5}, {2, 3, 21, 5}, {1, 6, 37, 6}, {5, 1, 64, 64}, {13, 3, 64, 16}};
    const size_t n = fx->options->small ? 2 : ELCL_COUNT(sizes);
    for (size_t i = 0; i < n; i++) {
        const int r = sizes[i][0], h = sizes[i][1], d = sizes[i][2], dh = sizes[i][3];
        if (!check_case("gemm %s heads R=%d H=%d D=%d Dh=%d", fx->name, r, h, d, dh))
            continue;
        struct shape s = {.batch = h, .m = r, .n = d, .k = dh};
        s.x_ld = h * dh;
        s.x_batch = (size_t)dh;
        s.y_ld = h * d;
        s.y_batch = (size_t)d;
        check_gemm(fx, &s);
        s = (struct shape){.batch = h, .m = r, .n = dh, .k = d, .bias = true};
        s.x_ld = h * d;
        s.x_batch = (size_t)d;
        s.y_ld = h * dh;
        s.y_batch = (size_t)dh;
        check_gemm(fx, &s);
    }
}

/* y = act(x) over the whole range: W is the 1 x 1 identity. */
static void test_activations(struct fixture *fx)
{
    static const float xs[] = {0.0f,   -0.0f, 1e-30f, -1e-30f, 1e-4f,  -1e-4f, 0.5f,
                               -0.5f,  1.0f,  -1.0f,  2.5f,    -2.5f,  5.0f,   -5.0f,
                               9.0f,   -9.0f, -13.5f, 40.0f,   -40.0f, 87.0f,  -87.0f,
                               -89.0f, 1e4f,  -1e4f,  1e15f,   -1e15f, 1e30f,  -1e30f};
    const int m = (int)ELCL_COUNT(xs);
    for (int act = ELCL_ACT_NONE; act <= ELCL_ACT_SILU; act++) {
        if (!check_case("gemm %s activation %d", fx->name, act))
            continue;
        fixture_begin(fx);
        const int n = 2 * 16 + 1; /* whole panels and a ragged one */
        const struct shape s = {
            .batch = 1, .m = m, .n = n, .k = 1, .x_ld = 1, .y_ld = n, .act = act};
        struct operands o = make_operands(fx, &s);
        memcpy(o.x, xs, sizeof(xs));
        for (int i = 0; i < n; i++)
            o.w[i] = o.given[i] = 1;
        elcl_ref_round_rows(fx->weights, o.w, (size_t)n, 1);
        double *want = fixture_unwritten(fx, o.n_y);
        const float *got = run(fx, &s, &o, fixture_matrix(fx, 1, n, 1, o.given));
        if (fx->ops->dot)
            round_input(fx, &s, &o);
        reference(&s, &o, want, activations[act]);
        check_bounded("act(x)", got, want, bounds(fx, &s, &o, want), o.n_y);
        fixture_end(fx);
    }
}

/* Both factors exact, so that the activation's own error and the product's are all there is. */
static void check_gate(struct fixture *fx, int r, int f, enum elcl_activation act)
{
    elcl_error err = {0};
    fixture_begin(fx);
    const size_t half = (size_t)r * (size_t)f, n = 2 * half;
    float *y = fixture_normals(fx, n, 3);
    double *product = fixture_doubles(fx, half), *want = fixture_doubles(fx, n);
    double *bound = fixture_doubles(fx, n); /* the second halves stay as they are */
    elcl_ref_gate(product, y, activations[act], r, f);
    for (size_t i = 0; i < n; i++) {
        const size_t row = i / (size_t)(2 * f), j = i % (size_t)(2 * f);
        want[i] = j < (size_t)f ? product[row * (size_t)f + j] : (double)y[i];
        if (j < (size_t)f)
            bound[i] = 8 * U * fabs((double)y[i] * (double)y[i + (size_t)f]) + 1e-37;
    }
    const struct elcl_buffer *buffer = fixture_output(fx, y, n * sizeof(float));
    CHECK(!elcl_op_gate(fx->ops, buffer, r, f, act, &err), "%s", err.msg);
    check_bounded("gate", fixture_read(fx, buffer), want, bound, n);
    fixture_end(fx);
}

static void test_gate(struct fixture *fx)
{
    static const int sizes[][2] = {{5, 37}, {1, 1}, {3, 64}, {2, 300}};
    for (size_t i = 0; i < ELCL_COUNT(sizes); i++)
        if (check_case("gate %s R=%d F=%d", fx->name, sizes[i][0], sizes[i][1]))
            for (int act = ELCL_ACT_NONE; act <= ELCL_ACT_SILU; act++)
                check_gate(fx, sizes[i][0], sizes[i][1], (enum elcl_activation)act);
}

/* A row's bits do not depend on how many rows share the call. */
static void test_invariance(struct fixture *fx)
{
    static const int sizes[][2] = {{33, 20}, {130, 100}, {40, 600}, {70, 1100}};
    const size_t n_sizes = fx->options->small ? 1 : ELCL_COUNT(sizes);
    for (size_t i = 0; i < n_sizes; i++) {
        const int n = sizes[i][0], k = sizes[i][1], m = fx->options->small ? 18 : 37;
        if (!check_case("gemm %s M=1 as in M=%d, N=%d K=%d", fx->name, m, n, k))
            continue;
        fixture_begin(fx);
        struct shape s = {.batch = 1, .m = m, .n = n, .k = k, .x_ld = k, .y_ld = n};
        s.act = ELCL_ACT_GELU;
        s.bias = true;
        s.residual = RESIDUAL_SEPARATE;
        const struct operands all = make_operands(fx, &s);
        const struct elcl_matrix *w = fixture_matrix(fx, 1, n, k, all.given);
        const float *together = run(fx, &s, &all, w);
        s.m = 1;
        for (int row = 0; row < m; row += fx->options->small ? 6 : 12) {
            struct operands one = all;
            one.n_x = (size_t)k;
            one.n_y = (size_t)n;
            one.x += (size_t)row * k;
            one.residual += (size_t)row * n;
            check_bytes("y", run(fx, &s, &one, w), together + (size_t)row * n, (size_t)n, 4);
        }
        if (fx->mma) { /* all rows by the kernel for few */
            s.m = m;
            fx->ops->busy_groups = SIZE_MAX;
            check_bytes("y of m", run(fx, &s, &all, w), together, (size_t)m * n, 4);
            fx->ops->busy_groups = 0;
        }
        fixture_end(fx);
    }
}

/* ---- packing ------------------------------------------------------------------------------- */

/* values [batch, n, k] as a source of another dtype and layout; the rounded values come back. */
static struct elcl_matrix_source make_source(struct fixture *fx, int batch, int n, int k,
                                             float **values)
{
    static const enum elcl_storage dtypes[] = {ELCL_F32, ELCL_F16, ELCL_BF16};
    const enum elcl_storage dtype = dtypes[check_int(0, 2)];
    const bool transposed = check_int(0, 1);
    const size_t all = (size_t)batch * n * k;
    *values = fixture_normals_in(fx, dtype, all, 1);
    float *laid = fixture_floats(fx, all);
    for (int b = 0; b < batch; b++)
        for (int i = 0; i < n; i++)
            for (int j = 0; j < k; j++) {
                const size_t from = ((size_t)b * n + i) * k + j;
                const size_t to = transposed ? ((size_t)b * k + j) * n + i : from;
                laid[to] = (*values)[from];
            }
    void *bits = fixture_memory(fx, all, elcl_ref_bytes(dtype));
    elcl_ref_store(dtype, laid, bits, all);
    return (struct elcl_matrix_source){.data = bits,
                                       .dtype = dtype,
                                       .n = n,
                                       .n_stride = transposed ? 1 : (size_t)k,
                                       .k_stride = transposed ? (size_t)n : 1,
                                       .batch_stride = (size_t)n * k};
}

/* Sources and what they stack up to: values [batch, n, k]. */
struct stack {
    struct elcl_matrix_source sources[3];
    float *values;
    int n;
};

static struct stack make_stack(struct fixture *fx, int batch, const int *ns, int n_sources, int k)
{
    struct stack s = {0};
    float *parts[3];
    for (int i = 0; i < n_sources; i++) {
        s.sources[i] = make_source(fx, batch, ns[i], k, &parts[i]);
        s.n += ns[i];
    }
    s.values = fixture_floats(fx, (size_t)batch * s.n * k);
    float *to = s.values;
    for (int b = 0; b < batch; b++)
        for (int i = 0; i < n_sources; to += (size_t)ns[i++] * k)
            memcpy(to, parts[i] + (size_t)b * ns[i] * k, (size_t)ns[i] * k * sizeof(float));
    return s;
}

/* Behind the whole numbers of lane `lane`: their scale, and with integer products their sum. */
static void put_tail(unsigned char *tail, const struct elcl_matrix *w, size_t lane, float scale,
                     const int8_t *column, bool sums)
{
    int32_t sum = 0;
    for (int i = 0; i < w->k; i++)
        sum += column[i];
    memcpy(tail + lane * 4, &scale, 4);
    if (sums)
        memcpy(tail + ((size_t)w->panel + lane) * 4, &sum, 4);
}

/* The bytes of a packed matrix by the words of ops.h, zeros beyond N. */
static unsigned char *pack(struct fixture *fx, const struct elcl_matrix *w, const float *values,
                           size_t *bytes)
{
    const size_t element = elcl_ref_bytes(fx->weights), k = (size_t)w->k;
    const bool whole = fx->weights == ELCL_INT8, narrow = fx->ops->dot != ELCL_DOT_NONE;
    const bool pairs = fx->weights == ELCL_BF16 && fx->ops->panel && !narrow;
    const size_t group = (size_t)elcl_dot_kinds[fx->ops->dot].group;
    const size_t values_bytes = (size_t)w->panel * (narrow ? (k + 3) / 4 * 4 : k) * element;
    const size_t scales_at = (values_bytes + 3) / 4 * 4;
    const size_t tail = (size_t)w->panel * (narrow ? 8 : 4);
    const size_t panel = whole ? scales_at + tail : values_bytes;
    *bytes = (size_t)w->batch * w->panels * panel;
    unsigned char *packed = fixture_memory(fx, *bytes, 1);
    unsigned char *column = fixture_memory(fx, k, element);
    for (int b = 0; b < w->batch; b++)
        for (int n = 0; n < w->n; n++, values += k) {
            unsigned char *to = packed + ((size_t)b * w->panels + n / w->panel) * panel;
            const size_t lane = (size_t)(n % w->panel);
            const size_t at = pairs ? lane % (w->panel / 2) * 2 + lane / (w->panel / 2) : lane;
            if (whole) {
                const float scale = elcl_ref_quantize(values, k, (int8_t *)column);
                put_tail(to + scales_at, w, lane, scale, (int8_t *)column, narrow);
            } else {
                elcl_ref_store(fx->weights, values, column, k);
            }
            for (size_t i = 0; i < k; i++)
                memcpy(to + ((i / group * w->panel + at) * group + i % group) * element,
                       column + i * element, element);
        }
    return packed;
}

/* Every byte where ops.h says, and as many as announced. */
static void check_packing(struct fixture *fx, int batch, const int *ns, int n_sources, int k)
{
    elcl_error err = {0};
    const struct stack s = make_stack(fx, batch, ns, n_sources, k);
    struct elcl_matrix w;
    fixture_must(elcl_matrix_create(fx->ops, "test", batch, k, s.sources, n_sources, &w, &err),
                 &err);
    CHECK(w.batch == batch && w.n == s.n && w.k == k, "%d x %d x %d", w.batch, w.n, w.k);
    CHECK(w.panel > 0 && w.panels == (s.n + w.panel - 1) / w.panel, "%d panels of %d", w.panels,
          w.panel);
    size_t bytes;
    const unsigned char *want = pack(fx, &w, s.values, &bytes);
    CHECK(elcl_matrix_bytes(fx->ops->panel, fx->ops->dot, fx->weights, batch, s.n, k) ==
              w.buffer.bytes,
          "elcl_matrix_bytes differs");
    if (CHECK(w.buffer.bytes == bytes, "%zu bytes, want %zu", w.buffer.bytes, bytes))
        check_bytes("packed", fixture_read(fx, &w.buffer), want, bytes, 1);
    elcl_buffer_destroy(&w.buffer);
}

/* Columns that int8 has no usual scale for: zeros stay zeros, and what is not finite spoils its own
 * column only. */
static void test_odd_columns(struct fixture *fx)
{
    if (fx->weights != ELCL_INT8 || !check_case("matrix %s odd columns", fx->name))
        return;
    fixture_begin(fx);
    enum { N = 5, K = 3 };
    const float given[N * K] = {0, 0, 0, 1, INFINITY, 0, 127, -64, 1, NAN, 1, 2, 1e-44f, 0, -0.0f};
    const struct shape s = {.batch = 1, .m = 1, .n = N, .k = K, .x_ld = K, .y_ld = N};
    float ones[K] = {1, 1, 1};
    const struct operands o = {.n_x = K, .n_y = N, .x = ones};
    const float *y = run(fx, &s, &o, fixture_matrix(fx, 1, N, K, given));
    CHECK(y[0] == 0, "zeros give %g", (double)y[0]);
    CHECK(isnan(y[1]) && isnan(y[3]), "infinity gives %g, NaN %g", (double)y[1], (double)y[3]);
    CHECK(y[2] == 64, "127 - 64 + 1 gives %g", (double)y[2]);
    CHECK(fabsf(y[4]) < 1e-43f, "a subnormal gives %g", (double)y[4]);
    fixture_end(fx);
}

static void test_packing(struct fixture *fx)
{
    static const int ns[][3] = {{1, 0, 0}, {16, 0, 0}, {33, 0, 0}, {5, 20, 17}, {32, 32, 0}};
    for (size_t i = 0; i < ELCL_COUNT(ns); i++) {
        const int n_sources = ns[i][2] ? 3 : ns[i][1] ? 2 : 1;
        if (!check_case("matrix %s N=%d+%d+%d", fx->name, ns[i][0], ns[i][1], ns[i][2]))
            continue;
        for (int k = 1; k <= 7; k += 6)
            for (int batch = 1; batch <= 3; batch += 2) {
                fixture_begin(fx);
                check_packing(fx, batch, ns[i], n_sources, k);
                fixture_end(fx);
            }
    }
    if (!check_case("matrix %s of several workers", fx->name))
        return;
    fixture_begin(fx);
    check_packing(fx, 2, (const int[]){300, 401}, 2, 602);
    fixture_end(fx);
}

void test_gemm(struct fixture *fx)
{
    test_packing(fx);
    test_odd_columns(fx);
    test_sizes(fx);
    test_large(fx);
    test_heads(fx);
    test_activations(fx);
    test_gate(fx);
    test_invariance(fx);
}

/* Rows of narrow products with elements that are no usual numbers: each spoils or spares itself
 * alone. W picks the elements one by one, twice each. Instructions for bf16 take subnormal numbers
 * for zeros. */
void test_inputs(struct fixture *fx)
{
    enum { M = 8, K = 5, N = 2 * K };
    static const float huge = 1.6e38f, least = 0x1p-120f;
    const float rows[M][K] = {{0, 0, -0.0f, 0, 0},           {1, NAN, 2, 3, 4},
                              {1, 2, -INFINITY, 3, 0},       {huge, -huge, huge / 4, 1, 0},
                              {least, -least / 2, 0, 0, 0},  {least / 2, 1e-44f, 0, 0, -least / 4},
                              {127, 63.4f, 62.6f, -0.4f, 1}, {-8, -3, 5, 1e-3f, 8}};
    if (!check_case("gemm %s odd rows", fx->name))
        return;
    fixture_begin(fx);
    const struct shape s = {.batch = 1, .m = M, .n = N, .k = K, .x_ld = K, .y_ld = N};
    struct operands o = {.n_x = M * K, .n_y = M * N, .x = fixture_floats(fx, M * K)};
    float *w = fixture_floats(fx, N * K);
    for (int n = 0; n < N; n++)
        w[n * K + n % K] = n < K ? 1.0f : -2.0f;
    memcpy(o.x, rows, sizeof(rows));
    const float *y = run(fx, &s, &o, fixture_matrix(fx, 1, N, K, w));
    round_input(fx, &s, &o);
    o.w = w;
    double *want = fixture_doubles(fx, M * N);
    reference(&s, &o, want, NULL);
    const double flushed = fx->weights == ELCL_BF16 ? 2 * FLT_MIN : 0;
    for (int i = 0; i < M * N; i++)
        if (isnan(want[i]))
            CHECK(isnan(y[i]), "row %d gives %g, want NaN", i / N, (double)y[i]);
        else
            CHECK((double)y[i] == want[i] ||
                      fabs((double)y[i] - want[i]) <= 8 * U * fabs(want[i]) + flushed,
                  "row %d gives %g, want %g", i / N, (double)y[i], want[i]);
    fixture_end(fx);
}

/* Few sizes: CLBlast compiles for seconds for each class of shapes. */
void test_clblast(struct fixture *fx)
{
    static const int sizes[][3] = {{1, 17, 20}, {13, 33, 64}, {70, 130, 300}};
    for (size_t i = 0; i < ELCL_COUNT(sizes); i++) {
        const int *z = sizes[i];
        if (!check_case("gemm clblast %s M=%d N=%d K=%d", fx->name, z[0], z[1], z[2]))
            continue;
        if (fx->options->small) {
            check_skip("CLBlast compiles for too long at --small");
            continue;
        }
        struct shape s = random_shape(z[0], z[1], z[2]);
        if (s.residual == RESIDUAL_IN_PLACE) /* the product adds onto it: no activation between */
            s.act = ELCL_ACT_NONE;
        check_gemm(fx, &s);
    }
    if (!check_case("gemm clblast %s heads", fx->name))
        return;
    if (fx->options->small) {
        check_skip("CLBlast compiles for too long at --small");
        return;
    }
    const struct shape s = {
        .batch = 3, .m = 5, .n = 20, .k = 6, .x_ld = 18, .y_ld = 60, .x_batch = 6, .y_batch = 20};
    check_gemm(fx, &s);
}
