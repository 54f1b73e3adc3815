/*
 * Multiply-accumulates of int8 rows with int4 weights for gemm_int4_cpu.cl, in plain OpenCL C; the
 * host picks one file dot_int4*.cl. Each file defines:
 *
 *   dot_x, DOT_WHOLE, DOT_OFFSET   as in dot_f32.cl: four neighbors of a row, and their type
 *   INT4_LOAD(p)                   VW words of weights
 *   int4_part                      sums of a group, of VW columns
 *   int4_begin(first)              those of no products; `first` is added to each sum
 *   int4_mac(part, w, x)           adds the products of x with bytes 0 .. 15 of each column of w
 *   int4_end(part, first)          the sums as integers, with the same `first` as at the beginning
 */
// lint: -DVW=8 -DELCL_WEIGHT_INT4 -DK_PACK=32
typedef uint dot_x;
typedef float dot_sum;
typedef intv int4_part;
#define DOT_WHOLE char
#define DOT_OFFSET 0
#define INT4_LOAD(p) LOADV(p)

static inline int4_part int4_begin(dot_x first)
{
    return (intv)(as_int(first));
}

static inline int4_part int4_mac(int4_part part, uintv w, dot_x x)
{
#pragma unroll
    for (int i = 0; i < 4; i++)
        part += (as_int(x) << (24 - 8 * i) >> 24) * CAT(as_int, VW)(w >> 8 * i & 15u);
    return part;
}

static inline intv int4_end(int4_part part, dot_x first)
{
    return part;
}
