#include "ref/ref.h"

#include <math.h>

static int count(const struct elcl_ref_keys *keys)
{
    return keys->n_shared + keys->n_private;
}

static size_t cache_row(const struct elcl_ref_keys *keys, int j)
{
    return (size_t)(j < keys->n_shared ? keys->start + j : keys->lineage[j - keys->n_shared]);
}

static double score(const float *q, const float *cache, size_t ld, const struct elcl_ref_keys *keys,
                    int j, int d, double scale)
{
    const float *key = cache + cache_row(keys, j) * ld;
    double sum = 0;
    for (int i = 0; i < d; i++)
        sum += (double)q[i] * (double)key[i];
    if (!keys->bias)
        return scale * sum;
    const int distance = j - keys->position, max_distance = keys->max_distance;
    const int nearest = distance < -max_distance  ? -max_distance
                        : distance > max_distance ? max_distance
                                                  : distance;
    return scale * sum + (double)keys->bias[nearest + max_distance];
}

/* The keys with the bias of one head. */
static struct elcl_ref_keys of_head(const struct elcl_ref_keys *keys, int h)
{
    struct elcl_ref_keys own = *keys;
    if (own.bias)
        own.bias += (size_t)h * (size_t)(2 * own.max_distance + 1);
    return own;
}

void elcl_ref_attn_weights(double *p, const float *q, const float *cache, size_t ld,
                           const struct elcl_ref_keys *keys, int d, double scale)
{
    const int n = count(keys);
    double max = -INFINITY, sum = 0;
    for (int j = 0; j < n; j++) {
        p[j] = score(q, cache, ld, keys, j, d, scale);
        max = fmax(max, p[j]);
    }
    for (int j = 0; j < n; j++) {
        p[j] = exp(p[j] - max);
        sum += p[j];
    }
    for (int j = 0; j < n; j++)
        p[j] /= sum;
}

/* out [width] = softmax(scale q K^T) V without memory for the weights: scores are computed twice,
 * first for the maximum. */
static void attend(double *out, const float *q, const float *k, const float *v, size_t ld,
                   const struct elcl_ref_keys *keys, int d, double scale)
{
    const int n = count(keys);
    double max = -INFINITY, sum = 0;
    for (int j = 0; j < n; j++)
        max = fmax(max, score(q, k, ld, keys, j, d, scale));
    for (int i = 0; i < d; i++)
        out[i] = 0;
    for (int j = 0; j < n; j++) {
        const double p = exp(score(q, k, ld, keys, j, d, scale) - max);
        const float *value = v + cache_row(keys, j) * ld;
        sum += p;
        for (int i = 0; i < d; i++)
            out[i] += p * (double)value[i];
    }
    for (int i = 0; n && i < d; i++)
        out[i] /= sum;
}

void elcl_ref_attn_el(double *c, const float *e, const float *y, const struct elcl_ref_keys *keys,
                      int h, int d, double scale)
{
    for (int i = 0; i < h; i++) {
        const struct elcl_ref_keys own = of_head(keys, i);
        attend(c + (size_t)i * d, e + (size_t)i * d, y, y, (size_t)d, &own, d, scale);
    }
}

void elcl_ref_attn_mha(double *o, const float *q, const float *kv, const struct elcl_ref_keys *keys,
                       int h, int dh, size_t kv_ld, size_t k_at, size_t v_at, double scale)
{
    for (int i = 0; i < h; i++) {
        const size_t head = (size_t)i * dh;
        const struct elcl_ref_keys own = of_head(keys, i);
        attend(o + head, q + head, kv + k_at + head, kv + v_at + head, kv_ld, &own, dh, scale);
    }
}
