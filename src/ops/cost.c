#include "ops/cost.h"

#include <string.h>

static bool begins(const char *name, const char *with)
{
    return !strncmp(name, with, strlen(with));
}

void elcl_cost_add(struct elcl_cost *cost, const char *name, double bytes, double flop)
{
    const bool gemm = begins(name, "gemm");
    const bool cached = gemm ? cost->weights_in_cache : bytes <= cost->cache_bytes;
    const double traffic = bytes / (cached ? cost->cache_bytes_per_ns : cost->memory_bytes_per_ns);
    const double arithmetic = flop / (gemm                    ? cost->gemm_flop_per_ns
                                      : begins(name, "attn_") ? cost->attention_flop_per_ns
                                                              : cost->other_flop_per_ns);
    const double longer = traffic > arithmetic ? traffic : arithmetic;
    cost->ns += (cost->overlap ? longer : traffic + arithmetic) + cost->launch_ns;
}
