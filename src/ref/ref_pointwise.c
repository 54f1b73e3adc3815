#include "ref/ref.h"

#include <math.h>

void elcl_ref_layer_norm(double *x, const struct elcl_ref_norm *norm, int d)
{
    double mean = 0, variance = 0;
    for (int i = 0; i < d; i++)
        mean += norm->rms ? 0 : x[i] / d;
    for (int i = 0; i < d; i++)
        variance += (x[i] - mean) * (x[i] - mean) / d;
    for (int i = 0; i < d; i++)
        x[i] = (x[i] - mean) / sqrt(variance + norm->eps) * (double)norm->weight[i] +
               (norm->rms ? 0 : (double)norm->bias[i]);
}

void elcl_ref_embed(const struct elcl_ref_embed_args *args)
{
    const int d = args->d;
    for (int r = 0; r < args->r; r++) {
        double *x = args->x + (size_t)r * d;
        if (args->tokens)
            for (int i = 0; i < d; i++)
                x[i] = args->scale * (double)args->tokens[(size_t)args->token[r] * d + i];
        const size_t position = (size_t)(args->position[r] + args->offset);
        for (int i = 0; args->positions && i < d; i++)
            x[i] += (double)args->positions[position * d + i];
        if (args->norm)
            elcl_ref_layer_norm(x, args->norm, d);
    }
}

void elcl_ref_add_norm(double *out, const float *x, const float *y,
                       const struct elcl_ref_norm *norm, int r, int d)
{
    for (int row = 0; row < r; row++) {
        const size_t at = (size_t)row * d;
        for (int i = 0; i < d; i++)
            out[at + i] = (double)x[at + i] + (double)y[at + i];
        if (norm)
            elcl_ref_layer_norm(out + at, norm, d);
    }
}
