/*
 * What mac_nvidia.cl does, through local memory on any device: for tests of the kernels that use it.
 * The 128 items of a work-group are four warps of 32 neighbours.
 *
 * mma's scratch: 4 * MMA_SCRATCH floats of local memory, free again on return; all items must call.
 */
#define MMA_A 0    /* [16][8] pairs */
#define MMA_B 128  /* [8 columns][8] pairs */
#define MMA_SCRATCH 192

static inline uint mma_pack(float2 x)
{
    const uint2 bits = as_uint2(x);
    const uint2 nearest_even = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    return nearest_even.x | nearest_even.y << 16;
}

/* One element of C: row of A by column of B. */
static inline float mma_dot(__local const uint *pairs, int row, int column, float sum)
{
    for (int k = 0; k < 8; k++) {
        const uint a = pairs[MMA_A + 8 * row + k], b = pairs[MMA_B + 8 * column + k];
        sum += as_float(a << 16) * as_float(b << 16) +
               as_float(a & 0xffff0000u) * as_float(b & 0xffff0000u);
    }
    return sum;
}

static inline float4 mma(float4 c, uint4 a, uint2 b, __local float *scratch)
{
    const int lane = get_local_id(0) % 32, g = lane / 4, l = lane % 4;
    __local uint *pairs = (__local uint *)scratch + get_local_id(0) / 32 * MMA_SCRATCH;
    pairs[MMA_A + 8 * g + l] = a.x;
    pairs[MMA_A + 8 * (g + 8) + l] = a.y;
    pairs[MMA_A + 8 * g + l + 4] = a.z;
    pairs[MMA_A + 8 * (g + 8) + l + 4] = a.w;
    pairs[MMA_B + 8 * g + l] = b.x;
    pairs[MMA_B + 8 * g + l + 4] = b.y;
    barrier(CLK_LOCAL_MEM_FENCE);
    c.x = mma_dot(pairs, g, 2 * l, c.x);
    c.y = mma_dot(pairs, g, 2 * l + 1, c.y);
    c.z = mma_dot(pairs, g + 8, 2 * l, c.z);
    c.w = mma_dot(pairs, g + 8, 2 * l + 1, c.w);
    barrier(CLK_LOCAL_MEM_FENCE);
    return c;
}
