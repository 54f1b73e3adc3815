/* What the decoder attends to in the source: probabilities of one layer's cross attention, computed
 * on the host from that layer's queries and keys. */
#ifndef ELCL_MODEL_CROSS_TAP_H
#define ELCL_MODEL_CROSS_TAP_H

#include "model/state.h"

/* A layer's queries and keys, copied while a teacher-forced pass runs. All arrays are of
 * elcl_ops_host_memory(). */
struct elcl_cross_tap {
    int layer;
    const struct elcl_state *state;
    void *queries; /* el: [R, H, D] as of ELCL_OUT_PLANES, else [R, H Dh] activations */
    size_t plane;  /* el: elements of a plane of queries */
    void *stored;  /* el: the encoder output [n, D], else [K | V] [n, 2 H Dh], in state storage */
    float *keys;   /* the same */
    float *query;  /* scratch: a head's query and its second plane, [D] each; without el [Dh] */
};

/* Allocates room for passes of as many rows as the state has. It lives as long as the state. After
 * a failure *tap is as before. */
int elcl_cross_tap_init(struct elcl_cross_tap *tap, const struct elcl_state *state, int layer,
                        elcl_error *err);
/* Copies queries of n_rows rows, and keys of n_keys. Call it after the layer's cross attention. */
int elcl_cross_tap_copy(struct elcl_cross_tap *tap, struct elcl_state *state, int n_rows,
                        int n_keys, elcl_error *err);
/* Writes the mean of the heads' probabilities of a decoder's row over the keys from `first` on. One
 * thread at a time may call it for a tap.
 *
 * scores: [n_keys] scratch
 * out:    [n_keys] */
void elcl_cross_tap_row(const struct elcl_cross_tap *tap, int row, int first, int n_keys,
                        double *scores, float *out);

#endif
