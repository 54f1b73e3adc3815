#include "ref/ref.h"

#include <math.h>
#include <stdlib.h>

/* A kept token in the order of one cut-off: those of small keys stay. */
struct entry {
    double key, p;
};

static int by_key(const void *a, const void *b)
{
    const double x = ((const struct entry *)a)->key, y = ((const struct entry *)b)->key;
    return x < y ? -1 : x > y;
}

static void note(double *margin, double distance)
{
    *margin = fmin(*margin, fabs(distance));
}

/* p [V] = softmax over the tokens with p > 0, of y. */
static void normalize(double *p, const double *y, int v)
{
    double max = -INFINITY, sum = 0;
    for (int i = 0; i < v; i++)
        max = p[i] > 0 ? fmax(max, y[i]) : max;
    for (int i = 0; i < v; i++)
        p[i] = p[i] > 0 ? exp(y[i] - max) : 0;
    for (int i = 0; i < v; i++)
        sum += p[i];
    for (int i = 0; i < v; i++)
        p[i] /= sum > 0 ? sum : 1;
}

/* Removes every token before which, by rising key, at least `mass` and `keep` tokens lie; the first
 * ones always stay, and equal keys share their lot. `order` has room for V. */
static void cut(double *p, const double *key, int v, double mass, int keep, struct entry *order,
                double *margin)
{
    int n = 0, last = 0;
    for (int i = 0; i < v; i++)
        if (p[i] > 0)
            order[n++] = (struct entry){key[i], p[i]};
    qsort(order, (size_t)n, sizeof(*order), by_key);
    double before = 0, group = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && order[i].key > order[i - 1].key) {
            before += group;
            group = 0;
            note(margin, before - mass);
            if (before >= mass && i >= keep)
                break;
        }
        group += order[i].p;
        last = i;
    }
    for (int i = 0; i < v; i++)
        if (p[i] > 0 && key[i] > order[last].key)
            p[i] = 0;
}

static void cut_top_k(double *p, const double *y, int v, int k, struct entry *order)
{
    int n = 0;
    for (int i = 0; i < v; i++)
        if (p[i] > 0)
            order[n++] = (struct entry){-y[i], p[i]};
    qsort(order, (size_t)n, sizeof(*order), by_key);
    for (int i = 0; i < v && k < n; i++)
        if (-y[i] > order[k - 1].key)
            p[i] = 0;
}

static void cut_min_p(double *p, double min_p, int v, int keep, struct entry *order, double *margin)
{
    int n = 0;
    for (int i = 0; i < v; i++)
        if (p[i] > 0)
            order[n++] = (struct entry){-p[i], p[i]};
    qsort(order, (size_t)n, sizeof(*order), by_key);
    const double best = n ? order[0].p : 0;
    const int kept = keep < n ? keep : n;
    const double safe = kept > 1 ? order[kept - 1].p : INFINITY; /* so likely ones stay */
    for (int i = 0; i < v; i++) {
        if (min_p > 0 && p[i] > 0)
            note(margin, p[i] / best - min_p);
        if (p[i] < min_p * best && p[i] < safe)
            p[i] = 0;
    }
}

/* key [V] = |-log p - H| of the kept tokens. */
static void typical_keys(double *key, const double *p, int v)
{
    double entropy = 0;
    for (int i = 0; i < v; i++)
        entropy -= p[i] > 0 ? p[i] * log(p[i]) : 0;
    for (int i = 0; i < v; i++)
        key[i] = p[i] > 0 ? fabs(-log(p[i]) - entropy) : INFINITY;
}

bool elcl_ref_warp(double *p, const double *scores, const struct elcl_ref_sampling *s, int v,
                   double *margin)
{
    double *y = calloc((size_t)v, sizeof(*y)), *key = calloc((size_t)v, sizeof(*key));
    struct entry *order = malloc((size_t)v * sizeof(*order));
    const bool ok = y && key && order;
    *margin = INFINITY;
    for (int i = 0; ok && i < v; i++) {
        y[i] = scores[i] / s->temperature;
        key[i] = -y[i];
        p[i] = scores[i] > -INFINITY;
    }
    if (ok && s->top_k > 0)
        cut_top_k(p, y, v, s->top_k, order);
    if (ok) {
        normalize(p, y, v);
        if (s->top_p < 1)
            cut(p, key, v, s->top_p, s->keep, order, margin);
        normalize(p, y, v);
        cut_min_p(p, s->min_p, v, s->keep, order, margin);
        normalize(p, y, v);
        typical_keys(key, p, v);
        if (s->typical_p < 1)
            cut(p, key, v, s->typical_p, s->keep, order, margin);
        normalize(p, y, v);
    }
    free(y);
    free(key);
    free(order);
    return ok;
}

int elcl_ref_draw(const double *p, int v, double uniform)
{
    double sum = 0;
    int last = -1;
    for (int i = 0; i < v; i++) {
        if (!(p[i] > 0))
            continue;
        sum += p[i];
        last = i;
        if (sum > uniform)
            break;
    }
    return last;
}

void elcl_ref_beam_keys(double *keys, double *values, const double *p, const double *scores,
                        const double *gumbel, double temperature, bool renormalize, int v)
{
    for (int i = 0; i < v; i++) {
        values[i] = renormalize ? log(p[i]) : scores[i] / temperature;
        if (!(p[i] > 0))
            values[i] = -INFINITY;
        keys[i] = values[i] + gumbel[i];
    }
}
