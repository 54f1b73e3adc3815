/* Sizes and logits for sampling, with and without beams; ties, distribution and special cases. */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "base/util.h"
#include "selftest/logits.h"
#include "suite.h"

#define MAX_DRAWS 575 /* with the best token select_best's widest row */

static const int sizes[] = {61, 7, 1, 1000, 50265};

static size_t n_sizes(const struct suite *s)
{
    return s->options->small ? 2 : s->full ? ELCL_COUNT(sizes) : 4;
}

/* Rows are drawn again until no mass is nearer to a cut-off than f32 can tell. */
static void check_rows(struct suite *s, int v, enum elcl_logits kind)
{
    const bool small = s->options->small;
    const int n_draws = small ? 3 : v > 100 ? 5 : 40;
    const int n = v > 1000 || small ? 2 : s->full ? 20 : 4;
    int done = 0;
    for (int tries = 0; done < n && tries < 20 * n; tries++)
        done += elcl_check_sample(&s->fx, v, n_draws, kind, done % 2,
                                  kind == ELCL_LOGITS_NORMAL && !done ? &elcl_sample_cuts : NULL);
    CHECK(done == n, "only %d rows of %d were far enough from every cut-off", done, n);
}

static void test_rows(struct suite *s)
{
    static const enum elcl_logits kinds[] = {ELCL_LOGITS_NORMAL, ELCL_LOGITS_TIES,
                                             ELCL_LOGITS_EQUAL, ELCL_LOGITS_NANS, ELCL_LOGITS_HUGE};
    for (size_t i = 0; i < n_sizes(s); i++)
        for (size_t j = 0; j < ELCL_COUNT(kinds); j++)
            if (suite_case(s, "sample", "V=%d %s", sizes[i], elcl_logit_names[kinds[j]]))
                check_rows(s, sizes[i], kinds[j]);
}

/* What is equal at a cut-off stays together: by hand, with the numbers that decide. */
static void test_ties(struct suite *s)
{
    static const struct {
        const char *name;
        struct elcl_row_draw cuts;
        int kept; /* bits */
    } cases[] = {
        {"top_k 2", {.top_k = 2, .scale = 1, .top_p = 1, .typical_p = 1}, 0x0b},
        {"top_k 1", {.top_k = 1, .scale = 1, .top_p = 1, .typical_p = 1}, 0x01},
        {"top_k V", {.top_k = 6, .scale = 1, .top_p = 1, .typical_p = 1}, 0x3f},
        {"top_k > V", {.top_k = 1 << 30, .scale = 1, .top_p = 1, .typical_p = 1}, 0x3f},
        {"top_p 1", {.scale = 1, .top_p = 1, .typical_p = 1}, 0x3f},
        {"top_p 0", {.scale = 1, .top_p = 0, .typical_p = 1}, 0x01},
        {"top_p tiny", {.scale = 1, .top_p = 1e-30f, .typical_p = 1}, 0x01},
        {"top_p at two", {.scale = 1, .top_p = 0.4f, .typical_p = 1}, 0x0b},
        {"min_p 1", {.scale = 1, .top_p = 1, .min_p = 1, .typical_p = 1}, 0x01},
        {"min_p below two", {.scale = 1, .top_p = 1, .min_p = 0.5f, .typical_p = 1}, 0x0b},
        {"cold", {.scale = 1e6f, .top_p = 1, .typical_p = 1}, 0x01},
    };
    /* Two ties; probabilities of 0.29, 0.19, 0.12, 0.19, 0.12 and 0.09. */
    static const float logits[] = {1, 0.6f, 0.1f, 0.6f, 0.1f, -0.2f};
    enum { N = 16 };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        if (!suite_case(s, "sample", "ties, %s", cases[i].name))
            continue;
        struct elcl_rows rows =
            elcl_sample_rows(&s->fx, (int)ELCL_COUNT(logits), logits, N, &cases[i].cuts);
        rows.draws[N - 1].uniform = 1 - 0x1p-24f; /* the last token has a draw at the very end */
        const struct elcl_candidate *got = elcl_sample_run(&s->fx, &rows);
        int seen = 0;
        for (int d = 0; got && d < N; d++)
            seen |= got[d].token >= 0 ? 1 << got[d].token : 1 << 30;
        CHECK(seen == cases[i].kept, "drawn are %#x, want %#x", (unsigned)seen,
              (unsigned)cases[i].kept);
        elcl_fixture_finish(&s->fx);
    }
}

static void test_special(struct suite *s)
{
    static const float logits[] = {0.5f, NAN, -INFINITY, 2};
    static const float nothing[] = {NAN, -INFINITY, NAN, NAN};
    static const struct elcl_row_draw plain = {.scale = 1, .top_p = 0.9f, .typical_p = 1};
    if (suite_case(s, "sample", "forced")) {
        struct elcl_rows rows = elcl_sample_rows(&s->fx, 4, logits, 1, &plain);
        rows.rules[0].forced_token = rows.rules[1].forced_token = 0;
        const struct elcl_candidate *got = elcl_sample_run(&s->fx, &rows);
        CHECK(got && got->token == 0 && fabs((double)got->score + 1.7014132779827524) < 1e-6,
              "%d %.9g", got ? got->token : -1, got ? (double)got->score : 0);
        elcl_fixture_finish(&s->fx);
    }
    if (suite_case(s, "sample", "all banned")) {
        struct elcl_rows rows = elcl_sample_rows(&s->fx, 4, nothing, 2, &plain);
        rows.draws[1].top_k = 2;
        rows.draws[1].typical_p = 0.5f;
        const struct elcl_candidate *got = elcl_sample_run(&s->fx, &rows);
        for (int d = 0; got && d < 2; d++)
            elcl_rows_check_none(&s->fx, &got[d], d, elcl_rows_none(nothing, 4));
        elcl_fixture_finish(&s->fx);
    }
}

enum { DISTRIBUTION_V = 23, RUNS = 8 };

/* Chi-square of counts [DISTRIBUTION_V] against p, at a limit that a right sampler exceeds only
 * once in 10^5. */
static void check_counts(const int *count, const double *p)
{
    double chi = 0, small = 0;
    int n_classes = 0, rest = 0;
    for (int i = 0; i < DISTRIBUTION_V; i++) {
        const double want = p[i] * (double)(MAX_DRAWS * RUNS);
        CHECK(p[i] > 0 || !count[i], "token %d is cut off and came %d times", i, count[i]);
        if (want < 10) {
            small += want;
            rest += count[i];
            continue;
        }
        chi += (count[i] - want) * (count[i] - want) / want;
        n_classes++;
    }
    if (small >= 1) {
        chi += (rest - small) * (rest - small) / small;
        n_classes++;
    }
    /* Wilson and Hilferty: (chi / k)^(1/3) is about normal */
    const double k = n_classes - 1, a = 2 / (9 * k), limit = 1 - a + 4.26 * sqrt(a);
    CHECK(chi < k * limit * limit * limit, "chi-square %.4g with %g degrees of freedom", chi, k);
}

/* Draws by the project's random numbers follow the distribution of the reference. */
static void test_distribution(struct suite *s)
{
    static const struct elcl_row_draw cuts[] = {
        {.scale = 1, .top_p = 1, .typical_p = 1},
        {.top_k = 9, .scale = 0.7f, .top_p = 0.9f, .min_p = 0.02f, .typical_p = 0.95f}};
    float logits[DISTRIBUTION_V];
    double scores[DISTRIBUTION_V], p[DISTRIBUTION_V], margin;
    for (int i = 0; i < DISTRIBUTION_V; i++) {
        logits[i] = (float)((i * 7) % DISTRIBUTION_V) * 0.19f; /* fixed: the numbers are, too */
        scores[i] = (double)logits[i];
    }
    for (size_t c = 0; c < ELCL_COUNT(cuts) && !s->options->small; c++) {
        const struct elcl_ref_sampling sampling = elcl_sample_reference(&cuts[c]);
        int count[DISTRIBUTION_V] = {0};
        if (!suite_case(s, "sample", "distribution %zu", c))
            continue;
        CHECK(elcl_ref_warp(p, scores, &sampling, DISTRIBUTION_V, &margin) && margin > 1e-4,
              "margin");
        for (int run = 0; run < RUNS; run++) {
            struct elcl_rows rows =
                elcl_sample_rows(&s->fx, DISTRIBUTION_V, logits, MAX_DRAWS, &cuts[c]);
            for (int d = 0; d < MAX_DRAWS; d++)
                rows.draws[d].uniform = elcl_uniform(5, (uint64_t)run, (uint32_t)d, 1);
            const struct elcl_candidate *got = elcl_sample_run(&s->fx, &rows);
            for (int d = 0; got && d < MAX_DRAWS; d++)
                if (CHECK(got[d].token >= 0 && got[d].token < DISTRIBUTION_V, "token %d",
                          got[d].token))
                    count[got[d].token]++;
            elcl_fixture_finish(&s->fx);
        }
        check_counts(count, p);
    }
}

/* ---- beams --------------------------------------------------------------------------------- */

static void test_beam_rows(struct suite *s)
{
    static const enum elcl_logits kinds[] = {ELCL_LOGITS_NORMAL, ELCL_LOGITS_TIES,
                                             ELCL_LOGITS_EQUAL, ELCL_LOGITS_NANS, ELCL_LOGITS_WIDE};
    static const int widths[] = {1, 4, 9, 130};
    const bool small = s->options->small;
    for (size_t i = 0; i < n_sizes(s); i++)
        for (size_t j = 0; j < ELCL_COUNT(kinds); j++) {
            const int n = small || sizes[i] > 1000 ? 2 : s->full ? 12 : 4;
            if (suite_case(s, "sample_beams", "V=%d %s", sizes[i], elcl_logit_names[kinds[j]]))
                for (int run = 0; run < n; run++)
                    elcl_check_sample_beams(&s->fx, sizes[i], widths[run % (small ? 3 : 4)],
                                            kinds[j]);
        }
}

/* Cold: Gumbel numbers no longer matter, so the order is that of the logits. */
static void test_cold(struct suite *s)
{
    static const float logits[] = {0.5f, -2, 3, NAN, 1, -INFINITY};
    static const int order[] = {2, 4, 0, 1, -1, -1};
    enum { V = (int)ELCL_COUNT(logits) };
    if (!suite_case(s, "sample_beams", "cold"))
        return;
    struct elcl_rows rows = elcl_rows(&s->fx, ELCL_ROWS_MAX, V, V, ELCL_ROWS_MAX);
    for (int r = 0; r < ELCL_ROWS_MAX; r++) {
        elcl_beams_fill(&s->fx, &rows, r, ELCL_LOGITS_NORMAL);
        memcpy(rows.logits + (size_t)r * V, logits, sizeof(logits));
        rows.rules[r].ban_eos = rows.rules[r].watch = 0;
        rows.rules[r].repetition_penalty = 1;
        rows.draws[r] = (struct elcl_row_draw){.row = r, .scale = 1e6f, .top_p = 1, .typical_p = 1};
    }
    const struct elcl_candidate *got = elcl_rows_run(&s->fx, &rows, elcl_op_sample_beams).drawn;
    for (int i = 0; got && i < ELCL_ROWS_MAX * V; i++)
        CHECK(got[i].token == order[i % V], "%d: token %d, want %d", i, got[i].token, order[i % V]);
    elcl_fixture_finish(&s->fx);
}

/* Rows with a forced token and without any: their candidates stay those of select_best. */
static void test_closed(struct suite *s)
{
    enum { V = 9, WIDTH = 6 };
    if (!suite_case(s, "sample_beams", "forced, all banned"))
        return;
    struct elcl_rows rows = elcl_rows(&s->fx, ELCL_ROWS_MAX, V, WIDTH, ELCL_ROWS_MAX);
    for (int r = 0; r < ELCL_ROWS_MAX; r++) {
        elcl_beams_fill(&s->fx, &rows, r, r % 2 ? ELCL_LOGITS_NORMAL : ELCL_LOGITS_NOTHING);
        if (r % 2)
            rows.rules[r].forced_token = r;
    }
    const struct elcl_rows_result got = elcl_rows_run(&s->fx, &rows, elcl_op_sample_beams);
    elcl_fixture_equal(&s->fx, "candidates", got.drawn, got.selected, (size_t)ELCL_ROWS_MAX * WIDTH,
                       sizeof(*got.drawn));
    for (int r = 0; got.drawn && r < ELCL_ROWS_MAX; r++)
        CHECK(got.drawn[r * WIDTH].token == (r % 2 ? r : ELCL_TOKEN_NO_LOGIT), "row %d: token %d",
              r, got.drawn[r * WIDTH].token);
    elcl_fixture_finish(&s->fx);
}

void test_sample(struct suite *s)
{
    test_rows(s);
    test_ties(s);
    test_special(s);
    test_distribution(s);
    test_beam_rows(s);
    test_cold(s);
    test_closed(s);
}
