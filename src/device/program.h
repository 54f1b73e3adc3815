/* OpenCL programs from the embedded sources of cl/, with a cache of binaries on disk. */
#ifndef ELCL_DEVICE_PROGRAM_H
#define ELCL_DEVICE_PROGRAM_H

#include "device/device.h"

/* One file of cl/, embedded at build time. */
struct elcl_cl_source {
    const char *name; /* "gemm_cpu.cl" */
    const unsigned char *text;
    size_t bytes;
};
/* All embedded files; the last has a NULL name. Generated. */
extern const struct elcl_cl_source elcl_cl_sources[];

/* Builds prelude.cl and the named files, in this order, each behind `#line 1 "name"`, with
 * "-cl-std=CL1.2 -DELCL_MAC_...=1" (from device->mac) and `options`. A refusal gives the driver's
 * first line in err and its whole log to the log function. The cache can never make it fail: any
 * miss, mismatch or load failure builds from source. Key: all source text, all options, device,
 * driver, platform and cache format version. */
int elcl_program_build(struct elcl_device *device, const char *const *files, int n_files,
                       const char *options, cl_program *program, elcl_error *err);

/* As above from one source text that is not in cl/ (probes, tests). */
int elcl_program_build_text(struct elcl_device *device, const char *name, const char *text,
                            const char *options, cl_program *program, elcl_error *err);

/* Stores the program's binary in the cache when it is not there yet: call it once after the
 * kernels' first use. Never fails; does nothing on PoCL and rusticl, which cache by themselves.
 * `files` and `options` as for the build. */
void elcl_program_store(struct elcl_device *device, const char *const *files, int n_files,
                        const char *options, cl_program program);

#endif
