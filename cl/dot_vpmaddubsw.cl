/*
 * Multiply-accumulates of int8 by x86's vpmaddubsw, eight neighbors in k at once. It multiplies
 * unsigned by signed bytes, so that rows have 128 added, and it adds pairs of products in 16 bits,
 * where it saturates. Two such results are added in 16 bits as well, before vpmaddwd by ones adds
 * pairs of them in 32: five instructions for 8 VW products. In a lane of 16 bits meet the neighbors
 * 0, 1, 4, 5 of the eight, or 2, 3, 6, 7. The weights of these four are such (src/ops/matrix.c)
 * that those of one sign add up to at most ELCL_SHORT_SUM: no sum leaves 16 bits.
 *
 * For LLVM compilers on a CPU with AVX2, and with AVX512BW if VW is 16. Interface: dot_f32.cl.
 */
typedef uint dot_x;
typedef struct {
    uint first, second;
} dot_row;
typedef struct {
    intv first, second;
} dot_w;
typedef int dot_sum;
typedef intv dot_sums;
#define DOT_WHOLE uchar
#define DOT_OFFSET 128
#define DOT_ROW(p) dot_load_row(p)
#define DOT_W(p) dot_load(p)
#define DOT_ROW_OF(word) dot_row_of(word)
#define DOT_W_OF(words) dot_w_of(words)
ELCL_CHECK(dot_16_bits, ELCL_SHORT_SUM * 255 < 32768);

/* In memory: with it, a tile of four rows would need more registers than AVX2 has. */
#define DOT_FOUR_ONES 0x00010001, 0x00010001, 0x00010001, 0x00010001
__constant int dot_ones[16] = {DOT_FOUR_ONES, DOT_FOUR_ONES, DOT_FOUR_ONES, DOT_FOUR_ONES};

static inline dot_row dot_load_row(__global const dot_x *x)
{
    dot_row eight;
    eight.first = x[0];
    eight.second = x[1];
    return eight;
}

/* As in dot_vpdpbusd.cl. */
static inline intv dot_load_four(__global const weight_t *w)
{
    intv four;
#if VW == 16
    __asm__("vmovdqu32 %1, %0" : "=v"(four) : "m"(*(__global const intv *)w));
#else
    __asm__("vmovdqu %1, %0" : "=x"(four) : "m"(*(__global const intv *)w));
#endif
    return four;
}

/* The next four neighbors of a panel's 2 VW columns follow its first four. */
static inline dot_w dot_load(__global const weight_t *w)
{
    dot_w eight;
    eight.first = dot_load_four(w);
    eight.second = dot_load_four(w + 2 * VW * 4);
    return eight;
}

static inline dot_row dot_row_of(uint word)
{
    dot_row eight;
    eight.first = eight.second = word;
    return eight;
}

static inline dot_w dot_w_of(intv words)
{
    dot_w eight;
    eight.first = eight.second = words;
    return eight;
}

static inline dot_sums mac(dot_sums sums, dot_row x, dot_w w)
{
    intv first, second, pairs;
    __asm__("vpmaddubsw %2, %1, %0" : "=v"(first) : "v"((intv)(as_int(x.first))), "v"(w.first));
    __asm__("vpmaddubsw %2, %1, %0" : "=v"(second) : "v"((intv)(as_int(x.second))), "v"(w.second));
    __asm__("vpaddw %2, %1, %0" : "=v"(first) : "v"(first), "v"(second));
    __asm__("vpmaddwd %2, %1, %0"
            : "=v"(pairs)
            : "v"(first), "m"(*(__constant const intv *)dot_ones));
    return sums + pairs;
}
