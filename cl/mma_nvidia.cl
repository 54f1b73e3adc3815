/*
 * The matrix instruction of NVIDIA devices with compute capability 8.0 or higher, as inline PTX;
 * tile_mma.cl describes the interface. C[16, 8] += A[16, 16] B[16, 8] by the 32 items of a warp, A
 * and B in bf16, C in f32: two of them for 16 x 16 outputs. With g = lane / 4 and l = lane % 4 an
 * item holds
 *     a  {A[g][2l..], A[g + 8][2l..], A[g][2l + 8..], A[g + 8][2l + 8..]}, pairs of neighbors
 *     b  {B[2l..][g], B[2l + 8..][g]}, pairs of neighbors down the column
 *     c  {C[g][2l], C[g][2l + 1], C[g + 8][2l], C[g + 8][2l + 1]}
 * The first element of a pair is in the low half of a uint. PTX ISA, "Matrix Fragments for
 * mma.m16n8k16". ldmatrix would read a panel of rows, not of pairs, in one instruction instead of
 * four, but no faster: four loads without bank conflicts move the same 512 bytes.
 */
#define SUBGROUP 32
#define MMA_KERNEL
#define MMA_ROW(lane, i) ((lane) / 4 + (i) / 2 % 2 * 8)
#define MMA_COLUMN(lane, i) ((lane) % 4 * 2 + (i) % 2 + (i) / 4 * 8)

typedef uint4 mma_a;
typedef uint4 mma_b; /* columns 0 .. 7, then 8 .. 15 */

TILE_INLINE uint mma_pack(float2 x)
{
    uint pair;
    __asm__("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(x.y), "f"(x.x));
    return pair;
}

TILE_INLINE mma_a mma_load_a(__local const uint *p, int ld)
{
    const int lane = get_local_id(0) % SUBGROUP;
    p += lane % 4 * ld + lane / 4;
    return (uint4)(p[0], p[8], p[4 * ld], p[4 * ld + 8]);
}

TILE_INLINE mma_b mma_load_b(__local const uint *p, int ld)
{
    const int lane = get_local_id(0) % SUBGROUP;
    p += lane % 4 * ld + lane / 4;
    return (uint4)(p[0], p[4 * ld], p[8], p[4 * ld + 8]);
}

/* Not volatile: only the result counts, and surrounding reads may be merged. */
TILE_INLINE float4 mma_m16n8k16(float4 c, uint4 a, uint2 b)
{
    __asm__("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+f"(c.x), "+f"(c.y), "+f"(c.z), "+f"(c.w)
            : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b.x), "r"(b.y));
    return c;
}

TILE_INLINE void mma_16x16(float4 *sums, mma_a a, mma_b b)
{
    sums[0] = mma_m16n8k16(sums[0], a, b.xy);
    sums[1] = mma_m16n8k16(sums[1], a, b.zw);
}
