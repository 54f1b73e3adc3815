/* An open OpenCL device. This layer lists and opens devices, counts buffers and builds programs; it
 * needs OpenCL 1.2 and no extension. Only it calls clCreateBuffer() and clBuildProgram(). */
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
    uint64_t memory_limit_bytes; /* 0: the device's memory */
    bool no_cache;
    bool no_matrix_instructions;
    elcl_log_fn log;
    void *log_user;
};

/* Fields other than the counters are read-only after elcl_device_open(). */
struct elcl_device {
    cl_platform_id platform;
    cl_device_id id;
    cl_context context;
    cl_command_queue queue; /* in order; for uploads and probes */
    elcl_device_desc desc;
    char *strings;             /* memory of desc's strings; NULL: a list has it */
    enum elcl_kernels kernels; /* CPU or GPU */
    struct elcl_quirks quirks;
    uint64_t memory_limit_bytes; /* what buffers must not exceed */
    uint64_t plan_limit_bytes;   /* what plans must not exceed */
    elcl_log_fn log;             /* may be NULL */
    void *log_user;
    char *cache_directory;     /* NULL: no cache */
    uint64_t processor;        /* CPU devices: elcl_cpu_hash(), for the keys of caches; else 0 */
    const char *no_matrix_why; /* who turned matrix instructions off; NULL: nobody */
    atomic_ullong live_bytes;
    atomic_ullong peak_bytes;
    atomic_int live_buffers;
    atomic_int compilations;  /* programs built from their text; for tests */
    atomic_ullong compile_ns; /* in which the driver did so */
};

int elcl_device_open(const struct elcl_device_params *params, struct elcl_device **device,
                     elcl_error *err);
/* Opens a device of a list, which must outlive the device; ignores params->device. */
int elcl_device_open_entry(const struct elcl_device_entry *entry,
                           const struct elcl_device_params *params, struct elcl_device **device,
                           elcl_error *err);
void elcl_device_close(struct elcl_device **device); /* NULL is allowed */

/* Calls the device's log function, if it has one. */
void elcl_device_log(const struct elcl_device *device, enum elcl_log_level level, const char *fmt,
                     ...) ELCL_PRINTF(3, 4);

/* Returns "CL_OUT_OF_RESOURCES" for -5, and so on. */
const char *elcl_cl_error_name(cl_int code);
/* Returns ELCL_OK for CL_SUCCESS. Else writes "call(what): CL_NAME" and returns ELCL_E_DEVICE_NOMEM
 * if the code means a shortage of memory, ELCL_E_DEVICE if not. */
int elcl_cl_check(cl_int code, const char *call, const char *what, elcl_error *err);

#endif
