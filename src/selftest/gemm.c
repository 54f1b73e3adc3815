/*
 * The products of a layer. Tolerance: the sum of K products errs by a random walk of roundings,
 * (4 + 2 sqrt K) U sum |x w|, which an activation stretches by its largest slope and adds its own
 * error to. Matrix instructions see x as the sum of two 16-bit numbers and lose 2^-16 (bf16) or
 * 2^-15 (f16) of it. Products of bf16 see x rounded to that, integer products in whole numbers,
 * where an element near a tie may go either way: sum |doubt w| more.
 */
#include "selftest/selftest.h"

#include <math.h>

#include "base/util.h"

struct product {
    const char *name;
    int batch, m, n, k;
    bool heads; /* batches interleave in x and y, as the per-head products of EL-attention */
    bool bias, residual;
    enum elcl_activation act;
};

struct operands {
    size_t n_x, n_y;
    float *x, *w, *bias, *residual; /* the last two NULL where there is none */
    float *doubt;                   /* as x: of integer products */
    size_t x_ld, y_ld, x_batch, y_batch;
};

static const elcl_ref_activation activations[] = {
    [ELCL_ACT_NONE] = NULL,          [ELCL_ACT_RELU] = elcl_ref_relu,
    [ELCL_ACT_GELU] = elcl_ref_gelu, [ELCL_ACT_GELU_TANH] = elcl_ref_gelu_tanh,
    [ELCL_ACT_SILU] = elcl_ref_silu,
};

static struct operands make_operands(struct elcl_fixture *fx, const struct product *p)
{
    struct operands o = {.x_ld = (size_t)p->k, .y_ld = (size_t)p->n};
    if (p->heads) {
        o.x_ld *= (size_t)p->batch;
        o.y_ld *= (size_t)p->batch;
        o.x_batch = (size_t)p->k;
        o.y_batch = (size_t)p->n;
    }
    o.n_x = (size_t)p->batch * p->m * p->k;
    o.n_y = (size_t)p->batch * p->m * p->n;
    o.x = elcl_fixture_floats(fx, ELCL_F32, o.n_x, 1);
    o.w = elcl_fixture_floats(fx, ELCL_F32, (size_t)p->batch * p->n * p->k, 1 / sqrt(p->k));
    if (p->bias)
        o.bias = elcl_fixture_floats(fx, ELCL_F32, (size_t)p->batch * p->n, 1);
    if (p->residual)
        o.residual = elcl_fixture_floats(fx, ELCL_F32, o.n_y, 1);
    return o;
}

static void reference(const struct product *p, const struct operands *o, double *want, bool act)
{
    const struct elcl_ref_gemm_args args = {.y = want,
                                            .x = o->x,
                                            .w = o->w,
                                            .bias = o->bias,
                                            .residual = act ? o->residual : NULL,
                                            .act = act ? activations[p->act] : NULL,
                                            .batch = p->batch,
                                            .m = p->m,
                                            .n = p->n,
                                            .k = p->k,
                                            .x_ld = o->x_ld,
                                            .y_ld = o->y_ld,
                                            .x_batch = o->x_batch,
                                            .y_batch = o->y_batch};
    elcl_ref_gemm(&args);
}

/* x becomes what narrow products see of it. */
static void round_input(struct elcl_fixture *fx, const struct product *p, struct operands *o)
{
    o->doubt = elcl_fixture_memory(fx, o->n_x, sizeof(*o->doubt));
    for (int b = 0; o->doubt && b < p->batch; b++)
        for (int m = 0; m < p->m; m++) {
            const size_t at = b * o->x_batch + (size_t)m * o->x_ld;
            elcl_ref_round_input(fx->ops->weights, o->x + at, o->doubt + at, (size_t)p->k);
        }
}

static void magnitudes(float *values, size_t n)
{
    for (size_t i = 0; values && i < n; i++)
        values[i] = fabsf(values[i]);
}

/* bound [n_y]; the operands become their magnitudes. */
static void make_bounds(const struct elcl_fixture *fx, const struct product *p, struct operands *o,
                        const double *want, double *bound, double *doubt)
{
    magnitudes(o->x, o->n_x);
    magnitudes(o->w, (size_t)p->batch * p->n * p->k);
    magnitudes(o->bias, (size_t)p->batch * p->n);
    reference(p, o, bound, false);
    if (o->doubt) {
        const struct operands d = {.x = o->doubt,
                                   .w = o->w,
                                   .x_ld = o->x_ld,
                                   .y_ld = o->y_ld,
                                   .x_batch = o->x_batch,
                                   .y_batch = o->y_batch};
        reference(p, &d, doubt, false);
    }
    const double factor =
        (4 + 2 * sqrt(p->k)) * (p->act == ELCL_ACT_NONE ? 1 : 1.13) + (p->act ? 4 : 0);
    const double split = !fx->ops->gemm_mma             ? 0
                         : fx->ops->weights == ELCL_F16 ? 1.13 * 0x1p-15
                                                        : 1.13 * 0x1p-16;
    for (size_t i = 0; i < o->n_y; i++)
        bound[i] = split * bound[i] + 1.13 * doubt[i] +
                   ELCL_FIXTURE_U * (factor * bound[i] + 2 * fabs(want[i]) +
                                     (o->residual ? fabs((double)o->residual[i]) : 0)) +
                   1e-37;
}

static float *run(struct elcl_fixture *fx, const struct product *p, const struct operands *o)
{
    struct elcl_matrix w;
    elcl_fixture_matrix(fx, p->batch, p->n, p->k, o->w, &w);
    const struct elcl_gemm_args args = {
        .y = elcl_fixture_output(fx, NULL, o->n_y * sizeof(float)),
        .x = elcl_fixture_input(fx, o->x, o->n_x * sizeof(float)),
        .bias = o->bias ? elcl_fixture_input(fx, o->bias, (size_t)p->batch * p->n * sizeof(float))
                        : NULL,
        .residual =
            o->residual ? elcl_fixture_input(fx, o->residual, o->n_y * sizeof(float)) : NULL,
        .w = &w,
        .m = p->m,
        .x_ld = (int)o->x_ld,
        .y_ld = (int)o->y_ld,
        .x_batch = o->x_batch,
        .y_batch = o->y_batch,
        .act = p->act};
    if (!elcl_fixture_ok(fx) || !elcl_fixture_try(fx, elcl_op_gemm(fx->ops, &args, &fx->err)))
        return NULL;
    return elcl_fixture_read(fx, args.y);
}

static void check_product(struct elcl_fixture *fx, const char *model, const struct product *p)
{
    const char *operation = fx->ops->gemm == ELCL_GEMM_CLBLAST ? "gemm clblast"
                            : fx->ops->gemm_mma                ? "gemm mma"
                            : !fx->ops->dot                    ? "gemm native"
                            : fx->ops->weights == ELCL_INT8    ? "gemm integers"
                                                               : "gemm bf16 products";
    if (!elcl_fixture_begin(fx, operation, "%s %s M=%d N=%d K=%d", model, p->name, p->m, p->n,
                            p->k))
        return;
    struct operands o = make_operands(fx, p);
    double *want = elcl_fixture_memory(fx, o.n_y, sizeof(*want));
    double *bound = elcl_fixture_memory(fx, o.n_y, sizeof(*bound));
    double *doubt = elcl_fixture_memory(fx, o.n_y, sizeof(*doubt));
    const float *got = elcl_fixture_ok(fx) ? run(fx, p, &o) : NULL;
    if (got && fx->ops->dot)
        round_input(fx, p, &o);
    if (got && elcl_fixture_ok(fx)) {
        reference(p, &o, want, true);
        make_bounds(fx, p, &o, want, bound, doubt);
        elcl_fixture_compare(fx, "y", got, want, bound, o.n_y);
    }
    elcl_fixture_end(fx);
}

void elcl_selftest_gemm(struct elcl_fixture *fx, const struct elcl_selftest_shape *s)
{
    const int dh = s->d / s->h, v = elcl_min_int(s->v, 5000 + s->v % 16);
    const struct product products[] = {
        {"step", .batch = 1, .m = 1, .n = s->d, .k = s->d, .bias = true, .residual = true},
        {"up", .batch = 1, .m = 5, .n = s->f, .k = s->d, .bias = true, .act = ELCL_ACT_GELU},
        {"down", .batch = 1, .m = 5, .n = s->d, .k = s->f, .bias = true, .residual = true},
        {"encoder", .batch = 1, .m = s->rows, .n = s->d, .k = s->d, .bias = true},
        {"relu", .batch = 1, .m = 13, .n = s->d, .k = s->d, .act = ELCL_ACT_RELU},
        {"gelu_tanh", .batch = 1, .m = 2, .n = s->d, .k = s->d, .act = ELCL_ACT_GELU_TANH},
        {"silu", .batch = 1, .m = 3, .n = s->d, .k = s->d, .act = ELCL_ACT_SILU},
        {"expand", .batch = s->h, .m = 4, .n = s->d, .k = dh, .heads = true},
        {"contract", .batch = s->h, .m = 4, .n = dh, .k = s->d, .heads = true, .bias = true},
        {"logits", .batch = 1, .m = 4, .n = v, .k = s->d},
    };
    for (size_t i = 0; i < ELCL_COUNT(products); i++)
        check_product(fx, s->name, &products[i]);
}
