/*
 * Storage types: in memory, weights, state and activations are f32, f16 or bf16, and weights and
 * state also int8 or int4; in registers they are f32.
 *
 * -D ELCL_WEIGHT_F32 | ELCL_WEIGHT_F16 | ELCL_WEIGHT_BF16 | ELCL_WEIGHT_INT8 | ELCL_WEIGHT_INT4
 *              type of weights
 * -D ELCL_STATE_F32  | ELCL_STATE_F16  | ELCL_STATE_BF16 | ELCL_STATE_INT8 | ELCL_STATE_INT4
 *              type of caches and the encoder output; the last two define STATE_NARROW
 * -D ELCL_ACT_F32    | ELCL_ACT_F16    | ELCL_ACT_BF16     type of activations (GPU kernels; f32 if
 *              none is given): what a kernel writes only for matrix products to read. The residual
 *              stream, logits, probabilities and everything else stay f32.
 * -D VW        floats per vector: 4, 8 or 16
 *
 * For a storage X: X_t, X_GET(p, i) one element, X_VEC(p) VW elements from p, X_PUT(p, i, v) and
 * X_STOREV(v, p) store one and VW of them. X_4(p) is four elements from p. Loads and stores need
 * only the alignment of an element, except that X_ALIGNED4(p) and X_PUT4(p, v), which stores four,
 * need p at a multiple of four elements. vload_half and vstore_half are core OpenCL C 1.2. Narrow
 * state has no such macros: all state is read by state_get(), state_vec() and state_vec4(), see
 * there, and state_put.cl writes it.
 *
 * Weights lie in panels (src/ops/ops.h): weight_panel() elements each, the k-th weight of column n
 * of a panel of `width` at weight_at(k, width, n). int8 weights are integers; weight_scale() of
 * their column turns them into weights. The scales follow a panel's values.
 *
 * int4 weights are words (src/ops/ops.h); weight_value() is weight k of column n of a panel.
 *
 * -D K_PACK    for int8 and bf16 compute, more than 1: K_PACK neighbors in k of a column lie side
 *              by side, for GEMMs that multiply them at once; K is rounded up to a multiple of
 *              ELCL_ROUNDED_K, or of K_PACK if that is more, with zeros. In int8 the columns' sums
 *              of integers, as int, follow the scales. With 16 neighbors (GPU kernels) panels begin
 *              at multiples of 16 bytes.
 * -D K_STEP    neighbors that are multiplied at once: a multiple of K_PACK, and K_PACK if not given
 * -D WEIGHT_PAIRS   bf16 in panels of 2 VW columns: columns j and j + VW lie side by side, so that
 *              a shift and a mask widen a word to both.
 */
// lint: -DVW=8
// lint: -DVW=4 -DELCL_WEIGHT_F16 -DELCL_STATE_BF16
// lint: -DVW=16 -DELCL_WEIGHT_BF16 -DELCL_STATE_F16
// lint: -DVW=4 -DELCL_WEIGHT_F16 -DELCL_ACT_F16
// lint: -DVW=4 -DELCL_WEIGHT_BF16 -DELCL_ACT_BF16
// lint: -DVW=8 -DELCL_WEIGHT_INT8
// lint: -DVW=8 -DELCL_WEIGHT_INT8 -DK_PACK=4
// lint: -DVW=4 -DELCL_WEIGHT_INT8 -DK_PACK=16
// lint: -DVW=8 -DELCL_WEIGHT_BF16 -DK_PACK=2
// lint: -DVW=8 -DELCL_WEIGHT_INT4
// lint: -DVW=8 -DELCL_STATE_INT8
// lint: -DVW=16 -DELCL_STATE_INT4
// lint: -DVW=4 -DELCL_STATE_INT4 -DELCL_ACT_F16

#ifndef VW
#define VW 4
#endif
#ifndef K_PACK
#define K_PACK 1
#endif
#ifndef K_STEP
#define K_STEP K_PACK
#endif

#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
typedef CAT(float, VW) floatv;
typedef CAT(int, VW) intv;
typedef CAT(uint, VW) uintv;
#define LOADV(p) CAT(vload, VW)(0, p)
#ifdef ELCL_POCL /* its vstore() of 16 stores quarters, and a load of all must wait for them */
#define DEFINE_STOREV(T, space)                                                                    \
    static inline __attribute__((overloadable)) void storev(CAT(T, VW) v, space T *p)              \
    {                                                                                              \
        typedef CAT(T, VW) anywhere __attribute__((aligned(4)));                                   \
        *(space anywhere *)p = v;                                                                  \
    }
DEFINE_STOREV(float, __global)
DEFINE_STOREV(float, __private)
DEFINE_STOREV(int, __private)
DEFINE_STOREV(uint, __private)
#define STOREV(v, p) storev(v, p)
#else
#define STOREV(v, p) CAT(vstore, VW)(v, 0, p)
#endif

#define BF16_GET(p, i) as_float((uint)(p)[i] << 16)
#define BF16_VEC(p) CAT(as_float, VW)(CAT(convert_uint, VW)(CAT(vload, VW)(0, p)) << 16)

/* Four elements by one load of 8 bytes. It is a load of other elements than the one that needs no
 * alignment: compilers merge branches with equal loads, and four loads of 2 bytes are what is left.
 */
static inline float4 f16_aligned4(__global const half *p)
{
    const uint2 bits = *(__global const uint2 *)p;
    return vload_half4(0, (const half *)&bits);
}
static inline float4 bf16_aligned4(__global const ushort *p)
{
    const uint2 bits = *(__global const uint2 *)p;
    return as_float4((uint4)(bits.x << 16, bits.x & 0xffff0000u, bits.y << 16,
                             bits.y & 0xffff0000u));
}

#if defined(ELCL_WEIGHT_F16)
typedef half weight_t;
#define WEIGHT_GET(p, i) vload_half(i, p)
#define WEIGHT_VEC(p) CAT(vload_half, VW)(0, p)
#define WEIGHT_4(p) vload_half4(0, p)
#define WEIGHT_ALIGNED4(p) f16_aligned4(p)
#elif defined(ELCL_WEIGHT_BF16)
typedef ushort weight_t;
#define WEIGHT_GET(p, i) BF16_GET(p, i)
#define WEIGHT_VEC(p) BF16_VEC(p)
#define WEIGHT_4(p) as_float4(convert_uint4(vload4(0, p)) << 16)
#define WEIGHT_ALIGNED4(p) bf16_aligned4(p)
#elif defined(ELCL_WEIGHT_INT8)
typedef char weight_t;
#define WEIGHT_GET(p, i) ((float)(p)[i])
#define WEIGHT_VEC(p) CAT(convert_float, VW)(CAT(vload, VW)(0, p))
#define WEIGHT_4(p) convert_float4(vload4(0, p))
#define WEIGHT_ALIGNED4(p) convert_float4(*(__global const char4 *)(p))
#elif defined(ELCL_WEIGHT_INT4)
typedef uint weight_t;
#else
typedef float weight_t;
#define WEIGHT_GET(p, i) (p)[i]
#define WEIGHT_VEC(p) LOADV(p)
#define WEIGHT_4(p) vload4(0, p)
#define WEIGHT_ALIGNED4(p) (*(__global const float4 *)(p))
#endif

/* The columns of a panel of all n columns. Rows of 16-bit and int4 weights begin at multiples of 16
 * bytes, for wide loads; the columns beyond n are zeros. */
static inline int weight_width(int n)
{
#if defined(ELCL_WEIGHT_F16) || defined(ELCL_WEIGHT_BF16) || defined(ELCL_WEIGHT_INT4)
    return (n + 7) / 8 * 8;
#else
    return n;
#endif
}
static inline size_t weight_at(int k, int width, int n)
{
#ifdef WEIGHT_PAIRS
    n = n % (width / 2) * 2 + n / (width / 2);
#endif
    return ((size_t)(k / K_PACK) * width + n) * K_PACK + k % K_PACK;
}

#ifdef ELCL_WEIGHT_INT8
static inline size_t weight_values(int k_size, int width)
{
    const int unit = K_PACK > ELCL_ROUNDED_K ? K_PACK : ELCL_ROUNDED_K;
    return K_PACK > 1 ? (size_t)((k_size + unit - 1) / unit * unit) * width
                      : ((size_t)k_size * width + 3) / 4 * 4;
}
static inline size_t weight_panel(int k_size, int width)
{
    const size_t tail = (K_PACK > 1 ? 2 : 1) * sizeof(float) * width;
    return weight_values(k_size, width) + (K_PACK > 4 ? (tail + 15) / 16 * 16 : tail);
}
static inline __global const int *weight_sums(__global const weight_t *panel, int k_size, int width)
{
    return (__global const int *)(panel + weight_values(k_size, width)) + width;
}
static inline float weight_scale(__global const weight_t *panel, int k_size, int width, int n)
{
    return ((__global const float *)(panel + weight_values(k_size, width)))[n];
}
static inline floatv weight_scale_v(__global const weight_t *panel, int k_size, int width, int n)
{
    return LOADV((__global const float *)(panel + weight_values(k_size, width)) + n);
}
#else
#ifdef ELCL_WEIGHT_INT4
/* Words of a group: 4 rows of `width`, and the scales. */
static inline size_t int4_words(int width)
{
    return (size_t)width / 2 * 9;
}
static inline size_t weight_panel(int k_size, int width)
{
    return (size_t)((k_size + ELCL_INT4_GROUP - 1) / ELCL_INT4_GROUP) * int4_words(width);
}
#else
static inline size_t weight_panel(int k_size, int width)
{
    const int unit = K_PACK > 1 ? ELCL_ROUNDED_K : 1;
    return (size_t)((k_size + unit - 1) / unit * unit) * width;
}
#endif
static inline float weight_scale(__global const weight_t *panel, int k_size, int width, int n)
{
    return 1.0f;
}
static inline floatv weight_scale_v(__global const weight_t *panel, int k_size, int width, int n)
{
    return (floatv)(1.0f);
}
#endif

/* The weight. */
#ifdef ELCL_WEIGHT_INT4
#define INT4_SHIFT(k) ((k) % 4 * 8 + (k) % 8 / 4 * 4) /* of weight k in its word */
static inline float weight_value(__global const weight_t *panel, int k_size, int width, int k,
                                 int n)
{
    panel += k / ELCL_INT4_GROUP * int4_words(width);
    const uint word = panel[k % ELCL_INT4_GROUP / 8 * width + n];
    return (float)((int)(word >> INT4_SHIFT(k) & 15u) - 8) *
           vload_half(n, (__global const half *)(panel + 4 * width));
}
#else
static inline float weight_value(__global const weight_t *panel, int k_size, int width, int k,
                                 int n)
{
    return WEIGHT_GET(panel, weight_at(k, width, n)) * weight_scale(panel, k_size, width, n);
}
#endif

/* The nearest bf16, ties to even. */
static inline ushort bf16_round(float f)
{
    const uint x = as_uint(f);
    const uint nearest_even = x + 0x7fffu + ((x >> 16) & 1u);
    return (ushort)((isnan(f) ? x | 0x400000u : nearest_even) >> 16);
}
static inline ushort4 bf16_round4(float4 v)
{
    return (ushort4)(bf16_round(v.x), bf16_round(v.y), bf16_round(v.z), bf16_round(v.w));
}
/* The same for f16, as bits. Some drivers have vstore_half4 as a function that is not inlined. */
static inline ushort f16_bits(float v)
{
    ushort bits;
    vstore_half_rte(v, 0, (half *)&bits);
    return bits;
}
static inline ushort4 f16_bits4(float4 v)
{
    return (ushort4)(f16_bits(v.x), f16_bits(v.y), f16_bits(v.z), f16_bits(v.w));
}
static inline float f16_round(float v)
{
    const ushort bits = f16_bits(v);
    return vload_half(0, (const half *)&bits);
}
#if VW == 4
#define BF16_STOREV(v, p) vstore4(bf16_round4(v), 0, p)
#define F16_STOREV(v, p) vstore4(f16_bits4(v), 0, (__global ushort *)(p))
#else
/* On PoCL faster than convert_ushort16() of a vector. */
static inline void bf16_storev(floatv v, __global ushort *p)
{
    float each[VW];
    STOREV(v, each);
    for (int i = 0; i < VW; i++)
        p[i] = bf16_round(each[i]);
}
#define BF16_STOREV(v, p) bf16_storev(v, p)
#define F16_STOREV(v, p) CAT(CAT(vstore_half, VW), _rte)(v, 0, p)
#endif
/* Two bf16, the first in the low half. */
static inline uint bf16_pair(float2 v)
{
    return (uint)bf16_round(v.x) | (uint)bf16_round(v.y) << 16;
}

#if defined(ELCL_STATE_F16)
typedef half state_t;
#define STATE_GET(p, i) vload_half(i, p)
#define STATE_VEC(p) CAT(vload_half, VW)(0, p)
#define STATE_4(p) vload_half4(0, p)
#define STATE_ALIGNED4(p) f16_aligned4(p)
#define STATE_PUT(p, i, v) vstore_half_rte(v, i, p)
#define STATE_PUT4(p, v) *(__global ushort4 *)(p) = f16_bits4(v)
#define STATE_STOREV(v, p) F16_STOREV(v, p)
#elif defined(ELCL_STATE_BF16)
typedef ushort state_t;
#define STATE_GET(p, i) BF16_GET(p, i)
#define STATE_VEC(p) BF16_VEC(p)
#define STATE_4(p) as_float4(convert_uint4(vload4(0, p)) << 16)
#define STATE_ALIGNED4(p) bf16_aligned4(p)
#define STATE_PUT(p, i, v) (p)[i] = bf16_round(v)
#define STATE_PUT4(p, v) *(__global ushort4 *)(p) = bf16_round4(v)
#define STATE_STOREV(v, p) BF16_STOREV(v, p)
#elif defined(ELCL_STATE_INT8) || defined(ELCL_STATE_INT4)
#define STATE_NARROW
typedef uchar state_t;
#else
typedef float state_t;
#define STATE_GET(p, i) (p)[i]
#define STATE_VEC(p) LOADV(p)
#define STATE_4(p) vload4(0, p)
#define STATE_ALIGNED4(p) (*(__global const float4 *)(p))
#define STATE_PUT(p, i, v) (p)[i] = (v)
#define STATE_PUT4(p, v) *(__global float4 *)(p) = (v)
#define STATE_STOREV(v, p) STOREV(v, p)
#endif

#if defined(ELCL_ACT_F16)
typedef half act_t;
#define ACT_GET(p, i) vload_half(i, p)
#define ACT_VEC(p) CAT(vload_half, VW)(0, p)
#define ACT_4(p) vload_half4(0, p)
#define ACT_ALIGNED4(p) f16_aligned4(p)
#define ACT_PUT(p, i, v) vstore_half_rte(v, i, p)
#define ACT_PUT4(p, v) *(__global ushort4 *)(p) = f16_bits4(v)
#define ACT_STOREV(v, p) F16_STOREV(v, p)
#elif defined(ELCL_ACT_BF16)
typedef ushort act_t;
#define ACT_GET(p, i) BF16_GET(p, i)
#define ACT_VEC(p) BF16_VEC(p)
#define ACT_4(p) as_float4(convert_uint4(vload4(0, p)) << 16)
#define ACT_ALIGNED4(p) bf16_aligned4(p)
#define ACT_PUT(p, i, v) (p)[i] = bf16_round(v)
#define ACT_PUT4(p, v) *(__global ushort4 *)(p) = bf16_round4(v)
#define ACT_STOREV(v, p) BF16_STOREV(v, p)
#else
typedef float act_t;
#define ACT_GET(p, i) (p)[i]
#define ACT_VEC(p) LOADV(p)
#define ACT_4(p) vload4(0, p)
#define ACT_ALIGNED4(p) (*(__global const float4 *)(p))
#define ACT_PUT(p, i, v) (p)[i] = (v)
#define ACT_PUT4(p, v) *(__global float4 *)(p) = (v)
#define ACT_STOREV(v, p) STOREV(v, p)
#endif

/* Expanded queries are two planes of 16 bits where activations have 16, see gemm_put.cl: of the
 * state's type, or of narrow state's the activations'. PLANE_ROUND(v) is v as a plane holds it. */
#if (defined(ELCL_ACT_F16) || defined(ELCL_ACT_BF16)) &&                                           \
    (defined(ELCL_STATE_F16) || defined(ELCL_STATE_BF16) || defined(STATE_NARROW))
#define ELCL_PLANES
#ifdef STATE_NARROW
typedef act_t plane_t;
#define PLANE_GET(p, i) ACT_GET(p, i)
#define PLANE_VEC(p) ACT_VEC(p)
#define PLANE_4(p) ACT_4(p)
#define PLANE_ALIGNED4(p) ACT_ALIGNED4(p)
#define PLANE_PUT(p, i, v) ACT_PUT(p, i, v)
#define PLANE_PUT4(p, v) ACT_PUT4(p, v)
#else
typedef state_t plane_t;
#define PLANE_GET(p, i) STATE_GET(p, i)
#define PLANE_VEC(p) STATE_VEC(p)
#define PLANE_4(p) STATE_4(p)
#define PLANE_ALIGNED4(p) STATE_ALIGNED4(p)
#define PLANE_PUT(p, i, v) STATE_PUT(p, i, v)
#define PLANE_PUT4(p, v) STATE_PUT4(p, v)
#endif
#if defined(ELCL_STATE_F16) || (defined(STATE_NARROW) && defined(ELCL_ACT_F16))
#define PLANE_ROUND(v) f16_round(v)
#else
#define PLANE_ROUND(v) as_float((uint)bf16_round(v) << 16)
#endif
#else
typedef float plane_t;
#endif

/*
 * Rows of state. A cache row has n elements in parts of part_size: one part of D for EL-attention,
 * the keys and then the values of all heads for multi-head attention. A state_row is a part:
 *     state_part(cache, row, n, part_size, part)    part `part` of a cache row
 *     state_row_at(cache, row, d_size)              the one part of a row of EL-attention
 *     state_get(r, d), state_vec(r, d), state_vec4(r, d)   element d, VW elements from d, at a
 *         multiple of VW, and four, at a multiple of four. state_aligned4() needs part_size to be a
 *         multiple of four, too. STATE_ADDRESS(r, d) is where element d lies
 *
 * In narrow state, an element is s q + z with an integer q of 8 or 4 bits, not below 0. The
 * elements of a group of STATE_GROUP share s and z, f16, side by side in a word with s in the low
 * half; the last group of a part may be shorter. Bytes of a row:
 *     values   part after part. int8: part_size bytes. int4: 16 for every 32 elements; byte i holds
 *              element i of them in its low half and element 16 + i in its high half
 *     groups   from a multiple of 4 on, part after part: the groups' words
 *     nothing  up to a multiple of 16, where the next row begins
 * s q is exact in f32, and so the sum has one rounding: all kernels read the same numbers. No
 * vector crosses a group.
 */
#ifdef STATE_NARROW
typedef struct state_row {
    __global const uchar *values;
    __global const uint *groups;
} state_row;

#ifdef ELCL_STATE_INT8
#define STATE_GROUP ELCL_STATE_GROUP_INT8
#define STATE_MOST 255
#define STATE_PART_BYTES(part_size) (part_size)
#else
#define STATE_GROUP ELCL_STATE_GROUP_INT4
#define STATE_MOST 15
#define STATE_PART_BYTES(part_size) (((part_size) + 31) / 32 * 16)
#endif
#define STATE_PART_GROUPS(part_size) (((part_size) + STATE_GROUP - 1) / STATE_GROUP)

/* Where the groups of a row of n elements begin, and where the row ends, in bytes. */
static inline size_t state_groups_at(int n, int part_size)
{
    return ((size_t)(n / part_size) * STATE_PART_BYTES(part_size) + 3) / 4 * 4;
}
static inline size_t state_row_bytes(int n, int part_size)
{
    const size_t groups = (size_t)(n / part_size) * STATE_PART_GROUPS(part_size);
    return (state_groups_at(n, part_size) + groups * sizeof(uint) + 15) / 16 * 16;
}
static inline state_row state_part(__global const state_t *cache, size_t row, int n, int part_size,
                                   int part)
{
    __global const uchar *bytes = cache + row * state_row_bytes(n, part_size);
    __global const uint *groups = (__global const uint *)(bytes + state_groups_at(n, part_size));
    const state_row r = {bytes + (size_t)part * STATE_PART_BYTES(part_size),
                         groups + (size_t)part * STATE_PART_GROUPS(part_size)};
    return r;
}

/* s and z of the group of element d. */
static inline float2 state_group(state_row r, int d)
{
#ifdef ELCL_POCL /* its vload_half2() takes a dozen instructions, its vload_half8() one */
    const uint4 bits = (uint4)(r.groups[d / STATE_GROUP], 0, 0, 0);
    return vload_half8(0, (const half *)&bits).lo.lo;
#else
    const uint bits = r.groups[d / STATE_GROUP];
    return vload_half2(0, (const half *)&bits);
#endif
}

/* The integers from element d on. */
#ifdef ELCL_STATE_INT8
#define STATE_BYTE(d) (d)
#define STATE_WHOLE(r, d) ((float)(r).values[d])
#define STATE_WHOLE_V(r, d) CAT(convert_float, VW)(CAT(vload, VW)(0, (r).values + (d)))
#define STATE_WHOLE4(r, d) convert_float4(vload4(0, (r).values + (d)))
#define STATE_WHOLE_ALIGNED4(r, d) convert_float4(*(__global const uchar4 *)((r).values + (d)))
#else
#define STATE_BYTE(d) ((d) / 32 * 16 + (d) % 16)
#define STATE_SHIFT(d) ((d) / 4 & 4) /* to the half of the byte */
#define STATE_HALF(byte, d) ((byte) >> STATE_SHIFT(d) & 15)
#define STATE_WHOLE(r, d) ((float)STATE_HALF((int)(r).values[STATE_BYTE(d)], d))
#define STATE_WHOLE_V(r, d)                                                                        \
    CAT(convert_float,                                                                             \
        VW)(STATE_HALF(CAT(convert_int, VW)(CAT(vload, VW)(0, (r).values + STATE_BYTE(d))), d))
#define STATE_BYTES4(r, d) (*(__global const uchar4 *)((r).values + STATE_BYTE(d)))
#define STATE_WHOLE_ALIGNED4(r, d) convert_float4(STATE_HALF(convert_int4(STATE_BYTES4(r, d)), d))
#define STATE_WHOLE4(r, d) STATE_WHOLE_ALIGNED4(r, d)
#endif

#define STATE_ADDRESS(r, d) ((r).values + STATE_BYTE(d))

static inline float state_get(state_row r, int d)
{
    const float2 group = state_group(r, d);
    return ELCL_MAC(group.x, STATE_WHOLE(r, d), group.y);
}
static inline floatv state_vec(state_row r, int d)
{
    const float2 group = state_group(r, d);
    return ELCL_MAC((floatv)(group.x), STATE_WHOLE_V(r, d), (floatv)(group.y));
}
static inline float4 state_vec4(state_row r, int d)
{
    const float2 group = state_group(r, d);
    return ELCL_MAC((float4)(group.x), STATE_WHOLE4(r, d), (float4)(group.y));
}
static inline float4 state_aligned4(state_row r, int d)
{
    const float2 group = state_group(r, d);
    return ELCL_MAC((float4)(group.x), STATE_WHOLE_ALIGNED4(r, d), (float4)(group.y));
}
#else
typedef __global const state_t *state_row;
#define STATE_ADDRESS(r, d) ((r) + (d))

static inline state_row state_part(__global const state_t *cache, size_t row, int n, int part_size,
                                   int part)
{
    return cache + row * n + (size_t)part * part_size;
}
static inline float state_get(state_row r, int d)
{
    return STATE_GET(r, d);
}
static inline floatv state_vec(state_row r, int d)
{
    return STATE_VEC(r + d);
}
static inline float4 state_vec4(state_row r, int d)
{
    return STATE_4(r + d);
}
static inline float4 state_aligned4(state_row r, int d)
{
    return STATE_ALIGNED4(r + d);
}
#endif
static inline state_row state_row_at(__global const state_t *cache, size_t row, int d_size)
{
    return state_part(cache, row, d_size, d_size, 0);
}

/* Sum and maximum of a vector's elements, in a fixed order. */
static inline float sum4(float4 v)
{
    return (v.x + v.y) + (v.z + v.w);
}
static inline float max4(float4 v)
{
    return fmax(fmax(v.x, v.y), fmax(v.z, v.w));
}
#if VW == 4
#define SUMV(v) sum4(v)
#define MAXV(v) max4(v)
#elif VW == 8
#define SUMV(v) sum4((v).lo + (v).hi)
#define MAXV(v) max4(fmax((v).lo, (v).hi))
#else
#define SUMV(v) sum4(((v).lo + (v).hi).lo + ((v).lo + (v).hi).hi)
#define MAXV(v) max4(fmax(fmax((v).lo, (v).hi).lo, fmax((v).lo, (v).hi).hi))
#endif

/* Returns the cache row of key s of a row group: first the shared run, then the row's lineage. */
static inline int key_row(__global const struct elcl_row_group *group,
                          __global const int *lineage_row, int s)
{
    const int n_shared = group->n_shared;
    return s < n_shared ? group->start + s : lineage_row[s - n_shared];
}

/* A table of position biases has BIAS_ROW numbers per head, one for each distance from
 * -max_distance to max_distance; keys further away take the outermost ones. Returns the place of a
 * distance in that row. */
#define BIAS_ROW(max_distance) (2 * (max_distance) + 1)
static inline int bias_at(int distance, int max_distance)
{
    return clamp(distance, -max_distance, max_distance) + max_distance;
}
