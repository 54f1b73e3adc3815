/*
 * Products of narrow state by x86's vpmaddwd: a word holds two 16-bit integers. For LLVM compilers
 * on a CPU with AVX2, and with AVX512BW if VW is 16. Interface: el_plain.cl.
 */
#define EL_WORDS 2
#define EL_SUMS 1
#define EL_STATE_FIRST(y) ((y) & 0x00ff00ffu)
#define EL_STATE_SECOND(y) ((y) >> 8 & 0x00ff00ffu)
#define EL_PAIR(a, b) (((a) & 0xffff) | (b) << 16)
#define EL_FIRST4(a, b, c, d) EL_PAIR(a, c)
#define EL_SECOND4(a, b, c, d) EL_PAIR(b, d)
#define EL_FIRST_ROW(x) EL_PAIR((x).even.even, (x).even.odd)
#define EL_SECOND_ROW(x) EL_PAIR((x).odd.even, (x).odd.odd)
#define EL_JOIN(first, second) (first)

static inline intv el_mac(intv sums, intv y, intv x)
{
    intv products;
    __asm__("vpmaddwd %2, %1, %0" : "=v"(products) : "v"(y), "v"(x));
    return sums + products;
}

static inline uintv el_lookup(uint4 table, uintv i)
{
#if VW == 16
    const uintv tables = (uintv)(table, table, table, table);
#else
    const uintv tables = (uintv)(table, table);
#endif
    uintv bytes;
    __asm__("vpshufb %2, %1, %0" : "=v"(bytes) : "v"(tables), "v"(i));
    return bytes;
}
