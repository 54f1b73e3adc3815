/*
 * dot_int4.cl by x86's vpdpbusd, which multiplies unsigned by signed bytes: weights are unsigned.
 * For LLVM compilers on a CPU with AVX512_VNNI, VW 16.
 */
typedef uint dot_x;
typedef float dot_sum;
typedef intv int4_part;
#define DOT_WHOLE char
#define DOT_OFFSET 0
#define INT4_LOAD(p) int4_load(p)

/* As in dot_vpdpbusd.cl. */
static inline uintv int4_load(__global const weight_t *w)
{
    uintv words;
    __asm__("vmovdqu32 %1, %0" : "=v"(words) : "m"(*(__global const uintv *)w));
    return words;
}

static inline int4_part int4_begin(dot_x first)
{
    return (intv)(as_int(first));
}

static inline int4_part int4_mac(int4_part part, uintv w, dot_x x)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(part) : "v"(w), "v"((intv)(as_int(x))));
    return part;
}

static inline intv int4_end(int4_part part, dot_x first)
{
    return part;
}
