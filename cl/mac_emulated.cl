/*
 * A matrix instruction in plain OpenCL C, for tests of the kernels that use one, on any device; the
 * interface is told in tile_mma.cl. An item's parts are the places of A and B in local memory, and
 * its outputs are neighbours in a row.
 *
 * -D MAC_LANES   items that share 16 x 16 outputs: 8, 16, 32 or 64
 */
// lint after: tile.cl
// lint: -DMAC_LANES=8
// lint: -DMAC_LANES=64

#define MAC_KERNEL
#define MAC_ROW(lane, i) (((lane) * (256 / MAC_LANES) + (i)) / 16)
#define MAC_COLUMN(lane, i) (((lane) * (256 / MAC_LANES) + (i)) % 16)

typedef struct {
    __local const uint *at;
    int ld;
} mac_a;
typedef mac_a mac_b;

#define mac_pack bf16_pair

TILE_INLINE mac_a mac_load(__local const uint *p, int ld)
{
    mac_a a;
    a.at = p;
    a.ld = ld;
    return a;
}
#define mac_load_a mac_load
#define mac_load_b mac_load

/* Four neighbours of one row of C. */
TILE_INLINE float4 mac_dot4(float4 sum, __local const uint *a, int a_ld, __local const uint *b,
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

TILE_INLINE void mac_multiply(float4 *sums, mac_a a, mac_b b)
{
    const int lane = get_local_id(0) % MAC_LANES;
    for (int i = 0; i < 64 / MAC_LANES; i++)
        sums[i] = mac_dot4(sums[i], a.at + MAC_ROW(lane, 4 * i), a.ld,
                           b.at + MAC_COLUMN(lane, 4 * i), b.ld);
}
