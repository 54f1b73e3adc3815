/* The ids around a text, and special tokens that only small files name. The ids are those of
 * transformers 5.24. */
#include <stdio.h>
#include <string.h>

#include "tokenizer_texts.h"

/* A tokenizer.json of byte-level BPE with a post_processor and added tokens. */
#define MERGES "\"merges\":[\"a b\"]}"
#define VOCAB                                                                                      \
    "\"vocab\":{\"<s>\":0,\"<pad>\":1,\"</s>\":2,\"<unk>\":3,\"a\":4,\"b\":5,\"ab\":6,\"" SPACE    \
    "\":7,\"<\":8,\">\":9,\"x\":10,\"/\":11,\"s\":12},"
#define BYTES(post, added)                                                                         \
    "{\"added_tokens\":[" added "]," JSON_BYTES JSON_PRE "\"post_processor\":" post                \
    ",\"model\":{" VOCAB MERGES "}"
#define SPECIAL "{\"id\":2,\"content\":\"</s>\",\"special\":true}"
#define PIECE(name) "{\"SpecialToken\":{\"id\":\"" name "\",\"type_id\":0}}"
#define TEXT "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}"
#define TEMPLATE(single)                                                                           \
    "{\"type\":\"TemplateProcessing\",\"single\":[" single "],\"pair\":[],\"special_tokens\":{"    \
    "\"<pad>\":{\"id\":\"<pad>\",\"ids\":[1]},\"</s>\":{\"id\":\"</s>\",\"ids\":[2]}}}"
#define ROBERTA "{\"type\":\"RobertaProcessing\",\"sep\":[\"</s>\",2],\"cls\":[\"<s>\",0]}"
#define OFFSETS "{\"type\":\"ByteLevel\",\"trim_offsets\":false}"
#define SEQUENCE(list) "{\"type\":\"Sequence\",\"processors\":[" list "]}"
#define FAST "\"tokenizer_class\":\"PreTrainedTokenizerFast\""
#define UNIGRAM(post)                                                                              \
    "{\"added_tokens\":[],\"decoder\":{\"type\":\"Fuse\"},\"post_processor\":" post                \
    ",\"model\":{\"type\":\"Unigram\",\"unk_id\":2,\"vocab\":[[\"<pad>\",0],[\"</s>\",0],"         \
    "[\"<unk>\",0],[\"a\",-1],[\"b\",-2],[\"<\",-3],[\"<extra_id_0>\",0]]}}"

static void check_around(const struct texts *texts, const char *text, const char *want)
{
    struct elcl_tokenizer *t = must_build(texts);
    struct elcl_wrap wrap = {0};
    struct elcl_str got = {0};
    int32_t *ids = NULL;
    size_t n = 0;
    elcl_error err = {0};
    if (!t)
        return;
    CHECK(!elcl_tokenizer_encode(t, text, strlen(text), &ids, &n, &err), "%s", err.msg);
    CHECK(!elcl_tokenizer_wrap(t, ids, n, NULL, NULL, &wrap, &err), "%s", err.msg);
    elcl_str_append(&got, elcl_tokenizer_wraps(t) ? "" : "model ", elcl_tokenizer_wraps(t) ? 0 : 6);
    for (int i = 0; i < wrap.n_before; i++)
        elcl_str_printf(&got, "%d ", (int)wrap.before[i]);
    for (size_t i = 0; i < n; i++)
        elcl_str_printf(&got, "%d ", (int)ids[i]);
    for (int i = 0; i < wrap.n_after; i++)
        elcl_str_printf(&got, "%d ", (int)wrap.after[i]);
    CHECK(!strcmp(got.data, want), "\"%s\": %s, want %s", text, got.data, want);
    elcl_str_finish(&got);
    elcl_free(ids);
    elcl_tokenizer_destroy(&t);
}

static void test_around(void)
{
    static const struct {
        const char *name;
        struct texts texts;
        const char *want;
    } cases[] = {
        {"RobertaProcessing",
         {.json = BYTES(ROBERTA, SPECIAL), .model = "{\"model_type\":\"gpt2\"}"},
         "0 6 2 "},
        {"TemplateProcessing",
         {.json = BYTES(TEMPLATE(PIECE("<pad>") "," TEXT "," PIECE("</s>")), SPECIAL)},
         "1 6 2 "},
        {"ByteLevel",
         {.json = BYTES(OFFSETS, SPECIAL), .model = "{\"model_type\":\"gpt2\"}"},
         "6 "},
        {"Sequence",
         {.json = BYTES(SEQUENCE(OFFSETS "," TEMPLATE(TEXT "," PIECE("<pad>"))), SPECIAL)},
         "6 1 "},
        {"none", {.json = BYTES("null", SPECIAL), .config = "{" FAST "}"}, "6 "},
        {"none, and a flag that tokenizer.json overrides",
         {.json = BYTES("null", SPECIAL), .config = "{" FAST ",\"add_bos_token\":true}"},
         "6 "},
        {"Blenderbot's template",
         {.json = BYTES(TEMPLATE(TEXT "," PIECE("</s>")), SPECIAL),
          .model = "{\"model_type\":\"blenderbot\"}"},
         "7 6 2 "},
        {"BART without post_processor",
         {.json = BYTES("null", SPECIAL), .model = "{\"model_type\":\"bart\"}"},
         "0 6 2 "},
        {"BART's class over the template",
         {.json = BYTES(TEMPLATE(TEXT "," PIECE("<pad>")), SPECIAL),
          .config = "{\"tokenizer_class\":\"BartTokenizer\",\"cls_token\":\"<pad>\"}"},
         "1 6 2 "},
        {"BART's vocab.json", {.vocab = BART_VOCAB, .merges = BART_MERGES}, "0 8 2 "},
        {"Blenderbot's vocab.json",
         {.vocab = BART_VOCAB, .merges = BART_MERGES, .model = "{\"model_type\":\"blenderbot\"}"},
         "6 8 2 "},
        {"GPT-2's vocab.json",
         {.vocab = BART_VOCAB,
          .merges = BART_MERGES,
          .config = "{\"tokenizer_class\":"
                    "\"GPT2Tokenizer\"}"},
         "model 8 "},
        {"T5 without post_processor",
         {.json = UNIGRAM("null"), .model = "{\"model_type\":\"t5\"}"},
         "3 4 1 "},
        {"Unigram without post_processor", {.json = UNIGRAM("null")}, "3 4 "},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++)
        if (check_case("around a text: %s", cases[i].name))
            check_around(&cases[i].texts, "ab", cases[i].want);
}

static void test_two_templates(void)
{
    if (check_case("around a text: two templates"))
        check_refused(&(struct texts){.json = BYTES(SEQUENCE(TEMPLATE(TEXT) "," ROBERTA), SPECIAL)},
                      ELCL_E_UNSUPPORTED,
                      "post_processor: expected one step that adds tokens, found two");
}

static void test_named_tokens(void)
{
#define PLAIN BYTES("null", "")
    static const struct {
        const char *name;
        struct texts texts;
        const char *text, *want;
    } cases[] = {
        {"nobody names them", {.json = PLAIN}, "a</s>", "4 8 11 12 9 "},
        {"defaults of the class",
         {.json = PLAIN, .model = "{\"model_type\":\"bart\"}"},
         "a</s>",
         "0 4 2 2 "},
        {"tokenizer_config.json",
         {.json = PLAIN,
          .config = "{" FAST ",\"eos_token\":\"</s>\",\"pad_token\":{\"content\":"
                    "\"x\",\"lstrip\":true}}"},
         "a</s> xb",
         "4 2 10 5 "},
        {"special_tokens_map.json",
         {.json = PLAIN, .config = "{" FAST "}", .special_map = "{\"eos_token\":\"</s>\"}"},
         "a</s>b",
         "4 2 5 "},
        {"added_tokens.json, where the vocabulary decides about ids",
         {.json = PLAIN, .config = "{" FAST "}", .added_tokens = "{\"bx\":13,\"</s>\":7}"},
         "abx</s>",
         "4 13 2 "},
        {"added_tokens_decoder",
         {.json = PLAIN,
          .config = "{" FAST ",\"added_tokens_decoder\":{\"2\":{\"content\":"
                    "\"</s>\",\"special\":true}}}"},
         "a</s>",
         "4 2 "},
        {"lists, with ids after the vocabulary",
         {.json = PLAIN, .config = "{" FAST ",\"additional_special_tokens\":[\"<x>\",\"bb\"]}"},
         "a<x>bb",
         "4 13 14 "},
        {"objects of transformers 5",
         {.json = PLAIN, .config = "{" FAST ",\"extra_special_tokens\":{\"x\":\"<x>\"}}"},
         "a<x>",
         "4 13 "},
        {"sentinels of T5",
         {.json = UNIGRAM("null"), .model = "{\"model_type\":\"t5\"}"},
         "a<extra_id_0>",
         "3 6 1 "},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++)
        if (check_case("special tokens: %s", cases[i].name))
            check_around(&cases[i].texts, cases[i].text, cases[i].want);
}

static void test_nul(void)
{
    if (!check_case("U+0000 in a vocabulary"))
        return;
    struct elcl_tokenizer *t = must_build(&(struct texts){
        .vocab = "{\"a\\u0000\":0,\"a\\u0000b\":1,\"a\":2,\"\\\\u0000\":3}", .merges = ""});
    if (!t)
        return;
    static const char *const texts[] = {"a\0", "a\0b", "a", "\\u0000"};
    static const size_t lengths[] = {2, 3, 1, 6};
    for (int32_t i = 0; i < 4; i++) {
        const struct elcl_symbol *symbol = &t->symbols[i];
        CHECK(symbol->length == lengths[i] && !memcmp(elcl_symbol_text(t, i), texts[i], lengths[i]),
              "token %d has %u bytes", (int)i, symbol->length);
    }
    elcl_tokenizer_destroy(&t);
}

static void test_byt5(void)
{
#define CONFIG "\"tokenizer_class\":\"ByT5Tokenizer\""
    static const struct {
        const char *config, *text, *want;
    } cases[] = {
        {"{" CONFIG "}", "a \303\251", "100 35 198 172 1 "},
        {"{" CONFIG "}", "", "1 "},
        {"{" CONFIG "}", "a <extra_id_0></s> </s>", "100 35 259 1 1 "},
        {"{" CONFIG "}", "a </s>  b", "100 1 101 1 "},
        {"{" CONFIG "}", "A<extra_id_124>", "68 383 1 "},
        {"{" CONFIG ",\"eos_token\":{\"content\":\"</s>\"}}", "c </s> d", "102 35 1 35 103 1 "},
        {"{" CONFIG ",\"extra_ids\":1,\"additional_special_tokens\":[\"<x>\"]}", "<x><extra_id_0",
         "259 63 104 123 119 117 100 98 108 103 98 51 1 "},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++)
        if (check_case("ByT5: %s", cases[i].text))
            check_around(&(struct texts){.config = cases[i].config}, cases[i].text, cases[i].want);
    if (!check_case("ByT5: decoding"))
        return;
    struct elcl_tokenizer *t =
        must_build(&(struct texts){.model = "{\"model_type\":\"t5\"," CONFIG "}"});
    check_decode(t, (int32_t[]){198, 68}, 2, false, "A");
    check_decode(t, (int32_t[]){198, 259, 172, 1}, 4, false, "<extra_id_0></s>");
    check_decode(t, (int32_t[]){198, 259, 172, 1}, 4, true, "\303\251");
    check_decode(t, (int32_t[]){243, 162, 155, 70}, 4, true, "C");
    elcl_tokenizer_destroy(&t);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_around();
    test_two_templates();
    test_named_tokens();
    test_nul();
    test_byt5();
    return check_end();
}
