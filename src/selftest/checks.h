/*
 * One check per operation: random inputs of given sizes, the operation, its reference, the
 * comparison, and the end of the run. gemm.h, attention.h, select.h and sample.h have more.
 */
#ifndef ELCL_SELFTEST_CHECKS_H
#define ELCL_SELFTEST_CHECKS_H

#include "selftest/fixture.h"

/* ---- pointwise.c --------------------------------------------------------------------------- */

/* Rows of all kinds: normal, with a large mean, equal, zero, huge, tiny. */
void elcl_check_add_norm(struct elcl_fixture *fx, int r, int d, enum elcl_norm_kind norm,
                         bool with_state);

struct elcl_embed_shape {
    int r, d, v;
    enum elcl_norm_kind norm;
    bool state, tokens, positions; /* without tokens x is given */
};
void elcl_check_embed(struct elcl_fixture *fx, const struct elcl_embed_shape *s);
/* Columns gap .. gap + n - 1 of rows of n + 2 gap, in parts of state. */
void elcl_check_scatter(struct elcl_fixture *fx, int r, int n, int part, int gap);
void elcl_check_gate(struct elcl_fixture *fx, int r, int f, enum elcl_activation act);

/* ---- beams.c: integers and bits, exact ----------------------------------------------------- */

/* Rows of different lengths continue random parents, several rows the same one. */
void elcl_check_lineage(struct elcl_fixture *fx, int r, int max_length);
void elcl_check_reorder(struct elcl_fixture *fx, int r, size_t ld, size_t n);

/* ---- score.c ------------------------------------------------------------------------------- */

/* Log-probabilities of given tokens, with logits of standard deviation `scale`. */
void elcl_check_log_prob(struct elcl_fixture *fx, int r, int v, double scale);

#endif
