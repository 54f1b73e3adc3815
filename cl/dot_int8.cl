/*
 * Multiply-accumulates of int8 rows with int8 weights in plain OpenCL C, four at a time, as
 * dot_vpdpbusd.cl does in one instruction. Interface: dot_f32.cl.
 */
// lint: -DVW=8 -DELCL_WEIGHT_INT8 -DK_PACK=4
typedef uint dot_x;
typedef intv dot_w;
typedef int dot_sum;
typedef intv dot_sums;
#define DOT_WHOLE char
#define DOT_OFFSET 0
#define DOT_W(p) LOADV((__global const int *)(p))

/* Byte i of each element. */
#define DOT_BYTE(v, i) (((v) << (24 - 8 * (i))) >> 24)

static inline dot_sums mac(dot_sums sums, dot_x x, dot_w w)
{
    const int row = as_int(x);
#pragma unroll
    for (int i = 0; i < 4; i++)
        sums += DOT_BYTE(row, i) * DOT_BYTE(w, i);
    return sums;
}
