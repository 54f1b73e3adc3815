/* Timing matrix products on a device, and what follows for the choice of the GEMM back end. */
#ifndef ELCL_ENGINE_TUNE_GEMM_H
#define ELCL_ENGINE_TUNE_GEMM_H

#include "engine/tune_file.h"
#include "ops/ops.h"

/* 1e9 operations per second of the native GEMM with f16 weights, as generation would run it on the
 * device: a square product that takes some tens of milliseconds at gflops_before. */
int elcl_tune_half_gemm(struct elcl_device *device, const struct elcl_features *features,
                        double gflops_before, double *gflops, elcl_error *err);

/* elcl_ops_params.clblast_rows by the trials that are stored; bf16 goes by f16, int8 was not tried.
 * *next, where not NULL: rows of the trial that is missing; 0: none. Trials begin at many rows and
 * end where CLBlast is not faster. */
int elcl_tune_clblast_rows(const struct elcl_tune_file *file, enum elcl_storage weights, int *next);

/* Compares either back end with the reference, and times them if both are right. ops: GPU shape
 * without matrix instructions, any `gemm`, which changes. `wrong`: what a wrong one did. Fails when
 * the native one cannot run; CLBlast is then no error but wrong. */
int elcl_tune_try(struct elcl_ops *ops, int rows, struct elcl_tune_trial *trial, elcl_error *wrong,
                  elcl_error *err);

#endif
