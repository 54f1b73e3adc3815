/*
 * Products of narrow state with rounded factors, in plain OpenCL C: what attn_el_int_cpu.cl needs
 * of el_vpmaddwd.cl and el_vpdpbusd.cl, which do the same with instructions of x86.
 *
 * The integers of state, 0 .. 255, meet factors of at most +-ELCL_EL_INT_MOST, four at a time. A
 * factor of four integers is two words, "first" and "second"; so are four bytes of state, unless
 * both words would be the same. Sums are exact, and the same in every kind:
 *
 *     EL_WORDS                  words of four bytes of state
 *     EL_STATE_FIRST(y), EL_STATE_SECOND(y)    those words, of words of bytes
 *     EL_FIRST4(a, b, c, d), EL_SECOND4()      the words of factors that lie in four vectors
 *     EL_FIRST_ROW(x), EL_SECOND_ROW(x)        and of VW neighbors in one vector: VW / 4 words
 *     el_mac(sums, y, x)        adds the products of a word of state with one of a factor
 *     EL_SUMS                   sums per output: with two, those of first and of second words
 *     EL_JOIN(first, second)    the sum of four products each
 *     el_lookup(table, i)       bytes table[i], for bytes i below 16
 */
// lint: -DVW=8 -DELCL_STATE_INT8
// lint: -DVW=16 -DELCL_STATE_INT4
// lint: -DVW=4 -DELCL_STATE_INT4

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
    return sums + (y & 0xffff) * (x << 16 >> 16) + (y >> 16) * (x >> 16);
}

static inline uintv el_lookup(uint4 table, uintv i)
{
    uint words[VW], entries[4];
    STOREV(i, words);
    vstore4(table, 0, entries);
    for (int k = 0; k < VW; k++) {
        uint word = 0;
        for (int b = 0; b < 32; b += 8) {
            const uint at = words[k] >> b & 15;
            word |= (entries[at / 4] >> at % 4 * 8 & 255) << b;
        }
        words[k] = word;
    }
    return LOADV(words);
}
