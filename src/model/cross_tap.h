/* What the decoder attends to in the source: probabilities of heads of its cross attention,
 * computed again from their layers' queries and keys. */
#ifndef ELCL_MODEL_CROSS_TAP_H
#define ELCL_MODEL_CROSS_TAP_H

#include "model/state.h"

/* Set state->tap to one, and the next step or teacher-forced pass fills it. */
struct elcl_cross_tap {
    const elcl_cross_head *heads; /* [n_heads] not the tap's own */
    int n_heads;
    elcl_cross_head one; /* room for a list of one */
    float *means;        /* [n_heads, n_rows, ld] of the last step, of elcl_ops_host_memory() */
    size_t room;         /* floats there */
    int n_rows, ld;
};

/* Fails with ELCL_E_ARG if there is no such layer or head. */
int elcl_cross_tap_check(const struct elcl_arch *arch, int layer, int head, elcl_error *err);
/* The same for a list; the message names the entry. */
int elcl_cross_tap_check_list(const struct elcl_arch *arch, const elcl_cross_head *heads,
                              unsigned n, elcl_error *err);

/* Fills the tap's means for the heads of layer l. Call it after that layer's cross attention, for
 * each layer. Waits for the device if a head is of the layer. */
int elcl_cross_tap_run(struct elcl_cross_tap *tap, struct elcl_state *state,
                       const struct elcl_records *records, int l, elcl_error *err);

/* Forgets the means, whose memory the queue has freed. */
void elcl_cross_tap_drop(struct elcl_cross_tap *tap);

#endif
