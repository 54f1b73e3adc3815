/*
 * Multiply-accumulates of int8 rows with int8 weights in plain OpenCL C, four at a time: what
 * mac_vpdpbusd.cl does in one instruction. Interface: mac_wide.cl.
 */
// lint: -DVW=8 -DELCL_WEIGHT_INT8 -DWEIGHT_GROUP=4
typedef uint mac_x;
typedef intv mac_w;
typedef int mac_sum;
typedef intv mac_sums;
#define MAC_WHOLE char
#define MAC_OFFSET 0
#define MAC_W(p) LOADV((__global const int *)(p))

/* Byte i of each element. */
#define MAC_BYTE(v, i) (((v) << (24 - 8 * (i))) >> 24)

static inline mac_sums mac(mac_sums sums, mac_x x, mac_w w)
{
    const int row = as_int(x);
#pragma unroll
    for (int i = 0; i < 4; i++)
        sums += MAC_BYTE(row, i) * MAC_BYTE(w, i);
    return sums;
}
