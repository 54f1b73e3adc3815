/* Sampling on the host: the random numbers, the distributions of transformers, streams. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "base/rng.h"
#include "base/util.h"
#include "check.h"
#include "ref/ref.h"
#include "search_reference.h"

/* ---- random numbers ------------------------------------------------------------------------ */

/* Known answers by the generator's authors. */
static void test_philox(void)
{
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    if (!check_case("philox, known answers"))
        return;
    for (size_t i = 0; i < ELCL_COUNT(known); i++) {
        uint32_t out[4];
        elcl_philox(known[i].counter, known[i].key, out);
        CHECK(!memcmp(out, known[i].out, sizeof(out)), "%zu: %08x %08x %08x %08x", i, out[0],
              out[1], out[2], out[3]);
    }
}

static void test_uniform(void)
{
    if (check_case("uniform numbers: range and mean")) {
        double sum = 0, squares = 0;
        const int n = 20000;
        for (int i = 0; i < n; i++) {
            const double u = (double)elcl_uniform(3, (uint64_t)i, 0, 1);
            CHECK(u > 0 && u < 1, "%d: %.9g", i, u);
            sum += u;
            squares += u * u;
        }
        CHECK(fabs(sum / n - 0.5) < 5 / sqrt(12.0 * n), "mean %.6g", sum / n);
        CHECK(fabs(squares / n - 1 / 3.0) < 5 * 0.3 / sqrt(n), "mean square %.6g", squares / n);
    }
    if (check_case("uniform numbers: every part of the name counts")) {
        const float u = elcl_uniform(1, 2, 3, 4);
        const float others[] = {
            elcl_uniform(2, 2, 3, 4), elcl_uniform(1 + (UINT64_C(1) << 32), 2, 3, 4),
            elcl_uniform(1, 3, 3, 4), elcl_uniform(1, 2 + (UINT64_C(1) << 32), 3, 4),
            elcl_uniform(1, 2, 4, 4), elcl_uniform(1, 2, 3, 5)};
        CHECK(u == elcl_uniform(1, 2, 3, 4), "not the same again");
        for (size_t i = 0; i < ELCL_COUNT(others); i++)
            CHECK(others[i] != u, "part %zu does not count", i);
    }
}

static void test_draw_record(void)
{
    if (!check_case("the record of a draw"))
        return;
    elcl_gen_options o = plain_options();
    struct elcl_row_draw draw;
    o.do_sample = 1;
    o.temperature = 0.5f;
    o.top_k = 7;
    o.top_p = 0.75f;
    o.min_p = 0.125f;
    o.typical_p = 0.25f;
    o.seed = 9;
    elcl_rules_draw(&o, 4, 2, 3, &draw);
    CHECK(sizeof(draw) == ELCL_DRAW_INTS * sizeof(int32_t), "%zu bytes", sizeof(draw));
    CHECK(draw.scale == 2 && draw.top_k == 7 && draw.top_p == 0.75f && draw.min_p == 0.125f &&
              draw.typical_p == 0.25f,
          "options");
    CHECK(draw.uniform == elcl_uniform(9, 4, 2, 3), "its number");
}

/* ---- distributions ------------------------------------------------------------------------- */

static double number(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key)->valuedouble;
}

static void check_stored_case(const cJSON *json)
{
    const cJSON *options = cJSON_GetObjectItemCaseSensitive(json, "options");
    const cJSON *logits = cJSON_GetObjectItemCaseSensitive(json, "logits");
    const cJSON *wanted = cJSON_GetObjectItemCaseSensitive(json, "probabilities");
    const int32_t history[] = {0};
    const struct elcl_ref_rules rules = {.forced_token = -1,
                                         .only_token = -1,
                                         .pad_token = -1,
                                         .unk_token = -1,
                                         .repetition_penalty =
                                             number(options, "repetition_penalty"),
                                         .history = history,
                                         .length = 1};
    const struct elcl_ref_sampling sampling = {.temperature = number(options, "temperature"),
                                               .top_k = (int)number(options, "top_k"),
                                               .top_p = number(options, "top_p"),
                                               .min_p = number(options, "min_p"),
                                               .typical_p = number(options, "typical_p")};
    float x[64];
    double scores[64], p[64], margin;
    const int v = cJSON_GetArraySize(logits);
    if (!CHECK(v > 0 && v <= 64 && cJSON_GetArraySize(wanted) == v, "%d logits", v))
        return;
    for (int i = 0; i < v; i++)
        x[i] = (float)cJSON_GetArrayItem(logits, i)->valuedouble;
    elcl_ref_scores(scores, x, &rules, v);
    CHECK(elcl_ref_warp(p, scores, &sampling, v, &margin), "memory");
    for (int i = 0; i < v; i++) {
        const double want = cJSON_GetArrayItem(wanted, i)->valuedouble;
        CHECK((p[i] > 0) == (want > 0) && fabs(p[i] - want) < 2e-6, "token %d has %.9g, want %.9g",
              i, p[i], want);
    }
}

static void test_goldens(void)
{
    char *path = elcl_path_join(check_root(), "tests/golden/sampling/cases.json");
    FILE *f = path ? fopen(path, "rb") : NULL;
    static char text[1 << 16];
    const size_t n = f ? fread(text, 1, sizeof(text), f) : 0;
    if (f)
        fclose(f);
    elcl_free(path);
    cJSON *root = cJSON_ParseWithLength(text, n);
    const cJSON *cases = cJSON_GetObjectItemCaseSensitive(root, "cases"), *c;
    int i = 0;
    cJSON_ArrayForEach(c, cases)
    {
        char *options = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(c, "options"));
        if (check_case("golden %d %s", i++, options))
            check_stored_case(c);
        cJSON_free(options);
    }
    if (check_case("goldens are there"))
        CHECK(i >= 30, "%d cases", i);
    cJSON_Delete(root);
}

/* ---- streams ------------------------------------------------------------------------------- */

/* The device's answer to a stream's draw, chosen by the test. */
struct choice {
    int32_t token;
    float score;
};

/* Runs one step in which stream s takes choices[s]. */
static void advance(struct elcl_search *s, const struct choice *choices)
{
    elcl_error err = {0};
    struct elcl_candidate candidates[8 * 8];
    int n_draws, n_rows, width = elcl_search_width(s);
    const struct elcl_search_draw *draws = elcl_search_draws(s, &n_draws);
    elcl_search_rows(s, &n_rows);
    for (int i = 0; i < n_rows * width; i++)
        candidates[i] = (struct elcl_candidate){-1, -3e38f};
    for (int d = 0; d < n_draws; d++) {
        struct elcl_candidate *at = &candidates[draws[d].row * width + 1 + draws[d].index];
        CHECK(at->token == -1, "two draws meet in row %d, index %d", (int)draws[d].row,
              (int)draws[d].index);
        *at =
            (struct elcl_candidate){choices[draws[d].stream].token, choices[draws[d].stream].score};
    }
    CHECK(!elcl_search_advance(s, candidates, width, &err), "%s", err.msg);
}

static void check_hypothesis(const elcl_hypothesis *h, const int32_t *ids, size_t n, float score,
                             enum elcl_finish_reason finish)
{
    CHECK(h->n_ids == n && !memcmp(h->ids, ids, n * sizeof(*ids)), "%zu ids", h->n_ids);
    CHECK(h->score == score && h->finish == finish, "score %.9g, finish %d", (double)h->score,
          (int)h->finish);
}

static void test_streams(void)
{
    if (!check_case("streams share rows, part, and end one by one"))
        return;
    elcl_gen_options o = plain_options();
    struct elcl_search *s = NULL;
    elcl_error err = {0};
    int n;
    o.do_sample = 1;
    o.num_return_sequences = 4;
    o.max_length = 5;
    if (!CHECK(!elcl_search_create(&o, 3, &s, &err), "%s", err.msg))
        return;
    CHECK(elcl_search_width(s) == 5, "width %d", elcl_search_width(s));
    elcl_search_rows(s, &n);
    CHECK(n == 1, "%d rows at the start", n);
    elcl_search_draws(s, &n);
    CHECK(n == 4, "%d draws at the start", n);
    advance(s, (struct choice[]){{2, -1}, {0, -2}, {2, -1}, {1, -4}}); /* 1 is EOS */
    const struct elcl_search_row *rows = elcl_search_rows(s, &n);
    CHECK(n == 2 && rows[0].token == 2 && rows[1].token == 0, "%d rows", n);
    const struct elcl_search_draw *draws = elcl_search_draws(s, &n);
    CHECK(n == 3 && draws[2].stream == 2 && draws[2].row == 0 && draws[2].index == 1, "%d draws",
          n);
    advance(s, (struct choice[]){{0, -1}, {-1, 0}, {2, -0.5f}, {0, 0}}); /* 1: all banned */
    rows = elcl_search_rows(s, &n);
    CHECK(n == 2 && rows[0].parent == 0 && rows[1].parent == 0, "%d rows", n);
    advance(s, (struct choice[]){{0, -1}, {0, 0}, {1, -0.25f}, {0, 0}});
    CHECK(!elcl_search_done(s), "done too early");
    advance(s, (struct choice[]){{2, -1}, {0, 0}, {0, 0}, {0, 0}});
    CHECK(elcl_search_done(s), "not done at max_length");
    const elcl_hypothesis *h;
    elcl_search_results(s, &h, &n);
    if (CHECK(n == 4, "%d hypotheses", n)) {
        check_hypothesis(&h[0], (int32_t[]){0, 2, 0, 0, 2}, 5, -4, ELCL_FINISH_LENGTH);
        check_hypothesis(&h[1], (int32_t[]){0, 0}, 2, -2, ELCL_FINISH_LENGTH);
        check_hypothesis(&h[2], (int32_t[]){0, 2, 2, 1}, 4, -1.75f, ELCL_FINISH_EOS);
        check_hypothesis(&h[3], (int32_t[]){0, 1}, 2, -4, ELCL_FINISH_EOS);
    }
    elcl_search_destroy(&s);
}

/* ---- options ------------------------------------------------------------------------------- */

static void test_options(void)
{
    elcl_gen_options o = plain_options();
    elcl_error err = {0};
    o.temperature = -1; /* no effect without do_sample */
    if (check_case("options of sampling are not looked at without it"))
        CHECK(!elcl_options_check(&o, 30, 40, &err), "%s", err.msg);
    o = plain_options();
    o.do_sample = 1;
    o.temperature = o.top_p = o.typical_p = 1;
    o.num_return_sequences = 9;
    if (check_case("sampling takes more sequences than beams"))
        CHECK(!elcl_options_check(&o, 30, 40, &err), "%s", err.msg);
    static const struct {
        const char *message;
        float temperature, top_p, min_p, typical_p;
        int top_k, groups, code;
    } bad[] = {
        {"temperature is 0", 0, 1, 0, 1, 0, 1, ELCL_E_ARG},
        {"temperature is nan", NAN, 1, 0, 1, 0, 1, ELCL_E_ARG},
        {"top_p is 1.5", 1, 1.5f, 0, 1, 0, 1, ELCL_E_ARG},
        {"min_p is -0.5", 1, 1, -0.5f, 1, 0, 1, ELCL_E_ARG},
        {"typical_p is 0", 1, 1, 0, 0, 0, 1, ELCL_E_ARG},
        {"top_k is -1", 1, 1, 0, 1, -1, 1, ELCL_E_ARG},
        {"num_beam_groups is 9", 1, 1, 0, 1, 0, 9, ELCL_E_ARG},
    };
    for (size_t i = 0; i < ELCL_COUNT(bad); i++) {
        if (!check_case("refused: %s", bad[i].message))
            continue;
        elcl_gen_options b = o;
        b.temperature = bad[i].temperature;
        b.top_p = bad[i].top_p;
        b.min_p = bad[i].min_p;
        b.typical_p = bad[i].typical_p;
        b.top_k = bad[i].top_k;
        b.num_beams = b.num_beam_groups = bad[i].groups;
        b.diversity_penalty = bad[i].groups > 1;
        err = (elcl_error){0};
        CHECK(elcl_options_check(&b, 30, 40, &err) == bad[i].code &&
                  strstr(err.msg, bad[i].message) == err.msg,
              "got \"%s\"", err.msg);
    }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_philox();
    test_uniform();
    test_draw_record();
    test_goldens();
    test_streams();
    test_options();
    return check_end();
}
