/*
 * Tolerance: a sum of K terms in f32, in any order, errs by a random walk of K roundings. Each is
 * at most U times the partial sum, which is at most A = sum |x w| + |bias|: bound (4 + 2 sqrt K)
 * U A. (The certain bound K U A is 16 times looser at K = 1024. A kernel that dropped or doubled
 * one term of typical size would pass it.) An activation stretches the error by at most 1.13 and
 * adds its own: with erf, tanh and exp right to a few units, 4 U |sum|. The residual adds one
 * rounding, and an output of 16 bits another one, of its type. Matrix instructions see x as the sum
 * of two 16-bit numbers and lose less than 2^-16 (bf16) or 2^-15 (f16) of A. bf16 and f16 compute
 * round x to that type. int8 compute rounds x to whole
 * numbers, where an element near a tie may go either way: the bound has sum |doubt w| more. Its
 * sums are exact.
 */
#include "selftest/gemm.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define U ELCL_FIXTURE_U

const elcl_ref_activation elcl_gemm_activations[ELCL_ACT_SILU + 1] = {
    [ELCL_ACT_NONE] = NULL,          [ELCL_ACT_RELU] = elcl_ref_relu,
    [ELCL_ACT_GELU] = elcl_ref_gelu, [ELCL_ACT_GELU_TANH] = elcl_ref_gelu_tanh,
    [ELCL_ACT_SILU] = elcl_ref_silu,
};

struct elcl_gemm_shape elcl_gemm_dense(int batch, int m, int n, int k)
{
    return (struct elcl_gemm_shape){.batch = batch,
                                    .m = m,
                                    .n = n,
                                    .k = k,
                                    .x_ld = batch * k,
                                    .y_ld = batch * n,
                                    .x_batch = (size_t)k,
                                    .y_batch = (size_t)n};
}

/* Random rows of `width`. The elements between, which belong to no row, are guard bytes. */
static float *strided(struct elcl_fixture *fx, size_t n, const struct elcl_gemm_shape *s, int width,
                      size_t batch_at, int ld)
{
    const float *dense = elcl_fixture_normals(fx, ELCL_F32, (size_t)s->batch * s->m * width, 1);
    float *values = elcl_fixture_memory(fx, n, sizeof(*values));
    if (!elcl_fixture_ok(fx))
        return values;
    memset(values, 0xff, n * sizeof(*values));
    for (int row = 0; row < s->batch * s->m; row++, dense += width)
        memcpy(values + row / s->m * batch_at + (size_t)(row % s->m) * ld, dense,
               (size_t)width * sizeof(*values));
    return values;
}

struct elcl_gemm_operands elcl_gemm_operands(struct elcl_fixture *fx,
                                             const struct elcl_gemm_shape *s)
{
    struct elcl_gemm_operands o = {
        .n_x = (s->batch - 1) * s->x_batch + (size_t)(s->m - 1) * s->x_ld + s->k,
        .n_y = (s->batch - 1) * s->y_batch + (size_t)(s->m - 1) * s->y_ld + s->n};
    o.x = strided(fx, o.n_x, s, s->k, s->x_batch, s->x_ld);
    o.w = elcl_fixture_normals(fx, ELCL_F32, (size_t)s->batch * s->n * s->k, 1 / sqrt(s->k));
    if (s->bias)
        o.bias = elcl_fixture_normals(fx, ELCL_F32, (size_t)s->batch * s->n, 1);
    if (s->residual != ELCL_RESIDUAL_NONE)
        o.residual = strided(fx, o.n_y, s, s->n, s->y_batch, s->y_ld);
    return o;
}

/* Returns the numbers of a buffer with a plane of high parts and one of low parts. */
static float *read_planes(struct elcl_fixture *fx, enum elcl_storage storage,
                          const struct elcl_buffer *y, size_t n)
{
    float *high = elcl_fixture_read_as(fx, storage, y);
    for (size_t i = 0; high && i < n; i++)
        if (!isnan(high[i]) || !isnan(high[n + i]))
            high[i] += high[n + i];
    return high;
}

float *elcl_gemm_run(struct elcl_fixture *fx, const struct elcl_gemm_shape *s,
                     const struct elcl_gemm_operands *o, const struct elcl_matrix *w)
{
    const bool in_place = s->residual == ELCL_RESIDUAL_IN_PLACE;
    const enum elcl_storage storage = elcl_gemm_out_storage(fx->ops, s->out);
    const bool planes = s->out == ELCL_OUT_PLANES && storage != ELCL_F32;
    const struct elcl_buffer *y = elcl_fixture_output(
        fx, in_place ? o->residual : NULL, (planes ? 2 : 1) * o->n_y * elcl_storage_bytes(storage));
    const struct elcl_gemm_args args = {
        .y = y,
        .x = elcl_fixture_stored(fx, fx->ops->activations, o->x, o->n_x),
        .bias = o->bias ? elcl_fixture_upload(fx, o->bias, (size_t)s->batch * s->n) : NULL,
        .residual = in_place      ? y
                    : o->residual ? elcl_fixture_upload(fx, o->residual, o->n_y)
                                  : NULL,
        .w = w,
        .m = s->m,
        .x_ld = s->x_ld,
        .y_ld = s->y_ld,
        .x_batch = s->x_batch,
        .y_batch = s->y_batch,
        .act = s->act,
        .out = s->out,
        .y_low = o->n_y};
    (void)ELCL_FIXTURE_TRY(fx, elcl_op_gemm(fx->ops, &args, &fx->err));
    return planes ? read_planes(fx, storage, y, o->n_y) : elcl_fixture_read_as(fx, storage, y);
}

void elcl_gemm_reference(const struct elcl_gemm_shape *s, const struct elcl_gemm_operands *o,
                         double *want, bool epilogue)
{
    const struct elcl_ref_gemm_args args = {.y = want,
                                            .x = o->x,
                                            .w = o->w,
                                            .bias = o->bias,
                                            .residual = epilogue ? o->residual : NULL,
                                            .act = epilogue ? elcl_gemm_activations[s->act] : NULL,
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

void elcl_gemm_round(struct elcl_fixture *fx, const struct elcl_gemm_shape *s,
                     struct elcl_gemm_operands *o)
{
    o->doubt = elcl_fixture_memory(fx, o->n_x, sizeof(*o->doubt));
    for (int row = 0; o->doubt && row < s->batch * s->m; row++) {
        const size_t at = row / s->m * s->x_batch + (size_t)(row % s->m) * s->x_ld;
        elcl_ref_round_input(fx->ops->weights, o->x + at, o->doubt + at, (size_t)s->k);
    }
}

static void make_magnitudes(float *values, size_t n)
{
    for (size_t i = 0; values && i < n; i++)
        values[i] = fabsf(values[i]);
}

/* bound [n_y], see the top of the file; `doubt` [n_y] is scratch. The operands become their
 * magnitudes. */
static void find_bounds(const struct elcl_ops *ops, const struct elcl_gemm_shape *s,
                        struct elcl_gemm_operands *o, const double *want, double *bound,
                        double *doubt)
{
    make_magnitudes(o->x, o->n_x);
    make_magnitudes(o->w, (size_t)s->batch * s->n * s->k);
    make_magnitudes(o->bias, (size_t)s->batch * s->n);
    elcl_gemm_reference(s, o, bound, false);
    const struct elcl_gemm_operands d = {.x = o->doubt, .w = o->w};
    if (o->doubt)
        elcl_gemm_reference(s, &d, doubt, false);
    const double stretch = s->act == ELCL_ACT_NONE ? 1 : 1.13;
    const double own = s->act == ELCL_ACT_NONE ? 0 : 4;
    const double split = !ops->gemm_mma ? 0 : ops->weights == ELCL_F16 ? 0x1p-15 : 0x1p-16;
    const enum elcl_storage out = elcl_gemm_out_storage(ops, s->out);
    const double unit = elcl_storage_unit(out);
    for (size_t i = 0; i < o->n_y; i++)
        bound[i] = (((4 + 2 * sqrt(s->k)) * stretch + own) * U + split * stretch) * bound[i] +
                   stretch * doubt[i] + 2 * U * fabs(want[i]) +
                   (o->residual ? U * fabs((double)o->residual[i]) : 0) + 1e-37;
    if (s->out != ELCL_OUT_PLANES)
        elcl_storage_bounds(out, want, bound, o->n_y);
    else
        for (size_t i = 0; out != ELCL_F32 && i < o->n_y; i++) /* the low part is rounded */
            bound[i] += unit * unit * (fabs(want[i]) + bound[i]) + (out == ELCL_F16 ? 0x1p-25 : 0);
}

/* Copies rows of x that overlap, since each is rounded by itself; returns the shape of the copy. */
static struct elcl_gemm_shape set_apart(struct elcl_fixture *fx, const struct elcl_gemm_shape *s,
                                        struct elcl_gemm_operands *o)
{
    struct elcl_gemm_shape apart = *s;
    const size_t k = (size_t)s->k, n = (size_t)s->m * k;
    if (s->x_ld >= s->k)
        return apart;
    float *rows = elcl_fixture_memory(fx, n, sizeof(*rows));
    for (size_t i = 0; rows && elcl_fixture_ok(fx) && i < n; i++)
        rows[i] = o->x[i / k * (size_t)s->x_ld + i % k];
    o->x = rows;
    o->n_x = n;
    apart.x_ld = s->k;
    return apart;
}

void elcl_gemm_compare(struct elcl_fixture *fx, const struct elcl_gemm_shape *s,
                       struct elcl_gemm_operands *o)
{
    char what[96];
    double *want = elcl_fixture_unwritten(fx, o->n_y), *bound = elcl_fixture_doubles(fx, o->n_y);
    double *doubt = elcl_fixture_doubles(fx, o->n_y);
    const struct elcl_matrix *w = elcl_fixture_matrix(fx, s->batch, s->n, s->k, o->w);
    const float *got = elcl_gemm_run(fx, s, o, w);
    const struct elcl_gemm_shape apart = set_apart(fx, s, o);
    if (got && elcl_ops_compute(fx->ops) != ELCL_COMPUTE_F32)
        elcl_gemm_round(fx, &apart, o);
    if (elcl_fixture_ok(fx)) {
        elcl_gemm_reference(&apart, o, want, true);
        find_bounds(fx->ops, &apart, o, want, bound, doubt);
        (void)snprintf(what, sizeof(what), "y of M=%d, act %d, bias %d, residual %d", s->m, s->act,
                       s->bias, s->residual);
        elcl_fixture_compare(fx, what, got, want, bound, o->n_y);
    }
    elcl_fixture_finish(fx);
}

void elcl_check_gemm(struct elcl_fixture *fx, const struct elcl_gemm_shape *s)
{
    struct elcl_gemm_operands o = elcl_gemm_operands(fx, s);
    elcl_gemm_compare(fx, s, &o);
}

/* The same numbers by the definition of a convolution, from `frames` [n, C] and w as [D, C, 3]. */
static void compare_definition(struct elcl_fixture *fx, const struct elcl_gemm_shape *s,
                               const struct elcl_gemm_operands *o, const double *frames, int n,
                               int stride)
{
    const int c = s->k / 3;
    const size_t n_w = (size_t)s->n * (size_t)s->k, k = (size_t)s->k;
    float *stored = elcl_fixture_memory(fx, n_w, sizeof(*stored));
    double *want = elcl_fixture_doubles(fx, o->n_y), *got = elcl_fixture_doubles(fx, o->n_y);
    if (!elcl_fixture_ok(fx))
        return;
    for (size_t i = 0; i < n_w; i++) /* element i is column i % K of row i / K */
        stored[i / k * k + i % k % (size_t)c * 3 + i % k / (size_t)c] = o->w[i];
    const struct elcl_ref_convolution_args args = {.y = want,
                                                   .x = frames,
                                                   .w = stored,
                                                   .b = o->bias,
                                                   .act = elcl_ref_gelu,
                                                   .n = n,
                                                   .c = c,
                                                   .d = s->n,
                                                   .stride = stride};
    elcl_ref_convolution(&args);
    elcl_gemm_reference(s, o, got, true);
    for (size_t i = 0; i < o->n_y; i++)
        elcl_fixture_near(fx, "product of overlapping rows", i, got[i], want[i],
                          1e-12 * (1 + fabs(want[i])));
}

void elcl_check_convolution(struct elcl_fixture *fx, int n, int c, int d, int stride)
{
    struct elcl_gemm_shape s = elcl_gemm_dense(1, (n + stride - 1) / stride, d, 3 * c);
    s.x_ld = stride * c;
    s.act = ELCL_ACT_GELU;
    s.bias = true;
    s.out = ELCL_OUT_ACT;
    struct elcl_gemm_operands o = elcl_gemm_operands(fx, &s);
    double *frames = elcl_fixture_doubles(fx, (size_t)n * (size_t)c);
    for (size_t i = 0; frames && elcl_fixture_ok(fx) && i < o.n_x; i++) {
        const size_t row = i / (size_t)c;
        if (row == 0 || row > (size_t)n) /* beside the window */
            o.x[i] = 0;
        else
            frames[i - (size_t)c] = (double)o.x[i];
    }
    compare_definition(fx, &s, &o, frames, n, stride);
    elcl_gemm_compare(fx, &s, &o);
}
