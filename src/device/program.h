/* OpenCL programs from the embedded sources of cl/, with a cache of binaries on disk. */
#ifndef ELCL_DEVICE_PROGRAM_H
#define ELCL_DEVICE_PROGRAM_H

#include "base/util.h"
#include "device/device.h"

/* How kernels multiply and add: the form of ELCL_MAC. */
enum elcl_mac { ELCL_MAC_FMA, ELCL_MAC_MAD, ELCL_MAC_PLAIN };

#define ELCL_MAX_PROGRAM_FILES 32

/* A program's parts; records.h and prelude.cl always come first. */
struct elcl_program_parts {
    const char *files[ELCL_MAX_PROGRAM_FILES + 1]; /* of cl/, in order, then NULL */
    enum elcl_mac mac;
    char options[512];
    const char *text; /* for tests: one more source, "test.cl"; NULL: none */
};

/* Builds with "-cl-std=CL1.2 -DELCL_MAC_...=1", the options of the device's quirks, and those of
 * `parts`. If the compiler refuses the text, err gets the first error and the log function gets the
 * whole log. ELCL_E_BUILD means that the compiler will refuse it again; after another code it may
 * not. A broken cache never fails a build: the sources are compiled instead. The cache's key is all
 * source text, all options, device, driver, platform, the processor of a CPU device and the format
 * version. */
int elcl_program_build(struct elcl_device *device, const struct elcl_program_parts *parts,
                       cl_program *program, elcl_error *err);

/* Stores the program's binary in the cache unless it is there. Call it once, after the first use of
 * the kernels. Never fails; does nothing if the driver caches programs itself. */
void elcl_program_store(struct elcl_device *device, const struct elcl_program_parts *parts,
                        cl_program program);

/* Sets *source and *options to what elcl_program_build() gives to the compiler; reads only the
 * device's quirks. The caller finishes both. */
int elcl_program_text(const struct elcl_device *device, const struct elcl_program_parts *parts,
                      struct elcl_str *source, struct elcl_str *options, elcl_error *err);

#endif
