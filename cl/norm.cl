/*
 * Embedding and norms, by enum elcl_norm_kind:
 *     layer   (v - mean(v)) / sqrt(variance(v) + eps) * weight + bias
 *     rms     v / sqrt(mean(v^2) + eps) * weight
 *     none    v
 * Mean and variance take two passes over the row, in f32.
 *
 * embed      x[r] = norm(scale * E[token] + P[position + offset]); without ELCL_EMBED_TOKENS x[r]
 *            itself is the first term, without ELCL_EMBED_POSITIONS there is no second one
 * add_norm   with ELCL_ADD_Y x[r] += y[r], then norm(x[r])
 * Both write the normalized row to any of: h[r], as activations (ELCL_EMBED_H, ELCL_ADD_TO_H), x[r]
 * itself (always; ELCL_ADD_TO_X) and its cache row in state (ELCL_EMBED_STATE, ELCL_ADD_TO_STATE).
 * Token, position and cache row come from the row's record in `step`. One work-group of WG items
 * per row: global size {WG R}.
 */
// lint: -DVW=8 -DWG=1
// lint: -DVW=4 -DWG=64 -DELCL_STATE_BF16 -DELCL_WEIGHT_INT8
// lint: -DVW=4 -DWG=64 -DELCL_STATE_F16 -DELCL_WEIGHT_BF16 -DELCL_ACT_BF16
// lint: -DVW=8 -DWG=1 -DELCL_WEIGHT_INT8 -DK_PACK=2
// lint: -DVW=16 -DWG=1 -DELCL_STATE_INT4
// lint: -DVW=4 -DWG=64 -DELCL_STATE_INT8 -DELCL_ACT_F16

/* A row [D] and what its norm takes: mean 0 and factor 1 / sqrt(mean of x^2 + eps) for RMS. */
struct norm_source {
    __global const float *x, *weight, *bias; /* [D] */
    float mean, factor;
    int norm; /* enum elcl_norm_kind */
};

static inline floatv norm_value_v(const struct norm_source *from, int d)
{
    floatv v = LOADV(from->x + d);
    if (from->norm != ELCL_NORM_NONE)
        v = (v - from->mean) * from->factor * LOADV(from->weight + d);
    if (from->norm == ELCL_NORM_LAYER)
        v += LOADV(from->bias + d);
    return v;
}

static inline float norm_value(const struct norm_source *from, int d)
{
    float v = from->x[d];
    if (from->norm != ELCL_NORM_NONE)
        v = (v - from->mean) * from->factor * from->weight[d];
    if (from->norm == ELCL_NORM_LAYER)
        v += from->bias[d];
    return v;
}

#ifdef STATE_NARROW
DEFINE_STATE_PUT(norm_put_state, const struct norm_source *, norm_value, norm_value_v)
#endif

/* Where a normalized row goes; NULL: not there. */
struct norm_outputs {
    __global act_t *h;
    __global float *x;
    __global state_t *cache; /* [cache rows, D] */
    size_t cache_row;
};

static inline void norm_put_v(const struct norm_outputs *to, int d, int d_size, floatv v)
{
    if (to->h)
        ACT_STOREV(v, to->h + d);
    if (to->x)
        STOREV(v, to->x + d);
#ifndef STATE_NARROW
    if (to->cache)
        STATE_STOREV(v, to->cache + to->cache_row * d_size + d);
#endif
}

static inline void norm_put(const struct norm_outputs *to, int d, int d_size, float v)
{
    if (to->h)
        ACT_PUT(to->h, d, v);
    if (to->x)
        to->x[d] = v;
#ifndef STATE_NARROW
    if (to->cache)
        STATE_PUT(to->cache + to->cache_row * d_size, d, v);
#endif
}

/* Writes norm(x) of a row [D], which may be an output. ELCL_NORM_NONE passes the same barriers,
 * because PoCL 3.1 corrupts private variables around a barrier in a branch. Every item sees the
 * elements that it wrote itself: chunks of VW from lid * VW, then the tail one by one. Items that
 * write narrow state see others, too, and do so before the row is an output. */
static inline void norm_row(const struct norm_outputs *to, __global const float *x,
                            __global const float *weight, __global const float *bias, float eps,
                            int d_size, int norm, __local float *scratch)
{
    const int lid = get_local_id(0), whole = d_size / VW * VW;
    floatv sum_v = (floatv)(0.0f);
    float sum = 0.0f;
    for (int d = lid * VW; d < whole; d += WG * VW)
        sum_v += LOADV(x + d);
    for (int d = whole + lid; d < d_size; d += WG)
        sum += x[d];
    const float average = group_sum(sum + SUMV(sum_v), scratch) / d_size;
    const float mean = norm == ELCL_NORM_RMS ? 0.0f : average;
    sum_v = (floatv)(0.0f);
    sum = 0.0f;
    for (int d = lid * VW; d < whole; d += WG * VW) {
        const floatv v = LOADV(x + d) - mean;
        sum_v = ELCL_MAC(v, v, sum_v);
    }
    for (int d = whole + lid; d < d_size; d += WG) {
        const float v = x[d] - mean;
        sum = ELCL_MAC(v, v, sum);
    }
    const float variance = group_sum(sum + SUMV(sum_v), scratch) / d_size;
    const struct norm_source from = {x, weight, bias, mean, 1.0f / sqrt(variance + eps), norm};
#ifdef STATE_NARROW
    GROUP_BARRIER();
    norm_put_state(to->cache, to->cache_row, d_size, d_size, 0, &from, to->cache != 0, scratch);
    GROUP_BARRIER();
#endif
    for (int d = lid * VW; d < whole; d += WG * VW)
        norm_put_v(to, d, d_size, norm_value_v(&from, d));
    for (int d = whole + lid; d < d_size; d += WG)
        norm_put(to, d, d_size, norm_value(&from, d));
}

/* An element of the row that embed() norms; `position` is the row of its position, `column` the
 * token's column in its panel. */
static inline float embedded(__global const float *x, __global const weight_t *tokens,
                             __global const float *position, int d, int panel, int column,
                             float scale, float token_scale, int flags)
{
    float v = x[d];
    if (flags & ELCL_EMBED_TOKENS)
        v = scale * (WEIGHT_GET(tokens, weight_at(d, panel, column)) * token_scale);
    if (flags & ELCL_EMBED_POSITIONS)
        v += position[d];
    return v;
}

__kernel void embed(__global act_t *h,       /* [R, D], with ELCL_EMBED_H */
                    __global float *x,       /* [R, D] */
                    __global state_t *state, /* [cache rows, D], with ELCL_EMBED_STATE */
                    __global const int *step, ulong rows_at,
                    __global const weight_t *tokens, /* [V, D] in panels of `panel` rows */
                    __global const float *positions, /* [P, D] */
                    __global const float *weight,    /* [D], with a norm */
                    __global const float *bias, int d_size, int panel, int offset, float scale,
                    float eps, int norm, int flags)
{
    __local float scratch[STATE_SCRATCH];
    const size_t r = get_group_id(0);
    const int lid = get_local_id(0), whole = d_size / VW * VW;
    __global const int *row = step + rows_at + r * ELCL_ROW_INTS;
    const int token = row[ELCL_ROW_TOKEN], column = token % panel;
    tokens += (token / panel) * weight_panel(d_size, panel);
    const float token_scale =
        flags & ELCL_EMBED_TOKENS ? weight_scale(tokens, d_size, panel, column) : 1.0f;
    positions += (size_t)(row[ELCL_ROW_POSITION] + offset) * d_size;
    x += r * d_size;
    for (int d0 = lid * VW; d0 < whole; d0 += WG * VW)
        for (int d = d0; d < d0 + VW; d++)
            x[d] = embedded(x, tokens, positions, d, panel, column, scale, token_scale, flags);
    for (int d = whole + lid; d < d_size; d += WG)
        x[d] = embedded(x, tokens, positions, d, panel, column, scale, token_scale, flags);
    const struct norm_outputs to = {flags & ELCL_EMBED_H ? h + r * d_size : 0, x,
                                    flags & ELCL_EMBED_STATE ? state : 0, row[ELCL_ROW_CACHE_ROW]};
    norm_row(&to, x, weight, bias, eps, d_size, norm, scratch);
}

__kernel void add_norm(__global act_t *h,       /* [R, D], with ELCL_ADD_TO_H */
                       __global float *x,       /* [R, D], in, and out with ADD_Y or ADD_TO_X */
                       __global state_t *state, /* [cache rows, D], with ELCL_ADD_TO_STATE */
                       __global const float *y, /* [R, D], with ELCL_ADD_Y */
                       __global const int *step, ulong rows_at,
                       __global const float *weight, /* [D], with a norm */
                       __global const float *bias, int d_size, float eps, int norm, int flags)
{
    __local float scratch[STATE_SCRATCH];
    const size_t r = get_group_id(0);
    const int lid = get_local_id(0), whole = d_size / VW * VW, has_y = flags & ELCL_ADD_Y;
    x += r * d_size;
    y += r * d_size;
    for (int d = lid * VW; has_y && d < whole; d += WG * VW)
        STOREV(LOADV(x + d) + LOADV(y + d), x + d);
    for (int d = whole + lid; has_y && d < d_size; d += WG)
        x[d] += y[d];
    struct norm_outputs to = {flags & ELCL_ADD_TO_H ? h + r * d_size : 0,
                              flags & ELCL_ADD_TO_X ? x : 0, flags & ELCL_ADD_TO_STATE ? state : 0,
                              0};
    if (flags & ELCL_ADD_TO_STATE)
        to.cache_row = step[rows_at + r * ELCL_ROW_INTS + ELCL_ROW_CACHE_ROW];
    norm_row(&to, x, weight, bias, eps, d_size, norm, scratch);
}
