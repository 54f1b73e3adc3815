/*
 * Dot products of four int8 numbers for the GEMMs of GPU kernels in integers (gemm_int8.cl); the
 * host picks one file dot4_*.cl. This one is plain OpenCL C. Each file defines
 *
 *   dot4(sum, x, w)   sum + x . w, exact; the first number is in the low byte of a uint
 *   DOT_OFFSET        0: see quantize_row.cl
 */
#define DOT_OFFSET 0

static inline int dot4(int sum, uint x, uint w)
{
    const int4 p = convert_int4(as_char4(x)) * convert_int4(as_char4(w));
    return sum + ((p.x + p.y) + (p.z + p.w));
}
