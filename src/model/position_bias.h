/* Relative position biases by buckets of distance, as T5 has them. */
#ifndef ELCL_MODEL_POSITION_BIAS_H
#define ELCL_MODEL_POSITION_BIAS_H

#include "model/weights.h"

/* Near distances have a bucket each, farther ones share buckets that widen up to max_distance;
 * beyond it all are in the last. With `both` sides half of the buckets are for keys behind the
 * query; otherwise these are in bucket 0. */
struct elcl_position_buckets {
    int n, max_distance;
    bool both;
};

/* Room for the arithmetic: max_distance beyond the buckets of one distance each. */
bool elcl_position_buckets_valid(const struct elcl_position_buckets *buckets);
/* The bucket, 0 .. n - 1, of a key whose position less the query's is `distance`. */
int elcl_position_bucket(const struct elcl_position_buckets *buckets, int distance);

/* The table [buckets, H] of that name, laid out by distance. */
int elcl_load_position_bias(struct elcl_loader *loader, const char *name,
                            const struct elcl_position_buckets *buckets, int heads,
                            struct elcl_position_bias *bias);

#endif
