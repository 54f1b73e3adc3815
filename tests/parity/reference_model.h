/*
 * All of BART in double precision and plain loops, for one sentence. Weights are rounded as on the
 * device. The caller gives the cached rows that attention reads, so both sides see the same rounded
 * numbers and only the arithmetic of one step is compared; rows that a step would cache come back
 * unrounded.
 */
#ifndef ELCL_TESTS_PARITY_REFERENCE_MODEL_H
#define ELCL_TESTS_PARITY_REFERENCE_MODEL_H

#include "model/arch.h"

struct reference;

/* Reads the safetensors of a directory; NULL after a failed check. */
struct reference *reference_open(const char *directory, const struct elcl_arch *arch,
                                 enum elcl_storage weights, enum elcl_attention attention);
void reference_close(struct reference **reference);

/* Returns the width of a row of state: D for el, K and V for the others. */
int reference_width(const struct reference *reference, enum elcl_attention attention);

/* out [n, D] */
void reference_encode(const struct reference *reference, const int32_t *source, int n, double *out);
/* Computes what `layer` keeps of one row y [D] of the encoder's output: row [width]. */
void reference_source_row(const struct reference *reference, enum elcl_attention attention,
                          int layer, const double *y, double *row);

/* Runs the decoder for the token at a position. */
struct reference_step {
    enum elcl_attention attention;
    int32_t token;
    int position;
    int n_source;
    const float *source; /* [layers, n_source, width] as cached */
    const float *self;   /* [layers, position + 1, width] as cached, this token's last */
    double *cached;      /* [layers, width] the rows of this token before rounding */
    double *logits;      /* [V] */
};
void reference_decode(const struct reference *reference, const struct reference_step *step);

#endif
