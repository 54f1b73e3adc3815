/*
 * GEMM, CPU kernel: Y[b, m, n] = act(sum_k X[b, m, k] W[b, n, k] + bias[b, n]) + residual[b, m, n]
 *
 * W lies in panels of NR = 2 VW columns, K-major: W[b, n, k] at k * NR + n % NR of panel
 * b * panels + n / NR, with zeros in columns beyond N; storage.cl says how panels with K_PACK > 1
 * lie. Sums of int8 weights meet the scales of their columns at the end. A dot_*.cl says how a step
 * multiplies: K_STEP neighbors in k, either as f32 with widened weights, or as they are, with X
 * rounded to the type of W (quantize.cl). The tiles of int4 weights are in gemm_int4_cpu.cl.
 *
 * A work-item takes a run of panels and a block of rows. It goes through K in slices, so that a
 * panel's slice stays in the nearest caches while the block's tiles of GEMM_ROWS rows x NR columns
 * of accumulators pass over it; between slices the sums lie in private memory. Weights are
 * prefetched, so that reading and arithmetic overlap: a single tile asks GEMM_AHEAD bytes ahead;
 * several tiles each ask for their share of the next slice, because otherwise the first one would
 * wait for memory and the others would leave it idle. Every load widens int8 and bf16 weights;
 * widening a slice in advance was no faster where it was measured. Up to GEMM_FEW rows meet two
 * panels at once: more independent chains hide the latency of the multiply-adds.
 *
 * Every element is one chain of multiply-adds over k in ascending order, whatever the tile, slice
 * and block: results do not depend on M. Integer sums are exact.
 *
 * gemm    global size {ceil(band / block), ceil(panels / run), bands * batch}, work-group
 *         {1, 1, 1}: a band is `band` rows of X that stay in the core's cache while all panels
 *         pass; block <= ELCL_GEMM_BLOCK
 *
 * -D GEMM_ROWS  rows of accumulators: GEMM_ROWS * 2 + 3 vector registers are in use, and more if a
 *               step takes more than one of weights
 */
// lint after: dot_f32.cl
// lint: -DVW=8 -DGEMM_ROWS=6
// lint: -DVW=16 -DGEMM_ROWS=12 -DELCL_WEIGHT_F16
// lint: -DVW=8 -DGEMM_ROWS=6 -DELCL_WEIGHT_BF16 -DWEIGHT_PAIRS
// lint: -DVW=8 -DGEMM_ROWS=6 -DELCL_WEIGHT_INT8
// lint: -DVW=8 -DGEMM_ROWS=4

#ifndef GEMM_ROWS
#define GEMM_ROWS 6
#endif
#define NR (2 * VW)
#define GEMM_STEP (NR * K_STEP * (int)sizeof(weight_t)) /* bytes of a panel */
#define GEMM_FEW (GEMM_ROWS < 6 ? 1 : 3)
#define GEMM_AHEAD 4096
#define GEMM_LINE 64 /* bytes that one prefetch brings */
#ifdef DOT_WHOLE
#define GEMM_SLICE (65536 / NR) /* k: 64 KiB, from the second-level cache */
#else
#define GEMM_SLICE (16384 / NR) /* the same of f32 */
#endif

#ifndef DOT_ROW
typedef dot_x dot_row;
#define DOT_ROW(p) *(p)
#endif

/* Sums from column j of a panel on, as f32: of all VW, and of one. */
#ifdef DOT_WHOLE
/* It follows the row. */
#define GEMM_X_SCALE(r) as_float(x[(size_t)(r) * x_ld + x_ld - 1])
#else
#define GEMM_X_SCALE(r) 1.0f
#endif
#if defined(DOT_WHOLE) && !defined(ELCL_WEIGHT_INT4)
static inline floatv gemm_sums(const dot_sum *sums, __global const weight_t *panel, int k_size,
                               int j, float x_scale)
{
    const intv shift = LOADV(weight_sums(panel, k_size, NR) + j) * DOT_OFFSET;
    const floatv exact = CAT(convert_float, VW)(LOADV(sums + j) - shift);
    return exact * weight_scale_v(panel, k_size, NR, j) * x_scale;
}
static inline float gemm_sum(const dot_sum *sums, __global const weight_t *panel, int k_size, int j,
                             float x_scale)
{
    const int shift = weight_sums(panel, k_size, NR)[j] * DOT_OFFSET;
    return (float)(sums[j] - shift) * weight_scale(panel, k_size, NR, j) * x_scale;
}
#else
static inline floatv gemm_sums(const dot_sum *sums, __global const weight_t *panel, int k_size,
                               int j, float x_scale)
{
    return LOADV(sums + j) * weight_scale_v(panel, k_size, NR, j) * x_scale;
}
static inline float gemm_sum(const dot_sum *sums, __global const weight_t *panel, int k_size, int j,
                             float x_scale)
{
    return sums[j] * weight_scale(panel, k_size, NR, j) * x_scale;
}
#endif

/* Writes one row of a panel: the last steps of a GEMM, after its sums. */
static inline void gemm_put(__global float *y, const dot_sum *sums, __global const weight_t *panel,
                            int k_size, int n, float x_scale, __global const float *bias,
                            __global const float *residual, int flags, int act)
{
    if (n < NR) {
        for (int j = 0; j < n; j++) {
            const float sum = gemm_sum(sums, panel, k_size, j, x_scale);
            const float v = activate(sum + (flags & ELCL_GEMM_BIAS ? bias[j] : 0.0f), act);
            y[j] = v + (flags & ELCL_GEMM_RESIDUAL ? residual[j] : 0.0f);
        }
        return;
    }
    for (int j = 0; j < NR; j += VW) {
        floatv v = gemm_sums(sums, panel, k_size, j, x_scale);
        if (flags & ELCL_GEMM_BIAS)
            v += LOADV(bias + j);
        v = activate_v(v, act);
        if (flags & ELCL_GEMM_RESIDUAL)
            v += LOADV(residual + j);
        STOREV(v, y + j);
    }
}

#ifndef ELCL_WEIGHT_INT4 /* gemm_int4_cpu.cl has these functions */
/* The weights of a panel's NR columns that one step multiplies. */
static inline void gemm_weights(dot_w *wv, __global const weight_t *w)
{
#ifdef WEIGHT_PAIRS
    const uintv pairs = LOADV((__global const uint *)w);
    wv[0] = CAT(as_float, VW)(pairs << 16);
    wv[1] = CAT(as_float, VW)(pairs & 0xffff0000u);
#else
    wv[0] = DOT_W(w);
    wv[1] = DOT_W(w + VW * K_PACK);
#endif
}

/*
 * sums [panels][rows][NR] += x [rows] w: one tile over one slice; the first slice takes the
 * sums as zero. `rows` and `panels` are constants at every call; loop bounds are as in
 * attn_el_cpu.cl, so that acc lives in registers. Panels lie w_next elements apart. Step k
 * prefetches `stride` bytes of each panel, at most GEMM_STEP, at ahead + k stride bytes after w.
 */
__attribute__((always_inline)) static inline void
gemm_tile(const int rows, const int panels, dot_sum *sums, __global const dot_x *x,
          __global const weight_t *w, size_t w_next, int steps, int x_ld, bool first, size_t ahead,
          int stride)
{
    const int width = 2 * panels; /* vectors */
    dot_sums acc[2 * GEMM_ROWS];
    dot_w wv[4];
#pragma unroll
    for (int i = 0; i < 2 * GEMM_ROWS; i++)
        acc[i] = first ? (dot_sums)(0) : LOADV(sums + min(i, rows * width - 1) * VW);
    for (int k = 0; k < steps; k++) {
#pragma unroll
        for (int p = 0; p < 2; p++)
            if (p < panels) {
                __global const weight_t *from = w + p * w_next;
                const size_t next = ahead + (size_t)k * stride;
                ELCL_PREFETCH(from, next);
                if (stride > GEMM_LINE)
                    ELCL_PREFETCH(from, next + GEMM_LINE);
                gemm_weights(wv + 2 * p, from + (size_t)k * NR * K_STEP);
            }
#pragma unroll
        for (int r = 0; r < GEMM_ROWS; r++) {
            if (r >= rows)
                break;
            const dot_row v = DOT_ROW(x + (size_t)r * x_ld + k * (K_STEP / K_PACK));
#pragma unroll
            for (int j = 0; j < 4; j++) {
                const int at = (j / 2 * rows + r) * 2 + j % 2;
                if (j < width)
                    acc[at] = mac(acc[at], v, wv[j]);
            }
        }
    }
#pragma unroll
    for (int i = 0; i < 2 * GEMM_ROWS; i++)
        if (i < rows * width)
            STOREV(acc[i], sums + i * VW);
}

/* Rows of the next tile: as few thin tiles as possible, and 16 in equal parts. */
static inline int gemm_tile_rows(int left)
{
    if (GEMM_ROWS < 6)
        return left >= 2 * GEMM_ROWS ? GEMM_ROWS : left > GEMM_ROWS ? (left + 1) / 2 : left;
    if (GEMM_ROWS > 8 && left == 16)
        return 8;
    if (left >= GEMM_ROWS + 4 || left == GEMM_ROWS)
        return GEMM_ROWS;
    if (left == 8 || left > 12)
        return GEMM_ROWS > 8 ? 8 : 4;
    if (left > 8)
        return left > 9 ? 6 : 5;
    return left > 6 ? 4 : left;
}

static inline int gemm_n_tiles(int rows)
{
    int n = 0;
    for (; rows > 0; n++)
        rows -= gemm_tile_rows(rows);
    return n;
}

/* sums [rows][NR] of one panel. */
static inline void gemm_panel(dot_sum *sums, __global const dot_x *x, __global const weight_t *w,
                              int rows, int steps, int x_ld)
{
    const int slice = GEMM_SLICE / K_STEP, tiles = gemm_n_tiles(rows);
    const int stride = GEMM_STEP / tiles;
    for (int k = 0; k < steps; k += slice) {
        const int n = min(slice, steps - k);
        size_t ahead = tiles > 1 ? n * GEMM_STEP : GEMM_AHEAD;
        for (int m = 0, tile; m < rows; m += tile, ahead += n * stride) {
            tile = gemm_tile_rows(rows - m);
            switch (tile) {
#define GEMM_TILE(n_rows)                                                                          \
    case n_rows:                                                                                   \
        gemm_tile(n_rows, 1, sums + m * NR, x + (size_t)m * x_ld + k * (K_STEP / K_PACK),          \
                  w + (size_t)k * NR * K_STEP, 0, n, x_ld, k == 0, ahead, stride);                 \
        break
                GEMM_TILE(GEMM_ROWS);
#if GEMM_ROWS > 8
                GEMM_TILE(8);
                GEMM_TILE(6);
#endif
#if GEMM_ROWS > 4
                GEMM_TILE(5);
                GEMM_TILE(4);
#endif
                GEMM_TILE(3);
                GEMM_TILE(2);
                GEMM_TILE(1);
#undef GEMM_TILE
            }
        }
    }
}

/* sums [2][rows][NR] of two panels, rows <= GEMM_FEW. */
static inline void gemm_two_panels(dot_sum *sums, __global const dot_x *x,
                                   __global const weight_t *w, size_t next, int rows, int steps,
                                   int x_ld)
{
    if (rows == 1)
        gemm_tile(1, 2, sums, x, w, next, steps, x_ld, true, GEMM_AHEAD, GEMM_STEP);
#if GEMM_ROWS > 4
    else if (rows == 2)
        gemm_tile(2, 2, sums, x, w, next, steps, x_ld, true, GEMM_AHEAD, GEMM_STEP);
    else
        gemm_tile(3, 2, sums, x, w, next, steps, x_ld, true, GEMM_AHEAD, GEMM_STEP);
#endif
}
#endif

__kernel void gemm(__global float *y,              /* [batch, M, y_ld] */
                   __global const dot_x *x,        /* [batch, M, x_ld], in steps */
                   __global const weight_t *w,     /* panels */
                   __global const float *bias,     /* [batch, N], read with ELCL_GEMM_BIAS */
                   __global const float *residual, /* as y, read with ELCL_GEMM_RESIDUAL */
                   int m_size, int n_size, int k_size, int x_ld, int y_ld, ulong x_batch,
                   ulong y_batch, int band, int bands, int block, int run, int flags, int act)
{
    dot_sum sums[ELCL_GEMM_BLOCK * NR];
    const size_t batch = get_global_id(2) / bands, w_panel = weight_panel(k_size, NR);
    const int band_end = min((int)(get_global_id(2) % bands + 1) * band, m_size);
    const int m = (int)(get_global_id(2) % bands) * band + (int)get_global_id(0) * block;
    const int rows = min(block, band_end - m);
    const int panels = (n_size + NR - 1) / NR, steps = (k_size + K_STEP - 1) / K_STEP;
    const int end = min((int)(get_global_id(1) + 1) * run, panels);
    if (rows <= 0)
        return;
    w += batch * panels * w_panel;
    x += batch * x_batch + (size_t)m * x_ld;
    y += batch * y_batch + (size_t)m * y_ld;
    residual += batch * y_batch + (size_t)m * y_ld;
    bias += batch * n_size;
    for (int panel = get_global_id(1) * run; panel < end;) {
        const int n_panels = rows <= GEMM_FEW && panel + 2 <= end ? 2 : 1;
        __global const weight_t *from = w + panel * w_panel;
        if (n_panels == 2)
            gemm_two_panels(sums, x, from, w_panel, rows, steps, x_ld);
        else
            gemm_panel(sums, x, from, rows, steps, x_ld);
        for (int i = 0; i < n_panels; i++, panel++) {
            const int n0 = panel * NR;
            for (int r = 0; r < rows; r++)
                gemm_put(y + (size_t)r * y_ld + n0, sums + (i * rows + r) * NR, from + i * w_panel,
                         k_size, min(NR, n_size - n0), GEMM_X_SCALE(r), bias + n0,
                         residual + (size_t)r * y_ld + n0, flags, act);
        }
    }
}
