/* Times GEMMs on a device and derives the choice of the GEMM back end. */
#ifndef ELCL_ENGINE_TUNE_GEMM_H
#define ELCL_ENGINE_TUNE_GEMM_H

#include "engine/tune_file.h"
#include "ops/ops.h"

/* Measures the native GEMM with f16 weights as generation would run it on the device, in 1e9
 * operations per second: a square GEMM that takes some tens of milliseconds at gflops_before. */
int elcl_tune_half_gemm(struct elcl_device *device, const struct elcl_features *features,
                        double gflops_before, double *gflops, elcl_error *err);

/* Returns elcl_ops_params.clblast_rows from the stored trials; bf16 uses those of f16, int8
 * and int4 have none. *next (may be NULL) becomes the rows of the missing trial, or 0. Trials begin
 * with many rows and end when CLBlast is not faster. */
int elcl_tune_clblast_rows(const struct elcl_tune_file *file, enum elcl_storage weights, int *next);

/* Sets n, k and rows of the first product whose ways are not in the table; false: there is none. */
bool elcl_tune_next_way(const struct elcl_tuned_ways *ways, struct elcl_tuned_way *way);

/* Times all ways of that product that the reference finds right, and sets way->way, and way->unsure
 * where one could not run or the times are disturbed. `ops` has wide tiles; its `way` is AUTO again
 * after it. ns: of AUTO, and of the fastest way. */
int elcl_tune_way(struct elcl_ops *ops, struct elcl_tuned_way *way, double ns[2], elcl_error *err);

/* Compares both back ends with the reference and times them if both are right. `ops` has GPU
 * kernels without matrix instructions; its `gemm` changes. `wrong` says what a wrong back end did.
 * Fails if the native one cannot run. A CLBlast that cannot run counts as wrong, for this process:
 * the trial is unsure, as it is where other programs disturbed the times. */
int elcl_tune_try(struct elcl_ops *ops, int rows, struct elcl_tune_trial *trial, elcl_error *wrong,
                  elcl_error *err);

#endif
