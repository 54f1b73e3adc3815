/* OpenCL programs from the embedded sources of cl/, with a cache of binaries on disk. */
#ifndef ELCL_DEVICE_PROGRAM_H
#define ELCL_DEVICE_PROGRAM_H

#include "device/device.h"

/* The form of ELCL_MAC in kernels. */
enum elcl_mac { ELCL_MAC_FMA, ELCL_MAC_MAD, ELCL_MAC_PLAIN };

#define ELCL_MAX_PROGRAM_FILES 24

/* What a program is built from: records.h, prelude.cl, then `files` in their order. */
struct elcl_program_parts {
    const char *files[ELCL_MAX_PROGRAM_FILES + 1]; /* of cl/; NULL after the last */
    enum elcl_mac mac;
    char options[512];
    const char *text; /* for tests: a source after the files, named "test.cl"; NULL: none */
};

/* Builds with "-cl-std=CL1.2 -DELCL_MAC_...=1", the options of the device's quirks, and those of
 * `parts`. If the compiler refuses, err has its first line, and the log function its whole log. The
 * cache cannot fail a build: without a usable binary the sources are compiled. Key: all source
 * text, all options, device, driver, platform and the cache's format version. */
int elcl_program_build(struct elcl_device *device, const struct elcl_program_parts *parts,
                       cl_program *program, elcl_error *err);

/* Stores the program's binary in the cache unless it is there: call it once, after the kernels'
 * first use. Never fails; does nothing with drivers that cache programs themselves. */
void elcl_program_store(struct elcl_device *device, const struct elcl_program_parts *parts,
                        cl_program program);

/* Adds all source text and all options to *hash. false when memory is short. */
bool elcl_program_hash(const struct elcl_device *device, const struct elcl_program_parts *parts,
                       uint64_t *hash);

#endif
