/*
 * GEMM, CPU shape: Y[b, m, n] = act(sum_k X[b, m, k] W[b, n, k] + bias[b, n]) + residual[b, m, n]
 *
 * W lies in panels of NR = 2 VW columns, K-major: W[b, n, k] at k * NR + n % NR of panel
 * b * panels + n / NR, zeros in columns beyond N; sums of int8 weights meet their columns' scales
 * at the end. A work-item takes a run
 * of panels and a block of rows. It goes through K in slices, so that a panel's slice stays in the
 * nearest caches while the block's tiles of GEMM_ROWS rows x NR columns of accumulators pass over
 * it; between slices the sums lie in private memory. Narrow weights are widened at every load;
 * widening a slice in advance was no faster where it was measured. Up to 3 rows meet
 * two panels at once: more independent chains to hide the latency of the multiply-adds.
 *
 * Every element is one chain of multiply-adds over k in rising order, whatever tile, slice and
 * block: results do not depend on M.
 *
 * gemm    global size {ceil(group / block), ceil(panels / run), groups * batch}, work-group
 *         {1, 1, 1}: a group is `group` rows of X that stay in the core's cache while all panels
 *         pass; block <= GEMM_BLOCK
 *
 * -D GEMM_ROWS  rows of accumulators: GEMM_ROWS * 2 + 3 vector registers are in use
 */
// lint: -DVW=8 -DGEMM_ROWS=6
// lint: -DVW=16 -DGEMM_ROWS=12 -DELCL_WEIGHT_F16
// lint: -DVW=8 -DGEMM_ROWS=6 -DELCL_WEIGHT_INT8

#ifndef GEMM_ROWS
#define GEMM_ROWS 6
#endif
#define NR (2 * VW)
#define GEMM_BLOCK 96 /* rows; src/ops/gemm_native.c has the same number */
#define GEMM_SLICE (16384 / NR) /* k: 64 KiB of f32, from the second-level cache */

/* Writes one row of a panel: what a GEMM does behind its sums. */
static inline void gemm_put(__global float *y, const float *sums, __global const weight_t *panel,
                            int k_size, int n, __global const float *bias,
                            __global const float *residual, int flags, int act)
{
    if (n < NR) {
        for (int j = 0; j < n; j++) {
            const float sum = sums[j] * weight_scale(panel, k_size, NR, j);
            const float v = activate(sum + (flags & GEMM_BIAS ? bias[j] : 0.0f), act);
            y[j] = v + (flags & GEMM_RESIDUAL ? residual[j] : 0.0f);
        }
        return;
    }
    for (int j = 0; j < NR; j += VW) {
        floatv v = LOADV(sums + j) * weight_scale_v(panel, k_size, NR, j);
        if (flags & GEMM_BIAS)
            v += LOADV(bias + j);
        v = activate_v(v, act);
        if (flags & GEMM_RESIDUAL)
            v += LOADV(residual + j);
        STOREV(v, y + j);
    }
}

/*
 * sums [panels][rows][NR] += x [rows, k_size] w: one tile over one slice; the first slice takes the
 * sums as zero. `rows` and `panels` are constants at every call, so that the loops unroll and acc
 * lives in registers. Panels lie w_next elements apart.
 */
__attribute__((always_inline)) static inline void
gemm_tile(const int rows, const int panels, float *sums, __global const float *x,
          __global const weight_t *w, size_t w_next, int k_size, int x_ld, bool first)
{
    const int width = 2 * panels; /* vectors */
    floatv acc[2 * GEMM_ROWS], wv[4];
#pragma unroll
    for (int i = 0; i < rows * width; i++)
        acc[i] = first ? (floatv)(0.0f) : LOADV(sums + i * VW);
    for (int k = 0; k < k_size; k++) {
#pragma unroll
        for (int j = 0; j < width; j++)
            wv[j] = WEIGHT_VEC(w + (j / 2) * w_next + (size_t)k * NR + (j % 2) * VW);
#pragma unroll
        for (int r = 0; r < rows; r++) {
            const floatv v = (floatv)(x[(size_t)r * x_ld + k]);
#pragma unroll
            for (int j = 0; j < width; j++) {
                const int at = (j / 2 * rows + r) * 2 + j % 2;
                acc[at] = ELCL_MAC(v, wv[j], acc[at]);
            }
        }
    }
#pragma unroll
    for (int i = 0; i < rows * width; i++)
        STOREV(acc[i], sums + i * VW);
}

/* Rows of the next tile: as few thin ones as can be. */
static inline int gemm_tile_rows(int left)
{
    if (left >= GEMM_ROWS + 4 || left == GEMM_ROWS)
        return GEMM_ROWS;
    if (left == 8 || left > 12)
        return GEMM_ROWS > 8 ? 8 : 4;
    if (left > 8)
        return left > 9 ? 6 : 5;
    return left > 6 ? 4 : left;
}

/* sums [rows][NR] of one panel. */
static inline void gemm_panel(float *sums, __global const float *x, __global const weight_t *w,
                              int rows, int k_size, int x_ld)
{
    for (int k = 0; k < k_size; k += GEMM_SLICE) {
        const int n = min(GEMM_SLICE, k_size - k);
        for (int m = 0, tile; m < rows; m += tile) {
            tile = gemm_tile_rows(rows - m);
            switch (tile) {
#define GEMM_TILE(n_rows)                                                                          \
    case n_rows:                                                                                   \
        gemm_tile(n_rows, 1, sums + m * NR, x + (size_t)m * x_ld + k, w + (size_t)k * NR, 0, n,    \
                  x_ld, k == 0);                                                                   \
        break
                GEMM_TILE(GEMM_ROWS);
#if GEMM_ROWS > 8
                GEMM_TILE(8);
                GEMM_TILE(6);
#endif
                GEMM_TILE(5);
                GEMM_TILE(4);
                GEMM_TILE(3);
                GEMM_TILE(2);
                GEMM_TILE(1);
#undef GEMM_TILE
            }
        }
    }
}

/* sums [2][rows][NR] of two panels, rows <= 3. */
static inline void gemm_two_panels(float *sums, __global const float *x,
                                   __global const weight_t *w, int rows, int k_size, int x_ld)
{
    const size_t next = weight_panel(k_size, NR);
    if (rows == 1)
        gemm_tile(1, 2, sums, x, w, next, k_size, x_ld, true);
    else if (rows == 2)
        gemm_tile(2, 2, sums, x, w, next, k_size, x_ld, true);
    else
        gemm_tile(3, 2, sums, x, w, next, k_size, x_ld, true);
}

__kernel void gemm(__global float *y,                 /* [batch, M, y_ld] */
                   __global const float *x,           /* [batch, M, x_ld] */
                   __global const weight_t *w,        /* panels */
                   __global const float *bias,        /* [batch, N], read with GEMM_BIAS */
                   __global const float *residual,    /* as y, read with GEMM_RESIDUAL */
                   int m_size, int n_size, int k_size, int x_ld, int y_ld, ulong x_batch,
                   ulong y_batch, int group, int groups, int block, int run, int flags, int act)
{
    float sums[GEMM_BLOCK * NR];
    const size_t batch = get_global_id(2) / groups;
    const int group_end = min((int)(get_global_id(2) % groups + 1) * group, m_size);
    const int m = (int)(get_global_id(2) % groups) * group + (int)get_global_id(0) * block;
    const int rows = min(block, group_end - m);
    const int panels = (n_size + NR - 1) / NR;
    const int end = min((int)(get_global_id(1) + 1) * run, panels);
    if (rows <= 0)
        return;
    w += batch * panels * weight_panel(k_size, NR);
    x += batch * x_batch + (size_t)m * x_ld;
    y += batch * y_batch + (size_t)m * y_ld;
    residual += batch * y_batch + (size_t)m * y_ld;
    bias += batch * n_size;
    for (int panel = get_global_id(1) * run; panel < end;) {
        const int n_panels = rows <= 3 && panel + 2 <= end ? 2 : 1;
        __global const weight_t *from = w + panel * weight_panel(k_size, NR);
        if (n_panels == 2)
            gemm_two_panels(sums, x, from, rows, k_size, x_ld);
        else
            gemm_panel(sums, x, from, rows, k_size, x_ld);
        for (int i = 0; i < n_panels; i++, panel++) {
            const int n0 = panel * NR;
            for (int r = 0; r < rows; r++)
                gemm_put(y + (size_t)r * y_ld + n0, sums + (i * rows + r) * NR,
                         from + i * weight_panel(k_size, NR), k_size, min(NR, n_size - n0), bias + n0, residual + (size_t)r * y_ld + n0, flags,
                         act);
        }
    }
}
