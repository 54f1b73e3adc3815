/*
 * Tiles of gemm_cpu.cl for int4 weights, CPU kernels: what that file says of panels, work-items,
 * slices and prefetches is true of panels here, which lie as src/ops/ops.h says. A group is 32
 * neighbors in k, 9 VW words of a panel: 4 rows of 2 VW words and the scales.
 *
 * With f32 rows a weight is widened to s (q - 8), which is exact, and every element is one chain of
 * multiply-adds over k in ascending order.
 *
 * With rows that quantize.cl rounded, a dot_int4*.cl multiplies: the sum of a group is an exact
 * integer, meets the scale of the group and column, and is added in f32, groups in ascending order.
 * A group of a row is 9 words: 32 integers, then -8 times their sum, with which the group's sum
 * begins, because q - 8 is the weight.
 *
 * A tile has up to GEMM_ROWS sums of a vector, of half a panel, of a panel or of two: few rows take
 * more columns, for more independent chains. With rounded rows every sum has a register more, and
 * loads of X cost most, so that vectors of 16 share them by pairs.
 */
// lint after: dot_f32.cl
// lint: -DVW=8 -DGEMM_ROWS=6 -DELCL_WEIGHT_INT4
// lint: -DVW=16 -DGEMM_ROWS=12 -DELCL_WEIGHT_INT4

#define INT4_WORDS (9 * VW) /* of a group of a panel */
#define INT4_AHEAD 4096
#define INT4_LINE 64 /* bytes that one prefetch brings */
#define INT4_LOW (uintv)(0x0f0f0f0fu)

/* The scales of VW columns, of which the first is vector `v` of the panel; `w` is the group. */
static inline floatv int4_scales(__global const weight_t *w, int v)
{
    return CAT(vload_half, VW)(v, (__global const half *)(w + 8 * VW));
}

/* Prefetches `bytes` bytes from `ahead` bytes after w on. */
__attribute__((always_inline)) static inline void int4_prefetch(__global const weight_t *w,
                                                                size_t ahead, int bytes)
{
    for (int at = 0; at < bytes; at += INT4_LINE)
        ELCL_PREFETCH(w, ahead + at);
}

#ifdef DOT_WHOLE
#define INT4_ROW 9 /* words of a group of a row */

/* acc += one group. Vector v of the tile is first + v of the panel, or of the next one. */
__attribute__((always_inline)) static inline void int4_group(const int rows, const int vectors,
                                                             floatv *acc, __global const dot_x *x,
                                                             int x_ld, __global const weight_t *w,
                                                             size_t w_next, int first)
{
    int4_part parts[GEMM_ROWS];
#pragma unroll
    for (int i = 0; i < GEMM_ROWS; i++)
        if (i < rows * vectors)
            parts[i] = int4_begin(x[(size_t)(i / vectors) * x_ld + 8]);
#pragma unroll
    for (int j = 0; j < 4; j++)
    {
        uintv low[4], high[4];
#pragma unroll
        for (int v = 0; v < 4; v++) {
            if (v >= vectors)
                break;
            const int at = (2 * j + (first + v) % 2) * VW;
            const uintv words = INT4_LOAD(w + (first + v) / 2 * w_next + at);
            low[v] = words & INT4_LOW;
            high[v] = words >> 4 & INT4_LOW;
        }
#pragma unroll
        for (int r = 0; r < GEMM_ROWS; r++) {
            if (r >= rows)
                break;
            const dot_x x0 = x[(size_t)r * x_ld + 2 * j], x1 = x[(size_t)r * x_ld + 2 * j + 1];
#pragma unroll
            for (int v = 0; v < 4; v++)
                if (v < vectors)
                    parts[r * vectors + v] =
                        int4_mac(int4_mac(parts[r * vectors + v], low[v], x0), high[v], x1);
        }
    }
#pragma unroll
    for (int v = 0; v < 4; v++) {
        if (v >= vectors)
            break;
        const floatv s = int4_scales(w + (first + v) / 2 * w_next, (first + v) % 2);
#pragma unroll
        for (int r = 0; r < GEMM_ROWS; r++) {
            if (r >= rows)
                break;
            const intv sum = int4_end(parts[r * vectors + v], x[(size_t)r * x_ld + 8]);
            acc[r * vectors + v] =
                ELCL_MAC(CAT(convert_float, VW)(sum), s, acc[r * vectors + v]);
        }
    }
}
#define INT4_STEPS 1 /* of a group */
#define INT4_ROWS 6  /* of a tile, at most */

#else
#define INT4_ROW 32
#define INT4_STEPS 32
#define INT4_ROWS GEMM_ROWS

/* acc += the products of x at k, which has the low bits of `words` after a shift, with scales. */
__attribute__((always_inline)) static inline void int4_term(const int rows, const int vectors,
                                                            floatv *acc, __global const dot_x *x,
                                                            int x_ld, const uintv *words,
                                                            const floatv *scales, int k)
{
#pragma unroll
    for (int v = 0; v < 4; v++) {
        if (v >= vectors)
            break;
        const intv q = CAT(as_int, VW)(words[v] >> INT4_SHIFT(k) & 15u) - 8;
        const floatv weights = CAT(convert_float, VW)(q) * scales[v];
#pragma unroll
        for (int r = 0; r < GEMM_ROWS; r++) {
            if (r >= rows)
                break;
            acc[r * vectors + v] =
                ELCL_MAC((floatv)(x[(size_t)r * x_ld + k]), weights, acc[r * vectors + v]);
        }
    }
}

/* acc += one group, or its first n terms. */
__attribute__((always_inline)) static inline void int4_terms(const int rows, const int vectors,
                                                             floatv *acc, __global const dot_x *x,
                                                             int x_ld, __global const weight_t *w,
                                                             size_t w_next, int first, int n)
{
    floatv scales[4];
    uintv words[4];
#pragma unroll
    for (int v = 0; v < 4; v++)
        if (v < vectors)
            scales[v] = int4_scales(w + (first + v) / 2 * w_next, (first + v) % 2);
    for (int j = 0; j < 4 && 8 * j < n; j++) {
#pragma unroll
        for (int v = 0; v < 4; v++)
            if (v < vectors)
                words[v] = LOADV(w + (first + v) / 2 * w_next + (2 * j + (first + v) % 2) * VW);
        if (n - 8 * j >= 8)
#pragma unroll
            for (int k = 0; k < 8; k++)
                int4_term(rows, vectors, acc, x + 8 * j, x_ld, words, scales, k);
        else
            for (int k = 0; k < n - 8 * j; k++)
                int4_term(rows, vectors, acc, x + 8 * j, x_ld, words, scales, k);
    }
}

__attribute__((always_inline)) static inline void int4_group(const int rows, const int vectors,
                                                             floatv *acc, __global const dot_x *x,
                                                             int x_ld, __global const weight_t *w,
                                                             size_t w_next, int first)
{
    int4_terms(rows, vectors, acc, x, x_ld, w, w_next, first, 32);
}
#endif

/*
 * sums [panels][rows][2 VW] = x [rows, steps] w, of `vectors` vectors of columns from vector
 * `first` of the panel on, at most four. rows, vectors and `first` are constants at every call.
 * Group g prefetches `stride` bytes of each panel, at ahead + g stride bytes after w.
 */
__attribute__((always_inline)) static inline void
int4_tile(const int rows, const int vectors, const int first, dot_sum *sums,
          __global const dot_x *x, __global const weight_t *w, size_t w_next, int steps, int x_ld,
          size_t ahead, int stride)
{
    floatv acc[GEMM_ROWS];
#pragma unroll
    for (int i = 0; i < GEMM_ROWS; i++)
        acc[i] = (floatv)(0.0f);
    const int groups = steps / INT4_STEPS;
    for (int g = 0; g < groups; g++) {
        __global const weight_t *from = w + (size_t)g * INT4_WORDS;
        int4_prefetch(w, ahead + (size_t)g * stride, stride);
        if (vectors > 2)
            int4_prefetch(w + w_next, ahead + (size_t)g * stride, stride);
        int4_group(rows, vectors, acc, x + g * INT4_ROW, x_ld, from, w_next, first);
    }
#if INT4_STEPS > 1
    if (steps % INT4_STEPS)
        int4_terms(rows, vectors, acc, x + groups * INT4_ROW, x_ld,
                   w + (size_t)groups * INT4_WORDS, w_next, first, steps % INT4_STEPS);
#endif
#pragma unroll
    for (int i = 0; i < GEMM_ROWS; i++) {
        const int r = i / vectors, v = first + i % vectors;
        if (i < rows * vectors)
            STOREV(acc[i], sums + ((v / 2 * rows + r) * 2 + v % 2) * VW);
    }
}

/* A tile of all columns of a panel; `rows` is a constant. */
__attribute__((always_inline)) static inline void
int4_panel_tile(const int rows, dot_sum *sums, __global const dot_x *x, __global const weight_t *w,
                int steps, int x_ld, size_t ahead, int stride)
{
    if (2 * rows <= GEMM_ROWS) {
        int4_tile(rows, 2, 0, sums, x, w, 0, steps, x_ld, ahead, stride);
    } else {
        int4_tile(rows, 1, 0, sums, x, w, 0, steps, x_ld, ahead, stride);
        int4_tile(rows, 1, 1, sums, x, w, 0, steps, x_ld, ahead, 0);
    }
}

/* Rows of the next tile: as few tiles as possible, and the last two alike. */
static inline int int4_tile_rows(int left)
{
#if INT4_ROWS > 6
    if (left == 8)
        return left;
    if (left > INT4_ROWS)
        return INT4_ROWS;
#endif
    if (left >= 2 * INT4_ROWS || left == INT4_ROWS)
        return INT4_ROWS;
    return left <= 6 ? left : (left + 1) / 2;
}

/* sums [rows][2 VW] of one panel. */
static inline void gemm_panel(dot_sum *sums, __global const dot_x *x, __global const weight_t *w,
                              int rows, int steps, int x_ld)
{
    const int groups = (steps + INT4_STEPS - 1) / INT4_STEPS, bytes = 4 * INT4_WORDS;
    const bool one = rows == int4_tile_rows(rows);
    const int tiles = (rows + INT4_ROWS - 1) / INT4_ROWS, stride = one ? bytes : bytes / tiles;
    size_t ahead = one ? INT4_AHEAD : (size_t)groups * bytes; /* else the next panel */
    for (int m = 0, tile; m < rows; m += tile, ahead += (size_t)groups * stride) {
        tile = int4_tile_rows(rows - m);
        switch (tile) {
#define INT4_TILE(n_rows)                                                                          \
    case n_rows:                                                                                   \
        int4_panel_tile(n_rows, sums + m * 2 * VW, x + (size_t)m * x_ld, w, steps, x_ld, ahead,    \
                        stride);                                                                   \
        break
#if INT4_ROWS > 6
            INT4_TILE(12);
            INT4_TILE(8);
#endif
            INT4_TILE(6);
            INT4_TILE(5);
            INT4_TILE(4);
            INT4_TILE(3);
            INT4_TILE(2);
            INT4_TILE(1);
#undef INT4_TILE
        }
    }
}
ELCL_CHECK(int4_rows, GEMM_ROWS == 6 || GEMM_ROWS == 12);

/* sums [2][rows][2 VW] of two panels, rows <= 3. */
static inline void gemm_two_panels(dot_sum *sums, __global const dot_x *x,
                                   __global const weight_t *w, size_t next, int rows, int steps,
                                   int x_ld)
{
    if (rows == 1) {
        int4_tile(1, 4, 0, sums, x, w, next, steps, x_ld, INT4_AHEAD, 4 * INT4_WORDS);
        return;
    }
#if GEMM_ROWS > 8
    if (rows == 2)
        int4_tile(2, 4, 0, sums, x, w, next, steps, x_ld, INT4_AHEAD, 4 * INT4_WORDS);
    else
        int4_tile(3, 4, 0, sums, x, w, next, steps, x_ld, INT4_AHEAD, 4 * INT4_WORDS);
#else
    gemm_panel(sums, x, w, rows, steps, x_ld);
    gemm_panel(sums + rows * 2 * VW, x, w + next, rows, steps, x_ld);
#endif
}
