/*
 * GEMM, CPU shape: Y[b, m, n] = act(sum_k X[b, m, k] W[b, n, k] + bias[b, n]) + residual[b, m, n]
 *
 * W lies in panels of NR = 2 VW columns, K-major: W[b, n, k] at
 * ((b * panels + n / NR) * K + k) * NR + n % NR, zeros in columns beyond N. One work-item takes
 * one panel and `block` rows; it keeps a tile of up to GEMM_ROWS rows x NR columns of accumulators
 * in registers and runs over all of K. Every element is one chain of multiply-adds over k in
 * rising order, whatever the tile: results do not depend on M.
 *
 * gemm    global size {panels, ceil(M / block), batch}, work-group {1, 1, 1}
 *
 * -D GEMM_ROWS  rows of accumulators: GEMM_ROWS * 2 + 3 vector registers are in use
 */
// lint: -DVW=8 -DGEMM_ROWS=6
// lint: -DVW=16 -DGEMM_ROWS=12 -DELCL_WEIGHT_F16

#ifndef GEMM_ROWS
#define GEMM_ROWS 6
#endif
#define NR (2 * VW)

/* Writes one row of the tile: what a GEMM does behind its sums. */
static inline void gemm_put(__global float *y, float *sums, int n, __global const float *bias,
                            __global const float *residual, int flags, int act)
{
    if (n < NR) {
        for (int j = 0; j < n; j++) {
            const float v = activate(sums[j] + (flags & GEMM_BIAS ? bias[j] : 0.0f), act);
            y[j] = v + (flags & GEMM_RESIDUAL ? residual[j] : 0.0f);
        }
        return;
    }
    for (int j = 0; j < NR; j += VW) {
        floatv v = LOADV(sums + j);
        if (flags & GEMM_BIAS)
            v += LOADV(bias + j);
        v = activate_v(v, act);
        if (flags & GEMM_RESIDUAL)
            v += LOADV(residual + j);
        STOREV(v, y + j);
    }
}

/* `rows` is a constant at every call, so that the loops unroll and acc lives in registers. */
__attribute__((always_inline)) static inline void
gemm_tile(const int rows, __global float *y, __global const float *x, __global const weight_t *w,
          __global const float *bias, __global const float *residual, int n, int k_size, int x_ld,
          int y_ld, int flags, int act)
{
    floatv lo[GEMM_ROWS], hi[GEMM_ROWS];
#pragma unroll
    for (int r = 0; r < rows; r++)
        lo[r] = hi[r] = (floatv)(0.0f);
    for (int k = 0; k < k_size; k++) {
        const floatv w_lo = WEIGHT_VEC(w + (size_t)k * NR);
        const floatv w_hi = WEIGHT_VEC(w + (size_t)k * NR + VW);
#pragma unroll
        for (int r = 0; r < rows; r++) {
            const floatv v = (floatv)(x[(size_t)r * x_ld + k]);
            lo[r] = ELCL_MAC(v, w_lo, lo[r]);
            hi[r] = ELCL_MAC(v, w_hi, hi[r]);
        }
    }
    float sums[GEMM_ROWS * NR];
#pragma unroll
    for (int r = 0; r < rows; r++) {
        STOREV(lo[r], sums + r * NR);
        STOREV(hi[r], sums + r * NR + VW);
    }
    for (int r = 0; r < rows; r++)
        gemm_put(y + (size_t)r * y_ld, sums + r * NR, n, bias, residual + (size_t)r * y_ld, flags,
                 act);
}

__kernel void gemm(__global float *y,                 /* [batch, M, y_ld] */
                   __global const float *x,           /* [batch, M, x_ld] */
                   __global const weight_t *w,        /* panels */
                   __global const float *bias,        /* [batch, N], read with GEMM_BIAS */
                   __global const float *residual,    /* as y, read with GEMM_RESIDUAL */
                   int m_size, int n_size, int k_size, int x_ld, int y_ld, ulong x_batch,
                   ulong y_batch, int block, int flags, int act)
{
    const int panel = get_global_id(0);
    const size_t batch = get_global_id(2);
    const int n0 = panel * NR;
    const int n = min(NR, n_size - n0);
    int m = get_global_id(1) * block;
    const int m_end = min(m + block, m_size);
    w += (batch * get_global_size(0) + panel) * (size_t)k_size * NR;
    x += batch * x_batch;
    y += batch * y_batch + n0;
    residual += batch * y_batch + n0;
    bias += batch * n_size + n0;
#define GEMM_TILE(rows)                                                                            \
    gemm_tile(rows, y + (size_t)m * y_ld, x + (size_t)m * x_ld, w, bias,                           \
              residual + (size_t)m * y_ld, n, k_size, x_ld, y_ld, flags, act)
    for (; m + GEMM_ROWS <= m_end; m += GEMM_ROWS)
        GEMM_TILE(GEMM_ROWS);
#if GEMM_ROWS > 8
    for (; m + 8 <= m_end; m += 8)
        GEMM_TILE(8);
#endif
#if GEMM_ROWS > 4
    for (; m + 4 <= m_end; m += 4)
        GEMM_TILE(4);
#endif
    for (; m + 2 <= m_end; m += 2)
        GEMM_TILE(2);
    for (; m < m_end; m++)
        GEMM_TILE(1);
#undef GEMM_TILE
}
