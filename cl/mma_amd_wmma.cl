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
