/* The device's ceilings, measured in the same run as the kernels. */
#include "bench.h"

#include <stdio.h>

#include "probe/ceiling.h"

void bench_ceilings(struct fixture *fx)
{
    elcl_error err = {0};
    elcl_ceilings c;
    struct elcl_core_ceilings core;
    fixture_must(elcl_ceiling_measure(*fx->device, &fx->features, &c, &core, &err), &err);
    fx->read_gbs = c.read_gbs;
    fx->read_core_gbs = core.read_gbs;
    fx->mac_gflops = c.mac_f32_gflops;
    fx->mac_core_gflops = core.mac_f32_gflops;
    fx->mac_int8_gops = c.mac_int8_gops;
    fx->mac_int8_core_gops = core.mac_int8_gops;
    fx->mac_bf16_gflops = c.mac_bf16_gflops;
    fx->mac_bf16_core_gflops = core.mac_bf16_gflops;
    printf("  copy %.1f GB/s, read %.1f GB/s, 1 MiB copy %.1f GB/s, multiply-add %.1f GFLOP/s, "
           "of int8 %.1f GOP/s, of bf16 %.1f GFLOP/s, launch %.1f us, launch and wait %.1f us; per "
           "second of one core: "
           "read %.1f GB, multiply-add %.1f GFLOP, of int8 %.1f GOP, of bf16 %.1f GFLOP\n",
           c.copy_gbs, c.read_gbs, c.cached_copy_gbs, c.mac_f32_gflops, c.mac_int8_gops,
           c.mac_bf16_gflops, c.launch_us, c.wait_us, core.read_gbs, core.mac_f32_gflops,
           core.mac_int8_gops, core.mac_bf16_gflops);
}
