/* How the CPU kernel shape multiplies narrow weights: one file cl/dot_*.cl each. */
#ifndef ELCL_PROBE_DOT_H
#define ELCL_PROBE_DOT_H

#include "device/program.h"

/* How the CPU shape multiplies narrow weights with rows that were made as narrow; NONE: it widens
 * the weights and multiplies in f32. */
enum elcl_dot {
    ELCL_DOT_NONE,
    ELCL_DOT_PLAIN_INT8, /* in plain OpenCL C, anywhere */
    ELCL_DOT_VPMADDWD,
    ELCL_DOT_VPDPBUSD,
    ELCL_DOT_PLAIN_BF16,
    ELCL_DOT_VDPBF16PS
};
struct elcl_dot_choice {
    enum elcl_dot kind; /* the best that works here */
    bool pays;          /* it is faster than f32 products */
};

struct elcl_dot_kind {
    const char *file;          /* "dot_int8.cl" */
    const char *name;          /* of the instruction, for people */
    enum elcl_storage weights; /* INT8 or BF16: that rows are rounded to, too */
    int k_pack;                /* neighbors in k that are multiplied at once */
    size_t activation_bytes;   /* of an element of a row */
    int offset;                /* DOT_OFFSET */
};

/* By enum elcl_dot; that of ELCL_DOT_NONE multiplies f32. */
extern const struct elcl_dot_kind elcl_dot_kinds[];

/* It is one instruction, not plain OpenCL C. */
bool elcl_dot_is_instruction(enum elcl_dot dot);
/* The best kind for INT8 or BF16 weights that this processor and its compiler have and multiply
 * right with: a PLAIN one where there is none. choice->pays: it takes less than 0.9 of the time of
 * NONE. `why` [n] says how it was judged. */
void elcl_probe_dot(struct elcl_device *device, enum elcl_mac mac, enum elcl_storage weights,
                    struct elcl_dot_choice *choice, char *why, size_t n);
/* Adds the programs that elcl_probe_dot() may build here, as elcl_program_hash(). */
bool elcl_probe_dot_hash(const struct elcl_device *device, uint64_t *hash);

#endif
