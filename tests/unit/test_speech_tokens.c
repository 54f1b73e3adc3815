/* The special tokens of speech: from the files, from the tokenizer's names, and OpenAI's lists. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "model/model.h"
#include "speech/tokens.h"
#include "tokenizer_texts.h"

/* Blank, minus and bracket, then Whisper's special tokens in their order. */
#define VOCAB                                                                                      \
    "{\"-\":0,\"" SPACE "\":1,\"" SPACE "-\":2,\"(\":3,\"a\":4,\"" SPACE "(\":5,"                  \
    "\"<|endoftext|>\":6}"
#define MERGES "#version: 0.2\n" SPACE " -\n" SPACE " (\n"
#define ADDED                                                                                      \
    "{\"<|startoftranscript|>\":7,\"<|en|>\":8,\"<|de|>\":9,\"<|haw|>\":10,\"<|translate|>\":11,"  \
    "\"<|transcribe|>\":12,\"<|startoflm|>\":13,\"<|startofprev|>\":14,\"<|nospeech|>\":15,"       \
    "\"<|notimestamps|>\":16,\"<|0.00|>\":17,\"<|0.02|>\":18,\"<|29.98|>\":19}"
#define VOCABULARY 20

static const struct texts whisper = {.vocab = VOCAB,
                                     .merges = MERGES,
                                     .added_tokens = ADDED,
                                     .model = "{\"model_type\":\"whisper\"}"};

#define CONFIG "{\"model_type\":\"whisper\",\"eos_token_id\":6,\"decoder_start_token_id\":7"

/* Reads the tokens of a model with four layers and two heads; tokenizer NULL: none. */
static int read_tokens(const char *config, const char *generation, const struct texts *tokenizer,
                       struct elcl_speech_tokens *tokens, elcl_error *err)
{
    struct elcl_model m = {0};
    int rc;
    m.arch.vocabulary = VOCABULARY;
    m.arch.decoder_layers = 4;
    m.arch.decoder_heads = 2;
    ELCL_TRY(elcl_config_parse(config, strlen(config), generation,
                               generation ? strlen(generation) : 0, &m.config, err));
    ELCL_TRY(elcl_config_gen_options(&m.config, VOCABULARY, &m.defaults, err));
    m.tokenizer = tokenizer ? must_build(tokenizer) : NULL;
    rc = elcl_speech_tokens_read(&m, tokens, err);
fail:
    elcl_tokenizer_destroy(&m.tokenizer);
    elcl_config_finish(&m.config);
    return rc;
}

/* "2 3 7" */
static void check_list(const char *what, const int32_t *ids, size_t n, const char *want)
{
    struct elcl_str text = {0};
    elcl_str_text(&text, "");
    for (size_t i = 0; i < n; i++)
        elcl_str_printf(&text, "%s%d", i ? " " : "", (int)ids[i]);
    CHECK(!strcmp(text.data, want), "%s: %s, want %s", what, text.data, want);
    elcl_str_finish(&text);
}

/* sot, eot, translate, transcribe, sot_prev, sot_lm, no_speech, no_timestamps, timestamp_begin */
static void check_ids(const struct elcl_speech_tokens *t, const char *want)
{
    const int32_t ids[] = {t->sot,        t->eot,           t->translate,
                           t->transcribe, t->sot_prev,      t->sot_lm,
                           t->no_speech,  t->no_timestamps, t->timestamp_begin};
    check_list("special tokens", ids, ELCL_COUNT(ids), want);
}

static void check_heads(const struct elcl_speech_tokens *t, const char *want)
{
    int32_t pairs[32] = {0};
    for (size_t i = 0; i < t->n_alignment_heads && i < 16; i++) {
        pairs[2 * i] = t->alignment_heads[i].layer;
        pairs[2 * i + 1] = t->alignment_heads[i].head;
    }
    check_list("alignment heads", pairs, 2 * t->n_alignment_heads, want);
}

static void check_languages(const struct elcl_speech_tokens *t, const char *want)
{
    struct elcl_str text = {0};
    elcl_str_text(&text, "");
    for (size_t i = 0; i < t->n_languages; i++)
        elcl_str_printf(&text, "%s=%s=%d ", t->languages[i].code, t->languages[i].name,
                        (int)t->languages[i].id);
    CHECK(!strcmp(text.data, want), "languages: %s, want %s", text.data, want);
    elcl_str_finish(&text);
}

/* ---- where values come from ------------------------------------------------------------------ */

static void test_names(void)
{
    struct elcl_speech_tokens t = {0};
    elcl_error err = {0};
    if (!check_case("from the tokenizer's names"))
        return;
    CHECK(!read_tokens(CONFIG ",\"is_multilingual\":true}", NULL, &whisper, &t, &err), "%s",
          err.msg);
    check_ids(&t, "7 6 11 12 14 13 15 16 17");
    CHECK(t.n_timestamps == 3 && t.max_initial_timestamp == 50, "%d %d", t.n_timestamps,
          t.max_initial_timestamp);
    check_languages(&t, "en=english=8 de=german=9 haw=hawaiian=10 ");
    CHECK(!t.language, "a language");
    check_list("suppressed", t.suppress.ids, (size_t)t.suppress.n, "2 3 5 7 11 12 13 14 15");
    check_list("at the begin", t.begin_suppress.ids, (size_t)t.begin_suppress.n, "1 6");
    check_heads(&t, "2 0 2 1 3 0 3 1");
    elcl_speech_tokens_finish(&t);
}

#define GENERATION                                                                                 \
    "{\"eos_token_id\":6,\"decoder_start_token_id\":7,\"no_timestamps_token_id\":15,"              \
    "\"prev_sot_token_id\":13,\"task_to_id\":{\"transcribe\":11,\"translate\":10},"                \
    "\"lang_to_id\":{\"<|yue|>\":9,\"<|xx|>\":8},\"max_initial_timestamp_index\":7,"               \
    "\"suppress_tokens\":[5,4,99],\"begin_suppress_tokens\":null,"                                 \
    "\"alignment_heads\":[[3,1],[0,0]]"

static void test_keys(void)
{
    struct elcl_speech_tokens t = {0};
    elcl_error err = {0};
    if (!check_case("from generation_config.json"))
        return;
    CHECK(!read_tokens(CONFIG ",\"max_initial_timestamp_index\":9}",
                       GENERATION ",\"language\":\"<|yue|>\"}", NULL, &t, &err),
          "%s", err.msg);
    check_ids(&t, "7 6 10 11 13 -1 -1 15 16");
    CHECK(t.n_timestamps == 4 && t.max_initial_timestamp == 7, "%d %d", t.n_timestamps,
          t.max_initial_timestamp);
    check_languages(&t, "xx=xx=8 yue=cantonese=9 ");
    CHECK(t.language && t.language->id == 9, "no language");
    check_list("suppressed", t.suppress.ids, (size_t)t.suppress.n, "5 4");
    check_list("at the begin", t.begin_suppress.ids, (size_t)t.begin_suppress.n, "");
    check_heads(&t, "3 1 0 0");
    elcl_speech_tokens_finish(&t);
}

static void test_english(void)
{
    struct elcl_speech_tokens t = {0};
    elcl_error err = {0};
    if (!check_case("an English model has no languages"))
        return;
    CHECK(!read_tokens(CONFIG ",\"forced_decoder_ids\":[[1,16]]}", NULL, &whisper, &t, &err), "%s",
          err.msg);
    CHECK(!t.is_multilingual && !t.n_languages && !t.language, "a language");
    CHECK(!elcl_speech_language_find(&t, "en"), "has one");
    elcl_speech_tokens_finish(&t);
}

/* ---- languages ------------------------------------------------------------------------------- */

#define OLD(ids) ",\"forced_decoder_ids\":" ids

static void test_own_language(void)
{
    static const struct {
        const char *config, *generation;
        int32_t id; /* 0: none */
    } cases[] = {
        {"", "", 0},
        {OLD("[[1,9],[2,11],[3,16]]"), "", 9},
        {"", OLD("[[1,9],[2,11],[3,16]]"), 9},
        {OLD("[[1,8]]"), OLD("[[1,9]]"), 9},
        {OLD("[[1,8]]"), OLD("null"), 8},
        {OLD("[[1,8]]"), OLD("[[1,null],[2,12]]"), 0},
        {OLD("[[1,8]]"), ",\"task\":\"transcribe\"", 0},
        {OLD("[[1,8]]"), ",\"language\":\"german\"", 9},
        {"", ",\"language\":\"<|haw|>\"", 10},
        {",\"language\":\"de\"", "", 0},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        struct elcl_speech_tokens t = {0};
        elcl_error err = {0};
        char config[256], generation[256];
        if (!check_case("the files' language: %s in config.json, %s", cases[i].config,
                        cases[i].generation))
            continue;
        snprintf(config, sizeof(config), CONFIG "%s}", cases[i].config);
        snprintf(generation, sizeof(generation),
                 "{\"eos_token_id\":6,\"decoder_start_token_id\":7,\"is_multilingual\":true%s}",
                 cases[i].generation);
        CHECK(!read_tokens(config, generation, &whisper, &t, &err), "%s", err.msg);
        CHECK((t.language ? t.language->id : 0) == cases[i].id, "%d",
              t.language ? (int)t.language->id : 0);
        elcl_speech_tokens_finish(&t);
    }
}

static void test_find_language(void)
{
    static const struct {
        const char *name;
        int32_t id;
    } cases[] = {{"de", 9},       {"DE", 9}, {"German", 9},    {"hawaiian", 10}, {"english", 8},
                 {"English ", 0}, {"fr", 0}, {"castilian", 0}, {"", 0},          {"d", 0}};
    struct elcl_speech_tokens t = {0};
    elcl_error err = {0};
    if (!check_case("languages by code and name"))
        return;
    CHECK(!read_tokens(CONFIG ",\"is_multilingual\":true}", NULL, &whisper, &t, &err), "%s",
          err.msg);
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        const struct elcl_speech_language *found = elcl_speech_language_find(&t, cases[i].name);
        CHECK((found ? found->id : 0) == cases[i].id, "%s: %d", cases[i].name,
              found ? (int)found->id : 0);
    }
    CHECK(!strcmp(elcl_speech_language_code("Castilian"), "es"), "Castilian");
    CHECK(!strcmp(elcl_speech_language_code("haitian creole"), "ht"), "haitian creole");
    CHECK(!elcl_speech_language_code("de") && !elcl_speech_language_name("german"), "swapped");
    elcl_speech_tokens_finish(&t);
}

/* ---- errors ---------------------------------------------------------------------------------- */

static void test_errors(void)
{
    static const struct {
        const char *keys, *message;
    } cases[] = {
        {"\"a\":1", "generation_config.json: no_timestamps_token_id: no file names this token, and "
                    "the tokenizer has no <|notimestamps|>"},
        {"\"no_timestamps_token_id\":20",
         "config.json: no_timestamps_token_id: expected the id of a token of the model, found 20"},
        {"\"no_timestamps_token_id\":16,\"prev_sot_token_id\":\"x\"",
         "config.json: prev_sot_token_id: expected the id of a token of the model, found \"x\""},
        {"\"no_timestamps_token_id\":16,\"task_to_id\":{\"translate\":-1}",
         "config.json: translate: expected the id of a token of the model, found -1"},
        {"\"no_timestamps_token_id\":16,\"max_initial_timestamp_index\":-1",
         "config.json: max_initial_timestamp_index: expected an index of 0 or more, found -1"},
        {"\"no_timestamps_token_id\":16,\"is_multilingual\":1",
         "config.json: is_multilingual: expected true or false, found 1"},
        {"\"no_timestamps_token_id\":16,\"is_multilingual\":true", "lang_to_id: the model is "
                                                                   "multilingual"},
        {"\"no_timestamps_token_id\":16,\"lang_to_id\":{\"<|en|>\":8}",
         "task_to_id: the model is multilingual, but neither this key nor the tokenizer names its "
         "tasks"},
        {"\"no_timestamps_token_id\":16,\"lang_to_id\":{\"<|en|>\":88}",
         "config.json: lang_to_id: expected the id of a token of the model, found 88"},
        {"\"no_timestamps_token_id\":16,\"lang_to_id\":{\"<|abcdefgh|>\":8}",
         "lang_to_id: expected codes below 8 bytes, found \"abcdefgh|>\""},
        {"\"no_timestamps_token_id\":16,\"alignment_heads\":[[4,0]]",
         "config.json: alignment_heads: expected pairs of a layer and a head of the decoder, found "
         "an array"},
        {"\"no_timestamps_token_id\":16,\"alignment_heads\":[[0,0,0]]", "alignment_heads"},
        {"\"no_timestamps_token_id\":16,\"alignment_heads\":{}",
         "config.json: alignment_heads: expected a list of pairs, found an object"},
        {"\"no_timestamps_token_id\":16,\"lang_to_id\":{\"<|en|>\":8},\"task_to_id\":"
         "{\"transcribe\":12},\"forced_decoder_ids\":[[1]]",
         "config.json: forced_decoder_ids: expected pairs of position and token, found an array"},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        struct elcl_speech_tokens t = {0};
        elcl_error err = {0};
        char config[512];
        if (!check_case("refused: %s", cases[i].keys))
            continue;
        snprintf(config, sizeof(config), CONFIG ",%s}", cases[i].keys);
        const int rc = read_tokens(config, NULL, NULL, &t, &err);
        check_failure("call", rc, &err, ELCL_E_FORMAT, cases[i].message);
        elcl_speech_tokens_finish(&t);
    }
}

static void test_unknown_language(void)
{
    if (!check_case("refused: another language in generation_config.json"))
        return;
    struct elcl_speech_tokens t = {0};
    elcl_error err = {0};
    const int rc = read_tokens(CONFIG "}", GENERATION ",\"language\":\"de\"}", NULL, &t, &err);
    check_failure("call", rc, &err, ELCL_E_FORMAT,
                  "generation_config.json: language: expected a language of the model, found "
                  "\"de\"");
    elcl_speech_tokens_finish(&t);
}

/* ---- the tokenizer --------------------------------------------------------------------------- */

static void test_tokenizer(void)
{
    if (!check_case("tokenizer: no times in a text, languages, tokens around it"))
        return;
    struct elcl_tokenizer *t = must_build(&whisper);
    struct elcl_str codes = {0};
    struct elcl_wrap wrap = {0};
    elcl_error err = {0};
    if (!t)
        return;
    check_encode(t, "a -<|0.02|> (", "4 2 18 5");
    check_decode(t, (int32_t[]){7, 8, 12, 17, 4, 2, 18, 18, 5, 19, 6}, 11, true, "a - (");
    check_decode(t, (int32_t[]){17, 4, 18}, 3, false, "<|0.00|>a<|0.02|>");
    CHECK(!elcl_tokenizer_list_languages(t, &codes, &err) && !strcmp(codes.data, "en\nde\nhaw\n"),
          "%s", codes.data);
    CHECK(elcl_tokenizer_target_language(t) == ELCL_TARGET_NONE, "a language of texts");
    CHECK(!elcl_tokenizer_wrap(t, NULL, 0, NULL, NULL, &wrap, &err), "%s", err.msg);
    check_list("before", wrap.before, (size_t)wrap.n_before, "7 16");
    check_list("after", wrap.after, (size_t)wrap.n_after, "6");
    elcl_str_finish(&codes);
    elcl_tokenizer_destroy(&t);
}

static void test_text_language(void)
{
    if (!check_case("the language of a text cannot be chosen"))
        return;
    struct elcl_model m = {.tokenizer = must_build(&whisper)};
    elcl_gen_options options = {0};
    elcl_error err = {0};
    m.config.path = (char[]){"config.json"};
    check_failure("language", elcl_gen_options_language(&m, "de", &options, &err), &err, ELCL_E_ARG,
                  "the language of speech is chosen with elcl transcribe --language");
    elcl_tokenizer_destroy(&m.tokenizer);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_names();
    test_keys();
    test_english();
    test_own_language();
    test_find_language();
    test_errors();
    test_unknown_language();
    test_tokenizer();
    test_text_language();
    return check_end();
}
