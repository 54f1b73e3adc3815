/* The -D options of all programs of cl/, and the sizes of CPU kernels that follow from a device. */
#ifndef ELCL_PROBE_OPTIONS_H
#define ELCL_PROBE_OPTIONS_H

#include "device/program.h"
#include "probe/dot.h"

struct elcl_kernel_options {
    enum elcl_storage weights, state, activations; /* activations: F32 in CPU kernels */
    enum elcl_dot dot;                             /* gives K_PACK */
    bool weight_pairs;                             /* see struct elcl_matrix */
    int vector;                                    /* VW: floats per vector */
    size_t items; /* WG: items of a work-group that has a row for itself; 1: CPU kernels */
};

/* Writes the options to parts->options. */
void elcl_kernel_options_write(const struct elcl_kernel_options *options,
                               struct elcl_program_parts *parts);

/* Rows of accumulators of CPU kernels, GEMM_ROWS: 2 GEMM_ROWS + 3 vectors fit the registers, which
 * are 16 for vectors of 4 or 8 floats and 32 for vectors of 16. */
int elcl_cpu_tile_rows(int vector, enum elcl_dot dot);

#endif
