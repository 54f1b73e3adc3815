#include "ops/cost.h"

static double flop_rate(const struct elcl_cost *cost, enum elcl_op_class op_class)
{
    switch (op_class) {
    case ELCL_OP_GEMM:
    case ELCL_OP_GEMM_INT8:
    case ELCL_OP_GEMM_BF16:
    case ELCL_OP_GEMM_MATRIX:
        return cost->gemm_flop_per_ns;
    case ELCL_OP_ATTENTION:
    case ELCL_OP_ATTENTION_MATRIX:
    case ELCL_OP_ATTENTION_INT8:
        return cost->attention_flop_per_ns;
    default:
        return cost->other_flop_per_ns;
    }
}

void elcl_cost_add(struct elcl_cost *cost, enum elcl_op_class op_class, double bytes, double flop)
{
    const bool weights = op_class != ELCL_OP_OTHER && op_class != ELCL_OP_ATTENTION &&
                         op_class != ELCL_OP_ATTENTION_MATRIX && op_class != ELCL_OP_ATTENTION_INT8;
    const bool cached = weights ? cost->weights_in_cache : bytes <= cost->cache_bytes;
    const double traffic = bytes / (cached ? cost->cache_bytes_per_ns : cost->memory_bytes_per_ns);
    const double arithmetic = flop / flop_rate(cost, op_class);
    const double longer = traffic > arithmetic ? traffic : arithmetic;
    cost->ns += (cost->overlap ? longer : traffic + arithmetic) + cost->launch_ns;
}
