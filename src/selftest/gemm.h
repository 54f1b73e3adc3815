/* One GEMM on the fixture, whole and in parts. */
#ifndef ELCL_SELFTEST_GEMM_H
#define ELCL_SELFTEST_GEMM_H

#include "selftest/fixture.h"

enum elcl_residual { ELCL_RESIDUAL_NONE, ELCL_RESIDUAL_SEPARATE, ELCL_RESIDUAL_IN_PLACE };

struct elcl_gemm_shape {
    int batch, m, n, k;
    int x_ld, y_ld;
    size_t x_batch, y_batch;
    enum elcl_activation act;
    bool bias;
    enum elcl_residual residual; /* IN_PLACE only with ELCL_OUT_F32 */
    enum elcl_gemm_out out;
};

/* The host's side of one run. */
struct elcl_gemm_operands {
    size_t n_x, n_y;
    float *x, *w, *bias, *residual; /* bias and residual NULL: none */
    float *doubt;                   /* as x, see elcl_ref_round_input(); NULL: x is not rounded */
};

/* Dense rows; with several batches heads that interleave in x and y, as in EL-attention. */
struct elcl_gemm_shape elcl_gemm_dense(int batch, int m, int n, int k);
/* Random ones. */
struct elcl_gemm_operands elcl_gemm_operands(struct elcl_fixture *fx,
                                             const struct elcl_gemm_shape *s);
/* Runs the GEMM; returns y as elcl_fixture_read_as() does; the sums of two planes. */
float *elcl_gemm_run(struct elcl_fixture *fx, const struct elcl_gemm_shape *s,
                     const struct elcl_gemm_operands *o, const struct elcl_matrix *w);
/* Rounds x to what GEMMs see of it with int8, bf16 and f16 compute. */
void elcl_gemm_round(struct elcl_fixture *fx, const struct elcl_gemm_shape *s,
                     struct elcl_gemm_operands *o);
/* want [n_y]; `epilogue`: with activation and residual. */
void elcl_gemm_reference(const struct elcl_gemm_shape *s, const struct elcl_gemm_operands *o,
                         double *want, bool epilogue);
/* Packs and runs given operands, compares, and ends the run. */
void elcl_gemm_compare(struct elcl_fixture *fx, const struct elcl_gemm_shape *s,
                       struct elcl_gemm_operands *o);
/* The same of random operands. */
void elcl_check_gemm(struct elcl_fixture *fx, const struct elcl_gemm_shape *s);
/* The same of a convolution over n frames of c channels, with gelu: rows of x overlap. */
void elcl_check_convolution(struct elcl_fixture *fx, int n, int c, int d, int stride);

extern const elcl_ref_activation elcl_gemm_activations[ELCL_ACT_SILU + 1];

#endif
