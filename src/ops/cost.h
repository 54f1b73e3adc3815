/* Predicts the time of operations on a device with given rates: the model of elcl_predict(). */
#ifndef ELCL_OPS_COST_H
#define ELCL_OPS_COST_H

#include <stdbool.h>

#include "elcl/measure.h"

struct elcl_cost {
    double memory_bytes_per_ns, cache_bytes_per_ns;
    double cache_bytes;    /* operations that touch less find it in the cache; 0: none do */
    bool weights_in_cache; /* all weights together fit */
    bool overlap;          /* traffic and arithmetic overlap; otherwise they take turns */
    double gemm_flop_per_ns, attention_flop_per_ns, other_flop_per_ns;
    double launch_ns;
    double ns; /* running total */
};

/* Adds an operation. */
void elcl_cost_add(struct elcl_cost *cost, enum elcl_op_class op_class, double bytes, double flop);

#endif
