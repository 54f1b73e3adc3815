/* Matrix instructions in GPU kernels: each is one file cl/mma_*.cl with the interface that
 * cl/tile_mma.cl describes. */
#ifndef ELCL_PROBE_MMA_H
#define ELCL_PROBE_MMA_H

#include "device/program.h"
#include "probe/outcome.h"

/* The number in a name is the subgroup's size. Emulations are for tests. */
enum elcl_mma {
    ELCL_MMA_NONE,
    ELCL_MMA_NVIDIA,
    ELCL_MMA_NVIDIA_PLAIN, /* without cp.async and ldmatrix */
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
    const char *file;       /* "mma_nvidia.cl" */
    const char *options;    /* of every program with the file, or "" */
    const char *name;       /* of the instruction, for messages */
    int subgroup;           /* items that multiply together */
    bool async;             /* copies to local memory run beside the kernel: WIDE_ASYNC there */
    enum elcl_mma fallback; /* what to try where this one does not work, or NONE */
    int row_items; /* that share a row of outputs, MMA_SLOTS; 0: attn_packed_wide.cl has not
                      been tried */
    bool int8;     /* it has integers: WIDE_INT8 there */
};

/* Indexed by enum elcl_mma; ELCL_MMA_NONE has no entry. */
extern const struct elcl_mma_kind elcl_mma_kinds[];

/* The part of a device's description that decides which instruction its compiler may see. */
struct elcl_mma_facts {
    const char *platform, *vendor, *name, *extensions;
    unsigned nvidia_major; /* compute capability; 0: unknown */
    unsigned sub_group;    /* smallest of cl_intel_required_subgroup_size; 0: unknown */
};
/* Returns the instruction that the compiler may see. Returns NONE and writes the reason to why[n]
 * if no instruction is allowed: some compilers crash on unknown intrinsics. */
enum elcl_mma elcl_mma_allowed(const struct elcl_mma_facts *facts, char *why, size_t n);

/* The program with probe_mma.cl and probe_wide.cl. */
struct elcl_program_parts elcl_mma_program(enum elcl_mma kind);
/* Runs it: RIGHT if all sums are. */
enum elcl_outcome elcl_mma_compare(struct elcl_device *device, cl_program program,
                                   enum elcl_mma kind);
/* Builds it and runs it. Do not call it for an instruction that is not allowed. */
enum elcl_outcome elcl_mma_try(struct elcl_device *device, enum elcl_mma kind);
/* Returns the instruction that is allowed and gives right sums, or its fallback, or NONE. Sets
 * *unsure if one could not run. Writes the reason to why[n]. */
enum elcl_mma elcl_probe_mma(struct elcl_device *device, bool *unsure, char *why, size_t n);
/* Returns whether the device's compiler may see the instruction. */
bool elcl_mma_may_run(const struct elcl_device *device, enum elcl_mma kind);

#endif
