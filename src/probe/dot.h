/* Dot products of int8 and bf16 weights in CPU kernels: each kind is one file cl/dot_*.cl. */
#ifndef ELCL_PROBE_DOT_H
#define ELCL_PROBE_DOT_H

#include "device/program.h"

/* How CPU kernels multiply int8 or bf16 weights with inputs that were rounded to the same type.
 * NONE: they convert the weights and multiply in f32. */
enum elcl_dot {
    ELCL_DOT_NONE,
    ELCL_DOT_PLAIN_INT8, /* in plain OpenCL C, on any device */
    ELCL_DOT_VPMADDWD,
    ELCL_DOT_VPDPBUSD,
    ELCL_DOT_PLAIN_BF16,
    ELCL_DOT_VDPBF16PS
};
struct elcl_dot_choice {
    enum elcl_dot kind; /* the best kind that works here */
    bool pays;          /* it is faster than f32 */
};

struct elcl_dot_kind {
    const char *file;          /* "dot_int8.cl" */
    const char *name;          /* of the instruction, for messages */
    enum elcl_storage weights; /* INT8 or BF16; inputs are rounded to it too */
    int k_pack;                /* neighbors in k of one dot product */
    size_t activation_bytes;   /* of an element of the inputs */
    int offset;                /* DOT_OFFSET */
};

/* Indexed by enum elcl_dot; ELCL_DOT_NONE multiplies f32. */
extern const struct elcl_dot_kind elcl_dot_kinds[];

/* Returns whether it is an instruction rather than plain OpenCL C. */
bool elcl_dot_is_instruction(enum elcl_dot dot);
/* Chooses the best kind for INT8 or BF16 weights that this processor and its compiler have and that
 * gives right results; a PLAIN kind if there is none. choice->pays: it takes less than 0.9 of the
 * time of NONE. Writes the reason to why[n]. */
void elcl_probe_dot(struct elcl_device *device, enum elcl_mac mac, enum elcl_storage weights,
                    struct elcl_dot_choice *choice, char *why, size_t n);
/* Hashes the programs that elcl_probe_dot() may build here, like elcl_program_hash(). */
bool elcl_probe_dot_hash(const struct elcl_device *device, uint64_t *hash);

#endif
