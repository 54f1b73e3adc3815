/*
 * Tiles (tile.cl) by the matrix instruction of the mma_*.cl before. It multiplies bf16, but nothing
 * is rounded to bf16: a number is the sum of two bf16, high + low, to 2^-16 of it. Of (x_high +
 * x_low) (w_high + w_low) the product of the low parts, below 2^-16 of the whole, is left out; w in
 * bf16 has no low part, and in f16 its two parts are exact. Sums are f32.
 *
 * A panel is [k / 2][row] of pairs, two neighbors in k, the first in the low half of a uint. Items
 * read 8 or 16 neighboring rows of one k or of several: with ELCL_MMA_LD = 8 (mod 32) words from
 * one k / 2 to the next, both 4 x 8 rows and 2 x 16 at every other k / 2 lie in 32 different banks.
 *
 * In a mma_*.cl SUBGROUP neighboring items multiply 16 x 16 outputs, 256 / SUBGROUP of them each.
 * It defines, with an item's number in its sub-group as `lane`:
 *     mma_pack(float2)              two floats to a pair, rounded to nearest even
 *     mma_load_a(p, ld)             the item's part of 16 rows x 16 k, p at their [0][0], of X
 *     mma_load_b(p, ld)             the same of W
 *     mma_16x16(sums, a, b)         sums [64 / SUBGROUP] float4
 *     MMA_ROW(lane, i), MMA_COLUMN(lane, i)   row and column of the item's output i
 *     MMA_KERNEL                    attributes of a kernel that calls them
 *
 * union mma_tile: 18 KiB
 */
// lint after: tile.cl swizzle.cl mma_emulated.cl
// lint: -DVW=4 -DSUBGROUP=32
// lint: -DVW=4 -DSUBGROUP=8

#define MMA_SUMS (64 / SUBGROUP) /* float4 of an item for 16 x 16 outputs */
/* Tiles of 16 x 16 outputs of a sub-group: MMA_R below each other, MMA_C side by side. */
#define MMA_R (SUBGROUP < 16 ? 1 : 2)
#define MMA_C (SUBGROUP / 8 / MMA_R)

struct mma_panel {
    uint high[ELCL_TILE_K / 2][ELCL_MMA_LD], low[ELCL_TILE_K / 2][ELCL_MMA_LD]; /* [k / 2][row] */
} __attribute__((aligned(16)));
union mma_tile {
    struct {
        struct mma_panel x[2], w[2];
    } panels;
    float y[ELCL_TILE_SIZE * ELCL_TILE_LD];
};
ELCL_CHECK(mma_tile_bytes,
           sizeof(union mma_tile) == ELCL_TILE_BYTES(ELCL_MMA_PANEL_BYTES, 4, ELCL_TILE_SIZE));

/* The rest of a pair after its high part, as a pair. */
TILE_INLINE uint mma_rest(float2 v, uint high)
{
    return mma_pack(v - (float2)(as_float(high << 16), as_float(high & 0xffff0000u)));
}

TILE_INLINE void mma_put_pair(__local struct mma_panel *panel, int k, float2 v, bool low)
{
    const int row = TILE_PART_ROW((int)get_local_id(0));
    const uint high = mma_pack(v);
    panel->high[k][row] = high;
    if (low)
        panel->low[k][row] = mma_rest(v, high);
}

TILE_INLINE void mma_put_rows(__local struct mma_panel *panel, struct tile_rows part, bool low)
{
    const int k = TILE_PART_K((int)get_local_id(0)) / 2;
    mma_put_pair(panel, k, part.lo.xy, low);
    mma_put_pair(panel, k + 1, part.lo.zw, low);
    mma_put_pair(panel, k + 2, part.hi.xy, low);
    mma_put_pair(panel, k + 3, part.hi.zw, low);
}

/* Stores four columns' pairs at high and, with `low`, their rests at low_to. */
TILE_INLINE void mma_put_pairs(__local uint *high, __local uint *low_to, float4 even, float4 odd,
                               bool low)
{
    const float2 v0 = (float2)(even.x, odd.x), v1 = (float2)(even.y, odd.y);
    const float2 v2 = (float2)(even.z, odd.z), v3 = (float2)(even.w, odd.w);
    const uint4 pairs = (uint4)(mma_pack(v0), mma_pack(v1), mma_pack(v2), mma_pack(v3));
    *(__local uint4 *)high = pairs;
    if (low)
        *(__local uint4 *)low_to = (uint4)(mma_rest(v0, pairs.x), mma_rest(v1, pairs.y),
                                           mma_rest(v2, pairs.z), mma_rest(v3, pairs.w));
}

TILE_INLINE void mma_put_columns(__local struct mma_panel *panel, struct tile_columns part,
                                 bool low)
{
    const int item = get_local_id(0), k = TILE_PART_PAIR(item) / 2, row = TILE_PART_ROWS(item);
    mma_put_pairs(&panel->high[k][row], &panel->low[k][row], part.even, part.odd, low);
}

/* First row and column of the outputs of this item's sub-group. */
TILE_INLINE int mma_group_row(void)
{
    return (int)get_local_id(0) / SUBGROUP % (4 / MMA_R) * 16 * MMA_R;
}

TILE_INLINE int mma_group_column(void)
{
    return (int)get_local_id(0) / SUBGROUP / (4 / MMA_R) * 16 * MMA_C;
}

/* W's parts are the same for each r: compilers read them once. */
TILE_INLINE void mma_multiply(__local const struct mma_panel *x, __local const struct mma_panel *w,
                              float4 *sums, bool low, int rows)
{
#pragma unroll
    for (int r = 0; r < MMA_R; r++) {
        if (16 * r >=
            rows) /* the same for all sub-groups; less would not look uniform to compilers */
            break;
        const int row = mma_group_row() + 16 * r;
        const mma_a high = mma_load_a(&x->high[0][row], ELCL_MMA_LD);
        const mma_a rest = mma_load_a(&x->low[0][row], ELCL_MMA_LD);
#pragma unroll
        for (int c = 0; c < MMA_C; c++) {
            const int column = mma_group_column() + 16 * c;
            float4 *to = sums + (c * MMA_R + r) * MMA_SUMS;
            const mma_b b = mma_load_b(&w->high[0][column], ELCL_MMA_LD);
            if (low)
                mma_16x16(to, high, mma_load_b(&w->low[0][column], ELCL_MMA_LD));
            mma_16x16(to, rest, b);
            mma_16x16(to, high, b);
        }
    }
}

/* Writes the item's outputs of 16 x 16 to y, rows of y_ld. */
TILE_INLINE void mma_put_sums(__local float *y, int y_ld, const float4 *sums)
{
    const int lane = get_local_id(0) % SUBGROUP;
#pragma unroll
    for (int i = 0; i < MMA_SUMS; i++) {
        y[MMA_ROW(lane, 4 * i) * y_ld + MMA_COLUMN(lane, 4 * i)] = sums[i].x;
        y[MMA_ROW(lane, 4 * i + 1) * y_ld + MMA_COLUMN(lane, 4 * i + 1)] = sums[i].y;
        y[MMA_ROW(lane, 4 * i + 2) * y_ld + MMA_COLUMN(lane, 4 * i + 2)] = sums[i].z;
        y[MMA_ROW(lane, 4 * i + 3) * y_ld + MMA_COLUMN(lane, 4 * i + 3)] = sums[i].w;
    }
}

TILE_INLINE void mma_give(__local float *y, const float4 *sums, int row, int rows)
{
    const int from = mma_group_row() - row;
    if (from >= 0 && from < rows)
#pragma unroll
        for (int i = 0; i < MMA_R * MMA_C; i++)
            mma_put_sums(y + (from + i % MMA_R * 16) * ELCL_TILE_LD + mma_group_column() +
                             i / MMA_R * 16,
                         ELCL_TILE_LD, sums + i * MMA_SUMS);
}

#undef TILE
#undef TILE_KERNEL
#define TILE(name) mma_##name
#define TILE_KERNEL MMA_KERNEL __attribute__((reqd_work_group_size(ELCL_TILE_ITEMS, 1, 1)))
