/* The self-test of a device: every operation against a reference in double precision. */
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
    const char *operation; /* as "gemm clblast"; "build" where the kernels could not be built */
    const char *shape;     /* for example "bart-base up M=5 N=3072 K=768" */
    enum elcl_kernels kernels;
    enum elcl_storage weights, state;
    enum elcl_selftest_verdict verdict;
    double error;       /* of the worst element: |got - want| */
    double tolerance;   /* what that element may err by; 0 where bits have to be equal */
    double ratio;       /* error / tolerance, above 1 in a case that failed on it */
    double seconds;     /* with compilation, where the case was the first to use a kernel */
    const char *reason; /* why it failed or was skipped, otherwise "" */
} elcl_selftest_case;

typedef void (*elcl_selftest_fn)(void *user, const elcl_selftest_case *result);

typedef struct elcl_selftest_params {
    const char *device;        /* as elcl_model_params.device */
    enum elcl_kernels kernels; /* likewise */
    int small;                 /* 1: tiny shapes alone, for slow OpenCL implementations */
    double budget_seconds;     /* cases that would begin later are skipped; 0: no limit */
    uint64_t seed;             /* of all inputs */
    int no_cache;
    /* Added to the options that kernels are built with, or NULL. With macros that make a kernel
     * wrong it tests the self-test; a driver's own options tell what a failure depends on. */
    const char *build_options;
    elcl_selftest_fn on_case; /* may be NULL */
    void *user;
    unsigned reserved[8];
} elcl_selftest_params;

typedef struct elcl_selftest_summary {
    int passed, failed, skipped;
    double seconds;
} elcl_selftest_summary;

ELCL_API elcl_selftest_params elcl_selftest_params_default(void);

/* Runs every operation and GEMM back end on a device against a reference in double precision, on
 * seeded inputs and the widths of known models. Failing cases are no error of the call: see the
 * summary. Fails when there is no such device or host memory is short. `params` may be NULL. */
ELCL_API int elcl_selftest(const elcl_selftest_params *params, elcl_selftest_summary *summary,
                           elcl_error *err);

#ifdef __cplusplus
}
#endif

#endif /* ELCL_SELFTEST_H */
