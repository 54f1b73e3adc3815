/*
 * OpenCL devices: listing, choosing, opening; buffers with accounting. The only layer that talks
 * to clGet*Info, clCreateBuffer and clBuildProgram. Floor: OpenCL 1.2, no extension.
 */
#ifndef ELCL_DEVICE_DEVICE_H
#define ELCL_DEVICE_DEVICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CL_TARGET_OPENCL_VERSION 120
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>

#include "base/error.h"

/* The multiply-accumulate that kernels use (ELCL_MAC): whichever the device's compiler turns into
 * one instruction. */
enum elcl_mac { ELCL_MAC_FMA, ELCL_MAC_MAD, ELCL_MAC_PLAIN };

/* How the CPU shape multiplies narrow weights with rows that were made as narrow, see dot.h; NONE:
 * it widens the weights and multiplies in f32. */
enum elcl_dot {
    ELCL_DOT_NONE,
    ELCL_DOT_PLAIN_INT8, /* in plain OpenCL C, anywhere */
    ELCL_DOT_VPMADDWD,
    ELCL_DOT_VPDPBUSD,
    ELCL_DOT_PLAIN_BF16,
    ELCL_DOT_VDPBF16PS
};
struct elcl_dot_choice {
    enum elcl_dot kind; /* the best that works here */
    bool pays;          /* it is faster than f32 products */
};

/* Matrix instructions, see mma.h. Those of Intel and the emulation, which is for tests, by the
 * number of items that multiply together. */
enum elcl_mma {
    ELCL_MMA_NONE,
    ELCL_MMA_NVIDIA,
    ELCL_MMA_AMD_WMMA,
    ELCL_MMA_AMD_MFMA,
    ELCL_MMA_INTEL_8,
    ELCL_MMA_INTEL_16,
    ELCL_MMA_EMULATED_8,
    ELCL_MMA_EMULATED_16,
    ELCL_MMA_EMULATED_32,
    ELCL_MMA_EMULATED_64,
    ELCL_N_MMA
};

struct elcl_device_params {
    const char *device; /* as elcl_model_params.device */
    enum elcl_kernels kernels;
    uint64_t memory_limit_bytes; /* 0: what the device says */
    bool no_cache;
    elcl_log_fn log;
    void *log_user;
};

/* An opened device. Fields are read-only after elcl_device_open(), but for the counters. */
struct elcl_device {
    cl_platform_id platform;
    cl_device_id id;
    cl_context context;
    cl_command_queue queue;                    /* in order; uploads and probes */
    elcl_device_desc desc;                     /* strings owned by the device */
    char *strings;                             /* their memory */
    enum elcl_kernels kernels;                 /* the kernel shape: CPU or GPU */
    enum elcl_mac mac;                         /* found by a timed probe */
    enum elcl_mma mma;                         /* the matrix instruction that works here */
    struct elcl_dot_choice int8_dot, bf16_dot; /* by type of weights */
    bool short_loops;                          /* long loops end early: see probe.c */
    bool is_pocl;                              /* PoCL caches its own binaries (program_cache.c) */
    uint64_t memory_limit_bytes;
    elcl_log_fn log; /* may be NULL */
    void *log_user;
    char *cache_directory; /* NULL: no cache */
    atomic_ullong live_bytes;
    atomic_ullong peak_bytes;
    atomic_int live_buffers;
};

int elcl_device_open(const struct elcl_device_params *params, struct elcl_device **device,
                     elcl_error *err);
void elcl_device_close(struct elcl_device **device); /* NULL is fine */

/* Logs one line when the device has a log function. */
void elcl_device_log(const struct elcl_device *device, enum elcl_log_level level, const char *fmt,
                     ...) ELCL_PRINTF(3, 4);

/* "CL_OUT_OF_RESOURCES" for -5, and so on. */
const char *elcl_cl_error_name(cl_int code);
/* Writes "call(what): CL_NAME" and returns ELCL_E_DEVICE_NOMEM for the codes that mean a shortage
 * of memory, ELCL_E_DEVICE otherwise; ELCL_OK for CL_SUCCESS. */
int elcl_cl_check(cl_int code, const char *call, const char *what, elcl_error *err);

#endif
