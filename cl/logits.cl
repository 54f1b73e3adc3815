/*
 * From logits to candidates, one row of V logits at a time:
 *     lse = m + log sum_v exp(x_v - m),  m = max_v x_v;  log-softmax of v: x_v - lse
 *     rules (struct elcl_row_rules), in place on the logits
 *     the `width` best tokens by falling score, ties by lower token
 * With log_probs a rule sees x - lse and the reported score is x - lse after the rules; otherwise
 * it sees x, and the score is the chosen token's x - lse before the rules. With renormalize the
 * score is x - lse, both after the rules. Banned tokens hold ELCL_NEG_MAX; NaN and -inf count as
 * banned. The rule of timestamps, the tokens from timestamp_begin on, comes after all others: if
 * sum_v exp(x_v) over them is more than exp(x_v) of every other token, all others are banned. The
 * candidates of a row with +inf, or of only NaN and -inf, are ELCL_TOKEN_NO_LOGIT.
 *
 * Rows start at multiples of ELCL_LOGITS_LD(V) floats; what follows a row's V logits is not read as
 * logits.
 *
 * GPU kernels read a row once: an item keeps the running maximum and sum of its tokens and, in
 * local memory, the best token of each of its ELCL_SELECT_CHUNKS segments. Rules change few tokens,
 * whose segments are read again, as is the segment of each candidate found. A row whose rules allow
 * only some tokens is written and read a second time.
 *
 * select_best   one work-group of WG items per row: global size {WG R}; local memory
 *               ELCL_SELECT_BYTES(WG)
 * renormalize   follows if a row's rules ask for it: scores become x - lse, both after the rules; a
 *               forced token keeps 0. One work-group per row; local memory WG words
 */
// lint: -DVW=8 -DWG=1
// lint: -DVW=4 -DWG=128

/* The tokens of a row so far. */
struct history {
    __global const int *prompt;  /* [n_prompt] tokens */
    __global const int *lineage; /* [n - n_prompt] cache rows of the tokens after the prompt */
    __global const int *tokens;  /* [cache rows] */
    int n_prompt, n;
};

static inline int history_at(const struct history *history, int t)
{
    const int own = t - history->n_prompt;
    return own < 0 ? history->prompt[t] : history->tokens[history->lineage[own]];
}

#if WG == 1
/* Makes all logits finite and returns the row's log-sum-exp. */
static inline float log_sum_exp(__global float *x, int v_size, __local float *scratch)
{
    const int whole = v_size / VW * VW;
    floatv largest_v = (floatv)(ELCL_NEG_MAX);
    float largest = ELCL_NEG_MAX;
    for (int i = 0; i < whole; i += VW) {
        const floatv v = fmin(fmax(LOADV(x + i), ELCL_NEG_MAX), -ELCL_NEG_MAX);
        STOREV(v, x + i);
        largest_v = fmax(largest_v, v);
    }
    for (int i = whole; i < v_size; i++) {
        x[i] = fmin(fmax(x[i], ELCL_NEG_MAX), -ELCL_NEG_MAX);
        largest = fmax(largest, x[i]);
    }
    float lanes[VW];
    STOREV(largest_v, lanes);
    for (int i = 0; i < VW; i++)
        largest = fmax(largest, lanes[i]);
    floatv sum_v = (floatv)(0.0f);
    float sum = 0.0f;
    for (int i = 0; i < whole; i += VW)
        sum_v += exp_v(LOADV(x + i) - largest);
    for (int i = whole; i < v_size; i++)
        sum += exp(x[i] - largest);
    return largest + log(sum + SUMV(sum_v));
}
static inline float read_row(__global float *x, int v_size, __local ulong *heads,
                             __local ulong *scratch)
{
    return log_sum_exp(x, v_size, (__local float *)scratch);
}
static inline void put_logit(__global float *x, int v_size, int token, float v,
                             __local ulong *heads)
{
    x[token] = v;
}
#else
/* The items of a group read 16 WG neighboring tokens in a step, each item four float4. The segment
 * of an item in a chunk of steps has the tokens that it reads in them. */
#define STEP_TOKENS (16 * WG)
#define CHUNK_STEPS(v_size)                                                                        \
    (((v_size) + ELCL_SELECT_CHUNKS * STEP_TOKENS - 1) / (ELCL_SELECT_CHUNKS * STEP_TOKENS))
#define SEGMENT_OF(token, v_size)                                                                  \
    ((token) / (CHUNK_STEPS(v_size) * STEP_TOKENS) * WG + (token) / 4 % WG)
#define NO_TOKEN 0ul        /* the key of a banned token */
#define CHANGED ULONG_MAX /* of a segment, until it is read again */

/* A number that is larger for a better token: of a higher value or, at the same, of a lower number.
 * Adding 0 makes -0 the same as 0. Each half is chosen for itself: LLVM 18 in PoCL 6 dies on a
 * choice between two keys. */
static inline ulong key_of(float v, int token)
{
    const uint bits = as_uint(v + 0.0f);
    const uint order = bits >> 31 ? ~bits : bits | 0x80000000u;
    const bool open = v > ELCL_NEG_MAX;
    return (ulong)(open ? order : 0u) << 32 | (open ? (uint)~token : 0u);
}
static inline int token_of(ulong key)
{
    return (int)~(uint)key;
}
static inline float value_of(ulong key)
{
    const uint order = (uint)(key >> 32);
    return as_float(order >> 31 ? order & 0x7fffffffu : ~order);
}

/* Tokens i .. i + 3, i a multiple of 4: ELCL_NEG_MAX beyond the row. */
static inline float4 logits4(__global const float *x, int i, int v_size)
{
    if (i >= v_size)
        return (float4)(ELCL_NEG_MAX);
    const float4 v = *(__global const float4 *)(x + i);
    return select((float4)(ELCL_NEG_MAX), v, (int4)(i, i + 1, i + 2, i + 3) < (int4)(v_size));
}

/* Makes the item's logits of a step, from token i on, finite. */
static inline void read_step(float4 *v, __global float *x, int i, int v_size)
{
#pragma unroll
    for (int q = 0; q < 4; q++)
        v[q] = logits4(x, i + 4 * WG * q, v_size);
#pragma unroll
    for (int q = 0; q < 4; q++) {
        const float4 finite = fmin(fmax(v[q], ELCL_NEG_MAX), -ELCL_NEG_MAX);
        if (any(finite != v[q]))
            *(__global float4 *)(x + i + 4 * WG * q) = finite;
        v[q] = finite;
    }
}

/* The first token of a step whose logit is v. */
static inline int find_in_step(const float4 *v, float wanted, int i)
{
    int token = i;
#pragma unroll
    for (int q = 3; q >= 0; q--) {
        const int4 same = v[q] == (float4)(wanted);
        const int from = i + 4 * WG * q;
        token = same.w ? from + 3 : token;
        token = same.z ? from + 2 : token;
        token = same.y ? from + 1 : token;
        token = same.x ? from : token;
    }
    return token;
}

/* Makes all logits finite and returns the row's log-sum-exp; with `keep`, heads
 * [ELCL_SELECT_CHUNKS][WG] become the keys of the segments' best tokens. Inlined: `keep` is a
 * constant. */
__attribute__((always_inline)) static inline float
read_once(__global float *x, int v_size, bool keep, __local ulong *heads, __local float *scratch)
{
    const int lid = get_local_id(0), length = CHUNK_STEPS(v_size) * STEP_TOKENS;
    float largest = ELCL_NEG_MAX, sum = 0.0f;
    for (int chunk = 0; chunk < ELCL_SELECT_CHUNKS; chunk++) {
        const int end = min((chunk + 1) * length, v_size);
        float best = ELCL_NEG_MAX;
        int token = 0;
        for (int i = chunk * length + 4 * lid; i < end; i += STEP_TOKENS) {
            float4 v[4];
            read_step(v, x, i, v_size);
            const float high = max4(fmax(fmax(v[0], v[1]), fmax(v[2], v[3])));
            const float now = fmax(largest, high);
            const float4 low_terms = exp(v[0] - now) + exp(v[1] - now);
            const float4 high_terms = exp(v[2] - now) + exp(v[3] - now);
            sum = sum * exp(largest - now) + sum4(low_terms + high_terms);
            largest = now;
            if (keep && high > best) {
                best = high;
                token = find_in_step(v, high, i);
            }
        }
        if (keep)
            heads[chunk * WG + lid] = key_of(best, token);
    }
    const float all = group_max(largest, scratch);
    return all + log(group_sum(sum * exp(largest - all), scratch));
}
static inline float read_row(__global float *x, int v_size, __local ulong *heads,
                             __local ulong *scratch)
{
    return read_once(x, v_size, true, heads, (__local float *)scratch);
}
static inline float log_sum_exp(__global float *x, int v_size, __local float *scratch)
{
    return read_once(x, v_size, false, (__local ulong *)scratch, scratch);
}
static inline void put_logit(__global float *x, int v_size, int token, float v,
                             __local ulong *heads)
{
    x[token] = v;
    heads[SEGMENT_OF(token, v_size)] = CHANGED;
}
#endif

static inline void history_of(struct history *history, __global const int *row,
                              __global const int *lineage, __global const int *tokens)
{
    history->prompt = tokens + row[ELCL_ROW_PROMPT];
    history->lineage = lineage;
    history->tokens = tokens;
    history->n_prompt = row[ELCL_ROW_N_PROMPT];
    history->n = row[ELCL_ROW_N_PROMPT] + row[ELCL_ROW_LENGTH];
}

/* The source's tokens as a history; none if no rule reads them. */
static inline void source_of(struct history *source, __global const int *step,
                             __global const struct elcl_row_rules *rules)
{
    source->prompt = step + rules->source_at;
    source->lineage = step;
    source->tokens = step;
    source->n_prompt = source->n = rules->n_source;
}

/* Counts a token in tokens from .. to - 1. */
static inline int count_of(const struct history *history, int from, int to, int token)
{
    int n = 0;
    for (int t = from; t < to; t++)
        n += history_at(history, t) == token;
    return n;
}

static inline bool seen_before(const struct history *history, int t)
{
    const int token = history_at(history, t);
    for (int u = 0; u < t; u++)
        if (history_at(history, u) == token)
            return true;
    return false;
}

/* Changes every distinct token of the history once: score < 0 ? score * penalty : score / penalty.
 * */
static inline void penalize(__global float *x, int v_size, const struct history *history,
                            float penalty, float shift, __local ulong *heads)
{
    for (int t = get_local_id(0); t < history->n; t += WG) {
        if (seen_before(history, t))
            continue;
        const int token = history_at(history, t);
        const float score = x[token] - shift;
        if (x[token] > ELCL_NEG_MAX)
            put_logit(x, v_size, token,
                      (score < 0.0f ? score * penalty : score / penalty) + shift, heads);
    }
}

/* Applies the presence and frequency penalties to the generated tokens. */
static inline void discourage(__global float *x, int v_size, const struct history *history,
                              __global const struct elcl_row_rules *rules, __local ulong *heads)
{
    const float presence = rules->presence_penalty;
    const float frequency = rules->frequency_penalty;
    const int first = rules->first_generated;
    if (presence == 0.0f && frequency == 0.0f)
        return;
    for (int t = first + get_local_id(0); t < history->n; t += WG) {
        const int token = history_at(history, t);
        if (count_of(history, first, t,
                     token)) /* before it reads x: only one item handles a token */
            continue;
        if (x[token] > ELCL_NEG_MAX)
            put_logit(x, v_size, token,
                      x[token] - (presence +
                                  frequency * count_of(history, first, history->n, token)),
                      heads);
    }
}

/* Bans what would end an n-gram that `there` holds: the history itself, or the source. */
static inline void ban_ngrams(__global float *x, int v_size, const struct history *there,
                              const struct history *history, int n, __local ulong *heads)
{
    for (int t = get_local_id(0); t + n <= there->n && n - 1 <= history->n; t += WG) {
        bool same = true;
        for (int i = 0; i < n - 1 && same; i++)
            same = history_at(there, t + i) == history_at(history, history->n - n + 1 + i);
        if (same)
            put_logit(x, v_size, history_at(there, t + n - 1), ELCL_NEG_MAX, heads);
    }
}

/* Returns whether an ascending list holds a token. */
static inline bool listed(__global const int *list, int n, int token)
{
    int low = 0, high = n; /* the first one that is not below it */
    while (low < high) {
        const int middle = (low + high) / 2;
        if (list[middle] < token)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && list[low] == token;
}

static inline void apply_lists(__global float *x, int v_size, __global const int *step,
                               __global const struct elcl_row_rules *rules, __local ulong *heads)
{
    const int lid = get_local_id(0);
    for (int i = lid; i < rules->n_bans; i += WG)
        put_logit(x, v_size, step[rules->bans_at + i], ELCL_NEG_MAX, heads);
    for (int i = lid; i < rules->n_suppressed; i += WG)
        put_logit(x, v_size, step[rules->suppressed_at + i], ELCL_NEG_MAX, heads);
    if (rules->allowed_only)
        for (int i = lid; i < v_size; i += WG)
            if (!listed(step + rules->allowed_at, rules->n_allowed, i))
                put_logit(x, v_size, i, ELCL_NEG_MAX, heads);
}

/* The rules of fairseq's style: only one token, no padding, a penalty for UNK. */
static inline void apply_bans(__global float *x, int v_size,
                              __global const struct elcl_row_rules *rules, __local ulong *heads)
{
    const int only = rules->only_token, pad = rules->pad_token, unk = rules->unk_token;
    const int lid = get_local_id(0); /* one item writes to a token, so that the order is fixed */
    if (unk >= 0 && lid == unk % WG && x[unk] > ELCL_NEG_MAX)
        put_logit(x, v_size, unk, x[unk] - rules->unk_penalty, heads);
    if (pad >= 0 && lid == pad % WG)
        put_logit(x, v_size, pad, ELCL_NEG_MAX, heads);
    if (only >= 0)
        for (int i = lid; i < v_size; i += WG)
            if (i != only)
                put_logit(x, v_size, i, ELCL_NEG_MAX, heads);
}

/* Bans the tokens from .. to - 1. */
static inline void ban_range(__global float *x, int v_size, int from, int to, __local ulong *heads)
{
    for (int i = from + get_local_id(0); i < to; i += WG)
        put_logit(x, v_size, i, ELCL_NEG_MAX, heads);
}

static inline float largest_of_range(__global const float *x, int from, int to,
                                     __local float *scratch)
{
    const int lid = get_local_id(0), whole = from + max(to - from, 0) / VW * VW;
    floatv largest_v = (floatv)(ELCL_NEG_MAX);
    float largest = ELCL_NEG_MAX;
    for (int i = from + lid * VW; i < whole; i += WG * VW)
        largest_v = fmax(largest_v, LOADV(x + i));
    for (int i = whole + lid; i < to; i += WG)
        largest = fmax(largest, x[i]);
    return group_max(fmax(largest, MAXV(largest_v)), scratch);
}

/* Sums exp(x - shift) of tokens from .. to - 1, where a term above e counts as e. */
static inline float sum_of_range(__global const float *x, int from, int to, float shift,
                                 __local float *scratch)
{
    const int lid = get_local_id(0), whole = from + max(to - from, 0) / VW * VW;
    floatv sum_v = (floatv)(0.0f);
    float sum = 0.0f;
    for (int i = from + lid * VW; i < whole; i += WG * VW)
        sum_v += exp_v(fmin(LOADV(x + i) - shift, 1.0f));
    for (int i = whole + lid; i < to; i += WG)
        sum += exp(fmin(x[i] - shift, 1.0f));
    return group_sum(sum + SUMV(sum_v), scratch);
}

static inline void apply_timestamps(__global float *x, int v_size,
                                    __global const struct elcl_row_rules *rules,
                                    __local ulong *heads, __local float *scratch)
{
    const int begin = rules->timestamp_begin, end = begin ? v_size : 0;
    ban_range(x, v_size, 0, rules->first_text, heads);
    ban_range(x, v_size, begin, rules->first_timestamp, heads);
    ban_range(x, v_size, rules->end_timestamp, end, heads);
    GROUP_BARRIER();
    const float text = largest_of_range(x, 0, begin, scratch);
    const bool more = sum_of_range(x, begin, end, text, scratch) > 1.0f;
    GROUP_BARRIER();
    ban_range(x, v_size, 0, more ? begin : 0, heads);
    GROUP_BARRIER();
}

static inline void apply_rules(__global float *x, int v_size, __global const int *step,
                               __global const struct elcl_row_rules *rules,
                               const struct history *history, float lse, __local ulong *heads,
                               __local float *scratch)
{
    const float penalty = rules->repetition_penalty;
    const float shift = rules->log_probs ? lse : 0.0f;
    struct history source;
    source_of(&source, step, rules);
    if (rules->encoder_penalty > 0.0f)
        penalize(x, v_size, &source, rules->encoder_penalty, shift, heads);
    GROUP_BARRIER();
    if (penalty != 1.0f)
        penalize(x, v_size, history, penalty, shift, heads);
    GROUP_BARRIER();
    discourage(x, v_size, history, rules, heads);
    GROUP_BARRIER();
    if (rules->ngram > 0)
        ban_ngrams(x, v_size, history, history, rules->ngram, heads);
    if (rules->encoder_ngram > 0)
        ban_ngrams(x, v_size, &source, history, rules->encoder_ngram, heads);
    if (rules->ban_eos && get_local_id(0) == 0)
        for (int i = 0; i < rules->n_eos; i++)
            put_logit(x, v_size, rules->eos[i], ELCL_NEG_MAX, heads);
    GROUP_BARRIER();
    apply_bans(x, v_size, rules, heads);
    GROUP_BARRIER();
    apply_lists(x, v_size, step, rules, heads);
    GROUP_BARRIER();
    apply_timestamps(x, v_size, rules, heads, scratch);
}

/* Returns a score as it was before a penalty on the tokens of a list. */
static inline float before_penalty(float v, int token, float penalty, const struct history *list)
{
    if (!count_of(list, 0, list->n, token))
        return v;
    return v < 0.0f ? v / penalty : v * penalty;
}

/* Returns the score that counts for a token whose logit after the rules is v: v itself with
 * log_probs or renormalize, otherwise the logit before the rules. */
static inline float raw_score(float v, int token, __global const int *step,
                              __global const struct elcl_row_rules *rules,
                              const struct history *history)
{
    const float penalty = rules->repetition_penalty;
    const float encoder_penalty = rules->encoder_penalty;
    const float presence = rules->presence_penalty;
    const float frequency = rules->frequency_penalty;
    if (rules->log_probs || rules->renormalize)
        return v;
    if (presence != 0.0f || frequency != 0.0f) {
        const int n = count_of(history, rules->first_generated, history->n, token);
        v += n ? presence + frequency * n : 0.0f;
    }
    if (penalty != 1.0f)
        v = before_penalty(v, token, penalty, history);
    if (encoder_penalty > 0.0f) {
        struct history source;
        source_of(&source, step, rules);
        v = before_penalty(v, token, encoder_penalty, &source);
    }
    return v;
}

/* Returns the score to report for it. */
static inline float report(float v, int token, __global const int *step,
                           __global const struct elcl_row_rules *rules,
                           const struct history *history, float lse)
{
    return raw_score(v, token, step, rules, history) - lse;
}

#if WG == 1
/* Keeps the row's best tokens in a sorted list; a token enters only if it beats the last entry. */
static inline int best_tokens(float *value, int *token, __global const float *x, int v_size,
                              int width)
{
    int n = 0;
    float last = ELCL_NEG_MAX;
    for (int i0 = 0; i0 < v_size; i0 += VW) {
        const int n_lanes = min(VW, v_size - i0);
        if (n_lanes == VW && !any(LOADV(x + i0) > (floatv)(last)))
            continue;
        for (int i = i0; i < i0 + n_lanes; i++) {
            const float v = x[i];
            if (!(v > last))
                continue;
            int at = n < width ? n++ : width - 1;
            for (; at > 0 && value[at - 1] < v; at--) {
                value[at] = value[at - 1];
                token[at] = token[at - 1];
            }
            value[at] = v;
            token[at] = i;
            last = n < width ? ELCL_NEG_MAX : value[width - 1];
        }
    }
    return n;
}
#else
/* Returns the largest key below `below` of the item's segment in a chunk. */
static inline ulong best_of_segment(__global const float *x, int v_size, int chunk, ulong below)
{
    const int length = CHUNK_STEPS(v_size) * STEP_TOKENS, lid = get_local_id(0);
    const int end = min((chunk + 1) * length, v_size);
    ulong best = NO_TOKEN;
    for (int i = chunk * length + 4 * lid; i < end; i += 4 * WG) {
        const float4 v = logits4(x, i, v_size);
        const ulong4 keys = (ulong4)(key_of(v.x, i), key_of(v.y, i + 1), key_of(v.z, i + 2),
                                     key_of(v.w, i + 3));
        const ulong4 open = select((ulong4)(NO_TOKEN), keys, keys < (ulong4)(below));
        best = max(best, max(max(open.x, open.y), max(open.z, open.w)));
    }
    return best;
}

/* Reads the item's changed segments again and returns the largest of its keys. */
static inline ulong best_of_item(__global const float *x, int v_size, __local ulong *heads)
{
    __local ulong *own = heads + get_local_id(0);
    ulong best = NO_TOKEN;
    for (int chunk = 0; chunk < ELCL_SELECT_CHUNKS; chunk++) {
        if (own[chunk * WG] == CHANGED)
            own[chunk * WG] = best_of_segment(x, v_size, chunk, CHANGED);
        best = max(best, own[chunk * WG]);
    }
    return best;
}

/* Takes the row's best token and returns its key, in every item; `best` is the item's largest key,
 * before and after. */
static inline ulong take_best(ulong *best, __global const float *x, int v_size,
                              __local ulong *heads, __local ulong *scratch)
{
    const ulong key = group_max_key(*best, scratch);
    if (key != NO_TOKEN && key == *best) {
        const int segment = SEGMENT_OF(token_of(key), v_size);
        heads[segment] = best_of_segment(x, v_size, segment / WG, key);
        *best = best_of_item(x, v_size, heads);
    }
    return key;
}
#endif

static inline void put_candidate(__global int2 *candidates, int i, int token, float score)
{
    candidates[i] = (int2)(token, as_int(score));
}

__kernel void select_best(__global int2 *candidates, /* [R, width] token, bits of the score */
                          __global float *logits,    /* [R, ELCL_LOGITS_LD(V)] */
                          __global const int *step, ulong rows_at, ulong rules_at,
                          __global const int *lineage, /* [rows, lineage_ld] */
                          __global const int *tokens,  /* [cache rows] */
                          int lineage_ld, int v_size, int width,
                          __local ulong *heads) /* [ELCL_SELECT_CHUNKS WG], [WG] */
{
    __local ulong *scratch = heads + ELCL_SELECT_CHUNKS * WG;
    const size_t r = get_group_id(0);
    __global const struct elcl_row_rules *rules =
        (__global const struct elcl_row_rules *)(step + rules_at) + r;
    __global float *x = logits + r * ELCL_LOGITS_LD(v_size);
    __global const int *row = step + rows_at + r * ELCL_ROW_INTS;
    struct history history;
    history_of(&history, row, lineage + r * lineage_ld, tokens);
    candidates += r * width;
    const float lse = read_row(x, v_size, heads, scratch);
    /* No barrier stands in a branch: the rules also run for a forced token, without effect. */
    const int forced = rules->forced_token;
    int found = forced >= 0;
    const bool infinite = lse >= -ELCL_NEG_MAX;
    const int watched = rules->watched_token;
    if (rules->watch)
        width--;
    const int wanted = forced >= 0 ? 1 : infinite ? 0 : width;
    GROUP_BARRIER();
    if (forced >= 0 && get_local_id(0) == 0)
        put_candidate(candidates, 0, forced,
                      rules->log_probs || rules->renormalize ? 0.0f : x[forced] - lse);
    if (rules->watch && get_local_id(0) == 0)
        put_candidate(candidates, width, watched, x[watched] - lse);
    GROUP_BARRIER();
    apply_rules(x, v_size, step, rules, &history, lse, heads, (__local float *)scratch);
#if WG == 1
    float value[ELCL_MAX_CANDIDATES];
    int token[ELCL_MAX_CANDIDATES];
    if (found < wanted)
        found = best_tokens(value, token, x, v_size, width);
    for (int i = 0; forced < 0 && i < found; i++)
        put_candidate(candidates, i, token[i],
                      report(value[i], token[i], step, rules, &history, lse));
#else
    ulong best = best_of_item(x, v_size, heads);
    while (found < wanted) {
        const ulong key = take_best(&best, x, v_size, heads, scratch);
        if (key == NO_TOKEN)
            break;
        if (get_local_id(0) == 0)
            put_candidate(candidates, found, token_of(key),
                          report(value_of(key), token_of(key), step, rules, &history, lse));
        found++;
    }
#endif
    const int none = lse > ELCL_NEG_MAX && !infinite ? ELCL_TOKEN_NONE : ELCL_TOKEN_NO_LOGIT;
    for (int i = found + get_local_id(0); i < width; i += WG)
        put_candidate(candidates, i, none, ELCL_NEG_MAX);
}

__kernel void renormalize(__global int2 *candidates, /* [R, width], of select_best */
                          __global float *logits,    /* [R, ELCL_LOGITS_LD(V)] after the rules */
                          __global const int *step, ulong rules_at, int v_size, int width)
{
    __local float scratch[WG];
    const size_t r = get_group_id(0);
    __global const struct elcl_row_rules *rules =
        (__global const struct elcl_row_rules *)(step + rules_at) + r;
    __global float *x = logits + r * ELCL_LOGITS_LD(v_size);
    const bool asked = rules->renormalize && rules->forced_token < 0;
    const float lse = log_sum_exp(x, asked ? v_size : 0, scratch);
    GROUP_BARRIER(); /* log_sum_exp rewrites what others read below */
    candidates += r * width;
    for (int i = get_local_id(0); asked && i < width - rules->watch; i += WG)
        if (candidates[i].x >= 0)
            put_candidate(candidates, i, candidates[i].x, x[candidates[i].x] - lse);
}
