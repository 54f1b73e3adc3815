/*
 * Start-up probe of a matrix instruction (mac_*.cl): C = A B for one tile, stored element by element
 * as the fragments say.
 *
 * probe_mma   out [16, 8] float = a [16, 16] b [16, 8], pairs of bf16 in uints:
 *             a [16][8] along the rows, b [8 columns][8] down the columns. Work-group {128}: four
 *             warps that do the same.
 */
// lint after: mac_emulated.cl

__attribute__((reqd_work_group_size(128, 1, 1))) __kernel void
probe_mma(__global float *out, __global const uint *a, __global const uint *b,
          __local float *scratch)
{
    const int lane = get_local_id(0) % 32, g = lane / 4, l = lane % 4;
    const uint4 a4 = (uint4)(a[8 * g + l], a[8 * (g + 8) + l], a[8 * g + l + 4],
                             a[8 * (g + 8) + l + 4]);
    const uint2 b2 = (uint2)(b[8 * g + l], b[8 * g + l + 4]);
    const float4 c = mma((float4)(1.0f), a4, b2, scratch);
    if (get_local_id(0) < 32) {
        out[8 * g + 2 * l] = c.x;
        out[8 * g + 2 * l + 1] = c.y;
        out[8 * (g + 8) + 2 * l] = c.z;
        out[8 * (g + 8) + 2 * l + 1] = c.w;
    }
}
