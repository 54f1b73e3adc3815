/*
 * Multiply-accumulates of bf16 rows with bf16 weights in plain OpenCL C, two at a time: what
 * mac_vdpbf16ps.cl does in one instruction. A pair's first element is in the low half of a word.
 * Interface: mac_wide.cl.
 */
// lint: -DVW=8 -DELCL_WEIGHT_BF16 -DWEIGHT_GROUP=2
typedef uint mac_x;
typedef intv mac_w;
typedef float mac_sum;
typedef floatv mac_sums;
#define MAC_W(p) LOADV((__global const int *)(p))

#define MAC_LOW(v) CAT(as_float, VW)((v) << 16)
#define MAC_HIGH(v) CAT(as_float, VW)((v) & (intv)(0xffff0000))

static inline mac_sums mac(mac_sums sums, mac_x x, mac_w w)
{
    const intv row = (intv)(as_int(x));
    sums = ELCL_MAC(MAC_LOW(row), MAC_LOW(w), sums);
    return ELCL_MAC(MAC_HIGH(row), MAC_HIGH(w), sums);
}
