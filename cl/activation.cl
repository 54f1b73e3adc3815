/*
 * Activations by the numbers of enum elcl_activation (src/ops/ops.h), and what a GEMM does to its
 * sums before it writes them.
 *     relu max(x, 0)    gelu x Phi(x) = x (1 + erf(x / sqrt 2)) / 2    silu x / (1 + exp(-x))
 *     gelu_tanh x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
 *
 * epilogue    for GEMM back ends without one of their own: y = act(y + bias) + residual in place;
 *             global size {N, M, batch}
 */
// lint: -DVW=8

#define ACT_NONE 0
#define ACT_RELU 1
#define ACT_GELU 2
#define ACT_GELU_TANH 3
#define ACT_SILU 4

#define GEMM_BIAS 1     /* flags of the gemm kernels */
#define GEMM_RESIDUAL 2

static inline float activate(float x, int act)
{
    if (act == ACT_RELU)
        return max(x, 0.0f);
    if (act == ACT_GELU)
        return 0.5f * x * (1.0f + erf(x * 0.70710678f));
    if (act == ACT_GELU_TANH)
        return 0.5f * x * (1.0f + tanh(0.79788456f * (x + 0.044715f * x * x * x)));
    if (act == ACT_SILU)
        return x / (1.0f + exp(-x));
    return x;
}

static inline floatv activate_v(floatv x, int act)
{
    if (act == ACT_RELU)
        return max(x, (floatv)(0.0f));
    if (act == ACT_GELU)
        return 0.5f * x * (1.0f + erf(x * 0.70710678f));
    if (act == ACT_GELU_TANH)
        return 0.5f * x * (1.0f + tanh(0.79788456f * (x + 0.044715f * x * x * x)));
    if (act == ACT_SILU)
        return x / (1.0f + exp(-x));
    return x;
}

__kernel void epilogue(__global float *y,              /* [batch, M, y_ld] */
                       __global const float *bias,     /* [batch, N], read with GEMM_BIAS */
                       __global const float *residual, /* as y, read with GEMM_RESIDUAL */
                       int n_size, int y_ld, ulong y_batch, int flags, int act)
{
    const int n = get_global_id(0);
    const size_t batch = get_global_id(2);
    const size_t at = batch * y_batch + get_global_id(1) * (size_t)y_ld + n;
    const float v = y[at] + (flags & GEMM_BIAS ? bias[batch * n_size + n] : 0.0f);
    y[at] = activate(v, act) + (flags & GEMM_RESIDUAL ? residual[at] : 0.0f);
}
