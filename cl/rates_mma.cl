// Measures the peak rate of a matrix instruction, with the mma_*.cl before it: see rates.cl.
//
//     mma     sums[c] += A B, CHAINS independent tiles of 16 x 16 outputs of each sub-group, with
//             the same A and B in bf16, all elements of which are `a`
//
// Work-groups of 128 items.
// lint after: tile.cl swizzle.cl mma_emulated.cl
// lint: -DSUBGROUP=32
// lint: -DSUBGROUP=8

#define CHAINS ELCL_RATES_MMA_CHAINS(SUBGROUP)
#define PANEL_LD 24
#define MMA_SUMS (64 / SUBGROUP)

MMA_KERNEL __attribute__((reqd_work_group_size(ELCL_TILE_ITEMS, 1, 1))) __kernel void
rates_mma(__global float *out, // [items]
          float a, int n)
{
    __local uint x[8 * PANEL_LD], w[8 * PANEL_LD];
    float4 sums[CHAINS * MMA_SUMS];
    for (int i = get_local_id(0); i < 8 * PANEL_LD; i += ELCL_TILE_ITEMS)
        x[i] = w[i] = mma_pack((float2)(a, a));
    barrier(CLK_LOCAL_MEM_FENCE);
    const mma_a left = mma_load_a(x, PANEL_LD);
    const mma_b right = mma_load_b(w, PANEL_LD);
#pragma unroll
    for (int i = 0; i < CHAINS * MMA_SUMS; i++)
        sums[i] = (float4)((float)(i + (int)get_global_id(0)));
    for (int i = 0; i < n; i++) {
#pragma unroll
        for (int c = 0; c < CHAINS; c++)
            mma_16x16(sums + c * MMA_SUMS, left, right);
    }
    float4 total = sums[0];
#pragma unroll
    for (int i = 1; i < CHAINS * MMA_SUMS; i++)
        total += sums[i];
    out[get_global_id(0)] = total.x + total.y + total.z + total.w;
}
