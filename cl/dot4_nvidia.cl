/* dot4_plain.cl by dp4a, one instruction of NVIDIA devices from compute capability 6.1 on. */
#define DOT_OFFSET 0

static inline int dot4(int sum, uint x, uint w)
{
    int y;
    __asm__("dp4a.s32.s32 %0, %1, %2, %3;" : "=r"(y) : "r"(x), "r"(w), "r"(sum));
    return y;
}
