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
