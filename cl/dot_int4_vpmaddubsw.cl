/*
 * dot_int4.cl by x86's vpmaddubsw, which multiplies unsigned by signed bytes and adds pairs of
 * products in 16 bits. A part has 16 of the 32 products of a group, at most 15 * 127 each, so that
 * nothing saturates. For LLVM compilers on a CPU with AVX2, and with AVX512BW if VW is 16.
 */
typedef uint dot_x;
typedef float dot_sum;
typedef intv int4_part; /* pairs of 16 bits */
#define DOT_WHOLE char
#define DOT_OFFSET 0
#define INT4_LOAD(p) int4_load(p)
ELCL_CHECK(int4_16_bits, 16 * 15 * 127 < 32768);

static inline uintv int4_load(__global const weight_t *w)
{
    uintv words;
#if VW == 16
    __asm__("vmovdqu32 %1, %0" : "=v"(words) : "m"(*(__global const uintv *)w));
#else
    __asm__("vmovdqu %1, %0" : "=x"(words) : "m"(*(__global const uintv *)w));
#endif
    return words;
}

static inline int4_part int4_begin(dot_x first)
{
    return (intv)(0);
}

static inline int4_part int4_mac(int4_part part, uintv w, dot_x x)
{
    intv products;
    __asm__("vpmaddubsw %2, %1, %0" : "=v"(products) : "v"(w), "v"((intv)(as_int(x))));
    __asm__("vpaddw %1, %0, %0" : "+v"(part) : "v"(products));
    return part;
}

static inline intv int4_end(int4_part part, dot_x first)
{
    intv sums;
    __asm__("vpmaddwd %2, %1, %0" : "=v"(sums) : "v"(part), "v"((intv)(0x00010001)));
    return sums + (intv)(as_int(first));
}
