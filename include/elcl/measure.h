/*
 * Measurements: what engines did and how long kernels took, how fast a device is, and models with
 * random weights to measure with.
 */
#ifndef ELCL_MEASURE_H
#define ELCL_MEASURE_H

#include "elcl/elcl.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- statistics ------------------------------------------------------------------------------ */

typedef struct elcl_engine_stats {
    int batch_size;         /* sentences that fit */
    uint64_t samples;       /* finished */
    uint64_t source_tokens; /* encoded */
    uint64_t output_tokens; /* in finished best hypotheses, without start token or prompt */
    uint64_t steps;         /* decoding steps */
    uint64_t rows;          /* hypothesis rows over all steps */
    double seconds;         /* inside elcl_engine_step() */
    uint64_t planned_bytes; /* device buffers, weights included, from the plan's arithmetic */
    uint64_t live_bytes;    /* device buffers of the model now */
    uint64_t peak_bytes;    /* their largest sum so far */
    uint64_t bytes_moved;   /* device memory traffic that the operations need, estimated */
    uint64_t flop;          /* arithmetic that the operations need */
} elcl_engine_stats;

ELCL_API void elcl_engine_get_stats(const elcl_engine *engine, elcl_engine_stats *stats);

/* One operation of an engine with elcl_engine_params.profile or elcl_model_params.profile. */
typedef struct elcl_kernel_time {
    const char *name; /* the operation, a literal */
    uint64_t calls;
    uint64_t ns;          /* on the device, all calls together */
    uint64_t bytes_moved; /* device memory traffic that the calls need, estimated */
    uint64_t flop;        /* arithmetic that they need */
} elcl_kernel_time;

enum elcl_phase { ELCL_PHASE_ENCODE, ELCL_PHASE_STEP }; /* prompts are read in ENCODE */

/* One call; times are the device's own clock. */
typedef struct elcl_kernel_span {
    const char *name;
    uint64_t start_ns, end_ns;
    uint64_t bytes_moved, flop; /* as in elcl_kernel_time */
    enum elcl_phase phase;
} elcl_kernel_span;

typedef struct elcl_engine_profile {
    const elcl_kernel_time *times; /* [n_times], slowest first */
    int n_times;
    const elcl_kernel_span *spans; /* [n_spans], as launched; the first million of them */
    size_t n_spans;
} elcl_engine_profile;

/* What the kernels took since the engine's batch was allocated; all zeros without profile. Waits
 * for the device. Arrays are the engine's, valid until its next step. */
ELCL_API void elcl_engine_get_profile(elcl_engine *engine, elcl_engine_profile *profile);

/* elcl_engine_get_stats() of engine i, 0 .. n-1, as its last finished step left them. */
ELCL_API void elcl_pool_get_stats(elcl_pool *pool, int i, elcl_engine_stats *stats);
/* elcl_engine_get_profile() of engine i, while nothing is pending. */
ELCL_API void elcl_pool_get_profile(elcl_pool *pool, int i, elcl_engine_profile *profile);

/* As of an engine: samples are requests, steps are passes, output tokens are those scored;
 * batch_size is the tokens that one pass takes. */
ELCL_API void elcl_scorer_get_stats(const elcl_scorer *scorer, elcl_engine_stats *stats);

/* elcl_engine_stats.peak_bytes of the model's engines counts anew from what is live now. */
ELCL_API void elcl_model_reset_peak(elcl_model *model);

/* ---- devices --------------------------------------------------------------------------------- */

/* One fast path of a device and whether it is used. */
typedef struct elcl_probe_verdict {
    const char *name;   /* for example "fma" */
    int on;             /* 1: used */
    const char *reason; /* why it is on or off */
} elcl_probe_verdict;

/* Builds and runs the probes of device i (up to some seconds with a cold cache). `verdicts`
 * is owned by the list. */
ELCL_API int elcl_device_list_probe(elcl_device_list *list, int i,
                                    const elcl_probe_verdict **verdicts, int *n_verdicts,
                                    elcl_error *err);

/* What a device does at most, measured: fractions of it say how good a kernel is. */
typedef struct elcl_ceilings {
    double copy_gbs;        /* bytes read and written by a copy of much more than a cache, 1e9/s */
    double cached_copy_gbs; /* the same of 1 MiB */
    double mac_f32_gflops;  /* f32 multiply-adds on full vectors, two operations each, 1e9/s */
    double read_gbs;        /* bytes read by a sum over much more than a cache, 1e9/s */
    double launch_us;       /* a small kernel among many in a queue */
    double wait_us;         /* a small kernel and the wait for it */
    double mac_int8_gops; /* int8 multiply-adds by the instruction that integer products have here,
                           * two operations each, 1e9/s; 0: none */
    double mac_bf16_gflops; /* bf16 multiply-adds by the instruction that bf16 products have here,
                             * likewise */
    double reserved[5];
} elcl_ceilings;

/* Measures the device that `device` names as in elcl_model_params (NULL: the default one), in about
 * two seconds. Takes up to 512 MiB of its memory meanwhile; blocks. */
ELCL_API int elcl_measure_ceilings(const char *device, elcl_ceilings *ceilings, elcl_error *err);

/* What a device can do: from its data sheet, or as measured. */
typedef struct elcl_machine {
    enum elcl_device_type type;
    enum elcl_kernels kernels; /* AUTO: the shape that suits the type */
    double memory_gbs;         /* 1e9 bytes per second */
    double cache_bytes;        /* of the last level; 0: not known, all traffic goes to memory */
    double cache_gbs;          /* its bandwidth, 1e9 bytes per second */
    double f32_gflops;         /* f32 multiply-adds, two operations each */
    double half_gflops;        /* the same of 16-bit inputs and f32 sums, matrix units included */
    double launch_us;          /* one kernel among many in a queue */
    double wait_us;            /* the wait of a step */
    double int8_gops;          /* int8 multiply-adds of integer products, as elcl_ceilings has them;
                                * 0: int8 weights are multiplied at the rate of f32 */
    double bf16_gflops;        /* bf16 multiply-adds of bf16 products, likewise; 0: half_gflops */
    double reserved[4];
} elcl_machine;

/* The rates of a device that were measured with this version of the library and this driver and are
 * in the cache directory; 1: they are there, 0: not, and *machine is not written. Of the device
 * names, type, kernel shape and cache size are read. Never fails: what cannot be read is not there.
 */
ELCL_API int elcl_stored_rates(const elcl_device_desc *device, elcl_machine *machine);

/* ---- tuning ---------------------------------------------------------------------------------- */

typedef struct elcl_tune_params {
    const char *device;        /* as elcl_model_params.device */
    enum elcl_kernels kernels; /* likewise */
    double budget_seconds;     /* default 60: no part begins later; 0: no limit */
    int again;                 /* 1: forget what is stored; 0: better it */
    /* May be NULL. One line after each finished part; not 0 ends the tuning, which keeps what is
     * done and is no error. */
    int (*report)(void *user, const char *line);
    void *user;
    unsigned reserved[8];
} elcl_tune_params;

ELCL_API elcl_tune_params elcl_tune_params_default(void);

typedef struct elcl_tuned {
    elcl_machine rates;
    int clblast_rows_f32, clblast_rows_half; /* from so many rows CLBlast is faster than our GPU
                                              * shape with f32, with 16-bit weights; -1: never; 0:
                                              * not measured, ELCL_GEMM_AUTO goes by the device */
    int complete;  /* 0: the budget or report() left parts out, which the next call begins with */
    double spread; /* how far the worst of the measured rates fell short of the best: 0 .. 1 */
    double reserved[8];
} elcl_tuned;

/* Measures a device and stores the result for its later use by this version of the library with
 * this driver. Rates: each the best of three short measurements some seconds apart, and of what is
 * stored, since other programs only make a device slower; half_gflops is what the native GEMM
 * reaches with f16 weights, where that is more than f32_gflops. Then, with the
 * GPU kernel shape and without matrix instructions, from how many rows on CLBlast is faster than
 * the native GEMM, both checked against a reference. `params` may be NULL. Results of generation
 * depend on it by the attention variant and the GEMM that AUTO takes alone. ELCL_E_IO where
 * nothing can be stored. Blocks; not to be called twice at once for one device. */
ELCL_API int elcl_tune(const elcl_tune_params *params, elcl_tuned *tuned, elcl_error *err);

/* ---- synthetic models ------------------------------------------------------------------------ */

/* elcl_model_open() without a directory: a model of the true shape of a known one with random
 * weights, which are the same for the same seed wherever they are made. For measuring; it has no
 * tokenizer. Names: elcl_synthetic_name(). */
ELCL_API int elcl_model_open_synthetic(const char *name, uint64_t seed,
                                       const elcl_model_params *params, elcl_model **model,
                                       elcl_error *err);
/* The name of synthetic model i, for example "bart-base"; NULL past the last one. */
ELCL_API const char *elcl_synthetic_name(int i);
/* Writes config.json and model.safetensors (bf16, which loses nothing of these weights) into a
 * directory, which is made where it is not there: what elcl_model_open() and other programs open.
 */
ELCL_API int elcl_synthetic_export(const char *name, uint64_t seed, const char *directory,
                                   elcl_error *err);

#ifdef __cplusplus
}
#endif

#endif /* ELCL_MEASURE_H */
