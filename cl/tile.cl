/*
 * Tiles of products, GPU kernels: the 128 items of a work-group compute 64 x 64 outputs
 *     Y[m][n] = sum_k X[m][k] W[n][k]
 * in blocks of ELCL_TILE_K terms. A block of 64 rows of an operand goes to local memory as a panel,
 * alternating between two panels, so that the next block is read while this one is multiplied.
 * tile_plain.cl and tile_mma.cl each define panels and the multiplication; kernels use those of the
 * last one before them as TILE(name):
 *
 *     union TILE(tile)                  local memory: panels.x[2] and panels.w[2], or outputs y
 *     put_rows(panel, rows, low)        stores the item's part of a block, read along k
 *     put_columns(panel, columns, low)  the same, read across rows
 *     multiply(x, w, sums, low, rows)   adds a block's products to the item's 32 outputs; only the
 *                                       first `rows` rows of X need count
 *     give(y, sums, row, rows)          writes the outputs of `rows` rows from `row` on, all of the
 *                                       tile's or a half, to y [rows][ELCL_TILE_LD]
 *     TILE_KERNEL                       attributes of a kernel that calls them
 *
 * low: elements of W need more than the 8 bits of a bf16 (tile_mma.cl); always true of X. It is a
 * constant at every call.
 */
// lint: -DVW=4
// lint: -DVW=4 -DELCL_STATE_INT8 -DELCL_ACT_BF16
// lint: -DVW=4 -DELCL_STATE_INT4

/* A call that is not inlined costs scratch memory on AMD. */
#define TILE_INLINE __attribute__((always_inline)) static inline

/* The part of item i: either 8 elements from k = i / 64 * 8 on of row i % 64, */
#define TILE_PART_ROW(i) ((i) % 64)
#define TILE_PART_K(i) ((i) / 64 * 8)
struct tile_rows {
    float4 lo, hi;
};
/* or those of 4 rows from i % 16 * 4 on at k = i / 16 * 2 and at k + 1. */
#define TILE_PART_ROWS(i) ((i) % 16 * 4)
#define TILE_PART_PAIR(i) ((i) / 16 * 2)
struct tile_columns {
    float4 even, odd;
};

/* Four neighbors of a row of n elements from element i on; zeros beyond its end. `aligned`: rows
 * start at multiples of four elements, so that one load does. */
#define DEFINE_LOAD4(NAME, TYPE, GET, LOAD, LOAD_ALIGNED)                                          \
    TILE_INLINE float4 NAME(__global const TYPE *row, int i, int n, bool aligned)                  \
    {                                                                                              \
        if (i + 4 <= n)                                                                            \
            return aligned ? LOAD_ALIGNED(row + i) : LOAD(row + i);                                \
        float4 v = (float4)(0.0f);                                                                 \
        if (i < n)                                                                                 \
            v.x = GET(row, i);                                                                     \
        if (i + 1 < n)                                                                             \
            v.y = GET(row, i + 1);                                                                 \
        if (i + 2 < n)                                                                             \
            v.z = GET(row, i + 2);                                                                 \
        return v;                                                                                  \
    }
#define F32_GET(p, i) (p)[i]
#define F32_4(p) vload4(0, p)
#define F32_ALIGNED4(p) (*(__global const float4 *)(p))
DEFINE_LOAD4(f32_load4, float, F32_GET, F32_4, F32_ALIGNED4)
DEFINE_LOAD4(act_load4, act_t, ACT_GET, ACT_4, ACT_ALIGNED4)
#ifndef ELCL_WEIGHT_INT4
DEFINE_LOAD4(weight_load4, weight_t, WEIGHT_GET, WEIGHT_4, WEIGHT_ALIGNED4)
#endif
#ifdef ELCL_PLANES
DEFINE_LOAD4(plane_load4, plane_t, PLANE_GET, PLANE_4, PLANE_ALIGNED4)
#endif
#ifdef STATE_NARROW
/* Four integers of a row from element i on, a multiple of four, as bytes. */
TILE_INLINE uint state_bytes4(state_row row, int i, bool aligned)
{
#ifdef ELCL_STATE_INT8
    return aligned ? *(__global const uint *)(row.values + i) : as_uint(vload4(0, row.values + i));
#else
    return *(__global const uint *)(row.values + STATE_BYTE(i)) >> STATE_SHIFT(i) & 0x0f0f0f0fu;
#endif
}
TILE_INLINE float4 state_widen4(uint bytes, float2 group)
{
    return ELCL_MAC((float4)(group.x), convert_float4(as_uchar4(bytes)), (float4)(group.y));
}
/* Beyond the end of a row, up to a multiple of four, is the offset of its last group or of what
 * follows in the row. */
TILE_INLINE float4 state_load4(state_row row, int i, int n, bool aligned)
{
    return i < n ? state_widen4(state_bytes4(row, i, aligned), state_group(row, i))
                 : (float4)(0.0f);
}
#else
DEFINE_LOAD4(state_load4, state_t, STATE_GET, STATE_4, STATE_ALIGNED4)
#endif

#ifdef ELCL_WEIGHT_INT4
/* Four neighbors of 8 k in a panel of all columns. Panels and rows of words begin at multiples of
 * 16 bytes, scales at multiples of 8. */
struct int4_columns {
    uint4 words;
    float4 scales;
};

/* Columns n .. n + 3 at k, a multiple of 8; zeros beyond `width`. */
TILE_INLINE struct int4_columns int4_read(__global const weight_t *panel, int n, int k, int width)
{
    struct int4_columns c = {(uint4)(0u), (float4)(0.0f)};
    if (n >= width) /* a multiple of 8 */
        return c;
    panel += k / ELCL_INT4_GROUP * int4_words(width);
    c.words = *(__global const uint4 *)(panel + k % ELCL_INT4_GROUP / 8 * width + n);
    c.scales = f16_aligned4((__global const half *)(panel + 4 * width) + n);
    return c;
}

/* The weights at k. */
TILE_INLINE float4 int4_widen(struct int4_columns c, int k)
{
    return convert_float4(as_int4(c.words >> INT4_SHIFT(k) & 15u) - 8) * c.scales;
}
#else
/* Columns n .. n + 3 of a row of `width` weights, a panel of all columns; zeros beyond it. */
TILE_INLINE float4 weight_row4(__global const weight_t *row, int n, int width)
{
#if defined(ELCL_WEIGHT_F16) || defined(ELCL_WEIGHT_BF16)
    return n < width ? WEIGHT_ALIGNED4(row + n) : (float4)(0.0f); /* width is a multiple of 8 */
#else
    return weight_load4(row, n, width, width % 4 == 0);
#endif
}
#endif

/* `low` of weights and of state. */
#ifdef ELCL_WEIGHT_BF16
#define WEIGHT_LOW false
#else
#define WEIGHT_LOW true
#endif
#ifdef ELCL_STATE_BF16
#define STATE_LOW false
#else
#define STATE_LOW true
#endif

/* Clears sums [8], the item's 32 outputs. */
TILE_INLINE void tile_clear(float4 *sums)
{
#pragma unroll
    for (int r = 0; r < 8; r++)
        sums[r] = (float4)(0.0f);
}

/* The item's part of rows of f32, of the 16 elements from k on; `row` is the item's. */
TILE_INLINE struct tile_rows tile_read(__global const float *row, int k, int k_size, bool aligned)
{
    const int at = k + TILE_PART_K((int)get_local_id(0));
    struct tile_rows part;
    part.lo = f32_load4(row, at, k_size, aligned);
    part.hi = f32_load4(row, at + 4, k_size, aligned);
    return part;
}

/* tile_read() of rows of activations. */
TILE_INLINE struct tile_rows tile_read_act(__global const act_t *row, int k, int k_size,
                                           bool aligned)
{
    const int at = k + TILE_PART_K((int)get_local_id(0));
    struct tile_rows part;
    part.lo = act_load4(row, at, k_size, aligned);
    part.hi = act_load4(row, at + 4, k_size, aligned);
    return part;
}

/* tile_read() of rows of planes: the sums of high parts and of those `low` elements after them. */
TILE_INLINE struct tile_rows tile_read_planes(__global const plane_t *row, ulong low, int k,
                                              int k_size, bool aligned)
{
#ifdef ELCL_PLANES
    const int at = k + TILE_PART_K((int)get_local_id(0));
    struct tile_rows part;
    part.lo = plane_load4(row, at, k_size, aligned) + plane_load4(row + low, at, k_size, aligned);
    part.hi = plane_load4(row, at + 4, k_size, aligned) +
              plane_load4(row + low, at + 4, k_size, aligned);
    return part;
#else
    return tile_read(row, k, k_size, aligned);
#endif
}

/* Elements i .. i + 3 of a row of n; `other` beyond its end. */
TILE_INLINE float4 tile_before4(float4 v, float other, int i, int n)
{
    return select((float4)(other), v, (int4)(i, i + 1, i + 2, i + 3) < (int4)(n));
}

/* tile_read() of rows of state. */
TILE_INLINE struct tile_rows tile_read_key(state_row row, int k, int k_size, bool aligned)
{
    const int at = k + TILE_PART_K((int)get_local_id(0));
    struct tile_rows part;
#ifdef STATE_NARROW
    const float2 group = at < k_size ? state_group(row, at) : (float2)(0.0f);
    part.lo = state_widen4(at < k_size ? state_bytes4(row, at, aligned) : 0, group);
    part.hi = state_widen4(at + 4 < k_size ? state_bytes4(row, at + 4, aligned) : 0, group);
#else
    part.lo = state_load4(row, at, k_size, aligned);
    part.hi = state_load4(row, at + 4, k_size, aligned);
#endif
    return part;
}

/* The item's part of 16 rows of state, read across them from element d on: `even` and `odd` are its
 * two rows, of d_size elements. */
TILE_INLINE struct tile_columns tile_read_values(state_row even, state_row odd, int d, int d_size,
                                                 bool aligned)
{
    struct tile_columns part;
    d += TILE_PART_ROWS((int)get_local_id(0));
    part.even = state_load4(even, d, d_size, aligned);
    part.odd = state_load4(odd, d, d_size, aligned);
    return part;
}
