/* The files of cl/, embedded at build time. */
#ifndef ELCL_DEVICE_CL_SOURCE_H
#define ELCL_DEVICE_CL_SOURCE_H

#include <stddef.h>
#include <stdint.h>

struct elcl_cl_source {
    const char *name; /* "gemm_cpu.cl" */
    const unsigned char *text;
    size_t bytes;
};
/* Generated at build time; the last entry has a NULL name. */
extern const struct elcl_cl_source elcl_cl_sources[];

/* Hashes all files of a table: whatever is built from them, its result belongs to this number. */
uint64_t elcl_cl_hash(const struct elcl_cl_source *sources);

/* Returns NULL if there is no such file. */
const struct elcl_cl_source *elcl_cl_find(const char *name);

#endif
