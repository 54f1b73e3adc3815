/*
 * The matrix instruction of AMD's RDNA3 (gfx11), wave32; tile_mma.cl describes the interface.
 * C[16, 16] += A[16, 16] B[16, 16] by 32 items, A and B in bf16, C in f32. An item holds
 *     a  row lane % 16 of A, 16 elements: both halves of the wave hold the same
 *     b  column lane % 16 of B, likewise
 *     c  C[2 i + lane / 16][lane % 16], i < 8
 * RDNA3 ISA, "Wave Matrix Multiply Accumulate".
 */
#define SUBGROUP 32
#define MMA_KERNEL
#define MMA_ROW(lane, i) (2 * (i) + (lane) / 16)
#define MMA_COLUMN(lane, i) ((lane) % 16)

typedef short16 mma_a;
typedef short16 mma_b;

#define mma_pack bf16_pair

/* Items hold 16 rows of A and 16 columns of B in the same way. */
TILE_INLINE short16 mma_load(__local const uint *p, int ld)
{
    p += get_local_id(0) % 16;
    return as_short16(
        (uint8)(p[0], p[ld], p[2 * ld], p[3 * ld], p[4 * ld], p[5 * ld], p[6 * ld], p[7 * ld]));
}
#define mma_load_a mma_load
#define mma_load_b mma_load

TILE_INLINE void mma_16x16(float4 *sums, mma_a a, mma_b b)
{
    const float8 c = __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32(a, b, (float8)(sums[0], sums[1]));
    sums[0] = c.lo;
    sums[1] = c.hi;
}

/* ---- wide tiles (tile_wide.cl) --------------------------------------------------------------- */

#pragma OPENCL EXTENSION cl_khr_fp16 : enable

typedef mma_a wide_a;
typedef mma_b wide_b;

TILE_INLINE short16 wide_load_rows(__local const uint4 *memory, int tile, int row, int chunk)
{
    row += get_local_id(0) % 16;
    memory += tile;
    return as_short16(
        (uint8)(memory[swizzle_row(row, chunk)], memory[swizzle_row(row, chunk + 1)]));
}
#define wide_load_a wide_load_rows
#define wide_load_b_rows wide_load_rows

/* The item's element of 8 rows of a tile of columns. */
TILE_INLINE short8 wide_load_down(__local const uint4 *memory, int k, int chunk, int width)
{
    const int column = get_local_id(0) % 16;
    short v[8];
#pragma unroll
    for (int i = 0; i < 8; i++)
        v[i] = ((__local const short *)(memory + swizzle_column(k + i, chunk + column / 8,
                                                                width)))[column % 8];
    return (short8)(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]);
}

TILE_INLINE wide_b wide_load_b_columns(__local const uint4 *memory, int tile, int k, int chunk,
                                       int width)
{
    return (short16)(wide_load_down(memory + tile, k, chunk, width),
                     wide_load_down(memory + tile, k + 8, chunk, width));
}

TILE_INLINE void wide_16x16(__local const uint4 *memory, float4 *sums, wide_a a, wide_b b, bool f16)
{
    if (f16) {
        const float8 c = __builtin_amdgcn_wmma_f32_16x16x16_f16_w32(as_half16(a), as_half16(b),
                                                                    (float8)(sums[0], sums[1]));
        sums[0] = c.lo;
        sums[1] = c.hi;
    } else {
        mma_16x16(sums, a, b);
    }
}
