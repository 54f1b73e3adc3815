/*
 * Multiply-accumulates of bf16 rows with bf16 weights in plain OpenCL C, two at a time, as
 * dot_vdpbf16ps.cl does in one instruction. The first element of a pair is in the low half of a
 * word. Interface: dot_f32.cl.
 */
// lint: -DVW=8 -DELCL_WEIGHT_BF16 -DK_PACK=2
typedef uint dot_x;
typedef intv dot_w;
typedef float dot_sum;
typedef floatv dot_sums;
#define DOT_W(p) LOADV((__global const int *)(p))

#define DOT_LOW(v) CAT(as_float, VW)((v) << 16)
#define DOT_HIGH(v) CAT(as_float, VW)((v) & (intv)(0xffff0000))

static inline dot_sums mac(dot_sums sums, dot_x x, dot_w w)
{
    const intv row = (intv)(as_int(x));
    sums = ELCL_MAC(DOT_LOW(row), DOT_LOW(w), sums);
    return ELCL_MAC(DOT_HIGH(row), DOT_HIGH(w), sums);
}
