/*
 * Where parts of cache rows lie, and loops over their groups.
 *
 * A struct state_place is where a part lies in all cache rows: state_place(cache, n, part_size, at)
 * is the part that `at` elements of a row come before, state_skip(place, parts, part_size) is a
 * later part, and state_at(place, row) is the part of a row, row * place.ld units of state_offset()
 * from row 0.
 *
 * A part of n elements has STATE_GROUPS(n) groups, with the elements from group * STATE_GROUP to
 * STATE_GROUP_END(group, n) - 1; of state that is not narrow it is one group. With g =
 * state_group() of its first element, state_widen(r, d, g) and state_widen_v(r, d, g) are
 * state_get() and state_vec(). A product may have the integers only, STATE_WHOLE(r, d) and
 * STATE_WHOLE_V(r, d), which in other state are the elements themselves: state_affine(p, x, g) is
 * what their product p with numbers of the sum x stands for.
 */
// lint: -DVW=8
// lint: -DVW=4 -DELCL_STATE_INT8 -DELCL_ACT_F16
// lint: -DVW=16 -DELCL_STATE_INT4

#ifdef STATE_NARROW
#define STATE_GROUPS(n) STATE_PART_GROUPS(n)
#define STATE_GROUP_END(group, n) min(((group) + 1) * STATE_GROUP, n)
#ifdef ELCL_STATE_INT8
#define STATE_PREFETCH(r, d) ELCL_PREFETCH((r).values + (d), 0)
#else
#define STATE_PREFETCH(r, d) ELCL_PREFETCH((r).values + STATE_BYTE(d), 0)
#endif
static inline float state_affine(float p, float x, float2 group)
{
    return ELCL_MAC(group.x, p, group.y * x);
}
static inline float state_widen(state_row r, int d, float2 group)
{
    return ELCL_MAC(group.x, STATE_WHOLE(r, d), group.y);
}
static inline floatv state_widen_v(state_row r, int d, float2 group)
{
    return ELCL_MAC((floatv)(group.x), STATE_WHOLE_V(r, d), (floatv)(group.y));
}
struct state_place {
    __global const uchar *values, *groups; /* of row 0 */
    size_t ld;
};
static inline struct state_place state_skip(struct state_place p, int parts, int part_size)
{
    p.values += parts * STATE_PART_BYTES(part_size);
    p.groups += parts * STATE_PART_GROUPS(part_size) * (int)sizeof(uint);
    return p;
}
static inline struct state_place state_place(__global const state_t *cache, int n, int part_size,
                                             int at)
{
    const struct state_place first = {cache, cache + state_groups_at(n, part_size),
                                      state_row_bytes(n, part_size)};
    return state_skip(first, at / part_size, part_size);
}
static inline state_row state_offset(struct state_place p, size_t offset)
{
    const state_row r = {p.values + offset, (__global const uint *)(p.groups + offset)};
    return r;
}
#else
#define STATE_GROUP 0
#define STATE_GROUPS(n) 1
#define STATE_GROUP_END(group, n) (n)
#define STATE_WHOLE(r, d) STATE_GET(r, d)
#define STATE_WHOLE_V(r, d) STATE_VEC((r) + (d))
#define STATE_PREFETCH(r, d) ELCL_PREFETCH((r) + (d), 0)
static inline float2 state_group(state_row r, int d)
{
    return (float2)(1.0f, 0.0f);
}
static inline float state_affine(float p, float x, float2 group)
{
    return p;
}
static inline float state_widen(state_row r, int d, float2 group)
{
    return STATE_GET(r, d);
}
static inline floatv state_widen_v(state_row r, int d, float2 group)
{
    return STATE_VEC(r + d);
}
struct state_place {
    __global const state_t *first;
    size_t ld;
};
static inline struct state_place state_skip(struct state_place p, int parts, int part_size)
{
    p.first += parts * part_size;
    return p;
}
static inline struct state_place state_place(__global const state_t *cache, int n, int part_size,
                                             int at)
{
    const struct state_place p = {cache + at, n};
    return p;
}
static inline state_row state_offset(struct state_place p, size_t offset)
{
    return p.first + offset;
}
#endif
static inline state_row state_at(struct state_place p, size_t row)
{
    return state_offset(p, row * p.ld);
}

/* The product of a row of activations and a part of a cache row, n elements each. */
static inline float act_dot_state(__global const act_t *a, state_row b, int n)
{
    floatv sum_v = (floatv)(0.0f);
    float sum = 0.0f;
    for (int i = 0; i < STATE_GROUPS(n); i++) {
        const int end = STATE_GROUP_END(i, n);
        int d = i * STATE_GROUP;
        const float2 group = state_group(b, d);
        for (; d + VW <= end; d += VW)
            sum_v = ELCL_MAC(ACT_VEC(a + d), state_widen_v(b, d, group), sum_v);
        for (; d < end; d++)
            sum = ELCL_MAC(ACT_GET(a, d), state_widen(b, d, group), sum);
    }
    return sum + SUMV(sum_v);
}
