/* Relative position biases by buckets of distance, as in T5. */
#ifndef ELCL_MODEL_POSITION_BIAS_H
#define ELCL_MODEL_POSITION_BIAS_H

#include "model/weights.h"

/* Near distances have a bucket each; farther ones share buckets that widen up to max_distance; all
 * beyond it are in the last. With `both` sides half of the buckets are for keys after the query;
 * otherwise those are in bucket 0. */
struct elcl_position_buckets {
    int n, max_distance;
    bool both;
};

/* max_distance must exceed the buckets of one distance each. */
bool elcl_position_buckets_valid(const struct elcl_position_buckets *buckets);
/* Returns the bucket, 0 .. n - 1, of a key at position `distance` relative to the query. */
int elcl_position_bucket(const struct elcl_position_buckets *buckets, int distance);

/* Loads the table [buckets, H] of that name and lays it out by distance. */
int elcl_load_position_bias(struct elcl_loader *loader, const char *name,
                            const struct elcl_position_buckets *buckets, int heads,
                            struct elcl_position_bias *bias);

#endif
