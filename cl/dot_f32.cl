/*
 * Multiply-accumulates of gemm_cpu.cl; the host picks one file dot_*.cl. This one widens weights of
 * any storage to f32 and takes rows in f32. Each file defines:
 *
 *   dot_x         K_PACK neighbors of a row of X, as they lie in memory
 *   dot_w         the K_PACK weights of VW columns that meet them; DOT_W(p) loads it
 *   dot_sum       type of a sum; dot_sums is VW of them
 *   mac(s, x, w)  s + the products of x with each column of w
 *
 * A file that multiplies K_STEP neighbors at once, more than K_PACK, has them in dot_w, and also
 * defines:
 *
 *   dot_row       K_STEP neighbors of a row of X; DOT_ROW(p) loads it
 *   DOT_ROW_OF(word), DOT_W_OF(words)   a row and weights of equal words, for rates_dot.cl
 *
 * Files for int8 compute also define DOT_WHOLE, the type of an element of a row (quantize.cl), and
 * DOT_OFFSET, which is added to the elements of rows: sums are exact modulo 2^32.
 */
// lint: -DVW=8
// lint: -DVW=16 -DELCL_WEIGHT_INT8
typedef float dot_x;
typedef floatv dot_w;
typedef float dot_sum;
typedef floatv dot_sums;
#define DOT_W(p) WEIGHT_VEC(p)

static inline dot_sums mac(dot_sums sums, dot_x x, dot_w w)
{
    return ELCL_MAC((floatv)(x), w, sums);
}
