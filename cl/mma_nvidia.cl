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
 * four, but no faster: four loads without bank conflicts move the same 512 bytes. Wide tiles have
 * such rows, and there the fewer instructions count.
 *
 * -D MMA_PLAIN   without cp.async and ldmatrix
 */
#define SUBGROUP 32
#define MMA_KERNEL
#define MMA_ROW(lane, i) ((lane) / 4 + (i) / 2 % 2 * 8)
#define MMA_COLUMN(lane, i) ((lane) % 4 * 2 + (i) % 2 + (i) / 4 * 8)
#define MMA_FIRST(i) ((i) & 2)
#define MMA_SLOTS 4
#define MMA_SLOT(lane) ((lane) % 4)

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

/* ---- wide tiles (tile_wide.cl) --------------------------------------------------------------- */

TILE_INLINE float4 mma_m16n8k16_f16(float4 c, uint4 a, uint2 b)
{
    __asm__("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+f"(c.x), "+f"(c.y), "+f"(c.z), "+f"(c.w)
            : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b.x), "r"(b.y));
    return c;
}

TILE_INLINE uint mma_pack_f16(float2 x)
{
    uint pair;
    __asm__("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(x.y), "f"(x.x));
    return pair;
}
#define MMA_PACK_F16(x) mma_pack_f16(x)

TILE_INLINE uint mma_permute(uint a, uint b, uint selector)
{
    uint bytes;
    __asm__("prmt.b32 %0, %1, %2, %3;" : "=r"(bytes) : "r"(a), "r"(b), "r"(selector));
    return bytes;
}

/* Byte i of a word: the last bits of 2^23 + it, which is exact. Conversions have a quarter of the
 * rate of these two instructions. */
TILE_INLINE float mma_byte(uint word, int i)
{
    return as_float(mma_permute(word, 0x4b000000u, 0x7440 + i)) - 8388608.0f;
}
#define MMA_BYTE(word, i) mma_byte(word, i)

/* s q + z of two bytes q, the last bits of 1024 + q in f16: rounded once. */
TILE_INLINE uint mma_widen_pair_f16(uint q_1024, uint s_s, uint z_z)
{
    uint q, y;
    __asm__("add.rn.f16x2 %0, %1, %2;" : "=r"(q) : "r"(q_1024), "r"(0xe400e400u));
    __asm__("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(y) : "r"(q), "r"(s_s), "r"(z_z));
    return y;
}
TILE_INLINE uint2 mma_widen_f16(uint word, uint s_and_z)
{
    const uint s_s = mma_permute(s_and_z, 0, 0x1010), z_z = mma_permute(s_and_z, 0, 0x3232);
    return (uint2)(mma_widen_pair_f16(mma_permute(word, 0x64646464u, 0x4140), s_s, z_z),
                   mma_widen_pair_f16(mma_permute(word, 0x64646464u, 0x4342), s_s, z_z));
}
#define MMA_WIDEN_F16(word, s_and_z) mma_widen_f16(word, s_and_z)

/* 2^x; subnormal numbers become zero. */
TILE_INLINE float mma_exp2(float x)
{
    float y;
    __asm__("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}
#define MMA_EXP2(x) mma_exp2(x)

typedef mma_a wide_a;
typedef mma_b wide_b;

TILE_INLINE void wide_16x16(__local const uint4 *memory, float4 *sums, wide_a a, wide_b b, bool f16)
{
    sums[0] = f16 ? mma_m16n8k16_f16(sums[0], a, b.xy) : mma_m16n8k16(sums[0], a, b.xy);
    sums[1] = f16 ? mma_m16n8k16_f16(sums[1], a, b.zw) : mma_m16n8k16(sums[1], a, b.zw);
}

/* gemm_int8_wide.cl: C[16, 8] += A[16, 32] B[32, 8] in integers. A fragment holds four neighbors
 * where one of 16 bits holds a pair: in bytes both are the same. PTX ISA, "Matrix Fragments for
 * mma.m16n8k32". */
#define WIDE_INT8
TILE_INLINE int4 mma_m16n8k32(int4 c, uint4 a, uint2 b)
{
    __asm__("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+r"(c.x), "+r"(c.y), "+r"(c.z), "+r"(c.w)
            : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b.x), "r"(b.y));
    return c;
}

TILE_INLINE void wide_16x16_int8(__local const uint4 *memory, int4 *sums, wide_a a, wide_b b)
{
    sums[0] = mma_m16n8k32(sums[0], a, b.xy);
    sums[1] = mma_m16n8k32(sums[1], a, b.zw);
}

#ifndef MMA_PLAIN
#define WIDE_ASYNC

/* PTX takes 32-bit addresses of local memory. Volatile, and said to touch memory, so that nothing
 * moves these across a barrier. */
TILE_INLINE void wide_copy(__local uint4 *to, __global const void *from, int bytes)
{
    __asm__ volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                     :
                     : "r"((uint)(size_t)to), "l"(from), "r"(bytes)
                     : "memory");
}

TILE_INLINE void wide_commit(void)
{
    __asm__ volatile("cp.async.commit_group;" : : : "memory");
}

/* Waits until at most `open` groups of copies are on their way: a constant, 0 to 3 or 6. */
TILE_INLINE void wide_wait(int open)
{
    if (open == 0)
        __asm__ volatile("cp.async.wait_group 0;" : : : "memory");
    else if (open == 1)
        __asm__ volatile("cp.async.wait_group 1;" : : : "memory");
    else if (open == 2)
        __asm__ volatile("cp.async.wait_group 2;" : : : "memory");
    else if (open == 3)
        __asm__ volatile("cp.async.wait_group 3;" : : : "memory");
    else
        __asm__ volatile("cp.async.wait_group 6;" : : : "memory");
}

/* Four 8 x 8 matrices; items 8 i .. 8 i + 7 give the rows of matrix i. */
TILE_INLINE uint4 ldmatrix(__local const uint4 *row)
{
    uint4 v;
    __asm__ volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                     : "r"((uint)(size_t)row)
                     : "memory");
    return v;
}

TILE_INLINE uint4 ldmatrix_transposed(__local const uint4 *row)
{
    uint4 v;
    __asm__ volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                     : "r"((uint)(size_t)row)
                     : "memory");
    return v;
}

TILE_INLINE wide_a wide_load_a(__local const uint4 *memory, int tile, int row, int chunk)
{
    const int lane = get_local_id(0) % SUBGROUP;
    return ldmatrix(memory + swizzle_row(lane % 16, chunk + lane / 16) + (row * 4 + tile));
}

TILE_INLINE wide_b wide_load_b_rows(__local const uint4 *memory, int tile, int row, int chunk)
{
    const int lane = get_local_id(0) % SUBGROUP;
    return ldmatrix(memory + swizzle_row(lane % 8 + lane / 16 * 8, chunk + lane / 8 % 2) +
                    row * 4 + tile);
}

TILE_INLINE wide_b wide_load_b_columns(__local const uint4 *memory, int tile, int k, int chunk,
                                       int width)
{
    const int lane = get_local_id(0) % SUBGROUP;
    return ldmatrix_transposed(memory + swizzle_column(lane % 16, chunk + lane / 16, width) + tile +
                               k * width);
}
#else
TILE_INLINE uint wide_pair(__local const uint4 *memory, int tile, int row, int chunk)
{
    return ((__local const uint *)(memory + tile +
                                   swizzle_row(row, chunk)))[get_local_id(0) % 4];
}

TILE_INLINE wide_a wide_load_a(__local const uint4 *memory, int tile, int row, int chunk)
{
    row += get_local_id(0) % SUBGROUP / 4;
    return (uint4)(wide_pair(memory, tile, row, chunk), wide_pair(memory, tile, row + 8, chunk),
                   wide_pair(memory, tile, row, chunk + 1),
                   wide_pair(memory, tile, row + 8, chunk + 1));
}

TILE_INLINE wide_b wide_load_b_rows(__local const uint4 *memory, int tile, int row, int chunk)
{
    return wide_load_a(memory, tile, row, chunk).xzyw;
}

/* The item's pair down a column. */
TILE_INLINE uint wide_pair_down(__local const uint4 *memory, int tile, int k, int chunk, int width)
{
    const int lane = get_local_id(0) % SUBGROUP;
    k += lane % 4 * 2;
    const ushort even = ((__local const ushort *)(memory + tile +
                                                  swizzle_column(k, chunk, width)))[lane / 4];
    const ushort odd = ((__local const ushort *)(memory + tile +
                                                 swizzle_column(k + 1, chunk, width)))[lane / 4];
    return (uint)even | (uint)odd << 16;
}

TILE_INLINE wide_b wide_load_b_columns(__local const uint4 *memory, int tile, int k, int chunk,
                                       int width)
{
    return (uint4)(wide_pair_down(memory, tile, k, chunk, width),
                   wide_pair_down(memory, tile, k + 8, chunk, width),
                   wide_pair_down(memory, tile, k, chunk + 1, width),
                   wide_pair_down(memory, tile, k + 8, chunk + 1, width));
}
#endif
