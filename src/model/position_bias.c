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
