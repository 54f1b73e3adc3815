/*
 * The matrix instruction of AMD's CDNA2 and CDNA3 (gfx90a, gfx94x), wave64; tile_mma.cl describes
 * the interface. C[16, 16] += A[16, 16] B[16, 16] by 64 items, A and B in bf16, C in f32. With
 * q = lane / 16 an item holds
 *     a  A[lane % 16][4 q ..], 4 elements
 *     b  B[4 q ..][lane % 16], 4 elements
 *     c  C[4 q + i][lane % 16], i < 4
 * CDNA2 ISA, "Matrix Arithmetic Instructions".
 */
#define SUBGROUP 64
#define MMA_KERNEL
#define MMA_ROW(lane, i) ((lane) / 16 * 4 + (i))
#define MMA_COLUMN(lane, i) ((lane) % 16)

typedef short4 mma_a;
typedef short4 mma_b;

#define mma_pack bf16_pair

/* Items hold 16 rows of A and 16 columns of B in the same way. */
TILE_INLINE short4 mma_load(__local const uint *p, int ld)
{
    const int lane = get_local_id(0) % SUBGROUP;
    p += lane / 16 * 2 * ld + lane % 16;
    return as_short4((uint2)(p[0], p[ld]));
}
#define mma_load_a mma_load
#define mma_load_b mma_load

TILE_INLINE void mma_16x16(float4 *sums, mma_a a, mma_b b)
{
    sums[0] = __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(a, b, sums[0], 0, 0, 0);
}

/* ---- wide tiles (tile_wide.cl) --------------------------------------------------------------- */

#pragma OPENCL EXTENSION cl_khr_fp16 : enable

typedef mma_a wide_a;
typedef mma_b wide_b;

TILE_INLINE short4 wide_load_rows(__local const uint4 *memory, int tile, int row, int chunk)
{
    const int lane = get_local_id(0) % SUBGROUP;
    memory += tile + swizzle_row(row + lane % 16, chunk + lane / 32);
    return ((__local const short4 *)memory)[lane / 16 % 2];
}
#define wide_load_a wide_load_rows
#define wide_load_b_rows wide_load_rows

TILE_INLINE wide_b wide_load_b_columns(__local const uint4 *memory, int tile, int k, int chunk,
                                       int width)
{
    const int lane = get_local_id(0) % SUBGROUP, column = lane % 16;
    short v[4];
#pragma unroll
    for (int i = 0; i < 4; i++)
        v[i] = ((__local const short *)(memory + tile +
                                        swizzle_column(k + lane / 16 * 4 + i, chunk + column / 8,
                                                       width)))[column % 8];
    return (short4)(v[0], v[1], v[2], v[3]);
}

TILE_INLINE void wide_16x16(__local const uint4 *memory, float4 *sums, wide_a a, wide_b b, bool f16)
{
    if (f16)
        sums[0] = __builtin_amdgcn_mfma_f32_16x16x16f16(as_half4(a), as_half4(b), sums[0], 0, 0, 0);
    else
        mma_16x16(sums, a, b);
}
