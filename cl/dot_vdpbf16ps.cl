/*
 * Multiply-accumulates of bf16 by x86's vdpbf16ps: two neighbors in k at once, sums in f32,
 * subnormal numbers count as zero. For LLVM compilers on a CPU with AVX512_BF16, VW 16. Interface:
 * dot_f32.cl.
 */
typedef uint dot_x;
typedef intv dot_w;
typedef float dot_sum;
typedef floatv dot_sums;
#define DOT_W(p) dot_load(p)

/* As in dot_vpdpbusd.cl. */
static inline dot_w dot_load(__global const weight_t *w)
{
    dot_w pairs;
    __asm__("vmovdqu32 %1, %0" : "=v"(pairs) : "m"(*(__global const intv *)w));
    return pairs;
}

static inline dot_sums mac(dot_sums sums, dot_x x, dot_w w)
{
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(sums) : "v"((intv)(as_int(x))), "v"(w));
    return sums;
}
