/* The instructions that only compute, in the names that clang gives them. */
#include <math.h>
#include <string.h>

#include "nvidia.h"

typedef uint8_t u8;
typedef int8_t s8;
typedef uint16_t u16, b16;
typedef int16_t s16;
typedef uint32_t u32, b32, pred; /* a predicate is 0 or ~0 */
typedef int32_t s32;
typedef uint64_t u64, b64;
typedef int64_t s64;
typedef float f32;
typedef uint32_t none;

enum {
    WIDTH_u16 = 2,
    WIDTH_s16 = 2,
    WIDTH_b16 = 2,
    WIDTH_u32 = 4,
    WIDTH_s32 = 4,
    WIDTH_b32 = 4,
    WIDTH_f32 = 4,
    WIDTH_u64 = 8,
    WIDTH_s64 = 8,
    WIDTH_b64 = 8,
    WIDTH_pred = 1,
    WIDTH_none = 0
};

static inline f32 from_bits(u32 x)
{
    f32 f;
    memcpy(&f, &x, sizeof(f));
    return f;
}

static inline u32 bits(f32 f)
{
    u32 x;
    memcpy(&x, &f, sizeof(x));
    return x;
}

static inline f32 from_f16(u16 h)
{
    _Float16 v;
    memcpy(&v, &h, sizeof(v));
    return (f32)v;
}

static inline u16 to_f16(f32 f)
{
    const _Float16 v = (_Float16)f;
    u16 h;
    memcpy(&h, &v, sizeof(h));
    return h;
}

static inline u16 double_to_f16(double f)
{
    const _Float16 v = (_Float16)f;
    u16 h;
    memcpy(&h, &v, sizeof(h));
    return h;
}

static inline u32 to_bf16(f32 f)
{
    const u32 x = bits(f);
    return f != f ? 0x7fff : (x + 0x7fff + (x >> 16 & 1)) >> 16;
}

static inline f32 minimum(f32 a, f32 b)
{
    return a != a ? b : b != b ? a : a < b ? a : b;
}

static inline f32 maximum(f32 a, f32 b)
{
    return a != a ? b : b != b ? a : a > b ? a : b;
}

/* NaN becomes 0, and values beyond the type its limits. */
static inline s64 to_s64(f32 f)
{
    return f != f ? 0 : f >= 0x1p63f ? INT64_MAX : f <= -0x1p63f ? INT64_MIN : (s64)f;
}

static inline u64 to_u64(f32 f)
{
    return !(f > 0) ? 0 : f >= 0x1p64f ? UINT64_MAX : (u64)f;
}

static inline s32 to_s32(f32 f)
{
    return f != f ? 0 : f >= 0x1p31f ? INT32_MAX : f <= -0x1p31f ? INT32_MIN : (s32)f;
}

static inline u32 to_u32(f32 f)
{
    return !(f > 0) ? 0 : f >= 0x1p32f ? UINT32_MAX : (u32)f;
}

static inline u64 field(u64 a, u32 from, u32 n, u32 size)
{
    const u64 rest = from >= size ? 0 : a >> from;
    return n >= 64 ? rest : rest & ((UINT64_C(1) << n) - 1);
}

static inline s32 signed_field(u32 a, u32 from, u32 n)
{
    if (!n)
        return 0;
    const u32 end = from + n < 32 ? from + n : 32;
    return from >= 32 ? (s32)a >> 31 : (s32)(a << (32 - end)) >> (32 - end + from);
}

static inline u32 insert_field(u32 a, u32 b, u32 from, u32 n)
{
    const u32 mask = (n >= 32 ? ~0u : (1u << n) - 1) << from;
    return from >= 32 ? b : (b & ~mask) | (a << from & mask);
}

static inline u32 permute(u32 a, u32 b, u32 selector)
{
    const u64 all = (u64)b << 32 | a;
    u32 r = 0;
    for (u32 i = 0; i < 4; i++) {
        const u32 s = selector >> (4 * i) & 15;
        const u32 byte = (u32)(all >> (8 * (s & 7))) & 255;
        r |= (s & 8 ? (byte & 128 ? 255u : 0u) : byte) << (8 * i);
    }
    return r;
}

static inline s32 dot4(u32 a, u32 b, s32 c, bool a_signed, bool b_signed)
{
    for (int i = 0; i < 32; i += 8) {
        const s32 x = a_signed ? (s8)(a >> i) : (u8)(a >> i);
        const s32 y = b_signed ? (s8)(b >> i) : (u8)(b >> i);
        c += x * y;
    }
    return c;
}

#define EITHER(test) (test) ? ~0u : 0u

/* X(identifier, name, types of d, a, b, c, expression) */
#define OPS_INTEGER(X, T)                                                                          \
    X(add_##T, "add." #T, T, T, T, none, a + b)                                                    \
    X(sub_##T, "sub." #T, T, T, T, none, a - b)                                                    \
    X(mul_##T, "mul.lo." #T, T, T, T, none, a *b)                                                  \
    X(mad_##T, "mad.lo." #T, T, T, T, T, a *b + c)                                                 \
    X(min_##T, "min." #T, T, T, T, none, a < b ? a : b)                                            \
    X(max_##T, "max." #T, T, T, T, none, a > b ? a : b)                                            \
    X(lt_##T, "setp.lt." #T, pred, T, T, none, EITHER(a < b))                                      \
    X(le_##T, "setp.le." #T, pred, T, T, none, EITHER(a <= b))                                     \
    X(gt_##T, "setp.gt." #T, pred, T, T, none, EITHER(a > b))                                      \
    X(ge_##T, "setp.ge." #T, pred, T, T, none, EITHER(a >= b))                                     \
    OPS_ANY(X, T)

#define OPS_SIGNED(X, T)                                                                           \
    X(neg_##T, "neg." #T, T, T, none, none, -a)                                                    \
    X(abs_##T, "abs." #T, T, T, none, none, a < 0 ? -a : a)                                        \
    X(div_##T, "div." #T, T, T, T, none, !b ? -1 : b == -1 ? -a : a / b)                           \
    X(rem_##T, "rem." #T, T, T, T, none, !b ? a : b == -1 ? 0 : a % b)                             \
    X(shr_##T, "shr." #T, T, T, u32, none, a >> (b < 8 * sizeof(T) ? b : 8 * sizeof(T) - 1))       \
    OPS_INTEGER(X, T)

#define OPS_UNSIGNED(X, T)                                                                         \
    X(div_##T, "div." #T, T, T, T, none, b ? a / b : (T)~0)                                        \
    X(rem_##T, "rem." #T, T, T, T, none, b ? a % b : a)                                            \
    X(shr_##T, "shr." #T, T, T, u32, none, b < 8 * sizeof(T) ? a >> b : 0)                         \
    OPS_INTEGER(X, T)

#define OPS_BITS(X, T)                                                                             \
    X(and_##T, "and." #T, T, T, T, none, a &b)                                                     \
    X(or_##T, "or." #T, T, T, T, none, a | b)                                                      \
    X(xor_##T, "xor." #T, T, T, T, none, a ^ b)                                                    \
    X(not_##T, "not." #T, T, T, none, none, ~a)                                                    \
    X(shl_##T, "shl." #T, T, T, u32, none, b < 8 * sizeof(T) ? a << b : 0)                         \
    X(shr_##T, "shr." #T, T, T, u32, none, b < 8 * sizeof(T) ? a >> b : 0)                         \
    OPS_ANY(X, T)

#define OPS_ANY(X, T)                                                                              \
    X(mov_##T, "mov." #T, T, T, none, none, a)                                                     \
    X(selp_##T, "selp." #T, T, T, T, pred, c ? a : b)                                              \
    X(eq_##T, "setp.eq." #T, pred, T, T, none, EITHER(a == b))                                     \
    X(ne_##T, "setp.ne." #T, pred, T, T, none, EITHER(a != b))

#define OPS_CONVERT(X, D, A) X(cvt_##D##_##A, "cvt." #D "." #A, D, A, none, none, a)

#define OPS_F32(X)                                                                                 \
    X(add, "add.rn.f32", f32, f32, f32, none, a + b)                                               \
    X(add_f32, "add.f32", f32, f32, f32, none, a + b)                                              \
    X(sub, "sub.rn.f32", f32, f32, f32, none, a - b)                                               \
    X(sub_f32, "sub.f32", f32, f32, f32, none, a - b)                                              \
    X(mul, "mul.rn.f32", f32, f32, f32, none, a *b)                                                \
    X(mul_f32, "mul.f32", f32, f32, f32, none, a *b)                                               \
    X(fma, "fma.rn.f32", f32, f32, f32, f32, fmaf(a, b, c))                                        \
    X(div, "div.rn.f32", f32, f32, f32, none, a / b)                                               \
    X(div_full, "div.full.f32", f32, f32, f32, none, a / b)                                        \
    X(div_approx, "div.approx.f32", f32, f32, f32, none, a / b)                                    \
    X(rcp, "rcp.rn.f32", f32, f32, none, none, 1 / a)                                              \
    X(rcp_approx, "rcp.approx.f32", f32, f32, none, none, 1 / a)                                   \
    X(sqrt, "sqrt.rn.f32", f32, f32, none, none, sqrtf(a))                                         \
    X(sqrt_approx, "sqrt.approx.f32", f32, f32, none, none, sqrtf(a))                              \
    X(rsqrt_approx, "rsqrt.approx.f32", f32, f32, none, none, 1 / sqrtf(a))                        \
    X(ex2_approx, "ex2.approx.f32", f32, f32, none, none, exp2f(a))                                \
    X(ex2_approx_ftz, "ex2.approx.ftz.f32", f32, f32, none, none,                                  \
      exp2f(a) < 0x1p-126f ? 0 : exp2f(a))                                                         \
    X(lg2_approx, "lg2.approx.f32", f32, f32, none, none, log2f(a))                                \
    X(neg_f32, "neg.f32", f32, f32, none, none, -a)                                                \
    X(abs_f32, "abs.f32", f32, f32, none, none, fabsf(a))                                          \
    X(min_f32, "min.f32", f32, f32, f32, none, minimum(a, b))                                      \
    X(max_f32, "max.f32", f32, f32, f32, none, maximum(a, b))                                      \
    X(min_nan, "min.NaN.f32", f32, f32, f32, none, a != a || a < b ? a : b)                        \
    X(max_nan, "max.NaN.f32", f32, f32, f32, none, a != a || a > b ? a : b)                        \
    X(lt_f32, "setp.lt.f32", pred, f32, f32, none, EITHER(a < b))                                  \
    X(le_f32, "setp.le.f32", pred, f32, f32, none, EITHER(a <= b))                                 \
    X(gt_f32, "setp.gt.f32", pred, f32, f32, none, EITHER(a > b))                                  \
    X(ge_f32, "setp.ge.f32", pred, f32, f32, none, EITHER(a >= b))                                 \
    X(eq, "setp.eq.f32", pred, f32, f32, none, EITHER(a == b))                                     \
    X(ne, "setp.ne.f32", pred, f32, f32, none, EITHER(a<b || a> b))                                \
    X(ltu, "setp.ltu.f32", pred, f32, f32, none, EITHER(!(a >= b)))                                \
    X(leu, "setp.leu.f32", pred, f32, f32, none, EITHER(!(a > b)))                                 \
    X(gtu, "setp.gtu.f32", pred, f32, f32, none, EITHER(!(a <= b)))                                \
    X(geu, "setp.geu.f32", pred, f32, f32, none, EITHER(!(a < b)))                                 \
    X(equ, "setp.equ.f32", pred, f32, f32, none, EITHER(!(a < b || a > b)))                        \
    X(neu, "setp.neu.f32", pred, f32, f32, none, EITHER(a != b))                                   \
    X(num, "setp.num.f32", pred, f32, f32, none, EITHER(a == a && b == b))                         \
    X(nan, "setp.nan.f32", pred, f32, f32, none, EITHER(a != a || b != b))                         \
    X(mov_f32, "mov.f32", f32, f32, none, none, a)                                                 \
    X(selp_f32, "selp.f32", f32, f32, f32, pred, c ? a : b)

#define OPS_FROM_F32(X)                                                                            \
    X(rzi_s32, "cvt.rzi.s32.f32", s32, f32, none, none, to_s32(a))                                 \
    X(rzi_u32, "cvt.rzi.u32.f32", u32, f32, none, none, to_u32(a))                                 \
    X(rzi_s64, "cvt.rzi.s64.f32", s64, f32, none, none, to_s64(a))                                 \
    X(rzi_u64, "cvt.rzi.u64.f32", u64, f32, none, none, to_u64(a))                                 \
    X(rzi_u16, "cvt.rzi.u16.f32", u16, f32, none, none, (u16)to_u32(minimum(a, 65535.0f)))         \
    X(rni_s32, "cvt.rni.s32.f32", s32, f32, none, none, to_s32(rintf(a)))                          \
    X(rni_u32, "cvt.rni.u32.f32", u32, f32, none, none, to_u32(rintf(a)))                          \
    X(rmi_s32, "cvt.rmi.s32.f32", s32, f32, none, none, to_s32(floorf(a)))                         \
    X(rpi_s32, "cvt.rpi.s32.f32", s32, f32, none, none, to_s32(ceilf(a)))                          \
    X(rzi_f32, "cvt.rzi.f32.f32", f32, f32, none, none, truncf(a))                                 \
    X(rni_f32, "cvt.rni.f32.f32", f32, f32, none, none, rintf(a))                                  \
    X(rmi_f32, "cvt.rmi.f32.f32", f32, f32, none, none, floorf(a))                                 \
    X(rpi_f32, "cvt.rpi.f32.f32", f32, f32, none, none, ceilf(a))                                  \
    X(to_f16, "cvt.rn.f16.f32", b16, f32, none, none, to_f16(a))                                   \
    X(to_f16x2, "cvt.rn.f16x2.f32", b32, f32, f32, none, (u32)to_f16(a) << 16 | to_f16(b))         \
    X(to_bf16x2, "cvt.rn.bf16x2.f32", b32, f32, f32, none, to_bf16(a) << 16 | to_bf16(b))

#define OPS_TO_F32(X)                                                                              \
    X(from_s8, "cvt.rn.f32.s8", f32, u16, none, none, (f32)(s8)a)                                  \
    X(from_u8, "cvt.rn.f32.u8", f32, u16, none, none, (f32)(u8)a)                                  \
    X(from_s16, "cvt.rn.f32.s16", f32, s16, none, none, (f32)a)                                    \
    X(from_u16, "cvt.rn.f32.u16", f32, u16, none, none, (f32)a)                                    \
    X(from_s32, "cvt.rn.f32.s32", f32, s32, none, none, (f32)a)                                    \
    X(from_u32, "cvt.rn.f32.u32", f32, u32, none, none, (f32)a)                                    \
    X(from_s64, "cvt.rn.f32.s64", f32, s64, none, none, (f32)a)                                    \
    X(from_u64, "cvt.rn.f32.u64", f32, u64, none, none, (f32)a)                                    \
    X(from_f16, "cvt.f32.f16", f32, u16, none, none, from_f16(a))

#define H(x) from_f16(x)
#define OPS_F16(X)                                                                                 \
    X(lt_f16, "setp.lt.f16", pred, u16, u16, none, EITHER(H(a) < H(b)))                            \
    X(le_f16, "setp.le.f16", pred, u16, u16, none, EITHER(H(a) <= H(b)))                           \
    X(gt_f16, "setp.gt.f16", pred, u16, u16, none, EITHER(H(a) > H(b)))                            \
    X(ge_f16, "setp.ge.f16", pred, u16, u16, none, EITHER(H(a) >= H(b)))                           \
    X(eq_f16, "setp.eq.f16", pred, u16, u16, none, EITHER(H(a) == H(b)))                           \
    X(ne_f16, "setp.ne.f16", pred, u16, u16, none, EITHER(H(a) < H(b) || H(a) > H(b)))             \
    X(ltu_f16, "setp.ltu.f16", pred, u16, u16, none, EITHER(!(H(a) >= H(b))))                      \
    X(leu_f16, "setp.leu.f16", pred, u16, u16, none, EITHER(!(H(a) > H(b))))                       \
    X(gtu_f16, "setp.gtu.f16", pred, u16, u16, none, EITHER(!(H(a) <= H(b))))                      \
    X(geu_f16, "setp.geu.f16", pred, u16, u16, none, EITHER(!(H(a) < H(b))))                       \
    X(equ_f16, "setp.equ.f16", pred, u16, u16, none, EITHER(!(H(a) < H(b) || H(a) > H(b))))        \
    X(neu_f16, "setp.neu.f16", pred, u16, u16, none, EITHER(H(a) != H(b)))                         \
    X(num_f16, "setp.num.f16", pred, u16, u16, none, EITHER(H(a) == H(a) && H(b) == H(b)))         \
    X(nan_f16, "setp.nan.f16", pred, u16, u16, none, EITHER(H(a) != H(a) || H(b) != H(b)))         \
    X(add_f16, "add.rn.f16", u16, u16, u16, none, to_f16(H(a) + H(b)))                             \
    X(add_f16_, "add.f16", u16, u16, u16, none, to_f16(H(a) + H(b)))                               \
    X(sub_f16, "sub.rn.f16", u16, u16, u16, none, to_f16(H(a) - H(b)))                             \
    X(sub_f16_, "sub.f16", u16, u16, u16, none, to_f16(H(a) - H(b)))                               \
    X(mul_f16, "mul.rn.f16", u16, u16, u16, none, to_f16(H(a) * H(b)))                             \
    X(mul_f16_, "mul.f16", u16, u16, u16, none, to_f16(H(a) * H(b)))                               \
    X(min_f16, "min.f16", u16, u16, u16, none, to_f16(minimum(H(a), H(b))))                        \
    X(max_f16, "max.f16", u16, u16, u16, none, to_f16(maximum(H(a), H(b))))                        \
    X(min_nan_f16, "min.NaN.f16", u16, u16, u16, none, H(a) != H(a) || H(a) < H(b) ? a : b)        \
    X(max_nan_f16, "max.NaN.f16", u16, u16, u16, none, H(a) != H(a) || H(a) > H(b) ? a : b)        \
    X(neg_f16, "neg.f16", u16, u16, none, none, a ^ 0x8000)                                        \
    X(abs_f16, "abs.f16", u16, u16, none, none, a & 0x7fff)

/* Pairs. Products of f16 are exact in double precision, and so are most sums: one rounding. */
#define PAIR(f) (f(a, b, c, 0) | f(a, b, c, 16) << 16)
#define SUM_F16(a, b, c, i) (u32) to_f16(H((u16)((a) >> i)) + H((u16)((b) >> i)))
#define FMA_F16(a, b, c, i)                                                                        \
    (u32) double_to_f16((double)H((u16)((a) >> i)) * (double)H((u16)((b) >> i)) +                  \
                        (double)H((u16)((c) >> i)))
#define OPS_F16_PAIRS(X)                                                                           \
    X(add_f16x2, "add.rn.f16x2", b32, b32, b32, none, PAIR(SUM_F16))                               \
    X(fma_f16x2, "fma.rn.f16x2", b32, b32, b32, b32, PAIR(FMA_F16))

#define OPS_MIXED(X)                                                                               \
    X(and_pred, "and.pred", pred, pred, pred, none, a &b)                                          \
    X(or_pred, "or.pred", pred, pred, pred, none, a | b)                                           \
    X(xor_pred, "xor.pred", pred, pred, pred, none, a ^ b)                                         \
    X(not_pred, "not.pred", pred, pred, none, none, ~a)                                            \
    X(mov_pred, "mov.pred", pred, pred, none, none, a)                                             \
    X(wide_s16, "mul.wide.s16", s32, s16, s16, none, a *b)                                         \
    X(wide_u16, "mul.wide.u16", u32, u16, u16, none, (u32)a *(u32)b)                               \
    X(wide_s32, "mul.wide.s32", s64, s32, s32, none, (s64)a *(s64)b)                               \
    X(wide_u32, "mul.wide.u32", u64, u32, u32, none, (u64)a *(u64)b)                               \
    X(mad_wide_s32, "mad.wide.s32", s64, s32, s32, s64, (s64)a *(s64)b + c)                        \
    X(mad_wide_u32, "mad.wide.u32", u64, u32, u32, u64, (u64)a *(u64)b + c)                        \
    X(hi_s32, "mul.hi.s32", s32, s32, s32, none, (s64)a *(s64)b >> 32)                             \
    X(hi_u32, "mul.hi.u32", u32, u32, u32, none, (u64)a *(u64)b >> 32)                             \
    X(bfe_u32, "bfe.u32", u32, u32, u32, u32, field(a, b & 255, c & 255, 32))                      \
    X(bfe_u64, "bfe.u64", u64, u64, u32, u32, field(a, b & 255, c & 255, 64))                      \
    X(bfe_s32, "bfe.s32", s32, u32, u32, u32, signed_field(a, b & 255, c & 255))                   \
    X(shf_r, "shf.r.wrap.b32", b32, b32, b32, u32, ((u64)b << 32 | a) >> (c & 31))                 \
    X(shf_l, "shf.l.wrap.b32", b32, b32, b32, u32, ((u64)b << 32 | a) << (c & 31) >> 32)           \
    X(prmt, "prmt.b32", b32, b32, b32, b32, permute(a, b, c))                                      \
    X(clz, "clz.b32", u32, b32, none, none, a ? __builtin_clz(a) : 32)                             \
    X(popc, "popc.b32", u32, b32, none, none, __builtin_popcount(a))                               \
    X(dp4a_ss, "dp4a.s32.s32", s32, u32, u32, s32, dot4(a, b, c, true, true))                      \
    X(dp4a_us, "dp4a.u32.s32", s32, u32, u32, s32, dot4(a, b, c, false, true))                     \
    X(dp4a_su, "dp4a.s32.u32", s32, u32, u32, s32, dot4(a, b, c, true, false))                     \
    X(dp4a_uu, "dp4a.u32.u32", s32, u32, u32, s32, dot4(a, b, c, false, false))                    \
    X(cvt_s16_s8, "cvt.s16.s8", s16, u16, none, none, (s8)a)                                       \
    X(cvt_u16_u8, "cvt.u16.u8", u16, u16, none, none, (u8)a)                                       \
    X(cvt_s32_s8, "cvt.s32.s8", s32, u16, none, none, (s8)a)                                       \
    X(cvt_u32_u8, "cvt.u32.u8", u32, u16, none, none, (u8)a)                                       \
    X(cvt_s32_s8r, "cvt.s32.s8", s32, u32, none, none, (s8)a)                                      \
    X(cvt_s32_s16r, "cvt.s32.s16", s32, u32, none, none, (s16)a)                                   \
    X(cvt_s64_s8r, "cvt.s64.s8", s64, u64, none, none, (s8)a)                                      \
    X(cvt_s64_s16r, "cvt.s64.s16", s64, u64, none, none, (s16)a)                                   \
    X(cvt_s64_s32r, "cvt.s64.s32", s64, u64, none, none, (s32)a)                                   \
    X(cvta_local, "cvta.local.u64", u64, u64, none, none, a | GENERIC_ADDRESS(PRIVATE))            \
    X(cvta_shared, "cvta.shared.u64", u64, u64, none, none, a | GENERIC_ADDRESS(LOCAL))            \
    X(cvta_global, "cvta.global.u64", u64, u64, none, none, a)                                     \
    X(cvta_const, "cvta.const.u64", u64, u64, none, none, a)                                       \
    X(cvta_to_local, "cvta.to.local.u64", u64, u64, none, none, a & ~GENERIC_ADDRESS(PRIVATE))     \
    X(cvta_to_shared, "cvta.to.shared.u64", u64, u64, none, none, a & ~GENERIC_ADDRESS(LOCAL))     \
    X(cvta_to_global, "cvta.to.global.u64", u64, u64, none, none, a)                               \
    X(cvta_to_const, "cvta.to.const.u64", u64, u64, none, none, a)

/* Of four inputs: parse.c puts the last one into c[1]. */
static void op_bfi(struct warp *w, struct instr *i)
{
    u32 *d = slot(w, i->d[0]);
    const u32 *a = slot(w, i->a[0]), *b = slot(w, i->b[0]);
    const u32 *from = slot(w, i->c[0]), *n = slot(w, i->c[1]);
    EACH_LANE if (w->active[l]) d[l] = insert_field(a[l], b[l], from[l] & 255, n[l] & 255);
}

#define OPS(X)                                                                                     \
    OPS_SIGNED(X, s16)                                                                             \
    OPS_SIGNED(X, s32)                                                                             \
    OPS_SIGNED(X, s64)                                                                             \
    OPS_UNSIGNED(X, u16)                                                                           \
    OPS_UNSIGNED(X, u32)                                                                           \
    OPS_UNSIGNED(X, u64)                                                                           \
    OPS_BITS(X, b16)                                                                               \
    OPS_BITS(X, b32)                                                                               \
    OPS_BITS(X, b64)                                                                               \
    OPS_F32(X)                                                                                     \
    OPS_FROM_F32(X)                                                                                \
    OPS_TO_F32(X)                                                                                  \
    OPS_F16(X)                                                                                     \
    OPS_F16_PAIRS(X)                                                                               \
    OPS_MIXED(X)                                                                                   \
    OPS_CONVERT(X, u16, u32)                                                                       \
    OPS_CONVERT(X, u16, u64)                                                                       \
    OPS_CONVERT(X, s16, s32)                                                                       \
    OPS_CONVERT(X, u32, u16)                                                                       \
    OPS_CONVERT(X, u32, u64)                                                                       \
    OPS_CONVERT(X, s32, s16)                                                                       \
    OPS_CONVERT(X, s32, s64)                                                                       \
    OPS_CONVERT(X, u64, u16)                                                                       \
    OPS_CONVERT(X, u64, u32)                                                                       \
    OPS_CONVERT(X, s64, s16)                                                                       \
    OPS_CONVERT(X, s64, s32)

#define DEFINE(id, text, D, A, B, C, expression)                                                   \
    static void op_##id(struct warp *w, struct instr *i)                                           \
    {                                                                                              \
        D *to = slot(w, i->d[0]);                                                                  \
        const A *as = slot(w, i->a[0]);                                                            \
        const B *bs = slot(w, i->b[0]);                                                            \
        const C *cs = slot(w, i->c[0]);                                                            \
        if (w->full) {                                                                             \
            EACH_LANE                                                                              \
            {                                                                                      \
                const A a = as[l];                                                                 \
                const B b = bs[l];                                                                 \
                const C c = cs[l];                                                                 \
                (void)b, (void)c;                                                                  \
                to[l] = (D)(expression);                                                           \
            }                                                                                      \
        } else {                                                                                   \
            EACH_LANE                                                                              \
            {                                                                                      \
                const A a = as[l];                                                                 \
                const B b = bs[l];                                                                 \
                const C c = cs[l];                                                                 \
                (void)b, (void)c;                                                                  \
                if (w->active[l])                                                                  \
                    to[l] = (D)(expression);                                                       \
            }                                                                                      \
        }                                                                                          \
    }
#define ROW(id, text, D, A, B, C, expression)                                                      \
    {text, op_##id, WIDTH_##D, WIDTH_##A, WIDTH_##B, WIDTH_##C},

OPS(DEFINE)

/* Instructions that order memory: lanes run in order. */
static void op_nothing(struct warp *w, struct instr *i)
{
    (void)w, (void)i;
}

const struct op ops[] = {
    OPS(ROW){"membar.cta", op_nothing, 0, 0, 0, 0},
    {"membar.gl", op_nothing, 0, 0, 0, 0},
    {"fence.acq_rel.cta", op_nothing, 0, 0, 0, 0},
    {"bfi.b32", op_bfi, 4, 4, 4, 4},
};
const size_t n_ops = sizeof(ops) / sizeof(ops[0]);
