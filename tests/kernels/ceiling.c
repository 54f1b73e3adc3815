/* The device's ceilings, measured in the same run as the kernels. */
#include "bench.h"

#include <stdio.h>

#include "device/ceiling.h"

void bench_ceilings(struct bed *bed)
{
    elcl_error err = {0};
    elcl_ceilings c;
    bed_must(elcl_ceiling_measure(*bed->device, &c, &err), &err);
    bed->copy_gbs = c.copy_gbs;
    bed->mac_gflops = c.mac_f32_gflops;
    printf("  copy %.1f GB/s, 1 MiB copy %.1f GB/s, multiply-add %.1f GFLOP/s, launch %.1f us, "
           "launch and wait %.1f us\n",
           c.copy_gbs, c.cached_copy_gbs, c.mac_f32_gflops, c.launch_us, c.wait_us);
}
