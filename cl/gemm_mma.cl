/*
 * GEMM by matrix instructions, GPU shape, weights in f16 or bf16:
 *     Y[b, m, n] = act(sum_k X[b, m, k] W[b, n, k] + bias[b, n]) + residual[b, m, n]
 * The instruction multiplies bf16, but nothing is rounded to that: a number is the sum of two bf16,
 * high + low, x up to 2^-16 of it, w in f16 exactly. Of (x_high + x_low) (w_high + w_low) the product
 * of the low parts, below 2^-16 of the whole, is left out; w in bf16 has no low part. Sums are f32.
 *
 * A work-group of four warps computes a tile of 32 x 32 outputs; each warp takes a quarter of K,
 * rounded up to a multiple of 16, and the quarters are added in order: the cut depends on K only, so
 * that results do not depend on M. Fragments come from global memory: a warp reads 64 bytes of each
 * of 16 rows of W, and 64 bytes of each of 32 rows of X.
 *
 * gemm_mma   global size {128 ceil(N / 32), ceil(M / 32), batch}, work-group {128, 1, 1};
 *            local memory: 4 * 32 * 32 floats
 */
// lint after: gemm_gpu.cl mac_emulated.cl
// lint: -DVW=4 -DELCL_WEIGHT_F16
// lint: -DVW=4 -DELCL_WEIGHT_BF16

#define MMA_TILE 32

/* Two neighbours of a row of X from element k on; zeros beyond K. */
static inline float2 mma_x(__global const float *row, int k, int k_size)
{
    return (float2)(k < k_size ? row[k] : 0.0f, k + 1 < k_size ? row[k + 1] : 0.0f);
}

static inline void mma_split(float2 x, uint *high, uint *low)
{
    *high = mma_pack(x);
    *low = mma_pack(x - (float2)(as_float(*high << 16), as_float(*high & 0xffff0000u)));
}

/* W[n][k] and W[n][k + 1]; what lies beyond K meets zeros of X. */
static inline void mma_w(__global const weight_t *column, int k, int k_size, int n_size, uint *high,
                         uint *low)
{
    const size_t at = (size_t)min(k, k_size - 1) * n_size;
    const size_t next = (size_t)min(k + 1, k_size - 1) * n_size;
#ifdef ELCL_WEIGHT_F16
    mma_split((float2)(WEIGHT_GET(column, at), WEIGHT_GET(column, next)), high, low);
#else
    *high = (uint)column[at] | (uint)column[next] << 16;
#endif
}

__attribute__((reqd_work_group_size(128, 1, 1))) __kernel void
gemm_mma(__global float *y,              /* [batch, M, y_ld] */
         __global const float *x,        /* [batch, M, x_ld] */
         __global const weight_t *w,     /* [batch, K, N] */
         __global const float *bias,     /* [batch, N], read with GEMM_BIAS */
         __global const float *residual, /* as y, read with GEMM_RESIDUAL */
         int m_size, int n_size, int k_size, int x_ld, int y_ld, ulong x_batch, ulong y_batch,
         int slice, int flags, int act, __local float *parts) /* [4 warps, 32, 32] */
{
    const int item = get_local_id(0), warp = item / 32, g = item % 32 / 4, l = item % 4;
    const size_t batch = get_global_id(2);
    const int n0 = get_group_id(0) * MMA_TILE, m0 = get_group_id(1) * MMA_TILE;
    x += batch * x_batch;
    w += batch * (size_t)k_size * n_size;
    float4 acc[2][4];
#pragma unroll
    for (int t = 0; t < 2; t++)
#pragma unroll
        for (int u = 0; u < 4; u++)
            acc[t][u] = (float4)(0.0f);
    for (int k = warp * slice + 2 * l; k < warp * slice + slice + 2 * l; k += 16) {
        uint4 high[2], low[2];
#pragma unroll
        for (int t = 0; t < 2; t++) {
            const int m = m0 + 16 * t + g;
            __global const float *row = x + (size_t)min(m, m_size - 1) * x_ld;
            __global const float *row8 = x + (size_t)min(m + 8, m_size - 1) * x_ld;
            uint h[4], r[4];
            mma_split(mma_x(row, k, k_size), h, r);
            mma_split(mma_x(row8, k, k_size), h + 1, r + 1);
            mma_split(mma_x(row, k + 8, k_size), h + 2, r + 2);
            mma_split(mma_x(row8, k + 8, k_size), h + 3, r + 3);
            high[t] = (uint4)(h[0], h[1], h[2], h[3]);
            low[t] = (uint4)(r[0], r[1], r[2], r[3]);
        }
#pragma unroll
        for (int u = 0; u < 4; u++) {
            __global const weight_t *column = w + min(n0 + 8 * u + g, n_size - 1);
            uint h[2], r[2];
            mma_w(column, k, k_size, n_size, h, r);
            mma_w(column, k + 8, k_size, n_size, h + 1, r + 1);
            const uint2 b = (uint2)(h[0], h[1]);
#pragma unroll
            for (int t = 0; t < 2; t++) {
#ifdef ELCL_WEIGHT_F16
                acc[t][u] = mma(acc[t][u], high[t], (uint2)(r[0], r[1]), parts);
#endif
                acc[t][u] = mma(acc[t][u], low[t], b, parts);
                acc[t][u] = mma(acc[t][u], high[t], b, parts);
            }
        }
    }
#pragma unroll
    for (int t = 0; t < 2; t++)
#pragma unroll
        for (int u = 0; u < 4; u++) {
            __local float *to =
                parts + (warp * MMA_TILE + 16 * t + g) * MMA_TILE + 8 * u + 2 * l;
            to[0] = acc[t][u].x;
            to[1] = acc[t][u].y;
            to[8 * MMA_TILE] = acc[t][u].z;
            to[8 * MMA_TILE + 1] = acc[t][u].w;
        }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int at = item; at < MMA_TILE * MMA_TILE; at += 128) {
        const int i = at / MMA_TILE, j = at % MMA_TILE, m = m0 + i, n = n0 + j;
        const int part = MMA_TILE * MMA_TILE;
        const float sum = ((parts[at] + parts[part + at]) + parts[2 * part + at]) + parts[3 * part + at];
        if (m < m_size && n < n_size)
            gemm_put(y, residual, batch * y_batch + (size_t)m * y_ld + n, sum, 1.0f,
                     flags & GEMM_BIAS ? bias[batch * n_size + n] : 0.0f, flags, act);
    }
}
