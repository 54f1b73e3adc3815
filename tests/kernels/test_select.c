/* Sizes and logits for rules, log-softmax and the best tokens; bans of all tokens; invariance. */
#include <math.h>
#include <string.h>

#include "base/util.h"
#include "selftest/logits.h"
#include "suite.h"

static void test_sizes(struct suite *s)
{
    static const int sizes[][2] = {{61, 8}, {7, 16}, {1, 1}, {1000, 12}, {61, 1}, {1000, 576}};
    static const enum elcl_logits kinds[] = {
        ELCL_LOGITS_NORMAL,     ELCL_LOGITS_TIES, ELCL_LOGITS_EQUAL,  ELCL_LOGITS_NANS,
        ELCL_LOGITS_INFINITIES, ELCL_LOGITS_HUGE, ELCL_LOGITS_NOTHING};
    const size_t n_sizes = s->full ? ELCL_COUNT(sizes) : 3, n_kinds = ELCL_COUNT(kinds);
    for (size_t i = 0; i < n_sizes * n_kinds; i++) {
        const int v = sizes[i / n_kinds][0], width = sizes[i / n_kinds][1];
        const enum elcl_logits kind = kinds[i % n_kinds];
        if (!suite_case(s, "select", "V=%d width=%d %s", v, width, elcl_logit_names[kind]))
            continue;
        for (int greedy = 0; greedy < 2; greedy++)
            elcl_check_select(&s->fx, s->options->small ? 3 + 2 * greedy : ELCL_ROWS_MAX, v, width,
                              kind, greedy);
    }
}

static void test_vocabulary(struct suite *s)
{
    for (int greedy = 0; greedy < 2 && !s->options->small; greedy++)
        if (suite_case(s, "select", "V=50265 width=%d", greedy ? 1 : 12))
            elcl_check_select(&s->fx, s->full ? ELCL_ROWS_MAX : 2, 50265, greedy ? 1 : 12,
                              ELCL_LOGITS_NORMAL, greedy);
}

/* Every token is banned: by the n-gram rule of size 1 or as EOS. */
static void test_all_banned(struct suite *s)
{
    enum { V = 7, WIDTH = 4 };
    if (!suite_case(s, "select", "all banned"))
        return;
    for (int kind = 0; kind < 2; kind++) {
        struct elcl_rows rows = elcl_rows_random(&s->fx, 2, V, WIDTH, ELCL_LOGITS_NORMAL, kind);
        for (int row = 0; row < 2; row++) {
            struct elcl_row_rules *rules = &rows.rules[row];
            rules->ngram = row ? 1 : 0;
            rules->ban_eos = !row;
            rules->n_eos = V;
            rules->watch = 0;
            rows.length[row] = V;
            for (int i = 0; i < V; i++)
                rules->eos[i] = rows.history[row * ELCL_ROWS_LENGTH + i] = (i + 3) % V;
        }
        const struct elcl_candidate *got = elcl_rows_run(&s->fx, &rows, NULL).selected;
        for (int i = 0; got && i < 2 * WIDTH; i++)
            elcl_rows_check_none(&s->fx, &got[i], i % WIDTH, ELCL_TOKEN_NONE);
        elcl_fixture_finish(&s->fx);
    }
}

/* One logit of +inf spoils a row, wherever it stands. */
static void test_infinite(struct suite *s)
{
    enum { V = 61, WIDTH = 4 };
    if (!suite_case(s, "select", "+inf"))
        return;
    struct elcl_rows rows =
        elcl_rows_random(&s->fx, ELCL_ROWS_MAX, V, WIDTH, ELCL_LOGITS_NORMAL, true);
    for (int row = 0; row < ELCL_ROWS_MAX; row++) {
        rows.rules[row].forced_token = -1;
        rows.rules[row].watch = 0;
        if (row % 2)
            rows.logits[(size_t)row * V + (size_t)(row * 7 % V)] = INFINITY;
    }
    const struct elcl_candidate *got = elcl_rows_run(&s->fx, &rows, NULL).selected;
    for (int i = 0; got && i < ELCL_ROWS_MAX * WIDTH; i++) {
        if (i / WIDTH % 2)
            elcl_rows_check_none(&s->fx, &got[i], i % WIDTH, ELCL_TOKEN_NO_LOGIT);
        else
            CHECK(got[i].token != ELCL_TOKEN_NO_LOGIT, "row %d: no logit", i / WIDTH);
    }
    elcl_fixture_finish(&s->fx);
}

/* The log-probability of any token of such a row is no number. */
static void test_infinite_score(struct suite *s)
{
    enum { R = 6, V = 61 };
    if (!suite_case(s, "log_prob", "+inf"))
        return;
    float *logits = elcl_fixture_normals(&s->fx, ELCL_F32, (size_t)R * V, 1);
    int32_t *token = elcl_fixture_random_ints(&s->fx, R, 0, V - 1);
    for (int row = 1; row < R && elcl_fixture_ok(&s->fx); row += 2)
        logits[row * V + row * 7 % V] = INFINITY;
    const int32_t *const fields[ELCL_ROW_INTS] = {[ELCL_ROW_TOKEN] = token};
    const struct elcl_log_prob_args args = {
        .out = elcl_fixture_output(&s->fx, NULL, R * sizeof(float)),
        .logits = elcl_rows_logits(&s->fx, logits, R, V),
        .step = elcl_fixture_records(&s->fx, 0, R, fields),
        .r = R,
        .v = V,
        .among = V};
    const float *got = ELCL_FIXTURE_TRY(&s->fx, elcl_op_log_prob(s->fx.ops, &args, &s->fx.err))
                           ? elcl_fixture_read(&s->fx, args.out)
                           : NULL;
    for (int row = 0; got && row < R; row++)
        CHECK(isnan(got[row]) == (row % 2 == 1), "row %d: %g", row, (double)got[row]);
    elcl_fixture_finish(&s->fx);
}

/* A row's bits do not depend on the other rows. */
static void test_invariance(struct suite *s)
{
    const int v = s->options->small ? 61 : 1000, width = 8;
    if (!suite_case(s, "select", "one row as among others"))
        return;
    const struct elcl_rows rows =
        elcl_rows_random(&s->fx, ELCL_ROWS_MAX, v, width, ELCL_LOGITS_NORMAL, false);
    const struct elcl_candidate *together = elcl_rows_run(&s->fx, &rows, NULL).selected;
    for (int row = 0; row < ELCL_ROWS_MAX; row += 2) {
        struct elcl_rows one = rows;
        one.r = 1;
        one.logits += (size_t)row * v;
        one.history += row * ELCL_ROWS_LENGTH;
        one.length[0] = rows.length[row];
        one.rules[0] = rows.rules[row];
        memcpy(one.lists[0], rows.lists[row], sizeof(one.lists[0]));
        elcl_fixture_equal(&s->fx, "candidates", elcl_rows_run(&s->fx, &one, NULL).selected,
                           together + (size_t)row * width, 2 * (size_t)width, 4);
    }
    elcl_fixture_finish(&s->fx);
}

void test_select(struct suite *s)
{
    test_sizes(s);
    test_vocabulary(s);
    test_all_banned(s);
    test_infinite(s);
    test_infinite_score(s);
    test_invariance(s);
}
