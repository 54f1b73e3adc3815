/*
 * How well narrow state holds the rows of a model. Elements share a factor in groups: where a few
 * channels are much larger than the others (outliers), the factor is theirs, and the others lose
 * their digits.
 */
#ifndef ELCL_MODEL_STATE_SAMPLE_H
#define ELCL_MODEL_STATE_SAMPLE_H

#include "model/state.h"

/* A loss from which elcl warns: twice that of normal numbers in int4. */
#define ELCL_STATE_LOSS 0.2
/* Rows of a sample. */
#define ELCL_STATE_SAMPLE_MIN 8
#define ELCL_STATE_SAMPLE_MAX 64

/* Returns the rounding error of rows [rows, n] of narrow state in parts, as their factors tell it:
 * the root of the mean over channels of error^2 / x^2, at most 1 for each. The error of a rounding
 * is factor / sqrt(12), and x^2 is the channel's mean over the rows. 1 if a group is not finite. */
double elcl_state_loss(enum elcl_storage storage, const void *bits, size_t rows, size_t n,
                       size_t part);

/* After an encoding or a prompt of at least ELCL_STATE_SAMPLE_MIN rows: measures the loss of its
 * first rows, reports it to the log, and warns if it is too large. *done becomes true. Waits for
 * the device. Nothing for state that is not narrow. */
int elcl_state_sample(struct elcl_state *state, const struct elcl_records *records, bool *done,
                      elcl_error *err);

#endif
