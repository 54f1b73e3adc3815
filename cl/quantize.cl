/*
 * Rounded inputs: rows in the type of the weights, for GEMMs that multiply both as they are.
 *
 * In int8 (DOT_WHOLE): quantize_row.cl.
 *
 * In bf16, without DOT_WHOLE: the nearest bf16, ties to even.
 *
 * quantize   rows [batch, M, words (+ 1)]: the words of a row hold K elements, then zeros; int8 has
 *            one more word for s. One work-group of one item per row and batch: global size
 *            {M, batch}. CPU kernels only.
 */
// lint after: dot_int8.cl quantize_row.cl
// lint: -DVW=8 -DELCL_WEIGHT_INT8 -DK_PACK=4
// lint: -DVW=16 -DELCL_WEIGHT_INT8 -DK_PACK=4

/* Stores VW elements of a row as words: PoCL 3.1 stores vectors of smaller elements one by one. */
#if VW == K_PACK
#define PUT_WORDS(v, words) *(words) = as_uint(v)
#elif VW == 2 * K_PACK
#define PUT_WORDS(v, words) vstore2(as_uint2(v), 0, words)
#elif VW == 4 * K_PACK
#define PUT_WORDS(v, words) vstore4(as_uint4(v), 0, words)
#else
#define PUT_WORDS(v, words) vstore8(as_uint8(v), 0, words)
#endif

#ifdef DOT_WHOLE

#pragma OPENCL FP_CONTRACT OFF

/* The largest magnitude of a row, as bits: they order like the numbers, with NaN last. */
static inline uint largest_bits(__global const float *x, int k_size)
{
    const int whole = k_size / VW * VW;
    uintv largest_v = (uintv)(0);
    for (int k = 0; k < whole; k += VW)
        largest_v = max(largest_v, LOADV((__global const uint *)x + k) & 0x7fffffffu);
    uint parts[VW], largest = 0;
    STOREV(largest_v, parts);
    for (int i = 0; i < VW; i++)
        largest = max(largest, parts[i]);
    for (int k = whole; k < k_size; k++)
        largest = max(largest, as_uint(x[k]) & 0x7fffffffu);
    return largest;
}

__kernel void quantize(__global uint *rows, __global const float *x, /* [batch, M, x_ld] */
                       int k_size, int words, int x_ld, ulong x_batch)
{
    const size_t batch = get_global_id(1), m = get_global_id(0);
    x += batch * x_batch + m * x_ld;
    rows += (batch * get_global_size(0) + m) * (words + 1);
    __global DOT_WHOLE *q = (__global DOT_WHOLE *)rows;
    const uint bits = largest_bits(x, k_size);
    const bool finite = quantize_finite(bits);
    const float factor = quantize_factor(bits);
    rows[words] = as_uint(quantize_scale(bits));
    const int whole = finite ? k_size / VW * VW : 0;
    for (int k = 0; k < whole; k += VW) {
        const intv v = QUANTIZE_WHOLE(CAT(as_int, VW), LOADV(x + k), factor);
        PUT_WORDS(CAT(convert_, CAT(DOT_WHOLE, VW))(v), rows + k / K_PACK);
    }
    for (int k = whole; k < words * (int)(sizeof(uint) / sizeof(DOT_WHOLE)); k++) {
        const float v = finite && k < k_size ? x[k] : 0.0f;
        q[k] = (DOT_WHOLE)QUANTIZE_WHOLE(as_int, v, factor);
    }
}

#pragma OPENCL FP_CONTRACT ON

#else

__kernel void quantize(__global uint *rows, __global const float *x, /* [batch, M, x_ld] */
                       int k_size, int words, int x_ld, ulong x_batch)
{
    const size_t batch = get_global_id(1), m = get_global_id(0);
    x += batch * x_batch + m * x_ld;
    rows += (batch * get_global_size(0) + m) * words;
    __global ushort *q = (__global ushort *)rows;
    const int whole = k_size / VW * VW;
    for (int k = 0; k < whole; k += VW) {
        const uintv bits = LOADV((__global const uint *)x + k);
        const uintv nearest_even = bits + 0x7fffu + ((bits >> 16) & 1u);
        const intv is_nan = (bits & 0x7fffffffu) > (uintv)(0x7f800000u);
        const uintv word = select(nearest_even, bits | 0x400000u, is_nan) >> 16;
        PUT_WORDS(CAT(convert_ushort, VW)(word), rows + k / K_PACK);
    }
    for (int k = whole; k < 2 * words; k++)
        q[k] = k < k_size ? bf16_round(x[k]) : 0;
}

#endif
