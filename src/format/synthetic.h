/* Seeded random tensors without a file. A value depends only on the seed, the tensor's name and the
 * element's index, so it is the same on every machine. Values have few enough bits (see
 * synthetic.c) to be the same numbers in f32, f16 and bf16. */
#ifndef ELCL_FORMAT_SYNTHETIC_H
#define ELCL_FORMAT_SYNTHETIC_H

#include <stddef.h>
#include <stdint.h>

#include "base/strmap.h"
#include "format/tensors.h"

enum elcl_synthetic_kind {
    ELCL_SYNTHETIC_WEIGHT,    /* of a linear map: keeps the magnitude of its input */
    ELCL_SYNTHETIC_EMBEDDING, /* of tokens: logits spread over some units */
    ELCL_SYNTHETIC_SMALL,     /* biases, positions */
    ELCL_SYNTHETIC_GAIN       /* of norms: around 1 */
};

struct elcl_synthetic_tensor; /* defined in synthetic.c */

/* A source of tensors in the caller's memory; elcl_tensors_close() is elcl_synthetic_finish(). */
struct elcl_synthetic {
    struct elcl_tensors base;
    uint64_t seed;
    struct elcl_synthetic_tensor *items; /* [n] */
    size_t n, capacity;
    struct elcl_strmap index; /* -> index */
    uint64_t parameters;      /* elements of all tensors */
};

void elcl_synthetic_init(struct elcl_synthetic *synthetic, uint64_t seed);
void elcl_synthetic_finish(struct elcl_synthetic *synthetic); /* {0} is fine */

/* Adds a tensor [rows, columns], or [rows] if columns is 0; `fan_in` is the number of inputs of a
 * linear map. */
int elcl_synthetic_add(struct elcl_synthetic *synthetic, const char *name,
                       enum elcl_synthetic_kind kind, int rows, int columns, int fan_in,
                       elcl_error *err);

/* Adds the weights [outputs, inputs, taps] of a convolution. */
int elcl_synthetic_add_convolution(struct elcl_synthetic *synthetic, const char *name, int outputs,
                                   int inputs, int taps, elcl_error *err);

/* Writes all tensors to one safetensors file. */
int elcl_synthetic_write(struct elcl_synthetic *synthetic, const char *path, elcl_error *err);

#endif
