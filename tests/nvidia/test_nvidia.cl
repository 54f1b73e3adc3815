/*
 * Kernels of test_nvidia.c. With -DWRONG, those of the second part have mistakes that the emulated
 * device must find.
 */
#define INSTRUCTION __asm__ volatile
#define SYNC() barrier(CLK_LOCAL_MEM_FENCE)

uint address(__local const void *p)
{
    return (uint)(size_t)p;
}

/* ---- instructions -------------------------------------------------------------------------- */

#define MMA(instruction, type)                                                                     \
    INSTRUCTION("mma.sync.aligned." instruction " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "  \
                "{%0, %1, %2, %3};"                                                                \
                : "+" type(s.x), "+" type(s.y), "+" type(s.z), "+" type(s.w)                       \
                : "r"(x.x), "r"(x.y), "r"(x.z), "r"(x.w), "r"(v.x), "r"(v.y))

/* d [16, 8] = a [16 rows, 8 words] b [8 columns, 8 words]^T + c: words of neighbors in k. */
#define MMA_KERNEL(name, instruction, type, t, type4)                                              \
    __kernel void name(__global type *d, __global const uint *a, __global const uint *b,           \
                       __global const type *c)                                                     \
    {                                                                                              \
        const int row = get_local_id(0) / 4, k = get_local_id(0) % 4, at = 8 * row + 2 * k;        \
        uint4 x = (uint4)(a[8 * row + k], a[8 * row + 64 + k], a[8 * row + k + 4],                 \
                          a[8 * row + 64 + k + 4]);                                                \
        uint2 v = (uint2)(b[8 * row + k], b[8 * row + k + 4]);                                     \
        type4 s = (type4)(c[at], c[at + 1], c[at + 64], c[at + 65]);                               \
        if (SWAPPED)                                                                               \
            x = x.xzyw;                                                                            \
        MMA(instruction, t);                                                                       \
        d[at] = s.x, d[at + 1] = s.y, d[at + 64] = s.z, d[at + 65] = s.w;                          \
    }

#define SWAPPED 0
MMA_KERNEL(mma_bf16, "m16n8k16.row.col.f32.bf16.bf16.f32", float, "f", float4)
MMA_KERNEL(mma_f16, "m16n8k16.row.col.f32.f16.f16.f32", float, "f", float4)
MMA_KERNEL(mma_s8, "m16n8k32.row.col.s32.s8.s8.s32", int, "r", int4)
#undef SWAPPED
#define SWAPPED 1
MMA_KERNEL(mma_swapped, "m16n8k16.row.col.f32.bf16.bf16.f32", float, "f", float4)

/* The same by ldmatrix from a [16 rows, 16] and b [16 rows, 8] of halves. */
__kernel void mma_ldmatrix(__global float *d, __global const uint *a, __global const uint *b,
                           __global const float *c, __local uint *m)
{
    const int lane = get_local_id(0), at = lane / 4 * 8 + lane % 4 * 2;
    for (int i = lane; i < 128; i += 32)
        m[i] = a[i];
    for (int i = lane; i < 64; i += 32)
        m[128 + i] = b[i];
    SYNC();
    uint4 x;
    uint2 v;
    INSTRUCTION("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                : "=r"(x.x), "=r"(x.y), "=r"(x.z), "=r"(x.w)
                : "r"(address(m + lane % 16 * 8 + lane / 16 * 4)));
    INSTRUCTION("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                : "=r"(v.x), "=r"(v.y)
                : "r"(address(m + 128 + lane % 16 * 4)));
    float4 s = (float4)(c[at], c[at + 1], c[at + 64], c[at + 65]);
    MMA("m16n8k16.row.col.f32.bf16.bf16.f32", "f");
    d[at] = s.x, d[at + 1] = s.y, d[at + 64] = s.z, d[at + 65] = s.w;
}

/* out [4, 32], in [32 rows, 4 words] */
#define LDMATRIX_KERNEL(name, instruction, registers)                                              \
    __kernel void name(__global uint *out, __global const uint4 *in, __local uint4 *m)             \
    {                                                                                              \
        const int lane = get_local_id(0);                                                          \
        uint4 x = (uint4)(0);                                                                      \
        m[lane] = in[lane];                                                                        \
        SYNC();                                                                                    \
        INSTRUCTION("ldmatrix.sync.aligned.m8n8." instruction ".shared.b16 " registers             \
                    ", [%4];"                                                                      \
                    : "+r"(x.x), "+r"(x.y), "+r"(x.z), "+r"(x.w)                                   \
                    : "r"(address(m + lane)));                                                     \
        out[lane] = x.x, out[32 + lane] = x.y, out[64 + lane] = x.z, out[96 + lane] = x.w;         \
    }

LDMATRIX_KERNEL(ldmatrix_x1, "x1", "{%0}")
LDMATRIX_KERNEL(ldmatrix_x2, "x2", "{%0, %1}")
LDMATRIX_KERNEL(ldmatrix_x4, "x4", "{%0, %1, %2, %3}")
LDMATRIX_KERNEL(ldmatrix_x1t, "x1.trans", "{%0}")
LDMATRIX_KERNEL(ldmatrix_x2t, "x2.trans", "{%0, %1}")
LDMATRIX_KERNEL(ldmatrix_x4t, "x4.trans", "{%0, %1, %2, %3}")

/* out: the 16 bytes of another item. `bytes` of them were copied, the first size[item] from in. */
#define COPY_KERNEL(name, instruction, bytes)                                                      \
    __kernel void name(__global uint4 *out, __global const uint4 *in, __global const uint *size,   \
                       __local uint4 *m)                                                           \
    {                                                                                              \
        const int item = get_local_id(0);                                                          \
        m[item] = (uint4)(7);                                                                      \
        INSTRUCTION("cp.async." instruction ".shared.global [%0], [%1], " bytes ", %2;"            \
                    :                                                                              \
                    : "r"(address(m + item)), "l"(in + item), "r"(size[item])                      \
                    : "memory");                                                                   \
        INSTRUCTION("cp.async.commit_group;" : : : "memory");                                      \
        INSTRUCTION("cp.async.wait_group 0;" : : : "memory");                                      \
        SYNC();                                                                                    \
        out[item] = m[item ^ 33];                                                                  \
    }

COPY_KERNEL(copy_ca4, "ca", "4")
COPY_KERNEL(copy_ca8, "ca", "8")
COPY_KERNEL(copy_ca16, "ca", "16")
COPY_KERNEL(copy_cg16, "cg", "16")

void copy16(__local void *to, __global const void *from)
{
    INSTRUCTION("cp.async.cg.shared.global [%0], [%1], 16;"
                :
                : "r"(address(to)), "l"(from)
                : "memory");
}

/* Three groups of copies; odd items have no second. */
__kernel void copy_groups(__global uint4 *out, __global const uint4 *in, __local uint4 *m)
{
    const int item = get_local_id(0);
    copy16(m + item, in + item);
    INSTRUCTION("cp.async.commit_group;" : : : "memory");
    if (item % 2 == 0)
        copy16(m + 64 + item, in + 64 + item);
    INSTRUCTION("cp.async.commit_group;" : : : "memory");
    INSTRUCTION("cp.async.wait_group 1;" : : : "memory");
    SYNC();
    out[item] = m[63 - item];
    if (item % 2)
        copy16(m + 64 + item, in + 64 + item);
    INSTRUCTION("cp.async.wait_all;" : : : "memory");
    SYNC();
    out[64 + item] = m[127 - item];
}

#define SHUFFLE(mode, b, clamp)                                                                    \
    INSTRUCTION("{ .reg .pred p; shfl.sync." mode ".b32 %0|p, %2, %3, " clamp ", 0xffffffff; "     \
                "selp.u32 %1, 1, 0, p; }"                                                          \
                : "=r"(v), "=r"(inside)                                                            \
                : "r"(x), "r"(b));                                                                 \
    *out++ = v, *out++ = inside

/* out [32, 10], in [32] */
__kernel void shuffles(__global uint *out, __global const uint *in)
{
    const int lane = get_local_id(0);
    uint x = in[lane], v, inside;
    out += 10 * lane;
    SHUFFLE("idx", 37 - lane, "31");
    SHUFFLE("up", 3, "0");
    SHUFFLE("down", 5, "31");
    SHUFFLE("bfly", 6, "31");
    SHUFFLE("bfly", 9, "0x181f"); /* within 8 lanes */
}

#define OUT(instruction, operands)                                                                 \
    INSTRUCTION(instruction " %0, " operands ";" : "=r"(v) : "r"(x), "r"(y), "r"(z));              \
    *out++ = v

/* out [64, 14], in [64, 3] */
__kernel void integers(__global uint *out, __global const uint *in)
{
    const int item = get_local_id(0);
    const uint x = in[3 * item], y = in[3 * item + 1], z = in[3 * item + 2];
    uint v;
    out += 14 * item;
    OUT("dp4a.s32.s32", "%1, %2, %3");
    OUT("dp4a.u32.u32", "%1, %2, %3");
    OUT("prmt.b32", "%1, %2, %3");
    OUT("bfe.u32", "%1, 5, 11");
    OUT("bfe.s32", "%1, 5, 11");
    OUT("mul.hi.u32", "%1, %2");
    OUT("mul.hi.s32", "%1, %2");
    OUT("shr.s32", "%1, 40");
    OUT("clz.b32", "%1");
    OUT("popc.b32", "%1");
    OUT("cvt.rn.bf16x2.f32", "%1, %2");
    OUT("div.s32", "%1, %2");
    OUT("{ .reg .pred p; mov.pred p, 0; selp.u32", "1, 2, p; }");
    OUT("shf.r.wrap.b32", "%1, %2, 37");
}

/* Paths that part and meet again: out [64]. */
__kernel void branches(__global uint *out, __global const uint *in)
{
    const int item = get_local_id(0);
    uint sum = 0;
    if (item % 16 == 5) {
        out[item] = 5;
        return;
    }
    for (uint i = 0; i < in[item]; i++) {
        for (uint j = 0; j <= i % 7; j++) {
            if ((j ^ item) % 5 == 3)
                break;
            sum += i * j + 1;
        }
        if ((i + item) % 11 == 10)
            continue;
        sum ^= item % 3 ? i : 2 * i;
        if (sum > 5000)
            break;
    }
    out[item] = sum;
}

/* ---- mistakes ------------------------------------------------------------------------------ */

#ifdef WRONG
#define ONLY_RIGHT(x)
#define CHOOSE(right, wrong) (wrong)
#else
#define ONLY_RIGHT(x) x
#define CHOOSE(right, wrong) (right)
#endif
#define MISTAKE(name) __kernel void name(__global uint *out, __global uint *in, __local uint *m)
#define ITEM const int item = get_local_id(0)

MISTAKE(race_read)
{
    ITEM;
    m[item] = in[item];
    ONLY_RIGHT(SYNC());
    out[item] = m[item ^ 32];
}

MISTAKE(race_write)
{
    ITEM;
    m[item] = in[item];
    SYNC();
    out[item] = m[item ^ 1];
    ONLY_RIGHT(SYNC());
    m[item] = 1;
}

MISTAKE(race_both) /* items may store the same */
{
    ITEM;
    m[item / 2] = CHOOSE(in[item] / 2, in[item]);
    SYNC();
    out[item] = m[item / 2];
}

MISTAKE(race_bytes) /* neighbors in a word are no race */
{
    ITEM;
    __local uchar *bytes = (__local uchar *)m;
    bytes[CHOOSE(item, item & ~1)] = in[item];
    SYNC();
    out[item] = bytes[item & ~1];
}

MISTAKE(copy_without_wait)
{
    ITEM;
    copy16(m + 4 * item, in);
    INSTRUCTION("cp.async.commit_group;" : : : "memory");
    ONLY_RIGHT(INSTRUCTION("cp.async.wait_group 0;" : : : "memory"));
    SYNC();
    out[item] = m[4 * item];
}

MISTAKE(copy_without_barrier)
{
    ITEM;
    copy16(m + 4 * item, in);
    INSTRUCTION("cp.async.wait_all;" : : : "memory");
    ONLY_RIGHT(SYNC());
    out[item] = m[4 * (item ^ 32)];
}

MISTAKE(copy_to_what_is_read)
{
    ITEM;
    m[4 * item] = in[item];
    SYNC();
    out[item] = m[4 * (item ^ 1)];
    ONLY_RIGHT(SYNC());
    copy16(m + 4 * item, in);
    INSTRUCTION("cp.async.wait_all;" : : : "memory");
}

MISTAKE(read_beyond) /* of 64 words */
{
    ITEM;
    out[item] = in[item + CHOOSE(0, 1)];
}

MISTAKE(write_beyond)
{
    ITEM;
    out[item - CHOOSE(0, 1)] = in[item];
}

MISTAKE(copy_beyond)
{
    ITEM;
    copy16(m + 4 * item, in + CHOOSE(0, 64));
    INSTRUCTION("cp.async.wait_all;" : : : "memory");
    out[item] = m[4 * item];
}

MISTAKE(local_beyond) /* of 1024 words */
{
    ITEM;
    m[item + CHOOSE(960, 961)] = in[item];
    out[item] = 0;
}

MISTAKE(misaligned)
{
    ITEM;
    const uint2 both = ((__global uint2 *)(in + CHOOSE(2, 1)))[item % 16];
    out[item] = both.x ^ both.y;
}

MISTAKE(local_misaligned)
{
    ITEM;
    *(__local uint2 *)(m + 2 * item + CHOOSE(0, 1)) = (uint2)(in[item]);
    out[item] = 0;
}

MISTAKE(barrier_of_lanes)
{
    ITEM;
    m[item] = in[item];
    if (CHOOSE(in[0] == 0, in[item] % 2 == 0))
        SYNC();
    out[item] = m[item];
}

MISTAKE(barrier_of_warps)
{
    ITEM;
    if (CHOOSE(in[0], in[item / 32 * 32]) == 0)
        SYNC();
    out[item] = 0;
}

MISTAKE(barrier_after_return)
{
    ITEM;
    if (CHOOSE(0, in[item] == 3))
        return;
    SYNC();
    out[item] = 0;
}

MISTAKE(matrix_of_lanes)
{
    ITEM;
    uint4 x = (uint4)(0);
    uint2 v = (uint2)(0);
    float4 s = (float4)(1.0f);
    if (CHOOSE(in[0] == 0, in[item] < 31))
        MMA("m16n8k16.row.col.f32.bf16.bf16.f32", "f");
    out[item] = (uint)s.x;
}

MISTAKE(never_written)
{
    ITEM;
    if (CHOOSE(1, in[item] > 0))
        m[item] = in[item];
    SYNC();
    out[item] = m[item ^ 1];
}

/* ---- counts -------------------------------------------------------------------------------- */

MISTAKE(conflicts) /* m [32, 32 or 33] by columns */
{
    ITEM;
    m[item * CHOOSE(33, 32)] = in[item * CHOOSE(1, 8)];
    SYNC();
    out[item] = m[item * CHOOSE(33, 32)];
}

#ifdef UNKNOWN
MISTAKE(unknown)
{
    INSTRUCTION("brev.b32 %0, %1;" : "=r"(out[0]) : "r"(in[0]));
}
#endif
