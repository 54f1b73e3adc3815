/*
 * Products of narrow state by x86's vpdpbusd, which multiplies four unsigned by four signed bytes:
 * a factor's first word has its high bytes, the second one its low bytes, for factor = 256 high +
 * low. For LLVM compilers on a CPU with AVX512_VNNI, VW 16. Interface: el_plain.cl.
 */
#define EL_WORDS 1
#define EL_SUMS 2
#define EL_STATE_FIRST(y) (y)
#define EL_STATE_SECOND(y) (y)
#define EL_HIGH(x) (((x) + 128) >> 8)
#define EL_FOUR(a, b, c, d) (((a) & 255) | ((b) & 255) << 8 | ((c) & 255) << 16 | (d) << 24)
#define EL_FIRST4(a, b, c, d) EL_FOUR(EL_HIGH(a), EL_HIGH(b), EL_HIGH(c), EL_HIGH(d))
#define EL_SECOND4(a, b, c, d) EL_FOUR(a, b, c, d)
#define EL_FIRST_ROW(x) as_int4(convert_char16(EL_HIGH(x)))
#define EL_SECOND_ROW(x) as_int4(convert_char16(x))
#define EL_JOIN(first, second) (((first) << 8) + (second))

static inline intv el_mac(intv sums, intv y, intv x)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(y), "v"(x));
    return sums;
}

static inline uintv el_lookup(uint4 table, uintv i)
{
    const uintv tables = (uintv)(table, table, table, table);
    uintv bytes;
    __asm__("vpshufb %2, %1, %0" : "=v"(bytes) : "v"(tables), "v"(i));
    return bytes;
}
