#include "model/position_bias.h"

#include <math.h>
#include <stdlib.h>

#include "base/util.h"

/* Returns the buckets of one side, and how many of them have one distance each. */
static int side_buckets(const struct elcl_position_buckets *buckets)
{
    return buckets->both ? buckets->n / 2 : buckets->n;
}

static int exact(const struct elcl_position_buckets *buckets)
{
    return side_buckets(buckets) / 2;
}

bool elcl_position_buckets_valid(const struct elcl_position_buckets *buckets)
{
    return exact(buckets) > 0 && buckets->max_distance > exact(buckets);
}

/* At the edge of a bucket rounding decides: all steps are in f32, like the arithmetic that models
 * are trained with. */
static int far_bucket(const struct elcl_position_buckets *buckets, int distance)
{
    const int n = side_buckets(buckets), near = exact(buckets);
    const float whole = (float)log((double)buckets->max_distance / near);
    const float ratio = (float)distance / (float)near;
    const float part = (float)log((double)ratio) / whole;
    const float place = part * (float)(n - near);
    return elcl_min_int(near + (int)place, n - 1);
}

int elcl_position_bucket(const struct elcl_position_buckets *buckets, int distance)
{
    const int side = buckets->both && distance > 0 ? side_buckets(buckets) : 0;
    const int away = buckets->both ? abs(distance) : distance < 0 ? -distance : 0;
    return side + (away < exact(buckets) ? away : far_bucket(buckets, away));
}

int elcl_load_position_bias(struct elcl_loader *loader, const char *name,
                            const struct elcl_position_buckets *buckets, int heads,
                            struct elcl_position_bias *bias)
{
    const int max_distance = buckets->max_distance, width = 2 * max_distance + 1;
    const size_t n = (size_t)heads * (size_t)width;
    float *stored = NULL, *values = NULL;
    int rc;
    ELCL_TRY(elcl_load_values(loader, name, buckets->n, heads, &stored));
    values = elcl_calloc(n, sizeof(*values));
    if (!values) {
        rc = elcl_fail_nomem(loader->err);
        goto fail;
    }
    for (int i = 0; stored && i < width; i++) {
        const size_t bucket = (size_t)elcl_position_bucket(buckets, i - max_distance);
        for (size_t h = 0; h < (size_t)heads; h++)
            values[h * (size_t)width + (size_t)i] = stored[bucket * (size_t)heads + h];
    }
    ELCL_TRY(elcl_load_computed(loader, "position bias", values, n, &bias->table));
    bias->max_distance = max_distance;
fail:
    elcl_free(stored);
    elcl_free(values);
    return rc;
}

/* A slope is 2^(-8 i / n), i from 1 on, where n is the number of heads if that is a power of two;
 * further heads take every other slope of twice as many. */
static double slope_of(int head, int heads)
{
    int n = 1;
    while (2 * n <= heads)
        n *= 2;
    return head < n ? exp2(-8.0 * (head + 1) / n) : exp2(-4.0 * (2 * (head - n) + 1) / n);
}

int elcl_load_alibi(struct elcl_loader *loader, int heads, int max_distance,
                    struct elcl_position_bias *bias)
{
    const size_t width = 2 * (size_t)max_distance + 1, n = (size_t)heads * width;
    float *values = loader->plan ? NULL : elcl_calloc(n, sizeof(*values));
    if (!values && !loader->plan)
        return elcl_fail_nomem(loader->err);
    for (int h = 0; values && h < heads; h++)
        for (int i = 0; i < max_distance; i++)
            values[(size_t)h * width + (size_t)i] =
                (float)(slope_of(h, heads) * (double)(i - max_distance));
    const int rc = elcl_load_computed(loader, "position bias", values, n, &bias->table);
    bias->max_distance = max_distance;
    elcl_free(values);
    return rc;
}

/* Far below every score, and far from the end of the range: sums with scores stay finite. */
#define HIDDEN -1e30f

int elcl_load_window(struct elcl_loader *loader, int heads, int window,
                     struct elcl_position_bias *bias)
{
    const int max_distance = window ? window : 1;
    const size_t width = 2 * (size_t)max_distance + 1, n = (size_t)heads * width;
    float *values = elcl_calloc(n, sizeof(*values));
    if (!values)
        return elcl_fail_nomem(loader->err);
    for (size_t h = 0; window && h < (size_t)heads; h++)
        values[h * width] = values[h * width + width - 1] = HIDDEN;
    const int rc = elcl_load_computed(loader, "position bias", values, n, &bias->table);
    bias->max_distance = max_distance;
    elcl_free(values);
    return rc;
}
