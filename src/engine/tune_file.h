/*
 * What was measured on a device: one small JSON file per device, driver, platform and version of
 * the library, in the directory of the program cache. Nothing about it can fail a run: what is not
 * there or cannot be used is not known.
 */
#ifndef ELCL_ENGINE_TUNE_FILE_H
#define ELCL_ENGINE_TUNE_FILE_H

#include <stdbool.h>

#include "elcl/measure.h"

#include "base/error.h"

/* Some products with weights of a storage and so many rows of X, in the GPU shape. */
struct elcl_tune_trial {
    enum elcl_storage weights;
    int rows;
    double native_ms, clblast_ms; /* 0 where one is wrong */
    bool native_wrong, clblast_wrong;
};

#define ELCL_TUNE_MAX_TRIALS 16

struct elcl_tune_file {
    bool has_rates;
    elcl_device_rates rates;
    double spread; /* 0 .. 1, as in elcl_tuned */
    struct elcl_tune_trial trials[ELCL_TUNE_MAX_TRIALS];
    int n_trials;
};

/* directory/tune-KEY.json; NULL without a directory or memory. Freed with elcl_free(). */
char *elcl_tune_file_path(const char *directory, const elcl_device_desc *device);

/* ELCL_OK and zeros where there is no file. An error says why a file that is there is of no use:
 * ELCL_E_FORMAT for what is broken or of another device, driver or version. `directory` may be
 * NULL. */
int elcl_tune_file_read(const char *directory, const elcl_device_desc *device,
                        struct elcl_tune_file *file, elcl_error *err);

/* Makes or replaces the file, whole or not at all. ELCL_E_IO also where `directory` is NULL. */
int elcl_tune_file_write(const char *directory, const elcl_device_desc *device,
                         const struct elcl_tune_file *file, elcl_error *err);

#endif
