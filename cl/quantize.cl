/*
 * Rounded inputs: rows in the type of the weights, for GEMMs that multiply both as they are.
 *
 * In int8 (DOT_WHOLE): quantize_row.cl.
 *
 * In bf16, without DOT_WHOLE: the nearest bf16, ties to even.
 *
 * quantize   rows [batch, M, words (+ 1)]: the words of a row hold K elements, then zeros; int8 has
 *            one more word for s, and for int4 weights `words` has one for each group of 32
 *            elements. One work-group of one item per row and batch: global size {M, batch}. CPU
 *            kernels only.
 */
// lint after: dot_int8.cl quantize_row.cl
// lint: -DVW=8 -DELCL_WEIGHT_INT8 -DK_PACK=4
// lint: -DVW=16 -DELCL_WEIGHT_INT8 -DK_PACK=4
// lint: -DVW=8 -DELCL_WEIGHT_INT4 -DK_PACK=32

#ifdef ELCL_WEIGHT_INT4
#define WORD 4 /* elements of a word */
#else
#define WORD K_PACK
#endif

/* Stores VW elements of a row as words: PoCL 3.1 stores vectors of smaller elements one by one. */
#if VW == WORD
#define PUT_WORDS(v, words) *(words) = as_uint(v)
#elif VW == 2 * WORD
#define PUT_WORDS(v, words) vstore2(as_uint2(v), 0, words)
#elif VW == 4 * WORD
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

#ifdef ELCL_WEIGHT_INT4
/* A group of a row, of which the first n elements exist: 32 integers, then -8 times their sum, as
 * gemm_int4_cpu.cl reads them. */
static inline void put_group(__global uint *to, __global const float *x, int n, float factor)
{
    __global char *q = (__global char *)to;
    const int whole = min(n, ELCL_INT4_GROUP) / VW * VW;
    intv sum_v = (intv)(0);
    int sums[VW], sum = 0;
    for (int k = 0; k < whole; k += VW) {
        const intv v = QUANTIZE_WHOLE(CAT(as_int, VW), LOADV(x + k), factor);
        PUT_WORDS(CAT(convert_char, VW)(v), to + k / WORD);
        sum_v += v;
    }
    STOREV(sum_v, sums);
    for (int i = 0; i < VW; i++)
        sum += sums[i];
    for (int k = whole; k < ELCL_INT4_GROUP; k++) {
        const int v = QUANTIZE_WHOLE(as_int, k < n ? x[k] : 0.0f, factor);
        q[k] = (char)v;
        sum += v;
    }
    to[ELCL_INT4_GROUP / WORD] = as_uint(-8 * sum);
}
#endif

__kernel void quantize(__global uint *rows, __global const float *x, /* [batch, M, x_ld] */
                       int k_size, int words, int x_ld, ulong x_batch)
{
    const size_t batch = get_global_id(1), m = get_global_id(0);
    x += batch * x_batch + m * x_ld;
    rows += (batch * get_global_size(0) + m) * (words + 1);
    const uint bits = largest_bits(x, k_size);
    const bool finite = quantize_finite(bits);
    const float factor = quantize_factor(bits);
    rows[words] = as_uint(quantize_scale(bits));
#ifdef ELCL_WEIGHT_INT4
    for (int k = 0; k < k_size; k += ELCL_INT4_GROUP, rows += 9)
        put_group(rows, x + k, finite ? k_size - k : 0, factor);
#else
    __global DOT_WHOLE *q = (__global DOT_WHOLE *)rows;
    const int whole = finite ? k_size / VW * VW : 0;
    for (int k = 0; k < whole; k += VW) {
        const intv v = QUANTIZE_WHOLE(CAT(as_int, VW), LOADV(x + k), factor);
        PUT_WORDS(CAT(convert_, CAT(DOT_WHOLE, VW))(v), rows + k / WORD);
    }
    for (int k = whole; k < words * (int)(sizeof(uint) / sizeof(DOT_WHOLE)); k++) {
        const float v = finite && k < k_size ? x[k] : 0.0f;
        q[k] = (DOT_WHOLE)QUANTIZE_WHOLE(as_int, v, factor);
    }
#endif
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
        PUT_WORDS(CAT(convert_ushort, VW)(word), rows + k / WORD);
    }
    for (int k = whole; k < 2 * words; k++)
        q[k] = k < k_size ? bf16_round(x[k]) : 0;
}

#endif
