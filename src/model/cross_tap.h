/* What the decoder attends to in the source: probabilities of one layer's cross attention, computed
 * again from that layer's queries and keys. */
#ifndef ELCL_MODEL_CROSS_TAP_H
#define ELCL_MODEL_CROSS_TAP_H

#include "model/state.h"

/* Set state->tap to one, and the next step or teacher-forced pass fills it. */
struct elcl_cross_tap {
    int layer;
    int first_head, n_heads; /* the mean of these */
    float *means;            /* [rows, ld] of the last step, of elcl_ops_host_memory() */
    size_t room;             /* floats there */
    int ld;
};

/* Returns the tap of a layer, -1: the last one, and of a head, -1: all of them. */
struct elcl_cross_tap elcl_cross_tap(const struct elcl_arch *arch, int layer, int head);
/* Fails with ELCL_E_ARG if there is no such layer or head. */
int elcl_cross_tap_check(const struct elcl_arch *arch, int layer, int head, elcl_error *err);

/* Fills the tap's means. Call it after the layer's cross attention. Waits for the device. */
int elcl_cross_tap_run(struct elcl_cross_tap *tap, struct elcl_state *state,
                       const struct elcl_records *records, elcl_error *err);

#endif
