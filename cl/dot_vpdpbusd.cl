/*
 * Multiply-accumulates of int8 by x86's vpdpbusd, four neighbors in k at once. It multiplies
 * unsigned by signed bytes: rows have 128 added, which gemm_cpu.cl subtracts again by the sums of
 * the columns. For LLVM compilers on a CPU with AVX512_VNNI, VW 16. Interface: dot_f32.cl.
 */
typedef uint dot_x;
typedef intv dot_w;
typedef int dot_sum;
typedef intv dot_sums;
#define DOT_WHOLE uchar
#define DOT_OFFSET 128
#define DOT_W(p) dot_load(p)

/* vload16() would work, but clang 15 turns the loop of these into a copy to the stack. */
static inline dot_w dot_load(__global const weight_t *w)
{
    dot_w four;
    __asm__("vmovdqu32 %1, %0" : "=v"(four) : "m"(*(__global const intv *)w));
    return four;
}

static inline dot_sums mac(dot_sums sums, dot_x x, dot_w w)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"((intv)(as_int(x))), "v"(w));
    return sums;
}
