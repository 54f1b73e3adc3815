/*
 * Multiply-accumulates of bf16 by x86's vdpbf16ps, two neighbours in k at once, with sums in f32;
 * subnormal numbers count as zeros. For compilers of LLVM on a CPU with AVX512_BF16, VW 16.
 * Interface: mac_wide.cl.
 */
typedef uint mac_x;
typedef intv mac_w;
typedef float mac_sum;
typedef floatv mac_sums;
#define MAC_W(p) mac_load(p)

/* As in mac_vpdpbusd.cl. */
static inline mac_w mac_load(__global const weight_t *w)
{
    mac_w pairs;
    __asm__("vmovdqu32 %1, %0" : "=v"(pairs) : "m"(*(__global const intv *)w));
    return pairs;
}

static inline mac_sums mac(mac_sums sums, mac_x x, mac_w w)
{
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(sums) : "v"((intv)(as_int(x))), "v"(w));
    return sums;
}
