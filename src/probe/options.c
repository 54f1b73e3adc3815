#include "probe/options.h"

#include <stdio.h>

#include "elcl/plan.h"

int elcl_cpu_vector_width(const elcl_device_desc *device)
{
    return device->vector_width >= 16 ? 16 : device->vector_width >= 8 ? 8 : 4;
}

int elcl_cpu_tile_rows(int vector, enum elcl_dot dot)
{
    if (dot == ELCL_DOT_VPMADDUBSW) /* 16 registers hold 4 rows, and their inputs */
        return vector == 16 ? 6 : 4;
    return vector == 16 ? 12 : 6;
}

void elcl_kernel_options_write(const struct elcl_kernel_options *o,
                               struct elcl_program_parts *parts)
{
    static const char *const suffixes[] = {[ELCL_F32] = "F32",
                                           [ELCL_F16] = "F16",
                                           [ELCL_BF16] = "BF16",
                                           [ELCL_INT8] = "INT8",
                                           [ELCL_INT4] = "INT4"};
    (void)snprintf(parts->options, sizeof(parts->options),
                   "-DELCL_WEIGHT_%s -DELCL_STATE_%s -DELCL_ACT_%s -DVW=%d -DWG=%zu -DGEMM_ROWS=%d "
                   "-DK_PACK=%d -DK_STEP=%d%s",
                   suffixes[o->weights], suffixes[o->state], suffixes[o->activations], o->vector,
                   o->items, elcl_cpu_tile_rows(o->vector, o->dot), elcl_dot_kinds[o->dot].k_pack,
                   elcl_dot_kinds[o->dot].k_step, o->weight_pairs ? " -DWEIGHT_PAIRS" : "");
}
