/* dot4_plain.cl by a function of cl_khr_integer_dot_product. */
// lint: -Ddot_4x8packed_ss_int=max
#define DOT_OFFSET 0

static inline int dot4(int sum, uint x, uint w)
{
    return sum + dot_4x8packed_ss_int(x, w);
}
