/*
 * Tiles of 16-bit elements in local memory, for matrix instructions (mma_*.cl, tile_wide.cl). A
 * chunk is 8 neighbors in memory, 16 bytes, one uint4. These functions return the place of a
 * chunk in its tile:
 *
 *     swizzle_row(row, chunk)              tiles of rows [row][32 k], 4 chunks in a row
 *     swizzle_column(k, chunk, width)      tiles of columns [k][8 width], `width` chunks at each k:
 *                                          2, or a multiple of 8
 *
 * The order of the chunks in a row changes with the row. So the same chunk of 8 neighboring rows,
 * which an item group reads at once, lies in 32 different banks of 4 bytes, and so does what
 * neighboring items write.
 */
// lint after: tile.cl

TILE_INLINE int swizzle_row(int row, int chunk)
{
    return row * 4 + (chunk ^ (row / 2 & 3));
}

TILE_INLINE int swizzle_column(int k, int chunk, int width)
{
    return k * width + (chunk ^ (width == 2 ? k / 4 & 1 : k & 7));
}
