/*
 * Activations, numbered by enum elcl_activation, and the last steps of a GEMM:
 *     relu max(x, 0)    gelu x Phi(x) = x (1 + erf(x / sqrt 2)) / 2    silu x / (1 + exp(-x))
 *     gelu_tanh x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
 *
 * gate        y[f] = act(y[f]) * y[F + f], f < F, in place: the product of a gated feed-forward
 *             layer; one work-group of WG items per row: global size {WG R}
 * epilogue    for GEMM back ends without one: y = act(y + bias) + residual, in place; one
 *             work-group of WG items per row and batch: global size {WG M, batch}
 */
// lint: -DVW=8 -DWG=1
// lint: -DVW=4 -DWG=64 -DELCL_ACT_BF16

/*
 * erf as a rational function x P(x^2) / Q(x^2) on |x| <= 3.92, where it reaches 1 in f32: fitted
 * for the smallest maximum error, which is 4.3e-8 before rounding. The drivers' own erf branches,
 * and on vectors it costs more than the products of a small layer.
 */
#define DEFINE_ACTIVATE(T, erf_name, name)                                                         \
    static inline T erf_name(T v)                                                                  \
    {                                                                                              \
        const T x = clamp(v, (T)(-3.92f), (T)(3.92f)), z = x * x;                                  \
        T p = ELCL_MAC((T)(1.99214465e-8f), z, (T)(-1.99423196e-6f));                              \
        p = ELCL_MAC(p, z, (T)(1.48973386e-4f));                                                   \
        p = ELCL_MAC(p, z, (T)(3.9723824e-3f));                                                    \
        p = ELCL_MAC(p, z, (T)(5.13957341e-2f));                                                   \
        p = ELCL_MAC(p, z, (T)(2.06102542e-1f));                                                   \
        p = ELCL_MAC(p, z, (T)(1.12837878f));                                                      \
        T q = ELCL_MAC((T)(1.02399602e-3f), z, (T)(1.4888212e-2f));                                \
        q = ELCL_MAC(q, z, (T)(1.17559724e-1f));                                                   \
        q = ELCL_MAC(q, z, (T)(5.15982393e-1f));                                                   \
        q = ELCL_MAC(q, z, (T)(1.0f));                                                             \
        return x * p / q;                                                                          \
    }                                                                                              \
    static inline T name(T x, int act)                                                             \
    {                                                                                              \
        if (act == ELCL_ACT_RELU)                                                                  \
            return fmax(x, (T)(0.0f));                                                             \
        if (act == ELCL_ACT_GELU)                                                                  \
            return 0.5f * x * (1.0f + erf_name(x * 0.70710678f));                                  \
        if (act == ELCL_ACT_GELU_TANH)                                                             \
            return 0.5f * x * (1.0f + tanh(0.79788456f * (x + 0.044715f * x * x * x)));            \
        if (act == ELCL_ACT_SILU)                                                                  \
            return x / (1.0f + exp(-x));                                                           \
        return x;                                                                                  \
    }
DEFINE_ACTIVATE(float, erf_rational, activate)
DEFINE_ACTIVATE(floatv, erf_rational_v, activate_v)

__kernel void gate(__global act_t *y, /* [R, 2 F] */
                   int f_size, int act)
{
    const int lid = get_local_id(0), whole = f_size / VW * VW;
    y += get_group_id(0) * (size_t)(2 * f_size);
    __global const act_t *factor = y + f_size;
    for (int f = lid * VW; f < whole; f += WG * VW)
        ACT_STOREV(activate_v(ACT_VEC(y + f), act) * ACT_VEC(factor + f), y + f);
    for (int f = whole + lid; f < f_size; f += WG)
        ACT_PUT(y, f, activate(ACT_GET(y, f), act) * ACT_GET(factor, f));
}

__kernel void epilogue(__global float *y,              /* [batch, M, y_ld] */
                       __global const float *bias,     /* [batch, N], read with ELCL_GEMM_BIAS */
                       __global const float *residual, /* as y, read with ELCL_GEMM_RESIDUAL */
                       int n_size, int y_ld, ulong y_batch, int flags, int act)
{
    const size_t batch = get_group_id(1);
    const size_t row = batch * y_batch + get_group_id(0) * (size_t)y_ld;
    y += row;
    residual += row;
    bias += batch * n_size;
    for (int n = get_local_id(0); n < n_size; n += WG) {
        const float v = activate(y[n] + (flags & ELCL_GEMM_BIAS ? bias[n] : 0.0f), act);
        y[n] = v + (flags & ELCL_GEMM_RESIDUAL ? residual[n] : 0.0f);
    }
}
