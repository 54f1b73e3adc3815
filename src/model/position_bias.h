/* Biases of scores by the distance of a key from the query: buckets of distance as in T5, linear
 * biases (ALiBi), and windows. */
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

/* Computes ALiBi: minus the distance times a slope for each head (arXiv 2108.12409), for keys up to
 * max_distance before the query. */
int elcl_load_alibi(struct elcl_loader *loader, int heads, int max_distance,
                    struct elcl_position_bias *bias);
/* Hides keys that are `window` or more positions away, on either side. 0: hides none. */
int elcl_load_window(struct elcl_loader *loader, int heads, int window,
                     struct elcl_position_bias *bias);

#endif
