/*
 * Measurements: what engines have done, how long each kernel took, how fast a device is, and
 * synthetic models to measure with. An application needs this header for statistics and for
 * elcl_tune(); the rest is for people who look at speed.
 *
 * The conventions of elcl/elcl.h apply.
 */
#ifndef ELCL_MEASURE_H
#define ELCL_MEASURE_H

#include "elcl/elcl.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- statistics ---------------------------------------------------------------------------- */

/* Totals since the engine was created, except where a comment says otherwise. */
typedef struct elcl_engine_stats {
    int batch_size;           /* the most requests in flight */
    uint64_t samples;         /* finished requests */
    uint64_t cancelled;       /* requests, not among the samples */
    uint64_t waiting;         /* requests in the queue now */
    uint64_t in_flight;       /* requests in the batch now */
    uint64_t source_tokens;   /* encoded */
    uint64_t output_tokens;   /* of each request's best hypothesis, without start token or prompt */
    uint64_t steps;           /* decoding steps */
    uint64_t rows;            /* hypotheses, summed over all steps */
    double seconds;           /* inside elcl_engine_step() */
    uint64_t planned_bytes;   /* device buffers now, weights included, computed from their sizes */
    uint64_t live_bytes;      /* device buffers now, of the model and all its engines and scorers */
    uint64_t peak_bytes;      /* the highest live_bytes so far */
    uint64_t bytes_moved;     /* memory traffic that the operations need, estimated */
    uint64_t flop;            /* arithmetic that the operations need */
    uint64_t restored_tokens; /* of the source tokens: whose encoder output the encoder cache had */
    double compile_seconds; /* in which the driver compiled kernels for the model's device; short if
                             * it had them in its cache */
} elcl_engine_stats;

/* Writes the engine's statistics after its last finished step. Any thread may call this. */
ELCL_API void elcl_engine_get_stats(elcl_engine *engine, elcl_engine_stats *stats);

/* Writes the statistics of engine i, 0 .. n-1; the same rules apply. With several engines, requests
 * that no engine has taken yet wait in the pool and are not counted. */
ELCL_API void elcl_pool_get_stats(elcl_pool *pool, int i, elcl_engine_stats *stats);

/* Writes the scorer's statistics: samples are requests, steps are passes, output tokens are scored
 * tokens, batch_size is the tokens of a pass. */
ELCL_API void elcl_scorer_get_stats(const elcl_scorer *scorer, elcl_engine_stats *stats);

/* Sets peak_bytes of the model's engines and scorers to the current live_bytes. */
ELCL_API void elcl_model_reset_peak(elcl_model *model);

/* ---- profiles ------------------------------------------------------------------------------ */

/* What an operation computes: each class has its own peak rate. */
enum elcl_op_class {
    ELCL_OP_OTHER,
    ELCL_OP_GEMM, /* matrix products in f32, also of smaller weights */
    ELCL_OP_GEMM_INT8,
    ELCL_OP_GEMM_BF16,
    ELCL_OP_ATTENTION,
    ELCL_OP_GEMM_MATRIX,      /* by a matrix instruction, also of numbers in several parts */
    ELCL_OP_ATTENTION_MATRIX, /* likewise */
    ELCL_OP_ATTENTION_INT8    /* integers of int8 or int4 state with factors of 16 bits */
};

/* All calls of one operation. */
typedef struct elcl_kernel_time {
    const char *name; /* a literal */
    uint64_t calls;
    uint64_t ns;          /* on the device, of all calls together */
    uint64_t bytes_moved; /* memory traffic that the calls need, estimated */
    uint64_t flop;        /* arithmetic that the calls need */
    enum elcl_op_class op_class;
} elcl_kernel_time;

/* Prompts of decoder-only models count as ENCODE. */
enum elcl_phase { ELCL_PHASE_ENCODE, ELCL_PHASE_STEP };

/* One call. Times are the device's own clock. */
typedef struct elcl_kernel_span {
    const char *name;
    uint64_t start_ns, end_ns;
    uint64_t bytes_moved, flop; /* as in elcl_kernel_time */
    enum elcl_phase phase;
    enum elcl_op_class op_class;
} elcl_kernel_span;

typedef struct elcl_engine_profile {
    const elcl_kernel_time *times; /* [n_times], slowest first */
    int n_times;
    const elcl_kernel_span *spans; /* [n_spans], in launch order; the first 2^20 calls */
    size_t n_spans;
} elcl_engine_profile;

/* Writes how long the kernels took since the engine last allocated its buffers. All zeros unless
 * elcl_engine_params.profile or elcl_model_params.profile is set. Waits for the device. The engine
 * owns the arrays; they are valid until its next step. */
ELCL_API void elcl_engine_get_profile(elcl_engine *engine, elcl_engine_profile *profile);

/* Writes the profile of engine i, 0 .. n-1. Call it only while nothing is pending. */
ELCL_API void elcl_pool_get_profile(elcl_pool *pool, int i, elcl_engine_profile *profile);

/* ---- devices ------------------------------------------------------------------------------- */

/* One fast path of a device and whether elcl uses it. */
typedef struct elcl_probe_verdict {
    const char *name;   /* for example "fma" */
    int on;             /* 1: used */
    const char *reason; /* why, one sentence */
} elcl_probe_verdict;

/* Finds out which fast paths work on device i, by building and running small kernels. Takes up to
 * some seconds; results are kept on disk unless a kernel could not run or other programs disturbed
 * the times.
 *
 * verdicts: receives an array [n_verdicts] that the list owns.
 *
 * ELCL_E_ARG:    i is not 0 .. count-1.
 * ELCL_E_DEVICE: the device cannot be opened. */
ELCL_API int elcl_device_list_probe(elcl_device_list *list, int i,
                                    const elcl_probe_verdict **verdicts, int *n_verdicts,
                                    elcl_error *err);

/* The same, but always runs the kernels; what is sure replaces what is on disk. Arrays of earlier
 * calls for the device are freed. */
ELCL_API int elcl_device_list_probe_again(elcl_device_list *list, int i,
                                          const elcl_probe_verdict **verdicts, int *n_verdicts,
                                          elcl_error *err);

/* Finds out whether the cache directory can be used, and creates it if it is missing: for built
 * kernels, verdicts and measurements. It must belong to the user, and nobody else may write to it.
 * Without it everything works, but nothing is kept.
 *
 * directory: receives its path, freed with elcl_free(), or NULL if the environment names none.
 *
 * ELCL_E_IO: it cannot be used; the message says why. */
ELCL_API int elcl_check_cache(char **directory, elcl_error *err);

/* How fast a device is: from its data sheet, or measured with small kernels. Rates count 1e9 per
 * second; a multiply-add is two operations. Other kernels are as good as the fraction of these
 * rates that they reach. */
typedef struct elcl_device_rates {
    enum elcl_device_type type;
    enum elcl_kernels kernels; /* AUTO: those for the type */
    double memory_gbs;         /* bytes read from memory; measured: by a sum */
    double copy_gbs;           /* bytes read and written by a copy in memory; 0: not known */
    double cache_bytes;        /* of the last level; 0: not known, all traffic goes to memory */
    double cache_gbs;          /* must be above 0 if cache_bytes is; measured: a copy of 1 MiB */
    double f32_gflops;         /* f32 multiply-adds */
    double half_gflops;        /* 16-bit inputs with f32 sums, matrix units included */
    double int8_gops;          /* int8 multiply-adds of int8 compute; 0: int8 weights take
                                * f32_gflops */
    double bf16_gflops;        /* bf16 multiply-adds of bf16 compute; 0: bf16 weights take
                                * half_gflops */
    double launch_us;          /* a small kernel among many in a queue */
    double wait_us;            /* a small kernel and the wait for it */
    double matrix_gflops;      /* measured: 16-bit multiply-adds of a GPU's matrix instruction, with
                                * f32 sums; 0: none */
    double state_gops;         /* multiply-adds of the integers of int8 and int4 state with factors
                                * of 16 bits; 0: such state takes f32_gflops */
    double reserved[4];
} elcl_device_rates;

/* Measures a device in about two seconds, with up to 512 MiB of its memory; half_gflops is the
 * larger of f32_gflops and matrix_gflops. Blocks.
 *
 * device: as in elcl_device_list_find(); NULL: the default device.
 *
 * ELCL_E_DEVICE:       no device matches, or an OpenCL call failed.
 * ELCL_E_BUILD:        the driver's compiler rejected a kernel.
 * ELCL_E_DEVICE_NOMEM: a buffer does not fit. */
ELCL_API int elcl_measure_rates(const char *device, elcl_device_rates *rates, elcl_error *err);

/* Reads the rates that elcl_tune() stored with this version of the library and this driver. Reads
 * names, type, gpu_kernels and cache_bytes of the description.
 *
 * Returns 1 if they are there. Returns 0 and leaves *rates as it is if they are not, or if they
 * cannot be read. */
ELCL_API int elcl_stored_rates(const elcl_device_desc *device, elcl_device_rates *rates);

/* ---- tuning -------------------------------------------------------------------------------- */

typedef struct elcl_tune_params {
    const char *device;        /* as in elcl_device_list_find(), default NULL */
    enum elcl_kernels kernels; /* default ELCL_KERNELS_AUTO */
    double budget_seconds;     /* no part starts later; default 60, 0: no limit */
    int again;                 /* 1: forget what is stored; 0 (default): improve it */
    /* Called with one line after each part; may be NULL. If it does not return 0, elcl_tune()
     * stops with ELCL_E_INTERRUPTED. */
    int (*report)(void *user, const char *line);
    void *user; /* first argument of report */
    unsigned reserved[8];
} elcl_tune_params;

ELCL_API elcl_tune_params elcl_tune_params_default(void);

typedef struct elcl_tuned {
    elcl_device_rates rates;
    int clblast_rows_f32; /* CLBlast is faster than the native GEMM from this many rows on, with f32
                           * weights; -1: never; 0: not measured, elcl decides by the device */
    int clblast_rows_half; /* the same with 16-bit weights */
    int complete;          /* 0: the budget or report() left parts out; the next call starts with
                            * them */
    double spread; /* how far the worst measurement of a rate fell short of the best, 0 .. 1 */
    double reserved[8];
} elcl_tuned;

/* Measures a device and stores the result in the cache directory. From then on this version of the
 * library uses it with this driver: ELCL_ATTN_AUTO predicts with the rates, and ELCL_GEMM_AUTO
 * switches to CLBlast where it is faster. Nothing else about generation changes. Blocks. Do not run
 * it twice at the same time for one device.
 *
 * Each rate is the best of three short measurements some seconds apart and of what is stored, since
 * other programs can only slow a device down. half_gflops is the rate of the native GEMM with f16
 * weights if that is above f32_gflops. Then, only with GPU kernels and without matrix instructions,
 * elcl compares CLBlast with the native GEMM; both are first checked against a reference.
 *
 * params: may be NULL.
 *
 * ELCL_E_INTERRUPTED:  report() asked to stop. Finished parts are stored, and *tuned has them.
 * ELCL_E_IO:           the result cannot be stored.
 * ELCL_E_DEVICE:       no device matches, or an OpenCL call failed.
 * ELCL_E_UNSUPPORTED:  these kernels are known to crash this device's driver.
 * ELCL_E_BUILD:        the driver's compiler rejected a kernel.
 * ELCL_E_DEVICE_NOMEM: a buffer does not fit. */
ELCL_API int elcl_tune(const elcl_tune_params *params, elcl_tuned *tuned, elcl_error *err);

/* ---- synthetic models ---------------------------------------------------------------------- */

/* Models with the hyper-parameters of known ones and random weights. The same seed gives the same
 * weights on every machine. They have no tokenizer. */

/* Returns the name of synthetic model i, for example "bart-base", or NULL after the last one. */
ELCL_API const char *elcl_synthetic_name(int i);

/* Opens a synthetic model, as elcl_model_open() opens a directory.
 *
 * params: may be NULL.
 *
 * ELCL_E_ARG: there is no model of this name.
 * ELCL_E_UNSUPPORTED, ELCL_E_DEVICE, ELCL_E_BUILD, ELCL_E_DEVICE_NOMEM: as elcl_model_open(). */
ELCL_API int elcl_model_open_synthetic(const char *name, uint64_t seed,
                                       const elcl_model_params *params, elcl_model **model,
                                       elcl_error *err);

/* Writes config.json and model.safetensors of a synthetic model into a directory, which is created
 * if necessary. elcl_model_open() and other programs can open it. The weights are stored in bf16
 * without loss.
 *
 * ELCL_E_ARG: there is no model of this name.
 * ELCL_E_IO:  the directory or a file cannot be written. */
ELCL_API int elcl_synthetic_export(const char *name, uint64_t seed, const char *directory,
                                   elcl_error *err);

#ifdef __cplusplus
}
#endif

#endif /* ELCL_MEASURE_H */
