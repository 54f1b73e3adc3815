/*
 * Probe of a matrix instruction (mma_*.cl; tile_mma.cl describes the interface) at startup:
 * C = A B + 1 for 16 x 16 outputs, by every sub-group of SUBGROUP items.
 *
 * probe_mma   out [128 / SUBGROUP, 16, 16] = 1 + a [16 rows, 16] b [16 columns, 16]^T. Work-group
 *             {128}; local memory: two panels of [8][PROBE_LD] pairs
 */
// lint after: tile.cl swizzle.cl mma_emulated.cl
// lint: -DSUBGROUP=16

#define PROBE_LD 24

MMA_KERNEL __attribute__((reqd_work_group_size(ELCL_TILE_ITEMS, 1, 1))) __kernel void
probe_mma(__global float *out, __global const float *a, __global const float *b,
          __local uint *panels)
{
    const int item = get_local_id(0), lane = item % SUBGROUP, row = item / 8, k = item % 8;
    __local uint *x = panels, *w = panels + 8 * PROBE_LD;
    x[k * PROBE_LD + row] = mma_pack((float2)(a[16 * row + 2 * k], a[16 * row + 2 * k + 1]));
    w[k * PROBE_LD + row] = mma_pack((float2)(b[16 * row + 2 * k], b[16 * row + 2 * k + 1]));
    barrier(CLK_LOCAL_MEM_FENCE);
    float4 sums[64 / SUBGROUP];
#pragma unroll
    for (int i = 0; i < 64 / SUBGROUP; i++)
        sums[i] = (float4)(1.0f);
    mma_16x16(sums, mma_load_a(x, PROBE_LD), mma_load_b(w, PROBE_LD));
    out += item / SUBGROUP * 256;
#pragma unroll
    for (int i = 0; i < 64 / SUBGROUP; i++) {
        out[16 * MMA_ROW(lane, 4 * i) + MMA_COLUMN(lane, 4 * i)] = sums[i].x;
        out[16 * MMA_ROW(lane, 4 * i + 1) + MMA_COLUMN(lane, 4 * i + 1)] = sums[i].y;
        out[16 * MMA_ROW(lane, 4 * i + 2) + MMA_COLUMN(lane, 4 * i + 2)] = sums[i].z;
        out[16 * MMA_ROW(lane, 4 * i + 3) + MMA_COLUMN(lane, 4 * i + 3)] = sums[i].w;
    }
}
