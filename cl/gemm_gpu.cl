/*
 * GEMM, GPU shape: Y[b, m, n] = act(sum_k X[b, m, k] W[b, n, k] + bias[b, n]) + residual[b, m, n]
 *
 * W is the row-major transpose, W[b, n, k] at k * N + n of panel b; sums of int8 weights meet their
 * columns' scales at the end. The sum over k is cut into at
 * most GEMM_SLICES slices of `slice` terms, a multiple of GEMM_TK that depends on K only. A slice is
 * one chain of multiply-adds over k in rising order, and the slices are added in rising order: both
 * kernels give the same bits, and results do not depend on M.
 *
 * gemm       for many rows: a work-group computes a tile of 64 x 64 outputs, an item 8 x 4 of them,
 *            over blocks of GEMM_TK columns of X and rows of W in local memory: two blocks in turn,
 *            so that the next one loads while this one is multiplied. Local memory: 16 KiB
 *            global size {128 ceil(N / 64), ceil(M / 64), batch}, work-group {128, 1, 1}
 *
 * gemm_rows  for few rows, where reading W is all the work: an item takes 4 columns of one slice and
 *            GEMM_ROW_BLOCK rows, a work-group 32 columns of all slices, so that W streams through
 *            as many items as there are. Local memory: 16 KiB
 *            global size {128 ceil(N / 32), ceil(M / GEMM_ROW_BLOCK), batch}, work-group {128, 1, 1}
 */
// lint: -DVW=4
// lint: -DVW=4 -DELCL_WEIGHT_BF16
// lint: -DVW=4 -DELCL_WEIGHT_INT8

#define GEMM_TK 16
#define GEMM_SLICES 16
#define GEMM_ROW_BLOCK 8

/* Four neighbouring values of a row of n_size, from element n on; zeros beyond its end. `aligned`:
 * rows start at multiples of four elements, so that one load does. */
static inline float4 gemm_w4(__global const weight_t *row, int n, int n_size, int aligned)
{
    if (n + 4 <= n_size)
        return aligned ? WEIGHT_ALIGNED4(row + n) : WEIGHT_4(row + n);
    float4 v = (float4)(0.0f);
    if (n < n_size)
        v.x = WEIGHT_GET(row, n);
    if (n + 1 < n_size)
        v.y = WEIGHT_GET(row, n + 1);
    if (n + 2 < n_size)
        v.z = WEIGHT_GET(row, n + 2);
    return v;
}

static inline float4 gemm_x4(__global const float *row, int k, int k_size)
{
    if (k + 4 <= k_size)
        return vload4(0, row + k);
    float4 v = (float4)(0.0f);
    if (k < k_size)
        v.x = row[k];
    if (k + 1 < k_size)
        v.y = row[k + 1];
    if (k + 2 < k_size)
        v.z = row[k + 2];
    return v;
}

/* An explicit multiply-add, so that all kernels give the same bits. */
static inline void gemm_put(__global float *y, __global const float *residual, size_t at, float sum,
                            float scale, float bias, int flags, int act)
{
    y[at] = activate(ELCL_MAC(sum, scale, bias), act) + (flags & GEMM_RESIDUAL ? residual[at] : 0.0f);
}

__attribute__((reqd_work_group_size(128, 1, 1))) __kernel void
gemm(__global float *y,              /* [batch, M, y_ld] */
     __global const float *x,        /* [batch, M, x_ld] */
     __global const weight_t *w,     /* [batch, K, N] */
     __global const float *bias,     /* [batch, N], read with GEMM_BIAS */
     __global const float *residual, /* as y, read with GEMM_RESIDUAL */
     int m_size, int n_size, int k_size, int x_ld, int y_ld, ulong x_batch, ulong y_batch,
     int slice, int flags, int act)
{
    __local float4 xs[2][GEMM_TK][16]; /* [k][m / 4] */
    __local float4 ws[2][GEMM_TK][16]; /* [k][n / 4] */
    const int item = get_local_id(0), i = item % 16, j = item / 16;
    const size_t batch = get_global_id(2);
    const int n0 = get_group_id(0) * 64, m0 = get_group_id(1) * 64;
    const int aligned = n_size % 4 == 0;
    /* What this item brings into local memory: 8 k of a row of X, 8 columns of a row of W. */
    const int x_m = item % 64, x_k = item / 64 * 8, w_k = item / 8, w_n = item % 8 * 8;
    x += batch * x_batch + (size_t)min(m0 + x_m, m_size - 1) * x_ld;
    w += batch * weight_panel(k_size, n_size);
    float4 acc[8], total[8];
#pragma unroll
    for (int r = 0; r < 8; r++)
        acc[r] = total[r] = (float4)(0.0f);
    int half_now = 0, slice_end = slice;
    float4 x_lo = gemm_x4(x, x_k, k_size), x_hi = gemm_x4(x, x_k + 4, k_size);
    __global const weight_t *row = w + (size_t)min(w_k, k_size - 1) * n_size;
    float4 w_lo = gemm_w4(row, n0 + w_n, n_size, aligned);
    float4 w_hi = gemm_w4(row, n0 + w_n + 4, n_size, aligned);
    for (int k0 = 0; k0 < k_size; k0 += GEMM_TK) {
        __local float *to = (__local float *)xs[half_now] + x_k * 64 + x_m;
        to[0 * 64] = x_lo.x;
        to[1 * 64] = x_lo.y;
        to[2 * 64] = x_lo.z;
        to[3 * 64] = x_lo.w;
        to[4 * 64] = x_hi.x;
        to[5 * 64] = x_hi.y;
        to[6 * 64] = x_hi.z;
        to[7 * 64] = x_hi.w;
        /* X is zero beyond K, so that W's last row may stand for those behind it. */
        ws[half_now][w_k][w_n / 4] = w_lo;
        ws[half_now][w_k][w_n / 4 + 1] = w_hi;
        barrier(CLK_LOCAL_MEM_FENCE);
        const int next = k0 + GEMM_TK;
        if (next < k_size) {
            x_lo = gemm_x4(x, next + x_k, k_size);
            x_hi = gemm_x4(x, next + x_k + 4, k_size);
            row = w + (size_t)min(next + w_k, k_size - 1) * n_size;
            w_lo = gemm_w4(row, n0 + w_n, n_size, aligned);
            w_hi = gemm_w4(row, n0 + w_n + 4, n_size, aligned);
        }
#pragma unroll
        for (int k = 0; k < GEMM_TK; k++) {
            const float4 v = ws[half_now][k][i];
            const float4 x0 = xs[half_now][k][2 * j], x1 = xs[half_now][k][2 * j + 1];
            acc[0] = ELCL_MAC((float4)(x0.x), v, acc[0]);
            acc[1] = ELCL_MAC((float4)(x0.y), v, acc[1]);
            acc[2] = ELCL_MAC((float4)(x0.z), v, acc[2]);
            acc[3] = ELCL_MAC((float4)(x0.w), v, acc[3]);
            acc[4] = ELCL_MAC((float4)(x1.x), v, acc[4]);
            acc[5] = ELCL_MAC((float4)(x1.y), v, acc[5]);
            acc[6] = ELCL_MAC((float4)(x1.z), v, acc[6]);
            acc[7] = ELCL_MAC((float4)(x1.w), v, acc[7]);
        }
        if (next >= slice_end || next >= k_size) {
            slice_end += slice;
#pragma unroll
            for (int r = 0; r < 8; r++) {
                total[r] += acc[r];
                acc[r] = (float4)(0.0f);
            }
        }
        half_now ^= 1;
    }
    const int n = n0 + 4 * i;
    const float4 b = flags & GEMM_BIAS
                         ? (float4)(bias[batch * n_size + min(n, n_size - 1)],
                                    bias[batch * n_size + min(n + 1, n_size - 1)],
                                    bias[batch * n_size + min(n + 2, n_size - 1)],
                                    bias[batch * n_size + min(n + 3, n_size - 1)])
                         : (float4)(0.0f);
    const float4 scale = (float4)(weight_scale(w, k_size, n_size, min(n, n_size - 1)),
                                  weight_scale(w, k_size, n_size, min(n + 1, n_size - 1)),
                                  weight_scale(w, k_size, n_size, min(n + 2, n_size - 1)),
                                  weight_scale(w, k_size, n_size, min(n + 3, n_size - 1)));
#pragma unroll
    for (int r = 0; r < 8; r++) {
        const int m = m0 + 8 * j + r;
        const size_t at = batch * y_batch + (size_t)m * y_ld + n;
        if (m < m_size && n < n_size)
            gemm_put(y, residual, at, total[r].x, scale.x, b.x, flags, act);
        if (m < m_size && n + 1 < n_size)
            gemm_put(y, residual, at + 1, total[r].y, scale.y, b.y, flags, act);
        if (m < m_size && n + 2 < n_size)
            gemm_put(y, residual, at + 2, total[r].z, scale.z, b.z, flags, act);
        if (m < m_size && n + 3 < n_size)
            gemm_put(y, residual, at + 3, total[r].w, scale.w, b.w, flags, act);
    }
}

__attribute__((reqd_work_group_size(128, 1, 1))) __kernel void
gemm_rows(__global float *y,              /* [batch, M, y_ld] */
          __global const float *x,        /* [batch, M, x_ld] */
          __global const weight_t *w,     /* [batch, K, N] */
          __global const float *bias,     /* [batch, N], read with GEMM_BIAS */
          __global const float *residual, /* as y, read with GEMM_RESIDUAL */
          int m_size, int n_size, int k_size, int x_ld, int y_ld, ulong x_batch, ulong y_batch,
          int slice, int flags, int act)
{
    __local float4 parts[GEMM_SLICES][GEMM_ROW_BLOCK][8]; /* [slice][row][n / 4] */
    const int item = get_local_id(0), i = item % 8, s = item / 8;
    const size_t batch = get_global_id(2);
    const int n0 = get_group_id(0) * 32, m0 = get_group_id(1) * GEMM_ROW_BLOCK;
    const int aligned = n_size % 4 == 0;
    const int k_end = min((s + 1) * slice, k_size);
    w += batch * weight_panel(k_size, n_size);
    x += batch * x_batch;
    size_t x_at[GEMM_ROW_BLOCK];
    float4 acc[GEMM_ROW_BLOCK];
#pragma unroll
    for (int r = 0; r < GEMM_ROW_BLOCK; r++) {
        x_at[r] = (size_t)min(m0 + r, m_size - 1) * x_ld;
        acc[r] = (float4)(0.0f);
    }
    for (int k = s * slice; k < k_end; k++) {
        const float4 v = gemm_w4(w + (size_t)k * n_size, n0 + 4 * i, n_size, aligned);
#pragma unroll
        for (int r = 0; r < GEMM_ROW_BLOCK; r++)
            acc[r] = ELCL_MAC((float4)(x[x_at[r] + k]), v, acc[r]);
    }
#pragma unroll
    for (int r = 0; r < GEMM_ROW_BLOCK; r++)
        parts[s][r][i] = acc[r];
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int t = item; t < GEMM_ROW_BLOCK * 32; t += 128) {
        const int m = m0 + t / 32, n = n0 + t % 32;
        float sum = 0.0f;
        for (int part = 0; part < GEMM_SLICES; part++)
            sum += ((__local const float *)parts[part])[t];
        if (m < m_size && n < n_size)
            gemm_put(y, residual, batch * y_batch + (size_t)m * y_ld + n, sum,
                     weight_scale(w, k_size, n_size, n),
                     flags & GEMM_BIAS ? bias[batch * n_size + n] : 0.0f, flags, act);
    }
}
