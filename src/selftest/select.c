/*
 * Rules, log-softmax and the best tokens.
 *
 * The order of the device's candidates is checked as such. Rank by rank a candidate's reference
 * score must be the reference's score of that rank within the tolerance. Tokens whose scores are
 * exactly equal must come by rising number, also across the end of the list. So a swap is accepted
 * only between scores that f32 cannot tell apart.
 *
 * Tolerance of a score x - lse: the sum of V exponentials errs by (8 + sqrt V) U of itself, the
 * subtractions by U (|x| + |lse|) each. A repetition penalty stretches that by its factor and
 * moves by the size of x and lse again.
 */
#include <math.h>
#include <string.h>

#include "base/util.h"
#include "selftest/logits.h"

#define U ELCL_FIXTURE_U

/* ---- random rules -------------------------------------------------------------------------- */

/* Each rule is used by some row. */
static void make_rules(struct elcl_fixture *fx, struct elcl_row_rules *rules, int v, int width,
                       int row, bool greedy)
{
    *rules =
        (struct elcl_row_rules){.log_probs = !greedy,
                                .forced_token = -1,
                                .ban_eos = elcl_fixture_int(fx, 0, 1),
                                .ngram = row % 3 == 0 ? 0 : elcl_fixture_int(fx, 1, 4),
                                .repetition_penalty = row % 2 ? 1.3f : 1.0f,
                                .n_eos = elcl_fixture_int(fx, 1, elcl_min_int(v, ELCL_MAX_EOS))};
    for (int i = 0; i < rules->n_eos; i++)
        rules->eos[i] = elcl_fixture_int(fx, 0, v - 1);
    rules->pad_token = row == 2 ? elcl_fixture_int(fx, 0, v - 1) : -1;
    rules->unk_token = row >= 2 ? elcl_fixture_int(fx, 0, v - 1) : -1;
    rules->unk_penalty = row == 2 ? 2.5f : -1.5f;
    rules->only_token = row == 3 ? elcl_fixture_int(fx, 0, v - 1) : -1;
    if (greedy) /* these come with log-probabilities */
        rules->only_token = rules->unk_token = -1;
    rules->renormalize = row % 3 == 1;
    rules->watch = width > 1 && row % 2;
    rules->watched_token = elcl_fixture_int(fx, 0, v - 1);
    if (row == 4)
        rules->forced_token = elcl_fixture_int(fx, 0, v - 1);
}

/* Ranges of timestamps and other tokens, until f32 can tell which of them are more likely. */
static void make_timestamps(struct elcl_fixture *fx, struct elcl_rows *rows, int row)
{
    struct elcl_row_rules *rules = &rows->rules[row];
    double *scores = elcl_fixture_doubles(fx, (size_t)rows->v);
    const float *logits = rows->logits + (size_t)row * rows->v;
    const int v = rows->v;
    double margin = 0, largest = 0;
    for (int i = 0; scores && i < v; i++)
        largest = isfinite(logits[i]) ? fmax(largest, fabs((double)logits[i])) : largest;
    for (int tries = 0; scores && tries < 20; tries++) {
        const int begin = elcl_fixture_int(fx, 1, v - 1);
        const int kind = elcl_fixture_int(fx, 0, 3);
        rules->timestamp_begin = begin;
        rules->first_text = kind == 0 ? elcl_fixture_int(fx, 0, begin) : kind == 1 ? begin : 0;
        rules->first_timestamp = begin + (kind < 3 ? elcl_fixture_int(fx, 0, v - begin) / 2 : 0);
        rules->end_timestamp = kind == 2 ? begin : elcl_fixture_int(fx, begin, v);
        struct elcl_ref_rules ref = elcl_rows_reference(rows, row);
        ref.margin = &margin;
        elcl_ref_scores(scores, logits, &ref, v);
        if (isinf(margin) || fabs(margin) > 1e-3 + 64 * U * largest)
            return;
    }
    rules->timestamp_begin = rules->first_text = 0;
    rules->first_timestamp = rules->end_timestamp = 0;
}

/* Rules that read lists, and penalties on what was generated; a forced token has none. */
static void make_lists(struct elcl_fixture *fx, struct elcl_rows *rows, int row)
{
    struct elcl_row_rules *rules = &rows->rules[row];
    const int length = rows->length[row];
    const int32_t *history = rows->history + (size_t)row * ELCL_ROWS_LENGTH;
    int32_t *source = rows->lists[row][ELCL_LIST_SOURCE];
    int32_t *allowed = rows->lists[row][ELCL_LIST_ALLOWED];
    for (int i = 0; i < ELCL_N_LISTS * ELCL_ROWS_LIST; i++)
        rows->lists[row][i / ELCL_ROWS_LIST][i % ELCL_ROWS_LIST] =
            elcl_fixture_int(fx, 0, rows->v - 1);
    for (int i = 0; i < ELCL_ROWS_LIST; i++) /* n-grams in common */
        if (elcl_fixture_int(fx, 0, 3))
            source[i] = history[elcl_fixture_int(fx, 0, length - 1)];
    if (row == 4)
        return;
    rules->n_source = row ? elcl_fixture_int(fx, 0, ELCL_ROWS_LIST) : 0;
    rules->encoder_ngram = row == 1 || row == 3 ? elcl_fixture_int(fx, 1, 3) : 0;
    rules->encoder_penalty = row == 2 ? 0.7f : row == 3 ? 1.2f : 0;
    rules->first_generated = elcl_fixture_int(fx, 0, length);
    rules->presence_penalty = row == 0 ? 0.9f : row == 3 ? -0.5f : 0;
    rules->frequency_penalty = row == 0 || row == 2 ? 0.6f : 0;
    rules->n_bans = row ? elcl_fixture_int(fx, 0, 3) : 0;
    rules->n_suppressed = row == 2 ? elcl_fixture_int(fx, 0, ELCL_ROWS_LIST) : 0;
    rules->allowed_only = row == 1;
    rules->n_allowed = row == 1 ? elcl_fixture_int(fx, 0, ELCL_ROWS_LIST) : 0;
    for (int i = 1; i < rules->n_allowed; i++) /* rising */
        for (int j = i; j > 0 && allowed[j] < allowed[j - 1]; j--) {
            const int32_t swap = allowed[j];
            allowed[j] = allowed[j - 1];
            allowed[j - 1] = swap;
        }
}

struct elcl_rows elcl_rows_random(struct elcl_fixture *fx, int r, int v, int width,
                                  enum elcl_logits kind, bool greedy)
{
    struct elcl_rows rows = elcl_rows(fx, r, v, width, 0);
    for (int row = 0; elcl_fixture_ok(fx) && row < r; row++) {
        int32_t alphabet[4]; /* few tokens, so that n-grams come again */
        for (int i = 0; i < 4; i++)
            alphabet[i] = elcl_fixture_int(fx, 0, v - 1);
        elcl_rows_fill(fx, rows.logits + (size_t)row * v, v, kind);
        rows.length[row] = row == 1 ? 1 : elcl_fixture_int(fx, 1, ELCL_ROWS_LENGTH);
        for (int t = 0; t < rows.length[row]; t++)
            rows.history[row * ELCL_ROWS_LENGTH + t] = alphabet[elcl_fixture_int(fx, 0, 3)];
        make_rules(fx, &rows.rules[row], v, width, row, greedy);
        make_lists(fx, &rows, row);
        if ((row == 2 || (row == 0 && greedy)) && v > 1)
            make_timestamps(fx, &rows, row);
    }
    return rows;
}

/* ---- comparison ---------------------------------------------------------------------------- */

/* The reference's results for one row. */
struct expected {
    const float *logits;
    double *scores; /* [V] after the rules: decides the order */
    double *report; /* [V] the score that a candidate must report */
    double *raw;    /* [V] log-softmax of the logits */
    double lse;     /* of the row, about; for the tolerance */
    bool exact;     /* scores are the logits themselves */
    const struct elcl_row_rules *rules;
};

static struct expected expect(struct elcl_fixture *fx, struct elcl_rows *rows, int row)
{
    const struct elcl_row_rules *rules = &rows->rules[row];
    const struct elcl_ref_rules ref = elcl_rows_reference(rows, row);
    struct expected e = {.logits = rows->logits + (size_t)row * rows->v,
                         .scores = elcl_fixture_doubles(fx, (size_t)rows->v),
                         .report = elcl_fixture_doubles(fx, (size_t)rows->v),
                         .raw = elcl_fixture_doubles(fx, (size_t)rows->v),
                         .rules = rules};
    if (!elcl_fixture_ok(fx))
        return e;
    elcl_ref_log_softmax(e.report, e.logits, rows->v);
    int best = 0; /* next to other logits its own is no rounding error */
    for (int i = 0; i < rows->v; i++)
        best = e.report[i] > e.report[best] ? i : best;
    if (e.report[best] > -INFINITY)
        e.lse = (double)e.logits[best] - e.report[best];
    memcpy(e.raw, e.report, (size_t)rows->v * sizeof(double));
    elcl_ref_scores(e.scores, e.logits, &ref, rows->v);
    e.exact = !rules->log_probs && !rules->renormalize && rules->repetition_penalty == 1.0f &&
              rules->encoder_penalty == 0 && rules->presence_penalty == 0 &&
              rules->frequency_penalty == 0;
    if (rules->log_probs || rules->renormalize)
        memcpy(e.report, e.scores, (size_t)rows->v * sizeof(double));
    return e;
}

/* How far a score of about `score` may be off. */
static double tolerance(const struct expected *e, double score, int v)
{
    const double sum = (8 + sqrt(v)) * U, sizes = 2 * U * (2 * fabs(e->lse) + fabs(score));
    const double lost = fabs((double)e->rules->presence_penalty) +
                        ELCL_ROWS_LENGTH * fabs((double)e->rules->frequency_penalty);
    const double encoder = fmax(1, (double)e->rules->encoder_penalty);
    return (double)e->rules->repetition_penalty * encoder * (sum + 3 * sizes + 4 * U * lost);
}

static void check_candidate(struct elcl_fixture *fx, const struct elcl_candidate *got,
                            const struct elcl_ref_candidate *want, const struct expected *e, int v,
                            int rank)
{
    if (want->token < 0) {
        elcl_rows_check_none(fx, got, rank, elcl_rows_none(e->logits, v));
        return;
    }
    if (!elcl_fixture_check(fx, got->token >= 0 && got->token < v, "rank %d: token %d, want %d",
                            rank, got->token, want->token))
        return;
    const double score = e->scores[got->token], report = e->report[got->token];
    elcl_fixture_near(fx, "candidate's score", (size_t)rank, score, want->score,
                      e->exact ? 0 : tolerance(e, want->score, v));
    if (report > -INFINITY) /* else a forced token of no probability: any score */
        elcl_fixture_near(fx, "candidate", (size_t)rank, (double)got->score, report,
                          tolerance(e, report, v));
}

/* The row's last candidate is the model's log-probability of a token, whatever the rules say. */
static void check_watched(struct elcl_fixture *fx, const struct elcl_candidate *got,
                          const struct expected *e, int v)
{
    const int token = e->rules->watched_token;
    const double want = e->raw[token];
    elcl_fixture_check(fx, got->token == token, "watched token %d, want %d", got->token, token);
    if (want > -INFINITY)
        elcl_fixture_near(fx, "watched token's score", 0, (double)got->score, want,
                          tolerance(e, want, v));
}

/* Equal scores that were equal logits: the reference's own rounding makes further ones. */
static bool is_tie(const struct expected *e, int a, int b)
{
    return e->scores[a] == e->scores[b] && e->logits[a] == e->logits[b];
}

/* Falling scores, ties by rising token, and no token of a tie left out for a higher one. */
static void check_order(struct elcl_fixture *fx, const struct elcl_candidate *got,
                        const struct expected *e, int v, int width)
{
    int n = 0;
    for (; n < width && got[n].token >= 0 && got[n].token < v; n++) {
        if (n == 0)
            continue;
        const int token = got[n].token, before = got[n - 1].token;
        elcl_fixture_check(fx, !is_tie(e, before, token) || before < token,
                           "rank %d: token %d before %d at equal score", n, before, token);
        elcl_fixture_check(fx, !e->rules->log_probs || got[n - 1].score >= got[n].score,
                           "rank %d: score %.9g after %.9g", n, (double)got[n].score,
                           (double)got[n - 1].score);
    }
    if (n == 0)
        return;
    for (int i = 0; i < got[n - 1].token; i++) {
        bool listed = !is_tie(e, i, got[n - 1].token);
        for (int j = 0; j < n && !listed; j++)
            listed = got[j].token == i;
        elcl_fixture_check(fx, listed, "token %d has the last candidate's score but is not listed",
                           i);
    }
}

void elcl_check_select(struct elcl_fixture *fx, int r, int v, int width, enum elcl_logits kind,
                       bool greedy)
{
    struct elcl_rows rows = elcl_rows_random(fx, r, v, width, kind, greedy);
    const struct elcl_candidate *got = elcl_rows_run(fx, &rows, NULL).selected;
    struct elcl_ref_candidate *want = elcl_fixture_memory(fx, (size_t)width, sizeof(*want));
    for (int row = 0; row < r; row++) {
        const struct expected e = expect(fx, &rows, row);
        if (!elcl_fixture_ok(fx))
            break;
        const int n = width - rows.rules[row].watch;
        elcl_ref_top(want, e.scores, v, n);
        for (int i = 0; i < n; i++)
            check_candidate(fx, &got[row * width + i], &want[i], &e, v, i);
        check_order(fx, got + (size_t)row * width, &e, v, n);
        if (rows.rules[row].watch)
            check_watched(fx, &got[row * width + n], &e, v);
    }
    elcl_fixture_finish(fx);
}
