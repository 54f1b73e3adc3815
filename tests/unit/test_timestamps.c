/* Timestamps: each step's rules against transformers, and which step watches a token. */
#include <math.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "../check.h"
#include "base/os.h"
#include "base/util.h"
#include "ref/ref.h"
#include "search/rules.h"
#include "search/search.h"
#include "search_reference.h"

enum { MAX_TOKENS = 16, MAX_VOCABULARY = 64 };

static int read_int(const cJSON *object, const char *key)
{
    return (int)cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static int read_ints(const cJSON *object, const char *key, int room, int32_t *ints)
{
    const cJSON *item;
    int n = 0;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(object, key))
    {
        if (n < room)
            ints[n++] = (int32_t)item->valuedouble;
    }
    return n;
}

/* A greedy search that has taken the tokens; NULL after a failure. */
static struct elcl_search *search_of(const elcl_gen_options *options, int vocabulary,
                                     const int32_t *tokens, int n)
{
    struct elcl_search *search = NULL;
    elcl_error err = {0};
    if (!CHECK(!elcl_search_create(options, vocabulary, &search, &err), "%s", err.msg))
        return NULL;
    for (int i = 0; i < options->prefix.n + n; i++) {
        const struct elcl_candidate next = {
            i < options->prefix.n ? 0 : tokens[i - options->prefix.n], 0};
        CHECK(!elcl_search_advance(search, &next, 1, &err), "%s", err.msg);
    }
    return search;
}

/* Compares what the reference leaves with the rules of the search's next step. */
static void check_step(const cJSON *step, const elcl_gen_options *o, int vocabulary)
{
    int32_t tokens[MAX_TOKENS], eighths[MAX_VOCABULARY], kept[MAX_VOCABULARY], banned[4];
    const int n = read_ints(step, "tokens", MAX_TOKENS, tokens);
    const int n_kept = read_ints(step, "kept", MAX_VOCABULARY, kept);
    struct elcl_search *search = search_of(o, vocabulary, tokens, n);
    struct elcl_row_rules rules;
    float logits[MAX_VOCABULARY];
    double scores[MAX_VOCABULARY];
    if (!search || !CHECK(read_ints(step, "eighths", MAX_VOCABULARY, eighths) == vocabulary, "V"))
        return;
    for (int i = 0; i < vocabulary; i++)
        logits[i] = (float)eighths[i] / 8;
    elcl_rules_at(o, elcl_search_length(search), &rules);
    elcl_search_timestamps(search, 0, &rules);
    const struct elcl_ref_rules ref = {
        .forced_token = rules.forced_token,
        .repetition_penalty = 1,
        .only_token = -1,
        .pad_token = -1,
        .unk_token = -1,
        .banned = banned,
        .n_banned = elcl_rules_suppressed(o, elcl_search_length(search), banned),
        .timestamp_begin = rules.timestamp_begin,
        .first_text = rules.first_text,
        .first_timestamp = rules.first_timestamp,
        .end_timestamp = rules.end_timestamp,
    };
    elcl_ref_scores(scores, logits, &ref, vocabulary);
    for (int i = 0, k = 0; i < vocabulary; i++) {
        const bool want = k < n_kept && kept[k] == i;
        k += want;
        CHECK((scores[i] > -INFINITY) == want, "after %d tokens: token %d", n, i);
    }
    elcl_search_destroy(&search);
}

static void test_steps(void)
{
    char path[512];
    char *text = NULL;
    size_t bytes;
    elcl_error err = {0};
    if (!check_case("steps of transformers"))
        return;
    (void)snprintf(path, sizeof(path), "%s/tests/golden/timestamps.json", check_root());
    CHECK(!elcl_read_file(path, 1 << 20, &text, &bytes, &err), "%s", err.msg);
    cJSON *root = cJSON_Parse(text);
    const cJSON *steps = cJSON_GetObjectItemCaseSensitive(root, "steps"), *step;
    CHECK(cJSON_GetArraySize(steps) == 80, "%d steps", cJSON_GetArraySize(steps));
    cJSON_ArrayForEach(step, steps)
    {
        int32_t prompt[MAX_TOKENS];
        elcl_gen_options o = plain_options();
        o.max_length = 2 * MAX_TOKENS;
        o.prefix = (elcl_tokens){prompt + 1, read_ints(step, "prompt", MAX_TOKENS, prompt) - 1};
        o.decoder_start_token_id = prompt[0];
        o.eos_token_ids[0] = read_int(root, "eos_token_id");
        o.timestamp_begin_token_id = read_int(root, "timestamp_begin_token_id");
        o.no_timestamps_token_id = read_int(root, "no_timestamps_token_id");
        o.max_initial_timestamp = read_int(step, "max_initial_timestamp");
        check_step(step, &o, read_int(root, "vocabulary"));
    }
    cJSON_Delete(root);
    elcl_free(text);
}

/* Rows of one beam search have their own histories. */
static void test_beams(void)
{
    enum { V = 20, BEGIN = 10 };
    if (!check_case("rows of a beam search"))
        return;
    elcl_gen_options o = plain_options();
    o.num_beams = 2;
    o.eos_token_ids[0] = 7;
    o.timestamp_begin_token_id = BEGIN;
    o.no_timestamps_token_id = o.max_initial_timestamp = -1;
    const struct elcl_candidate steps[3][8] = {
        {{12, -1}, {13, -2}, {14, -9}, {15, -9}}, /* 12; 13 */
        {{3, -1}, {4, -20}, {5, -20}, {6, -20}, {4, -1}, {5, -20}, {6, -20}, {3, -20}},
        {{12, -1}, {4, -3}, {5, -20}, {6, -20}, {4, -20}, {5, -20}, {6, -20}, {3, -20}},
    }; /* 12 3 12; 12 3 4 */
    struct elcl_search *search = NULL;
    elcl_error err = {0};
    CHECK(!elcl_search_create(&o, V, &search, &err), "%s", err.msg);
    for (int i = 0; search && i < 3; i++)
        CHECK(!elcl_search_advance(search, steps[i], 4, &err), "%s", err.msg);
    for (int row = 0; search && row < 2; row++) {
        struct elcl_row_rules rules;
        elcl_rules_at(&o, 4, &rules);
        elcl_search_timestamps(search, row, &rules);
        CHECK(rules.first_text == (row ? 0 : 7) && rules.first_timestamp == (row ? 13 : 12) &&
                  rules.end_timestamp == V,
              "row %d: text from %d, timestamps %d .. %d", row, rules.first_text,
              rules.first_timestamp, rules.end_timestamp);
    }
    elcl_search_destroy(&search);
}

static void test_limits(void)
{
    static const int32_t suppressed[] = {4, 5}, first[] = {6};
    int32_t tokens[4];
    if (!check_case("lists, limits and the watched token"))
        return;
    elcl_gen_options o = plain_options();
    o.suppress_tokens = (elcl_tokens){suppressed, 2};
    o.begin_suppress_tokens = (elcl_tokens){first, 1};
    o.no_timestamps_token_id = 9;
    CHECK(elcl_rules_suppressed(&o, 1, tokens) == 3, "no timestamps, nothing to ban");
    o.timestamp_begin_token_id = 10;
    CHECK(elcl_rules_suppressed(&o, 1, tokens) == 4 && tokens[2] == 6 && tokens[3] == 9, "first");
    CHECK(elcl_rules_suppressed(&o, 2, tokens) == 3 && tokens[2] == 9, "second");
    CHECK(elcl_options_list_tokens(&o) == 4, "room for %zu", elcl_options_list_tokens(&o));
    o.no_timestamps_token_id = -1;
    CHECK(elcl_rules_suppressed(&o, 2, tokens) == 2, "no such token");
    o.max_initial_timestamp = INT32_MAX; /* more than there are */
    struct elcl_search *search = search_of(&o, 12, NULL, 0);
    struct elcl_row_rules rules;
    elcl_rules_at(&o, 1, &rules);
    CHECK(!rules.watch && !rules.renormalize, "off");
    elcl_search_timestamps(search, 0, &rules);
    CHECK(rules.first_text == 10 && rules.end_timestamp == 12, "to %d", rules.end_timestamp);
    o.prefix = (elcl_tokens){suppressed, 2};
    o.no_speech_token_id = 8;
    o.no_speech_length = 2;
    o.scores_after_rules = 1;
    for (int length = 1; length < 5; length++) {
        elcl_rules_at(&o, length, &rules);
        CHECK(rules.watch == (length == 2) && rules.watched_token == 8, "length %d", length);
        CHECK(rules.renormalize == (length > 2), "length %d: scores", length);
    }
    o.num_beams = 2;
    elcl_rules_at(&o, 4, &rules);
    CHECK(!rules.renormalize, "beams have an option of their own");
    elcl_search_destroy(&search);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_steps();
    test_beams();
    test_limits();
    return check_end();
}
