/*
 * Rounded inputs of GEMMs in integers, GPU kernel: quantize_row.cl has the formula.
 *
 * quantize   rows [batch, M, words + QUANTIZE_TAIL]: the words of a row hold K elements, then
 *            zeros; the next word is s. `words` is a multiple of 4, so that chunks of 16 bytes are
 *            aligned. One work-group of WG items per row and batch: global size {WG M, batch}.
 */
// lint after: tile.cl dot4_plain.cl quantize_row.cl
// lint: -DVW=4 -DWG=64 -DELCL_WEIGHT_INT8 -DK_PACK=16

#define QUANTIZE_TAIL ELCL_INT8_TAIL
#pragma OPENCL FP_CONTRACT OFF

/* The largest magnitude of four elements; infinity if one is not finite, because fmax() drops NaN.
 */
static inline float quantize_largest4(float4 v)
{
    const uint4 bits = min(as_uint4(v) & 0x7fffffffu, (uint4)(QUANTIZE_INFINITE));
    return max4(as_float4(bits));
}

__kernel void quantize(__global uint *rows, __global const float *x, /* [batch, M, x_ld] */
                       int k_size, int words, int x_ld, ulong x_batch)
{
    __local float scratch[WG];
    const int item = get_local_id(0);
    const size_t batch = get_global_id(1), m = get_group_id(0);
    const bool aligned = x_ld % 4 == 0 && x_batch % 4 == 0;
    x += batch * x_batch + m * x_ld;
    rows += (batch * get_num_groups(0) + m) * (words + QUANTIZE_TAIL);
    float largest = 0.0f;
    for (int k = 4 * item; k < k_size; k += 4 * WG)
        largest = fmax(largest, quantize_largest4(f32_load4(x, k, k_size, aligned)));
    const uint bits = as_uint(group_max(largest, scratch));
    const float factor = quantize_factor(bits);
    for (int i = item; i < words; i += WG) {
        const float4 v = quantize_finite(bits) ? f32_load4(x, 4 * i, k_size, aligned)
                                               : (float4)(0.0f);
        rows[i] = as_uint(convert_char4(QUANTIZE_WHOLE(as_int4, v, factor)));
    }
    if (item == 0)
        rows[words] = as_uint(quantize_scale(bits));
}

#pragma OPENCL FP_CONTRACT ON
