#include "ref/ref.h"

#include <math.h>

void elcl_ref_log_softmax(double *out, const float *logits, int v)
{
    double max = -INFINITY, sum = 0;
    for (int i = 0; i < v; i++)
        max = fmax(max, (double)logits[i]); /* fmax passes NaN over */
    for (int i = 0; i < v; i++)
        if (!isnan(logits[i]) && max > -INFINITY)
            sum += exp((double)logits[i] - max);
    for (int i = 0; i < v; i++)
        out[i] =
            isnan(logits[i]) || max == -INFINITY ? -INFINITY : (double)logits[i] - max - log(sum);
}

static int count_of(const int32_t *tokens, int n, int32_t token)
{
    int count = 0;
    for (int i = 0; i < n; i++)
        count += tokens[i] == token;
    return count;
}

/* Each distinct token of a list once. */
static void penalize(double *scores, const int32_t *tokens, int n, double penalty)
{
    for (int t = 0; t < n; t++) {
        double *s = &scores[tokens[t]];
        if (!count_of(tokens, t, tokens[t]))
            *s = *s < 0 ? *s * penalty : *s / penalty;
    }
}

static void discourage(double *scores, const struct elcl_ref_rules *rules, int v)
{
    const int32_t *generated = rules->history + rules->first_generated;
    for (int i = 0; i < v; i++) {
        const int n = count_of(generated, rules->length - rules->first_generated, i);
        if (n)
            scores[i] -= rules->presence_penalty + rules->frequency_penalty * n;
    }
}

/* Bans the last token of every n-gram of the list whose first n - 1 tokens are the history's last
 * n - 1 tokens. */
static void ban_ngrams(double *scores, const int32_t *list, int n_list,
                       const struct elcl_ref_rules *rules, int n)
{
    if (n - 1 > rules->length)
        return;
    const int32_t *last = rules->history + rules->length - (n - 1);
    for (int t = 0; t + n <= n_list; t++) {
        bool same = true;
        for (int i = 0; i < n - 1; i++)
            same = same && list[t + i] == last[i];
        if (same)
            scores[list[t + n - 1]] = -INFINITY;
    }
}

static void renormalize(double *scores, int v)
{
    double max = -INFINITY, sum = 0;
    for (int i = 0; i < v; i++)
        max = fmax(max, scores[i]);
    for (int i = 0; i < v && max > -INFINITY; i++)
        sum += exp(scores[i] - max);
    for (int i = 0; i < v && max > -INFINITY; i++)
        scores[i] -= max + log(sum);
}

/* Infinite if timestamps or all other tokens are banned, 0 if both are. */
static double margin_of_timestamps(const double *scores, int begin, int v)
{
    double text = -INFINITY, max = -INFINITY, sum = 0;
    for (int i = 0; i < begin; i++)
        text = fmax(text, scores[i]);
    for (int i = begin; i < v; i++)
        max = fmax(max, scores[i]);
    if (max == -INFINITY && text == -INFINITY)
        return 0;
    for (int i = begin; i < v && max > -INFINITY; i++)
        sum += exp(scores[i] - max);
    return max - text + log(fmax(sum, 1));
}

static void apply_timestamps(double *scores, const struct elcl_ref_rules *rules, int v)
{
    const int begin = rules->timestamp_begin;
    for (int i = 0; i < v; i++) {
        const bool outside = i < rules->first_timestamp || i >= rules->end_timestamp;
        if (i < rules->first_text || (i >= begin && outside))
            scores[i] = -INFINITY;
    }
    const double margin = margin_of_timestamps(scores, begin, v);
    for (int i = 0; margin > 0 && i < begin; i++)
        scores[i] = -INFINITY;
    if (rules->margin)
        *rules->margin = margin;
}

void elcl_ref_scores(double *scores, const float *logits, const struct elcl_ref_rules *rules, int v)
{
    if (rules->log_probs) {
        elcl_ref_log_softmax(scores, logits, v);
    } else {
        for (int i = 0; i < v; i++)
            scores[i] = isnan(logits[i]) ? -INFINITY : (double)logits[i];
    }
    if (rules->encoder_penalty > 0)
        penalize(scores, rules->source, rules->n_source, rules->encoder_penalty);
    penalize(scores, rules->history, rules->length, rules->repetition_penalty);
    if (rules->presence_penalty != 0 || rules->frequency_penalty != 0)
        discourage(scores, rules, v);
    if (rules->ngram > 0)
        ban_ngrams(scores, rules->history, rules->length, rules, rules->ngram);
    if (rules->encoder_ngram > 0)
        ban_ngrams(scores, rules->source, rules->n_source, rules, rules->encoder_ngram);
    if (rules->ban_eos)
        for (int i = 0; i < rules->n_eos; i++)
            scores[rules->eos[i]] = -INFINITY;
    if (rules->pad_token >= 0)
        scores[rules->pad_token] = -INFINITY;
    if (rules->unk_token >= 0)
        scores[rules->unk_token] -= rules->unk_penalty;
    for (int i = 0; i < rules->n_banned; i++)
        scores[rules->banned[i]] = -INFINITY;
    for (int i = 0; rules->allowed_only && i < v; i++)
        if (!count_of(rules->allowed, rules->n_allowed, i))
            scores[i] = -INFINITY;
    for (int i = 0; rules->only_token >= 0 && i < v; i++)
        if (i != rules->only_token)
            scores[i] = -INFINITY;
    if (rules->timestamp_begin > 0)
        apply_timestamps(scores, rules, v);
    if (rules->forced_token >= 0)
        for (int i = 0; i < v; i++)
            scores[i] = i == rules->forced_token ? 0 : -INFINITY;
    if (rules->renormalize)
        renormalize(scores, v);
}

void elcl_ref_top(struct elcl_ref_candidate *best, const double *scores, int v, int width)
{
    int n = 0;
    for (int i = 0; i < v; i++) {
        if (scores[i] == -INFINITY || (n == width && !(scores[i] > best[n - 1].score)))
            continue;
        int at = n < width ? n++ : width - 1;
        for (; at > 0 && scores[i] > best[at - 1].score; at--)
            best[at] = best[at - 1];
        best[at] = (struct elcl_ref_candidate){i, scores[i]};
    }
    for (; n < width; n++)
        best[n] = (struct elcl_ref_candidate){-1, -INFINITY};
}
