/*
 * What a model that reads numbers has before its encoder: two convolutions over time of width 3,
 *     u[t] = gelu(b0 + sum_i W0_i x[t + i - 1]),    y[t] = gelu(b1 + sum_i W1_i u[2 t + i - 1]),
 * where x and u are zero outside their window. Frame t - 1 to t + 1 lie one after another in
 * memory, so that a convolution is a product of overlapping rows, without a copy:
 * x_ld is C, or 2 D for every other row, and K is 3 C or 3 D. Windows of any lengths lie in one
 * buffer with zeros around each, and a window's outputs do not depend on the others.
 */
#ifndef ELCL_MODEL_FRONT_H
#define ELCL_MODEL_FRONT_H

#include "model/arch.h"

struct elcl_state;
struct elcl_records;

/* Rows of u that are no frames of a window, and so zero. */
struct elcl_front_gap {
    int row, n;
};

/* Windows on the host: row 0 is zero. Then come the frames of each window, with one row of zeros
 * before them, and one or two after them so that their number is even. */
struct elcl_front_frames {
    void *rows;                  /* [room, C] activations, of elcl_ops_host_memory() */
    struct elcl_front_gap *gaps; /* [windows + 1] */
    int n_rows, room;
    int n_gaps, windows;
};

/* Returns the encoder's rows for n frames. */
static inline size_t elcl_front_outputs(size_t n)
{
    return n / 2 + n % 2;
}

/* Returns the room for windows of together `outputs` encoder rows. */
static inline size_t elcl_front_room(size_t outputs, size_t windows)
{
    return 2 * (outputs + windows) + 1;
}

/* Returns whether there is room for a window of n frames. */
bool elcl_front_fits(const struct elcl_front_frames *frames, size_t n);
/* Adds a window of n frames [n, C]; returns the row of its first output in y. */
int elcl_front_add(struct elcl_front_frames *frames, enum elcl_storage activations, int width,
                   const float *inputs, size_t n);

/* Computes the rows [n_rows, D] of ELCL_B_X. The records name the frames, and a row's ROW_PARENT
 * its row in y, where one row lies between two windows. */
int elcl_front_run(struct elcl_state *state, const struct elcl_records *records, elcl_error *err);

#endif
