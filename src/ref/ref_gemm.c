#include "ref/ref.h"

#include <math.h>

double elcl_ref_relu(double x)
{
    return x > 0 ? x : 0;
}

/* erfc keeps the relative precision of the negative tail, where 1 + erf would cancel. */
double elcl_ref_gelu(double x)
{
    return 0.5 * x * erfc(-x * 0.70710678118654752440);
}

double elcl_ref_gelu_tanh(double x)
{
    const double u = 0.79788456080286535588 * (x + 0.044715 * x * x * x);
    return 0.5 * x * (1 + tanh(u));
}

double elcl_ref_silu(double x)
{
    return x / (1 + exp(-x));
}

void elcl_ref_gemm(const struct elcl_ref_gemm_args *args)
{
    for (int b = 0; b < args->batch; b++) {
        for (int m = 0; m < args->m; m++) {
            const float *x = args->x + b * args->x_batch + m * args->x_ld;
            for (int n = 0; n < args->n; n++) {
                const size_t column = (size_t)b * args->n + n;
                const float *w = args->w + column * args->k;
                const size_t at = b * args->y_batch + m * args->y_ld + n;
                double sum = 0;
                for (int k = 0; k < args->k; k++)
                    sum += (double)x[k] * (double)w[k];
                if (args->bias)
                    sum += (double)args->bias[column];
                if (args->act)
                    sum = args->act(sum);
                if (args->residual)
                    sum += (double)args->residual[at];
                args->y[at] = sum;
            }
        }
    }
}

void elcl_ref_convolution(const struct elcl_ref_convolution_args *args)
{
    const int c = args->c, d = args->d;
    for (int t = 0; t * args->stride < args->n; t++)
        for (int j = 0; j < d; j++) {
            double sum = (double)args->b[j];
            for (int i = 0; i < 3; i++) {
                const int from = args->stride * t + i - 1;
                for (int channel = 0; channel < c && from >= 0 && from < args->n; channel++)
                    sum += (double)args->w[((size_t)j * c + channel) * 3 + i] *
                           args->x[(size_t)from * c + channel];
            }
            args->y[(size_t)t * d + j] = args->act ? args->act(sum) : sum;
        }
}

void elcl_ref_gate(double *out, const float *y, elcl_ref_activation act, int r, int f)
{
    for (int row = 0; row < r; row++)
        for (int j = 0; j < f; j++) {
            const double a = (double)y[(size_t)row * (size_t)(2 * f) + (size_t)j];
            const double factor = (double)y[(size_t)row * (size_t)(2 * f) + (size_t)(f + j)];
            out[(size_t)row * (size_t)f + (size_t)j] = (act ? act(a) : a) * factor;
        }
}
