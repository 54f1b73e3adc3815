/*
 * Multiply-accumulates of gemm_cpu.cl; the host picks one file mac_*.cl. This one takes weights of
 * any storage, widened to f32, and rows in f32. A file says:
 *
 *   mac_x         WEIGHT_GROUP neighbours of a row of X, as they lie in memory
 *   mac_w         the WEIGHT_GROUP weights of VW columns that meet them; MAC_W(p) loads it
 *   mac_sum       type of a sum, mac_sums VW of them
 *   mac(s, x, w)  s + the products of x with each column of w
 *
 * Those that multiply whole numbers define MAC_WHOLE, the type of an element of a row (quantise.cl),
 * and MAC_OFFSET, which rows have added to them: sums are exact modulo 2^32.
 */
// lint: -DVW=8
// lint: -DVW=16 -DELCL_WEIGHT_INT8
typedef float mac_x;
typedef floatv mac_w;
typedef float mac_sum;
typedef floatv mac_sums;
#define MAC_W(p) WEIGHT_VEC(p)

static inline mac_sums mac(mac_sums sums, mac_x x, mac_w w)
{
    return ELCL_MAC((floatv)(x), w, sums);
}
