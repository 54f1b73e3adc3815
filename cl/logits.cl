/*
 * From logits to candidates, one row of V logits at a time:
 *     lse = m + log sum_v exp(x_v - m),  m = max_v x_v;  log-softmax of v: x_v - lse
 *     rules (struct elcl_row_rules), in place on the logits
 *     the `width` best tokens by falling score, ties by lower token
 * With log_probs a rule sees x - lse and the reported score is x - lse after the rules; otherwise
 * it sees x, and the score is the chosen token's x - lse before the rules. Banned tokens hold
 * ELCL_NEG_MAX; NaN and -inf count as banned, and +inf as the largest float that is safe.
 *
 * select_best   one work-group of WG items per row: global size {WG R}; local memory 2 WG words
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

/* Makes all logits finite and returns the row's log-sum-exp. */
static inline float log_sum_exp(__global float *x, int v_size, __local float *scratch)
{
    const int lid = get_local_id(0), whole = v_size / VW * VW;
    floatv largest_v = (floatv)(ELCL_NEG_MAX);
    float largest = ELCL_NEG_MAX;
    for (int i = lid * VW; i < whole; i += WG * VW) {
        const floatv v = fmin(fmax(LOADV(x + i), ELCL_NEG_MAX), -ELCL_NEG_MAX);
        STOREV(v, x + i);
        largest_v = fmax(largest_v, v);
    }
    for (int i = whole + lid; i < v_size; i += WG) {
        x[i] = fmin(fmax(x[i], ELCL_NEG_MAX), -ELCL_NEG_MAX);
        largest = fmax(largest, x[i]);
    }
    float lanes[VW];
    STOREV(largest_v, lanes);
    for (int i = 0; i < VW; i++)
        largest = fmax(largest, lanes[i]);
    largest = group_max(largest, scratch);
    floatv sum_v = (floatv)(0.0f);
    float sum = 0.0f;
    for (int i = lid * VW; i < whole; i += WG * VW)
        sum_v += exp_v(LOADV(x + i) - largest);
    for (int i = whole + lid; i < v_size; i += WG)
        sum += exp(x[i] - largest);
    return largest + log(group_sum(sum + SUMV(sum_v), scratch));
}

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
static inline void penalize(__global float *x, const struct history *history, float penalty,
                            float shift)
{
    for (int t = get_local_id(0); t < history->n; t += WG) {
        if (seen_before(history, t))
            continue;
        const int token = history_at(history, t);
        const float score = x[token] - shift;
        if (x[token] > ELCL_NEG_MAX)
            x[token] = (score < 0.0f ? score * penalty : score / penalty) + shift;
    }
}

/* Applies the presence and frequency penalties to the generated tokens. */
static inline void discourage(__global float *x, const struct history *history,
                              __global const struct elcl_row_rules *rules)
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
            x[token] -= presence + frequency * count_of(history, first, history->n, token);
    }
}

/* Bans what would end an n-gram that `there` holds: the history itself, or the source. */
static inline void ban_ngrams(__global float *x, const struct history *there,
                              const struct history *history, int n)
{
    for (int t = get_local_id(0); t + n <= there->n && n - 1 <= history->n; t += WG) {
        bool same = true;
        for (int i = 0; i < n - 1 && same; i++)
            same = history_at(there, t + i) == history_at(history, history->n - n + 1 + i);
        if (same)
            x[history_at(there, t + n - 1)] = ELCL_NEG_MAX;
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
                               __global const struct elcl_row_rules *rules)
{
    const int lid = get_local_id(0);
    for (int i = lid; i < rules->n_bans; i += WG)
        x[step[rules->bans_at + i]] = ELCL_NEG_MAX;
    for (int i = lid; i < rules->n_suppressed; i += WG)
        x[step[rules->suppressed_at + i]] = ELCL_NEG_MAX;
    if (rules->allowed_only)
        for (int i = lid; i < v_size; i += WG)
            if (!listed(step + rules->allowed_at, rules->n_allowed, i))
                x[i] = ELCL_NEG_MAX;
}

/* The rules of fairseq's style: only one token, no padding, a penalty for UNK. */
static inline void apply_bans(__global float *x, int v_size,
                              __global const struct elcl_row_rules *rules)
{
    const int only = rules->only_token, pad = rules->pad_token, unk = rules->unk_token;
    const int lid = get_local_id(0); /* one item writes to a token, so that the order is fixed */
    if (unk >= 0 && lid == unk % WG && x[unk] > ELCL_NEG_MAX)
        x[unk] -= rules->unk_penalty;
    if (pad >= 0 && lid == pad % WG)
        x[pad] = ELCL_NEG_MAX;
    if (only >= 0)
        for (int i = lid; i < v_size; i += WG)
            if (i != only)
                x[i] = ELCL_NEG_MAX;
}

static inline void apply_rules(__global float *x, int v_size, __global const int *step,
                               __global const struct elcl_row_rules *rules,
                               const struct history *history, float lse)
{
    const float penalty = rules->repetition_penalty;
    const float shift = rules->log_probs ? lse : 0.0f;
    struct history source;
    source_of(&source, step, rules);
    if (rules->encoder_penalty > 0.0f)
        penalize(x, &source, rules->encoder_penalty, shift);
    GROUP_BARRIER();
    if (penalty != 1.0f)
        penalize(x, history, penalty, shift);
    GROUP_BARRIER();
    discourage(x, history, rules);
    GROUP_BARRIER();
    if (rules->ngram > 0)
        ban_ngrams(x, history, history, rules->ngram);
    if (rules->encoder_ngram > 0)
        ban_ngrams(x, &source, history, rules->encoder_ngram);
    if (rules->ban_eos && get_local_id(0) == 0)
        for (int i = 0; i < rules->n_eos; i++)
            x[rules->eos[i]] = ELCL_NEG_MAX;
    GROUP_BARRIER();
    apply_bans(x, v_size, rules);
    GROUP_BARRIER();
    apply_lists(x, v_size, step, rules);
    GROUP_BARRIER();
}

/* Returns a score as it was before a penalty on the tokens of a list. */
static inline float before_penalty(float v, int token, float penalty, const struct history *list)
{
    if (!count_of(list, 0, list->n, token))
        return v;
    return v < 0.0f ? v / penalty : v * penalty;
}

/* Returns the score that counts for a token whose logit after the rules is v: v itself with
 * log_probs, otherwise the logit before the rules. */
static inline float raw_score(float v, int token, __global const int *step,
                              __global const struct elcl_row_rules *rules,
                              const struct history *history)
{
    const float penalty = rules->repetition_penalty;
    const float encoder_penalty = rules->encoder_penalty;
    const float presence = rules->presence_penalty;
    const float frequency = rules->frequency_penalty;
    if (rules->log_probs)
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
/* Finds the best token after (value, token) in the order of falling value and rising token; the
 * token is v_size if there is none. The result is the same in every item. */
static inline void next_best(float *value, int *token, __global const float *x, int v_size,
                             __local float *values, __local int *tokens)
{
    const int lid = get_local_id(0);
    float best = ELCL_NEG_MAX;
    int best_token = v_size;
    for (int i = lid; i < v_size; i += WG) {
        const float v = x[i];
        const bool later = v < *value || (v == *value && i > *token);
        if (later && v > best) {
            best = v;
            best_token = i;
        }
    }
    values[lid] = best;
    tokens[lid] = best_token;
    for (int half_n = WG / 2; half_n > 0; half_n /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lid >= half_n)
            continue;
        const float v = values[lid + half_n];
        const int t = tokens[lid + half_n];
        if (v > values[lid] || (v == values[lid] && t < tokens[lid])) {
            values[lid] = v;
            tokens[lid] = t;
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    *value = values[0];
    *token = tokens[0];
    barrier(CLK_LOCAL_MEM_FENCE);
}
#endif

static inline void put_candidate(__global int2 *candidates, int i, int token, float score)
{
    candidates[i] = (int2)(token, as_int(score));
}

__kernel void select_best(__global int2 *candidates, /* [R, width] token, bits of the score */
                          __global float *logits,    /* [R, V] */
                          __global const int *step, ulong rows_at, ulong rules_at,
                          __global const int *lineage, /* [rows, lineage_ld] */
                          __global const int *tokens,  /* [cache rows] */
                          int lineage_ld, int v_size, int width)
{
    __local float scratch[WG];
#if WG > 1
    __local int best_of_item[WG];
#endif
    const size_t r = get_group_id(0);
    __global const struct elcl_row_rules *rules =
        (__global const struct elcl_row_rules *)(step + rules_at) + r;
    __global float *x = logits + r * v_size;
    __global const int *row = step + rows_at + r * ELCL_ROW_INTS;
    struct history history;
    history_of(&history, row, lineage + r * lineage_ld, tokens);
    candidates += r * width;
    const float lse = log_sum_exp(x, v_size, scratch);
    /* No barrier stands in a branch: the rules also run for a forced token, without effect. */
    const int forced = rules->forced_token;
    int found = forced >= 0;
    const int wanted = forced >= 0 ? 1 : width;
    GROUP_BARRIER();
    if (forced >= 0 && get_local_id(0) == 0)
        put_candidate(candidates, 0, forced, rules->log_probs ? 0.0f : x[forced] - lse);
    GROUP_BARRIER();
    apply_rules(x, v_size, step, rules, &history, lse);
#if WG == 1
    float value[ELCL_MAX_CANDIDATES];
    int token[ELCL_MAX_CANDIDATES];
    if (found < wanted)
        found = best_tokens(value, token, x, v_size, width);
    for (int i = 0; forced < 0 && i < found; i++)
        put_candidate(candidates, i, token[i],
                      report(value[i], token[i], step, rules, &history, lse));
#else
    float value = INFINITY;
    int token = -1;
    while (found < wanted) {
        next_best(&value, &token, x, v_size, scratch, best_of_item);
        if (token == v_size)
            break;
        if (get_local_id(0) == 0)
            put_candidate(candidates, found, token,
                          report(value, token, step, rules, &history, lse));
        found++;
    }
#endif
    for (int i = found + get_local_id(0); i < width; i += WG)
        put_candidate(candidates, i, -1, ELCL_NEG_MAX);
}

__kernel void renormalize(__global int2 *candidates, /* [R, width], of select_best */
                          __global float *logits,    /* [R, V] after the rules */
                          __global const int *step, ulong rules_at, int v_size, int width)
{
    __local float scratch[WG];
    const size_t r = get_group_id(0);
    __global const struct elcl_row_rules *rules =
        (__global const struct elcl_row_rules *)(step + rules_at) + r;
    __global const float *x = logits + r * v_size;
    const float lse = log_sum_exp(logits + r * v_size, v_size, scratch);
    GROUP_BARRIER(); /* log_sum_exp rewrites what others read below */
    candidates += r * width;
    if (!rules->renormalize || rules->forced_token >= 0)
        return;
    for (int i = get_local_id(0); i < width; i += WG)
        if (candidates[i].x >= 0)
            put_candidate(candidates, i, candidates[i].x, x[candidates[i].x] - lse);
}
