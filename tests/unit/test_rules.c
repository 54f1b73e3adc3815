/* Generation options: the rules of each step, the limits, and refused values. */
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "../check.h"
#include "base/util.h"
#include "search/rules.h"
#include "search_reference.h"

enum { VOCABULARY = 100, MAX_TARGET = 64 };

static struct elcl_row_rules at(const elcl_gen_options *o, int length)
{
    struct elcl_row_rules rules;
    memset(&rules, 0x5a, sizeof(rules));
    elcl_rules_at(o, length, &rules);
    return rules;
}

static void test_steps(void)
{
    elcl_gen_options o = plain_options();
    o.num_beams = 4;
    o.min_length = 5;
    o.no_repeat_ngram_size = 3;
    o.repetition_penalty = 1.5f;
    o.forced_bos_token_id = 7;
    o.forced_eos_token_id = 1;
    o.n_eos = 2;
    o.eos_token_ids[1] = 9;
    if (check_case("rules of each step")) {
        for (int length = 1; length < 12; length++) {
            const struct elcl_row_rules r = at(&o, length);
            const int32_t forced = length == 1 ? 7 : length == 11 ? 1 : -1;
            CHECK(r.log_probs == 1, "log_probs %d", (int)r.log_probs);
            CHECK(r.forced_token == forced, "length %d: forced %d", length, (int)r.forced_token);
            CHECK(r.n_eos == 2 && r.eos[0] == 1 && r.eos[1] == 9 && r.eos[2] == -1, "eos");
            if (forced >= 0)
                continue;
            CHECK(r.ban_eos == (length < 5), "length %d: ban_eos %d", length, (int)r.ban_eos);
            CHECK(r.ngram == 3, "ngram %d", (int)r.ngram);
            CHECK(r.repetition_penalty == 1.5f, "penalty %g", (double)r.repetition_penalty);
        }
    }
    if (check_case("a forced token overrides the EOS ban")) {
        o.min_length = 12;
        CHECK(at(&o, 10).ban_eos == 1 && at(&o, 10).forced_token == -1, "before");
        CHECK(at(&o, 11).ban_eos == 0 && at(&o, 11).forced_token == 1, "at the end");
    }
    if (check_case("max_length 2: the forced EOS wins")) {
        o.max_length = 2;
        CHECK(at(&o, 1).forced_token == 1, "forced %d", (int)at(&o, 1).forced_token);
    }
    if (check_case("greedy rules see raw logits")) {
        o = plain_options();
        CHECK(at(&o, 1).log_probs == 0 && at(&o, 1).forced_token == -1, "greedy");
        o.n_eos = 0;
        o.min_length = 9;
        CHECK(at(&o, 1).ban_eos == 0, "no EOS, nothing to ban");
    }
    if (check_case("padding ban and renormalization")) {
        o = plain_options();
        CHECK(at(&o, 1).pad_token == -1 && !at(&o, 1).renormalize, "off by default");
        o.ban_pad = o.renormalize_logits = 1;
        o.pad_token_id = -1;
        CHECK(at(&o, 1).pad_token == -1, "no padding token, nothing to ban");
        o.pad_token_id = 3;
        CHECK(at(&o, 1).pad_token == 3, "pad %d", (int)at(&o, 1).pad_token);
        CHECK(!at(&o, 1).renormalize, "greedy scores stay the model's");
        o.num_beams = 2;
        CHECK(at(&o, 1).renormalize, "beam search");
    }
    if (check_case("renormalization between groups is refused")) {
        elcl_error err = {0};
        o.num_beams = 4;
        o.num_beam_groups = 2;
        o.diversity_penalty = 1;
        CHECK(elcl_options_check(&o, VOCABULARY, MAX_TARGET, &err) == ELCL_E_ARG &&
                  strstr(err.msg, "renormalize_logits has no meaning if num_beam_groups is 2"),
              "%s", err.msg);
        o.renormalize_logits = 0;
        CHECK(!elcl_options_check(&o, VOCABULARY, MAX_TARGET, &err), "%s", err.msg);
    }
    if (check_case("record is plain 32-bit fields"))
        CHECK(sizeof(struct elcl_row_rules) == ELCL_RULES_INTS * sizeof(int32_t), "%zu bytes",
              sizeof(struct elcl_row_rules));
}

static void test_limits(void)
{
    elcl_gen_options o = plain_options();
    if (check_case("limits")) {
        o.min_length = 3;
        CHECK(elcl_options_max_length(&o) == 12 && elcl_options_min_length(&o) == 3, "as set");
        o.max_new_tokens = 5;
        o.min_new_tokens = 1;
        CHECK(elcl_options_max_length(&o) == 6, "max %d", elcl_options_max_length(&o));
        CHECK(elcl_options_min_length(&o) == 2, "min %d", elcl_options_min_length(&o));
        o.max_new_tokens = o.min_new_tokens = INT_MAX;
        CHECK(elcl_options_max_length(&o) == INT_MAX, "max %d", elcl_options_max_length(&o));
        CHECK(elcl_options_min_length(&o) == INT_MAX, "min %d", elcl_options_min_length(&o));
    }
}

static void accepted(const elcl_gen_options *o)
{
    elcl_error err = {0};
    CHECK(!elcl_options_check(o, VOCABULARY, MAX_TARGET, &err), "%s", err.msg);
}

static void refused(const elcl_gen_options *o, const char *message)
{
    elcl_error err = {0};
    const int rc = elcl_options_check(o, VOCABULARY, MAX_TARGET, &err);
    CHECK(rc == ELCL_E_ARG && err.code == rc, "want \"%s\", got %d", message, rc);
    CHECK(strstr(err.msg, message) == err.msg, "want \"%s\", got \"%s\"", message, err.msg);
    CHECK(elcl_options_check(o, VOCABULARY, MAX_TARGET, NULL) == rc, "without a message");
}

#define OF(field) offsetof(elcl_gen_options, field)

static const struct {
    const char *name;
    size_t offset;
    int low, high;     /* the range */
    const char *below; /* message of low - 1 */
    const char *above; /* message of high + 1; NULL when high is INT_MAX */
} ints[] = {
    {"num_beams", OF(num_beams), 1, 64, "num_beams is 0, must be 1 .. 64",
     "num_beams is 65, must be 1 .. 64"},
    {"num_return_sequences", OF(num_return_sequences), 1, 4,
     "num_return_sequences is 0, must be 1 .. 4", "num_return_sequences is 5, must be 1 .. 4"},
    {"num_beam_groups", OF(num_beam_groups), 0, 4, "num_beam_groups is -1, must be 0 .. 4",
     "num_beam_groups is 5, must be 0 .. 4"},
    {"early_stopping", OF(early_stopping), 0, 2, "early_stopping is -1, must be 0 .. 2",
     "early_stopping is 3, must be 0 .. 2"},
    {"max_length", OF(max_length), 2, 64, "max_length is 1, must be 2 .. 64",
     "max_length is 65, must be 2 .. 64"},
    {"max_new_tokens", OF(max_new_tokens), 0, 63, "max_new_tokens is -1, must be 0 .. 63",
     "max_new_tokens is 64, must be 0 .. 63"},
    {"min_length", OF(min_length), 0, INT_MAX, "min_length is -1, must be 0 or more", NULL},
    {"min_new_tokens", OF(min_new_tokens), 0, INT_MAX, "min_new_tokens is -1, must be 0 or more",
     NULL},
    {"no_repeat_ngram_size", OF(no_repeat_ngram_size), 0, INT_MAX,
     "no_repeat_ngram_size is -1, must be 0 or more", NULL},
    {"decoder_start_token_id", OF(decoder_start_token_id), 0, 99,
     "decoder_start_token_id is -1, must be 0 .. 99 (the vocabulary has 100 tokens)",
     "decoder_start_token_id is 100, must be 0 .. 99 (the vocabulary has 100 tokens)"},
    {"forced_bos_token_id", OF(forced_bos_token_id), -1, 99,
     "forced_bos_token_id is -2, must be -1 (none) or 0 .. 99",
     "forced_bos_token_id is 100, must be -1 (none) or 0 .. 99"},
    {"forced_eos_token_id", OF(forced_eos_token_id), -1, 99,
     "forced_eos_token_id is -2, must be -1 (none) or 0 .. 99",
     "forced_eos_token_id is 100, must be -1 (none) or 0 .. 99"},
    {"pad_token_id", OF(pad_token_id), -1, 99, "pad_token_id is -2, must be -1 (none) or 0 .. 99",
     "pad_token_id is 100, must be -1 (none) or 0 .. 99"},
    {"n_eos", OF(n_eos), 0, ELCL_MAX_EOS, "n_eos is -1, must be 0 .. 32",
     "n_eos is 33, must be 0 .. 32"},
    {"eos_token_ids", OF(eos_token_ids[1]), 0, 99, "eos_token_ids is -1, must be 0 .. 99",
     "eos_token_ids is 100, must be 0 .. 99"},
};

static elcl_gen_options with(size_t i, int value)
{
    elcl_gen_options o = plain_options();
    o.num_beams = 4;
    o.n_eos = 2;
    memcpy((char *)&o + ints[i].offset, &value, sizeof(value));
    o.diversity_penalty = o.num_beam_groups > 1 ? 0.5f : 0;
    return o;
}

static void test_ranges(void)
{
    for (size_t i = 0; i < ELCL_COUNT(ints); i++) {
        if (!check_case("range of %s", ints[i].name))
            continue;
        elcl_gen_options o = with(i, ints[i].low);
        accepted(&o);
        o = with(i, ints[i].high);
        accepted(&o);
        o = with(i, ints[i].low - 1);
        refused(&o, ints[i].below);
        o = with(i, INT_MIN);
        CHECK(elcl_options_check(&o, VOCABULARY, MAX_TARGET, NULL) == ELCL_E_ARG, "INT_MIN");
        if (!ints[i].above)
            continue;
        o = with(i, ints[i].high + 1);
        refused(&o, ints[i].above);
        o = with(i, INT_MAX);
        CHECK(elcl_options_check(&o, VOCABULARY, MAX_TARGET, NULL) == ELCL_E_ARG, "INT_MAX");
    }
}

static void test_floats(void)
{
    static const float bad_repetition[] = {0, -1, INFINITY, -INFINITY, NAN};
    static const float bad_length[] = {INFINITY, -INFINITY, NAN, 300, -300};
    static const float good[] = {0.01f, 0.5f, 1, 2, 100};
    if (check_case("range of repetition_penalty")) {
        for (size_t i = 0; i < ELCL_COUNT(bad_repetition); i++) {
            elcl_gen_options o = plain_options();
            o.repetition_penalty = bad_repetition[i];
            refused(&o, "repetition_penalty is ");
            o.repetition_penalty = good[i];
            accepted(&o);
        }
    }
    if (check_case("range of length_penalty")) {
        for (size_t i = 0; i < ELCL_COUNT(bad_length); i++) {
            elcl_gen_options o = plain_options();
            o.length_penalty = bad_length[i];
            refused(&o, "length_penalty is ");
            o.length_penalty = i & 1 ? good[i] : -good[i];
            accepted(&o);
        }
    }
}

static void test_groups(void)
{
    if (!check_case("groups of beams"))
        return;
    elcl_gen_options o = plain_options();
    o.num_beams = 6;
    o.num_beam_groups = 4;
    o.diversity_penalty = 0.5f;
    refused(&o, "num_beam_groups is 4, must divide num_beams, which is 6");
    o.num_beam_groups = 3;
    accepted(&o);
    o.diversity_penalty = 0;
    refused(&o, "diversity_penalty is 0, must be above 0 if num_beam_groups is 3");
    o.diversity_penalty = -1;
    refused(&o, "diversity_penalty is -1, must be a number, 0 or above");
    o.diversity_penalty = NAN;
    refused(&o, "diversity_penalty is ");
    o.diversity_penalty = INFINITY;
    refused(&o, "diversity_penalty is ");
    o.diversity_penalty = 0.5f;
    o.num_beam_groups = 1;
    refused(&o, "diversity_penalty is 0.5, must be 0 unless num_beam_groups is above 1");
}

static void test_combinations(void)
{
    elcl_gen_options o = plain_options();
    if (check_case("max_new_tokens replaces max_length")) {
        o.max_length = 1000;
        refused(&o, "max_length is 1000, must be 2 .. 64");
        o.max_new_tokens = 10;
        accepted(&o);
    }
    if (check_case("a minimum above the maximum is accepted")) {
        o = plain_options();
        o.min_length = 40;
        accepted(&o);
    }
    if (check_case("defaults of the tests are accepted")) {
        o = plain_options();
        accepted(&o);
        o.n_eos = 0;
        accepted(&o);
    }
}

/* ---- lists --------------------------------------------------------------------------------- */

static const int32_t some[] = {9, 4, 7};
static const elcl_tokens sets[] = {{some, 3}, {some + 1, 1}};
static const char *const strings[] = {"ab", "c"};

static elcl_gen_options all_lists(void)
{
    elcl_gen_options o = plain_options();
    o.bad_words = o.alternatives = sets;
    o.n_bad_words = o.n_alternatives = 2;
    o.suppress_tokens = (elcl_tokens){some, 2};
    o.begin_suppress_tokens = (elcl_tokens){some + 2, 1};
    o.prefix = (elcl_tokens){some, 3};
    o.stop_strings = strings;
    o.n_stop_strings = 2;
    return o;
}

static void test_copies(void)
{
    if (!check_case("copies of lists"))
        return;
    elcl_gen_options o = all_lists();
    elcl_error err = {0};
    void *memory = NULL;
    accepted(&o);
    CHECK(elcl_options_list_tokens(&o) == 8, "%zu tokens", elcl_options_list_tokens(&o));
    CHECK(!elcl_options_copy_lists(&o, &memory, &err) && memory, "%s", err.msg);
    CHECK(o.bad_words != sets && o.bad_words[0].n == 3 && o.bad_words[0].ids[0] == 9 &&
              o.bad_words[1].ids[0] == 4,
          "bad words");
    const int32_t *first = o.alternatives[0].ids;
    CHECK(first[0] == 4 && first[1] == 7 && first[2] == 9, "alternatives are not rising");
    CHECK(o.alternatives[1].n == 1 && o.alternatives[1].ids[0] == 4, "second alternatives");
    CHECK(o.suppress_tokens.ids != some && o.suppress_tokens.ids[1] == 4, "suppressed");
    CHECK(o.begin_suppress_tokens.ids[0] == 7 && o.prefix.ids[0] == 9, "begin, prefix");
    CHECK(o.stop_strings != strings && !strcmp(o.stop_strings[1], "c"), "strings");
    elcl_free(memory);
    o = plain_options();
    CHECK(!elcl_options_copy_lists(&o, &memory, &err) && !memory, "memory without lists");
}

static void test_speech_options(void)
{
    if (!check_case("options of speech models"))
        return;
    elcl_gen_options o = all_lists();
    o.no_timestamps_token_id = o.max_initial_timestamp = -9; /* no effect yet */
    o.timestamp_begin_token_id = -1;
    accepted(&o);
    o.no_speech_token_id = -9;
    accepted(&o);
    o.no_speech_length = 4;
    refused(&o, "no_speech_token_id is -9, must be 0 .. 99");
    o.no_speech_token_id = 99;
    accepted(&o);
    o.no_speech_length = 5;
    refused(&o, "no_speech_length is 5, must be 0 .. 4");
    o.no_speech_length = 0;
    o.timestamp_begin_token_id = 100;
    refused(&o, "timestamp_begin_token_id is 100, must be -1 (none) or 0 .. 99");
    o.timestamp_begin_token_id = 50;
    refused(&o, "no_timestamps_token_id is -9, must be -1 (none) or 0 .. 99");
    o.no_timestamps_token_id = 49;
    refused(&o, "max_initial_timestamp_index is -9, must be -1 or more");
    o.max_initial_timestamp = -1;
    o.forced_bos_token_id = 3;
    accepted(&o);
    o.prefix.n = 0;
    refused(&o, "forced_bos_token_id is 3, must be -1 with timestamp_begin_token_id");
    o.forced_bos_token_id = -1;
    o.n_eos = 0;
    refused(&o, "timestamp_begin_token_id is 50, needs one of eos_token_ids");
    o.n_eos = 1;
    elcl_gen_options_fairseq(&o);
    o.prefix = (elcl_tokens){NULL, 0};
    accepted(&o);
    o.timestamp_begin_token_id = 50;
    refused(&o, "timestamp_begin_token_id has no meaning in search_style fairseq");
    o.timestamp_begin_token_id = 0;
    o.no_speech_length = 1;
    refused(&o, "no_speech_length has no meaning in search_style fairseq");
}

static void test_list_steps(void)
{
    if (!check_case("lists of each step"))
        return;
    elcl_gen_options o = all_lists();
    for (int length = 1; length < 4; length++)
        CHECK(at(&o, length).forced_token == some[length - 1] && !at(&o, length).n_suppressed,
              "length %d: prefix", length);
    CHECK(at(&o, 4).forced_token == -1 && at(&o, 4).n_suppressed == 3, "first one generated");
    CHECK(at(&o, 4).allowed_only && at(&o, 4).n_allowed == 3 && at(&o, 4).first_generated == 4,
          "allowed");
    CHECK(at(&o, 5).n_suppressed == 2 && at(&o, 5).n_allowed == 1, "second one");
    CHECK(!at(&o, 6).allowed_only, "third one is free");
    o.prefix.n = 0;
    o.forced_bos_token_id = 3;
    CHECK(at(&o, 1).forced_token == 3 && at(&o, 2).n_suppressed == 3, "after the forced BOS");
    o.forced_bos_token_id = 4;
    CHECK(at(&o, 1).forced_token == -1 && at(&o, 1).allowed_only && !at(&o, 1).n_allowed,
          "a forced token that is suppressed leaves nothing");
    o = plain_options();
    o.encoder_repetition_penalty = 4;
    CHECK(at(&o, 1).encoder_penalty == 0.25f, "%g", (double)at(&o, 1).encoder_penalty);
    o.encoder_repetition_penalty = 1;
    CHECK(at(&o, 1).encoder_penalty == 0, "off");
}

static void test_prefix_limits(void)
{
    if (!check_case("limits after a prefix"))
        return;
    elcl_gen_options o = all_lists();
    o.max_new_tokens = 5;
    o.min_new_tokens = 2;
    CHECK(elcl_options_prompt(&o) == 4 && elcl_options_max_length(&o) == 9, "most");
    CHECK(elcl_options_min_length(&o) == 6, "fewest %d", elcl_options_min_length(&o));
    o.max_new_tokens = 61;
    refused(&o, "max_new_tokens is 61, must be 0 .. 60");
    o.max_new_tokens = 0;
    o.max_length = 4;
    refused(&o, "max_length is 4, must be 5 .. 64");
}

static void test_refused_lists(void)
{
    static const int32_t high[] = {3, 100};
    static const elcl_tokens empty[] = {{some, 1}, {some, 0}};
    static const char *const no_text[] = {"a", ""};
    if (!check_case("lists that are refused"))
        return;
#define REFUSE(change, message)                                                                    \
    do {                                                                                           \
        elcl_gen_options o = all_lists();                                                          \
        change;                                                                                    \
        refused(&o, message);                                                                      \
    } while (0)
    REFUSE(o.suppress_tokens.ids = NULL, "suppress_tokens has 2 tokens at NULL");
    REFUSE(o.suppress_tokens.n = -1, "suppress_tokens has -1 tokens");
    REFUSE(o.prefix = ((elcl_tokens){high, 2}), "prefix has token 100, must be 0 .. 99");
    REFUSE(o.begin_suppress_tokens = ((elcl_tokens){high, 2}), "begin_suppress_tokens has token");
    REFUSE(o.bad_words = empty, "bad_words has a list without tokens");
    REFUSE(o.alternatives = NULL, "alternatives has 2 lists at NULL");
    REFUSE(o.n_alternatives = -1, "alternatives has -1 lists");
    REFUSE(o.stop_strings = no_text, "stop_strings has an empty string");
    REFUSE(o.stop_strings = NULL, "stop_strings has 2 strings at NULL");
    REFUSE(o.num_beams = 2, "num_beams is 2, must be 1 with stop strings");
#undef REFUSE
}

static void test_refused_factors(void)
{
    if (!check_case("penalties and patience that are refused"))
        return;
#define REFUSE(change, message)                                                                    \
    do {                                                                                           \
        elcl_gen_options o = plain_options();                                                      \
        o.num_beams = 4;                                                                           \
        change;                                                                                    \
        refused(&o, message);                                                                      \
    } while (0)
    REFUSE(o.patience = -1, "patience is -1, must be a number in 0.01 .. 100");
    REFUSE(o.patience = NAN, "patience is ");
    REFUSE((o.patience = 2, o.num_beams = 1), "patience is 2, must be 1 without beam search");
    REFUSE((o.patience = 2, o.num_beam_groups = 2, o.diversity_penalty = 1), "patience is 2");
    REFUSE((o.patience = 0.5f, o.num_return_sequences = 3),
           "num_return_sequences is 3, patience 0.5 ends the search with 2");
    REFUSE(o.presence_penalty = INFINITY, "presence_penalty is inf");
    REFUSE(o.frequency_penalty = NAN, "frequency_penalty is ");
    REFUSE(o.encoder_repetition_penalty = -2, "encoder_repetition_penalty is -2");
    REFUSE((o.encoder_repetition_penalty = 2, o.num_beam_groups = 2, o.diversity_penalty = 1),
           "encoder_repetition_penalty has no meaning if num_beam_groups is 2");
    REFUSE(o.encoder_no_repeat_ngram_size = -1, "encoder_no_repeat_ngram_size is -1");
#undef REFUSE
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_steps();
    test_limits();
    test_ranges();
    test_floats();
    test_groups();
    test_combinations();
    test_copies();
    test_speech_options();
    test_list_steps();
    test_prefix_limits();
    test_refused_lists();
    test_refused_factors();
    return check_end();
}
