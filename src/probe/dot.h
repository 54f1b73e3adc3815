/* Dot products of int8, int4 and bf16 weights: each kind is one file, cl/dot_*.cl for CPU kernels
 * and cl/dot4_*.cl for GPU kernels. */
#ifndef ELCL_PROBE_DOT_H
#define ELCL_PROBE_DOT_H

#include "device/program.h"
#include "probe/mma.h"
#include "probe/outcome.h"

/* How kernels multiply int8 or bf16 weights with inputs that were rounded to the same type. NONE:
 * they convert the weights and multiply in f32; or 16-bit activations of GPU kernels. */
enum elcl_dot {
    ELCL_DOT_NONE,
    ELCL_DOT_PLAIN_INT8, /* in plain OpenCL C, on any device */
    ELCL_DOT_VPMADDWD,   /* of narrow state */
    ELCL_DOT_VPMADDUBSW,
    ELCL_DOT_VPDPBUSD,
    ELCL_DOT_PLAIN_BF16,
    ELCL_DOT_VDPBF16PS,
    ELCL_DOT_GPU_PLAIN, /* GPU kernels, int8: in plain OpenCL C, and the next ones */
    ELCL_DOT_GPU_KHR,
    ELCL_DOT_GPU_NVIDIA,
    ELCL_DOT_PLAIN_INT4, /* int8 inputs and int4 weights of CPU kernels, and the next two */
    ELCL_DOT_INT4_VPMADDUBSW,
    ELCL_DOT_INT4_VPDPBUSD,
    ELCL_DOT_LAST = ELCL_DOT_INT4_VPDPBUSD
};

/* Neighbors in k of int8 weights in GPU kernels, 16 bytes. */
#define ELCL_DOT_GPU_PACK 16

struct elcl_dot_choice {
    enum elcl_dot kind; /* the best kind that works here */
    bool pays;          /* it is faster than f32; GPU kernels do not compare */
};

struct elcl_dot_kind {
    const char *file;          /* "dot_int8.cl" */
    const char *name;          /* of the instruction, for messages */
    enum elcl_storage weights; /* INT8 or BF16, and inputs are rounded to it too; or INT4, and
                                * inputs are rounded to int8 */
    int k_pack;                /* neighbors in k that lie side by side */
    int k_step;                /* those of one dot product, a multiple of k_pack */
    bool short_sums;           /* sums of four products in 16 bits, see dot_vpmaddubsw.cl */
    size_t activation_bytes;   /* of an element of the inputs */
    int offset;                /* DOT_OFFSET */
    bool gpu;                  /* of GPU kernels */
};

/* Indexed by enum elcl_dot; ELCL_DOT_NONE multiplies f32. */
extern const struct elcl_dot_kind elcl_dot_kinds[];

/* Returns the one in plain OpenCL C of CPU kernels, for INT8, INT4 or BF16 weights. */
enum elcl_dot elcl_dot_plain(enum elcl_storage weights);
/* Returns whether it is an instruction of CPU kernels, which have a measured rate, rather than
 * plain OpenCL C. */
bool elcl_dot_is_instruction(enum elcl_dot dot);
/* For CPU kernels, chooses the best kind for INT8, INT4 or BF16 weights that this processor and its
 * compiler have and that gives right results; a PLAIN kind if there is none. choice->pays: it takes
 * less than 0.9 of the time of NONE. Sets *unsure if a kind could not run or the times are not
 * sound. Writes the reason to why[n]. */
void elcl_probe_dot(struct elcl_device *device, enum elcl_mac mac, enum elcl_storage weights,
                    struct elcl_dot_choice *choice, bool *unsure, char *why, size_t n);
/* Returns whether this processor and this compiler have an instruction of CPU kernels. */
bool elcl_dot_may_run(const struct elcl_device *device, enum elcl_dot dot,
                      enum elcl_storage weights);

/* What decides which dot products the compiler may see. */
struct elcl_int8_facts {
    const char *vendor, *extensions;
    unsigned nvidia_major, nvidia_minor; /* compute capability; 0: unknown */
};
/* Returns the kinds that the compiler may see, in order of preference, in kinds[2]; the rest is
 * NONE. */
void elcl_int8_allowed(const struct elcl_int8_facts *facts, enum elcl_dot *kinds);
/* For GPU kernels, chooses the best kind for int8 that runs here and gives exact sums; GPU_PLAIN if
 * there is none, or if no_matrix_why is set on the device. Sets *unsure if a kind could not run.
 * Writes the reason to why[n]. */
enum elcl_dot elcl_probe_int8(struct elcl_device *device, enum elcl_mac mac, bool *unsure,
                              char *why, size_t n);
/* Tries gemm_int8_wide.cl with this matrix instruction: RIGHT if all sums are exact. */
enum elcl_outcome elcl_int8_mma_try(struct elcl_device *device, enum elcl_mac mac,
                                    enum elcl_mma mma);
/* Returns whether the device's compiler may see a kind of GPU kernels. */
bool elcl_int8_may_run(const struct elcl_device *device, enum elcl_dot dot);

#endif
