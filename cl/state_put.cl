/*
 * How rows of narrow state are written; storage.cl says what they look like. A group with least
 * value lo and largest value hi becomes
 *     z = lo, rounded down to f16,  s = (hi - z) / STATE_MOST, rounded up to f16,
 *     q = round((x - z) / s), ties to even, at most STATE_MOST
 * A group with a value that is not finite, or beyond the largest f16, gets s = NaN: all its
 * elements read as NaN.
 *
 * DEFINE_STATE_PUT(NAME, SOURCE, VALUE, VALUE_V) defines, for rows whose element d is
 * VALUE(from, d) of a SOURCE `from`, VALUE_V(from, d) being VW of them:
 *     NAME_group(to, from, n, group, lane, puts, scratch)   writes group `group` of a part of n
 *         elements: STATE_LANES items share it, and `lane` is the item's number among them
 *     NAME(cache, row, size, n, part, from, puts, scratch)   writes part `part` of a cache row of
 *         `size` elements in parts of n: the work-group shares it
 * Without `puts` nothing is written, but all items of a work-group must call them: they meet
 * barriers. NAME() must be given the same `puts` by all of them. `scratch` has 2 STATE_LANES floats
 * for the items of a group, or STATE_SCRATCH for a work-group, and is free again on return.
 *
 * -D WG  items per work-group: 1 for CPU kernels, a power of two for GPU kernels
 */
// lint: -DVW=8 -DWG=1 -DELCL_STATE_INT8
// lint: -DVW=16 -DWG=1 -DELCL_STATE_INT4
// lint: -DVW=4 -DWG=64 -DELCL_STATE_INT8
// lint: -DVW=4 -DWG=8 -DELCL_STATE_INT4

/* The floats that a kernel which writes state lends its reductions. */
#ifdef STATE_NARROW
#define STATE_SCRATCH (2 * WG)
#else
#define STATE_SCRATCH WG
#endif

#ifdef STATE_NARROW

#define STATE_LANES (WG < 16 ? WG : 16)
#define STATE_LARGEST 65504.0f

/* Where a part is written. */
struct state_to {
    __global uchar *values;
    __global uint *groups;
};

static inline struct state_to state_to(__global state_t *cache, size_t row, int size, int n,
                                       int part)
{
    __global uchar *bytes = cache + row * state_row_bytes(size, n);
    __global uint *groups = (__global uint *)(bytes + state_groups_at(size, n));
    const struct state_to to = {bytes + (size_t)part * STATE_PART_BYTES(n),
                                groups + (size_t)part * STATE_PART_GROUPS(n)};
    return to;
}

/* The least and the largest of a group so far. Numbers that state cannot hold become infinite:
 * fmin() and fmax() drop NaN. */
static inline float state_held(float v)
{
    return (as_uint(v) & 0x7fffffffu) > as_uint(STATE_LARGEST) ? INFINITY : v;
}
static inline floatv state_held_v(floatv v)
{
    return select(v, (floatv)(INFINITY),
                  (CAT(as_uint, VW)(v) & 0x7fffffffu) > as_uint(STATE_LARGEST));
}

/* A group's numbers: factor is 1 / s, or 0. */
struct state_fit {
    float scale, least, factor;
    bool held;
};

static inline float f16_value(ushort bits)
{
    return vload_half(0, (const half *)&bits);
}

/* The f16 next to v from below, and from above for v >= 0; |v| <= STATE_LARGEST. From the nearest
 * one: the other roundings of vstore_half are rare in drivers. */
static inline float f16_floor(float v)
{
    const ushort nearest = f16_bits(v);
    const ushort below = nearest & 0x8000 ? nearest + 1 : nearest ? nearest - 1 : 0x8001;
    return f16_value(f16_value(nearest) > v ? below : nearest);
}
static inline float f16_ceil(float v)
{
    const ushort nearest = f16_bits(v);
    return f16_value(f16_value(nearest) < v ? nearest + 1 : nearest);
}

static inline struct state_fit state_fit(float2 range)
{
    struct state_fit fit;
    fit.held = range.y <= STATE_LARGEST; /* then the least is no infinity, either */
    fit.least = f16_floor(fit.held ? range.x + 0.0f : 0.0f); /* no -0 */
    fit.scale = f16_ceil(fit.held ? (range.y - fit.least) * (1.0f / STATE_MOST) : 0.0f);
    fit.factor = fit.scale > 0.0f ? 1.0f / fit.scale : 0.0f;
    return fit;
}

static inline uint state_fit_word(struct state_fit fit)
{
    return (fit.held ? f16_bits(fit.scale) : 0x7e00u) | (uint)f16_bits(fit.least) << 16;
}

/* The integer nearest to (v - z) / s: the sum with STATE_NEAREST has it in its last bits. Products
 * are rounded before sums, so that all devices write the same. */
#define STATE_NEAREST 0x1.8p23f
#pragma OPENCL FP_CONTRACT OFF
static inline int state_whole(float v, struct state_fit fit)
{
    const float nearest = (v - fit.least) * fit.factor + STATE_NEAREST;
    return clamp(as_int(nearest) - as_int(STATE_NEAREST), 0, STATE_MOST);
}
/* Oclgrind 21.10 reads garbage for the upper elements if the bounds are scalars. */
static inline intv state_whole_v(floatv v, struct state_fit fit)
{
    const floatv nearest = (v - fit.least) * fit.factor + STATE_NEAREST;
    return clamp(CAT(as_int, VW)(nearest) - as_int(STATE_NEAREST), (intv)(0), (intv)(STATE_MOST));
}
#pragma OPENCL FP_CONTRACT ON

#if WG == 1
#define STATE_JOIN(range, lane, scratch) range
#else
/* The least and the largest of the ranges of STATE_LANES items, returned to each. */
static inline float2 state_join(float2 range, int lane, __local float *scratch)
{
    vstore2(range, lane, scratch);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = 0; i < STATE_LANES; i++) {
        range.x = fmin(range.x, scratch[2 * i]);
        range.y = fmax(range.y, scratch[2 * i + 1]);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    return range;
}
#define STATE_JOIN(range, lane, scratch) state_join(range, lane, scratch)
#endif

/* The range of elements d0 .. end - 1, as far as they are the item's. */
#if WG == 1
#define STATE_RANGE(from, VALUE, VALUE_V)                                                          \
    const int whole = d0 + (end - d0) / VW * VW;                                                   \
    floatv low = (floatv)(INFINITY), high = (floatv)(-INFINITY);                                   \
    for (int d = d0; d < whole; d += VW) {                                                         \
        const floatv v = state_held_v(VALUE_V(from, d));                                           \
        low = fmin(low, v);                                                                        \
        high = fmax(high, v);                                                                      \
    }                                                                                              \
    float2 range = (float2)(-MAXV(-low), MAXV(high));                                              \
    for (int d = whole; d < end; d++) {                                                            \
        const float v = state_held(VALUE(from, d));                                                \
        range = (float2)(fmin(range.x, v), fmax(range.y, v));                                      \
    }
#else
#define STATE_RANGE(from, VALUE, VALUE_V)                                                          \
    float2 range = (float2)(INFINITY, -INFINITY);                                                  \
    for (int d = d0 + lane; d < end; d += STATE_LANES) {                                           \
        const float v = state_held(VALUE(from, d));                                                \
        range = (float2)(fmin(range.x, v), fmax(range.y, v));                                      \
    }
#endif

/* Writes the integers of elements d0 .. end - 1, as far as they are the item's. */
#ifdef ELCL_STATE_INT8
#define STATE_PUT_VALUES(to, from, VALUE)                                                          \
    for (int d = d0 + lane; d < end; d += STATE_LANES)                                             \
        to.values[d] = (uchar)state_whole(VALUE(from, d), fit);
#define STATE_PUT_VALUES_V(to, from, VALUE, VALUE_V)                                               \
    for (int d = d0; d < whole; d += VW)                                                           \
        CAT(vstore, VW)                                                                            \
        (CAT(convert_uchar, VW)(state_whole_v(VALUE_V(from, d), fit)), 0,               \
         to.values + d);                                                                           \
    for (int d = whole; d < end; d++)                                                              \
        to.values[d] = (uchar)state_whole(VALUE(from, d), fit);
#else
#define STATE_PUT_BYTE(to, from, VALUE, byte)                                                      \
    {                                                                                              \
        const int d = (byte) / 16 * 32 + (byte) % 16;                                              \
        const int low = d < end ? state_whole(VALUE(from, d), fit) : 0;                        \
        const int high = d + 16 < end ? state_whole(VALUE(from, d + 16), fit) : 0;             \
        to.values[byte] = (uchar)(low | high << 4);                                                \
    }
#define STATE_PUT_VALUES(to, from, VALUE)                                                          \
    for (int byte = d0 / 2 + lane; byte < STATE_PART_BYTES(end); byte += STATE_LANES)              \
        STATE_PUT_BYTE(to, from, VALUE, byte)
#define STATE_PUT_VALUES_V(to, from, VALUE, VALUE_V)                                               \
    const int pairs = d0 + (end - d0) / 32 * 32;                                                   \
    for (int d = d0; d < pairs; d += d % 32 == 16 - VW ? 16 + VW : VW) {                           \
        const intv low = state_whole_v(VALUE_V(from, d), fit);                          \
        const intv high = state_whole_v(VALUE_V(from, d + 16), fit);                    \
        CAT(vstore, VW)(CAT(convert_uchar, VW)(low | high << 4), 0, to.values + STATE_BYTE(d));    \
    }                                                                                              \
    for (int byte = pairs / 2; byte < STATE_PART_BYTES(end); byte++)                               \
        STATE_PUT_BYTE(to, from, VALUE, byte)
#endif
#if WG == 1
#define STATE_PUT_ALL(to, from, VALUE, VALUE_V) STATE_PUT_VALUES_V(to, from, VALUE, VALUE_V)
#else
#define STATE_PUT_ALL(to, from, VALUE, VALUE_V) STATE_PUT_VALUES(to, from, VALUE)
#endif

#define DEFINE_STATE_PUT(NAME, SOURCE, VALUE, VALUE_V)                                             \
    static inline void NAME##_group(struct state_to to, SOURCE from, int n, int group, int lane,   \
                                    bool puts, __local float *scratch)                             \
    {                                                                                              \
        const int d0 = min(group * STATE_GROUP, n), end = puts ? min(d0 + STATE_GROUP, n) : d0;    \
        STATE_RANGE(from, VALUE, VALUE_V)                                                          \
        const struct state_fit fit = state_fit(STATE_JOIN(range, lane, scratch));                  \
        if (d0 < end) {                                                                            \
            STATE_PUT_ALL(to, from, VALUE, VALUE_V)                                                \
            if (lane == 0)                                                                         \
                to.groups[group] = state_fit_word(fit);                                            \
        }                                                                                          \
    }                                                                                              \
    static inline void NAME(__global state_t *cache, size_t row, int size, int n, int part,        \
                            SOURCE from, bool puts, __local float *scratch)                        \
    {                                                                                              \
        const int lid = get_local_id(0), of = lid / STATE_LANES;                                   \
        const struct state_to to = state_to(cache, row, size, n, part);                            \
        const int groups = puts ? STATE_PART_GROUPS(n) : 0;                                        \
        for (int group = 0; group < groups; group += WG / STATE_LANES)                             \
            NAME##_group(to, from, n, group + of, lid % STATE_LANES, puts,                         \
                         scratch + 2 * STATE_LANES * of);                                          \
    }

#endif
