/*
 * The matrix instruction of NVIDIA devices from compute capability 8.0 on, as inline PTX:
 * C[16, 8] += A[16, 16] B[16, 8] by the 32 items of a warp, A and B in bf16, C in f32. With
 * g = lane / 4 and l = lane % 4 an item holds
 *     a  {A[g][2l..], A[g + 8][2l..], A[g][2l + 8..], A[g + 8][2l + 8..]}, pairs of neighbours
 *     b  {B[2l..][g], B[2l + 8..][g]}, pairs of neighbours down the column
 *     c  {C[g][2l], C[g][2l + 1], C[g + 8][2l], C[g + 8][2l + 1]}
 * A pair's first element is in the low half of a uint. PTX ISA, "Matrix Fragments for mma.m16n8k16".
 *
 * mma_pack(x)             two floats to a pair, rounded to nearest even
 * mma(c, a, b, scratch)   scratch is not used
 */
static inline uint mma_pack(float2 x)
{
    uint pair;
    __asm__("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(x.y), "f"(x.x));
    return pair;
}

static inline float4 mma(float4 c, uint4 a, uint2 b, __local float *scratch)
{
    __asm__ volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                     "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                     : "+f"(c.x), "+f"(c.y), "+f"(c.z), "+f"(c.w)
                     : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b.x), "r"(b.y));
    return c;
}
