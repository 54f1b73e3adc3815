/*
 * The measurements of a device: one small JSON file per device, driver, platform and library
 * version in the directory of the program cache, and per processor for CPU devices. A file that is
 * missing or unusable never fails a generation; its values are then unknown.
 */
#ifndef ELCL_ENGINE_TUNE_FILE_H
#define ELCL_ENGINE_TUNE_FILE_H

#include <stdbool.h>

#include "elcl/measure.h"

#include "base/error.h"
#include "ops/ops.h"

/* GEMMs with weights of one storage and `rows` rows of X, with GPU kernels. */
struct elcl_tune_trial {
    enum elcl_storage weights;
    int rows;
    double native_ms, clblast_ms; /* 0 if that one is wrong */
    bool native_wrong, clblast_wrong;
    bool unsure; /* CLBlast could not run, or the times are disturbed: not stored */
};

#define ELCL_TUNE_MAX_TRIALS 16

struct elcl_tune_file {
    bool has_rates;
    elcl_device_rates rates;
    double spread; /* 0 .. 1, as in elcl_tuned */
    struct elcl_tune_trial trials[ELCL_TUNE_MAX_TRIALS];
    int n_trials;
    struct elcl_tuned_ways ways; /* of wide tiles, with 16-bit weights */
};

/* Returns directory/tune-KEY.json, or NULL without a directory or memory. Free with elcl_free(). */
char *elcl_tune_file_path(const char *directory, const elcl_device_desc *device);

/* Returns the name of a way in the file. */
const char *elcl_tune_way_name(enum elcl_gemm_way way);

/* Reads the file; gives ELCL_OK and zeros if there is none. An error says why an existing file is
 * of no use: ELCL_E_FORMAT if it is broken or belongs to another device, driver or version.
 * `directory` may be NULL. */
int elcl_tune_file_read(const char *directory, const elcl_device_desc *device,
                        struct elcl_tune_file *file, elcl_error *err);

/* Creates or replaces the file atomically. ELCL_E_IO also if `directory` is NULL. */
int elcl_tune_file_write(const char *directory, const elcl_device_desc *device,
                         const struct elcl_tune_file *file, elcl_error *err);

#endif
