/*
 * Multiply-accumulates of whole numbers by x86's vpmaddwd, two neighbours in k at once: rows as
 * 16-bit numbers, int8 weights widened to that at every load. A sum of two products fits in 17 bits:
 * nothing saturates. For compilers of LLVM on a CPU with AVX2, and with AVX512BW where VW is 16.
 * Interface: mac_wide.cl.
 */
typedef uint mac_x;
typedef intv mac_w;
typedef int mac_sum;
typedef intv mac_sums;
#define MAC_WHOLE short
#define MAC_OFFSET 0
#define MAC_W(p) mac_load(p)

static inline mac_w mac_load(__global const weight_t *w)
{
    mac_w pairs;
    __asm__("vpmovsxbw %1, %0" : "=v"(pairs) : "m"(*(__global const CAT(short, VW) *)w));
    return pairs;
}

static inline mac_sums mac(mac_sums sums, mac_x x, mac_w w)
{
    intv products;
    __asm__("vpmaddwd %2, %1, %0" : "=v"(products) : "v"((intv)(as_int(x))), "v"(w));
    return sums + products;
}
