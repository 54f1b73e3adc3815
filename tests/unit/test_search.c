/* The searches against transformers' stored results and against a plain beam search. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "../check.h"
#include "base/os.h"
#include "base/util.h"
#include "search_reference.h"

/* ---- stored results ------------------------------------------------------------------------ */

static int read_int(const cJSON *object, const char *key, int missing)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(item) ? (int)item->valuedouble : missing;
}

static float read_float(const cJSON *object, const char *key)
{
    return (float)cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static enum elcl_early_stopping read_early(const cJSON *options)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(options, "early_stopping");
    if (cJSON_IsString(item))
        return ELCL_EARLY_NEVER;
    return cJSON_IsTrue(item) ? ELCL_EARLY_TRUE : ELCL_EARLY_FALSE;
}

static elcl_gen_options golden_options(const cJSON *json)
{
    elcl_gen_options o = {
        .num_beams = read_int(json, "num_beams", -1),
        .num_return_sequences = read_int(json, "num_return_sequences", -1),
        .num_beam_groups = read_int(json, "num_beam_groups", -1),
        .diversity_penalty = read_float(json, "diversity_penalty"),
        .length_penalty = read_float(json, "length_penalty"),
        .early_stopping = read_early(json),
        .max_length = read_int(json, "max_length", 0),
        .max_new_tokens = read_int(json, "max_new_tokens", 0),
        .min_length = read_int(json, "min_length", 0),
        .min_new_tokens = read_int(json, "min_new_tokens", 0),
        .no_repeat_ngram_size = read_int(json, "no_repeat_ngram_size", -1),
        .repetition_penalty = read_float(json, "repetition_penalty"),
        .decoder_start_token_id = read_int(json, "decoder_start_token_id", -1),
        .forced_bos_token_id = read_int(json, "forced_bos_token_id", -1),
        .forced_eos_token_id = read_int(json, "forced_eos_token_id", -1),
        .pad_token_id = read_int(json, "pad_token_id", -1),
    };
    const cJSON *eos = cJSON_GetObjectItemCaseSensitive(json, "eos_token_id"), *id;
    if (cJSON_IsNumber(eos))
        o.eos_token_ids[o.n_eos++] = (int32_t)eos->valuedouble;
    cJSON_ArrayForEach(id, eos)
    {
        if (o.n_eos < ELCL_MAX_EOS)
            o.eos_token_ids[o.n_eos++] = (int32_t)id->valuedouble;
    }
    return o;
}

/* [vocabulary, period, vocabulary]; NULL when the file has another number of logits. */
static float *golden_table(const cJSON *json, int vocabulary, int period)
{
    const size_t n = (size_t)vocabulary * (size_t)period * (size_t)vocabulary;
    float *table = elcl_calloc(n, sizeof(*table));
    size_t i = 0;
    const cJSON *token, *position, *logit;
    cJSON_ArrayForEach(token, json)
    {
        cJSON_ArrayForEach(position, token)
        {
            cJSON_ArrayForEach(logit, position)
            {
                if (table && i < n)
                    table[i] = (float)logit->valuedouble;
                i++;
            }
        }
    }
    if (table && i == n)
        return table;
    elcl_free(table);
    return NULL;
}

static bool is_eos(const elcl_gen_options *o, int32_t token)
{
    for (int i = 0; i < o->n_eos; i++)
        if (o->eos_token_ids[i] == token)
            return true;
    return false;
}

static void check_golden_result(const struct outcome *got, int i, const cJSON *want,
                                const elcl_gen_options *o)
{
    const cJSON *ids = cJSON_GetObjectItemCaseSensitive(want, "ids");
    const int n = cJSON_GetArraySize(ids);
    const int32_t *got_ids = got->ids + (size_t)i * (size_t)got->max_length;
    if (!CHECK(got->n_ids[i] == n, "hypothesis %d: got %d ids, want %d", i, got->n_ids[i], n))
        return;
    for (int j = 0; j < n; j++) {
        const int id = (int)cJSON_GetArrayItem(ids, j)->valuedouble;
        /* Beam search of 4.47.1 writes the first EOS at the end, whichever EOS it was. */
        const bool any = o->num_beams > 1 && j == n - 1 && id == o->eos_token_ids[0];
        CHECK(any ? is_eos(o, got_ids[j]) || got_ids[j] == id : got_ids[j] == id,
              "hypothesis %d, id %d: got %d, want %d", i, j, (int)got_ids[j], id);
    }
    const double score = (double)read_float(want, "score");
    const double tolerance = 1e-5 + 5e-7 * fabs(score); /* some scores are in the hundreds */
    CHECK(fabs((double)got->scores[i] - score) <= tolerance,
          "hypothesis %d: got score %.9g, want %.9g", i, (double)got->scores[i], score);
    CHECK((got->finish[i] == ELCL_FINISH_EOS) == is_eos(o, got_ids[n - 1]),
          "hypothesis %d: finish reason %d", i, (int)got->finish[i]);
}

static void check_golden(const cJSON *json, const elcl_gen_options *o)
{
    struct table_model model = {.vocabulary = read_int(json, "vocab_size", 0),
                                .period = read_int(json, "period", 0)};
    const cJSON *results = cJSON_GetObjectItemCaseSensitive(json, "results");
    float *table = golden_table(cJSON_GetObjectItemCaseSensitive(json, "table"), model.vocabulary,
                                model.period);
    if (!CHECK(table, "the table is not [vocab_size, period, vocab_size]"))
        return;
    model.table = table;
    elcl_error err = {0};
    struct outcome got = {0};
    const int n = cJSON_GetArraySize(results);
    CHECK(!elcl_options_check(o, model.vocabulary, 1024, &err), "%s", err.msg);
    CHECK(!run_search(o, &model, &got, &err), "%s", err.msg);
    CHECK(got.n == n && n == o->num_return_sequences, "got %d hypotheses, want %d", got.n, n);
    for (int i = 0; i < got.n && i < n; i++)
        check_golden_result(&got, i, cJSON_GetArrayItem(results, i), o);
    outcome_free(&got);
    elcl_free(table);
}

static void test_goldens(void)
{
    char *path = elcl_path_join(check_root(), "tests/golden/search/cases.json");
    char *text = NULL;
    size_t bytes = 0;
    elcl_error err = {0};
    cJSON *file = NULL;
    if (!elcl_read_file(path, 64 << 20, &text, &bytes, &err))
        file = cJSON_ParseWithLength(text, bytes);
    const cJSON *cases = cJSON_GetObjectItemCaseSensitive(file, "cases");
    const int n = cJSON_GetArraySize(cases);
    if (check_case("golden file"))
        CHECK(n > 0, "%s: no cases: %s", path, err.msg);
    for (int i = 0; i < n; i++) {
        const cJSON *json = cJSON_GetArrayItem(cases, i);
        const elcl_gen_options o =
            golden_options(cJSON_GetObjectItemCaseSensitive(json, "options"));
        if (check_case("golden %d K=%d early=%d length_penalty=%g", i, o.num_beams,
                       (int)o.early_stopping, (double)o.length_penalty))
            check_golden(json, &o);
    }
    cJSON_Delete(file);
    elcl_free(text);
    elcl_free(path);
}

/* ---- properties ---------------------------------------------------------------------------- */

static int32_t random_token(int vocabulary)
{
    return check_int(0, vocabulary - 1);
}

static elcl_gen_options random_options(int num_beams, int vocabulary)
{
    static const float penalties[] = {1, 0, 2, -1, 0.5f, -0.5f, 0.6f};
    elcl_gen_options o = plain_options();
    o.num_beams = num_beams;
    o.num_return_sequences = check_int(1, num_beams);
    o.length_penalty = penalties[check_int(0, (int)ELCL_COUNT(penalties) - 1)];
    o.early_stopping = (enum elcl_early_stopping)check_int(0, 2);
    o.max_length = check_int(2, 14);
    o.max_new_tokens = check_int(0, 3) ? 0 : check_int(1, 10);
    o.min_length = check_int(0, 2) ? 0 : check_int(0, o.max_length + 2);
    o.min_new_tokens = check_int(0, 3) ? 0 : check_int(1, 8);
    o.no_repeat_ngram_size = check_int(0, 1) ? 0 : check_int(1, 3);
    o.repetition_penalty = check_int(0, 1) ? 1 : (float)check_uniform(0.7, 1.5);
    o.decoder_start_token_id = random_token(vocabulary);
    o.forced_bos_token_id = check_int(0, 2) ? -1 : random_token(vocabulary);
    o.forced_eos_token_id = check_int(0, 2) ? -1 : random_token(vocabulary);
    o.n_eos = check_int(0, 4);
    for (int i = 0; i < o.n_eos; i++)
        o.eos_token_ids[i] = random_token(vocabulary);
    return o;
}

/* Properties of every search: scores are numbers and fall, ids are in bounds. Greedy search counts
 * a forced token at its own log-probability, which may be -inf. */
static void check_sound(const struct outcome *got, const elcl_gen_options *o, int vocabulary)
{
    CHECK(got->n >= 1 && got->n <= o->num_return_sequences, "%d hypotheses", got->n);
    CHECK(got->max_rows <= o->num_beams, "%d rows", got->max_rows);
    for (int i = 0; i < got->n; i++) {
        const int32_t *ids = got->ids + (size_t)i * (size_t)got->max_length;
        const bool number = o->num_beams > 1 ? isfinite(got->scores[i]) : !isnan(got->scores[i]);
        CHECK(number, "score %d is %g", i, (double)got->scores[i]);
        CHECK(!i || got->scores[i] <= got->scores[i - 1], "score %d rises", i);
        CHECK(got->n_ids[i] >= 1 && got->n_ids[i] <= got->max_length, "%d ids", got->n_ids[i]);
        CHECK(ids[0] == o->decoder_start_token_id, "starts with %d", (int)ids[0]);
        for (int j = 0; j < got->n_ids[i]; j++)
            CHECK(ids[j] >= 0 && ids[j] < vocabulary, "id %d", (int)ids[j]);
    }
}

static void check_same(const struct outcome *got, const struct outcome *want)
{
    CHECK(got->steps == want->steps, "%d steps, want %d", got->steps, want->steps);
    if (!CHECK(got->n == want->n, "%d hypotheses, want %d", got->n, want->n))
        return;
    for (int i = 0; i < got->n; i++) {
        const size_t at = (size_t)i * (size_t)got->max_length;
        if (!CHECK(got->n_ids[i] == want->n_ids[i], "hypothesis %d: %d ids, want %d", i,
                   got->n_ids[i], want->n_ids[i]))
            continue;
        CHECK(!memcmp(got->ids + at, want->ids + at, (size_t)got->n_ids[i] * sizeof(*got->ids)),
              "hypothesis %d: other ids", i);
        CHECK(got->scores[i] == want->scores[i], "hypothesis %d: score %.9g, want %.9g", i,
              (double)got->scores[i], (double)want->scores[i]);
        CHECK(got->finish[i] == want->finish[i], "hypothesis %d: finish reason", i);
    }
}

static void compare_with_plain(const elcl_gen_options *o, const struct table_model *model)
{
    struct outcome got = {0}, want = {0};
    elcl_error err = {0};
    CHECK(!elcl_options_check(o, model->vocabulary, 64, &err), "%s", err.msg);
    if (CHECK(!run_search(o, model, &got, &err), "%s", err.msg)) {
        check_sound(&got, o, model->vocabulary);
        if (o->num_beams > 1) {
            run_plain_beams(o, model, &want);
            check_same(&got, &want);
        }
    }
    outcome_free(&got);
    outcome_free(&want);
}

/* Beams that share rows against beams that never do, also over vocabularies smaller than the width,
 * with equal scores and with banned tokens. */
static void test_random(void)
{
    for (int K = 1; K <= 8; K++) {
        for (int kind = 0; kind < 4; kind++) {
            static const char *const names[] = {"plain", "small", "equal", "banned"};
            if (!check_case("random K=%d %s", K, names[kind]))
                continue;
            for (int i = 0; i < 60; i++) {
                struct table_model m = {.seed = check_random(), .spread = check_uniform(0.5, 3)};
                m.vocabulary = kind == 1 ? check_int(1, 2 * K) : check_int(2 * K, 4 * K + 10);
                m.levels = kind == 2 ? check_int(1, 3) : 0;
                m.banned = kind == 3 ? check_uniform(0, 1) : 0;
                m.dead_from = kind == 3 && check_int(0, 1) ? check_int(1, 8) : 0;
                const elcl_gen_options o = random_options(K, m.vocabulary);
                compare_with_plain(&o, &m);
            }
        }
    }
    if (check_case("random K=%d", ELCL_MAX_BEAMS)) {
        const struct table_model m = {.vocabulary = 700, .seed = check_random(), .spread = 2};
        elcl_gen_options o = random_options(ELCL_MAX_BEAMS, m.vocabulary);
        o.max_length = 6;
        o.max_new_tokens = 0;
        compare_with_plain(&o, &m);
    }
}

/* No token may follow a history of `dead_from` tokens: the sentence ends there. */
static void test_everything_banned(void)
{
    for (int K = 1; K <= 4; K++) {
        for (int from = 1; from <= 4; from++) {
            if (!check_case("everything banned K=%d after %d tokens", K, from))
                continue;
            const struct table_model m = {
                .vocabulary = 20, .seed = check_random(), .spread = 1, .dead_from = from};
            elcl_gen_options o = plain_options();
            o.num_beams = o.num_return_sequences = K;
            o.min_length = 12; /* nothing is finished before */
            struct outcome got;
            elcl_error err = {0};
            CHECK(!run_search(&o, &m, &got, &err), "%s", err.msg);
            check_sound(&got, &o, m.vocabulary);
            CHECK(got.n == K, "%d hypotheses", got.n);
            for (int i = 0; i < got.n; i++) {
                CHECK(got.n_ids[i] == from, "%d ids", got.n_ids[i]);
                CHECK(got.finish[i] == ELCL_FINISH_LENGTH, "finish reason");
            }
            outcome_free(&got);
        }
    }
}

static void test_lengths(void)
{
    for (int K = 1; K <= 5; K += 2) {
        const struct table_model m = {.vocabulary = 30, .seed = 5, .spread = 2};
        struct outcome got = {0};
        elcl_error err = {0};
        elcl_gen_options o = plain_options();
        o.num_beams = o.num_return_sequences = K;
        o.max_length = o.min_length = 7;
        if (check_case("min_length = max_length K=%d", K)) {
            CHECK(!run_search(&o, &m, &got, &err), "%s", err.msg);
            CHECK(got.n == K && got.steps == 6, "%d hypotheses, %d steps", got.n, got.steps);
            for (int i = 0; i < got.n; i++)
                CHECK(got.n_ids[i] == 7 && got.finish[i] == ELCL_FINISH_LENGTH, "%d ids",
                      got.n_ids[i]);
            outcome_free(&got);
        }
        o.max_length = 2;
        o.min_length = 0;
        o.forced_eos_token_id = 1;
        o.forced_bos_token_id = 9; /* the forced EOS wins */
        if (check_case("max_length 2 K=%d", K)) {
            CHECK(!run_search(&o, &m, &got, &err), "%s", err.msg);
            CHECK(got.n == K && got.steps == 1, "%d hypotheses, %d steps", got.n, got.steps);
            CHECK(got.n_ids[0] == 2 && got.ids[1] == 1, "%d ids", got.n_ids[0]);
            CHECK(got.finish[0] == ELCL_FINISH_EOS, "finish reason");
            CHECK(K == 1 || got.scores[0] == 0, "score %g", (double)got.scores[0]);
            outcome_free(&got);
        }
    }
}

/* Beams with the same history run once: one row at the start and after a forced token. */
static void test_rows(void)
{
    if (!check_case("rows are shared"))
        return;
    elcl_gen_options o = plain_options();
    o.num_beams = 4;
    struct elcl_search *s = NULL;
    elcl_error err = {0};
    struct elcl_candidate forced[8] = {{5, 0}}, row[8];
    for (int i = 0; i < 8; i++)
        row[i] = (struct elcl_candidate){i + 2, -(float)i - 0.5f};
    for (int i = 1; i < 8; i++)
        forced[i] = (struct elcl_candidate){-1, -INFINITY};
    if (!CHECK(!elcl_search_create(&o, 50, &s, &err), "%s", err.msg))
        return;
    CHECK(elcl_search_width(s) == 8, "width %d", elcl_search_width(s));
    for (int step = 0; step < 2; step++) {
        int n;
        const struct elcl_search_row *rows = elcl_search_rows(s, &n);
        CHECK(n == 1 && rows[0].parent == 0 && rows[0].token == (step ? 5 : 0), "%d rows", n);
        CHECK(!elcl_search_advance(s, step ? row : forced, 8, &err), "%s", err.msg);
    }
    int n;
    const struct elcl_search_row *rows = elcl_search_rows(s, &n);
    CHECK(n == 4 && elcl_search_length(s) == 3, "%d rows of %d", n, elcl_search_length(s));
    for (int r = 0; r < n; r++)
        CHECK(rows[r].parent == 0 && rows[r].token == r + 2, "row %d: token %d", r,
              (int)rows[r].token);
    elcl_search_destroy(&s);
    CHECK(!s, "destroy sets NULL");
    elcl_search_destroy(&s);
    elcl_search_destroy(NULL);
}

/* Of two finished hypotheses of equal score and a better third, the older one leaves. */
static void test_oldest_leaves(void)
{
    if (!check_case("of equal hypotheses the older one leaves"))
        return;
    static const struct elcl_candidate steps[3][2][4] = {
        {{{2, -1}, {3, -1}, {4, -9}, {5, -9}}},
        {{{1, -1}, {4, -1.5f}, {5, -9}, {6, -9}}, {{1, -1}, {4, -1.5f}, {5, -9}, {6, -9}}},
        {{{1, -0.125f}, {4, -9}, {5, -9}, {6, -9}}, {{4, -9}, {5, -9}, {6, -9}, {7, -9}}},
    };
    elcl_gen_options o = plain_options();
    o.num_beams = o.num_return_sequences = 2;
    o.early_stopping = ELCL_EARLY_NEVER;
    o.max_length = 4;
    struct elcl_search *s = NULL;
    elcl_error err = {0};
    if (!CHECK(!elcl_search_create(&o, 10, &s, &err), "%s", err.msg))
        return;
    for (int i = 0; i < 3; i++)
        CHECK(!elcl_search_advance(s, steps[i][0], 4, &err), "step %d: %s", i, err.msg);
    const elcl_hypothesis *h;
    int n;
    elcl_search_results(s, &h, &n);
    if (CHECK(elcl_search_done(s) && n == 2, "%d hypotheses", n)) {
        CHECK(h[0].n_ids == 4 && h[0].ids[1] == 2 && h[0].ids[2] == 4, "best: %zu", h[0].n_ids);
        CHECK(h[0].score == -2.625f / 3, "score %g", (double)h[0].score);
        CHECK(h[1].n_ids == 3 && h[1].ids[1] == 3, "second: %zu ids", h[1].n_ids);
        CHECK(h[1].score == -1, "score %g", (double)h[1].score);
    }
    elcl_search_destroy(&s);
}

static void test_greedy(void)
{
    if (!check_case("greedy adds up and stops"))
        return;
    elcl_gen_options o = plain_options();
    o.n_eos = 2;
    o.eos_token_ids[1] = 3;
    struct elcl_search *s = NULL;
    elcl_error err = {0};
    static const struct elcl_candidate steps[] = {{4, -0.5f}, {4, -0.25f}, {3, -1}};
    if (!CHECK(!elcl_search_create(&o, 10, &s, &err), "%s", err.msg))
        return;
    CHECK(elcl_search_width(s) == 1, "width %d", elcl_search_width(s));
    for (int i = 0; i < 3; i++) {
        CHECK(!elcl_search_done(s), "done after %d steps", i);
        CHECK(!elcl_search_advance(s, &steps[i], 1, &err), "%s", err.msg);
    }
    const elcl_hypothesis *h;
    int n;
    elcl_search_results(s, &h, &n);
    CHECK(elcl_search_done(s) && n == 1, "%d hypotheses", n);
    if (n == 1) {
        CHECK(h->n_ids == 4 && h->ids[1] == 4 && h->ids[3] == 3, "%zu ids", h->n_ids);
        CHECK(h->score == -1.75f, "score %g", (double)h->score);
        CHECK(h->finish == ELCL_FINISH_EOS, "finish reason");
    }
    CHECK(elcl_search_advance(s, steps, 1, &err) == ELCL_E_INTERNAL, "advance after the end");
    elcl_search_destroy(&s);
}

/* Bad candidates are refused; the search then continues unchanged. */
static void test_bad_candidates(void)
{
    for (int K = 1; K <= 2; K++) {
        if (!check_case("bad candidates K=%d", K))
            continue;
        elcl_gen_options o = plain_options();
        o.num_beams = K;
        struct elcl_search *s = NULL;
        elcl_error err = {0};
        if (!CHECK(!elcl_search_create(&o, 10, &s, &err), "%s", err.msg))
            return;
        const int width = elcl_search_width(s);
        struct elcl_candidate good[4] = {{2, -1}, {3, -2}, {4, -3}, {5, -4}}, bad[4];
        for (int kind = 0; kind < 5; kind++) {
            static const char *const messages[] = {
                "candidate 0 of row 0 is token 10", "candidate 0 of row 0 is token -3",
                "score of token 2 after 1 tokens", "candidates per row given",
                "the logits of the next token are not finite after 1 tokens"};
            err = (elcl_error){0};
            memcpy(bad, good, sizeof(bad));
            if (kind < 2)
                bad[0].token = kind ? -3 : 10;
            else if (kind == 2)
                bad[0].score = NAN;
            else if (kind == 4)
                bad[0].token = ELCL_TOKEN_NO_LOGIT;
            const int rc = elcl_search_advance(s, bad, kind == 3 ? width - 1 : width, &err);
            CHECK(rc == (kind == 2 || kind == 4 ? ELCL_E_DEVICE : ELCL_E_INTERNAL), "kind %d: %d",
                  kind, rc);
            CHECK(strstr(err.msg, messages[kind]), "kind %d: %s", kind, err.msg);
            CHECK(elcl_search_length(s) == 1, "length %d", elcl_search_length(s));
        }
        err = (elcl_error){0};
        CHECK(!elcl_search_advance(s, good, width, &err), "%s", err.msg);
        CHECK(elcl_search_length(s) == 2, "length %d", elcl_search_length(s));
        elcl_search_destroy(&s);
    }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_goldens();
    test_random();
    test_everything_banned();
    test_lengths();
    test_rows();
    test_oldest_leaves();
    test_greedy();
    test_bad_candidates();
    return check_end();
}
