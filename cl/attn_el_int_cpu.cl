/*
 * EL-attention on narrow state, CPU kernel with integer products: what attn_el_cpu.cl computes, on
 * the bytes q of state as they are (el_bytes.cl), with factors rounded to 16 bits (el_plain.cl):
 *
 *     scores    e[i] = size x[i], x whole, of a part of a query (row, head):
 *               e . Y[j] = sum of parts (size scale_j sum_i x[i] q_j[i] + least_j sum_i e[i])
 *     contexts  p_j scale_j = size w[j], w whole, of a part and a block of keys:
 *               c[i] += size sum_j w[j] q_j[i] + sum_j p_j least_j
 *
 * size is the largest magnitude / ELCL_EL_INT_MOST, so that no sum of integers overflows, and a
 * factor errs by at most half of it, 2^-16 of the largest one. All other arithmetic is f32. The
 * bytes of state err by 2^-9 of their range, so that the errors of factors are far below those of
 * the state.
 *
 * A query that is not finite, or state whose scale is NaN, makes the sum of p NaN, and so the
 * result. Factors below EL_LEAST count as zeros.
 *
 * Scores have a pair (row, head) in each lane, and a word of four bytes of a key for all lanes:
 * nothing is added across lanes. Contexts have an element in each lane, and a word of four factors
 * of a pair; four keys are put into words first: word l of vector k of a chunk is element 4 l + k.
 *
 * attn_el   one work-item per `pairs` pairs of a row group, a multiple of VW: global size
 *           {ceil(max rows * H / pairs), groups}, work-group {1, 1}; pairs <= ELCL_EL_INT_PAIRS
 */
// lint after: el_plain.cl el_bytes.cl
// lint: -DVW=8 -DWG=1 -DELCL_STATE_INT8
// lint: -DVW=16 -DWG=1 -DELCL_STATE_INT4
// lint: -DVW=4 -DWG=1 -DELCL_STATE_INT4

#define EL_STEPS (EL_PART / 4)
#define EL_TILE_KEYS 4
#define EL_AHEAD 12 /* keys, to prefetch */
#define EL_VECTORS (VW == 16 ? 3 : 2) /* of pairs, in a tile of scores */
#define EL_COLUMNS (VW == 16 ? 2 : 1) /* vectors of elements, in a tile of contexts */
#define EL_LEAST 0x1p-100f
ELCL_CHECK(el_scores_fit, 255L * ELCL_EL_INT_MOST * EL_PART < 1L << 31);
ELCL_CHECK(el_contexts_fit, 255L * ELCL_EL_INT_MOST * ELCL_EL_INT_KEYS < 1L << 31);
ELCL_CHECK(el_rounded_fits, ELCL_EL_INT_WORDS == 2 * EL_STEPS + 2);

typedef float el_pairs[ELCL_EL_INT_PAIRS];
typedef int el_factors[2][ELCL_EL_INT_PAIRS]; /* first and second words */

/* What a tile of keys is to the scores: words of the keys' part. */
struct el_keys {
    uint words[EL_TILE_KEYS][EL_WORDS][EL_STEPS];
    float scale[EL_TILE_KEYS], least[EL_TILE_KEYS];
};

/* Largest magnitude of n elements as bits, which order like the numbers, with NaN last; and their
 * sum. */
static inline uint el_largest(__global const float *e, int n, float *sum)
{
    const int whole = n / VW * VW;
    uintv largest_v = (uintv)(0);
    floatv sum_v = (floatv)(0.0f);
    uint parts[VW], largest = 0;
    float all = 0.0f;
    for (int d = 0; d < whole; d += VW) {
        const floatv v = LOADV(e + d);
        largest_v = max(largest_v, CAT(as_uint, VW)(v) & 0x7fffffffu);
        sum_v += v;
    }
    STOREV(largest_v, parts);
    for (int i = 0; i < VW; i++)
        largest = max(largest, parts[i]);
    for (int d = whole; d < n; d++) {
        largest = max(largest, as_uint(e[d]) & 0x7fffffffu);
        all += e[d];
    }
    *sum = all + SUMV(sum_v);
    return largest;
}

#if VW == 16
#define EL_STORE_ROW(x, p) vstore4(x, 0, p)
#elif VW == 8
#define EL_STORE_ROW(x, p) vstore2(x, 0, p)
#else
#define EL_STORE_ROW(x, p) *(p) = (x)
#endif

/* Rounds n elements of a query to words. */
static inline void el_round_query(int (*words)[EL_STEPS], __global const float *e, int n,
                                  float factor)
{
    const int whole = n / VW * VW;
    for (int d = 0; d < whole; d += VW) {
        const intv x = EL_WHOLE(LOADV(e + d) * factor);
        EL_STORE_ROW(EL_FIRST_ROW(x), words[0] + d / 4);
        EL_STORE_ROW(EL_SECOND_ROW(x), words[1] + d / 4);
    }
    if (whole < n) {
        float rest[VW];
        for (int i = 0; i < VW; i++)
            rest[i] = whole + i < n ? e[whole + i] : 0.0f;
        const intv x = EL_WHOLE(LOADV(rest) * factor);
        EL_STORE_ROW(EL_FIRST_ROW(x), words[0] + whole / 4);
        EL_STORE_ROW(EL_SECOND_ROW(x), words[1] + whole / 4);
    }
}

/* A part of n elements of the queries of `pairs` pairs, one in each lane: rounded
 * [ELCL_EL_INT_WORDS][VW] are words, sizes and sums. */
static inline void el_round_queries(__global int *rounded, __global const float *e, int pairs,
                                    int n, int d_size, float scale)
{
    float sizes[VW], sums[VW];
    int words[2][EL_STEPS];
    for (int i = 0; i < VW; i++) {
        __global const float *from = e + (size_t)min(i, pairs - 1) * d_size;
        const uint bits = el_largest(from, n, sums + i);
        const float largest = as_float(bits);
        const bool finite = bits < 0x7f800000u, counts = finite && largest >= EL_LEAST;
        sizes[i] = scale * (!finite ? NAN : counts ? largest / ELCL_EL_INT_MOST : 0.0f);
        sums[i] *= scale;
        el_round_query(words, from, n, counts ? ELCL_EL_INT_MOST / largest : 0.0f);
        for (int t = 0; 4 * t < n; t++) {
            rounded[2 * t * VW + i] = words[0][t];
            rounded[(2 * t + 1) * VW + i] = words[1][t];
        }
    }
    CAT(vstore, VW)(CAT(as_int, VW)(LOADV(sizes)), 2 * EL_STEPS, rounded);
    CAT(vstore, VW)(CAT(as_int, VW)(LOADV(sums)), 2 * EL_STEPS + 1, rounded);
}

/* Part `part` of EL_TILE_KEYS keys, of rows with n left. */
static inline void el_take_keys(struct el_keys *keys, const state_row *row, int n, int part,
                                int d_size)
{
    const int begin = part * EL_PART, end = min(begin + EL_PART, d_size);
    for (int k = 0; k < EL_TILE_KEYS; k++) {
        __global const uchar *ahead = row[min(k + EL_AHEAD, n - 1)].values;
        for (int d = STATE_PART_BYTES(begin); d < STATE_PART_BYTES(end); d += 64)
            ELCL_PREFETCH(ahead + d, 0);
    }
    for (int k = 0; k < EL_TILE_KEYS; k++) {
        const state_row from = row[min(k, n - 1)];
        const struct el_scales scales = el_scales(from, part, d_size);
        keys->scale[k] = scales.scale;
        keys->least[k] = scales.least;
        for (int d = begin; d < end; d += EL_CHUNK) {
            const uintv y = d + EL_CHUNK <= end ? el_chunk(from, d, scales)
                                                : el_chunk_end(from, d, end, scales);
            STOREV(EL_STATE_FIRST(y), keys->words[k][0] + (d - begin) / 4);
            if (EL_WORDS > 1)
                STOREV(EL_STATE_SECOND(y), keys->words[k][EL_WORDS - 1] + (d - begin) / 4);
        }
    }
}

/* p[k][v VW ..] += the scores of a part, of a tile of keys and `vectors` vectors of pairs. As in
 * attn_el_cpu.cl, loops must unroll. */
__attribute__((always_inline)) static inline void
el_scores(const int vectors, float *p, __global const int *rounded, const struct el_keys *keys,
          int steps)
{
    intv sums[EL_TILE_KEYS][EL_VECTORS][EL_SUMS];
#pragma unroll
    for (int k = 0; k < EL_TILE_KEYS; k++)
#pragma unroll
        for (int v = 0; v < EL_VECTORS; v++)
            sums[k][v][0] = sums[k][v][EL_SUMS - 1] = (intv)(0);
    for (int t = 0; t < steps; t++) {
        intv x0[EL_VECTORS], x1[EL_VECTORS];
#pragma unroll
        for (int v = 0; v < EL_VECTORS; v++) {
            if (v >= vectors)
                break;
            x0[v] = LOADV(rounded + (v * ELCL_EL_INT_WORDS + 2 * t) * VW);
            x1[v] = LOADV(rounded + (v * ELCL_EL_INT_WORDS + 2 * t + 1) * VW);
        }
#pragma unroll
        for (int k = 0; k < EL_TILE_KEYS; k++) {
            const intv y0 = (intv)(as_int(keys->words[k][0][t]));
            const intv y1 = (intv)(as_int(keys->words[k][EL_WORDS - 1][t]));
#pragma unroll
            for (int v = 0; v < EL_VECTORS; v++) {
                if (v >= vectors)
                    break;
                sums[k][v][0] = el_mac(sums[k][v][0], y0, x0[v]);
                sums[k][v][EL_SUMS - 1] = el_mac(sums[k][v][EL_SUMS - 1], y1, x1[v]);
            }
        }
    }
#pragma unroll
    for (int v = 0; v < EL_VECTORS; v++) {
        if (v >= vectors)
            break;
        __global const float *tail =
            (__global const float *)rounded + (v * ELCL_EL_INT_WORDS + 2 * EL_STEPS) * VW;
        const floatv size = LOADV(tail), sum = LOADV(tail + VW);
#pragma unroll
        for (int k = 0; k < EL_TILE_KEYS; k++) {
            float *to = p + k * ELCL_EL_INT_PAIRS + v * VW;
            const floatv whole =
                CAT(convert_float, VW)(EL_JOIN(sums[k][v][0], sums[k][v][EL_SUMS - 1]));
            const floatv before = ELCL_MAC(sum, (floatv)(keys->least[k]), LOADV(to));
            STOREV(ELCL_MAC(whole, size * keys->scale[k], before), to);
        }
    }
}

/* The scores of n keys: p[s] for s < n, and some more. */
static inline void el_block_scores(el_pairs *p, __global const int *rounded, const state_row *row,
                                   int n, int vectors, int d_size)
{
    struct el_keys keys;
    for (int s = 0; s < ELCL_EL_INT_KEYS; s++)
        for (int i = 0; i < ELCL_EL_INT_PAIRS; i += VW)
            STOREV((floatv)(0.0f), p[s] + i);
    for (int part = 0; part * EL_PART < d_size; part++) {
        const int steps = (min(EL_PART, d_size - part * EL_PART) + 3) / 4;
        for (int s = 0; s < n; s += EL_TILE_KEYS) {
            __global const int *x = rounded + (size_t)part * vectors * ELCL_EL_INT_WORDS * VW;
            int v = 0;
            el_take_keys(&keys, row + s, n - s, part, d_size);
            for (; v + EL_VECTORS <= vectors; v += EL_VECTORS)
                el_scores(EL_VECTORS, p[s] + v * VW, x + v * ELCL_EL_INT_WORDS * VW, &keys, steps);
            for (; v + 2 <= vectors; v += 2)
                el_scores(2, p[s] + v * VW, x + v * ELCL_EL_INT_WORDS * VW, &keys, steps);
            for (; v < vectors; v++)
                el_scores(1, p[s] + v * VW, x + v * ELCL_EL_INT_WORDS * VW, &keys, steps);
        }
    }
}

/* Adds the position biases of keys s0 .. s0 + n - 1 to the scores, see el_bias() of
 * attn_el_cpu.cl. */
static inline void el_int_bias(int pairs, el_pairs *p, __global const float *bias,
                               int max_distance, __global const int *records, int pair, int h_size,
                               int s0, int n)
{
    for (int i = 0; i < pairs; i++) {
        const int position = records[(pair + i) / h_size * ELCL_ROW_INTS + ELCL_ROW_POSITION];
        __global const float *head = bias + (pair + i) % h_size * BIAS_ROW(max_distance);
        for (int s = 0; s < n; s++)
            p[s][i] += head[bias_at(s0 + s - position, max_distance)];
    }
}

/* Adds the scores of n keys to the running softmax of VW pairs: softmax_join(), in lanes. */
static inline void el_join(float *p, int n, float *largest, float *sum, float *shrink)
{
    const floatv before = LOADV(largest);
    floatv now = before, all = (floatv)(0.0f);
    for (int s = 0; s < n; s++)
        now = fmax(now, LOADV(p + s * ELCL_EL_INT_PAIRS));
    for (int s = 0; s < n; s++) {
        const floatv v = exp_v(LOADV(p + s * ELCL_EL_INT_PAIRS) - now);
        STOREV(v, p + s * ELCL_EL_INT_PAIRS);
        all += v;
    }
    for (int s = n; s % 4; s++)
        STOREV((floatv)(0.0f), p + s * ELCL_EL_INT_PAIRS);
    const floatv factor = exp_v(before - now);
    STOREV(now, largest);
    STOREV(ELCL_MAC(LOADV(sum), factor, all), sum);
    STOREV(factor, shrink);
}

/* Rounds p scale of n keys and VW pairs to words w; more: sum of p least. */
static inline void el_round_weights(int *w, const float *p, const float *scale, const float *least,
                                    int n, float *size, float *more)
{
    floatv most = (floatv)(0.0f), sum = (floatv)(0.0f);
    for (int s = 0; s < n; s++) {
        const floatv v = LOADV(p + s * ELCL_EL_INT_PAIRS);
        most = fmax(most, v * scale[s]);
        sum = ELCL_MAC(v, (floatv)(least[s]), sum);
    }
    const floatv factor = select((floatv)(0.0f), ELCL_EL_INT_MOST / most, most >= EL_LEAST);
    STOREV(most * (1.0f / ELCL_EL_INT_MOST), size);
    STOREV(sum, more);
    for (int s = 0; s < n; s += 4) {
        intv x[4];
#pragma unroll
        for (int k = 0; k < 4; k++)
            x[k] = EL_WHOLE(LOADV(p + (s + k) * ELCL_EL_INT_PAIRS) * (factor * scale[s + k]));
        STOREV(EL_FIRST4(x[0], x[1], x[2], x[3]), w + s / 4 * 2 * ELCL_EL_INT_PAIRS);
        STOREV(EL_SECOND4(x[0], x[1], x[2], x[3]), w + (s / 4 * 2 + 1) * ELCL_EL_INT_PAIRS);
    }
}

/* Bytes of `a` where the mask's bits are set, otherwise of `b`. */
#define EL_CHOOSE(mask, a, b) (((a) & (mask)) | ((b) & ~(mask)))

/* Elements d .. d + EL_CHUNK - 1 of n keys: words [n / 4][4][VW] of four keys each, of element
 * 4 l + k in lane l of vector k. */
static inline void el_words(uintv *words, const state_row *row, int n, int d, int part, int d_size,
                            const struct el_scales *scales)
{
    for (int s = 0; s < n; s += 4) {
        uintv y[4];
#pragma unroll
        for (int k = 0; k < 4; k++)
            y[k] = el_chunk(row[min(s + k, n - 1)], d, scales[min(s + k, n - 1)]);
        const uintv even01 = EL_CHOOSE(0x00ff00ffu, y[0], y[1] << 8);
        const uintv even23 = EL_CHOOSE(0x00ff00ffu, y[2], y[3] << 8);
        const uintv odd01 = EL_CHOOSE(0x00ff00ffu, y[0] >> 8, y[1]);
        const uintv odd23 = EL_CHOOSE(0x00ff00ffu, y[2] >> 8, y[3]);
        words[s] = EL_CHOOSE(0xffffu, even01, even23 << 16);
        words[s + 1] = EL_CHOOSE(0xffffu, odd01, odd23 << 16);
        words[s + 2] = EL_CHOOSE(0xffffu, even01 >> 16, even23);
        words[s + 3] = EL_CHOOSE(0xffffu, odd01 >> 16, odd23);
    }
}

/* c_i = shrink_i c_i + size_i sum_j w_j q_j + more_i, for EL_COLUMNS vectors of elements. */
__attribute__((always_inline)) static inline void
el_contexts(const int pairs, __global float *c, int d_size, const int *w, const uintv *words,
            int steps, const float *size, const float *more, const float *shrink)
{
    intv sums[ELCL_EL_TILE][EL_COLUMNS][EL_SUMS];
#pragma unroll
    for (int i = 0; i < ELCL_EL_TILE; i++)
#pragma unroll
        for (int v = 0; v < EL_COLUMNS; v++)
            sums[i][v][0] = sums[i][v][EL_SUMS - 1] = (intv)(0);
    for (int t = 0; t < steps; t++) {
        intv y0[EL_COLUMNS], y1[EL_COLUMNS];
#pragma unroll
        for (int v = 0; v < EL_COLUMNS; v++) {
            y0[v] = CAT(as_int, VW)(EL_STATE_FIRST(words[4 * t + v]));
            y1[v] = CAT(as_int, VW)(EL_STATE_SECOND(words[4 * t + v]));
        }
#pragma unroll
        for (int i = 0; i < ELCL_EL_TILE; i++) {
            if (i >= pairs)
                break;
            const intv x0 = (intv)(w[2 * t * ELCL_EL_INT_PAIRS + i]);
            const intv x1 = (intv)(w[(2 * t + 1) * ELCL_EL_INT_PAIRS + i]);
#pragma unroll
            for (int v = 0; v < EL_COLUMNS; v++) {
                sums[i][v][0] = el_mac(sums[i][v][0], y0[v], x0);
                sums[i][v][EL_SUMS - 1] = el_mac(sums[i][v][EL_SUMS - 1], y1[v], x1);
            }
        }
    }
#pragma unroll
    for (int i = 0; i < ELCL_EL_TILE; i++) {
        if (i >= pairs)
            break;
#pragma unroll
        for (int v = 0; v < EL_COLUMNS; v++) {
            __global float *to = c + (size_t)i * d_size + v * VW;
            const floatv whole =
                CAT(convert_float, VW)(EL_JOIN(sums[i][v][0], sums[i][v][EL_SUMS - 1]));
            const floatv before = ELCL_MAC(LOADV(to), (floatv)(shrink[i]), (floatv)(more[i]));
            STOREV(ELCL_MAC(whole, (floatv)(size[i]), before), to);
        }
    }
}

/* The same in f32, for the last elements of a row that fill no chunk. */
static inline void el_contexts_end(int pairs, __global float *c, const el_pairs *p,
                                   const state_row *row, int n, int d, int d_size,
                                   const float *shrink)
{
    for (; d < d_size; d++)
        for (int i = 0; i < pairs; i++) {
            float sum = c[(size_t)i * d_size + d] * shrink[i];
            for (int s = 0; s < n; s++)
                sum = ELCL_MAC(p[s][i], state_get(row[s], d), sum);
            c[(size_t)i * d_size + d] = sum;
        }
}

/* The contexts of n keys with weights p, in c [pairs, D]. */
static inline void el_block_contexts(__global float *c, const el_pairs *p, const state_row *row,
                                     int n, int pairs, int d_size, const float *shrink)
{
    uintv words[ELCL_EL_INT_KEYS];
    el_factors w[ELCL_EL_INT_KEYS / 4];
    struct el_scales scales[ELCL_EL_INT_KEYS];
    float scale[ELCL_EL_INT_KEYS], least[ELCL_EL_INT_KEYS];
    float size[ELCL_EL_INT_PAIRS], more[ELCL_EL_INT_PAIRS];
    const int whole = d_size / EL_CHUNK * EL_CHUNK, steps = (n + 3) / 4;
    for (int part = 0; part * EL_PART < whole; part++) {
        for (int s = 0; s < 4 * steps; s++) {
            scales[s] = el_scales(row[min(s, n - 1)], part, d_size);
            scale[s] = scales[s].scale;
            least[s] = scales[s].least;
        }
        for (int i = 0; i < pairs; i += VW)
            el_round_weights(w[0][0] + i, p[0] + i, scale, least, n, size + i, more + i);
        const int end = min((part + 1) * EL_PART, whole);
        for (int d = part * EL_PART; d < end; d += EL_CHUNK) {
            el_words(words, row, n, d, part, d_size, scales);
            for (int v = 0; v < 4; v += EL_COLUMNS) {
                int i = 0;
#define EL_CONTEXTS(n_tile)                                                                        \
    el_contexts(n_tile, c + (size_t)i * d_size + d + v * VW, d_size, w[0][0] + i, words + v,       \
                steps, size + i, more + i, shrink + i)
                for (; i + ELCL_EL_TILE <= pairs; i += ELCL_EL_TILE)
                    EL_CONTEXTS(ELCL_EL_TILE);
                for (; i + 4 <= pairs; i += 4)
                    EL_CONTEXTS(4);
                for (; i + 2 <= pairs; i += 2)
                    EL_CONTEXTS(2);
                for (; i < pairs; i++)
                    EL_CONTEXTS(1);
#undef EL_CONTEXTS
            }
        }
    }
    el_contexts_end(pairs, c, p, row, n, whole, d_size, shrink);
}

/* Elements in turn of two vectors. */
static inline void el_zip(floatv a, floatv b, floatv *lo, floatv *hi)
{
    (*lo).even = a.lo;
    (*lo).odd = b.lo;
    (*hi).even = a.hi;
    (*hi).odd = b.hi;
}

/* Divides a pair's context by the sum of its weights, and puts the elements of chunks into their
 * order. */
static inline void el_finish(__global float *c, int d_size, float factor)
{
    const int whole = d_size / EL_CHUNK * EL_CHUNK;
    for (int d = 0; d < whole; d += EL_CHUNK) {
        floatv even[2], odd[2], out[4];
        el_zip(LOADV(c + d), LOADV(c + d + 2 * VW), even, even + 1);
        el_zip(LOADV(c + d + VW), LOADV(c + d + 3 * VW), odd, odd + 1);
        el_zip(even[0], odd[0], out, out + 1);
        el_zip(even[1], odd[1], out + 2, out + 3);
        for (int v = 0; v < 4; v++)
            STOREV(out[v] * factor, c + d + v * VW);
    }
    for (int d = whole; d < d_size; d++)
        c[d] *= factor;
}

__kernel void attn_el(__global float *c,         /* [R, H, D] */
                      __global const float *e,   /* [R, H, D] */
                      __global const state_t *y, /* [cache rows, D] */
                      __global const int *step, ulong groups_at,
                      __global const int *lineage, /* [rows, lineage_ld] */
                      int lineage_ld,
                      __global const float *bias, /* [H, 2 max_distance + 1], or none */
                      int max_distance, ulong rows_at, int h_size, int d_size, int pairs,
                      float scale,
                      __global int *rounded) /* scratch, see elcl_attn_el_rounded_bytes() */
{
    float largest[ELCL_EL_INT_PAIRS], sum[ELCL_EL_INT_PAIRS], shrink[ELCL_EL_INT_PAIRS];
    el_pairs p[ELCL_EL_INT_KEYS];
    state_row row[ELCL_EL_INT_KEYS];
    __global const struct elcl_row_group *group =
        (__global const struct elcl_row_group *)(step + groups_at) + get_global_id(1);
    const int first_pair = get_global_id(0) * pairs;
    const int n_pairs = min(pairs, group->n_rows * h_size - first_pair);
    const int keys = group->n_shared + group->n_private;
    const int parts = (d_size + EL_PART - 1) / EL_PART, vectors = (n_pairs + VW - 1) / VW;
    __global const int *records = step + rows_at + (size_t)group->row * ELCL_ROW_INTS;
    const size_t at = ((size_t)group->row * h_size + first_pair) * d_size;
    lineage += (size_t)group->lineage_row * lineage_ld;
    rounded += ((size_t)group->row * ((h_size + VW - 1) / VW) + first_pair / VW) * parts *
               ELCL_EL_INT_WORDS * VW;
    c += at;
    e += at;
    for (int v = 0; v < vectors; v++) {
        STOREV((floatv)(ELCL_NEG_MAX), largest + v * VW);
        STOREV((floatv)(0.0f), sum + v * VW);
        for (int part = 0; part < parts; part++)
            el_round_queries(rounded + (size_t)(part * vectors + v) * ELCL_EL_INT_WORDS * VW,
                             e + (size_t)v * VW * d_size + part * EL_PART, n_pairs - v * VW,
                             min(EL_PART, d_size - part * EL_PART), d_size, scale);
    }
    for (int i = 0; i < n_pairs; i++)
        for (int d = 0; d < d_size; d++)
            c[(size_t)i * d_size + d] = 0.0f;
    for (int s0 = 0; s0 < keys; s0 += ELCL_EL_INT_KEYS) {
        const int n = min(ELCL_EL_INT_KEYS, keys - s0);
        for (int s = 0; s < n; s++)
            row[s] = state_row_at(y, key_row(group, lineage, s0 + s), d_size);
        el_block_scores(p, rounded, row, n, vectors, d_size);
        if (max_distance)
            el_int_bias(n_pairs, p, bias, max_distance, records, first_pair, h_size, s0, n);
        for (int v = 0; v < vectors; v++)
            el_join(p[0] + v * VW, n, largest + v * VW, sum + v * VW, shrink + v * VW);
        el_block_contexts(c, p, row, n, n_pairs, d_size, shrink);
    }
    for (int i = 0; i < n_pairs; i++)
        el_finish(c + (size_t)i * d_size, d_size, keys ? 1.0f / sum[i] : 0.0f);
}
