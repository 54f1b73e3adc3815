/*
 * Integers of 8 bits or fewer on their way to wide tiles (tile_wide.cl): wide_widen() makes a chunk
 * of s q + z of eight of them, each rounded to f32 and then to the 16 bits of the operands. All
 * devices get the same numbers.
 *
 * A mma_*.cl may define, if its device has something faster,
 *     MMA_BYTE(word, i)               byte i of a word as a float, i a constant
 *     MMA_WIDEN_F16(word, s_and_z)    two pairs of f16 of the four bytes of a word
 */
// lint after: tile.cl swizzle.cl mma_emulated.cl tile_mma.cl tile_wide.cl
// lint: -DVW=4 -DSUBGROUP=32

#ifndef MMA_BYTE
#define MMA_BYTE(word, i) ((float)((word) >> 8 * (i)&0xffu))
#endif

/* The pair of bytes i and i + 1 of a word. */
TILE_INLINE uint wide_widen_pair(uint word, int i, float2 group, bool f16)
{
    const float2 q = (float2)(MMA_BYTE(word, i), MMA_BYTE(word, i + 1));
    return wide_pack(ELCL_MAC((float2)(group.x), q, (float2)(group.y)), f16);
}

/* s_and_z: two f16, s in the low half. f16 is a constant, of tile_wide.cl. */
TILE_INLINE uint4 wide_widen(uint2 bytes, uint s_and_z, bool f16)
{
    const float2 group = vload_half2(0, (const half *)&s_and_z);
#ifdef MMA_WIDEN_F16
    if (f16)
        return (uint4)(MMA_WIDEN_F16(bytes.x, s_and_z), MMA_WIDEN_F16(bytes.y, s_and_z));
#endif
    return (uint4)(wide_widen_pair(bytes.x, 0, group, f16), wide_widen_pair(bytes.x, 2, group, f16),
                   wide_widen_pair(bytes.y, 0, group, f16),
                   wide_widen_pair(bytes.y, 2, group, f16));
}
