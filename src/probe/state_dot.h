/* Integer products of narrow state in CPU kernels: cl/attn_el_int_cpu.cl with one of cl/el_*.cl. */
#ifndef ELCL_PROBE_STATE_DOT_H
#define ELCL_PROBE_STATE_DOT_H

#include "probe/dot.h"

/* Returns the file of a kind for int8 weights, "el_plain.cl", or NULL: it multiplies no state. */
const char *elcl_state_dot_file(enum elcl_dot dot);
/* Returns how many of the kind's products of int8 weights a product of state takes. */
int elcl_state_dot_products(enum elcl_dot dot);

/* Chooses the best kind that this processor and its compiler have and that gives exact sums;
 * PLAIN_INT8 if there is none. choice->pays: it takes less than 0.9 of the time of products in f32.
 * Sets *unsure if a kind could not run or the times are not sound. Writes the reason to why[n]. */
void elcl_probe_state_dot(struct elcl_device *device, enum elcl_mac mac,
                          struct elcl_dot_choice *choice, bool *unsure, char *why, size_t n);

#endif
