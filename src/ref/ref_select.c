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

/* Each distinct token of the history once. */
static void penalise_repetition(double *scores, const struct elcl_ref_rules *rules)
{
    for (int t = 0; t < rules->length; t++) {
        bool seen = false;
        for (int u = 0; u < t; u++)
            seen = seen || rules->history[u] == rules->history[t];
        double *s = &scores[rules->history[t]];
        if (!seen)
            *s = *s < 0 ? *s * rules->repetition_penalty : *s / rules->repetition_penalty;
    }
}

/* Bans the last token of every n-gram of the history whose first n - 1 tokens are the history's
 * last n - 1 tokens. */
static void ban_ngrams(double *scores, const struct elcl_ref_rules *rules)
{
    const int n = rules->ngram;
    const int32_t *last = rules->history + rules->length - (n - 1);
    for (int t = 0; t + n <= rules->length; t++) {
        bool same = true;
        for (int i = 0; i < n - 1; i++)
            same = same && rules->history[t + i] == last[i];
        if (same)
            scores[rules->history[t + n - 1]] = -INFINITY;
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

void elcl_ref_scores(double *scores, const float *logits, const struct elcl_ref_rules *rules, int v)
{
    if (rules->log_probs) {
        elcl_ref_log_softmax(scores, logits, v);
    } else {
        for (int i = 0; i < v; i++)
            scores[i] = isnan(logits[i]) ? -INFINITY : (double)logits[i];
    }
    penalise_repetition(scores, rules);
    if (rules->ngram > 0)
        ban_ngrams(scores, rules);
    if (rules->ban_eos)
        for (int i = 0; i < rules->n_eos; i++)
            scores[rules->eos[i]] = -INFINITY;
    if (rules->pad_token >= 0)
        scores[rules->pad_token] = -INFINITY;
    if (rules->unk_token >= 0)
        scores[rules->unk_token] -= rules->unk_penalty;
    for (int i = 0; rules->only_token >= 0 && i < v; i++)
        if (i != rules->only_token)
            scores[i] = -INFINITY;
    if (rules->forced_token >= 0)
        for (int i = 0; i < v; i++)
            scores[i] = i == rules->forced_token ? 0 : -INFINITY;
    if (rules->log_probs && rules->renormalize)
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
