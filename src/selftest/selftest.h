/*
 * The self-test behind elcl_selftest(): every operation of ops/ against src/ref, on whatever
 * device it is. Compact cases for people's machines; tests/kernels has the exhaustive ones.
 *
 * A case calls st_begin(), allocates, and leaves when st_ok() says that something failed; then it
 * runs the operation, compares, and calls st_end(), which frees and reports. Outputs have guard
 * bytes of 0xff behind them, which read as NaN in every storage.
 */
#ifndef ELCL_SELFTEST_SELFTEST_H
#define ELCL_SELFTEST_SELFTEST_H

#include "elcl/selftest.h"
#include "ops/ops.h"
#include "ref/ref.h"

#define ELCL_FIXTURE_U 0x1p-24 /* the error of one rounding to f32 */

/* Widths of a known model. */
struct elcl_selftest_shape {
    const char *name;
    int d, h, f, v; /* Dh = d / h */
    int s;          /* keys of the longest sentence */
    int rows;       /* of an encoder's or prompt's GEMM */
};

struct elcl_fixture {
    const elcl_selftest_params *params;
    struct elcl_device *device;
    struct elcl_features features;
    struct elcl_ops *ops;
    uint64_t begun_ns, case_ns;
    uint32_t counter; /* of the random numbers of the case */
    uint32_t stream;  /* the case */
    void *memory[80];
    int n_memory;
    struct {
        struct elcl_buffer buffer;
        size_t used; /* guard bytes follow; all bytes of an input */
    } buffers[24];
    int n_buffers;
    bool failed;      /* the running case */
    elcl_error err;   /* of an operation, or host memory */
    char shape[96];   /* of the running case */
    char reason[560]; /* of its failure */
    bool fatal;       /* host memory is short: no more cases */
    elcl_selftest_case result;
    elcl_selftest_summary summary;
};

/* Starts a case; false: it has been reported as skipped. */
bool elcl_fixture_begin(struct elcl_fixture *fx, const char *operation, const char *fmt, ...)
    ELCL_PRINTF(3, 4);
void elcl_fixture_end(struct elcl_fixture *fx);
/* Reports a case that cannot be run. */
void elcl_fixture_skip(struct elcl_fixture *fx, const char *operation, const char *shape,
                       const char *reason);
/* Nothing has failed in the running case so far. */
bool elcl_fixture_ok(const struct elcl_fixture *fx);
/* The status of an operation; a failure is the case's. */
bool elcl_fixture_try(struct elcl_fixture *fx, int rc);

/* Host memory until elcl_fixture_end(), zeroed; NULL when short. */
void *elcl_fixture_memory(struct elcl_fixture *fx, size_t n, size_t size);
/* Random numbers: seeded by params->seed and the case. */
int elcl_fixture_int(struct elcl_fixture *fx, int low, int high);
/* n values of mean 0 and variance scale^2, rounded to the storage. */
float *elcl_fixture_floats(struct elcl_fixture *fx, enum elcl_storage storage, size_t n,
                           double scale);
int32_t *elcl_fixture_permutation(struct elcl_fixture *fx, int n);

/* Device buffers until elcl_fixture_end(); never NULL. */
const struct elcl_buffer *elcl_fixture_input(struct elcl_fixture *fx, const void *data,
                                             size_t bytes);
const struct elcl_buffer *elcl_fixture_stored(struct elcl_fixture *fx, enum elcl_storage storage,
                                              const float *values, size_t n);
/* data NULL: guard bytes. */
const struct elcl_buffer *elcl_fixture_output(struct elcl_fixture *fx, const void *data,
                                              size_t bytes);
/* W [batch, N, K] from dense values, which become what it holds; `matrix` until elcl_fixture_end().
 */
void elcl_fixture_matrix(struct elcl_fixture *fx, int batch, int n, int k, float *values,
                         struct elcl_matrix *matrix);
/* The used bytes, after everything enqueued; NULL on a failure. */
void *elcl_fixture_read(struct elcl_fixture *fx, const struct elcl_buffer *buffer);

/* |got - want| <= bound, element by element; remembers the worst. NaN in `want` is an element that
 * may not be written: guard bytes. */
void elcl_fixture_compare(struct elcl_fixture *fx, const char *what, const float *got,
                          const double *want, const double *bound, size_t n);
/* Equal bytes. */
void elcl_fixture_equal(struct elcl_fixture *fx, const char *what, const void *got,
                        const void *want, size_t n, size_t size);

/* The step buffer with a record per row at `at`: fields[f][row], junk where fields[f] is NULL. */
const struct elcl_buffer *elcl_fixture_records(struct elcl_fixture *fx, size_t at, int rows,
                                               const int32_t *const fields[ELCL_ROW_INTS]);

/* The cases, one subject a file. */
void elcl_selftest_gemm(struct elcl_fixture *fx, const struct elcl_selftest_shape *shape);
void elcl_selftest_pointwise(struct elcl_fixture *fx, const struct elcl_selftest_shape *shape);
void elcl_selftest_attention(struct elcl_fixture *fx, const struct elcl_selftest_shape *shape);
void elcl_selftest_beams(struct elcl_fixture *fx, const struct elcl_selftest_shape *shape);
void elcl_selftest_select(struct elcl_fixture *fx, const struct elcl_selftest_shape *shape);

#endif
