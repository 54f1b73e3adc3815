/*
 * Rules, log-softmax and the best tokens.
 *
 * The order of the device's candidates is checked as such: rank by rank a candidate's reference
 * score must be the reference's score of that rank within the tolerance, and tokens whose scores
 * are exactly equal must come by rising number, also across the end of the list. So a swap is
 * accepted only between scores that f32 cannot tell apart.
 *
 * Each row has lists of its own behind the rules of all rows.
 *
 * Tolerance of a score x - lse: the sum of V exponentials errs by (8 + sqrt V) U of itself, the
 * subtractions by U (|x| + |lse|) each; a repetition penalty stretches that by its factor and
 * moves by the size of x and lse again.
 */
#include "common.h"

#include <math.h>
#include <string.h>

#include "base/util.h"
#include "search/rules.h"

struct candidate {
    int32_t token;
    float score;
};

enum logits { NORMAL, TIES, EQUAL, NANS, INFINITIES, HUGE_LOGITS, NOTHING, N_LOGITS };
static const char *const logit_names[] = {"normal",     "ties", "equal",  "NaN",
                                          "infinities", "huge", "nothing"};

#define MAX_ROWS 5
#define MAX_LENGTH 24
#define MAX_LIST 16 /* tokens of one list; a row has four */
enum { SOURCE, BANS, SUPPRESSED, ALLOWED, N_LISTS };

/* The host's side of one call. */
struct rows {
    int r, v, width;
    float *logits;    /* [R, V] */
    int32_t *history; /* [R, MAX_LENGTH] */
    int length[MAX_ROWS];
    struct elcl_row_rules rules[MAX_ROWS];
    int32_t lists[MAX_ROWS][N_LISTS][MAX_LIST];
};

static void fill_logits(float *x, int v, enum logits kind)
{
    for (int i = 0; i < v; i++) {
        const double z = check_normal();
        x[i] = (float)(3 * z);
        if (kind == TIES)
            x[i] = (float)check_int(-4, 4);
        else if (kind == EQUAL)
            x[i] = 1.5f;
        else if (kind == NANS && check_int(0, 3) == 0)
            x[i] = NAN;
        else if (kind == INFINITIES && check_int(0, 3) == 0)
            x[i] = -INFINITY;
        else if (kind == HUGE_LOGITS)
            x[i] = (float)(check_int(0, 2) ? 1e4 * z : check_int(0, 1) ? 1e30 : -1e30);
        else if (kind == NOTHING)
            x[i] = check_int(0, 1) ? NAN : -INFINITY;
    }
}

/* Random rules that exercise each rule in some row. */
static void make_rules(struct elcl_row_rules *rules, int v, int row, bool greedy)
{
    *rules = (struct elcl_row_rules){.log_probs = !greedy,
                                     .forced_token = -1,
                                     .ban_eos = check_int(0, 1),
                                     .ngram = row % 3 == 0 ? 0 : check_int(1, 4),
                                     .repetition_penalty = row % 2 ? 1.3f : 1.0f,
                                     .n_eos = check_int(1, elcl_min_int(v, ELCL_MAX_EOS))};
    for (int i = 0; i < rules->n_eos; i++)
        rules->eos[i] = check_int(0, v - 1);
    rules->pad_token = row == 2 ? check_int(0, v - 1) : -1;
    rules->unk_token = row >= 2 ? check_int(0, v - 1) : -1;
    rules->unk_penalty = row == 2 ? 2.5f : -1.5f;
    rules->only_token = row == 3 ? check_int(0, v - 1) : -1;
    if (greedy) /* these come with log-probabilities */
        rules->only_token = rules->unk_token = -1;
    rules->renormalize = !greedy && row % 3 == 1;
    if (row == 4)
        rules->forced_token = check_int(0, v - 1);
}

/* Rules that read lists, and penalties on what was generated; a forced token has none. */
static void make_lists(struct rows *rows, int row)
{
    struct elcl_row_rules *rules = &rows->rules[row];
    const int32_t *history = rows->history + (size_t)row * MAX_LENGTH;
    int32_t *source = rows->lists[row][SOURCE];
    for (int l = 0; l < N_LISTS; l++)
        for (int i = 0; i < MAX_LIST; i++)
            rows->lists[row][l][i] = check_int(0, rows->v - 1);
    for (int i = 0; i < MAX_LIST; i++) /* n-grams in common */
        source[i] = check_int(0, 3) ? history[check_int(0, rows->length[row] - 1)] : source[i];
    if (row == 4)
        return;
    rules->n_source = row ? check_int(0, MAX_LIST) : 0;
    rules->encoder_ngram = row == 1 || row == 3 ? check_int(1, 3) : 0;
    rules->encoder_penalty = row == 2 ? 0.7f : row == 3 ? 1.2f : 0;
    rules->first_generated = check_int(0, rows->length[row]);
    rules->presence_penalty = row == 0 ? 0.9f : row == 3 ? -0.5f : 0;
    rules->frequency_penalty = row == 0 || row == 2 ? 0.6f : 0;
    rules->n_bans = row ? check_int(0, 3) : 0;
    rules->n_suppressed = row == 2 ? check_int(0, MAX_LIST) : 0;
    rules->allowed_only = row == 1;
    rules->n_allowed = row == 1 ? check_int(0, MAX_LIST) : 0;
    int32_t *allowed = rows->lists[row][ALLOWED];
    for (int i = 1; i < rules->n_allowed; i++) /* rising */
        for (int j = i; j > 0 && allowed[j] < allowed[j - 1]; j--) {
            const int32_t swap = allowed[j];
            allowed[j] = allowed[j - 1];
            allowed[j - 1] = swap;
        }
}

/* Histories over few tokens, so that n-grams come again. */
static void make_history(int32_t *history, int length, int v)
{
    int32_t alphabet[4];
    for (int i = 0; i < 4; i++)
        alphabet[i] = check_int(0, v - 1);
    for (int t = 0; t < length; t++)
        history[t] = alphabet[check_int(0, 3)];
}

static struct rows make_rows(struct fixture *fx, int r, int v, int width, enum logits kind,
                             bool greedy)
{
    struct rows rows = {.r = r, .v = v, .width = width};
    rows.logits = fixture_floats(fx, (size_t)r * v);
    rows.history = fixture_ints(fx, (size_t)r * MAX_LENGTH);
    for (int row = 0; row < r; row++) {
        fill_logits(rows.logits + (size_t)row * v, v, kind);
        rows.length[row] = row == 1 ? 1 : check_int(1, MAX_LENGTH);
        make_history(rows.history + (size_t)row * MAX_LENGTH, rows.length[row], v);
        make_rules(&rows.rules[row], v, row, greedy);
        make_lists(&rows, row);
    }
    return rows;
}

/* Histories go to random cache rows through the lineage table; of some rows a beginning of any
 * length is a prompt in neighboring cache rows. */
static struct candidate *run_select(struct fixture *fx, const struct rows *rows)
{
    elcl_error err = {0};
    const int r = rows->r, ld = MAX_LENGTH + 1, n_cache = r * MAX_LENGTH + 3;
    const size_t rows_at = (size_t)check_int(0, 9);
    const size_t rules_at = rows_at + (size_t)r * ELCL_ROW_INTS + (size_t)check_int(0, 9);
    const size_t lists_at = rules_at + (size_t)r * ELCL_RULES_INTS;
    const size_t n_step = lists_at + (size_t)r * N_LISTS * MAX_LIST;
    int32_t *step = fixture_ints(fx, n_step), *lineage = fixture_ints(fx, (size_t)r * ld);
    int32_t *tokens = fixture_ints(fx, 2 * (size_t)n_cache);
    const int32_t *spread = fixture_permutation(fx, n_cache);
    memset(step, 0xff, n_step * sizeof(*step));
    for (int i = 0; i < r; i++) {
        const int n_prompt = i % 3 == 2 ? check_int(0, rows->length[i] - 1) : 0;
        int32_t *record = step + rows_at + (size_t)i * ELCL_ROW_INTS;
        const int32_t *history = rows->history + (size_t)i * MAX_LENGTH;
        record[ELCL_ROW_LENGTH] = rows->length[i] - n_prompt;
        record[ELCL_ROW_PROMPT] = n_cache + i * MAX_LENGTH;
        record[ELCL_ROW_N_PROMPT] = n_prompt;
        memcpy(tokens + record[ELCL_ROW_PROMPT], history, (size_t)n_prompt * sizeof(*tokens));
        const int32_t at = (int32_t)lists_at + i * N_LISTS * MAX_LIST;
        struct elcl_row_rules rules = rows->rules[i];
        rules.source_at = at + SOURCE * MAX_LIST;
        rules.bans_at = at + BANS * MAX_LIST;
        rules.suppressed_at = at + SUPPRESSED * MAX_LIST;
        rules.allowed_at = at + ALLOWED * MAX_LIST;
        memcpy(step + rules_at + (size_t)i * ELCL_RULES_INTS, &rules, sizeof(rules));
        memcpy(step + at, rows->lists[i], sizeof(rows->lists[i]));
        for (int t = 0; t < rows->length[i] - n_prompt; t++) {
            const int slot = spread[i * MAX_LENGTH + t];
            lineage[(size_t)i * ld + t] = slot;
            tokens[slot] = history[n_prompt + t];
        }
    }
    const struct elcl_select_args args = {
        .candidates = fixture_output(fx, NULL, (size_t)r * rows->width * sizeof(struct candidate)),
        .logits = fixture_output(fx, rows->logits, (size_t)r * rows->v * sizeof(float)),
        .step = fixture_input(fx, step, n_step * sizeof(*step)),
        .rows_at = rows_at,
        .rules_at = rules_at,
        .lineage = fixture_input(fx, lineage, (size_t)r * ld * sizeof(*lineage)),
        .lineage_ld = ld,
        .tokens = fixture_input(fx, tokens, 2 * (size_t)n_cache * sizeof(*tokens)),
        .r = r,
        .v = rows->v,
        .width = rows->width,
        .renormalize = true};
    CHECK(!elcl_op_select(fx->ops, &args, &err), "%s", err.msg);
    return fixture_read(fx, args.candidates);
}

/* What the reference says of one row. */
struct expected {
    const float *logits;
    double *scores; /* [V] after the rules: decides the order */
    double *report; /* [V] what a candidate's score must be */
    double lse;     /* of the row, about; for the tolerance */
    bool exact;     /* scores are the logits themselves */
    const struct elcl_row_rules *rules;
};

static struct expected expect(struct fixture *fx, const struct rows *rows, int row)
{
    const float *logits = rows->logits + (size_t)row * rows->v;
    const struct elcl_row_rules *rules = &rows->rules[row];
    struct expected e = {.logits = logits,
                         .scores = fixture_doubles(fx, (size_t)rows->v),
                         .report = fixture_doubles(fx, (size_t)rows->v),
                         .rules = rules};
    int32_t *banned = fixture_ints(fx, 2 * MAX_LIST);
    memcpy(banned, rows->lists[row][BANS], (size_t)rules->n_bans * sizeof(*banned));
    memcpy(banned + rules->n_bans, rows->lists[row][SUPPRESSED],
           (size_t)rules->n_suppressed * sizeof(*banned));
    const struct elcl_ref_rules ref = {.log_probs = rules->log_probs,
                                       .forced_token = rules->forced_token,
                                       .ban_eos = rules->ban_eos,
                                       .ngram = rules->ngram,
                                       .repetition_penalty = (double)rules->repetition_penalty,
                                       .eos = rules->eos,
                                       .n_eos = rules->n_eos,
                                       .only_token = rules->only_token,
                                       .pad_token = rules->pad_token,
                                       .unk_token = rules->unk_token,
                                       .unk_penalty = (double)rules->unk_penalty,
                                       .renormalize = rules->renormalize,
                                       .history = rows->history + (size_t)row * MAX_LENGTH,
                                       .length = rows->length[row],
                                       .source = rows->lists[row][SOURCE],
                                       .n_source = rules->n_source,
                                       .encoder_ngram = rules->encoder_ngram,
                                       .encoder_penalty = (double)rules->encoder_penalty,
                                       .presence_penalty = (double)rules->presence_penalty,
                                       .frequency_penalty = (double)rules->frequency_penalty,
                                       .first_generated = rules->first_generated,
                                       .banned = banned,
                                       .n_banned = rules->n_bans + rules->n_suppressed,
                                       .allowed_only = rules->allowed_only,
                                       .allowed = rows->lists[row][ALLOWED],
                                       .n_allowed = rules->n_allowed};
    elcl_ref_log_softmax(e.report, logits, rows->v);
    for (int i = 0; i < rows->v; i++)
        if (e.report[i] > -INFINITY)
            e.lse = (double)logits[i] - e.report[i];
    elcl_ref_scores(e.scores, logits, &ref, rows->v);
    e.exact = !rules->log_probs && rules->repetition_penalty == 1.0f &&
              rules->encoder_penalty == 0 && rules->presence_penalty == 0 &&
              rules->frequency_penalty == 0;
    if (rules->log_probs)
        memcpy(e.report, e.scores, (size_t)rows->v * sizeof(double));
    return e;
}

/* How far a score of about `score` may be off. */
static double tolerance(const struct expected *e, double score, int v)
{
    const double sum = (8 + sqrt(v)) * U, sizes = 2 * U * (2 * fabs(e->lse) + fabs(score));
    const double lost = fabs((double)e->rules->presence_penalty) +
                        MAX_LENGTH * fabs((double)e->rules->frequency_penalty);
    const double encoder = fmax(1, (double)e->rules->encoder_penalty);
    return (double)e->rules->repetition_penalty * encoder * (sum + 3 * sizes + 4 * U * lost);
}

static void check_candidate(const struct candidate *got, const struct elcl_ref_candidate *want,
                            const struct expected *e, int v, int rank)
{
    if (want->token < 0) {
        CHECK(got->token == -1 && got->score == -3.0e38f,
              "rank %d: token %d, score %g where none is left", rank, got->token,
              (double)got->score);
        return;
    }
    if (!CHECK(got->token >= 0 && got->token < v, "rank %d: token %d, want %d", rank, got->token,
               want->token))
        return;
    const double score = e->scores[got->token], report = e->report[got->token];
    const double slack = e->exact ? 0 : tolerance(e, want->score, v);
    CHECK(fabs(score - want->score) <= slack,
          "rank %d: token %d with score %.9g, want token %d with %.9g", rank, got->token, score,
          want->token, want->score);
    CHECK(fabs((double)got->score - report) <= tolerance(e, report, v),
          "rank %d: token %d reports %.9g, want %.9g within %.3g", rank, got->token,
          (double)got->score, report, tolerance(e, report, v));
}

/* Equal scores that were equal logits: the reference's own rounding makes further ones. */
static bool is_tie(const struct expected *e, int a, int b)
{
    return e->scores[a] == e->scores[b] && e->logits[a] == e->logits[b];
}

/* Falling scores, ties by rising token, and no token of a tie left out for a higher one. */
static void check_order(const struct candidate *got, const struct expected *e, int v, int width)
{
    int n = 0;
    for (; n < width && got[n].token >= 0 && got[n].token < v; n++) {
        if (n == 0)
            continue;
        CHECK(!is_tie(e, got[n - 1].token, got[n].token) || got[n - 1].token < got[n].token,
              "rank %d: token %d before %d at equal score", n, got[n - 1].token, got[n].token);
        CHECK(!e->rules->log_probs || got[n - 1].score >= got[n].score,
              "rank %d: score %.9g after %.9g", n, (double)got[n].score, (double)got[n - 1].score);
    }
    if (n == 0)
        return;
    for (int i = 0; i < got[n - 1].token; i++) {
        bool listed = !is_tie(e, i, got[n - 1].token);
        for (int j = 0; j < n && !listed; j++)
            listed = got[j].token == i;
        CHECK(listed, "token %d has the last candidate's score but is not listed", i);
    }
}

static void check_select(struct fixture *fx, int r, int v, int width, enum logits kind, bool greedy)
{
    fixture_begin(fx);
    const struct rows rows = make_rows(fx, r, v, width, kind, greedy);
    const struct candidate *got = run_select(fx, &rows);
    struct elcl_ref_candidate *want = fixture_memory(fx, (size_t)width, sizeof(*want));
    for (int row = 0; row < r; row++, got += width) {
        const struct expected e = expect(fx, &rows, row);
        if (kind == NOTHING && rows.rules[row].forced_token >= 0 && greedy)
            continue; /* a forced token of no probability: any score */
        elcl_ref_top(want, e.scores, v, width);
        for (int i = 0; i < width; i++)
            check_candidate(&got[i], &want[i], &e, v, i);
        check_order(got, &e, v, width);
    }
    fixture_end(fx);
}

static void test_sizes(struct fixture *fx)
{
    static const int sizes[][2] = {{61, 8}, {7, 16}, {1, 1}, {1000, 12}, {61, 1}, {1000, 576}};
    const size_t n_sizes = fx->full ? ELCL_COUNT(sizes) : 3;
    for (size_t i = 0; i < n_sizes; i++)
        for (int kind = 0; kind < N_LOGITS; kind++) {
            const int v = sizes[i][0], width = sizes[i][1];
            if (!check_case("select %s V=%d width=%d %s", fx->name, v, width, logit_names[kind]))
                continue;
            for (int greedy = 0; greedy < 2; greedy++)
                check_select(fx, fx->options->small ? 3 + 2 * greedy : MAX_ROWS, v, width,
                             (enum logits)kind, greedy);
        }
}

static void test_vocabulary(struct fixture *fx)
{
    for (int greedy = 0; greedy < 2 && !fx->options->small; greedy++)
        if (check_case("select %s V=50265 width=%d", fx->name, greedy ? 1 : 12))
            check_select(fx, fx->full ? MAX_ROWS : 2, 50265, greedy ? 1 : 12, NORMAL, greedy);
}

/* Every token is banned: by the n-gram rule of size 1 or as EOS. */
static void test_all_banned(struct fixture *fx)
{
    if (!check_case("select %s all banned", fx->name))
        return;
    const int v = 7, width = 4;
    for (int kind = 0; kind < 2; kind++) {
        fixture_begin(fx);
        struct rows rows = make_rows(fx, 2, v, width, NORMAL, kind);
        for (int row = 0; row < 2; row++) {
            struct elcl_row_rules *rules = &rows.rules[row];
            rules->ngram = row ? 1 : 0;
            rules->ban_eos = !row;
            rules->n_eos = v;
            rows.length[row] = v;
            for (int i = 0; i < v; i++)
                rules->eos[i] = rows.history[row * MAX_LENGTH + i] = (i + 3) % v;
        }
        const struct candidate *got = run_select(fx, &rows);
        for (int i = 0; i < 2 * width; i++)
            CHECK(got[i].token == -1 && got[i].score == -3.0e38f, "candidate %d: %d %g", i,
                  got[i].token, (double)got[i].score);
        fixture_end(fx);
    }
}

/* A row's bits do not depend on the rows beside it. */
static void test_invariance(struct fixture *fx)
{
    if (!check_case("select %s a row alone as among others", fx->name))
        return;
    fixture_begin(fx);
    const int v = fx->options->small ? 61 : 1000, width = 8;
    const struct rows rows = make_rows(fx, MAX_ROWS, v, width, NORMAL, false);
    const struct candidate *together = run_select(fx, &rows);
    for (int row = 0; row < MAX_ROWS; row += 2) {
        struct rows one = rows;
        one.r = 1;
        one.logits += (size_t)row * v;
        one.history += row * MAX_LENGTH;
        one.length[0] = rows.length[row];
        one.rules[0] = rows.rules[row];
        memcpy(one.lists[0], rows.lists[row], sizeof(one.lists[0]));
        check_bytes("candidates", run_select(fx, &one), together + (size_t)row * width,
                    2 * (size_t)width, 4);
    }
    fixture_end(fx);
}

void test_select(struct fixture *fx)
{
    test_sizes(fx);
    test_vocabulary(fx);
    test_all_banned(fx);
    test_invariance(fx);
}
