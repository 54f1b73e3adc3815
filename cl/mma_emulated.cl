/*
 * A matrix instruction in plain OpenCL C, to test the kernels that use one on any device;
 * tile_mma.cl describes the interface. The parts of an item are the places of A and B in local
 * memory, and its outputs are neighbors in a row.
 *
 * -D SUBGROUP   items that share 16 x 16 outputs: 8, 16, 32 or 64
 */
// lint after: tile.cl
// lint: -DSUBGROUP=8
// lint: -DSUBGROUP=64

#define MMA_KERNEL
#define MMA_ROW(lane, i) (((lane) * (256 / SUBGROUP) + (i)) / 16)
#define MMA_COLUMN(lane, i) (((lane) * (256 / SUBGROUP) + (i)) % 16)

typedef struct {
    __local const uint *at;
    int ld;
} mma_a;
typedef mma_a mma_b;

#define mma_pack bf16_pair

TILE_INLINE mma_a mma_load(__local const uint *p, int ld)
{
    mma_a a;
    a.at = p;
    a.ld = ld;
    return a;
}
#define mma_load_a mma_load
#define mma_load_b mma_load

/* Four neighbors of one row of C. */
TILE_INLINE float4 mma_dot4(float4 sum, __local const uint *a, int a_ld, __local const uint *b,
                            int b_ld)
{
    for (int k = 0; k < 8; k++) {
        const uint x = a[k * a_ld];
        const uint4 w = vload4(0, b + k * b_ld);
        sum = ELCL_MAC((float4)(as_float(x << 16)), as_float4(w << 16), sum);
        sum = ELCL_MAC((float4)(as_float(x & 0xffff0000u)), as_float4(w & 0xffff0000u), sum);
    }
    return sum;
}

TILE_INLINE void mma_16x16(float4 *sums, mma_a a, mma_b b)
{
    const int lane = get_local_id(0) % SUBGROUP;
    for (int i = 0; i < 64 / SUBGROUP; i++)
        sums[i] = mma_dot4(sums[i], a.at + MMA_ROW(lane, 4 * i), a.ld,
                           b.at + MMA_COLUMN(lane, 4 * i), b.ld);
}
