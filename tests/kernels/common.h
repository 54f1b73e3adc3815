/*
 * What all kernel tests share: a fixture is one set of kernels under test (kernel shape, GEMM back
 * end, storage of weights and state), opened at the first case that needs it and kept; a run on it
 * allocates buffers and host memory that fixture_end() checks and frees.
 *
 * Guards: behind the used part of every buffer and in every output before the run lie bytes of
 * 0xff, which read as NaN in all storage types and as -1 in ints. A stray read shows as NaN in the
 * result, a stray write as a changed guard. Inputs must come out unchanged.
 */
#ifndef ELCL_TESTS_KERNELS_COMMON_H
#define ELCL_TESTS_KERNELS_COMMON_H

#include "check.h"
#include "ops/ops.h"
#include "ref/ref.h"

#define U 0x1p-24 /* half a unit in the last place of 1: the error of one rounding to f32 */

struct fixture_buffer {
    struct elcl_buffer buffer;
    size_t used;   /* bytes before the guard */
    bool guarded;  /* a guard follows */
    bool input;    /* must not change */
    uint64_t hash; /* of an input's bytes */
};

struct fixture {
    const struct check_options *options;
    enum elcl_kernels kernels;
    enum elcl_gemm gemm;
    enum elcl_storage weights, state;
    enum elcl_compute compute;
    bool plain_dot;    /* as in elcl_ops_params */
    enum elcl_mma mma; /* as in elcl_ops_params */
    bool full;         /* all sizes; otherwise a subset */
    char name[48];
    struct elcl_device **device; /* shared by the fixtures of a shape */
    struct elcl_features features;
    struct elcl_ops *ops; /* NULL before the first run */
    struct fixture_buffer buffers[32];
    int n_buffers;
    void *memory[64];
    int n_memory;
    /* Benches: the device's ceilings, 0 before they are measured; core: per second of one core. */
    double read_gbs, read_core_gbs, mac_gflops, mac_core_gflops;
    /* 0: no instruction for such products */
    double mac_int8_gops, mac_int8_core_gops, mac_bf16_gflops, mac_bf16_core_gflops;
};

/* Opens device and kernels when needed. A failure ends the program: nothing can be tested. */
void fixture_begin(struct fixture *fx);
/* Waits; checks guards and inputs; frees what the run allocated. */
void fixture_end(struct fixture *fx);
void fixture_close(struct fixture *fx);
/* A set-up call that has to work. */
void fixture_must(int rc, const elcl_error *err);
/* True under Oclgrind: a hundred times slower, no guards on inputs (it sees stray accesses
 * itself). */
bool fixture_is_slow(const struct fixture *fx);

/* Host memory until fixture_end(), zeroed. */
void *fixture_memory(struct fixture *fx, size_t n, size_t size);
static inline float *fixture_floats(struct fixture *fx, size_t n)
{
    return fixture_memory(fx, n, sizeof(float));
}
static inline double *fixture_doubles(struct fixture *fx, size_t n)
{
    return fixture_memory(fx, n, sizeof(double));
}
static inline int32_t *fixture_ints(struct fixture *fx, size_t n)
{
    return fixture_memory(fx, n, sizeof(int32_t));
}

/* Device buffers until fixture_end(). */
struct elcl_buffer *fixture_input(struct fixture *fx, const void *data, size_t bytes);
/* The values in a storage. */
struct elcl_buffer *fixture_stored(struct fixture *fx, enum elcl_storage storage,
                                   const float *values, size_t n);
/* data NULL: all guard bytes. */
struct elcl_buffer *fixture_output(struct fixture *fx, const void *data, size_t bytes);
/* W [batch, N, K] from dense values. */
struct elcl_matrix *fixture_matrix(struct fixture *fx, int batch, int n, int k,
                                   const float *values);
/* The used bytes after everything enqueued has run. */
void *fixture_read(struct fixture *fx, const struct elcl_buffer *buffer);

/* A permutation of 0 .. n - 1. */
int32_t *fixture_permutation(struct fixture *fx, int n);
/* n normal values times `scale`. */
float *fixture_normals(struct fixture *fx, size_t n, double scale);
/* The same after rounding to storage. */
float *fixture_normals_in(struct fixture *fx, enum elcl_storage storage, size_t n, double scale);

/* Normals [rows, n], each row an output channel, and in *held what the device makes of them. */
float *fixture_weights(struct fixture *fx, size_t rows, size_t n, float **held);
/* n NaN: elements that a reference has not written. */
double *fixture_unwritten(struct fixture *fx, size_t n);
/* |got - want| <= bound element by element; where want is NaN, got must be guard bytes. */
bool check_bounded(const char *what, const float *got, const double *want, const double *bound,
                   size_t n);
/* Equal bytes; names the first element of `size` bytes that differs. */
bool check_bytes(const char *what, const void *got, const void *want, size_t n, size_t size);

const char *storage_name(enum elcl_storage storage);

/* The tests, one subject a file. */
void test_ref(void);
void test_gemm(struct fixture *fx);
void test_inputs(struct fixture *fx);
void test_pointwise(struct fixture *fx);
void test_attention(struct fixture *fx);
void test_attention_tiles(struct fixture *fx); /* of it, what goes by tiles in the GPU shape */
void test_beams(struct fixture *fx);
void test_select(struct fixture *fx);
void test_sample(struct fixture *fx);
void test_sample_beams(struct fixture *fx);
void test_score(struct fixture *fx);
void test_clblast(struct fixture *fx);
void bench(struct fixture *fx);
void bench_gemms(struct fixture *fx);

#endif
