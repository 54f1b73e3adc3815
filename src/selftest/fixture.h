/*
 * The fixture of all kernel tests: it lends what one run of an operation needs to be compared with
 * src/ref, on whatever device it is. `elcl selftest` and tests/kernels are its two users.
 *
 * A run takes random inputs, host memory and device buffers from the fixture, calls the operation,
 * compares, and ends with elcl_fixture_finish(), which frees everything. After a call that fails
 * the rest of the run does nothing. Host memory may then be NULL: a run asks elcl_fixture_ok()
 * before it touches memory.
 *
 * Guards: bytes of 0xff follow every buffer and fill outputs before the run. They read as NaN in
 * all storages and as -1 in ints. A stray read shows as NaN in the result, a stray write as a
 * changed guard. Inputs must come out unchanged.
 */
#ifndef ELCL_SELFTEST_FIXTURE_H
#define ELCL_SELFTEST_FIXTURE_H

#include "ops/ops.h"
#include "ref/ref.h"

#define ELCL_FIXTURE_U 0x1p-24 /* half a unit in the last place of 1: one rounding to f32 */

/* The same of a storage. */
static inline double elcl_storage_unit(enum elcl_storage storage)
{
    return storage == ELCL_F16 ? 0x1p-11 : storage == ELCL_BF16 ? 0x1p-8 : ELCL_FIXTURE_U;
}

struct elcl_fixture_buffer {
    struct elcl_buffer buffer;
    size_t used;   /* bytes before the guard */
    bool input;    /* must not change */
    uint64_t hash; /* of an input's bytes */
};

struct elcl_fixture {
    /* The user's. */
    struct elcl_device *device;
    struct elcl_features features; /* of the device */
    struct elcl_ops *ops;
    uint64_t seed;
    /* Called for each wrong result, and with a status for the first call that fails in a run. */
    void (*on_failure)(void *user, int status, const char *reason);
    void *user;
    double error, tolerance, ratio; /* the worst since elcl_fixture_begin() */
    /* The fixture's. */
    uint64_t stream;
    uint32_t counter;
    elcl_error err; /* of the run */
    struct elcl_fixture_buffer buffers[64];
    void *memory[96];
    int n_buffers, n_memory;
};

/* Starts a case: its random numbers depend on the seed and this name. */
void elcl_fixture_begin(struct elcl_fixture *fx, const char *name);
/* Ends a run: waits, checks guards and inputs, frees. */
void elcl_fixture_finish(struct elcl_fixture *fx);
/* True until a call fails; wrong results do not count. */
bool elcl_fixture_ok(const struct elcl_fixture *fx);
/* Takes the status of a call that reports to fx->err; true on success. */
bool elcl_fixture_try(struct elcl_fixture *fx, int status);
/* Calls an operation, unless the run has failed. */
#define ELCL_FIXTURE_TRY(fx, call) (elcl_fixture_ok(fx) && elcl_fixture_try((fx), (call)))
/* Reports a wrong result unless `ok`; returns `ok`. */
bool elcl_fixture_check(struct elcl_fixture *fx, bool ok, const char *fmt, ...) ELCL_PRINTF(3, 4);

/* ---- memory and buffers, until elcl_fixture_finish() --------------------------------------- */

/* Zeroed host memory; NULL when short. */
void *elcl_fixture_memory(struct elcl_fixture *fx, size_t n, size_t size);
double *elcl_fixture_doubles(struct elcl_fixture *fx, size_t n);
int32_t *elcl_fixture_ints(struct elcl_fixture *fx, size_t n);
/* n NaN: elements that a reference does not write. */
double *elcl_fixture_unwritten(struct elcl_fixture *fx, size_t n);

/* Device buffers, never NULL. Without data an input is empty and an output holds guard bytes. */
const struct elcl_buffer *elcl_fixture_input(struct elcl_fixture *fx, const void *data,
                                             size_t bytes);
/* The same of n floats. */
const struct elcl_buffer *elcl_fixture_upload(struct elcl_fixture *fx, const float *data, size_t n);
/* The values in a storage. */
const struct elcl_buffer *elcl_fixture_stored(struct elcl_fixture *fx, enum elcl_storage storage,
                                              const float *values, size_t n);
const struct elcl_buffer *elcl_fixture_output(struct elcl_fixture *fx, const void *data,
                                              size_t bytes);
/* W [batch, N, K] from dense values, which become what the device holds; as ops->weights, or in
 * another storage that the operations have. */
const struct elcl_matrix *elcl_fixture_matrix(struct elcl_fixture *fx, int batch, int n, int k,
                                              float *values);
const struct elcl_matrix *elcl_fixture_matrix_as(struct elcl_fixture *fx, enum elcl_storage storage,
                                                 int batch, int n, int k, float *values);
/* The same of a table of token embeddings, [N, K]. */
const struct elcl_matrix *elcl_fixture_table(struct elcl_fixture *fx, int n, int k, float *values);
/* The step buffer with `at` ints of junk before a record per row: fields[f][row], or junk where
 * fields[f] is NULL. */
const struct elcl_buffer *elcl_fixture_records(struct elcl_fixture *fx, size_t at, int rows,
                                               const int32_t *const fields[ELCL_ROW_INTS]);
/* The used bytes after everything enqueued has run; NULL after a failure. */
void *elcl_fixture_read(struct elcl_fixture *fx, const struct elcl_buffer *buffer);

/* The same as floats: the values of a storage. Guard bytes are guard bytes. */
float *elcl_fixture_read_as(struct elcl_fixture *fx, enum elcl_storage storage,
                            const struct elcl_buffer *buffer);

/* ---- random inputs ------------------------------------------------------------------------- */

int elcl_fixture_int(struct elcl_fixture *fx, int low, int high); /* low .. high */
float elcl_fixture_one_of(struct elcl_fixture *fx, const float *values, size_t n);
double elcl_fixture_normal(struct elcl_fixture *fx);
/* n normal values times `scale`, rounded to the storage. */
float *elcl_fixture_normals(struct elcl_fixture *fx, enum elcl_storage storage, size_t n,
                            double scale);
int32_t *elcl_fixture_random_ints(struct elcl_fixture *fx, size_t n, int low, int high);
/* A permutation of 0 .. n - 1. */
int32_t *elcl_fixture_permutation(struct elcl_fixture *fx, int n);

/* ---- comparison: nothing where `got` is NULL ----------------------------------------------- */

/* |got - want| <= bound; `index` is for the message. */
bool elcl_fixture_near(struct elcl_fixture *fx, const char *what, size_t index, double got,
                       double want, double bound);
/* The same element by element. Where want is NaN, got must be guard bytes. */
void elcl_fixture_compare(struct elcl_fixture *fx, const char *what, const float *got,
                          const double *want, const double *bound, size_t n);
/* Adds to bound [n] what the rounding of want [n] +- bound to a storage may add. Nothing for F32,
 * which bounds are for. */
void elcl_storage_bounds(enum elcl_storage storage, const double *want, double *bound, size_t n);
/* A cache of state [rows, n] in parts: the rows that are written have the values that state makes
 * of want, up to near ties of its rounding, and all other bytes are guard bytes. */
void elcl_fixture_compare_state(struct elcl_fixture *fx, const void *got, const float *want,
                                const bool *written, size_t rows, size_t n, size_t part);
/* Equal bytes; names the first element of `size` bytes that differs. */
void elcl_fixture_equal(struct elcl_fixture *fx, const char *what, const void *got,
                        const void *want, size_t n, size_t size);

#endif
