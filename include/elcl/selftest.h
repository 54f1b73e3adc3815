/*
 * The self-test: is elcl correct on this device and driver? It runs every kernel on seeded inputs,
 * at the widths of known models, and compares with a reference in double precision. `elcl selftest`
 * prints its results.
 *
 * The conventions of elcl/elcl.h apply.
 */
#ifndef ELCL_SELFTEST_H
#define ELCL_SELFTEST_H

#include "elcl/elcl.h"

#ifdef __cplusplus
extern "C" {
#endif

enum elcl_selftest_verdict { ELCL_SELFTEST_PASS, ELCL_SELFTEST_FAIL, ELCL_SELFTEST_SKIP };

/* One operation on one shape. Strings are valid during the callback. */
typedef struct elcl_selftest_case {
    const elcl_device_desc *device;
    const char *operation; /* for example "gemm clblast"; "build": compiling the kernels */
    const char *shape;     /* for example "bart-base up M=5 N=3072 K=768" */
    enum elcl_kernels kernels;
    enum elcl_storage weights, state;
    enum elcl_selftest_verdict verdict;
    double error;       /* of the worst element: |result - reference| */
    double tolerance;   /* for this element; 0: the bits must be equal */
    double ratio;       /* error / tolerance; above 1 if that is why the case failed */
    double seconds;     /* includes compilation if the case is the first to use a kernel */
    const char *reason; /* why the case failed or was skipped, else "" */
} elcl_selftest_case;

/* Called after each case. */
typedef void (*elcl_selftest_fn)(void *user, const elcl_selftest_case *result);

typedef struct elcl_selftest_params {
    const char *device;        /* as in elcl_device_list_find(), default NULL */
    enum elcl_kernels kernels; /* default ELCL_KERNELS_AUTO */
    int small;                 /* 1: tiny shapes only, for slow OpenCL implementations; default 0 */
    double budget_seconds;     /* cases that would start later are skipped; 0 (default): no limit */
    uint64_t seed;             /* of all inputs, default 0 */
    int no_cache; /* 1: compile every kernel from source and store nothing; default 0 */
    int no_matrix_instructions; /* as in elcl_model_params, default 0 */
    /* More options for the kernels' compiler, or NULL (default). Use a driver's own options to find
     * out what a failure depends on. */
    const char *build_options;
    elcl_selftest_fn on_case; /* may be NULL */
    void *user;               /* first argument of on_case */
    unsigned reserved[7];
} elcl_selftest_params;

typedef struct elcl_selftest_summary {
    int passed, failed, skipped; /* cases */
    double seconds;
} elcl_selftest_summary;

ELCL_API elcl_selftest_params elcl_selftest_params_default(void);

/* Runs the self-test. Blocks. A failed case is not an error of the call: read the summary.
 *
 * params: may be NULL.
 *
 * ELCL_E_DEVICE:      no device matches, or it cannot be opened.
 * ELCL_E_UNSUPPORTED: these kernels are known to crash this device's driver. */
ELCL_API int elcl_selftest(const elcl_selftest_params *params, elcl_selftest_summary *summary,
                           elcl_error *err);

#ifdef __cplusplus
}
#endif

#endif /* ELCL_SELFTEST_H */
