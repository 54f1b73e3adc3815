/*
 * Tiles (tile.cl) by multiply-adds of f32: an item computes 8 rows x 4 columns. A panel is
 * [k][row]: neighboring items read neighboring float4 of W, and the same of X.
 *
 * union plain_tile: 17 KiB
 */
// lint after: tile.cl
// lint: -DVW=4

struct plain_panel {
    float4 k[ELCL_TILE_K][ELCL_TILE_SIZE / 4]; /* [k][row / 4] */
};
union plain_tile {
    struct {
        struct plain_panel x[2], w[2];
    } panels;
    float y[ELCL_TILE_SIZE * ELCL_TILE_LD];
};
ELCL_CHECK(plain_tile_bytes,
           sizeof(union plain_tile) == ELCL_TILE_BYTES(ELCL_PLAIN_PANEL_BYTES, 4, ELCL_TILE_SIZE));

TILE_INLINE void plain_put_rows(__local struct plain_panel *panel, struct tile_rows part, bool low)
{
    const int item = get_local_id(0);
    __local float *to = (__local float *)panel->k[TILE_PART_K(item)] + TILE_PART_ROW(item);
    to[0 * ELCL_TILE_SIZE] = part.lo.x;
    to[1 * ELCL_TILE_SIZE] = part.lo.y;
    to[2 * ELCL_TILE_SIZE] = part.lo.z;
    to[3 * ELCL_TILE_SIZE] = part.lo.w;
    to[4 * ELCL_TILE_SIZE] = part.hi.x;
    to[5 * ELCL_TILE_SIZE] = part.hi.y;
    to[6 * ELCL_TILE_SIZE] = part.hi.z;
    to[7 * ELCL_TILE_SIZE] = part.hi.w;
}

TILE_INLINE void plain_put_columns(__local struct plain_panel *panel, struct tile_columns part,
                                   bool low)
{
    const int item = get_local_id(0), k = TILE_PART_PAIR(item);
    panel->k[k][TILE_PART_ROWS(item) / 4] = part.even;
    panel->k[k + 1][TILE_PART_ROWS(item) / 4] = part.odd;
}

TILE_INLINE void plain_multiply(__local const struct plain_panel *x,
                                __local const struct plain_panel *w, float4 *sums, bool low,
                                int rows)
{
    const int item = get_local_id(0), i = item % 16, j = item / 16;
    if (8 * j >= rows)
        return;
#pragma unroll
    for (int k = 0; k < ELCL_TILE_K; k++) {
        const float4 v = w->k[k][i], x0 = x->k[k][2 * j], x1 = x->k[k][2 * j + 1];
        sums[0] = ELCL_MAC((float4)(x0.x), v, sums[0]);
        sums[1] = ELCL_MAC((float4)(x0.y), v, sums[1]);
        sums[2] = ELCL_MAC((float4)(x0.z), v, sums[2]);
        sums[3] = ELCL_MAC((float4)(x0.w), v, sums[3]);
        sums[4] = ELCL_MAC((float4)(x1.x), v, sums[4]);
        sums[5] = ELCL_MAC((float4)(x1.y), v, sums[5]);
        sums[6] = ELCL_MAC((float4)(x1.z), v, sums[6]);
        sums[7] = ELCL_MAC((float4)(x1.w), v, sums[7]);
    }
}

TILE_INLINE void plain_give(__local float *y, const float4 *sums, int row, int rows)
{
    const int item = get_local_id(0), from = item / 16 * 8 - row;
    if (from >= 0 && from < rows)
#pragma unroll
        for (int r = 0; r < 8; r++)
            *(__local float4 *)(y + (from + r) * ELCL_TILE_LD + item % 16 * 4) = sums[r];
}

#undef TILE
#undef TILE_KERNEL
#define TILE(name) plain_##name
#define TILE_KERNEL __attribute__((reqd_work_group_size(ELCL_TILE_ITEMS, 1, 1)))
