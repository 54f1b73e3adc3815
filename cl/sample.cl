/*
 * Sampling: draws one token from a row after select_best, so that the logits hold what the rules
 * left and the first candidate is the best token. In the order of transformers:
 *     y = (x - max x) / temperature,  w = exp(y)
 *     top_k     keeps the k largest x
 *     top_p     keeps a token if the mass kept above it is less than top_p of the kept mass
 *     min_p     keeps w >= min_p (the largest w is 1)
 *     typical_p keeps a token if the tokens nearer to the mean of y, |y - E y| smaller, have less
 *               than typical_p of the kept mass: |y - E y| is |-log p - H|, H the entropy
 * Equal tokens stay or go together. Cut-offs come from bisection over the bits of a float, so they
 * are exact up to the rounding of the sums, whose order depends only on V and WG. The result is the
 * first token, in token order, up to which the kept mass exceeds uniform x all of it.
 *
 * Beams are drawn together and without replacement: the tokens of all beams with the largest score
 * + g, where g is a Gumbel number for each, are draws from softmax of the scores. The score is
 * log-softmax after the rules / temperature or, with renormalize, log-softmax of the kept tokens.
 * Each row gives its best tokens by score + g, with their scores, and the host merges the beams.
 * The cut-offs after top_k leave at least `keep` tokens.
 *
 * sample_beams  one work-group per draw, whose tokens replace the row's candidates; the logits are
 *               overwritten; local memory ELCL_SELECT_BYTES(WG)
 * sample_token  one work-group of WG items per draw: global size {WG draws}; local memory WG words,
 *               as an argument: PoCL 3.1 lets threads share an array declared in a kernel whose
 *               helpers it does not inline
 */
// lint: -DVW=8 -DWG=1
// lint: -DVW=4 -DWG=128

#define BITS 32
#define TINY 1e-30f
#define BLOCK 64 /* tokens summed at once: a sum over V is exact to about V / BLOCK + BLOCK ulps */

#define LEAST                                                                                      \
    as_float(as_int(ELCL_NEG_MAX) - 1) /* the next float above it: the least that is not banned */

/* The kept tokens of a row: x >= least and |y - center| < radius. */
struct cut {
    float largest, scale; /* y = (x - largest) * scale */
    float least;
    float center, radius;
};

/* Floats in the order of ints; its own inverse. */
static inline int ordered(int bits)
{
    return bits ^ ((bits >> 31) & 0x7fffffff);
}

static inline float y_of(float x, const struct cut *cut)
{
    return fmax((x - cut->largest) * cut->scale, -1e30f);
}

static inline float weight_of(float x, const struct cut *cut)
{
    const float y = y_of(x, cut);
    return x >= cut->least && fabs(y - cut->center) < cut->radius ? exp(y) : 0.0f;
}

static inline floatv yv_of(floatv x, const struct cut *cut)
{
    return fmax((x - cut->largest) * cut->scale, -1e30f);
}

static inline floatv weightv_of(floatv x, const struct cut *cut)
{
    const floatv y = yv_of(x, cut);
    const intv kept = (x >= (floatv)(cut->least)) & (fabs(y - cut->center) < (floatv)(cut->radius));
    return select((floatv)(0.0f), exp(y), kept);
}

/* Tokens with x >= least. Exact: V is below 2^24. */
static inline float count_from(__global const float *x, int v_size, float least,
                               __local float *scratch)
{
    const int lid = get_local_id(0), whole = v_size / VW * VW;
    floatv n_v = (floatv)(0.0f);
    float n = 0.0f;
    for (int i = lid * VW; i < whole; i += WG * VW)
        n_v += select((floatv)(0.0f), (floatv)(1.0f), LOADV(x + i) >= (floatv)(least));
    for (int i = whole + lid; i < v_size; i += WG)
        n += x[i] >= least ? 1.0f : 0.0f;
    return group_sum(n + SUMV(n_v), scratch);
}

/* The kept mass of x > above, in numbers w (moment 0) or w y (moment 1). */
static inline float mass_above(__global const float *x, int v_size, const struct cut *cut,
                               float above, int moment, __local float *scratch)
{
    const int lid = get_local_id(0), whole = v_size / VW * VW;
    floatv sum_v = (floatv)(0.0f);
    float sum = 0.0f;
    for (int i = lid * VW; i < whole; i += WG * VW) {
        const floatv v = LOADV(x + i);
        const floatv w = select((floatv)(0.0f), weightv_of(v, cut), v > (floatv)(above));
        sum_v += moment ? w * yv_of(v, cut) : w;
    }
    for (int i = whole + lid; i < v_size; i += WG) {
        const float w = x[i] > above ? weight_of(x[i], cut) : 0.0f;
        sum += moment ? w * y_of(x[i], cut) : w;
    }
    return group_sum(sum + SUMV(sum_v), scratch);
}

/* The smallest x that is kept and has a weight of at least min_p. */
static inline float least_of_weight(__global const float *x, int v_size, const struct cut *cut,
                                    float min_p, __local float *scratch)
{
    float least = cut->largest;
    for (int i = get_local_id(0); i < v_size; i += WG)
        if (x[i] < least && x[i] >= cut->least && weight_of(x[i], cut) >= min_p)
            least = x[i];
    return -group_max(-least, scratch);
}

static inline float largest_of(__global const float *x, int v_size, __local float *scratch)
{
    float largest = LEAST; /* all are banned: nothing is drawn, but the cut-offs stay in order */
    for (int i = get_local_id(0); i < v_size; i += WG)
        largest = fmax(largest, x[i]);
    return group_max(largest, scratch);
}

/* The least x of the k largest. */
static inline float least_of_top_k(__global const float *x, int v_size, const struct cut *cut,
                                   int k, int bits, __local float *scratch)
{
    int low = ordered(as_int(cut->least)), high = ordered(as_int(cut->largest));
    for (int i = 0; i < bits; i++) { /* the largest value with k tokens from it on, or low */
        const int middle = high - (int)(((uint)high - (uint)low) / 2u);
        const bool enough = count_from(x, v_size, as_float(ordered(middle)), scratch) >= (float)k;
        low = enough ? middle : low;
        high = enough || middle == low ? high : middle - 1;
    }
    return as_float(ordered(low));
}

/* The least x above which less than `mass` lies. */
static inline float least_of_top_p(__global const float *x, int v_size, const struct cut *cut,
                                   float mass, int bits, __local float *scratch)
{
    int low = ordered(as_int(cut->least)), high = ordered(as_int(cut->largest));
    for (int i = 0; i < bits; i++) {
        const int middle = low + (int)(((uint)high - (uint)low) / 2u);
        const bool less = mass_above(x, v_size, cut, as_float(ordered(middle)), 0, scratch) < mass;
        high = less ? middle : high;
        low = less || low == high ? low : middle + 1;
    }
    return bits ? as_float(ordered(high)) : cut->least;
}

/* Counts the kept tokens, or none if keep is at most 1. */
static inline float count_kept(__global const float *x, int v_size, const struct cut *cut, int keep,
                               __local float *scratch)
{
    const int n = keep > 1 ? v_size : 0;
    float sum = 0.0f;
    for (int i = get_local_id(0); i < n; i += WG)
        sum +=
            x[i] >= cut->least && fabs(y_of(x[i], cut) - cut->center) < cut->radius ? 1.0f : 0.0f;
    return group_sum(sum, scratch);
}

/* The radius around the center up to which, inclusively, less than `mass` lies. Distances below
 * TINY count as equal: devices may flush smaller numbers. */
static inline float typical_radius(__global const float *x, int v_size, const struct cut *cut,
                                   float mass, int bits, int keep, __local float *scratch)
{
    struct cut near = *cut;
    int low = as_int(TINY), high = as_int(cut->radius);
    for (int i = 0; i < bits; i++) { /* less lies nearer than low, not less nearer than high */
        const int middle = low + (high - low) / 2;
        near.radius = as_float(middle);
        const bool few = count_kept(x, v_size, &near, keep, scratch) < (float)keep && keep > 1;
        const bool less = mass_above(x, v_size, &near, ELCL_NEG_MAX, 0, scratch) < mass || few;
        low = less ? middle : low;
        high = less ? high : middle;
    }
    return bits ? as_float(low + 1) : cut->radius;
}

/* Computes all cut-offs of a draw. No barrier stands in a branch: a bisection that is off has zero
 * bits, and single sums are always computed. (No struct is returned by value: that leaves hints in
 * the code at which Oclgrind stops.) */
static inline void make_cut(struct cut *cut, __global const float *x, int v_size,
                            __global const struct elcl_row_draw *draw, __local float *scratch)
{
    const float top_p = draw->top_p, typical_p = draw->typical_p;
    const int k = draw->top_k, keep = draw->keep;
    cut->largest = largest_of(x, v_size, scratch);
    cut->scale = draw->scale;
    cut->least = LEAST;
    cut->center = 0.0f;
    cut->radius = 2e30f;
    cut->least = least_of_top_k(x, v_size, cut, k, k > 0 && k < v_size ? BITS : 0, scratch);
    const float kept =
        least_of_top_k(x, v_size, cut, keep, keep > 1 && keep < v_size ? BITS : 0, scratch);
    const float least_kept = keep > 1 ? kept : cut->largest;
    float all = mass_above(x, v_size, cut, ELCL_NEG_MAX, 0, scratch);
    cut->least = least_of_top_p(x, v_size, cut, top_p * all, top_p < 1.0f ? BITS : 0, scratch);
    cut->least = fmin(cut->least, least_kept);
    cut->least = least_of_weight(x, v_size, cut, draw->min_p, scratch);
    cut->least = fmin(cut->least, least_kept);
    all = mass_above(x, v_size, cut, ELCL_NEG_MAX, 0, scratch);
    const float moment = mass_above(x, v_size, cut, ELCL_NEG_MAX, 1, scratch);
    cut->center = typical_p < 1.0f ? moment / all : 0.0f;
    cut->radius =
        typical_radius(x, v_size, cut, typical_p * all, typical_p < 1.0f ? BITS : 0, keep, scratch);
}

/* The kept mass of tokens from .. to - 1, at most BLOCK of them. */
static inline float block_mass(__global const float *x, int from, int to, const struct cut *cut)
{
    float sum = 0.0f;
    floatv sum_v = (floatv)(0.0f);
    int i = from;
    for (; i + VW <= to; i += VW)
        sum_v += weightv_of(LOADV(x + i), cut);
    for (; i < to; i++)
        sum += weight_of(x[i], cut);
    return sum + SUMV(sum_v);
}

/* The first token of from .. to - 1 up to which the mass, which starts at `sum`, exceeds target;
 * if rounding leaves none, the last kept token. */
static inline int token_at(__global const float *x, int from, int to, const struct cut *cut,
                           float sum, float target)
{
    int last = from;
    for (int b = from; b < to; b += BLOCK) {
        const int end = min(b + BLOCK, to);
        const float after = sum + block_mass(x, b, end, cut);
        if (end < to && !(after > target)) {
            sum = after;
            continue;
        }
        for (int i = b; i < end; i++) {
            const float w = weight_of(x[i], cut);
            sum += w;
            last = w > 0.0f ? i : last;
            if (w > 0.0f && sum > target)
                return i;
        }
        if (after > target)
            return last;
    }
    return last;
}

__kernel void sample_token(__global int2 *candidates,    /* [R, width] as select_best left them */
                           __global const float *logits, /* [R, ELCL_LOGITS_LD(V)] likewise */
                           __global const int *step, ulong rows_at, ulong rules_at, ulong draws_at,
                           __global const int *lineage, /* [rows, lineage_ld] */
                           __global const int *tokens,  /* [cache rows] */
                           int lineage_ld, int v_size, int width, __local float *scratch) /* [WG] */
{
    __global const struct elcl_row_draw *draw =
        (__global const struct elcl_row_draw *)(step + draws_at) + get_group_id(0);
    const size_t r = draw->row;
    const int lid = get_local_id(0);
    __global const struct elcl_row_rules *rules =
        (__global const struct elcl_row_rules *)(step + rules_at) + r;
    __global const float *x = logits + r * ELCL_LOGITS_LD(v_size);
    __global const int *row = step + rows_at + r * ELCL_ROW_INTS;
    struct history history;
    history_of(&history, row, lineage + r * lineage_ld, tokens);
    const int2 best = candidates[r * width];
    candidates += r * width + 1 + draw->index;
    struct cut cut;
    make_cut(&cut, x, v_size, draw, scratch);

    const int share = (v_size + WG - 1) / WG;
    const int from = min(lid * share, v_size), to = min(from + share, v_size);
    float own = 0.0f;
    for (int b = from; b < to; b += BLOCK)
        own += block_mass(x, b, min(b + BLOCK, to), &cut);
    scratch[lid] = own;
    GROUP_BARRIER();
    float before = 0.0f, all = 0.0f;
    for (int i = 0; i < WG; i++) {
        before = i == lid ? all : before;
        all += scratch[i];
    }
    const float target = draw->uniform * all;
    const bool open = rules->forced_token < 0 && best.x >= 0;
    if (open && before <= target && target < before + own) {
        const int token = token_at(x, from, to, &cut, before, target);
        const float above = raw_score(x[token], token, step, rules, &history) -
                            raw_score(x[best.x], best.x, step, rules, &history);
        put_candidate(candidates, 0, token, as_float(best.y) + above);
    }
    if (!open && lid == 0)
        candidates[0] = best;
}

/* The first word of src/base/rng.h's elcl_philox(). */
static inline uint philox(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1)
{
    for (int i = 0; i < 10; i++) {
        const uint a_high = mul_hi(0xd2511f53u, c0), a_low = 0xd2511f53u * c0;
        const uint b_high = mul_hi(0xcd9e8d57u, c2), b_low = 0xcd9e8d57u * c2;
        c0 = b_high ^ c1 ^ k0;
        c1 = b_low;
        c2 = a_high ^ c3 ^ k1;
        c3 = a_low;
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    return c0;
}

/* src/search/rules.h's elcl_rules_gumbel(). */
static inline float gumbel(__global const struct elcl_row_draw *draw, int token)
{
    const uint stream = ((uint)token + 1u) * ELCL_BEAM_STREAMS + draw->beam;
    const uint word = philox(draw->length, stream, draw->sample[0], draw->sample[1], draw->seed[0],
                             draw->seed[1]);
    const float u = fmin(((float)word + 0.5f) * 0x1p-32f, 1.0f - 0x1p-24f);
    return -log(-log1p(-u));
}

__kernel void sample_beams(__global int2 *candidates, /* [R, width] as select_best left them */
                           __global float *logits,    /* [R, ELCL_LOGITS_LD(V)] likewise */
                           __global const int *step, ulong rows_at, ulong rules_at, ulong draws_at,
                           __global const int *lineage, /* not read, like tokens */
                           __global const int *tokens, int lineage_ld, int v_size, int width,
                           __local ulong *heads) /* ELCL_SELECT_BYTES(WG), as in select_best */
{
    __local ulong *keys = heads + ELCL_SELECT_CHUNKS * WG;
    __local float *scratch = (__local float *)keys;
    __global const struct elcl_row_draw *draw =
        (__global const struct elcl_row_draw *)(step + draws_at) + get_group_id(0);
    const size_t r = draw->row;
    const int lid = get_local_id(0);
    __global const struct elcl_row_rules *rules =
        (__global const struct elcl_row_rules *)(step + rules_at) + r;
    __global float *x = logits + r * ELCL_LOGITS_LD(v_size);
    candidates += r * width;
    if (rules->watch) /* the last candidate stays */
        width--;
    const int2 best = candidates[0];
    const bool open = rules->forced_token < 0 && best.x >= 0;
    struct cut cut;
    make_cut(&cut, x, v_size, draw, scratch);
    const float all = mass_above(x, v_size, &cut, ELCL_NEG_MAX, 0, scratch);
    const float shift = draw->renormalize ? -log(all) : as_float(best.y) * cut.scale;
    GROUP_BARRIER();
    for (int i = lid; i < v_size; i += WG) {
        const float y = (x[i] - cut.largest) * cut.scale;
        const bool kept = x[i] >= cut.least && fabs(y_of(x[i], &cut) - cut.center) < cut.radius;
        x[i] = open && kept ? fmax(y + shift + gumbel(draw, i), LEAST) : ELCL_NEG_MAX;
    }
    GROUP_BARRIER();
    int found = 0;
#if WG == 1
    float value[ELCL_MAX_CANDIDATES];
    int token[ELCL_MAX_CANDIDATES];
    found = best_tokens(value, token, x, v_size, width);
    for (int i = 0; i < found; i++)
        put_candidate(candidates, i, token[i], value[i] - gumbel(draw, token[i]));
#else
    for (int chunk = 0; chunk < ELCL_SELECT_CHUNKS; chunk++)
        heads[chunk * WG + lid] = CHANGED;
    ulong best_key = best_of_item(x, v_size, heads);
    while (found < width) {
        const ulong key = take_best(&best_key, x, v_size, heads, keys);
        if (key == NO_TOKEN)
            break;
        if (lid == 0)
            put_candidate(candidates, found, token_of(key),
                          value_of(key) - gumbel(draw, token_of(key)));
        found++;
    }
#endif
    for (int i = found + lid; open && i < width; i += WG)
        put_candidate(candidates, i, ELCL_TOKEN_NONE, ELCL_NEG_MAX);
}
