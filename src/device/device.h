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
#include "device/quirks.h"

struct elcl_device_entry;

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
    cl_command_queue queue;    /* in order; uploads, probes */
    elcl_device_desc desc;     /* */
    char *strings;             /* their memory; NULL: a list's */
    enum elcl_kernels kernels; /* the kernel shape: CPU or GPU */
    struct elcl_quirks quirks;
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
/* Opens a device of a list, which must outlive it; params->device is not read. */
int elcl_device_open_entry(const struct elcl_device_entry *entry,
                           const struct elcl_device_params *params, struct elcl_device **device,
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
