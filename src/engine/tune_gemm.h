/* Timing matrix products on a device. */
#ifndef ELCL_ENGINE_TUNE_GEMM_H
#define ELCL_ENGINE_TUNE_GEMM_H

#include "ops/ops.h"

/* 1e9 operations per second of the native GEMM with f16 weights, as generation would run it on the
 * device: a square product that takes some tens of milliseconds at gflops_before. */
int elcl_tune_half_gemm(struct elcl_device *device, double gflops_before, double *gflops,
                        elcl_error *err);

#endif
