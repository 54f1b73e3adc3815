/*
 * GEMM, GPU shape: Y[b, m, n] = act(sum_k X[b, m, k] W[b, n, k] + bias[b, n]) + residual[b, m, n]
 *
 * W is the row-major transpose: W[b, n, k] at (b * K + k) * N + n. A work-group of 16 x 16 items
 * computes a tile of TM x TN outputs, each item (TM / 16) x (TN / 16) of them, over slices of TK
 * columns of X and rows of W staged in local memory (TM * TK + TK * TN floats, 8 KiB). Every
 * element is one chain of multiply-adds over k in rising order: results do not depend on M.
 *
 * gemm    global size {16 ceil(N / TN), 16 ceil(M / TM), batch}, work-group {16, 16, 1}
 */
// lint: -DVW=4
// lint: -DVW=4 -DELCL_WEIGHT_BF16

#define TM 64
#define TN 64
#define TK 16

__attribute__((reqd_work_group_size(16, 16, 1))) __kernel void
gemm(__global float *y,              /* [batch, M, y_ld] */
     __global const float *x,        /* [batch, M, x_ld] */
     __global const weight_t *w,     /* [batch, K, N] */
     __global const float *bias,     /* [batch, N], read with GEMM_BIAS */
     __global const float *residual, /* as y, read with GEMM_RESIDUAL */
     int m_size, int n_size, int k_size, int x_ld, int y_ld, ulong x_batch, ulong y_batch,
     int flags, int act)
{
    __local float xs[TK][TM];
    __local float ws[TK][TN];
    const int i = get_local_id(0), j = get_local_id(1), item = j * 16 + i;
    const size_t batch = get_global_id(2);
    const int n0 = get_group_id(0) * TN, m0 = get_group_id(1) * TM;
    x += batch * x_batch;
    w += batch * (size_t)k_size * n_size;
    float acc[TM / 16][TN / 16]; /* in registers: every loop over it is unrolled */
#pragma unroll
    for (int r = 0; r < TM / 16; r++)
#pragma unroll
        for (int c = 0; c < TN / 16; c++)
            acc[r][c] = 0.0f;
    for (int k0 = 0; k0 < k_size; k0 += TK) {
        for (int t = item; t < TM * TK; t += 256) {
            const int m = m0 + t / TK, k = k0 + t % TK;
            xs[t % TK][t / TK] = m < m_size && k < k_size ? x[(size_t)m * x_ld + k] : 0.0f;
        }
        for (int t = item; t < TN * TK; t += 256) {
            const int n = n0 + t % TN, k = k0 + t / TN;
            ws[t / TN][t % TN] =
                n < n_size && k < k_size ? WEIGHT_GET(w, (size_t)k * n_size + n) : 0.0f;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        const int k_end = min(TK, k_size - k0);
        for (int k = 0; k < k_end; k++)
#pragma unroll
            for (int r = 0; r < TM / 16; r++)
#pragma unroll
                for (int c = 0; c < TN / 16; c++)
                    acc[r][c] = ELCL_MAC(xs[k][j + 16 * r], ws[k][i + 16 * c], acc[r][c]);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
#pragma unroll
    for (int r = 0; r < TM / 16; r++) {
        const int m = m0 + j + 16 * r;
#pragma unroll
        for (int c = 0; c < TN / 16; c++) {
            const int n = n0 + i + 16 * c;
            if (m >= m_size || n >= n_size)
                continue;
            const size_t at = batch * y_batch + (size_t)m * y_ld + n;
            const float v = acc[r][c] + (flags & GEMM_BIAS ? bias[batch * n_size + n] : 0.0f);
            y[at] = activate(v, act) + (flags & GEMM_RESIDUAL ? residual[at] : 0.0f);
        }
    }
}
