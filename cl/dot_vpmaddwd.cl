/*
 * Multiply-accumulates of int8 by x86's vpmaddwd, two neighbors in k at once: rows hold 16-bit
 * integers, and every load widens int8 weights to 16 bits. A sum of two products fits in 17 bits:
 * nothing saturates. dot_vpmaddubsw.cl is faster on weights; this one measures the rate of the
 * instruction for products of narrow state (el_vpmaddwd.cl). For LLVM compilers on a CPU with AVX2,
 * and with AVX512BW if VW is 16. Interface: dot_f32.cl.
 */
typedef uint dot_x;
typedef intv dot_w;
typedef int dot_sum;
typedef intv dot_sums;
#define DOT_WHOLE short
#define DOT_OFFSET 0
#define DOT_W(p) dot_load(p)

static inline dot_w dot_load(__global const weight_t *w)
{
    dot_w pairs;
    __asm__("vpmovsxbw %1, %0" : "=v"(pairs) : "m"(*(__global const CAT(short, VW) *)w));
    return pairs;
}

static inline dot_sums mac(dot_sums sums, dot_x x, dot_w w)
{
    intv products;
    __asm__("vpmaddwd %2, %1, %0" : "=v"(products) : "v"((intv)(as_int(x))), "v"(w));
    return sums + products;
}
