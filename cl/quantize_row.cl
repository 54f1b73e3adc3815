/*
 * How a row of a GEMM's input becomes integers, for quantize.cl (CPU kernels) and quantize_gpu.cl:
 *     s[r] = max_k |x[r, k]| / 127,  q[r, k] = round(x[r, k] / s[r]) + DOT_OFFSET, ties to even
 * A row whose largest magnitude is below 2^-120 counts as zeros, with s = 0. A row with an element
 * that is not finite gets s = NaN, and so NaN in all its products; its q do not count.
 *
 * `bits` are those of the row's largest magnitude: they order like the numbers, with NaN last.
 */
// lint after: dot4_plain.cl

/* For |x| up to 2^22, the bits of x + QUANTIZE_ROUND minus QUANTIZE_ZERO are the integer nearest to
 * x, plus DOT_OFFSET: rint() takes PoCL twenty instructions. AS is as_int or as_int4 etc. Where it
 * stands, FP_CONTRACT is off: the product is rounded before the sum. */
#define QUANTIZE_ROUND 0x1.8p23f
#define QUANTIZE_ZERO (as_int(QUANTIZE_ROUND) - DOT_OFFSET)
#define QUANTIZE_WHOLE(AS, x, factor) (AS((x) * (factor) + QUANTIZE_ROUND) - QUANTIZE_ZERO)
#define QUANTIZE_LEAST 0x1p-120f
#define QUANTIZE_INFINITE 0x7f800000u /* magnitude bits from here on are not finite */

static inline bool quantize_finite(uint bits)
{
    return bits < QUANTIZE_INFINITE;
}

/* 1 / s */
static inline float quantize_factor(uint bits)
{
    const float largest = as_float(bits);
    return quantize_finite(bits) && largest >= QUANTIZE_LEAST ? 127.0f / largest : 0.0f;
}

static inline float quantize_scale(uint bits)
{
    const float largest = as_float(bits);
    return !quantize_finite(bits) ? NAN : largest >= QUANTIZE_LEAST ? largest / 127.0f : 0.0f;
}
