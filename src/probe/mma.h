/* Matrix instructions of the GPU kernel shape: one file cl/mma_*.cl each, whose interface
 * cl/tile_mma.cl tells. */
#ifndef ELCL_PROBE_MMA_H
#define ELCL_PROBE_MMA_H

#include "device/device.h"

/* Matrix instructions. Those of Intel and the emulation, which is for tests, by the number of items
 * that multiply together. */
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

struct elcl_mma_kind {
    const char *file;    /* "mma_nvidia.cl" */
    const char *options; /* of every program with the file; "" where none are needed */
    const char *name;    /* of the instruction, for people */
    int subgroup;        /* items that multiply together */
};

/* By enum elcl_mma; nothing at ELCL_MMA_NONE. */
extern const struct elcl_mma_kind elcl_mma_kinds[];

/* What of a device's description tells which instruction its compiler may see. */
struct elcl_mma_facts {
    const char *platform, *vendor, *name, *extensions;
    unsigned nvidia_major; /* compute capability; 0: unknown */
    unsigned sub_group;    /* smallest of cl_intel_required_subgroup_size; 0: unknown */
};
/* NONE, with the reason in why [n], where there is none: some compilers crash on what they do not
 * know. */
enum elcl_mma elcl_mma_allowed(const struct elcl_mma_facts *facts, char *why, size_t n);

/* Whether a program of probe_mma.cl multiplies right with an instruction of so many subgroup. */
bool elcl_mma_is_right(struct elcl_device *device, cl_program program, int subgroup);
/* Builds and asks it; not for an instruction that is not allowed. */
bool elcl_mma_works(struct elcl_device *device, enum elcl_mma kind);
/* The instruction that is allowed and right, or NONE; `why` [n] says how it was judged. */
enum elcl_mma elcl_probe_mma(struct elcl_device *device, char *why, size_t n);
/* Adds the program that elcl_probe_mma() may build here, as elcl_program_hash(). */
bool elcl_probe_mma_hash(const struct elcl_device *device, uint64_t *hash);

#endif
