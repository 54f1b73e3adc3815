/*
 * Multiply-accumulates of whole numbers by x86's vpdpbusd, four neighbours in k at once. It
 * multiplies unsigned by signed bytes: rows have 128 added, which gemm_cpu.cl takes off again by the
 * sums of the columns. For compilers of LLVM on a CPU with AVX512_VNNI, VW 16. Interface:
 * mac_wide.cl.
 */
typedef uint mac_x;
typedef intv mac_w;
typedef int mac_sum;
typedef intv mac_sums;
#define MAC_WHOLE uchar
#define MAC_OFFSET 128
#define MAC_W(p) mac_load(p)

/* vload16() would do, but clang 15 takes the loop of these for a copy to the stack. */
static inline mac_w mac_load(__global const weight_t *w)
{
    mac_w four;
    __asm__("vmovdqu32 %1, %0" : "=v"(four) : "m"(*(__global const intv *)w));
    return four;
}

static inline mac_sums mac(mac_sums sums, mac_x x, mac_w w)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"((intv)(as_int(x))), "v"(w));
    return sums;
}
